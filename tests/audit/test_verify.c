/* SPDX-License-Identifier: MIT
 *
 * Whatever is changed in a trail behind its back is found, and the first bad row is named.
 *
 * The changes are made with a connection that knows no rules: foreign keys off, constraints off, any column of any table.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "audit/receipt.h"
#include "audit/store.h"
#include "story.h"

#define RECORDS 600u
#define SEALED  50u /* records between two checkpoints */

static struct place place;
static struct log_keys keys;
static sqlite3 *db;

__attribute__((format(printf, 1, 2))) static void execute(const char *format, ...)
{
	char sql[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(sql, sizeof(sql), format, arguments);
	va_end(arguments);
	char *error = NULL;
	if (sqlite3_exec(db, sql, NULL, NULL, &error))
		fail_msg("%s: %s", sql, error);
}

__attribute__((format(printf, 1, 2))) static uint64_t number(const char *format, ...)
{
	char sql[1024];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(sql, sizeof(sql), format, arguments);
	va_end(arguments);
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	uint64_t result = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return result;
}

static int setup(void **state)
{
	(void)state;
	place_make(&place);
	story_write_sealed(&place, 21, RECORDS, SEALED);
	read_keys(&place, &keys);
	assert_int_equal(sqlite3_open(place.trail, &db), SQLITE_OK);
	execute("PRAGMA ignore_check_constraints=ON; PRAGMA foreign_keys=OFF; PRAGMA synchronous=OFF;");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sqlite3_close(db);
	place_remove(&place);
	return 0;
}

static int verify(struct trail_verdict *out_verdict)
{
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	int rc = trail_verify_sealed(trail, 0, &keys, out_verdict);
	trail_close(trail);
	return rc;
}

/* What was done must be found at one of two rows: where it was, or where a changed key has moved it to. */
static void assert_found(const char *what, uint64_t row, uint64_t or_row)
{
	struct trail_verdict verdict;
	int rc = verify(&verdict);
	if (rc != ERR_CORRUPT)
		fail_msg("%s: verify says %d", what, rc);
	if (verdict.bad_seq != row && verdict.bad_seq != or_row)
		fail_msg("%s: expected row %llu, named was %llu: %s", what, (unsigned long long)row,
			 (unsigned long long)verdict.bad_seq, verdict.why);
	assert_true(strlen(verdict.why) > 10);
}

static void assert_clean(void)
{
	struct trail_verdict verdict;
	if (verify(&verdict))
		fail_msg("record %llu: %s", (unsigned long long)verdict.bad_seq, verdict.why);
	assert_int_equal(verdict.records, RECORDS);
	assert_int_equal(verdict.last_seq, RECORDS);
}

/* ---- one bit of one column ---- */

static const struct {
	const char *table;
	const char *key;
} tables[] = {{"records", "seq"},   {"payloads", "seq"}, {"tasks", "request_seq"},
	      {"snapshots", "seq"}, {"nodes", "number"}, {"checkpoints", "number"}};

/* Flips a bit of a value of any type. False if the value has no bits: NULL, or an empty one. */
static bool flip(sqlite3_value *value, uint64_t random, sqlite3_stmt *update)
{
	uint8_t copy[4096];
	int bytes = sqlite3_value_bytes(value);
	switch (sqlite3_value_type(value)) {
	case SQLITE_INTEGER:
		sqlite3_bind_int64(update, 1, (int64_t)((uint64_t)sqlite3_value_int64(value) ^ (uint64_t)1 << random % 64));
		return true;
	case SQLITE_BLOB:
	case SQLITE_TEXT:
		if (!bytes)
			return false;
		assert_true((size_t)bytes <= sizeof(copy));
		memcpy(copy, sqlite3_value_blob(value), (size_t)bytes);
		copy[random / 8 % (unsigned)bytes] ^= (uint8_t)(1u << random % 8);
		if (sqlite3_value_type(value) == SQLITE_BLOB)
			sqlite3_bind_blob(update, 1, copy, bytes, SQLITE_TRANSIENT);
		else
			sqlite3_bind_text(update, 1, (const char *)copy, bytes, SQLITE_TRANSIENT);
		return true;
	}
	return false;
}

/* Puts `value` or a flipped copy of it into a cell. */
static bool cell_set(size_t table, const char *column, uint64_t row, sqlite3_value *value, bool flipped, uint64_t random)
{
	char sql[256];
	sqlite3_stmt *update;
	snprintf(sql, sizeof(sql), "UPDATE %s SET %s = ?1 WHERE %s = %lld", tables[table].table, column, tables[table].key,
		 (long long)row);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &update, NULL), SQLITE_OK);
	bool changed = true;
	if (flipped)
		changed = flip(value, random, update);
	else
		sqlite3_bind_value(update, 1, value);
	/* A key that is taken already is no change; neither is a value without bits. */
	if (changed)
		changed = sqlite3_step(update) == SQLITE_DONE && sqlite3_changes(db) == 1;
	sqlite3_finalize(update);
	return changed;
}

