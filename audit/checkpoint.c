/* SPDX-License-Identifier: MIT
 *
 * A checkpoint is written in the transaction of the last record it covers, so there is none over what is not there. Only when it
 * is durable does the seal key move on; a crash between the two is what sealer_open settles.
 */
#include "audit/checkpoint.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit/nodes.h"
#include "audit/receipt.h"
#include "audit/seal.h"

static uint64_t clock_ms(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- reading ---- */

static bool row_read(sqlite3_stmt *statement, struct trail_checkpoint *out_checkpoint)
{
	const unsigned char *note = sqlite3_column_text(statement, 2);
	int bytes = sqlite3_column_bytes(statement, 2);
	if (!column_wide(statement, 0, &out_checkpoint->number) || !column_wide(statement, 1, &out_checkpoint->size) || !note ||
	    sqlite3_column_type(statement, 2) != SQLITE_TEXT || (unsigned)bytes >= NOTE_BYTES_MAX ||
	    strlen((const char *)note) != (size_t)bytes)
		return false;
	memcpy(out_checkpoint->note, note, (size_t)bytes + 1);
	return true;
}

/* A statement that gives one checkpoint; `value` is its parameter, if it has one. */
static int checkpoint_find(struct trail *trail, enum statement which, uint64_t value, struct trail_checkpoint *out_checkpoint)
{
	if (trail->format < 2)
		return ERR_NOT_FOUND;
	sqlite3_stmt *statement = store_statement(trail, which);
	int rc = statement ? SQLITE_OK : sqlite3_extended_errcode(trail->db);
	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(statement))
		rc = sqlite3_bind_int64(statement, 1, (int64_t)value);
	bool found = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
	bool fine = found && row_read(statement, out_checkpoint);
	if (statement && rc == SQLITE_OK)
		rc = sqlite3_reset(statement);
	if (rc)
		return store_fail(trail, rc, "reading checkpoints");
	if (found && !fine)
		snprintf(trail->why, sizeof(trail->why), "a checkpoint holds what no writer puts there");
	return !found ? ERR_NOT_FOUND : fine ? 0 : ERR_CORRUPT;
}

int trail_checkpoint_last(struct trail *trail, struct trail_checkpoint *out_checkpoint)
{
	return checkpoint_find(trail, STATEMENT_CHECKPOINT_LAST, 0, out_checkpoint);
}

int trail_checkpoint_covering(struct trail *trail, uint64_t seq, struct trail_checkpoint *out_checkpoint)
{
	return checkpoint_find(trail, STATEMENT_CHECKPOINT_COVERING, seq, out_checkpoint);
}

int trail_checkpoints(struct trail *trail, uint64_t after_number,
		      int (*each)(void *context, const struct trail_checkpoint *checkpoint), void *context)
{
	struct trail_checkpoint checkpoint = {.number = after_number};
	for (;;) {
		int rc = checkpoint_find(trail, STATEMENT_CHECKPOINT_NEXT, checkpoint.number, &checkpoint);
		if (rc == 0)
			rc = each(context, &checkpoint);
		if (rc)
			return rc == ERR_NOT_FOUND ? 0 : rc;
	}
}

static int sealed_fail(struct trail *trail, const struct trail_checkpoint *last, const char *what)
{
	snprintf(trail->why, sizeof(trail->why), "checkpoint %llu over %llu records: %.180s", (unsigned long long)last->number,
		 (unsigned long long)last->size, what);
	return ERR_CORRUPT;
}

