/* SPDX-License-Identifier: MIT
 *
 * Where the index is: its file, its schema, its connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/finder_inner.h"

static const char schema[] =
	"CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), form INTEGER NOT NULL, through_seq INTEGER NOT NULL,"
	" first_chain BLOB, last_chain BLOB, erasures INTEGER NOT NULL, texts INTEGER NOT NULL, updated_ms INTEGER NOT NULL);"
	"INSERT INTO state VALUES (1, 1, 0, NULL, NULL, 0, 0, 0);"
	"CREATE VIRTUAL TABLE texts USING fts5(body, tokenize = 'unicode61 remove_diacritics 2');";

int finder_fail(struct finder *finder, int code, const char *doing)
{
	snprintf(finder->why, sizeof(finder->why), "the index %s, %s: %s", finder->kept ? FINDER_FILE : "in memory", doing,
		 finder->db ? sqlite3_errmsg(finder->db) : sqlite3_errstr(code));
	return (code & 0xff) == SQLITE_READONLY ? ERR_LOCKED : store_error(code);
}

const char *finder_why(const struct finder *finder)
{
	return finder->why;
}

int finder_run(struct finder *finder, const char *sql)
{
	return sqlite3_exec(finder->db, sql, NULL, NULL, NULL);
}

/* ---- the file ---- */

static int path_beside(const char *trail_path, const char *suffix, char out[FINDER_PATH_BYTES])
{
	const char *slash = strrchr(trail_path, '/');
	int folder = slash ? (int)(slash + 1 - trail_path) : 0;

	return snprintf(out, FINDER_PATH_BYTES, "%.*s%s%s", folder, trail_path, FINDER_FILE, suffix) < (int)FINDER_PATH_BYTES
		       ? 0
		       : ERR_IO;
}

static int overwrite(const char *path)
{
	static const char zeros[65536];
	struct stat status;
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	int rc = 0;

	if (fd < 0 && errno == ELOOP) /* a link of somebody's: what it leads to is none of ours */
		return unlink(path) ? ERR_IO : 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : ERR_IO;
	if (fstat(fd, &status))
		rc = ERR_IO;
	for (off_t left = rc ? 0 : status.st_size; left > 0 && !rc;) {
		ssize_t wrote = write(fd, zeros, left < (off_t)sizeof(zeros) ? (size_t)left : sizeof(zeros));
		rc = wrote > 0 ? 0 : ERR_IO;
		left -= wrote;
	}
	if (!rc && fdatasync(fd))
		rc = ERR_IO;
	if (close(fd) || unlink(path))
		rc = ERR_IO;
	return rc;
}

int finder_remove(const char *trail_path)
{
	static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};
	char path[FINDER_PATH_BYTES];
	int worst = 0;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		int rc = path_beside(trail_path, suffixes[i], path);
		if (!rc)
			rc = overwrite(path);
		worst = rc ? rc : worst;
	}
	return worst;
}

static const char *trail_path(const struct finder *finder)
{
	return sqlite3_db_filename(finder->trail->db, "main");
}

/* A new file is for its owner alone; SQLite gives its journal the same rights. */
static void create_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0)
		close(fd);
}

static int configure(struct finder *finder)
{
	int rc = sqlite3_busy_timeout(finder->db, 10000);

	if (rc == SQLITE_OK)
		rc = sqlite3_db_config(finder->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (rc == SQLITE_OK)
		rc = finder_run(finder, "PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF; PRAGMA synchronous = NORMAL; "
					"PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;");
	return rc;
}

static bool has_form(struct finder *finder)
{
	sqlite3_stmt *statement = NULL;
	bool good = sqlite3_prepare_v2(finder->db, "SELECT 1 FROM state, sqlite_schema WHERE form = 1 AND name = 'texts'", -1,
				       &statement, NULL) == SQLITE_OK &&
		    sqlite3_step(statement) == SQLITE_ROW;

	sqlite3_finalize(statement);
	return good;
}

static int open_at(struct finder *finder, const char *path, int flags)
{
	int rc;

	sqlite3_close(finder->db);
	finder->db = NULL;
	rc = sqlite3_open_v2(path, &finder->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	return rc ? rc : configure(finder);
}

static int make_schema(struct finder *finder)
{
	int rc = finder_run(finder, "BEGIN IMMEDIATE");

	if (rc == SQLITE_OK && has_form(finder)) /* somebody else was faster */
		return finder_run(finder, "ROLLBACK");
	if (rc == SQLITE_OK)
		rc = finder_run(finder, schema);
	return rc == SQLITE_OK ? finder_run(finder, "COMMIT") : rc;
}

/* In the file if it can be written; else from it if it is an index; else in memory. */
int finder_open_somewhere(struct finder *finder)
{
	int rc;

	finder->kept = true;
	create_file(finder->path);
	if (access(finder->path, W_OK) == 0) {
		rc = open_at(finder, finder->path, SQLITE_OPEN_READWRITE);
		if (rc == SQLITE_OK && !has_form(finder))
			rc = make_schema(finder);
		if ((rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB ||
		    (rc & 0xff) == SQLITE_ERROR) { /* no index of ours */
			sqlite3_close(finder->db);
			finder->db = NULL;
			if (finder_remove(trail_path(finder)))
				return SQLITE_IOERR;
			create_file(finder->path);
			rc = open_at(finder, finder->path, SQLITE_OPEN_READWRITE);
			if (rc == SQLITE_OK)
				rc = make_schema(finder);
		}
		if ((rc & 0xff) != SQLITE_READONLY && (rc & 0xff) != SQLITE_CANTOPEN)
			return rc;
	}
	finder->read_only = open_at(finder, finder->path, SQLITE_OPEN_READONLY) == SQLITE_OK && has_form(finder);
	if (finder->read_only)
		return SQLITE_OK;
	finder->kept = false;
	rc = open_at(finder, ":memory:", SQLITE_OPEN_READWRITE);
	return rc == SQLITE_OK ? make_schema(finder) : rc;
}

int finder_open(struct trail *trail, struct finder **out_finder, char out_why[256])
{
	struct finder *finder = calloc(1, sizeof(*finder));
	int rc;

	if (!finder)
		return ERR_MEMORY;
	finder->trail = trail;
	rc = path_beside(trail_path(finder), "", finder->path);
	if (!rc) {
		rc = finder_open_somewhere(finder);
		rc = rc ? finder_fail(finder, rc, "opening it") : 0;
	}
	if (rc) {
		snprintf(out_why, 256, "%s", finder->why);
		finder_close(finder);
		return rc;
	}
	*out_finder = finder;
	return 0;
}

int finder_patience(struct finder *finder, uint32_t wait_ms)
{
	return sqlite3_busy_timeout(finder->db, (int)wait_ms) ? ERR_IO : 0;
}

void finder_close(struct finder *finder)
{
	if (!finder)
		return;
	sqlite3_close(finder->db);
	free(finder);
}
