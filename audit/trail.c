/* SPDX-License-Identifier: MIT
 *
 * Appending: one transaction a batch, the chain computed as it goes, known to be on the disk when the call returns.
 *
 * Until COMMIT nothing has happened, and a failure leaves the trail as it was. When COMMIT itself fails, nobody can say without
 * reading again whether the batch is there (an fsync that fails may have written it all the same): this trail is then
 * finished, and only a new trail_open knows.
 */
#include "audit/trail.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/checkpoint.h"
#include "audit/erase.h"
#include "audit/nodes.h"
#include "audit/receipt.h"
#include "audit/tasks.h"

static int chain_read(struct trail *trail, uint64_t seq, struct hash *out_chain)
{
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_CHAIN);
	if (!statement)
		return sqlite3_extended_errcode(trail->db);
	int rc = sqlite3_bind_int64(statement, 1, (int64_t)seq);
	bool found = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW &&
		     sqlite3_column_bytes(statement, 0) == sizeof(out_chain->bytes);
	if (found)
		memcpy(out_chain->bytes, sqlite3_column_blob(statement, 0), sizeof(out_chain->bytes));
	int end = sqlite3_reset(statement);
	return end ? end : found ? SQLITE_OK : SQLITE_CORRUPT;
}

/* From the nodes; if those are damaged, from the records, so that trail_rebuild_index can be asked to mend them. */
static int tree_restore(struct trail *trail)
{
	int rc = nodes_tree(trail, trail->last_seq, &trail->tree);
	if (rc != ERR_CORRUPT)
		return rc;
	trail->format = 1;
	rc = nodes_tree(trail, trail->last_seq, &trail->tree);
	trail->format = TRAIL_USER_VERSION;
	return rc;
}

/* Where the writer goes on. */
static int tail_read(struct trail *trail)
{
	struct trail_checkpoint last;
	int rc = store_number(trail, STATEMENT_LAST, &trail->last_seq);
	if (rc == SQLITE_OK)
		rc = store_number(trail, STATEMENT_LAST_SNAPSHOT, &trail->snapshot_seq);
	if (rc == SQLITE_OK && trail->last_seq)
		rc = chain_read(trail, trail->last_seq, &trail->head);
	if (rc)
		return store_fail(trail, rc, "reading the end of the trail");
	rc = tree_restore(trail);
	if (rc)
		return rc;
	rc = trail_checkpoint_last(trail, &last);
	if (rc)
		return rc == ERR_NOT_FOUND ? 0 : rc;
	trail->sealing.number = last.number;
	trail->sealing.size = last.size;
	return 0;
}

int trail_open(const char *path, enum trail_mode mode, struct trail **out_trail, char out_why[256])
{
	int rc;
	struct trail *trail = calloc(1, sizeof(*trail));
	out_why[0] = 0;
	if (!trail || sodium_init() < 0) {
		snprintf(out_why, 256, "%s", error_sentence(ERR_MEMORY));
		free(trail);
		return ERR_MEMORY;
	}
	trail->mode = mode;
	trail->lock_fd = -1;
	trail->checkpoint_at = WAL_CHECKPOINT_FRAMES;
	trail->erase_wait_ms = ERASE_WAIT_MS;
	rc = recorder_init(&trail->recorder);
	if (rc == 0)
		rc = store_open(trail, path, out_why);
	if (rc == 0 && mode == TRAIL_WRITE)
		rc = tail_read(trail);
	if (rc == 0 && mode == TRAIL_WRITE)
		rc = erase_resume(trail);
	if (rc == 0) {
		*out_trail = trail;
		return 0;
	}
	if (!out_why[0])
		snprintf(out_why, 256, "%s", trail->why[0] ? trail->why : error_sentence(rc));
	trail->broken = rc;
	trail_close(trail);
	return rc;
}

void trail_close(struct trail *trail)
{
	if (!trail)
		return;
	store_close(trail);
	recorder_release(&trail->recorder);
	erased_list_free(trail->erased);
	free(trail->commitments);
	free(trail->salts);
	free(trail);
}

const char *trail_why(const struct trail *trail)
{
	return trail->why;
}

/* ---- appending ---- */

static int refuse(struct trail *trail, const struct trail_entry *entry, const char *what)
{
	snprintf(trail->why, sizeof(trail->why), "record %llu cannot be appended after %llu: %s", (unsigned long long)entry->seq,
		 (unsigned long long)trail->last_seq, what);
	return ERR_STATE;
}

