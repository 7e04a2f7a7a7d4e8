/* SPDX-License-Identifier: MIT
 *
 * Four tables are read side by side in order of seq, in slices of one read transaction each. In the last one, which sees the end, everything
 * that must fit the end is compared: so a trail can be verified while it is written.
 *
 * Records come out of SQLite by a function that it calls for each row: that takes two thirds of the time of asking for columns.
 */
#include "verifier/trail_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- columns ---- */

bool column_number(sqlite3_stmt *statement, int column, uint64_t *out_number)
{
	*out_number = (uint64_t)sqlite3_column_int64(statement, column);
	return sqlite3_column_type(statement, column) == SQLITE_INTEGER;
}

static struct span blob_of(sqlite3_stmt *statement, int column)
{
	const void *at = sqlite3_column_blob(statement, column);

	return (struct span){at, (size_t)sqlite3_column_bytes(statement, column)};
}

bool column_bytes(sqlite3_stmt *statement, int column, size_t bytes, struct span *out_span)
{
	int type = sqlite3_column_type(statement, column);

	*out_span = (struct span){0};
	if (type == SQLITE_NULL)
		return true;
	*out_span = blob_of(statement, column);
	return type == SQLITE_BLOB && out_span->bytes == bytes && out_span->at;
}

/* ---- side tables ---- */

int along_next(struct trail_file *trail, struct along *along)
{
	int step = sqlite3_step(along->statement);

	along->there = step == SQLITE_ROW;
	if (along->there)
		along->seq = sqlite3_column_int64(along->statement, 0);
	if (step == SQLITE_ROW || step == SQLITE_DONE)
		return INSPECT_FINE;
	return trail_broken(trail, sqlite3_reset(along->statement), trail->inspection->seq + 1);
}

static int along_begin(struct trail_file *trail, struct along *along, enum ask ask, int64_t low, int64_t high)
{
	along->statement = trail_ask(trail, ask);
	if (!along->statement)
		return trail->rc;
	sqlite3_bind_int64(along->statement, 1, low);
	sqlite3_bind_int64(along->statement, 2, high);
	return along_next(trail, along);
}

static int stray(struct trail_file *trail, uint64_t seq, const char *what)
{
	return inspection_wrong(trail->inspection, seq, seq, 0, "the table of %s", what);
}

static int payload_by_statement(struct trail_file *trail)
{
	sqlite3_stmt *statement = trail->payloads.statement;
	struct payload *payload = &trail->held.payload;
	int salt, body, rc = along_next(trail, &trail->payloads);

	trail->held.there = trail->payloads.there;
	if (rc || !trail->held.there)
		return rc;
	salt = sqlite3_column_type(statement, 1);
	body = sqlite3_column_type(statement, 2);
	trail->held.seq = trail->payloads.seq;
	trail->held.odd = (salt != SQLITE_NULL && salt != SQLITE_BLOB) || (body != SQLITE_NULL && body != SQLITE_BLOB);
	*payload = (struct payload){true, salt == SQLITE_BLOB, body == SQLITE_BLOB, {0}, {0}};
	if (payload->salted)
		payload->salt = blob_of(statement, 1);
	if (payload->opened)
		payload->body = blob_of(statement, 2);
	return INSPECT_FINE;
}

static int payload_by_page(struct trail_file *trail)
{
	struct pages_column columns[3];
	struct span record;
	int rc = pages_next(trail->payload_walk, &trail->held.seq, &record);

	trail->held.there = rc == PAGES_ROW;
	if (rc == PAGES_END)
		return INSPECT_FINE;
	if (rc != PAGES_ROW || !pages_columns(record, 3, columns) || columns[0].kind != COLUMN_NULL)
		return INSPECT_UNREADABLE;
	trail->held.odd = (columns[1].kind != COLUMN_NULL && columns[1].kind != COLUMN_BLOB) ||
			  (columns[2].kind != COLUMN_NULL && columns[2].kind != COLUMN_BLOB);
	trail->held.payload = (struct payload){true, columns[1].kind == COLUMN_BLOB, columns[2].kind == COLUMN_BLOB,
					       columns[1].span, columns[2].span};
	return INSPECT_FINE;
}

