/* SPDX-License-Identifier: MIT
 *
 * The parts of the verifier, one by one: hashes, spellings, JSON, notes, the tree, records, numbers, pages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>
#include <sqlite3.h>

#include "verifier/facts.h"
#include "verifier/inner.h"
#include "verifier/pages.h"

static uint64_t state = 88172645463325252u;

static uint64_t any(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static struct span text(const char *at)
{
	return span_of_text(at);
}

/* ---- hashes ---- */

#define MESSAGES 37u

static void sums_compare(bool instructions)
{
	static uint8_t room[MESSAGES][1200];
	uint8_t out[MESSAGES][SUM_BYTES], expected[SUM_BYTES];
	struct sum_job jobs[MESSAGES];
	size_t bytes[MESSAGES];

	sum_use_instructions(instructions);
	for (unsigned round = 0; round < 200; round++) {
		size_t count = round % (MESSAGES + 1);

		for (size_t i = 0; i < count; i++) {
			bytes[i] = any(round < 150 ? 200 : 1100);
			randombytes_buf(room[i], bytes[i]);
			jobs[i] = (struct sum_job){room[i], sum_pad(room[i], bytes[i]), out[i]};
		}
		sum_run(jobs, count);
		for (size_t i = 0; i < count; i++) {
			crypto_hash_sha256(expected, room[i], bytes[i]);
			assert_memory_equal(out[i], expected, SUM_BYTES);
		}
	}
	sum_use_instructions(true);
}

static void test_messages_of_any_length_are_hashed_as_libsodium_does(void **unused)
{
	(void)unused;
	sums_compare(true);
	sums_compare(false);
}

/* ---- spellings ---- */

