/* SPDX-License-Identifier: MIT
 *
 * Payloads go, and nothing is left of them in the files of the trail.
 */
#include "audit/erase.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit/erased.h"
#include "audit/wal.h"

/* ---- asking ---- */

int erase_seq_at(struct trail *trail, uint64_t wall_ms, uint64_t *out_seq)
{
	uint64_t low = 0, high = trail_last_seq(trail) + 1; /* older: low, or there is none; not older: high */
	int rc = SQLITE_OK;
	while (rc == SQLITE_OK && low + 1 < high) {
		uint64_t middle = low + (high - low) / 2, at_ms = 0;
		sqlite3_stmt *statement = store_statement(trail, STATEMENT_WALL);
		rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)middle) : sqlite3_extended_errcode(trail->db);
		if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
			at_ms = (uint64_t)sqlite3_column_int64(statement, 0);
		if (statement && rc == SQLITE_OK)
			rc = sqlite3_reset(statement);
		if (at_ms < wall_ms)
			low = middle;
		else
			high = middle;
	}
	*out_seq = low;
	return rc ? store_fail(trail, rc, "looking for old records") : 0;
}

bool erase_any(struct trail *trail)
{
	uint64_t last = 0;
	return store_number(trail, STATEMENT_LAST_ERASED, &last) == SQLITE_OK && last > 0;
}

int erase_is_gone(struct trail *trail, uint64_t seq, bool *out_gone)
{
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_GONE);
	int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)seq) : sqlite3_extended_errcode(trail->db);
	bool found = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
	if (found)
		*out_gone = sqlite3_column_int(statement, 0) != 0;
	if (statement && rc == SQLITE_OK)
		rc = sqlite3_reset(statement);
	return rc ? store_fail(trail, rc, "looking for a payload") : found ? 0 : ERR_NOT_FOUND;
}

static int rest_window(struct trail *trail, sqlite3_stmt *statement, uint64_t low,
		       int (*each)(void *context, uint64_t seq, struct bytes body), void *context)
{
	int error = 0;
	int rc = sqlite3_bind_int64(statement, 1, (int64_t)low);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 2, (int64_t)(low + SLICE_ROWS));
	while (rc == SQLITE_OK && !error && sqlite3_step(statement) == SQLITE_ROW) {
		struct bytes body;
		error = column_span(statement, 1, &body) ? each(context, (uint64_t)sqlite3_column_int64(statement, 0), body)
							 : ERR_CORRUPT;
	}
	int end = sqlite3_reset(statement);
	rc = rc ? rc : end;
	return error ? error : rc ? store_fail(trail, rc, "reading payloads") : 0;
}

int erase_rest(struct trail *trail, int (*each)(void *context, uint64_t seq, struct bytes body), void *context)
{
	static const char sql[] = "SELECT seq, body FROM payloads WHERE seq > ?1 AND seq <= ?2 AND body IS NOT NULL ORDER BY seq";
	sqlite3_stmt *statement = NULL;
	uint64_t last = trail_last_seq(trail);
	int rc = sqlite3_prepare_v2(trail->db, sql, -1, &statement, NULL);
	if (rc)
		return store_fail(trail, rc, "reading payloads");
	for (uint64_t low = 0; rc == 0 && low < last; low += SLICE_ROWS)
		rc = rest_window(trail, statement, low, each, context);
	sqlite3_finalize(statement);
	return rc;
}

/* ---- doing it ---- */

struct owners {
	uint64_t *seq;
	size_t count;
	size_t capacity;
};

static int owner_keep(void *context, uint64_t seq)
{
	struct owners *owners = context;
	if (owners->count == owners->capacity) {
		size_t capacity = owners->capacity ? owners->capacity * 2 : 64;
		uint64_t *larger = realloc(owners->seq, capacity * sizeof(*larger));
		if (!larger)
			return ERR_MEMORY;
		owners->seq = larger;
		owners->capacity = capacity;
	}
	owners->seq[owners->count++] = seq;
	return 0;
}