static int entry_check(struct trail *trail, const struct trail_entry *entry, uint64_t seq)
{
	if (entry->seq != seq)
		return refuse(trail, entry, "the sequence has a gap");
	if (!memchr(entry->peer, 0, sizeof(entry->peer)))
		return refuse(trail, entry, "the name of the peer has no end");
	if (entry->payload_seq > seq || entry->task_number > seq)
		return refuse(trail, entry, "it points to a later record");
	if (entry->payload_seq != seq && entry->payload.bytes)
		return refuse(trail, entry, "it brings a payload that it does not own");
	if ((entry->end_state || entry->revives) && !entry->task_number)
		return refuse(trail, entry, "it ends or revives a task and names none");
	return 0;
}

static struct commitment_slot *commitment_slot(struct trail *trail, uint64_t seq)
{
	return &trail->commitments[seq % COMMITMENTS];
}

static void commitment_keep(struct trail *trail, uint64_t seq, const struct hash *commitment)
{
	*commitment_slot(trail, seq) = (struct commitment_slot){.seq = seq, .commitment = *commitment};
}

/* The commitment of the record that owns a payload. An SQLite code; SQLITE_DONE: that record owns none. */
static int commitment_find(struct trail *trail, uint64_t seq, struct hash *out_commitment)
{
	struct commitment_slot *slot = commitment_slot(trail, seq);
	if (slot->seq == seq) {
		*out_commitment = slot->commitment;
		return SQLITE_OK;
	}
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_COMMITMENT);
	if (!statement)
		return sqlite3_extended_errcode(trail->db);
	int rc = sqlite3_bind_int64(statement, 1, (int64_t)seq);
	bool found = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW &&
		     sqlite3_column_bytes(statement, 0) == sizeof(out_commitment->bytes);
	if (found)
		memcpy(out_commitment->bytes, sqlite3_column_blob(statement, 0), sizeof(out_commitment->bytes));
	rc = sqlite3_reset(statement);
	if (rc == SQLITE_OK && found)
		commitment_keep(trail, seq, out_commitment);
	return rc ? rc : found ? SQLITE_OK : SQLITE_DONE;
}

static int payload_insert(struct trail *trail, const struct trail_entry *entry, const uint8_t salt[SALT_BYTES])
{
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_INSERT_PAYLOAD);
	if (!statement)
		return sqlite3_extended_errcode(trail->db);
	const void *body = entry->payload.bytes ? (const void *)entry->payload.at : "";
	int rc = sqlite3_bind_int64(statement, 1, (int64_t)entry->seq);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob(statement, 2, salt, SALT_BYTES, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_blob64(statement, 3, body, entry->payload.bytes, SQLITE_STATIC);
	return rc ? rc : store_finish(statement);
}

static int record_insert(struct trail *trail, const struct trail_entry *entry)
{
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_INSERT_RECORD);
	if (!statement)
		return sqlite3_extended_errcode(trail->db);
	int rc = record_bind(statement, entry);
	return rc ? rc : store_finish(statement);
}

/* Where a transaction has come to; the trail's own moves on when it is committed. */
struct tip {
	struct hash head;
	struct tree tree;
	uint64_t snapshot_seq;
	bool sealed;
	bool erased;
};

/* One record with all that belongs to it; `tip` moves on. */
static int entry_append(struct trail *trail, const struct trail_entry *given, const uint8_t salt[SALT_BYTES], struct tip *tip)
{
	static const char doing[] = "writing a record";
	struct trail_entry entry = *given;
	int rc = SQLITE_OK;
	entry.commitment = (struct hash){0};
	bool owner = entry.payload_seq == entry.seq;
	if (owner && payload_commitment(&trail->recorder, salt, entry.payload, &entry.commitment))
		return store_fail(trail, SQLITE_NOMEM, doing);
	if (owner)
		commitment_keep(trail, entry.seq, &entry.commitment);
	else if (entry.payload_seq)
		rc = commitment_find(trail, entry.payload_seq, &entry.commitment);
	if (rc == SQLITE_DONE)
		return refuse(trail, given, "it forwards a payload that the other record does not own");
	if (rc)
		return store_fail(trail, rc, doing);
	if (record_chain(&trail->recorder, &entry, &tip->head, &entry.chain))
		return store_fail(trail, SQLITE_NOMEM, doing);
	rc = record_insert(trail, &entry);
	if (rc == SQLITE_OK && owner)
		rc = payload_insert(trail, &entry, salt);
	if (rc)
		return store_fail(trail, rc, doing);
	tip->head = entry.chain;
	if (entry.type == MESSAGE_SNAPSHOT)
		tip->snapshot_seq = entry.seq;
	int error = index_note(trail, &entry);
	if (error == 0 && entry.type == MESSAGE_ERASED) {
		tip->erased = true;
		error = erase_note(trail, &entry);
	}
	return error ? error : nodes_add(trail, &tip->tree, &entry.chain);
}

