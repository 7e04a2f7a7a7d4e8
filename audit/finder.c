/* SPDX-License-Identifier: MIT
 *
 * The index knows which trail it belongs to by two chain values: of the first record, and of the last one that it took in. Both stand in the same
 * transaction as the texts, so whatever happens to this process, the index is that of some record of that trail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/finder_inner.h"
#include "audit/finder_text.h"

#define BATCH_TEXTS 2000u /* of one transaction */

/* ---- does it belong to this trail? ---- */

struct mark {
	uint64_t through_seq;
	struct hash first_chain;
	struct hash last_chain;
	uint64_t erasures; /* Erased records and receipts of erasures that the trail held */
	uint64_t texts;
};

static void take_hash(sqlite3_stmt *statement, int column, struct hash *out)
{
	if (sqlite3_column_bytes(statement, column) == (int)sizeof(*out))
		memcpy(out, sqlite3_column_blob(statement, column), sizeof(*out));
}

static int read_mark(struct finder *finder, struct mark *out_mark, uint64_t *out_updated_ms)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(finder->db,
				    "SELECT through_seq, first_chain, last_chain, erasures, texts, updated_ms FROM state", -1,
				    &statement, NULL);

	*out_mark = (struct mark){0};
	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		out_mark->through_seq = (uint64_t)sqlite3_column_int64(statement, 0);
		take_hash(statement, 1, &out_mark->first_chain);
		take_hash(statement, 2, &out_mark->last_chain);
		out_mark->erasures = (uint64_t)sqlite3_column_int64(statement, 3);
		out_mark->texts = (uint64_t)sqlite3_column_int64(statement, 4);
		*out_updated_ms = (uint64_t)sqlite3_column_int64(statement, 5);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_finalize(statement);
	return rc ? finder_fail(finder, rc, "reading how far it is") : 0;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int write_mark(struct finder *finder, const struct mark *mark)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(
		finder->db,
		"UPDATE state SET through_seq = ?1, first_chain = ?2, last_chain = ?3, erasures = ?4, texts = ?5, "
		"updated_ms = ?6",
		-1, &statement, NULL);

	if (rc)
		return rc;
	sqlite3_bind_int64(statement, 1, (int64_t)mark->through_seq);
	sqlite3_bind_blob(statement, 2, &mark->first_chain, sizeof(mark->first_chain), SQLITE_STATIC);
	sqlite3_bind_blob(statement, 3, &mark->last_chain, sizeof(mark->last_chain), SQLITE_STATIC);
	sqlite3_bind_int64(statement, 4, (int64_t)mark->erasures);
	sqlite3_bind_int64(statement, 5, (int64_t)mark->texts);
	sqlite3_bind_int64(statement, 6, (int64_t)now_ms());
	sqlite3_step(statement);
	return sqlite3_finalize(statement);
}

static int chain_of(struct trail *trail, uint64_t seq, struct hash *out_chain)
{
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_CHAIN);

	memset(out_chain, 0, sizeof(*out_chain));
	if (!statement)
		return store_fail(trail, sqlite3_extended_errcode(trail->db), "reading a chain value");
	sqlite3_bind_int64(statement, 1, (int64_t)seq);
	if (sqlite3_step(statement) == SQLITE_ROW)
		take_hash(statement, 0, out_chain);
	int rc = sqlite3_reset(statement);
	return rc ? store_fail(trail, rc, "reading a chain value") : 0;
}

static int count_rows(struct trail *trail, const char *sql, uint64_t *out_count)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(trail->db, sql, -1, &statement, NULL);

	*out_count = 0;
	if (rc) /* the first form of the trail had no such table */
		return 0;
	if (sqlite3_step(statement) == SQLITE_ROW)
		*out_count = (uint64_t)sqlite3_column_int64(statement, 0);
	rc = sqlite3_finalize(statement);
	return rc ? store_fail(trail, rc, "counting erasures") : 0;
}

