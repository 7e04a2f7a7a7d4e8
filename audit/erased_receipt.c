/* SPDX-License-Identifier: MIT
 *
 * Receipts of erasures, as a backup keeps them: the one form that receipt_write gives, byte for byte, with a record of type Erased in it.
 * docs/trail-format.md describes it.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/erased.h"
#include "audit/note.h"
#include "audit/tree.h"

#define RECEIPT_BYTES_MAX 65536u /* an Erased record is short, a proof has at most PROOF_MAX hashes */

/* What is left to read; `at` NULL: it did not go on as it should. */
struct rest {
	const char *at;
	const char *end;
};

struct pieces {
	char note[NOTE_BYTES_MAX];
	size_t note_bytes;
	uint64_t index;
	struct proof proof;
	uint8_t *record; /* room of RECEIPT_BYTES_MAX */
	size_t record_bytes;
};

static bool literal(struct rest *rest, const char *text)
{
	size_t bytes = strlen(text);
	if (!rest->at || (size_t)(rest->end - rest->at) < bytes || memcmp(rest->at, text, bytes) != 0) {
		rest->at = NULL;
		return false;
	}
	rest->at += bytes;
	return true;
}

/* A JSON text whose only escape is that of a line end. */
static bool note_take(struct rest *rest, struct pieces *pieces)
{
	while (rest->at && rest->at < rest->end && *rest->at != '"' && pieces->note_bytes + 1 < sizeof(pieces->note)) {
		bool escape = *rest->at == '\\';
		if (escape && (rest->end - rest->at < 2 || rest->at[1] != 'n'))
			return false;
		pieces->note[pieces->note_bytes++] = escape ? '\n' : *rest->at;
		rest->at += escape ? 2 : 1;
	}
	pieces->note[pieces->note_bytes] = 0;
	return literal(rest, "\"");
}

static bool number_take(struct rest *rest, uint64_t *out_number)
{
	const char *begin = rest->at;
	*out_number = 0;
	while (rest->at && rest->at < rest->end && *rest->at >= '0' && *rest->at <= '9' && *out_number < 1ull << 53)
		*out_number = *out_number * 10 + (uint64_t)(*rest->at++ - '0');
	return rest->at && rest->at > begin && (*begin != '0' || rest->at == begin + 1);
}

static bool base64_take(struct rest *rest, uint8_t *out, size_t room, size_t *out_bytes)
{
	const char *end = literal(rest, "\"") ? memchr(rest->at, '"', (size_t)(rest->end - rest->at)) : NULL;
	const char *stop = NULL;
	if (!end ||
	    sodium_base642bin(out, room, rest->at, (size_t)(end - rest->at), NULL, out_bytes, &stop,
			      sodium_base64_VARIANT_ORIGINAL) ||
	    stop != end)
		return false;
	rest->at = end;
	return literal(rest, "\"");
}

static bool proof_take(struct rest *rest, struct proof *out_proof)
{
	size_t bytes;
	out_proof->count = 0;
	if (rest->at && rest->at < rest->end && *rest->at == ']')
		return literal(rest, "]");
	do {
		if (out_proof->count == PROOF_MAX ||
		    !base64_take(rest, out_proof->hash[out_proof->count].bytes, sizeof(struct hash), &bytes) ||
		    bytes != sizeof(struct hash))
			return false;
		out_proof->count++;
	} while (rest->at < rest->end && *rest->at == ',' && literal(rest, ","));
	return literal(rest, "]");
}

static bool pieces_take(struct pieces *pieces, const char *text, size_t bytes)
{
	struct rest rest = {.at = text, .end = text + bytes};
	return literal(&rest, "{\"checkpoint\":\"") && note_take(&rest, pieces) &&
	       literal(&rest, ",\"format\":\"bunshin-receipt/1\",\"index\":") && number_take(&rest, &pieces->index) &&
	       literal(&rest, ",\"proof\":[") && proof_take(&rest, &pieces->proof) && literal(&rest, ",\"record\":") &&
	       base64_take(&rest, pieces->record, RECEIPT_BYTES_MAX, &pieces->record_bytes) && literal(&rest, "}\n") &&
	       rest.at == rest.end;
}

/* ---- the record in it ---- */

struct canonical {
	const uint8_t *at;
	const uint8_t *end;
	bool bad;
};

static struct bytes field(struct canonical *bytes)
{
	struct bytes span = {0};
	uint32_t length;
	if (bytes->bad || bytes->end - bytes->at < 4) {
		bytes->bad = true;
		return span;
	}
	memcpy(&length, bytes->at, 4);
	length = __builtin_bswap32(length);
	bytes->at += 4;
	if ((size_t)(bytes->end - bytes->at) < length) {
		bytes->bad = true;
		return span;
	}
	span = (struct bytes){.at = bytes->at, .bytes = length};
	bytes->at += length;
	return span;
}

