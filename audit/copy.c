/* SPDX-License-Identifier: MIT
 *
 * Slices: one read transaction on the one side while one write transaction on the other side is filled; the read one ends before the
 * write one is committed.
 *
 * Payloads are the one thing that changes: erasure sets them to NULL. A slice may have been read before and another after, so when
 * something was erased since the beginning, the copy goes on through the record of the erasure, and then takes out every payload
 * that is gone; until nothing new was erased meanwhile.
 */
#include "audit/copy.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/nodes.h"
#include "audit/store.h"

enum copy_statement {
	FROM_RECORDS,
	FROM_PAYLOAD,
	FROM_ERASED,  /* the last record of an erasure */
	FROM_MISSING, /* payloads that are gone */
	FROM_CHECKPOINTS,
	FROM_ERASURES,
	TO_RECORD,
	TO_PAYLOAD,
	TO_MISSING,
	TO_CHECKPOINT,
	TO_ERASURE,
	COPY_STATEMENTS
};

struct copy {
	struct trail *from;
	struct trail *to;
	sqlite3_stmt *statement[COPY_STATEMENTS];
	struct trail_copied *copied;
	bool sealed; /* the source has the tables of format 2 */
	bool (*stop)(void *context);
	void *context;
};

static const char *const copy_sql[COPY_STATEMENTS] = {
	[FROM_RECORDS] = "SELECT * FROM records WHERE seq > ?1 AND seq <= ?2 ORDER BY seq",
	[FROM_PAYLOAD] = "SELECT seq, salt, body FROM payloads WHERE seq = ?1",
	[FROM_ERASED] = "SELECT max(seq) FROM records WHERE type = 104",
	[FROM_MISSING] = "SELECT seq FROM payloads WHERE seq > ?1 AND seq <= ?2 AND salt IS NULL AND body IS NULL ORDER BY seq",
	[FROM_CHECKPOINTS] = "SELECT number, size, note FROM checkpoints WHERE number > ?1 AND size <= ?2 ORDER BY number",
	[FROM_ERASURES] = "SELECT seq, receipt FROM erasures WHERE seq > ?1 ORDER BY seq",
	[TO_PAYLOAD] = "INSERT INTO payloads(seq, salt, body) VALUES(?1, ?2, ?3)",
	[TO_MISSING] = "UPDATE payloads SET salt = NULL, body = NULL WHERE seq = ?1",
	[TO_CHECKPOINT] = "INSERT INTO checkpoints(number, size, note) VALUES(?1, ?2, ?3)",
	[TO_ERASURE] = "INSERT INTO erasures(seq, receipt) VALUES(?1, ?2)",
};

_Static_assert(MESSAGE_ERASED == 104, "the statement above looks for it");

static uint64_t clock_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- errors: the sentence stays in the trail that it is about ---- */

static int from_fail(struct copy *copy, int sqlite_code)
{
	return store_fail(copy->from, sqlite_code, "reading the trail");
}

static int to_fail(struct copy *copy, int sqlite_code)
{
	int rc = store_fail(copy->to, sqlite_code, "writing the copy");
	return rc == ERR_CONFLICT ? ERR_CORRUPT : rc; /* a row that is there twice */
}

/* ---- statements ---- */

static bool is_about_seals(int which)
{
	return which == FROM_CHECKPOINTS || which == FROM_ERASURES;
}

/* As many places as the table has columns. */
static int record_prepare(struct copy *copy)
{
	char sql[256] = "INSERT INTO records VALUES(?";
	int columns = sqlite3_column_count(copy->statement[FROM_RECORDS]);
	size_t used = strlen(sql);
	for (int i = 1; i < columns; i++)
		used += (size_t)snprintf(sql + used, sizeof(sql) - used, ",?");
	snprintf(sql + used, sizeof(sql) - used, ")");
	return sqlite3_prepare_v2(copy->to->db, sql, -1, &copy->statement[TO_RECORD], NULL);
}