static sqlite3_value *cell_get(size_t table, const char *column, uint64_t row)
{
	char sql[256];
	sqlite3_stmt *select;
	snprintf(sql, sizeof(sql), "SELECT %s FROM %s WHERE %s = %lld", column, tables[table].table, tables[table].key,
		 (long long)row);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &select, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(select), SQLITE_ROW);
	sqlite3_value *value = sqlite3_value_dup(sqlite3_column_value(select, 0));
	sqlite3_finalize(select);
	return value;
}

/* Which records are named when a cell has changed: those of its row; of a node the last below it; of a checkpoint the last it covers. A
 * checkpoint that covers another number of records is found where it is now, or missed by the one after it. */
static void named(size_t table, const char *column, uint64_t row, uint64_t moved, sqlite3_value *value, uint64_t random,
		  uint64_t *out_row, uint64_t *out_or_row)
{
	*out_row = row;
	*out_or_row = moved;
	if (strcmp(tables[table].table, "nodes") == 0)
		*out_row = *out_or_row = (row + 1) * 256;
	if (strcmp(tables[table].table, "checkpoints") != 0)
		return;
	uint64_t size = row * SEALED;
	*out_row = *out_or_row = size;
	if (strcmp(column, "size") != 0)
		return;
	*out_row = size + SEALED;
	*out_or_row = (uint64_t)sqlite3_value_int64(value) ^ (uint64_t)1 << random % 64;
}

/* Returns whether there was a bit to flip; if so it was found, and the cell is again what it was. */
static bool try_bit(struct story *story, size_t table, const char *column, uint64_t row)
{
	char what[128];
	bool key = strcmp(column, tables[table].key) == 0;
	uint64_t random = story_random(story, UINT64_MAX);
	sqlite3_value *value = cell_get(table, column, row);
	bool changed = cell_set(table, column, row, value, true, random);
	uint64_t moved = key ? row ^ (uint64_t)1 << random % 64 : row;
	if (changed) {
		uint64_t here, or_here;
		snprintf(what, sizeof(what), "%s.%s of %llu", tables[table].table, column, (unsigned long long)row);
		named(table, column, row, moved, value, random, &here, &or_here);
		assert_found(what, here, or_here);
		assert_true(cell_set(table, column, moved, value, false, 0));
	}
	sqlite3_value_free(value);
	return changed;
}

static uint64_t some_row(struct story *story, size_t table)
{
	uint64_t rows = number("SELECT count(*) FROM %s", tables[table].table);
	return number("SELECT %s FROM %s ORDER BY 1 LIMIT 1 OFFSET %llu", tables[table].key, tables[table].table,
		      (unsigned long long)story_random(story, rows));
}

static unsigned try_column(struct story *story, size_t table, const char *column, unsigned wanted)
{
	unsigned flipped = 0;
	for (unsigned i = 0; flipped < wanted && i < wanted * 40; i++)
		flipped += try_bit(story, table, column, some_row(story, table));
	if (flipped < wanted)
		fail_msg("%s.%s: only %u bits could be flipped", tables[table].table, column, flipped);
	return flipped;
}

