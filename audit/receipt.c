/* SPDX-License-Identifier: MIT
 *
 * Proofs are read from the trail, not believed: a receipt is checked against its checkpoint before it is given away.
 */
#include "audit/receipt.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/nodes.h"

/* ---- proofs ---- */

static int size_check(struct trail *trail, uint64_t size)
{
	uint64_t last;
	int rc = store_number(trail, STATEMENT_LAST, &last);
	if (rc)
		return store_fail(trail, rc, "reading the end of the trail");
	if (size <= last)
		return 0;
	snprintf(trail->why, sizeof(trail->why), "the trail has %" PRIu64 " records, not %" PRIu64, last, size);
	return ERR_NOT_FOUND;
}

int trail_root(struct trail *trail, uint64_t size, struct hash *out_root)
{
	int rc = size_check(trail, size);
	return rc ? rc : tree_root_of(&trail->recorder.hasher, nodes_read, trail, size, out_root);
}

int trail_inclusion(struct trail *trail, uint64_t seq, uint64_t size, struct proof *out_proof)
{
	int rc = size_check(trail, size);
	if (rc == 0 && seq == 0)
		rc = ERR_STATE;
	return rc ? rc : tree_inclusion(&trail->recorder.hasher, nodes_read, trail, seq - 1, size, out_proof);
}

int trail_consistency(struct trail *trail, uint64_t old_size, uint64_t size, struct proof *out_proof)
{
	int rc = size_check(trail, size);
	return rc ? rc : tree_consistency(&trail->recorder.hasher, nodes_read, trail, old_size, size, out_proof);
}

int trail_check_note(struct trail *trail, const char *text, size_t bytes, const struct log_keys *keys, char out_why[256])
{
	struct note note;
	struct hash root;
	int rc = note_read(text, bytes, &note, out_why);
	if (rc)
		return rc;
	rc = trail_root(trail, note.size, &root);
	if (note_check(text, bytes, keys->origin, keys->log)) {
		snprintf(out_why, 256, "the note is not signed by %s", keys->origin);
		return ERR_CORRUPT;
	}
	if (rc == ERR_NOT_FOUND) {
		snprintf(out_why, 256,
			 "the trail is shorter than what was mirrored: checkpoint %" PRIu64 " covers %" PRIu64
			 " records; its end was cut off, or it is an older copy (a rollback)",
			 note.number, note.size);
		return ERR_CORRUPT;
	}
	if (rc) {
		snprintf(out_why, 256, "%s", trail->why);
		return rc;
	}
	if (memcmp(&root, &note.root, sizeof(root)) == 0)
		return 0;
	snprintf(out_why, 256, "the first %" PRIu64 " records are not those that checkpoint %" PRIu64 " sealed", note.size,
		 note.number);
	return ERR_CORRUPT;
}

/* ---- one record ---- */

static int no_record(struct trail *trail, uint64_t seq)
{
	snprintf(trail->why, sizeof(trail->why), "there is no record %" PRIu64, seq);
	return ERR_NOT_FOUND;
}

static int chain_before(struct trail *trail, uint64_t seq, struct hash *out_chain)
{
	*out_chain = (struct hash){0};
	return seq > 1 ? nodes_read(trail, 0, seq - 2, out_chain) : 0;
}

/* The spans of the entry are the statement's; what is hashed is copied before it is reset. */
static int canonical_take(struct trail *trail, sqlite3_stmt *statement, const struct hash *before, struct buffer *buffer)
{
	struct trail_entry entry;
	struct bytes leaf;
	const char *column = record_read(statement, &entry);
	if (column && (sqlite3_errcode(trail->db) & 0xff) == SQLITE_NOMEM)
		return ERR_MEMORY;
	if (column) {
		snprintf(trail->why, sizeof(trail->why), "record %lld: column %s holds what no writer puts there",
			 (long long)sqlite3_column_int64(statement, RECORD_SEQ), column);
		return ERR_CORRUPT;
	}
	int rc = record_bytes(&trail->recorder, &entry, before, &leaf);
	return rc ? rc : buffer_append(buffer, leaf.at + 1, leaf.bytes - 1);
}

