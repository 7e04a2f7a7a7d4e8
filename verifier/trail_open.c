/* SPDX-License-Identifier: MIT
 *
 * How a trail can be read without leaving a trace: beside a writer as one of its readers; where there is no WAL, as a file that does not
 * change, so that nothing is created beside it and read-only media will do.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verifier/trail_file.h"

#define APPLICATION_ID 0x42756e73
#define FORMAT_NEWEST  2
#define URI_BYTES      16384u
#define MAP_BYTES      "1073741824"
#define VALUE_MAX      (512 << 20) /* bytes in one value: the state of the largest core is far smaller */

extern const char verifier_schema_1[];
extern const char verifier_schema_2[];

/* ---- errors ---- */

static const char *says(struct trail_file *trail, int code)
{
	return trail->db && (sqlite3_errcode(trail->db) & 0xff) == (code & 0xff) ? sqlite3_errmsg(trail->db)
										 : sqlite3_errstr(code);
}

int trail_broken(struct trail_file *trail, int code, uint64_t first)
{
	int kind = code & 0xff;

	if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB || kind == SQLITE_FORMAT || kind == SQLITE_TOOBIG ||
	    kind == SQLITE_ERROR || kind == SQLITE_SCHEMA || kind == SQLITE_CONSTRAINT || kind == SQLITE_MISMATCH ||
	    kind == SQLITE_RANGE) {
		if (trail->inspection)
			return inspection_wrong(trail->inspection, first, first, 0, "the database file is damaged: %s",
						says(trail, code));
		trail->verdict->found = true;
		snprintf(trail->verdict->finding.sentence, sizeof(trail->verdict->finding.sentence),
			 "the database file is damaged: %.300s", says(trail, code));
		return INSPECT_WRONG;
	}
	verdict_unreadable(trail->verdict, "%s (SQLite code %d)", says(trail, code), code);
	return INSPECT_UNREADABLE;
}

__attribute__((format(printf, 2, 3))) static int wrong(struct trail_file *trail, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	trail->verdict->found = true;
	vsnprintf(trail->verdict->finding.sentence, sizeof(trail->verdict->finding.sentence), format, arguments);
	va_end(arguments);
	return INSPECT_WRONG;
}

sqlite3_stmt *trail_ask(struct trail_file *trail, enum ask ask)
{
	static const char *const sql[] = {
#define ASK_SQL(name, text) text,
		ASK_LIST(ASK_SQL)
#undef ASK_SQL
	};
	int rc;

	if (trail->asks[ask]) {
		sqlite3_reset(trail->asks[ask]); /* its result was looked at when it was stepped */
		return trail->asks[ask];
	}
	rc = sqlite3_prepare_v3(trail->db, sql[ask], -1, SQLITE_PREPARE_PERSISTENT, &trail->asks[ask], NULL);
	if (rc)
		trail->rc = trail_broken(trail, rc, 0);
	return rc ? NULL : trail->asks[ask];
}

/* ---- the file ---- */

/* file:… with what has a meaning in a URI escaped. False: the path is too long. */
static bool uri_write(const char *path, const char *query, char out_uri[URI_BYTES])
{
	size_t bytes = (size_t)snprintf(out_uri, URI_BYTES, "file:");

	for (const char *at = path; *at; at++) {
		if (bytes + 64 > URI_BYTES)
			return false;
		if (isalnum((unsigned char)*at) || strchr("/-_.~", *at))
			out_uri[bytes++] = *at;
		else
			bytes += (size_t)snprintf(out_uri + bytes, 4, "%%%02X", (unsigned char)*at);
	}
	snprintf(out_uri + bytes, URI_BYTES - bytes, "?%s", query);
	return true;
}

static off_t size_beside(const char *path, const char *end)
{
	char beside[URI_BYTES];
	struct stat status;

	if (snprintf(beside, sizeof(beside), "%s%s", path, end) >= (int)sizeof(beside) || stat(beside, &status))
		return 0;
	return status.st_size;
}