static void test_one_flipped_bit_in_any_column_is_found_and_named(void **state)
{
	(void)state;
	const char *floor_text = getenv("AUDIT_FLIPS"); /* per column; the deep run asks for more */
	unsigned wanted = floor_text ? (unsigned)atoi(floor_text) : 25;
	unsigned flips = 0, columns = 0;
	struct story story;
	story_init(&story, 22);
	for (size_t table = 0; table < sizeof(tables) / sizeof(tables[0]); table++) {
		sqlite3_stmt *statement;
		char sql[128];
		snprintf(sql, sizeof(sql), "SELECT name FROM pragma_table_info('%s')", tables[table].table);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
		while (sqlite3_step(statement) == SQLITE_ROW) {
			flips += try_column(&story, table, (const char *)sqlite3_column_text(statement, 0), wanted);
			columns++;
		}
		sqlite3_finalize(statement);
	}
	assert_int_equal(columns, 23 + 3 + 7 + 1 + 3 + 3);
	assert_clean(); /* every flip was taken back */
	print_message("%u bits flipped in %u columns, every one found\n", flips, columns);
}

/* ---- what looks the same and is not ---- */

static void test_a_value_that_only_hashes_the_same_is_found(void **state)
{
	(void)state;
	static const char *const values[] = {"x''", "x'00000000000000000000000000000000'"};
	for (size_t i = 0; i < 2; i++) {
		uint64_t row = number("SELECT seq FROM records WHERE key_hash IS NULL LIMIT 1 OFFSET 7");
		execute("UPDATE records SET key_hash = %s WHERE seq = %llu", values[i], (unsigned long long)row);
		assert_found("an absent id as a blob", row, row);
		execute("UPDATE records SET key_hash = NULL WHERE seq = %llu", (unsigned long long)row);
	}
	uint64_t row = number("SELECT seq FROM records WHERE payload_seq = 0 AND commitment IS NULL LIMIT 1");
	execute("UPDATE records SET commitment = zeroblob(32) WHERE seq = %llu", (unsigned long long)row);
	assert_found("an absent commitment as zeros", row, row);
	execute("UPDATE records SET commitment = NULL WHERE seq = %llu", (unsigned long long)row);
	row = number("SELECT seq FROM records WHERE peer <> '' LIMIT 1");
	execute("UPDATE records SET peer = peer || char(0) || 'more' WHERE seq = %llu", (unsigned long long)row);
	assert_found("text behind a NUL", row, row);
}

/* ---- rows ---- */

static void test_a_removed_row_is_missed(void **state)
{
	(void)state;
	static const uint64_t rows[] = {1, 2, 57, RECORDS / 2, RECORDS - 1};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		execute("BEGIN; CREATE TEMP TABLE kept AS SELECT * FROM records WHERE seq = %llu; DELETE FROM records WHERE seq "
			"= %llu; "
			"COMMIT;",
			(unsigned long long)rows[i], (unsigned long long)rows[i]);
		assert_found("a removed record", rows[i], rows[i]);
		execute("INSERT INTO records SELECT * FROM kept; DROP TABLE kept;");
	}
	assert_clean();
	static const char *const side[] = {"payloads", "tasks", "snapshots"};
	for (size_t i = 0; i < 3; i++) {
		const char *key = i == 1 ? "request_seq" : "seq";
		uint64_t row = number("SELECT %s FROM %s LIMIT 1 OFFSET 3", key, side[i]);
		execute("BEGIN; CREATE TEMP TABLE kept AS SELECT * FROM %s WHERE %s = %llu; DELETE FROM %s WHERE %s = %llu; "
			"COMMIT;",
			side[i], key, (unsigned long long)row, side[i], key, (unsigned long long)row);
		assert_found(side[i], row, row);
		execute("INSERT INTO %s SELECT * FROM kept; DROP TABLE kept;", side[i]);
	}
	assert_clean();
}