int payload_next(struct trail_file *trail)
{
	return trail->payload_walk ? payload_by_page(trail) : payload_by_statement(trail);
}

static int snapshot_check(struct trail_file *trail, const struct row *row)
{
	bool there = trail->snapshots.there && trail->snapshots.seq <= (int64_t)row->seq;

	if (row->type != CODE_SNAPSHOT)
		return there ? stray(trail, row->seq, "snapshots names it, and it is none") : INSPECT_FINE;
	if (!there || trail->snapshots.seq != (int64_t)row->seq)
		return stray(trail, row->seq, "snapshots does not name it, and it is one");
	return along_next(trail, &trail->snapshots);
}

/* ---- records ---- */

int trail_record(struct trail_file *trail, const struct row *row)
{
	static const struct payload none;
	const struct held_payload *held = &trail->held;
	bool here = held->there && held->seq == (int64_t)row->seq, owns = row->payload_seq == row->seq;
	int rc;

	if (row->seq != trail->inspection->seq + 1)
		return inspection_wrong(trail->inspection, trail->inspection->seq + 1, trail->inspection->seq + 1, 0,
					"it is missing: what comes after record %" PRIu64 " is %" PRId64, trail->inspection->seq,
					(int64_t)row->seq);
	if (held->there && held->seq <= (int64_t)row->seq && !(here && owns))
		return stray(trail, row->seq, "payloads has one that it does not own");
	rc = snapshot_check(trail, row);
	if (!rc)
		rc = trail_task_check(trail, row);
	if (!rc && here && held->odd)
		rc = inspection_wrong(trail->inspection, row->seq, row->seq, 0,
				      "salt or body of its payload holds what no writer puts there");
	if (!rc)
		rc = inspection_record(trail->inspection, row, here ? &held->payload : &none);
	if (!rc && here)
		rc = payload_next(trail);
	return rc;
}

/* Columns of a value that SQLite hands to a function. */
static bool value_as_number(sqlite3_value *value, uint64_t *out)
{
	*out = (uint64_t)sqlite3_value_int64(value);
	return sqlite3_value_type(value) == SQLITE_INTEGER;
}

static bool value_as(sqlite3_value *value, int type, struct span *out)
{
	if (sqlite3_value_type(value) != type)
		return false;
	out->at = type == SQLITE_TEXT ? sqlite3_value_text(value) : sqlite3_value_blob(value);
	out->bytes = (size_t)sqlite3_value_bytes(value);
	return out->at || !out->bytes;
}

static bool value_as_fixed(sqlite3_value *value, size_t bytes, struct span *out)
{
	*out = (struct span){0};
	if (sqlite3_value_type(value) == SQLITE_NULL)
		return true;
	return value_as(value, SQLITE_BLOB, out) && out->bytes == bytes;
}

/* NULL, or the name of the column that holds what no writer puts there. */
static const char *row_read(sqlite3_value **values, struct row *out_row)
{
	if (!value_as_number(*values++, &out_row->seq))
		return "seq";
#define READ(name, call)                                                                                                         \
	if (!(call))                                                                                                             \
		return #name;
#define READ_NUMBER(name) READ(name, value_as_number(*values++, &out_row->name))
#define READ_ID(name)     READ(name, value_as_fixed(*values++, ID_BYTES, &out_row->name))
#define READ_TEXT(name)   READ(name, value_as(*values++, SQLITE_TEXT, &out_row->name))
#define READ_BYTES(name)  READ(name, value_as(*values++, SQLITE_BLOB, &out_row->name))
#define READ_HASH(name)   READ(name, value_as_fixed(*values++, SUM_BYTES, &out_row->name))
	ROW_COLUMNS(READ_NUMBER, READ_ID, READ_TEXT, READ_BYTES, READ_HASH)
	READ(chain, value_as(*values, SQLITE_BLOB, &out_row->chain) && out_row->chain.bytes == SUM_BYTES)
	return NULL;
}