int trail_sealed(struct trail *trail, struct sealed *out_sealed)
{
	struct trail_checkpoint last;
	struct note note;
	struct hash root;
	char why[256];
	int rc = trail_checkpoint_last(trail, &last);
	if (rc == ERR_NOT_FOUND) {
		*out_sealed = (struct sealed){0};
		return 0;
	}
	if (rc)
		return rc;
	if (note_read(last.note, strlen(last.note), &note, why))
		return sealed_fail(trail, &last, why);
	if (note.number != last.number || note.size != last.size)
		return sealed_fail(trail, &last, "its note speaks of another checkpoint");
	rc = trail_root(trail, last.size, &root);
	if (rc == ERR_NOT_FOUND)
		return sealed_fail(trail, &last, "the trail has fewer records: its end was cut off");
	if (rc)
		return rc;
	if (memcmp(&root, &note.root, sizeof(root)) != 0)
		return sealed_fail(trail, &last, "the records are not those that were sealed; 'audit verify' finds the place");
	*out_sealed = (struct sealed){.number = last.number, .size = last.size, .root = root};
	memcpy(out_sealed->next_seal, note.next_seal, sizeof(out_sealed->next_seal));
	return 0;
}

/* ---- writing ---- */

void trail_seal(struct trail *trail, struct sealer *sealer,
		void (*each)(void *context, const char *note, uint64_t number, uint64_t size), void *context)
{
	assert(trail->mode == TRAIL_WRITE && !trail->sealing.sealer);
	trail->sealing.sealer = sealer;
	trail->sealing.each = each;
	trail->sealing.context = context;
}

static uint64_t due_ms(const struct sealing *sealing)
{
	return sealing->last_ms ? sealing->last_ms + CHECKPOINT_MS : 0;
}

uint64_t trail_checkpoint_due(const struct trail *trail)
{
	const struct sealing *sealing = &trail->sealing;
	return sealing->sealer && !trail->broken && trail->last_seq > sealing->size ? due_ms(sealing) : UINT64_MAX;
}

bool checkpoint_wanted(const struct trail *trail, uint64_t size)
{
	const struct sealing *sealing = &trail->sealing;
	return sealing->sealer && size > sealing->size &&
	       (size - sealing->size >= CHECKPOINT_RECORDS || clock_ms(CLOCK_MONOTONIC) >= due_ms(sealing));
}

int checkpoint_insert(struct trail *trail, const struct tree *tree)
{
	struct sealing *sealing = &trail->sealing;
	struct hash root;
	sealing->last_ms = clock_ms(CLOCK_MONOTONIC);
	if (tree_root(tree, &trail->recorder.hasher, &root))
		return store_fail(trail, SQLITE_NOMEM, "sealing");
	sealer_sign(sealing->sealer, tree->size, &root, clock_ms(CLOCK_REALTIME), sealing->note);
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_INSERT_CHECKPOINT);
	int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)sealing->number + 1) : sqlite3_extended_errcode(trail->db);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 2, (int64_t)tree->size);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(statement, 3, sealing->note, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = store_finish(statement);
	return rc ? store_fail(trail, rc, "writing a checkpoint") : 0;
}

void checkpoint_committed(struct trail *trail, uint64_t size)
{
	struct sealing *sealing = &trail->sealing;
	sealing->number++;
	sealing->size = size;
	if (sealer_committed(sealing->sealer)) {
		snprintf(trail->why, sizeof(trail->why),
			 "the next seal key cannot be written; nothing more is recorded without it");
		trail->broken = ERR_IO;
	}
	if (sealing->each)
		sealing->each(sealing->context, sealing->note, sealing->number, size);
}

int trail_checkpoint(struct trail *trail)
{
	assert(trail->mode == TRAIL_WRITE);
	if (trail->broken)
		return trail->broken;
	if (!trail->sealing.sealer || trail->last_seq == trail->sealing.size)
		return 0;
	int rc = store_run(trail, STATEMENT_BEGIN_WRITE);
	rc = rc ? store_fail(trail, rc, "beginning to write") : checkpoint_insert(trail, &trail->tree);
	if (rc)
		return store_undo(trail, rc);
	rc = store_run(trail, STATEMENT_COMMIT);
	if (rc) {
		(void)store_fail(trail, rc, "committing");
		trail->broken = ERR_AMBIGUOUS;
		return ERR_AMBIGUOUS;
	}
	checkpoint_committed(trail, trail->last_seq);
	return 0;
}