static int count_erasures(struct trail *trail, uint64_t *out_count)
{
	uint64_t records, receipts;
	int rc = count_rows(trail, "SELECT count(*) FROM records WHERE type = 104",
			    &records); /* Erased; there is an index of them */

	if (!rc)
		rc = count_rows(trail, "SELECT count(*) FROM erasures", &receipts);
	if (!rc)
		*out_count = records + receipts;
	return rc;
}

/* What the trail says at the place where the index ends. */
static int compare(struct finder *finder, const struct mark *mark, uint64_t last_seq, bool *out_same, uint64_t *out_erasures)
{
	struct hash first, last;
	int rc = chain_of(finder->trail, 1, &first);

	if (!rc)
		rc = chain_of(finder->trail, mark->through_seq, &last);
	if (!rc)
		rc = count_erasures(finder->trail, out_erasures);
	if (!rc)
		*out_same = mark->through_seq == 0 ||
			    (mark->through_seq <= last_seq && memcmp(&first, &mark->first_chain, sizeof(first)) == 0 &&
			     memcmp(&last, &mark->last_chain, sizeof(last)) == 0 && *out_erasures == mark->erasures);
	return rc;
}

/* ---- bringing it up to date ---- */

struct taking {
	struct finder *finder;
	struct finder_text text;
	sqlite3_stmt *insert;
	struct mark mark;
	uint64_t last_seq;
	unsigned pending;
	int code; /* of SQLite */
	void (*each)(void *context, uint64_t seq, uint64_t last_seq);
	void *context;
};

static int settle(struct taking *taking)
{
	int rc = write_mark(taking->finder, &taking->mark);

	if (rc == SQLITE_OK)
		rc = finder_run(taking->finder, "COMMIT");
	taking->pending = 0;
	if (rc == SQLITE_OK && taking->each)
		taking->each(taking->context, taking->mark.through_seq, taking->last_seq);
	return rc;
}