/* Room for what a batch needs, and its salts, drawn at once. */
static int batch_prepare(struct trail *trail, size_t count)
{
	if (!trail->commitments)
		trail->commitments = calloc(COMMITMENTS, sizeof(*trail->commitments));
	if (count > trail->salts_capacity) {
		uint8_t *salts = realloc(trail->salts, count * SALT_BYTES);
		if (salts) {
			trail->salts = salts;
			trail->salts_capacity = count;
		}
	}
	if (!trail->commitments || count > trail->salts_capacity) {
		snprintf(trail->why, sizeof(trail->why), "%s", error_sentence(ERR_MEMORY));
		return ERR_MEMORY;
	}
	randombytes_buf(trail->salts, count * SALT_BYTES);
	return 0;
}

int store_undo(struct trail *trail, int error)
{
	if (trail->commitments)
		memset(trail->commitments, 0, COMMITMENTS * sizeof(*trail->commitments));
	store_rollback(trail);
	if (!trail->broken && error != ERR_STATE && error != ERR_CONFLICT && error != ERR_MEMORY)
		trail->broken = error == ERR_LOCKED ? ERR_IO : error;
	return trail->broken ? trail->broken : error;
}

static int append_within(struct trail *trail, const struct trail_entry *entries, size_t count, struct tip *tip)
{
	int rc = 0;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = entry_append(trail, &entries[i], trail->salts + i * SALT_BYTES, tip);
	/* An erasure is sealed together with itself: verifiers believe no other, since whoever can write the file could add one. */
	tip->sealed = rc == 0 && trail->sealing.sealer && (tip->erased || checkpoint_wanted(trail, tip->tree.size));
	return tip->sealed ? checkpoint_insert(trail, &tip->tree) : rc;
}

static int append_all(struct trail *trail, const struct trail_entry *entries, size_t count)
{
	struct tip tip = {.head = trail->head, .tree = trail->tree, .snapshot_seq = trail->snapshot_seq};
	int rc = store_run(trail, STATEMENT_BEGIN_WRITE);
	if (rc)
		return store_undo(trail, store_fail(trail, rc, "beginning to write"));
	rc = append_within(trail, entries, count, &tip);
	if (rc)
		return store_undo(trail, rc);
	rc = store_run(trail, STATEMENT_COMMIT);
	if (rc) {
		(void)store_fail(trail, rc, "committing");
		trail->broken = ERR_AMBIGUOUS;
		return ERR_AMBIGUOUS;
	}
	trail->head = tip.head;
	trail->tree = tip.tree;
	trail->last_seq += count;
	trail->snapshot_seq = tip.snapshot_seq;
	if (tip.sealed)
		checkpoint_committed(trail, trail->last_seq);
	return tip.erased || trail->scrub_due ? erase_finish(trail, tip.erased) : 0;
}

int trail_append(struct trail *trail, const struct trail_entry *entries, size_t count)
{
	int rc = 0;
	assert(trail->mode == TRAIL_WRITE);
	if (trail->broken)
		return trail->broken;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = entry_check(trail, &entries[i], trail->last_seq + 1 + i);
	if (rc || !count)
		return rc;
	if (trail->wal_frames >= WAL_FRAMES_MAX)
		rc = trail_tidy(trail);
	if (rc == 0)
		rc = batch_prepare(trail, count);
	return rc ? rc : append_all(trail, entries, count);
}

bool trail_untidy(const struct trail *trail)
{
	return !trail->broken && trail->wal_frames >= trail->checkpoint_at;
}

int trail_tidy(struct trail *trail)
{
	int frames = 0, moved = 0;
	assert(trail->mode == TRAIL_WRITE);
	if (trail->broken)
		return trail->broken;
	int rc = sqlite3_wal_checkpoint_v2(trail->db, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &moved);
	if (rc && (rc & 0xff) != SQLITE_BUSY) {
		trail->broken = store_fail(trail, rc, "moving the WAL into the database");
		return trail->broken;
	}
	/* A reader in the middle of the WAL keeps it from starting over: try again later, not at once. */
	trail->checkpoint_at = (moved == frames ? 0 : frames) + WAL_CHECKPOINT_FRAMES;
	trail->wal_frames = moved == frames ? 0 : trail->wal_frames;
	return 0;
}

static uint64_t number_read(struct trail *trail, enum statement which)
{
	uint64_t number = 0;
	int rc = store_number(trail, which, &number);
	if (rc)
		(void)store_fail(trail, rc, "reading the end of the trail");
	return number;
}

uint64_t trail_last_seq(struct trail *trail)
{
	return trail->mode == TRAIL_WRITE ? trail->last_seq : number_read(trail, STATEMENT_LAST);
}

uint64_t trail_snapshot_seq(struct trail *trail)
{
	return trail->mode == TRAIL_WRITE ? trail->snapshot_seq : number_read(trail, STATEMENT_LAST_SNAPSHOT);
}