/* The SQL function inspect(seq, boot, …, chain). It returns true, so that no row leaves the statement, and an error to stop it. */
static void inspect_row(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct trail_file *trail = sqlite3_user_data(context);
	struct row row;
	const char *column = row_read(values, &row);

	(void)count;
	if (column)
		trail->rc = inspection_wrong(trail->inspection, trail->inspection->seq + 1, trail->inspection->seq + 1, 0,
					     "its column %s holds what no writer puts there", column);
	else
		trail->rc = trail_record(trail, &row);
	trail->slice_records++;
	if (trail->rc)
		sqlite3_result_error(context, "stop", -1);
	else
		sqlite3_result_int(context, 1);
}

/* ---- what an inspection asks for ---- */

static int ask_checkpoint(void *context, int64_t after, struct checkpoint_row *out_row, bool *out_found)
{
	struct trail_file *trail = context;
	sqlite3_stmt *statement = trail_ask(trail, ASK_CHECKPOINT);
	int step;

	if (!statement)
		return trail->rc;
	sqlite3_bind_int64(statement, 1, after);
	step = sqlite3_step(statement);
	*out_found = step == SQLITE_ROW;
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return trail_broken(trail, sqlite3_reset(statement), trail->inspection->seq + 1);
	if (!*out_found)
		return INSPECT_FINE;
	out_row->number = (uint64_t)sqlite3_column_int64(statement, 0);
	/* What is no number or no text covers nothing, and is no note. */
	if (!column_number(statement, 1, &out_row->size))
		out_row->size = 0;
	out_row->note = (struct span){sqlite3_column_text(statement, 2), (size_t)sqlite3_column_bytes(statement, 2)};
	if (sqlite3_column_type(statement, 2) != SQLITE_TEXT)
		out_row->note = (struct span){0};
	return INSPECT_FINE;
}

static int ask_node(void *context, unsigned level, uint64_t number, const uint8_t root[SUM_BYTES])
{
	struct trail_file *trail = context;
	sqlite3_stmt *statement = trail_ask(trail, ASK_NODE);
	uint64_t first = (number << level) + 1, last = (number + 1) << level;
	struct span hash;
	bool same;
	int step;

	if (!statement)
		return trail->rc;
	sqlite3_bind_int64(statement, 1, level);
	sqlite3_bind_int64(statement, 2, (int64_t)number);
	step = sqlite3_step(statement);
	same = step == SQLITE_ROW && column_bytes(statement, 0, SUM_BYTES, &hash) && hash.bytes &&
	       memcmp(hash.at, root, SUM_BYTES) == 0;
	if (same)
		return INSPECT_FINE;
	if (step != SQLITE_ROW && step != SQLITE_DONE)
		return trail_broken(trail, sqlite3_reset(statement), trail->inspection->seq + 1);
	return inspection_wrong(trail->inspection, first, last, 0,
				"node %" PRIu64 " of level %u, over records %" PRIu64 " to %" PRIu64 ", is %s", number, level,
				first, last, step == SQLITE_ROW ? "not their root" : "missing");
}

static int ask_commitment(void *context, uint64_t seq, uint8_t out_commitment[SUM_BYTES], bool *out_found)
{
	struct trail_file *trail = context;
	sqlite3_stmt *statement = trail_ask(trail, ASK_COMMITMENT);
	struct span hash;
	uint64_t owner;
	int step, rc;

	if (!statement)
		return trail->rc;
	sqlite3_bind_int64(statement, 1, (int64_t)seq);
	step = sqlite3_step(statement);
	*out_found = step == SQLITE_ROW && column_number(statement, 0, &owner) && owner == seq &&
		     column_bytes(statement, 1, SUM_BYTES, &hash) && hash.bytes;
	if (*out_found)
		memcpy(out_commitment, hash.at, SUM_BYTES);
	rc = sqlite3_reset(statement);
	return rc ? trail_broken(trail, rc, trail->inspection->seq + 1) : INSPECT_FINE;
}

/* ---- slices ---- */

static int payloads_begin(struct trail_file *trail, int64_t low, int64_t high)
{
	trail->payloads.statement = trail_ask(trail, ASK_PAYLOADS);
	if (!trail->payloads.statement)
		return trail->rc;
	sqlite3_bind_int64(trail->payloads.statement, 1, low);
	sqlite3_bind_int64(trail->payloads.statement, 2, high);
	return payload_next(trail);
}