static int look_for_seals(struct copy *copy)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(copy->from->db, "SELECT count(*) FROM sqlite_schema WHERE name = 'checkpoints'", -1,
				    &statement, NULL);
	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		copy->sealed = sqlite3_column_int(statement, 0) == 1;
	int end = sqlite3_finalize(statement);
	return rc ? rc : end;
}

static int prepare(struct copy *copy)
{
	int rc = look_for_seals(copy);
	for (int i = 0; rc == SQLITE_OK && i < TO_RECORD; i++)
		if (copy->sealed || !is_about_seals(i))
			rc = sqlite3_prepare_v2(copy->from->db, copy_sql[i], -1, &copy->statement[i], NULL);
	if (rc)
		return from_fail(copy, rc);
	rc = record_prepare(copy);
	for (int i = TO_PAYLOAD; rc == SQLITE_OK && i < COPY_STATEMENTS; i++)
		rc = sqlite3_prepare_v2(copy->to->db, copy_sql[i], -1, &copy->statement[i], NULL);
	return rc ? to_fail(copy, rc) : 0;
}

/* The row in hand of one statement becomes a row by the other. */
static int row_put(struct copy *copy, enum copy_statement from, enum copy_statement to)
{
	sqlite3_stmt *source = copy->statement[from], *target = copy->statement[to];
	int rc = SQLITE_OK;
	for (int i = 0; rc == SQLITE_OK && i < sqlite3_column_count(source); i++)
		rc = sqlite3_bind_value(target, i + 1, sqlite3_column_value(source, i));
	int end = rc ? rc : store_finish(target);
	sqlite3_clear_bindings(target);
	return end ? to_fail(copy, end) : 0;
}

/* ---- one slice ---- */

struct slice {
	uint64_t low;  /* rows after this one */
	uint64_t high; /* up to this one */
	uint64_t began_us;
	uint64_t rows;
	uint64_t bytes;
};

static bool slice_is_full(const struct slice *slice)
{
	/* Half of the time: what is read and written for one row comes on top. */
	return slice->rows >= SLICE_ROWS || slice->bytes >= SLICE_BYTES || clock_us() - slice->began_us >= SLICE_MS * 500u;
}

static int payload_copy(struct copy *copy, uint64_t seq, struct slice *slice)
{
	sqlite3_stmt *statement = copy->statement[FROM_PAYLOAD];
	int error = 0;
	int rc = sqlite3_bind_int64(statement, 1, (int64_t)seq);
	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		slice->bytes += (uint64_t)sqlite3_column_bytes(statement, 2);
		error = row_put(copy, FROM_PAYLOAD, TO_PAYLOAD);
		copy->copied->payloads++;
	}
	int end = sqlite3_reset(statement);
	return error ? error : rc || end ? from_fail(copy, rc ? rc : end) : 0;
}

static int record_copy(struct copy *copy, struct slice *slice)
{
	sqlite3_stmt *statement = copy->statement[FROM_RECORDS];
	uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
	int rc = row_put(copy, FROM_RECORDS, TO_RECORD);
	slice->bytes += 512; /* about */
	if (rc == 0)
		rc = payload_copy(copy, seq, slice);
	slice->low = seq;
	return rc;
}

static int missing_copy(struct copy *copy, struct slice *slice)
{
	sqlite3_stmt *statement = copy->statement[FROM_MISSING];
	slice->low = (uint64_t)sqlite3_column_int64(statement, 0);
	return row_put(copy, FROM_MISSING, TO_MISSING);
}

static int checkpoint_copy(struct copy *copy, struct slice *slice)
{
	slice->low = (uint64_t)sqlite3_column_int64(copy->statement[FROM_CHECKPOINTS], 0);
	slice->bytes += 1024;
	copy->copied->checkpoints++;
	return row_put(copy, FROM_CHECKPOINTS, TO_CHECKPOINT);
}