static void test_base64_has_one_spelling(void **unused)
{
	(void)unused;
	uint8_t bytes[64], again[64];
	char encoded[128];
	size_t found;

	for (size_t size = 0; size < 40; size++) {
		randombytes_buf(bytes, size);
		sodium_bin2base64(encoded, sizeof(encoded), bytes, size, sodium_base64_VARIANT_ORIGINAL);
		assert_true(span_base64(text(encoded), again, size, &found));
		assert_int_equal(found, size);
		assert_memory_equal(again, bytes, size);
		assert_true(size == 0 || !span_base64(text(encoded), again, size - 1, &found));
	}
	static const char *const wrong[] = {
		"QQ", "QQ=", "QR==", "QQ==QQ==", "QUF=\n", "Q Q=", "QUJ=", "QUI==", "=", "====", "Q===", "QQ-_", "QQ=A"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(span_base64(text(wrong[i]), again, sizeof(again), &found));
}

static void test_numbers_and_hexadecimal_have_one_spelling(void **unused)
{
	(void)unused;
	uint64_t value;
	uint8_t bytes[4];

	assert_true(span_number(text("18446744073709551615"), &value) && value == UINT64_MAX);
	assert_true(span_number(text("0"), &value) && value == 0);
	static const char *const wrong[] = {
		"", "00", "01", "-1", "+1", " 1", "1 ", "1.0", "18446744073709551616", "99999999999999999999", "1e3"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(span_number(text(wrong[i]), &value));
	assert_true(span_hex(text("00ff10ab"), bytes, 4) && bytes[3] == 0xab);
	assert_false(span_hex(text("00FF10ab"), bytes, 4));
	assert_false(span_hex(text("00ff10a"), bytes, 4));
	assert_false(span_hex(text("00ff10ag"), bytes, 4));
}

/* ---- JSON ---- */

static void test_json_that_two_readers_could_understand_differently_is_refused(void **unused)
{
	(void)unused;
	static const char *const right[] = {"{}", " {\"a\":1}\n",
					    "{\"a\":[],\"b\":{},\"c\":[[{\"d\":[1,2,{\"e\":null}]}],\"x\"]}",
					    "{\"a\":-1.5e+10,\"b\":true,\"c\":\"\\u00e4\\ud83d\\ude00\\\"\"}"};
	static const char *const wrong[] = {"",
					    "[]",
					    "{",
					    "{}x",
					    "{\"a\":1,}",
					    "{\"a\":1,\"a\":1}",
					    "{\"a\" 1}",
					    "{a:1}",
					    "{\"a\":01}",
					    "{\"a\":1.}",
					    "{\"a\":.5}",
					    "{\"a\":+1}",
					    "{\"a\":NaN}",
					    "{\"a\":'b'}",
					    "{\"a\":\"\\x\"}",
					    "{\"a\":\"\\ud800\"}",
					    "{\"a\":\"\\udc00\"}",
					    "{\"a\":\"\xff\"}",
					    "{\"a\":\"\xed\xa0\x80\"}",
					    "{\"a\":\"\xc0\x80\"}",
					    "{\"a\":\"\n\"}",
					    "{\"a\":[1,2}",
					    "{\"a\":[1 2]}",
					    "{\"a\":{\"b\"}}",
					    "{\"a\":tru}",
					    "{\"\\u0061\":1}"};
	struct object object;
	char why[160];

	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		assert_true(object_read(text(right[i]), &object, why));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (object_read(text(wrong[i]), &object, why))
			fail_msg("%s was taken", wrong[i]);
	assert_true(strlen(why) > 20);
}

static void test_nesting_ends(void **unused)
{
	(void)unused;
	char deep[2048];
	struct object object;
	char why[160];

	for (size_t depth = 1; depth < 200; depth++) {
		size_t bytes = 0;

		bytes += (size_t)sprintf(deep, "{\"a\":");
		for (size_t i = 0; i < depth; i++)
			bytes += (size_t)sprintf(deep + bytes, i % 2 ? "{\"b\":" : "[");
		bytes += (size_t)sprintf(deep + bytes, "1");
		for (size_t i = depth; i--;)
			bytes += (size_t)sprintf(deep + bytes, i % 2 ? "}" : "]");
		sprintf(deep + bytes, "}");
		assert_int_equal(object_read(text(deep), &object, why), depth <= OBJECT_DEPTH_MAX);
	}
}

static void test_values_are_read_as_they_are_meant(void **unused)
{
	(void)unused;
	struct object object;
	struct value value, item;
	uint8_t room[64];
	uint64_t number;
	size_t offset = 0, count = 0;
	char why[160];

	assert_true(object_read(text("{\"n\":42,\"t\":\"a\\u003cb\\ud83d\\ude00\\n\",\"l\":[\"x\", 2 ,[3,4],{}],\"f\":1.0}"),
				&object, why));
	value = object_get(&object, "n");
	assert_true(value_number(&value, &number) && number == 42);
	value = object_get(&object, "f");
	assert_false(value_number(&value, &number));
	value = object_get(&object, "t");
	assert_int_equal(value_text(&value, room), 8);
	assert_memory_equal(room, "a<b\xf0\x9f\x98\x80\n", 8);
	value = object_get(&object, "l");
	while (array_next(&value, &offset, &item))
		count++;
	assert_int_equal(count, 4);
	assert_int_equal(object_get(&object, "missing").kind, VALUE_NONE);
}

/* ---- the tree ---- */

/* As RFC 9162 writes it down. */
static void root_by_definition(uint8_t (*leaves)[SUM_BYTES], size_t count, uint8_t out_root[SUM_BYTES])
{
	uint8_t left[SUM_BYTES], right[SUM_BYTES];
	size_t middle = 1;

	if (count == 1) {
		memcpy(out_root, leaves[0], SUM_BYTES);
		return;
	}
	while (middle * 2 < count)
		middle *= 2;
	root_by_definition(leaves, middle, left);
	root_by_definition(leaves + middle, count - middle, right);
	merkle_node(left, right, out_root);
}

static void test_the_tree_has_the_root_of_the_definition(void **unused)
{
	(void)unused;
	static uint8_t leaves[1100][SUM_BYTES];
	struct merkle *tree = calloc(1, sizeof(*tree));
	uint8_t root[SUM_BYTES], expected[SUM_BYTES];

	randombytes_buf(leaves, sizeof(leaves));
	merkle_root(tree, root);
	crypto_hash_sha256(expected, NULL, 0);
	assert_memory_equal(root, expected, SUM_BYTES);
	for (size_t count = 1; count <= 1100; count++) {
		merkle_add(tree, leaves[count - 1], NULL, NULL);
		if (count > 300 && count < 1000 && count % 31)
			continue;
		merkle_root(tree, root);
		root_by_definition(leaves, count, expected);
		assert_memory_equal(root, expected, SUM_BYTES);
	}
	free(tree);
}

struct complete {
	uint8_t (*leaves)[SUM_BYTES];
	unsigned count[MERKLE_LEVELS];
};

static void completed(void *context, unsigned level, uint64_t number, const uint8_t root[SUM_BYTES])
{
	struct complete *complete = context;
	uint8_t expected[SUM_BYTES];

	assert_int_equal(complete->count[level]++, number);
	root_by_definition(complete->leaves + (number << level), (size_t)1 << level, expected);
	assert_memory_equal(root, expected, SUM_BYTES);
}

static void test_full_subtrees_are_told_when_they_are_complete(void **unused)
{
	(void)unused;
	static uint8_t leaves[2100][SUM_BYTES];
	struct merkle *tree = calloc(1, sizeof(*tree));
	struct complete complete = {.leaves = leaves};

	randombytes_buf(leaves, sizeof(leaves));
	for (size_t i = 0; i < 2100; i++)
		merkle_add(tree, leaves[i], completed, &complete);
	assert_int_equal(complete.count[8], 8);
	assert_int_equal(complete.count[11], 1);
	free(tree);
}

/* ---- records and facts ---- */

static void test_a_record_comes_back_from_its_bytes_and_no_others(void **unused)
{
	(void)unused;
	uint8_t bytes[512], previous[SUM_BYTES], found[SUM_BYTES], id[ID_BYTES] = {1, 2, 3};
	struct row row = {.seq = 7,
			  .direction = 2,
			  .type = 16,
			  .sender_seq = UINT64_MAX,
			  .peer = text("beta/1"),
			  .header = text("h"),
			  .facts = text("f")};
	struct row again;
	size_t size;

	row.task_id = (struct span){id, ID_BYTES};
	randombytes_buf(previous, sizeof(previous));
	size = row_write(&row, previous, bytes);
	assert_true(size <= row_room(&row));
	assert_true(row_parse((struct span){bytes + 1, size - 1}, &again, found));
	assert_memory_equal(found, previous, SUM_BYTES);
	assert_true(again.seq == 7 && again.sender_seq == UINT64_MAX && span_equal(again.peer, row.peer) &&
		    span_equal(again.task_id, row.task_id));
	for (size_t cut = 1; cut < size; cut++)
		assert_false(row_parse((struct span){bytes + 1, size - 1 - cut}, &again, found));
	bytes[size] = 0;
	assert_false(row_parse((struct span){bytes + 1, size}, &again, found));
}

static void test_facts_are_read_up_to_where_they_matter(void **unused)
{
	(void)unused;
	static const uint8_t erased[] = {0x93, 0xcd, 1, 2, 0xcf, 0, 0, 0, 0, 0, 0, 0, 9, 0xc0};
	static const uint8_t counted[] = {0x94, 0xa2, 'b', '1', 20, 0xcc, 200, 0};
	struct facts_erased one;
	struct facts_counted two;

	assert_true(facts_erased_read((struct span){erased, sizeof(erased)}, &one));
	assert_true(one.task_number == 258 && one.through_seq == 9);
	assert_true(facts_counted_read((struct span){counted, sizeof(counted)}, &two));
	assert_true(two.type == 20 && two.count == 200 && two.error == 0 && span_is(two.peer, "b1"));
	for (size_t bytes = 0; bytes < 13; bytes++)
		assert_false(facts_erased_read((struct span){erased, bytes}, &one));
	for (size_t bytes = 0; bytes < sizeof(counted); bytes++)
		assert_false(facts_counted_read((struct span){counted, bytes}, &two));
}

/* ---- pages ---- */

static sqlite3 *database_make(const char *path, int page_bytes, int rows)
{
	sqlite3 *db;
	sqlite3_stmt *insert;
	char sql[128];

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(sql, sizeof(sql),
		 "PRAGMA page_size=%d; PRAGMA synchronous=OFF; CREATE TABLE t(k INTEGER PRIMARY KEY, n, b, x); BEGIN",
		 page_bytes);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "INSERT INTO t VALUES(?1, ?2, randomblob(?3), 'text')", -1, &insert, NULL),
			 SQLITE_OK);
	for (int i = 0; i < rows; i++) {
		sqlite3_bind_int64(insert, 1, (i - 5) * (int64_t)(1 + any(1)) * 3);
		sqlite3_bind_int64(insert, 2, (int64_t)(any(UINT64_MAX) >> any(64)) * (any(2) ? 1 : -1));
		sqlite3_bind_int(insert, 3, (int)any(any(20) ? 200 : (uint64_t)page_bytes * 5));
		assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
		sqlite3_reset(insert);
	}
	sqlite3_finalize(insert);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	return db;
}