static void test_a_removed_node_or_checkpoint_is_missed(void **state)
{
	(void)state;
	execute("CREATE TEMP TABLE kept AS SELECT * FROM nodes WHERE number = 1; DELETE FROM nodes WHERE number = 1");
	assert_found("a removed node", 512, 512);
	execute("INSERT INTO nodes SELECT * FROM kept; DROP TABLE kept;");
	for (unsigned checkpoint = 1; checkpoint < RECORDS / SEALED; checkpoint++) {
		execute("CREATE TEMP TABLE kept AS SELECT * FROM checkpoints WHERE number = %u; DELETE FROM checkpoints WHERE "
			"number = %u",
			checkpoint, checkpoint);
		assert_found("a removed checkpoint", (checkpoint + 1) * SEALED, 0);
		struct trail_verdict without_keys;
		struct trail *trail = open_trail(place.trail, TRAIL_READ);
		assert_int_equal(trail_verify(trail, 0, &without_keys), ERR_CORRUPT);
		assert_non_null(strstr(without_keys.why, "is missing"));
		trail_close(trail);
		execute("INSERT INTO checkpoints SELECT * FROM kept; DROP TABLE kept;");
	}
	assert_clean();
	/* Without the last, or without any, it is a trail whose end is not sealed yet: how much, is said. */
	struct trail_verdict verdict;
	execute("DELETE FROM checkpoints WHERE number = %u", RECORDS / SEALED);
	assert_int_equal(verify(&verdict), 0);
	assert_int_equal(verdict.sealed_seq, RECORDS - SEALED);
	assert_int_equal(verdict.checkpoints, RECORDS / SEALED - 1);
	execute("DELETE FROM checkpoints");
	assert_int_equal(verify(&verdict), 0);
	assert_int_equal(verdict.sealed_seq, 0);
}

static void test_a_checkpoint_in_the_place_of_another_is_found(void **state)
{
	(void)state;
	/* Their notes exchanged; then one moved to where nothing was sealed. */
	execute("CREATE TEMP TABLE kept AS SELECT * FROM checkpoints; UPDATE checkpoints SET note = (SELECT note FROM kept WHERE "
		"kept.number = 11 - checkpoints.number) WHERE number IN (5, 6)");
	assert_found("exchanged notes", 5 * SEALED, 5 * SEALED);
	execute("DELETE FROM checkpoints; INSERT INTO checkpoints SELECT * FROM kept;");
	execute("UPDATE checkpoints SET size = size - 1 WHERE number = 4");
	assert_found("a moved checkpoint", 4 * SEALED - 1, 4 * SEALED - 1);
	execute("DELETE FROM checkpoints; INSERT INTO checkpoints SELECT * FROM kept;");
	/* All there, in another order of numbers. */
	execute("DELETE FROM checkpoints WHERE number IN (7, 8); INSERT INTO checkpoints SELECT 15 - number, size, note FROM "
		"kept WHERE "
		"number IN (7, 8)");
	assert_found("renumbered checkpoints", 7 * SEALED, 7 * SEALED);
	execute("DELETE FROM checkpoints; INSERT INTO checkpoints SELECT * FROM kept; DROP TABLE kept;");
	assert_clean();
}

static void test_an_added_row_is_found(void **state)
{
	(void)state;
	uint64_t row = number("SELECT seq FROM records WHERE payload_seq = 0 LIMIT 1 OFFSET 9");
	execute("INSERT INTO payloads VALUES(%llu, zeroblob(32), x'c0')", (unsigned long long)row);
	assert_found("a payload of nobody", row, row);
	execute("DELETE FROM payloads WHERE seq = %llu", (unsigned long long)row);
	execute("INSERT INTO tasks VALUES(%llu, randomblob(16), NULL, NULL, 0, 0, 0)", (unsigned long long)row);
	assert_found("a task of nobody", row, row);
	execute("DELETE FROM tasks WHERE request_seq = %llu", (unsigned long long)row);
	execute("INSERT INTO snapshots VALUES(%llu)", (unsigned long long)row);
	assert_found("a snapshot that is none", row, row);
	execute("DELETE FROM snapshots WHERE seq = %llu", (unsigned long long)row);
	/* Beside the last record there is no later one to notice. */
	assert_int_equal(number("SELECT payload_seq = seq OR type = %d FROM records WHERE seq = %u", MESSAGE_SNAPSHOT, RECORDS),
			 0);
	execute("INSERT INTO payloads VALUES(%u, zeroblob(32), x'c0')", RECORDS);
	assert_found("a payload of nobody at the end", RECORDS, RECORDS);
	execute("DELETE FROM payloads WHERE seq = %u; INSERT INTO snapshots VALUES(%u);", RECORDS, RECORDS);
	assert_found("a snapshot that is none at the end", RECORDS, RECORDS);
	execute("DELETE FROM snapshots WHERE seq = %u", RECORDS);
	execute("INSERT INTO payloads VALUES(%u, zeroblob(32), x'c0')", RECORDS + 5);
	assert_found("a payload behind the end", RECORDS + 5, RECORDS + 5);
	execute("DELETE FROM payloads WHERE seq > %u", RECORDS);
	execute("CREATE TEMP TABLE copy AS SELECT * FROM records WHERE seq = %u; UPDATE copy SET seq = seq + 1; INSERT INTO "
		"records SELECT "
		"* FROM copy;",
		RECORDS);
	assert_found("a copied record at the end", RECORDS + 1, RECORDS + 1);
	execute("DELETE FROM records WHERE seq > %u", RECORDS);
	static const char *const nodes[] = {"8, 2", "16, 0", "9, 0", "0, 0", "8, -1", "72, 0", "-8, 0"};
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		execute("INSERT INTO nodes SELECT %s, hash FROM nodes WHERE number = 0", nodes[i]);
		assert_found("a node over what is not there", RECORDS, RECORDS);
		execute("DELETE FROM nodes WHERE NOT (level = 8 AND number IN (0, 1))");
	}
	execute("INSERT INTO checkpoints SELECT number + 1, size + 1, note FROM checkpoints ORDER BY number DESC LIMIT 1");
	assert_found("a checkpoint behind the end", RECORDS + 1, RECORDS + 1);
	execute("DELETE FROM checkpoints WHERE size > %u; INSERT INTO checkpoints SELECT 0, 0, note FROM checkpoints WHERE "
		"number = 1",
		RECORDS);
	assert_found("a checkpoint before the beginning", 0, 0);
	execute("DELETE FROM checkpoints WHERE size < 1");
	assert_clean();
}

