/* SPDX-License-Identifier: MIT */
#include "mutant.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sodium.h>
#include <unistd.h>

void stop(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

/* ---- the file ---- */

static uint8_t *file_read(const char *path, size_t *out_bytes)
{
	FILE *file = fopen(path, "rb");
	uint8_t *at;
	long bytes;

	if (!file || fseek(file, 0, SEEK_END) || (bytes = ftell(file)) < 0 || fseek(file, 0, SEEK_SET))
		stop("%s cannot be read", path);
	at = malloc((size_t)bytes + 1);
	if (!at || fread(at, 1, (size_t)bytes, file) != (size_t)bytes)
		stop("%s cannot be read", path);
	fclose(file);
	*out_bytes = (size_t)bytes;
	return at;
}

void mutant_restore(struct mutant *mutant)
{
	int fd = open(mutant->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	size_t from = mutant->flipped ? mutant->flipped - 1 : 0, bytes = mutant->flipped ? 1 : mutant->bytes;

	if (fd < 0 || ftruncate(fd, (off_t)mutant->bytes) ||
	    pwrite(fd, mutant->image + from, bytes, (off_t)from) != (ssize_t)bytes || close(fd))
		stop("%s cannot be written", mutant->path);
	mutant->flipped = 0;
}

uint64_t mutant_random(struct mutant *mutant, uint64_t below)
{
	mutant->random ^= mutant->random << 13;
	mutant->random ^= mutant->random >> 7;
	mutant->random ^= mutant->random << 17;
	return mutant->random * 0x2545f4914f6cdd1du % below;
}

/* ---- SQL ---- */

void mutant_open(struct mutant *mutant)
{
	if (sqlite3_open(mutant->path, &mutant->db) ||
	    sqlite3_exec(mutant->db, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA foreign_keys=OFF", NULL, NULL,
			 NULL))
		stop("%s cannot be opened", mutant->path);
}

void mutant_close(struct mutant *mutant)
{
	sqlite3_close(mutant->db);
	mutant->db = NULL;
}

int mutant_run(struct mutant *mutant, const char *format, ...)
{
	va_list arguments;
	char *sql;
	int before = sqlite3_total_changes(mutant->db), rc;

	va_start(arguments, format);
	sql = sqlite3_vmprintf(format, arguments);
	va_end(arguments);
	rc = sqlite3_exec(mutant->db, sql, NULL, NULL, NULL);
	sqlite3_free(sql);
	return rc ? 0 : sqlite3_total_changes(mutant->db) - before;
}

int64_t mutant_number(struct mutant *mutant, const char *format, ...)
{
	va_list arguments;
	sqlite3_stmt *statement;
	int64_t number = 0;
	char *sql;

	va_start(arguments, format);
	sql = sqlite3_vmprintf(format, arguments);
	va_end(arguments);
	if (sqlite3_prepare_v2(mutant->db, sql, -1, &statement, NULL))
		stop("%s: %s", sql, sqlite3_errmsg(mutant->db));
	if (sqlite3_step(statement) == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_free(sql);
	return number;
}

uint64_t mutant_size_of(struct mutant *mutant, uint64_t checkpoint)
{
	return (uint64_t)mutant_number(mutant, "SELECT size FROM checkpoints WHERE number = %lld", (long long)checkpoint);
}

uint64_t mutant_checkpoint_over(struct mutant *mutant, uint64_t seq)
{
	return (uint64_t)mutant_number(mutant, "SELECT min(number) FROM checkpoints WHERE size >= %lld", (long long)seq);
}

/* ---- what is in it ---- */

static struct span column_copy(sqlite3_stmt *statement, int column, uint8_t **room)
{
	struct span span = {*room, (size_t)sqlite3_column_bytes(statement, column)};

	if (span.bytes)
		memcpy(*room, sqlite3_column_blob(statement, column), span.bytes);
	*room += span.bytes;
	return span;
}

static void record_copy(struct record_copy *copy, sqlite3_stmt *statement)
{
	uint8_t *room;
	int column = 1;

	copy->room = room = malloc(4096);
	if (!room)
		stop("out of memory");
	copy->row.seq = (uint64_t)sqlite3_column_int64(statement, 0);
#define COPY_NUMBER(name) copy->row.name = (uint64_t)sqlite3_column_int64(statement, column++);
#define COPY_SPAN(name)   copy->row.name = column_copy(statement, column++, &room);
	ROW_COLUMNS(COPY_NUMBER, COPY_SPAN, COPY_SPAN, COPY_SPAN, COPY_SPAN)
	copy->row.chain = column_copy(statement, column, &room);
}

static void records_copy(struct mutant *mutant)
{
	sqlite3_stmt *statement;

	mutant->records = calloc(mutant->last + 1, sizeof(*mutant->records));
	if (!mutant->records || sqlite3_prepare_v2(mutant->db, "SELECT * FROM records ORDER BY seq", -1, &statement, NULL))
		stop("the records cannot be read");
	for (uint64_t seq = 1; seq <= mutant->last && sqlite3_step(statement) == SQLITE_ROW; seq++)
		record_copy(&mutant->records[seq], statement);
	sqlite3_finalize(statement);
}

void mutant_init(struct mutant *mutant, const char *folder, const char *scratch, const char *name)
{
	char path[512], why[512];

	*mutant = (struct mutant){.random = 88172645463325252u};
	snprintf(path, sizeof(path), "%s/trail.db", folder);
	mutant->image = file_read(path, &mutant->bytes);
	snprintf(mutant->path, sizeof(mutant->path), "%s/%s.db", scratch, name);
	snprintf(mutant->mirror, sizeof(mutant->mirror), "%s/mirror.txt", folder);
	snprintf(mutant->older, sizeof(mutant->older), "%s/older.db", folder);
	snprintf(path, sizeof(path), "%s/log.pub", folder);
	if (!keys_of_file(path, &mutant->keys, why))
		stop("%s", why);
	mutant_restore(mutant);
	mutant_open(mutant);
	mutant->last = (uint64_t)mutant_number(mutant, "SELECT max(seq) FROM records");
	mutant->checkpoints = (uint64_t)mutant_number(mutant, "SELECT max(number) FROM checkpoints");
	mutant->sealed = mutant_size_of(mutant, mutant->checkpoints);
	mutant->mirrored = mutant_size_of(mutant, mutant->checkpoints / 2 * 2); /* every second one is */
	records_copy(mutant);
	mutant_close(mutant);
}

void mutant_release(struct mutant *mutant)
{
	for (uint64_t seq = 1; mutant->records && seq <= mutant->last; seq++)
		free(mutant->records[seq].room);
	free(mutant->records);
	free(mutant->image);
	unlink(mutant->path);
}

/* ---- comparing everything ---- */

static void value_add(crypto_generichash_state *state, sqlite3_stmt *statement, int column)
{
	uint8_t type = (uint8_t)sqlite3_column_type(statement, column);
	int64_t number = sqlite3_column_int64(statement, column);
	double real = sqlite3_column_double(statement, column);
	const void *at = type == SQLITE_TEXT || type == SQLITE_BLOB ? sqlite3_column_blob(statement, column) : NULL;
	uint64_t bytes = at ? (uint64_t)sqlite3_column_bytes(statement, column) : 0;

	crypto_generichash_update(state, &type, 1);
	if (type == SQLITE_INTEGER)
		crypto_generichash_update(state, (const uint8_t *)&number, sizeof(number));
	else if (type == SQLITE_FLOAT)
		crypto_generichash_update(state, (const uint8_t *)&real, sizeof(real));
	crypto_generichash_update(state, (const uint8_t *)&bytes, sizeof(bytes));
	if (bytes)
		crypto_generichash_update(state, at, bytes);
}

static bool rows_add(sqlite3 *db, const char *sql, crypto_generichash_state *state)
{
	sqlite3_stmt *statement;
	int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		for (int column = 0; column < sqlite3_column_count(statement); column++)
			value_add(state, statement, column);
		rc = SQLITE_OK;
	}
	return sqlite3_finalize(statement) == SQLITE_OK && rc == SQLITE_DONE;
}

bool mutant_print(const char *path, uint8_t out_print[SUM_BYTES])
{
	/* Tables are scanned whole and not through an index; NOT INDEXED says so. */
	static const char *const all[] = {"SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name",
					  "PRAGMA application_id",
					  "PRAGMA user_version",
					  "SELECT * FROM records NOT INDEXED ORDER BY seq",
					  "SELECT * FROM payloads NOT INDEXED ORDER BY seq",
					  "SELECT * FROM tasks NOT INDEXED ORDER BY request_seq",
					  "SELECT * FROM snapshots NOT INDEXED ORDER BY seq",
					  "SELECT * FROM nodes ORDER BY level, number",
					  "SELECT * FROM checkpoints NOT INDEXED ORDER BY number",
					  "SELECT * FROM erasures NOT INDEXED ORDER BY seq"};
	crypto_generichash_state state;
	char uri[512];
	sqlite3 *db;
	bool fine;

	snprintf(uri, sizeof(uri), "file:%s?mode=ro&immutable=1", path);
	fine = sqlite3_open_v2(uri, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) == SQLITE_OK;
	crypto_generichash_init(&state, NULL, 0, SUM_BYTES);
	for (size_t i = 0; fine && i < sizeof(all) / sizeof(all[0]); i++)
		fine = rows_add(db, all[i], &state);
	crypto_generichash_final(&state, out_print, SUM_BYTES);
	sqlite3_close(db);
	return fine;
}