/* Every row as SQLite has it. */
static void pages_compare(sqlite3 *db, const char *path, int rows)
{
	struct mapped mapped, log;
	char log_path[300];
	struct pages pages;
	struct pages_walk walk;
	struct pages_column column[4];
	struct span record;
	sqlite3_stmt *select;
	int64_t key;
	char why[512];

	assert_true(mapped_open(path, UINT64_MAX, &mapped, why));
	snprintf(log_path, sizeof(log_path), "%s-wal", path);
	if (!mapped_open(log_path, UINT64_MAX, &log, why))
		log = (struct mapped){0};
	assert_true(pages_open(mapped.span, log.span, &pages));
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT * FROM t ORDER BY k", -1, &select, NULL), SQLITE_OK);
	pages_begin(&walk, &pages, 2);
	for (int i = 0; i < rows; i++) {
		assert_int_equal(pages_next(&walk, &key, &record), PAGES_ROW);
		assert_int_equal(sqlite3_step(select), SQLITE_ROW);
		assert_true(pages_columns(record, 4, column));
		assert_true(key == sqlite3_column_int64(select, 0) && column[0].kind == COLUMN_NULL);
		assert_true(column[1].kind == COLUMN_NUMBER && column[1].number == sqlite3_column_int64(select, 1));
		assert_true(column[2].kind == COLUMN_BLOB && (int)column[2].span.bytes == sqlite3_column_bytes(select, 2));
		if (column[2].span.bytes)
			assert_memory_equal(column[2].span.at, sqlite3_column_blob(select, 2), column[2].span.bytes);
		assert_true(column[3].kind == COLUMN_TEXT && span_is(column[3].span, "text"));
		assert_false(pages_columns(record, 3, column));
	}
	assert_int_equal(pages_next(&walk, &key, &record), PAGES_END);
	pages_end(&walk);
	pages_close(&pages);
	sqlite3_finalize(select);
	mapped_close(&mapped);
	mapped_close(&log);
}

