/* SPDX-License-Identifier: MIT */
#include "verifier/receipt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "bunshin-receipt/1"

static int refuse(char out_why[400], const char *sentence)
{
	snprintf(out_why, 400, "%s", sentence);
	return INSPECT_WRONG;
}

bool proof_read(const struct value *array, uint8_t (*out_proof)[SUM_BYTES], size_t *out_count)
{
	struct value hash;
	size_t offset = 0, bytes, count = 0;

	if (array->kind != VALUE_ARRAY)
		return false;
	while (array_next(array, &offset, &hash)) {
		if (count == PROOF_HASHES_MAX || hash.kind != VALUE_TEXT || !hash.plain ||
		    !span_base64(hash.raw, out_proof[count], SUM_BYTES, &bytes) || bytes != SUM_BYTES)
			return false;
		count++;
	}
	*out_count = count;
	return true;
}

bool note_signed(const struct signed_note *note, const struct public_keys *keys, bool *out_seal_known, char out_why[160])
{
	uint64_t number = note->next_number - 1;
	const uint8_t *seal;

	*out_seal_known = false;
	if (!keys)
		return true;
	if (!signed_by_log(note, keys, out_why))
		return false;
	seal = public_keys_row(keys, number);
	if (!seal)
		return true;
	*out_seal_known = signed_by_seal(note, keys, number, seal, out_why);
	return *out_seal_known;
}

/* Base64 of any size into room that is at hand; moves `*room` behind it. */
static bool take_base64(const struct value *value, uint8_t **room, struct span *out_bytes)
{
	if (value->kind != VALUE_TEXT || !value->plain || !span_base64(value->raw, *room, value->raw.bytes, &out_bytes->bytes))
		return false;
	out_bytes->at = *room;
	*room += out_bytes->bytes;
	return true;
}

/* ---- members ---- */

static bool members_known(const struct object *object)
{
	static const char *const names[] = {"checkpoint", "format", "index", "payload", "proof", "record"};

	for (size_t i = 0; i < object->count; i++) {
		bool known = false;

		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++)
			known = known || span_is(object->member[i].name, names[j]);
		if (!known)
			return false;
	}
	return true;
}

static int checkpoint_read(const struct object *object, const struct public_keys *keys, uint8_t **room,
			   struct receipt_read *receipt, char out_why[400])
{
	struct value text = object_get(object, "checkpoint");
	struct span note;
	char why[160];

	if (text.kind != VALUE_TEXT)
		return refuse(out_why, "it has no checkpoint");
	note = (struct span){*room, value_text(&text, *room)};
	*room += note.bytes;
	if (!signed_read(note, &receipt->note, why) || !note_signed(&receipt->note, keys, &receipt->seal_known, why)) {
		snprintf(out_why, 400, "its checkpoint: %s", why);
		return INSPECT_WRONG;
	}
	receipt->number = receipt->note.next_number - 1;
	return INSPECT_FINE;
}

static int member_record(const struct object *object, uint8_t **room, struct receipt_read *receipt, char out_why[400])
{
	struct value text = object_get(object, "record"), number = object_get(object, "index");
	struct span canonical;
	uint64_t index;

	*(*room)++ = 0x00; /* a leaf; the bytes of the record come right behind it */
	if (!take_base64(&text, room, &canonical) || !row_parse(canonical, &receipt->row, receipt->previous))
		return refuse(out_why, "its member \"record\" is not the base64 of a record");
	sum_of(canonical.at - 1, canonical.bytes + 1, receipt->leaf);
	if (!value_number(&number, &index) || index != receipt->row.seq - 1) {
		snprintf(out_why, 400, "its member \"index\" is not %" PRIu64 ", which is what record %" PRIu64 " has",
			 receipt->row.seq - 1, receipt->row.seq);
		return INSPECT_WRONG;
	}
	receipt->row.chain = (struct span){receipt->leaf, SUM_BYTES};
	return INSPECT_FINE;
}

static int inclusion_check(const struct object *object, const struct receipt_read *receipt, char out_why[400])
{
	struct value array = object_get(object, "proof");
	uint8_t proof[PROOF_HASHES_MAX][SUM_BYTES];
	size_t count;

	if (!proof_read(&array, proof, &count))
		return refuse(out_why, "its member \"proof\" is not an array of hashes in base64");
	if (merkle_included(receipt->leaf, receipt->row.seq - 1, receipt->note.size, (const uint8_t(*)[SUM_BYTES])proof, count,
			    receipt->note.root))
		return INSPECT_FINE;
	return refuse(out_why, "its proof does not lead from the record to the root that was signed: the record, its place or "
			       "the proof was changed");
}

static int payload_check(const struct object *object, uint8_t **room, struct receipt_read *receipt, char out_why[400])
{
	struct value member = object_get(object, "payload"), salt, body;
	struct object payload;
	uint8_t commitment[SUM_BYTES];
	char why[160];

	if (member.kind == VALUE_NONE)
		return INSPECT_FINE;
	if (member.kind != VALUE_OBJECT || !object_read(member.raw, &payload, why) || payload.count != 2)
		return refuse(out_why, "its member \"payload\" does not have a body and a salt, and nothing else");
	salt = object_get(&payload, "salt");
	body = object_get(&payload, "body");
	if (!take_base64(&salt, room, &receipt->salt) || receipt->salt.bytes != SUM_BYTES ||
	    !take_base64(&body, room, &receipt->body))
		return refuse(out_why, "body or salt of its payload is no base64, or the salt has not 32 bytes");
	sum_of(receipt->salt.at, SUM_BYTES + receipt->body.bytes, commitment); /* they lie behind one another */
	if (receipt->row.commitment.bytes != SUM_BYTES || memcmp(commitment, receipt->row.commitment.at, SUM_BYTES) != 0)
		return refuse(out_why, "its payload is not the one that the record is committed to");
	receipt->opened = true;
	return INSPECT_FINE;
}

int receipt_open(struct span text, const struct public_keys *keys, struct receipt_read *out_receipt, char out_why[400])
{
	struct object object;
	struct value format;
	uint8_t *room;
	int rc;

	*out_receipt = (struct receipt_read){.room = NULL};
	if (text.bytes > RECEIPT_BYTES_MAX)
		return refuse(out_why, "a receipt has at most 64 MiB");
	if (!object_read(text, &object, out_why))
		return INSPECT_WRONG;
	format = object_get(&object, "format");
	if (format.kind != VALUE_TEXT || !span_is(format.raw, FORMAT) || !members_known(&object))
		return refuse(out_why, "its format is not " FORMAT ", or it has members that this format does not have");
	/* Base64 and escaped text only shrink; one byte more marks the leaf. */
	room = out_receipt->room = malloc(text.bytes + 1);
	if (!room)
		return INSPECT_UNREADABLE;
	rc = checkpoint_read(&object, keys, &room, out_receipt, out_why);
	if (!rc)
		rc = member_record(&object, &room, out_receipt, out_why);
	if (!rc)
		rc = inclusion_check(&object, out_receipt, out_why);
	if (!rc)
		rc = payload_check(&object, &room, out_receipt, out_why);
	return rc;
}

void receipt_read_release(struct receipt_read *receipt)
{
	free(receipt->room);
	receipt->room = NULL;
}
