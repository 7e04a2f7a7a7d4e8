/* SPDX-License-Identifier: MIT */
#include "audit/schema.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "audit/nodes.h"

#define STRINGIFY(x)   #x
#define NUMBER_TEXT(x) STRINGIFY(x)

extern const char trail_schema[];
extern const char trail_schema_1[];

static int run_sql(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* ---- comparing ---- */

/* One character of SQL after the other, without comments and white space. */
static char sql_next(const char **at)
{
	for (;;) {
		while (isspace((unsigned char)**at))
			(*at)++;
		if ((*at)[0] != '-' || (*at)[1] != '-')
			break;
		*at += strcspn(*at, "\n");
	}
	return **at ? *(*at)++ : 0;
}

static bool sql_same(const char *a, const char *b)
{
	for (;;) {
		char from_a = sql_next(&a), from_b = sql_next(&b);
		if (from_a != from_b)
			return false;
		if (!from_a)
			return true;
	}
}

static const char *text_of(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);
	return text ? (const char *)text : "";
}

/* Walks both schemas side by side; `out_name` is the first object that is not the same. */
static int schema_difference(sqlite3_stmt *is, sqlite3_stmt *should, char out_name[64])
{
	int rc_is, rc_should;
	out_name[0] = 0;
	do {
		rc_is = sqlite3_step(is);
		rc_should = sqlite3_step(should);
		if (rc_is == SQLITE_ROW && rc_should == SQLITE_ROW && strcmp(text_of(is, 0), text_of(should, 0)) == 0 &&
		    sql_same(text_of(is, 1), text_of(should, 1)))
			continue;
		if (rc_is == SQLITE_ROW || rc_should == SQLITE_ROW)
			snprintf(out_name, 64, "%s", text_of(rc_is == SQLITE_ROW ? is : should, 0));
	} while (rc_is == SQLITE_ROW && rc_should == SQLITE_ROW && !out_name[0]);
	int end_is = sqlite3_reset(is), end_should = sqlite3_reset(should);
	return end_is ? end_is : end_should;
}

/* A database in memory that is made from a schema now. */
static int fresh_open(const char *schema, sqlite3 **out_fresh)
{
	int rc = sqlite3_open_v2(":memory:", out_fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	return rc ? rc : run_sql(*out_fresh, schema);
}

static int compare(struct trail *trail, sqlite3 *fresh, const char *list, char out_name[64])
{
	sqlite3_stmt *is = NULL, *should = NULL;
	int rc = sqlite3_prepare_v2(fresh, list, -1, &should, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(trail->db, list, -1, &is, NULL);
	if (rc == SQLITE_OK)
		rc = schema_difference(is, should, out_name);
	sqlite3_finalize(is);
	sqlite3_finalize(should);
	return rc;
}

int schema_check(struct trail *trail, int format, char out_name[64])
{
	sqlite3 *fresh = NULL;
	int rc = fresh_open(format == 1 ? trail_schema_1 : trail_schema, &fresh);
	if (rc == SQLITE_OK)
		rc = compare(trail, fresh, "SELECT name, coalesce(sql, '') FROM sqlite_schema WHERE type <> 'view' ORDER BY name",
			     out_name);
	sqlite3_close(fresh);
	return rc;
}

/* ---- making ---- */

int schema_create(sqlite3 *db)
{
	int rc = run_sql(db, "PRAGMA page_size=" NUMBER_TEXT(PAGE_BYTES) "; PRAGMA journal_mode=WAL; BEGIN IMMEDIATE;");
	if (rc == SQLITE_OK)
		rc = run_sql(db, trail_schema);
	if (rc == SQLITE_OK)
		rc = run_sql(db, "PRAGMA application_id=" NUMBER_TEXT(TRAIL_APPLICATION_ID) "; PRAGMA user_version=" NUMBER_TEXT(
					 TRAIL_USER_VERSION) "; COMMIT;");
	return rc;
}

/* Runs on the trail the SQL that `query` makes of the schema of `from`, which is read to its end before. */
static int run_made(struct trail *trail, sqlite3 *from, const char *query)
{
	sqlite3_stmt *statement = NULL;
	char *sql = NULL;
	int rc = sqlite3_prepare_v2(from, query, -1, &statement, NULL);
	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		sql = sqlite3_mprintf("%s", text_of(statement, 0));
		rc = sql ? SQLITE_OK : SQLITE_NOMEM;
	}
	int end = sqlite3_finalize(statement);
	if (rc == SQLITE_OK && end == SQLITE_OK && sql)
		rc = run_sql(trail->db, sql);
	sqlite3_free(sql);
	return rc ? rc : end;
}

static int finish(struct trail *trail, int rc)
{
	if (rc == SQLITE_OK)
		rc = run_sql(trail->db, "COMMIT");
	if (rc && !sqlite3_get_autocommit(trail->db))
		(void)run_sql(trail->db, "ROLLBACK");
	return rc;
}

/* SQLite keeps the statements that made an object; an index that belongs to a table has none. */
static int missing_create(struct trail *trail)
{
	sqlite3 *fresh = NULL;
	int rc = fresh_open(trail_schema, &fresh);
	if (rc == SQLITE_OK)
		rc = run_made(
			trail, fresh,
			"SELECT group_concat(replace(replace(sql, 'CREATE TABLE ', 'CREATE TABLE IF NOT EXISTS '), "
			"'CREATE INDEX ', 'CREATE INDEX IF NOT EXISTS '), char(10) || ';') FROM (SELECT sql FROM sqlite_schema "
			"WHERE type <> 'view' AND sql IS NOT NULL ORDER BY rowid)");
	sqlite3_close(fresh);
	return rc;
}

int schema_upgrade(struct trail *trail)
{
	static const char doing[] = "bringing the trail to the format of this program";
	struct tree tree;
	int rc = run_sql(trail->db, "BEGIN IMMEDIATE");
	if (rc == SQLITE_OK)
		rc = missing_create(trail);
	int error = rc ? store_fail(trail, rc, doing) : nodes_fill(trail, &tree);
	if (error == 0)
		rc = run_sql(trail->db, "PRAGMA user_version=" NUMBER_TEXT(TRAIL_USER_VERSION));
	int end = finish(trail, error ? SQLITE_ABORT : rc);
	if (error)
		return error;
	if (end)
		return store_fail(trail, end, doing);
	trail->format = TRAIL_USER_VERSION;
	return 0;
}

static int views_renew(struct trail *trail, sqlite3 *fresh)
{
	int rc = run_sql(trail->db, "BEGIN IMMEDIATE");
	if (rc == SQLITE_OK)
		rc = run_made(
			trail, trail->db,
			"SELECT group_concat(printf('DROP VIEW \"%w\";', name), '') FROM sqlite_schema WHERE type = 'view'");
	if (rc == SQLITE_OK)
		rc = run_made(trail, fresh,
			      "SELECT group_concat(sql, char(10) || ';') FROM (SELECT sql FROM sqlite_schema WHERE type = 'view' "
			      "ORDER BY rowid)");
	return finish(trail, rc);
}

int schema_views(struct trail *trail)
{
	char name[64] = "";
	sqlite3 *fresh = NULL;
	int rc = fresh_open(trail_schema, &fresh);
	if (rc == SQLITE_OK)
		rc = compare(trail, fresh, "SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY name", name);
	if (rc == SQLITE_OK && name[0])
		rc = views_renew(trail, fresh);
	sqlite3_close(fresh);
	return rc;
}