static void test_rows_from_pages_are_those_of_sqlite(void **unused)
{
	(void)unused;
	static const int sizes[] = {512, 1024, 4096, 8192, 65536};
	char path[] = "/tmp/verifier-pages-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (int rows = 0; rows < 2000; rows = rows * 3 + 1) {
			unlink(path);
			sqlite3 *db = database_make(path, sizes[i], rows);
			pages_compare(db, path, rows);
			sqlite3_close(db);
		}
	}
	unlink(path);
}

static void execute(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL))
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

/* Commits, transactions that were broken off after pages of them were written, logs that began anew, and those that are half in the file. */
static void test_rows_in_a_log_are_those_of_sqlite(void **unused)
{
	(void)unused;
	char path[] = "/tmp/verifier-pages-XXXXXX", log_path[64];
	int fd = mkstemp(path), rows = 600, spilled, before;
	sqlite3 *db;

	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	snprintf(log_path, sizeof(log_path), "%s-wal", path);
	db = database_make(path, 1024, rows);
	execute(db, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=5; PRAGMA cache_spill=5");
	for (unsigned round = 0; round < 120; round++) {
		char sql[200];

		snprintf(sql, sizeof(sql), "UPDATE t SET b = randomblob(%u), n = n / 2 WHERE k %% 17 = %u", (unsigned)any(900),
			 round % 17);
		execute(db, sql);
		if (round % 3 == 0) {
			execute(db, "BEGIN; UPDATE t SET b = randomblob(1500)");
			assert_true(sqlite3_db_status(db, SQLITE_DBSTATUS_CACHE_SPILL, &spilled, &before, 0) == SQLITE_OK &&
				    spilled > 0);
			execute(db, "ROLLBACK");
		}
		if (round % 4 == 1) {
			snprintf(sql, sizeof(sql), "INSERT INTO t VALUES(%d, 5, randomblob(2000), 'text')", 100000 + rows++);
			execute(db, sql);
		}
		if (round % 20 == 19)
			execute(db, round % 40 == 39 ? "PRAGMA wal_checkpoint(RESTART)" : "PRAGMA wal_checkpoint(PASSIVE)");
		pages_compare(db, path, rows);
	}
	sqlite3_close(db);
	unlink(path);
	unlink(log_path);
}

static void byte_flip(const char *path, long from_end)
{
	FILE *file = fopen(path, "r+b");
	int byte;

	assert_non_null(file);
	assert_int_equal(fseek(file, -from_end, SEEK_END), 0);
	byte = fgetc(file);
	assert_int_equal(fseek(file, -from_end, SEEK_END), 0);
	assert_true(fputc(byte ^ 1, file) != EOF && fclose(file) == 0);
}

/* A log of which the end never reached the disk: the last transaction that is whole counts. */
static void test_a_torn_log_ends_where_sqlite_ends_it(void **unused)
{
	(void)unused;
	char path[] = "/tmp/verifier-pages-XXXXXX", log_path[64], copy[64], command[512];
	int fd = mkstemp(path);
	sqlite3 *db;

	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	snprintf(log_path, sizeof(log_path), "%s-wal", path);
	snprintf(copy, sizeof(copy), "%s-copy", path);
	db = database_make(path, 1024, 300);
	execute(db, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0");
	for (int i = 0; i < 10; i++) {
		execute(db, "UPDATE t SET n = n + 1 WHERE k % 5 = 0");
		execute(db, "DELETE FROM t WHERE k = (SELECT max(k) FROM t)");
	}
	for (long from_end = 1; from_end < 40000; from_end += 1500) {
		sqlite3 *other;
		int rows = 0;
		sqlite3_stmt *count;

		snprintf(command, sizeof(command), "cp %s %s && cp %s-wal %s-wal && rm -f %s-shm", path, copy, path, copy, copy);
		assert_int_equal(system(command), 0);
		snprintf(command, sizeof(command), "%s-wal", copy);
		byte_flip(command, from_end);
		assert_int_equal(sqlite3_open(copy, &other), SQLITE_OK);
		execute(other, "PRAGMA wal_autocheckpoint=0");
		sqlite3_db_config(other, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		assert_int_equal(sqlite3_prepare_v2(other, "SELECT count(*) FROM t", -1, &count, NULL), SQLITE_OK);
		if (sqlite3_step(count) == SQLITE_ROW)
			rows = sqlite3_column_int(count, 0);
		sqlite3_finalize(count);
		assert_in_range(rows, 290, 300);
		pages_compare(other, copy, rows);
		sqlite3_close(other);
	}
	sqlite3_close(db);
	snprintf(command, sizeof(command), "rm -f %s*", path);
	assert_int_equal(system(command), 0);
}

/* Any byte of the file may be anything: a walk ends, reads nothing beyond, and gives keys in order. */
static void test_a_walk_through_damaged_pages_ends(void **unused)
{
	(void)unused;
	char path[] = "/tmp/verifier-pages-XXXXXX";
	int fd = mkstemp(path);
	struct mapped mapped;
	char why[512];
	unsigned unusual = 0;

	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	sqlite3_close(database_make(path, 512, 800));
	assert_true(mapped_open(path, UINT64_MAX, &mapped, why));
	uint8_t *copy = malloc(mapped.span.bytes);
	for (unsigned round = 0; round < 3000; round++) {
		struct pages pages;
		struct pages_walk walk;
		struct span record;
		struct pages_column column[4];
		int64_t key, before = INT64_MIN;
		int step;

		memcpy(copy, mapped.span.at, mapped.span.bytes);
		for (unsigned i = 0; i <= round % 4; i++)
			copy[100 + any(mapped.span.bytes - 100)] ^= (uint8_t)(1u << any(8));
		assert_true(pages_open((struct span){copy, mapped.span.bytes}, (struct span){0}, &pages));
		pages_begin(&walk, &pages, 1 + (uint32_t)any(pages.page_count));
		while ((step = pages_next(&walk, &key, &record)) == PAGES_ROW) {
			assert_true(key > before || before == INT64_MIN);
			before = key;
			(void)pages_columns(record, 4, column);
		}
		unusual += step == PAGES_UNUSUAL;
		pages_end(&walk);
		pages_close(&pages);
	}
	assert_true(unusual > 500);
	free(copy);
	mapped_close(&mapped);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_of_any_length_are_hashed_as_libsodium_does),
		cmocka_unit_test(test_base64_has_one_spelling),
		cmocka_unit_test(test_numbers_and_hexadecimal_have_one_spelling),
		cmocka_unit_test(test_json_that_two_readers_could_understand_differently_is_refused),
		cmocka_unit_test(test_nesting_ends),
		cmocka_unit_test(test_values_are_read_as_they_are_meant),
		cmocka_unit_test(test_the_tree_has_the_root_of_the_definition),
		cmocka_unit_test(test_full_subtrees_are_told_when_they_are_complete),
		cmocka_unit_test(test_a_record_comes_back_from_its_bytes_and_no_others),
		cmocka_unit_test(test_facts_are_read_up_to_where_they_matter),
		cmocka_unit_test(test_rows_from_pages_are_those_of_sqlite),
		cmocka_unit_test(test_rows_in_a_log_are_those_of_sqlite),
		cmocka_unit_test(test_a_torn_log_ends_where_sqlite_ends_it),
		cmocka_unit_test(test_a_walk_through_damaged_pages_ends),
	};
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