static int erasure_copy(struct copy *copy, struct slice *slice)
{
	slice->low = (uint64_t)sqlite3_column_int64(copy->statement[FROM_ERASURES], 0);
	slice->bytes += 4096;
	return row_put(copy, FROM_ERASURES, TO_ERASURE);
}

/* Reads rows into the open write transaction; `*out_more`: there may be more after it. */
static int slice_read(struct copy *copy, enum copy_statement which, int (*each)(struct copy *copy, struct slice *slice),
		      struct slice *slice, bool *out_more)
{
	sqlite3_stmt *statement = copy->statement[which];
	int error = 0;
	int step = SQLITE_ROW;
	int rc = sqlite3_bind_int64(statement, 1, (int64_t)slice->low);
	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(statement) > 1)
		rc = sqlite3_bind_int64(statement, 2, (int64_t)slice->high);
	slice->rows = slice->bytes = 0;
	slice->began_us = clock_us();
	if (rc == SQLITE_OK)
		rc = store_run(copy->from, STATEMENT_BEGIN_READ);
	while (rc == SQLITE_OK && !error && !slice_is_full(slice) && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		error = each(copy, slice);
		slice->rows++;
	}
	int end = sqlite3_reset(statement);
	store_rollback(copy->from);
	uint64_t took_us = clock_us() - slice->began_us;
	if (took_us > copy->copied->longest_us)
		copy->copied->longest_us = took_us;
	copy->copied->slices++;
	*out_more = step == SQLITE_ROW;
	return error ? error : rc || end ? from_fail(copy, rc ? rc : end) : 0;
}

static int slice_copy(struct copy *copy, enum copy_statement which, int (*each)(struct copy *copy, struct slice *slice),
		      struct slice *slice, bool *out_more)
{
	if (copy->stop && copy->stop(copy->context))
		return ERR_CANCELLED;
	int rc = store_run(copy->to, STATEMENT_BEGIN_WRITE);
	if (rc)
		return to_fail(copy, rc);
	rc = slice_read(copy, which, each, slice, out_more);
	if (rc) {
		store_rollback(copy->to);
		return rc;
	}
	rc = store_run(copy->to, STATEMENT_COMMIT);
	if (rc)
		return to_fail(copy, rc);
	return trail_untidy(copy->to) ? trail_tidy(copy->to) : 0;
}

/* Everything after `low` up to `high`, slice by slice. */
static int copy_all(struct copy *copy, enum copy_statement which, int (*each)(struct copy *copy, struct slice *slice),
		    uint64_t low, uint64_t high)
{
	struct slice slice = {.low = low, .high = high};
	bool more = true;
	int rc = 0;
	while (rc == 0 && more)
		rc = slice_copy(copy, which, each, &slice, &more);
	return rc;
}

/* ---- records and payloads ---- */

static int last_erased(struct copy *copy, uint64_t *out_seq)
{
	sqlite3_stmt *statement = copy->statement[FROM_ERASED];
	*out_seq = sqlite3_step(statement) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	int rc = sqlite3_reset(statement);
	return rc ? from_fail(copy, rc) : 0;
}

static int last_record(struct copy *copy, uint64_t *out_seq)
{
	int rc = store_number(copy->from, STATEMENT_LAST, out_seq);
	return rc ? from_fail(copy, rc) : 0;
}

static int records_copy(struct copy *copy)
{
	uint64_t first_last = 0, last = 0, erased = 0;
	int rc = last_record(copy, &first_last);
	last = first_last;
	for (;;) {
		if (rc == 0)
			rc = copy_all(copy, FROM_RECORDS, record_copy, copy->copied->last_seq, last);
		if (rc)
			return rc;
		copy->copied->last_seq = last;
		rc = last_erased(copy, &erased);
		if (rc || erased <= first_last)
			return rc;
		rc = copy_all(copy, FROM_MISSING, missing_copy, 0, last);
		if (rc == 0)
			rc = last_erased(copy, &erased);
		if (rc || erased <= last)
			return rc;
		rc = last_record(copy, &last);
	}
}