int trail_canonical(struct trail *trail, uint64_t seq, struct buffer *buffer)
{
	struct hash before;
	int error = 0;
	int rc = size_check(trail, seq);
	if (rc || seq == 0)
		return seq == 0 || rc == ERR_NOT_FOUND ? no_record(trail, seq) : rc;
	rc = chain_before(trail, seq, &before);
	if (rc)
		return rc;
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_RECORD);
	int code = statement ? sqlite3_bind_int64(statement, 1, (int64_t)seq) : sqlite3_extended_errcode(trail->db);
	bool found = code == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
	if (found)
		error = canonical_take(trail, statement, &before, buffer);
	if (statement && code == SQLITE_OK)
		code = sqlite3_reset(statement);
	if (code)
		return store_fail(trail, code, "reading a record");
	return found ? error : no_record(trail, seq);
}

int trail_payload_opened(struct trail *trail, uint64_t seq, uint8_t out_salt[SALT_BYTES], struct buffer *body)
{
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_OPENED);
	struct bytes salt, span;
	int error = ERR_NOT_FOUND;
	int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)seq) : sqlite3_extended_errcode(trail->db);
	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW && column_span(statement, 0, &salt) &&
	    column_span(statement, 1, &span) && salt.bytes == SALT_BYTES) {
		error = buffer_append(body, span.at, span.bytes);
		memcpy(out_salt, salt.at, SALT_BYTES);
	}
	if (statement && rc == SQLITE_OK)
		rc = sqlite3_reset(statement);
	return rc ? store_fail(trail, rc, "reading a payload") : error;
}

/* ---- receipts ---- */

/* JSON that is put together; the first error stays. */
struct writing {
	struct buffer *buffer;
	int rc;
};

static void put(struct writing *writing, const char *text)
{
	if (!writing->rc)
		writing->rc = buffer_append(writing->buffer, text, strlen(text));
}

static void put_base64(struct writing *writing, const void *bytes, size_t count)
{
	size_t room = sodium_base64_ENCODED_LEN(count, sodium_base64_VARIANT_ORIGINAL);
	char *text = writing->rc ? NULL : malloc(room);
	if (!text) {
		writing->rc = writing->rc ? writing->rc : ERR_MEMORY;
		return;
	}
	put(writing, "\"");
	put(writing, sodium_bin2base64(text, room, bytes, count, sodium_base64_VARIANT_ORIGINAL));
	put(writing, "\"");
	free(text);
}

/* A note that was read back holds letters, line ends and dashes: nothing else that JSON would write in another way. */
static void put_note(struct writing *writing, const char *note)
{
	put(writing, "\"");
	for (const char *end; (end = strchr(note, '\n')); note = end + 1) {
		if (!writing->rc)
			writing->rc = buffer_append(writing->buffer, note, (size_t)(end - note));
		put(writing, "\\n");
	}
	put(writing, "\"");
}

struct receipt {
	uint64_t seq;
	struct trail_checkpoint checkpoint;
	struct proof proof;
	struct buffer record;
	struct buffer body;
	uint8_t salt[SALT_BYTES];
	bool opened;
};

static int receipt_checkpoint(struct trail *trail, struct receipt *receipt, struct note *out_note)
{
	char why[256];
	int rc = trail_checkpoint_covering(trail, receipt->seq, &receipt->checkpoint);
	if (rc == ERR_NOT_FOUND) {
		snprintf(trail->why, sizeof(trail->why), "no checkpoint covers record %" PRIu64 " yet", receipt->seq);
		return ERR_STATE;
	}
	if (rc == 0 && note_read(receipt->checkpoint.note, strlen(receipt->checkpoint.note), out_note, why)) {
		snprintf(trail->why, sizeof(trail->why), "checkpoint %" PRIu64 ": %.200s", receipt->checkpoint.number, why);
		rc = ERR_CORRUPT;
	}
	return rc;
}