static int row_change(struct trail *trail, enum statement which, uint64_t seq)
{
	sqlite3_stmt *statement = store_statement(trail, which);
	int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)seq) : sqlite3_extended_errcode(trail->db);
	return rc ? rc : store_finish(statement);
}

/* Zeros where the text stood, and only then nothing: what a page keeps of a row that has shrunk is zeros in any case. */
static int rows_erase(struct trail *trail, const struct owners *owners)
{
	int rc = SQLITE_OK;
	trail->erasing = true; /* the only moment at which payloads may be changed */
	for (size_t i = 0; rc == SQLITE_OK && i < owners->count; i++) {
		rc = row_change(trail, STATEMENT_OVERWRITE_PAYLOAD, owners->seq[i]);
		if (rc == SQLITE_OK)
			rc = row_change(trail, STATEMENT_EMPTY_PAYLOAD, owners->seq[i]);
	}
	trail->erasing = false;
	return rc ? store_fail(trail, rc, "erasing payloads") : 0;
}

int erased_rows(struct trail *trail, const struct erased_claim *claim)
{
	struct owners owners = {0};
	struct erase_plan plan;
	int rc = erase_plan(trail, claim, 0, owner_keep, &owners, &plan);
	if (rc == 0)
		rc = rows_erase(trail, &owners);
	free(owners.seq);
	return rc == ERR_NOT_FOUND ? ERR_STATE : rc;
}

int erase_note(struct trail *trail, const struct trail_entry *entry)
{
	struct erased_claim claim;
	int rc = erased_claim_read(entry, &claim);
	if (rc == ERR_MEMORY)
		return store_fail(trail, SQLITE_NOMEM, "reading what is to be erased");
	if (rc || claim.through_seq >= entry->seq) {
		snprintf(trail->why, sizeof(trail->why), "record %llu is of type Erased and %s", (unsigned long long)entry->seq,
			 rc ? "says nothing that can be read" : "claims what comes after it");
		return ERR_STATE;
	}
	return erased_rows(trail, &claim);
}

/* ---- and nothing is left of it ---- */

int erase_scrub(struct trail *trail, int wait_ms)
{
	assert(trail->mode == TRAIL_WRITE);
	sqlite3_busy_timeout(trail->db, wait_ms);
	int rc = wal_scrub(trail);
	sqlite3_busy_timeout(trail->db, STORE_BUSY_MS);
	if ((rc & 0xff) == SQLITE_BUSY) {
		snprintf(trail->why, sizeof(trail->why),
			 "somebody reads the trail in one transaction and does not end it; what was erased is still in its WAL");
		return ERR_LOCKED;
	}
	if (rc)
		return store_fail(trail, rc, "overwriting the WAL");
	trail->scrub_due = false;
	trail->wal_frames = 0;
	trail->checkpoint_at = WAL_CHECKPOINT_FRAMES;
	return 0;
}

void erase_watch(struct trail *trail, int (*after)(void *context, struct trail *trail), void *context)
{
	trail->after_erase = after;
	trail->after_context = context;
}

int erase_finish(struct trail *trail, bool now)
{
	trail->scrub_due = true;
	int rc = erase_scrub(trail, now ? trail->erase_wait_ms : 0);
	if (rc == ERR_LOCKED && !now)
		return 0;
	if (rc == 0 && now && trail->after_erase)
		rc = trail->after_erase(trail->after_context, trail);
	if (rc)
		trail->broken = rc == ERR_LOCKED ? ERR_IO : rc;
	return rc ? trail->broken : 0;
}

int erase_resume(struct trail *trail)
{
	uint64_t last = 0;
	int rc = store_number(trail, STATEMENT_LAST_ERASED, &last);
	if (rc)
		return store_fail(trail, rc, "looking for what was erased");
	if (!last)
		return 0;
	trail->scrub_due = true;
	rc = erase_scrub(trail, STORE_BUSY_MS);
	return rc == ERR_LOCKED ? 0 : rc;
}
