/* SPDX-License-Identifier: MIT */
#include "audit/schema.h"

#include <assert.h>
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

/* What one statement of a schema makes: the text is what SQLite keeps of it. */
struct object {
	const char *text;
	const char *end;
	const char *name;
	size_t name_bytes;
	bool view;
};

#define OBJECTS_MAX 64u

/* One character of SQL after the other, without comments and white space; 0 at the end. */
static char sql_next(const char **at, const char *end)
{
	while (*at < end) {
		if ((*at)[0] == '-' && (*at)[1] == '-')
			*at += strcspn(*at, "\n");
		else if (isspace((unsigned char)**at))
			(*at)++;
		else
			return *(*at)++;
	}
	return 0;
}

static bool sql_same(const struct object *should, const char *is)
{
	const char *a = should->text, *end = is + strlen(is);
	if (end - is == should->end - a && memcmp(is, a, (size_t)(end - is)) == 0)
		return true;
	for (;;) {
		char from_a = sql_next(&a, should->end), from_b = sql_next(&is, end);
		if (from_a != from_b)
			return false;
		if (!from_a)
			return true;
	}
}

/* The end of a statement: a semicolon that is in no comment and in no quotes. */
static const char *statement_end(const char *at)
{
	for (bool quoted = false; *at && (quoted || *at != ';'); at++) {
		if (!quoted && at[0] == '-' && at[1] == '-')
			at += strcspn(at, "\n") - 1;
		else if (*at == '\'')
			quoted = !quoted;
	}
	return at;
}

/* CREATE [UNIQUE] TABLE, INDEX or VIEW, and a name. False: there are no more statements. */
static bool object_next(const char **at, struct object *out_object)
{
	const char *begin = strstr(*at, "\nCREATE ");
	if (!begin)
		return false;
	begin++;
	const char *name = begin + strlen("CREATE ");
	if (strncmp(name, "UNIQUE ", strlen("UNIQUE ")) == 0)
		name += strlen("UNIQUE ");
	*out_object = (struct object){.text = begin, .end = statement_end(begin), .view = *name == 'V'};
	out_object->name = strchr(name, ' ') + 1;
	out_object->name_bytes = strcspn(out_object->name, " (");
	*at = out_object->end;
	return true;
}

static size_t objects_list(const char *schema, bool views, struct object out_object[OBJECTS_MAX])
{
	size_t count = 0;
	struct object object;
	while (object_next(&schema, &object)) {
		assert(count < OBJECTS_MAX);
		if (object.view == views)
			out_object[count++] = object;
	}
	return count;
}

static const char *text_of(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);
	return text ? (const char *)text : "";
}

/* The first in the order of names is told. */
static void difference_note(const char *name, size_t name_bytes, char out_name[64])
{
	char mine[64];
	snprintf(mine, sizeof(mine), "%.*s", (int)name_bytes, name);
	if (!out_name[0] || strcmp(mine, out_name) < 0)
		memcpy(out_name, mine, sizeof(mine));
}

/* An index that belongs to a table has no text of its own; the table's says all of it. */
static void row_compare(sqlite3_stmt *row, struct object *object, size_t count, char out_name[64])
{
	const char *name = text_of(row, 0);
	if (sqlite3_column_type(row, 1) == SQLITE_NULL && strncmp(name, "sqlite_autoindex_", strlen("sqlite_autoindex_")) == 0)
		return;
	for (size_t i = 0; i < count; i++) {
		if (!object[i].text || strlen(name) != object[i].name_bytes ||
		    memcmp(name, object[i].name, object[i].name_bytes) != 0 || !sql_same(&object[i], text_of(row, 1)))
			continue;
		object[i].text = NULL; /* found */
		return;
	}
	difference_note(name, strlen(name), out_name);
}

/* Compares what the database holds, views or all else, with the text of a schema. */
static int compare(struct trail *trail, const char *schema, bool views, char out_name[64])
{
	struct object object[OBJECTS_MAX];
	size_t count = objects_list(schema, views, object);
	sqlite3_stmt *row = NULL;
	out_name[0] = 0;
	int rc = sqlite3_prepare_v2(trail->db, "SELECT name, sql FROM sqlite_schema WHERE (type = 'view') = ?1", -1, &row, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int(row, 1, views);
	while (rc == SQLITE_OK && sqlite3_step(row) == SQLITE_ROW)
		row_compare(row, object, count, out_name);
	int end = sqlite3_finalize(row);
	for (size_t i = 0; i < count; i++)
		if (object[i].text)
			difference_note(object[i].name, object[i].name_bytes, out_name);
	return rc ? rc : end;
}

int schema_check(struct trail *trail, int format, char out_name[64])
{
	return compare(trail, format == 1 ? trail_schema_1 : trail_schema, false, out_name);
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

/* A database in memory that is made from a schema now. */
static int fresh_open(const char *schema, sqlite3 **out_fresh)
{
	int rc = sqlite3_open_v2(":memory:", out_fresh, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	return rc ? rc : run_sql(*out_fresh, schema);
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
			"'CREATE INDEX ', 'CREATE INDEX IF NOT EXISTS '), ';' || char(10)) FROM (SELECT sql FROM sqlite_schema "
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

static int views_renew(struct trail *trail)
{
	sqlite3 *fresh = NULL;
	int rc = fresh_open(trail_schema, &fresh);
	if (rc == SQLITE_OK)
		rc = run_sql(trail->db, "BEGIN IMMEDIATE");
	if (rc == SQLITE_OK)
		rc = run_made(
			trail, trail->db,
			"SELECT group_concat(printf('DROP VIEW \"%w\";', name), '') FROM sqlite_schema WHERE type = 'view'");
	if (rc == SQLITE_OK)
		rc = run_made(trail, fresh,
			      "SELECT group_concat(sql, ';' || char(10)) FROM (SELECT sql FROM sqlite_schema WHERE type = 'view' "
			      "ORDER BY rowid)");
	rc = finish(trail, rc);
	sqlite3_close(fresh);
	return rc;
}

int schema_views(struct trail *trail)
{
	char name[64];
	int rc = compare(trail, trail_schema, true, name);
	return rc == SQLITE_OK && name[0] ? views_renew(trail) : rc;
}