static uint64_t number_field(struct canonical *bytes)
{
	struct bytes span = field(bytes);
	uint64_t number = 0;
	bytes->bad |= span.bytes != sizeof(number);
	if (!bytes->bad)
		memcpy(&number, span.at, sizeof(number));
	return __builtin_bswap64(number);
}

static void fixed_field(struct canonical *bytes, uint8_t *out, size_t count)
{
	struct bytes span = field(bytes);
	memset(out, 0, count);
	bytes->bad |= span.bytes && span.bytes != count;
	if (!bytes->bad && span.bytes)
		memcpy(out, span.at, count);
}

static void name_field(struct canonical *bytes, char out[NAME_BYTES])
{
	struct bytes span = field(bytes);
	bytes->bad |= span.bytes >= NAME_BYTES;
	if (!bytes->bad && span.bytes)
		memcpy(out, span.at, span.bytes);
}

/* Spans borrow from `record`. */
static bool record_take(const uint8_t *record, size_t record_bytes, struct trail_entry *out_entry)
{
	struct canonical bytes = {
		.at = record, .end = record + record_bytes, .bad = record_bytes < 1 || record[0] != RECORD_VERSION};
	uint8_t before[sizeof(struct hash)];
	*out_entry = (struct trail_entry){0};
	bytes.at += !bytes.bad;
	out_entry->seq = number_field(&bytes);
#define WIDE(name)   out_entry->name = number_field(&bytes);
#define NARROW(name) out_entry->name = (uint32_t)number_field(&bytes);
#define FLAG(name)   out_entry->name = number_field(&bytes) != 0;
#define ID(name)     fixed_field(&bytes, out_entry->name.bytes, sizeof(out_entry->name.bytes));
#define HASH(name)   fixed_field(&bytes, out_entry->name.bytes, sizeof(out_entry->name.bytes));
#define NAME(name)   name_field(&bytes, out_entry->name);
#define SPAN(name)   out_entry->name = field(&bytes);
#include "audit/columns.def"
	fixed_field(&bytes, before, sizeof(before));
	return !bytes.bad && bytes.at == bytes.end;
}

/* ---- all of it ---- */

static int refuse(char out_why[256], const char *what)
{
	snprintf(out_why, 256, "the receipt %s", what);
	return ERR_CORRUPT;
}

static int proof_check(struct pieces *pieces, const struct log_keys *keys, struct hasher *hasher, char out_why[256])
{
	static const uint8_t leaf_mark = 0x00;
	struct note note;
	struct hash leaf;
	char why[256];
	int rc = note_read(pieces->note, pieces->note_bytes, &note, why);
	if (rc) {
		snprintf(out_why, 256, "the checkpoint in the receipt: %.200s", why);
		return rc;
	}
	if (keys && note_check(pieces->note, pieces->note_bytes, keys->origin, keys->log))
		return refuse(out_why, "is not signed by the key of this trail");
	if (!hasher_sum(hasher, &leaf_mark, 1, pieces->record, pieces->record_bytes, leaf.bytes))
		return ERR_MEMORY;
	rc = tree_check_inclusion(hasher, &leaf, pieces->index, note.size, &pieces->proof, &note.root);
	return rc == ERR_CORRUPT ? refuse(out_why, "does not prove its record") : rc;
}

int erased_receipt_read(const char *text, size_t bytes, const struct log_keys *keys, struct hasher *hasher,
			struct erased_claim *out_claim, char out_why[256])
{
	struct pieces *pieces = calloc(1, sizeof(*pieces));
	struct trail_entry entry;
	int rc = ERR_MEMORY;
	if (pieces)
		pieces->record = malloc(RECEIPT_BYTES_MAX);
	if (!pieces || !pieces->record)
		goto out;
	rc = pieces_take(pieces, text, bytes) ? proof_check(pieces, keys, hasher, out_why)
					      : refuse(out_why, "is not in the form that this program gives");
	if (rc)
		goto out;
	if (!record_take(pieces->record, pieces->record_bytes, &entry) || entry.seq != pieces->index + 1)
		rc = refuse(out_why, "holds what is no record");
	else if (erased_claim_read(&entry, out_claim))
		rc = refuse(out_why, "is of another record than an erasure");
out:
	if (rc == ERR_MEMORY)
		snprintf(out_why, 256, "%s", error_sentence(rc));
	if (pieces)
		free(pieces->record);
	free(pieces);
	return rc;
}