static int receipt_prove(struct trail *trail, struct receipt *receipt)
{
	static const uint8_t leaf_mark = 0x00;
	struct hasher *hasher = &trail->recorder.hasher;
	struct note note;
	struct hash leaf;
	int rc = receipt_checkpoint(trail, receipt, &note);
	if (rc == 0)
		rc = trail_inclusion(trail, receipt->seq, receipt->checkpoint.size, &receipt->proof);
	if (rc)
		return rc;
	if (!hasher_sum(hasher, &leaf_mark, 1, receipt->record.at, receipt->record.bytes, leaf.bytes))
		return ERR_MEMORY;
	rc = tree_check_inclusion(hasher, &leaf, receipt->seq - 1, note.size, &receipt->proof, &note.root);
	if (rc == ERR_CORRUPT)
		snprintf(trail->why, sizeof(trail->why), "record %" PRIu64 " is not what checkpoint %" PRIu64 " sealed",
			 receipt->seq, receipt->checkpoint.number);
	return rc;
}

/* Members in the order of their names, no blanks: RFC 8785. */
static int receipt_print(const struct receipt *receipt, struct buffer *buffer)
{
	struct writing writing = {.buffer = buffer};
	size_t before = buffer->bytes;
	char text[64];
	put(&writing, "{\"checkpoint\":");
	put_note(&writing, receipt->checkpoint.note);
	snprintf(text, sizeof(text), ",\"format\":\"bunshin-receipt/1\",\"index\":%" PRIu64, receipt->seq - 1);
	put(&writing, text);
	if (receipt->opened) {
		put(&writing, ",\"payload\":{\"body\":");
		put_base64(&writing, receipt->body.at, receipt->body.bytes);
		put(&writing, ",\"salt\":");
		put_base64(&writing, receipt->salt, sizeof(receipt->salt));
		put(&writing, "}");
	}
	put(&writing, ",\"proof\":[");
	for (uint32_t i = 0; i < receipt->proof.count; i++) {
		put(&writing, i ? "," : "");
		put_base64(&writing, receipt->proof.hash[i].bytes, sizeof(receipt->proof.hash[i].bytes));
	}
	put(&writing, "],\"record\":");
	put_base64(&writing, receipt->record.at, receipt->record.bytes);
	put(&writing, "}\n");
	if (writing.rc)
		buffer->bytes = before;
	return writing.rc;
}

static int take_payload_seq(void *context, const struct trail_entry *entry)
{
	*(uint64_t *)context = entry->payload_seq;
	return 0;
}

/* The payload that the record names: its own, or the one it forwards, to which it is committed as well. */
static int receipt_open(struct trail *trail, struct receipt *receipt)
{
	struct trail_query query = {.after_seq = receipt->seq - 1, .through_seq = receipt->seq, .limit = 1};
	uint64_t owner = 0;
	int rc = trail_read(trail, &query, take_payload_seq, &owner);
	if (rc == 0)
		rc = owner ? trail_payload_opened(trail, owner, receipt->salt, &receipt->body) : ERR_NOT_FOUND;
	receipt->opened = rc == 0;
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

int receipt_write(struct trail *trail, uint64_t seq, bool with_payload, struct buffer *buffer)
{
	struct receipt receipt = {.seq = seq};
	int rc = trail_canonical(trail, seq, &receipt.record);
	if (rc == 0)
		rc = receipt_prove(trail, &receipt);
	if (rc == 0 && with_payload)
		rc = receipt_open(trail, &receipt);
	if (rc == 0)
		rc = receipt_print(&receipt, buffer);
	buffer_release(&receipt.record);
	buffer_release(&receipt.body);
	return rc;
}