int trail_tables_begin(struct trail_file *trail, int64_t low, int64_t high)
{
	int rc = along_begin(trail, &trail->tasks, ASK_TASKS, low, high);

	return rc ? rc : along_begin(trail, &trail->snapshots, ASK_SNAPSHOTS, low, high);
}

static int slice_by_statement(struct trail_file *trail, int64_t low, int64_t high)
{
	sqlite3_stmt *statement = trail_ask(trail, ASK_RECORDS);
	int rc;

	if (!statement)
		return trail->rc;
	sqlite3_bind_int64(statement, 1, low);
	sqlite3_bind_int64(statement, 2, high);
	while (sqlite3_step(statement) == SQLITE_ROW)
		;
	rc = sqlite3_reset(statement);
	if (trail->rc)
		return trail->rc;
	return rc ? trail_broken(trail, rc, trail->inspection->seq + 1) : INSPECT_FINE;
}

/* Behind the last record there must be nothing of any other table. */
int trail_end_check(struct trail_file *trail)
{
	uint64_t last = trail->inspection->seq;
	sqlite3_stmt *statement;
	int64_t low = last ? (int64_t)last + 1 : INT64_MIN;
	int rc = trail->payload_walk ? INSPECT_FINE : payloads_begin(trail, low, INT64_MAX);

	if (!rc)
		rc = trail_tables_begin(trail, low, INT64_MAX);
	if (rc)
		return rc;
	if (trail->held.there)
		return stray(trail, last + 1, "payloads has one that no record owns");
	if (trail->tasks.there)
		return stray(trail, last + 1, "tasks has one that no request made");
	if (trail->snapshots.there)
		return stray(trail, last + 1, "snapshots names a record that is not there");
	rc = inspection_end(trail->inspection);
	if (!rc)
		rc = trail_tasks_end(trail);
	if (rc || trail->format < 2)
		return rc;
	statement = trail_ask(trail, ASK_NODE_STRAY);
	if (!statement)
		return trail->rc;
	sqlite3_bind_int64(statement, 1, (int64_t)last);
	if (sqlite3_step(statement) == SQLITE_ROW)
		return inspection_wrong(
			trail->inspection, last + 1, last + 1, 0,
			"the table of nodes has one of level %lld, number %lld, which no records of this trail complete",
			(long long)sqlite3_column_int64(statement, 0), (long long)sqlite3_column_int64(statement, 1));
	rc = sqlite3_reset(statement);
	return rc ? trail_broken(trail, rc, last + 1) : INSPECT_FINE;
}

static int transaction(struct trail_file *trail, const char *sql)
{
	int rc = sqlite3_exec(trail->db, sql, NULL, NULL, NULL);

	return rc ? trail_broken(trail, rc, trail->inspection->seq + 1) : INSPECT_FINE;
}

/* One read transaction. `*out_last` true: it has seen the end. */
static int slice_check(struct trail_file *trail, bool *out_last)
{
	uint64_t seq = trail->inspection->seq;
	int64_t low = seq ? (int64_t)seq + 1 : INT64_MIN, high = (int64_t)(seq + SLICE_RECORDS);
	int rc = transaction(trail, "BEGIN"), end;

	if (rc)
		return rc;
	trail->slice_records = 0;
	trail_erasures_forget(trail);
	inspection_more(trail->inspection);
	rc = payloads_begin(trail, low, high);
	if (!rc)
		rc = trail_tables_begin(trail, low, high);
	if (!rc)
		rc = slice_by_statement(trail, low, high);
	if (!rc)
		rc = inspection_flush(trail->inspection);
	*out_last = trail->slice_records < SLICE_RECORDS;
	if (!rc && *out_last)
		rc = trail_end_check(trail);
	for (size_t i = 0; i < ASK_COUNT; i++)
		sqlite3_reset(trail->asks[i]);
	end = transaction(trail, "ROLLBACK");
	return rc ? rc : end;
}