static void test_two_rows_that_changed_places_are_found(void **state)
{
	(void)state;
	static const uint64_t pairs[][2] = {{1, 2}, {40, 41}, {30, 300}, {RECORDS - 1, RECORDS}};
	for (size_t i = 0; i < 4; i++) {
		unsigned long long a = pairs[i][0], b = pairs[i][1];
		for (unsigned twice = 0; twice < 2; twice++) {
			execute("BEGIN; UPDATE records SET seq = -7 WHERE seq = %llu; UPDATE records SET seq = %llu WHERE seq = "
				"%llu; "
				"UPDATE records SET seq = %llu WHERE seq = -7; COMMIT;",
				a, a, b, b);
			if (!twice)
				assert_found("swapped records", a, a);
		}
	}
	assert_clean();
}

static void test_a_payload_of_another_record_is_found(void **state)
{
	(void)state;
	uint64_t a = number("SELECT seq FROM payloads LIMIT 1 OFFSET 10"),
		 b = number("SELECT seq FROM payloads LIMIT 1 OFFSET 20");
	execute("BEGIN; UPDATE payloads SET seq = -7 WHERE seq = %llu; UPDATE payloads SET seq = %llu WHERE seq = %llu; UPDATE "
		"payloads "
		"SET seq = %llu WHERE seq = -7; COMMIT;",
		(unsigned long long)a, (unsigned long long)a, (unsigned long long)b, (unsigned long long)b);
	assert_found("swapped payloads", a, a);
}

/* With salt and commitment: everything about the payload fits together, but not with the chain. */
static void test_a_payload_exchanged_with_its_commitment_is_found(void **state)
{
	(void)state;
	static const char owners[] =
		"SELECT seq FROM records WHERE verdict <> 0 AND payload_seq = seq ORDER BY seq LIMIT 1 OFFSET %d";
	char sql[128];
	snprintf(sql, sizeof(sql), owners, 0);
	unsigned long long a = number("%s", sql);
	snprintf(sql, sizeof(sql), owners, 1);
	unsigned long long b = number("%s", sql);
	execute("BEGIN; UPDATE payloads SET seq = -7 WHERE seq = %llu; UPDATE payloads SET seq = %llu WHERE seq = %llu; UPDATE "
		"payloads "
		"SET seq = %llu WHERE seq = -7; CREATE TEMP TABLE kept AS SELECT seq, commitment FROM records; UPDATE records "
		"SET "
		"commitment = (SELECT commitment FROM kept WHERE kept.seq = %llu + %llu - records.seq) WHERE seq IN (%llu, "
		"%llu); "
		"COMMIT;",
		a, a, b, b, a, b, a, b);
	assert_found("an exchanged payload", a, a);
}

static int take_entry(void *context, const struct trail_entry *entry)
{
	struct trail_entry *out = context;
	*out = *entry;
	return 0;
}