static int insert(struct taking *taking, uint64_t seq)
{
	int rc = sqlite3_bind_int64(taking->insert, 1, (int64_t)seq);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(taking->insert, 2, (const char *)taking->text.out.at, (int)taking->text.out.bytes,
				       SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = store_finish(taking->insert);
	taking->mark.texts++;
	taking->pending++;
	return rc;
}

static int take(void *context, const struct trail_entry *entry)
{
	struct taking *taking = context;
	int rc = finder_text(&taking->text, entry);

	if (rc == ERR_MEMORY)
		return rc;
	if (rc == 0 && taking->text.out.bytes)
		taking->code = insert(taking, entry->seq);
	taking->mark.through_seq = entry->seq;
	taking->mark.last_chain = entry->chain;
	if (taking->code == SQLITE_OK && taking->pending >= BATCH_TEXTS) {
		taking->code = settle(taking);
		if (taking->code == SQLITE_OK)
			taking->code = finder_run(taking->finder, "BEGIN IMMEDIATE");
	}
	return taking->code ? ERR_IO : 0;
}

/* The rest of the trail into an open transaction, which is closed. */
static int take_rest(struct taking *taking)
{
	struct finder *finder = taking->finder;
	struct trail_query query = {
		.after_seq = taking->mark.through_seq, .through_seq = taking->last_seq, .owners = true, .with_payload = true};
	int rc;

	taking->code = sqlite3_prepare_v2(finder->db, "INSERT INTO texts(rowid, body) VALUES(?1, ?2)", -1, &taking->insert, NULL);
	if (taking->code)
		return finder_fail(finder, taking->code, "writing it");
	rc = trail_read(finder->trail, &query, take, taking);
	sqlite3_finalize(taking->insert);
	if (taking->code)
		return finder_fail(finder, taking->code, "writing it");
	if (rc)
		snprintf(finder->why, sizeof(finder->why), "%s", trail_why(finder->trail));
	if (!rc)
		rc = chain_of(finder->trail, taking->last_seq, &taking->mark.last_chain);
	if (rc)
		return rc;
	taking->mark.through_seq = taking->last_seq;
	taking->code = settle(taking);
	return taking->code ? finder_fail(finder, taking->code, "writing it") : 0;
}

static int start_anew(struct finder *finder)
{
	int rc;

	finder_run(finder, "ROLLBACK");
	sqlite3_close(finder->db);
	finder->db = NULL;
	if (finder->kept && finder_remove(sqlite3_db_filename(finder->trail->db, "main")))
		return SQLITE_IOERR;
	rc = finder_open_somewhere(finder);
	return rc == SQLITE_OK ? finder_run(finder, "BEGIN IMMEDIATE") : rc;
}

/* With the index locked: how far it is, and whether it is of this trail. */
static int prepare(struct taking *taking)
{
	struct finder *finder = taking->finder;
	uint64_t updated_ms, erasures;
	bool same;
	int rc = read_mark(finder, &taking->mark, &updated_ms);

	if (!rc)
		rc = compare(finder, &taking->mark, taking->last_seq, &same, &erasures);
	if (rc)
		return rc;
	if (!same) {
		int code = start_anew(finder);
		if (code)
			return finder_fail(finder, code, "making it anew");
		taking->mark = (struct mark){0};
	}
	taking->mark.erasures = erasures;
	return chain_of(finder->trail, 1, &taking->mark.first_chain);
}

int finder_update(struct finder *finder, void (*each)(void *context, uint64_t seq, uint64_t last_seq), void *context)
{
	struct taking taking = {.finder = finder, .each = each, .context = context, .last_seq = trail_last_seq(finder->trail)};
	int rc;

	if (finder->read_only)
		return ERR_LOCKED;
	rc = finder_run(finder, "BEGIN IMMEDIATE");
	if (rc)
		return finder_fail(finder, rc, "locking it");
	rc = prepare(&taking);
	if (!rc)
		rc = take_rest(&taking);
	if (!sqlite3_get_autocommit(finder->db))
		finder_run(finder, "ROLLBACK");
	finder_text_release(&taking.text);
	return rc;
}

int finder_look(struct finder *finder, struct finder_state *out_state)
{
	uint64_t updated_ms = 0;
	struct mark mark;
	int rc = read_mark(finder, &mark, &updated_ms);

	*out_state = (struct finder_state){
		.through_seq = mark.through_seq, .texts = mark.texts, .updated_ms = updated_ms, .kept = finder->kept};
	return rc;
}

/* ---- asking ---- */

static int count_matches(struct finder *finder, const char *query, uint64_t *out_total)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(finder->db, "SELECT count(*) FROM texts WHERE texts MATCH ?1", -1, &statement, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(statement, 1, query, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		*out_total = (uint64_t)sqlite3_column_int64(statement, 0);
	int end = sqlite3_finalize(statement);
	return rc ? rc : end;
}

int finder_find(struct finder *finder, const char *query, uint32_t limit,
		int (*each)(void *context, uint64_t seq, struct text snippet), void *context, uint64_t *out_total)
{
	sqlite3_stmt *statement = NULL;
	int told = 0, end;
	int rc = count_matches(finder, query, out_total);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(finder->db,
					"SELECT rowid, snippet(texts, 0, '»', '«', '…', 24) FROM texts WHERE texts MATCH ?1 "
					"ORDER BY rowid DESC LIMIT ?2",
					-1, &statement, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(statement, 1, query, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 2, limit);
	while (rc == SQLITE_OK && !told && sqlite3_step(statement) == SQLITE_ROW) {
		struct text snippet = {(const char *)sqlite3_column_text(statement, 1),
				       (uint32_t)sqlite3_column_bytes(statement, 1)};
		told = each(context, (uint64_t)sqlite3_column_int64(statement, 0), snippet);
	}
	end = sqlite3_finalize(statement);
	rc = rc ? rc : end;
	return rc ? finder_fail(finder, rc, "asking it") : told;
}
