/* SPDX-License-Identifier: MIT
 *
 * A trail that nobody writes now, from the pages of its file and of the log beside it: records and payloads come from there, everything else is asked of SQLite. Only "all is good"
 * counts. Anything else is found again, and named, by the statements that everybody would ask.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verifier/trail_file.h"

#define COLUMNS (ROW_COUNT + 2u)

static uint32_t root_of(struct trail_file *trail, const char *table)
{
	sqlite3_stmt *statement = NULL;
	int64_t root = 0;

	if (sqlite3_prepare_v2(trail->db, "SELECT rootpage FROM sqlite_schema WHERE name = ?1", -1, &statement, NULL) ==
	    SQLITE_OK) {
		sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
		if (sqlite3_step(statement) == SQLITE_ROW)
			root = sqlite3_column_int64(statement, 0);
	}
	sqlite3_finalize(statement);
	return root > 0 && root <= UINT32_MAX ? (uint32_t)root : 0;
}

static bool as_fixed(const struct pages_column *column, size_t bytes, struct span *out)
{
	*out = column->span;
	return column->kind == COLUMN_NULL || (column->kind == COLUMN_BLOB && column->span.bytes == bytes);
}

/* False: a column holds what no writer puts there. */
static bool row_read(int64_t key, const struct pages_column *column, struct row *out_row)
{
	out_row->seq = (uint64_t)key;
	if (column++->kind != COLUMN_NULL) /* the key takes its place */
		return false;
#define READ(call)                                                                                                               \
	if (!(call))                                                                                                             \
		return false;                                                                                                    \
	column++;
#define READ_NUMBER(name)                                                                                                        \
	out_row->name = (uint64_t)column->number;                                                                                \
	READ(column->kind == COLUMN_NUMBER)
#define READ_ID(name) READ(as_fixed(column, ID_BYTES, &out_row->name))
#define READ_TEXT(name)                                                                                                          \
	out_row->name = column->span;                                                                                            \
	READ(column->kind == COLUMN_TEXT)
#define READ_BYTES(name)                                                                                                         \
	out_row->name = column->span;                                                                                            \
	READ(column->kind == COLUMN_BLOB)
#define READ_HASH(name) READ(as_fixed(column, SUM_BYTES, &out_row->name))
	ROW_COLUMNS(READ_NUMBER, READ_ID, READ_TEXT, READ_BYTES, READ_HASH)
	out_row->chain = column->span;
	return column->kind == COLUMN_BLOB && column->span.bytes == SUM_BYTES;
}

static bool records_walk(struct trail_file *trail, struct pages_walk *walk)
{
	struct pages_column columns[COLUMNS];
	struct span record;
	struct row row;
	int64_t key;
	int step;

	while ((step = pages_next(walk, &key, &record)) == PAGES_ROW) {
		if (!pages_columns(record, COLUMNS, columns) || !row_read(key, columns, &row) || trail_record(trail, &row))
			return false;
	}
	return step == PAGES_END;
}

static bool tables_walk(struct trail_file *trail, const struct pages *pages)
{
	struct pages_walk records, payloads;
	bool fine;

	pages_begin(&records, pages, root_of(trail, "records"));
	pages_begin(&payloads, pages, root_of(trail, "payloads"));
	trail->payload_walk = &payloads;
	trail_erasures_forget(trail);
	fine = payload_next(trail) == INSPECT_FINE && trail_tables_begin(trail, INT64_MIN, INT64_MAX) == INSPECT_FINE &&
	       records_walk(trail, &records) && trail_end_check(trail) == INSPECT_FINE;
	trail->payload_walk = NULL;
	pages_end(&records);
	pages_end(&payloads);
	return fine;
}

/* ---- a trail that nobody writes now ---- */

/* Does a writer hold the lock beside the trail? */
static bool is_written(const char *path)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	char beside[4200];
	bool held;
	int fd;

	snprintf(beside, sizeof(beside), "%.4096s-lock", path);
	fd = open(beside, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	held = fcntl(fd, F_OFD_GETLK, &lock) || lock.l_type != F_UNLCK;
	close(fd);
	return held;
}

/* The file and its log, as they are while a read transaction is open. */
struct still {
	struct mapped file, wal;
	struct stat file_status, wal_status;
	char wal_path[4200];
};

static bool same_status(const char *path, const struct stat *before)
{
	struct stat now;

	return stat(path, &now) == 0 && now.st_size == before->st_size && now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
	       now.st_mtim.tv_nsec == before->st_mtim.tv_nsec && now.st_ino == before->st_ino;
}

static bool still_open(const char *path, bool immutable, struct still *still)
{
	char why[512];

	snprintf(still->wal_path, sizeof(still->wal_path), "%.4096s-wal", path);
	if (stat(path, &still->file_status) || (!immutable && stat(still->wal_path, &still->wal_status)))
		return false;
	if (!mapped_open(path, UINT64_MAX, &still->file, why))
		return false;
	mapped_read_through(&still->file);
	return immutable || mapped_open(still->wal_path, UINT64_MAX, &still->wal, why);
}

static bool was_still(const char *path, bool immutable, const struct still *still)
{
	return same_status(path, &still->file_status) && (immutable || same_status(still->wal_path, &still->wal_status));
}

static void still_close(struct still *still)
{
	mapped_close(&still->file);
	mapped_close(&still->wal);
}

bool trail_pages_verify(const char *path, struct trail_file *trail)
{
	struct still still = {.file_status = {0}};
	struct pages pages;
	bool fine;

	if (!trail->immutable && is_written(path))
		return false;
	/* The transaction first: whatever is mapped then stays as it is until it ends, or is seen to have changed. */
	fine = sqlite3_exec(trail->db, "BEGIN; SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) == SQLITE_OK &&
	       still_open(path, trail->immutable, &still) && pages_open(still.file.span, still.wal.span, &pages);
	if (fine) {
		fine = tables_walk(trail, &pages) && was_still(path, trail->immutable, &still);
		pages_close(&pages);
	}
	for (size_t i = 0; i < ASK_COUNT; i++)
		sqlite3_reset(trail->asks[i]);
	sqlite3_exec(trail->db, "ROLLBACK", NULL, NULL, NULL);
	still_close(&still);
	return fine;
}