/* Whoever changes a record and gives it the right chain value must do so for every later one: the next does not fit. */
static void test_a_record_with_a_forged_chain_value_does_not_carry_the_next(void **state)
{
	(void)state;
	struct recorder recorder = {0};
	struct trail_entry before, entry;
	struct hash forged;
	struct trail_query query = {.after_seq = 108, .through_seq = 109};
	sqlite3_stmt *update;
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(recorder_init(&recorder), 0);
	assert_int_equal(trail_read(trail, &query, take_entry, &before), 0);
	query = (struct trail_query){.after_seq = 109, .through_seq = 110};
	assert_int_equal(trail_read(trail, &query, take_entry, &entry), 0);
	trail_close(trail);
	/* The bytes that were read are gone; a record without any is forged instead. */
	entry.header = entry.facts = (struct bytes){0};
	assert_int_equal(record_chain(&recorder, &entry, &before.chain, &forged), 0);
	assert_int_equal(sqlite3_prepare_v2(db, "UPDATE records SET header = x'', facts = x'', chain = ?1 WHERE seq = 110", -1,
					    &update, NULL),
			 SQLITE_OK);
	sqlite3_bind_blob(update, 1, forged.bytes, sizeof(forged.bytes), SQLITE_STATIC);
	assert_int_equal(sqlite3_step(update), SQLITE_DONE);
	sqlite3_finalize(update);
	recorder_release(&recorder);
	assert_found("a forged record", 111, 111);
}

static void test_an_erased_payload_is_missed_as_long_as_no_erasure_is_on_record(void **state)
{
	(void)state;
	uint64_t row = number("SELECT seq FROM payloads LIMIT 1 OFFSET 10");
	execute("UPDATE payloads SET body = NULL, salt = NULL WHERE seq = %llu", (unsigned long long)row);
	assert_found("an erased payload", row, row);
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	struct buffer buffer = {0};
	assert_int_equal(trail_payload(trail, row, &buffer), ERR_NOT_FOUND);
	trail_close(trail);
}

/* What a trail alone cannot show: a shorter one is a trail. A note that was kept elsewhere tells. */
static void test_a_tail_that_was_cut_off_shows_in_a_note_that_was_kept(void **state)
{
	(void)state;
	struct trail_verdict whole, cut;
	struct trail_checkpoint kept;
	char why[256];
	assert_int_equal(verify(&whole), 0);
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(trail_checkpoint_last(trail, &kept), 0);
	assert_int_equal(trail_check_note(trail, kept.note, strlen(kept.note), &keys, why), 0);
	trail_close(trail);
	execute("DELETE FROM records WHERE seq > 300; DELETE FROM payloads WHERE seq > 300; DELETE FROM snapshots WHERE seq > "
		"300; "
		"DELETE FROM tasks WHERE request_seq > 300; DELETE FROM checkpoints WHERE size > 300;");
	sqlite3_close(db);
	trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_rebuild_index(trail), 0);
	assert_int_equal(trail_check_note(trail, kept.note, strlen(kept.note), &keys, why), ERR_CORRUPT);
	assert_non_null(strstr(why, "shorter than what was mirrored"));
	trail_close(trail);
	assert_int_equal(sqlite3_open(place.trail, &db), SQLITE_OK);
	assert_int_equal(verify(&cut), 0);
	assert_int_equal(cut.last_seq, 300);
	assert_int_equal(cut.sealed_seq, 300);
	assert_memory_not_equal(&whole.head, &cut.head, sizeof(cut.head));
}

/* ---- verifying a part ---- */

static void test_a_part_can_be_verified_after_a_record_that_is_trusted(void **state)
{
	(void)state;
	struct trail_verdict whole, part;
	assert_int_equal(verify(&whole), 0);
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	for (uint64_t after = 1; after <= RECORDS; after++) {
		assert_int_equal(trail_verify_sealed(trail, after, &keys, &part), 0);
		assert_int_equal(part.checkpoints, RECORDS / SEALED - after / SEALED);
		assert_int_equal(part.sealed_seq, RECORDS);
		assert_int_equal(part.first_seq, after + 1);
		assert_int_equal(part.records, RECORDS - after);
		assert_memory_equal(&part.head, &whole.head, sizeof(whole.head));
	}
	assert_int_equal(trail_verify(trail, RECORDS + 1, &part), ERR_NOT_FOUND);
	execute("UPDATE records SET wall_ms = wall_ms + 1 WHERE seq IN (100, 200)");
	assert_int_equal(trail_verify(trail, 99, &part), ERR_CORRUPT);
	assert_int_equal(part.bad_seq, 100);
	assert_int_equal(trail_verify(trail, 100, &part), ERR_CORRUPT);
	assert_int_equal(part.bad_seq, 200);
	assert_int_equal(trail_verify(trail, 200, &part), 0);
	trail_close(trail);
}