static void harden(sqlite3 *db)
{
	static const struct {
		int option;
		int value;
	} options[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1},
		       {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
		       {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
		       {SQLITE_DBCONFIG_ENABLE_VIEW, 0},
		       {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
		       {SQLITE_DBCONFIG_DQS_DML, 0},
		       {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
		       {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0}};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		sqlite3_db_config(db, options[i].option, options[i].value, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_MAX);
	sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, 65536);
	sqlite3_busy_timeout(db, 10000);
}

static int open_as(struct trail_file *trail, const char *path, const char *query)
{
	char uri[URI_BYTES];
	int rc;

	if (!uri_write(path, query, uri)) {
		verdict_unreadable(trail->verdict, "the path is too long");
		return SQLITE_CANTOPEN;
	}
	sqlite3_close(trail->db);
	trail->db = NULL;
	rc = sqlite3_open_v2(uri, &trail->db,
			     SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE, NULL);
	if (rc)
		return rc;
	harden(trail->db);
	return sqlite3_exec(trail->db,
			    "PRAGMA mmap_size=" MAP_BYTES "; PRAGMA cell_size_check=ON; SELECT count(*) FROM sqlite_schema", NULL,
			    NULL, NULL);
}

/* As a reader beside a writer where there is a WAL; else, or where the folder cannot be written, as a file that does not change. */
static int open_somehow(struct trail_file *trail, const char *path)
{
	bool wal = size_beside(path, "-wal") > 0;
	int rc = SQLITE_CANTOPEN;

	if (wal)
		rc = open_as(trail, path, "mode=ro");
	if (wal && (rc & 0xff) != SQLITE_CANTOPEN && (rc & 0xff) != SQLITE_READONLY)
		return rc;
	if (wal)
		verdict_note(trail->verdict,
			     "the WAL beside the trail cannot be read here (its folder is read-only): what was verified is the "
			     "database "
			     "file alone. Copy both files to a folder that can be written to see the newest records");
	trail->immutable = true;
	return open_as(trail, path, "mode=ro&immutable=1");
}

/* ---- whose format ---- */

static int number_of(struct trail_file *trail, const char *sql, int64_t *out_number)
{
	sqlite3_stmt *statement = NULL;
	int rc = sqlite3_prepare_v2(trail->db, sql, -1, &statement, NULL);

	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		*out_number = sqlite3_column_int64(statement, 0);
	return statement ? sqlite3_finalize(statement) : rc;
}

static int identity_check(struct trail_file *trail)
{
	int64_t application = 0, version = 0;
	int rc = number_of(trail, "PRAGMA application_id", &application);

	if (rc == SQLITE_OK)
		rc = number_of(trail, "PRAGMA user_version", &version);
	if (rc)
		return trail_broken(trail, rc, 0);
	if (application != APPLICATION_ID)
		return wrong(trail, "it is a database, but no trail: its application_id is 0x%08x, not 0x%08x",
			     (unsigned)application, APPLICATION_ID);
	if (version > FORMAT_NEWEST) {
		verdict_unreadable(
			trail->verdict,
			"the trail has format %lld, and this program knows %d at the most: a newer bunshin-verify is needed",
			(long long)version, FORMAT_NEWEST);
		return INSPECT_UNREADABLE;
	}
	if (version < 1)
		return wrong(trail, "its user_version is %lld; a trail has 1 or 2", (long long)version);
	trail->format = trail->verdict->format = (uint32_t)version;
	return INSPECT_FINE;
}

/* ---- the schema ---- */

/* One character of SQL after the other, without comments and white space. */
static char sql_next(const unsigned char **at)
{
	for (;;) {
		while (isspace(**at))
			(*at)++;
		if ((*at)[0] != '-' || (*at)[1] != '-')
			break;
		while (**at && **at != '\n')
			(*at)++;
	}
	return (char)(**at ? *(*at)++ : 0);
}

static bool sql_same(const unsigned char *a, const unsigned char *b)
{
	while (a && b) {
		char from_a = sql_next(&a), from_b = sql_next(&b);

		if (from_a != from_b)
			return false;
		if (!from_a)
			return true;
	}
	return a == b;
}

static bool column_same(sqlite3_stmt *is, sqlite3_stmt *should, int column)
{
	return sql_same(sqlite3_column_text(is, column), sqlite3_column_text(should, column));
}

#define OBJECTS "SELECT name, type, tbl_name, sql FROM sqlite_schema WHERE type %s 'view' ORDER BY name"

static const char *name_in(sqlite3_stmt *statement, int step)
{
	const char *name = step == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;

	return name ? name : "";
}

/* Walks both lists side by side. Returns an SQLite code; `out_name` is the first object that is not the same. */
static int lists_compare(sqlite3_stmt *is, sqlite3_stmt *should, char out_name[96])
{
	int rc_is = sqlite3_step(is), rc_should = sqlite3_step(should);

	while (!out_name[0] && (rc_is == SQLITE_ROW || rc_should == SQLITE_ROW)) {
		const char *one = name_in(is, rc_is), *two = name_in(should, rc_should);
		/* The smaller name is the one that the other list lacks. */
		int order = !one[0] ? 1 : !two[0] ? -1 : strcmp(one, two);
		bool same = order == 0;

		for (int column = 1; same && column < 4; column++)
			same = column_same(is, should, column);
		if (!same)
			snprintf(out_name, 96, "%.90s", order > 0 ? two : one);
		rc_is = sqlite3_step(is);
		rc_should = sqlite3_step(should);
	}
	rc_is = sqlite3_reset(is);
	rc_should = sqlite3_reset(should);
	return rc_is ? rc_is : rc_should;
}

static int objects_compare(struct trail_file *trail, sqlite3 *fresh, char out_name[96])
{
	char sql[160];
	sqlite3_stmt *is = NULL, *should = NULL;
	int rc;

	snprintf(sql, sizeof(sql), OBJECTS, "<>");
	rc = sqlite3_prepare_v2(trail->db, sql, -1, &is, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(fresh, sql, -1, &should, NULL);
	if (rc == SQLITE_OK)
		rc = lists_compare(is, should, out_name);
	sqlite3_finalize(is);
	sqlite3_finalize(should);
	return rc;
}

/* A view that is there and is not ours; one that is missing misleads nobody. */
static int views_compare(struct trail_file *trail, sqlite3 *fresh, char out_name[96])
{
	char sql[160];
	sqlite3_stmt *is = NULL, *should = NULL;
	int rc;

	snprintf(sql, sizeof(sql), OBJECTS, "=");
	rc = sqlite3_prepare_v2(trail->db, sql, -1, &is, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(fresh, "SELECT name, type, tbl_name, sql FROM sqlite_schema WHERE name = ?1", -1, &should,
					NULL);
	while (rc == SQLITE_OK && !out_name[0] && sqlite3_step(is) == SQLITE_ROW) {
		sqlite3_reset(should);
		sqlite3_bind_value(should, 1, sqlite3_column_value(is, 0));
		if (sqlite3_step(should) != SQLITE_ROW || !column_same(is, should, 3))
			snprintf(out_name, 96, "%.90s", name_in(is, SQLITE_ROW));
	}
	if (is && rc == SQLITE_OK)
		rc = sqlite3_reset(is);
	sqlite3_finalize(is);
	sqlite3_finalize(should);
	return rc;
}

static int schema_check(struct trail_file *trail)
{
	sqlite3 *fresh = NULL;
	char name[96] = "", view[96] = "";
	int rc = sqlite3_open(":memory:", &fresh);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(fresh, trail->format == 1 ? verifier_schema_1 : verifier_schema_2, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = objects_compare(trail, fresh, name);
	if (rc == SQLITE_OK && !name[0])
		rc = views_compare(trail, fresh, view);
	sqlite3_close(fresh);
	if (rc)
		return trail_broken(trail, rc, 0);
	if (name[0])
		return wrong(trail, "its schema is not that of format %u: %s is missing, changed, or does not belong there",
			     trail->format, name);
	if (view[0])
		verdict_note(trail->verdict,
			     "the view %s is not the one that this version writes; what it shows is not proved. Views are not "
			     "read here",
			     view);
	return INSPECT_FINE;
}

int trail_file_open(const char *path, struct trail_file *trail)
{
	int rc = open_somehow(trail, path);

	if (rc)
		return trail->verdict->code == VERDICT_UNREADABLE ? INSPECT_UNREADABLE : trail_broken(trail, rc, 0);
	rc = identity_check(trail);
	return rc ? rc : schema_check(trail);
}

void trail_file_close(struct trail_file *trail)
{
	for (size_t i = 0; i < ASK_COUNT; i++)
		sqlite3_finalize(trail->asks[i]);
	sqlite3_close(trail->db);
}