/* ---- what is derived, and the end ---- */

static int nodes_make(struct copy *copy)
{
	struct tree tree = {0};
	int rc = store_run(copy->to, STATEMENT_BEGIN_WRITE);
	if (rc)
		return to_fail(copy, rc);
	rc = nodes_fill(copy->to, &tree);
	if (rc) {
		store_rollback(copy->to);
		return rc;
	}
	rc = store_run(copy->to, STATEMENT_COMMIT);
	return rc ? to_fail(copy, rc) : 0;
}

static int copy_rows(struct copy *copy)
{
	int rc = records_copy(copy);
	uint64_t last = copy->copied->last_seq;
	if (rc == 0 && copy->sealed)
		rc = copy_all(copy, FROM_CHECKPOINTS, checkpoint_copy, 0, last);
	if (rc == 0 && copy->sealed)
		rc = copy_all(copy, FROM_ERASURES, erasure_copy, 0, 0);
	if (rc == 0)
		rc = nodes_make(copy);
	return rc ? rc : trail_rebuild_index(copy->to);
}

/* Nobody uses the file before it is complete, so it is synced once, at the end. */
static int configure(struct copy *copy)
{
	int off = 0;
	int rc = sqlite3_set_authorizer(copy->to->db, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(copy->to->db, "PRAGMA synchronous=OFF; PRAGMA secure_delete=ON", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_file_control(copy->to->db, "main", SQLITE_FCNTL_PERSIST_WAL, &off);
	return rc ? to_fail(copy, rc) : 0;
}

static int single_file(struct copy *copy)
{
	int rc = sqlite3_exec(copy->to->db, "PRAGMA synchronous=FULL; PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
	return rc ? to_fail(copy, rc) : 0;
}

static int file_sync(const char *path, char out_why[256])
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? ERR_IO : 0;
	if (rc)
		snprintf(out_why, 256, "the copy cannot be synced");
	if (fd >= 0)
		close(fd);
	return rc;
}

static int copy_open(struct copy *copy, const char *from, const char *to, char out_why[256])
{
	int rc = trail_open(from, TRAIL_READ, &copy->from, out_why);
	if (rc == 0 && access(to, F_OK) == 0) {
		snprintf(out_why, 256, "there is something already where the copy is to be");
		rc = ERR_CONFLICT;
	}
	return rc ? rc : trail_open(to, TRAIL_WRITE, &copy->to, out_why);
}

static void copy_close(struct copy *copy, const char *to)
{
	char lock[4200];
	for (int i = 0; i < COPY_STATEMENTS; i++)
		sqlite3_finalize(copy->statement[i]);
	trail_close(copy->from);
	if (!copy->to)
		return;
	trail_close(copy->to);
	snprintf(lock, sizeof(lock), "%s-lock", to);
	unlink(lock);
}

int trail_copy(const char *from, const char *to, bool (*stop)(void *context), void *context, struct trail_copied *out_copied,
	       char out_why[256])
{
	struct copy copy = {.copied = out_copied, .stop = stop, .context = context};
	*out_copied = (struct trail_copied){0};
	int rc = copy_open(&copy, from, to, out_why);
	if (rc == 0)
		rc = configure(&copy);
	if (rc == 0)
		rc = prepare(&copy);
	if (rc == 0)
		rc = copy_rows(&copy);
	for (int i = 0; i < COPY_STATEMENTS; i++) { /* the journal cannot change while statements are open */
		sqlite3_finalize(copy.statement[i]);
		copy.statement[i] = NULL;
	}
	if (rc == 0)
		rc = single_file(&copy);
	if (rc && !out_why[0])
		snprintf(out_why, 256, "%s",
			 copy.from && copy.from->why[0] ? copy.from->why
			 : copy.to && copy.to->why[0]   ? copy.to->why
							: error_sentence(rc));
	copy_close(&copy, to);
	return rc ? rc : file_sync(to, out_why);
}