static int slices_check(struct trail_file *trail)
{
	bool last = false;
	int rc = INSPECT_FINE;

	while (!rc && !last)
		rc = slice_check(trail, &last);
	return rc;
}

/* ---- all of it ---- */

static int pages_check(struct trail_file *trail)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(trail->db, "PRAGMA integrity_check(1)", -1, &statement, NULL);

	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);

		if (text && strcmp(text, "ok") != 0) {
			rc = inspection_wrong(
				trail->inspection, 0, 0, 0,
				"every record is what was sealed, but pages or indexes of the file are damaged: %.200s", text);
			sqlite3_finalize(statement);
			return rc;
		}
	}
	rc = statement ? sqlite3_finalize(statement) : rc;
	return rc ? trail_broken(trail, rc, 0) : INSPECT_FINE;
}

static int inspect_open(struct trail_file *trail, struct outside *outside)
{
	const struct inspection_source source = {trail, ask_checkpoint, trail->format > 1 ? ask_node : NULL, ask_commitment,
						 trail_erased};
	int rc = sqlite3_create_function(trail->db, "inspect", 2 + (int)ROW_COUNT, SQLITE_UTF8 | SQLITE_DIRECTONLY, trail,
					 inspect_row, NULL, NULL);

	for (size_t i = 0; i < outside->count; i++)
		outside->note[i].met = false;
	trail->inspection = inspection_new(&source, trail->options->keys, trail->format > 1, outside->note, outside->count);
	if (rc || !trail->inspection) {
		verdict_unreadable(trail->verdict, "out of memory");
		return INSPECT_UNREADABLE;
	}
	return INSPECT_FINE;
}

static void inspect_close(struct trail_file *trail)
{
	inspection_free(trail->inspection);
	trail->inspection = NULL;
	trail_tasks_release(trail);
}

/* The quick way where it can be taken; what is not quickly found to be good is judged by what SQLite reads. */
static int records_check(const char *path, struct trail_file *trail, struct outside *outside)
{
	struct verdict before = *trail->verdict;
	int rc = inspect_open(trail, outside);

	if (!rc && trail->options->from_seq) {
		rc = trail_from(trail);
		return rc ? rc : slices_check(trail);
	}
	if (rc)
		return rc;
	if (!trail->options->statements && trail_pages_verify(path, trail))
		return INSPECT_FINE;
	if (!trail->options->statements) {
		inspect_close(trail);
		*trail->verdict = before;
		trail->rc = INSPECT_FINE;
		rc = inspect_open(trail, outside);
	}
	return rc ? rc : slices_check(trail);
}

/* A file that was read as one that does not change must not have changed. */
static void unchanged_check(const char *path, const struct stat *before, struct verdict *verdict)
{
	struct stat after;

	if (stat(path, &after) || after.st_size != before->st_size || after.st_mtim.tv_sec != before->st_mtim.tv_sec ||
	    after.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
		verdict_unreadable(verdict, "the trail was written to while it was read; verify it once more");
}

enum verdict_code trail_file_verify(const char *path, const struct verify_options *options, struct verdict *verdict)
{
	struct trail_file trail = {.options = options, .verdict = verdict};
	struct outside outside;
	struct stat before = {0};
	int rc;

	(void)stat(path, &before);
	if (!outside_read(options, &outside, verdict)) {
		outside_release(&outside);
		return verdict->code;
	}
	rc = trail_file_open(path, &trail);
	if (!rc)
		rc = trail_erasures_prove(&trail);
	if (!rc)
		rc = records_check(path, &trail, &outside);
	if (!rc && options->pages)
		rc = pages_check(&trail);
	if (trail.inspection)
		verdict_take(verdict, trail.inspection, rc);
	else
		verdict->code = rc == INSPECT_WRONG ? VERDICT_WRONG : VERDICT_UNREADABLE;
	verdict->outside = outside.count;
	inspect_close(&trail);
	erasures_release(&trail.erasures);
	erasures_release(&trail.proved);
	if (trail.immutable && verdict->code != VERDICT_UNREADABLE)
		unchanged_check(path, &before, verdict);
	trail_file_close(&trail);
	outside_release(&outside);
	return verdict->code;
}