/* ---- bytes of the file ---- */

static void page_damage(uint64_t page, struct story *story)
{
	uint8_t byte;
	int fd = open(place.trail, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	off_t at = (off_t)(page * PAGE_BYTES + 200 + story_random(story, PAGE_BYTES - 200));
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= (uint8_t)(1u << story_random(story, 8));
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* A flipped bit on any page of a table ends in a report, never in a crash or in "clean" where a column was hit. Pages that hold
 * no cell at that place may be hit without harm; trail_check_file and trail_verify together say so. */
static void test_damaged_pages_are_reported_and_crash_nothing(void **state)
{
	(void)state;
	struct story story;
	unsigned found = 0, rounds = 0;
	char why[256];
	execute("PRAGMA wal_checkpoint(TRUNCATE)");
	uint64_t pages = number("PRAGMA page_count");
	sqlite3_close(db);
	db = NULL;
	char *image = malloc(pages * PAGE_BYTES);
	int fd = open(place.trail, O_RDWR | O_CLOEXEC);
	assert_int_equal(pread(fd, image, pages * PAGE_BYTES, 0), pages * PAGE_BYTES);
	story_init(&story, 23);
	for (uint64_t page = 1; page < pages; page++) {
		for (unsigned i = 0; i < 3; i++, rounds++) {
			struct trail_verdict verdict;
			struct trail *trail = NULL;
			page_damage(page, &story);
			int rc = trail_open(place.trail, TRAIL_READ, &trail, why);
			if (rc == 0)
				rc = trail_verify(trail, 0, &verdict);
			if (rc == 0)
				rc = trail_check_file(trail, why);
			found += rc != 0;
			assert_true(rc == 0 || rc == ERR_CORRUPT);
			trail_close(trail);
			assert_int_equal(pwrite(fd, image, pages * PAGE_BYTES, 0), pages * PAGE_BYTES);
		}
	}
	close(fd);
	free(image);
	assert_true(found > rounds / 3);
	print_message("%u of %u damaged pages reported; the rest was hit between cells\n", found, rounds);
}

static void test_a_sound_trail_passes_every_check(void **state)
{
	(void)state;
	char why[256];
	struct trail_verdict verdict;
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(trail_verify_sealed(trail, 0, &keys, &verdict), 0);
	assert_int_equal(verdict.checkpoints, RECORDS / SEALED);
	assert_int_equal(verdict.sealed_seq, RECORDS);
	assert_int_equal(verdict.erased, 0);
	assert_int_equal(verdict.first_seq, 1);
	assert_int_equal(verdict.payloads, number("SELECT count(*) FROM payloads"));
	assert_int_equal(verdict.bad_seq, 0);
	assert_int_equal(trail_check_file(trail, why), 0);
	trail_close(trail);
	assert_clean();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(a_sound_trail_passes_every_check),
		TEST(one_flipped_bit_in_any_column_is_found_and_named),
		TEST(a_value_that_only_hashes_the_same_is_found),
		TEST(a_removed_row_is_missed),
		TEST(a_removed_node_or_checkpoint_is_missed),
		TEST(a_checkpoint_in_the_place_of_another_is_found),
		TEST(an_added_row_is_found),
		TEST(two_rows_that_changed_places_are_found),
		TEST(a_payload_of_another_record_is_found),
		TEST(a_payload_exchanged_with_its_commitment_is_found),
		TEST(a_record_with_a_forged_chain_value_does_not_carry_the_next),
		TEST(an_erased_payload_is_missed_as_long_as_no_erasure_is_on_record),
		TEST(a_tail_that_was_cut_off_shows_in_a_note_that_was_kept),
		TEST(a_part_can_be_verified_after_a_record_that_is_trusted),
		TEST(damaged_pages_are_reported_and_crash_nothing),
	};
	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
