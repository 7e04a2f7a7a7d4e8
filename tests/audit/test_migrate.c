/* SPDX-License-Identifier: MIT
 *
 * A trail of format 1, written by the program of that time, is read as it is and goes on in format 2.
 */
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
#include "audit/seal.h"
#include "audit/store.h"
#include "faulty.h"
#include "story.h"

#define RECORDS 265u
#define TASKS   12u

static struct place place;

static void file_run(sqlite3 *db, const char *path)
{
	static char text[1 << 17];
	char *error = NULL;
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size_t bytes = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	assert_true(bytes > 1000 && bytes < sizeof(text) - 1);
	text[bytes] = 0;
	if (sqlite3_exec(db, text, NULL, NULL, &error))
		fail_msg("%s: %s", path, error);
}

static void execute(const char *sql)
{
	sqlite3 *db;
	char *error = NULL;
	assert_int_equal(sqlite3_open(place.trail, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &error))
		fail_msg("%s: %s", sql, error);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static uint64_t number(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *statement;
	assert_int_equal(sqlite3_open(place.trail, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	uint64_t result = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return result;
}

static uint8_t image[1 << 20];
static size_t image_bytes;

static void golden_write(void)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(place.trail, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
				      "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; BEGIN; PRAGMA "
				      "application_id=0x42756e73; PRAGMA user_version=1",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	file_run(db, SOURCE_DIR "/audit/schema-1.sql");
	file_run(db, SOURCE_DIR "/tests/audit/golden/format-1.sql");
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Written once, then copied. */
static void golden_make(void)
{
	place_empty(&place);
	if (!image_bytes)
		golden_write();
	FILE *file = fopen(place.trail, image_bytes ? "w" : "r");
	assert_non_null(file);
	if (image_bytes)
		assert_int_equal(fwrite(image, 1, image_bytes, file), image_bytes);
	else
		image_bytes = fread(image, 1, sizeof(image), file);
	assert_int_equal(fclose(file), 0);
	assert_true(image_bytes < sizeof(image));
}

static int setup(void **state)
{
	(void)state;
	place_make(&place);
	golden_make();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	faulty_disarm();
	place_remove(&place);
	return 0;
}

struct leaves {
	struct hash at[RECORDS];
	uint64_t count;
};

static int leaf_take(void *context, const struct trail_entry *entry)
{
	struct leaves *leaves = context;
	leaves->at[leaves->count++] = entry->chain;
	return 0;
}

/* Root and proofs at every size, against the tree over the chain values. */
static void assert_tree(struct trail *trail)
{
	struct leaves leaves = {0};
	struct trail_query query = {.through_seq = RECORDS};
	struct tree tree = {0};
	struct hasher hasher;
	struct proof proof;
	struct hash root, should;
	assert_true(hasher_init(&hasher));
	assert_int_equal(trail_read(trail, &query, leaf_take, &leaves), 0);
	assert_int_equal(leaves.count, RECORDS);
	for (uint64_t size = 1; size <= RECORDS; size++) {
		assert_int_equal(tree_add(&tree, &hasher, &leaves.at[size - 1], NULL, NULL), 0);
		assert_int_equal(tree_root(&tree, &hasher, &should), 0);
		assert_int_equal(trail_root(trail, size, &root), 0);
		assert_memory_equal(&root, &should, sizeof(root));
		uint64_t seq = 1 + size * 7 % size;
		assert_int_equal(trail_inclusion(trail, seq, size, &proof), 0);
		assert_int_equal(tree_check_inclusion(&hasher, &leaves.at[seq - 1], seq - 1, size, &proof, &root), 0);
	}
	hasher_release(&hasher);
}

static int count_task(void *context, const struct trail_task *task)
{
	(void)task;
	++*(uint64_t *)context;
	return 0;
}

static void test_a_trail_of_format_1_is_read_as_it_is(void **state)
{
	(void)state;
	struct trail_checkpoint checkpoint;
	struct trail_verdict verdict;
	struct sealed sealed;
	struct buffer buffer = {0};
	uint64_t tasks = 0;
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(trail_verify(trail, 0, &verdict), 0);
	assert_int_equal(verdict.records, RECORDS);
	assert_int_equal(verdict.payloads, 16);
	assert_int_equal(trail_verify(trail, 100, &verdict), 0);
	assert_int_equal(trail_tasks(trail, 0, 0, count_task, &tasks), 0);
	assert_int_equal(tasks, TASKS);
	assert_tree(trail);
	assert_int_equal(trail_checkpoint_last(trail, &checkpoint), ERR_NOT_FOUND);
	assert_int_equal(trail_checkpoint_covering(trail, 1, &checkpoint), ERR_NOT_FOUND);
	assert_int_equal(trail_checkpoints(trail, 0, NULL, NULL), 0);
	assert_int_equal(trail_sealed(trail, &sealed), 0);
	assert_int_equal(sealed.number, 0);
	assert_int_equal(receipt_write(trail, 3, false, &buffer), ERR_STATE);
	trail_close(trail);
	assert_int_equal(number("PRAGMA user_version"), 1);
	buffer_release(&buffer);
}

static void test_what_was_changed_in_a_trail_of_format_1_is_found(void **state)
{
	(void)state;
	struct trail_verdict verdict;
	execute("UPDATE records SET wall_ms = wall_ms + 1 WHERE seq = 77");
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(trail_verify(trail, 0, &verdict), ERR_CORRUPT);
	assert_int_equal(verdict.bad_seq, 77);
	trail_close(trail);
	golden_make();
	execute("UPDATE payloads SET salt = NULL, body = NULL WHERE seq = (SELECT max(seq) FROM payloads)");
	trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(trail_verify(trail, 0, &verdict), ERR_CORRUPT);
	assert_non_null(strstr(verdict.why, "no erasure is on record"));
	trail_close(trail);
}

static void test_a_writer_brings_it_to_format_2_and_seals_all_of_it_at_once(void **state)
{
	(void)state;
	struct trail_checkpoint first;
	struct trail_verdict before, after;
	struct log_keys keys;
	struct trail *reader = open_trail(place.trail, TRAIL_READ); /* a reader of before sees it through */
	assert_int_equal(trail_verify(reader, 0, &before), 0);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(number("PRAGMA user_version"), 2);
	assert_int_equal(number("SELECT count(*) FROM nodes"), RECORDS / 256);
	assert_int_equal(trail_verify(trail, 0, &after), 0);
	assert_memory_equal(&before.head, &after.head, sizeof(before.head));
	assert_tree(trail);
	assert_int_equal(trail_last_seq(trail), RECORDS);
	seal_trail(&place, trail);
	assert_int_equal(trail_checkpoint(trail), 0);
	assert_int_equal(trail_checkpoint_last(trail, &first), 0);
	assert_int_equal(first.number, 1);
	assert_int_equal(first.size, RECORDS);
	struct trail_entry entries[300];
	for (uint64_t i = 0; i < 300; i++)
		entries[i] = (struct trail_entry){.seq = RECORDS + 1 + i, .type = MESSAGE_HELLO};
	assert_int_equal(trail_append(trail, entries, 300), 0);
	assert_int_equal(trail_verify(reader, 0, &after), 0);
	assert_int_equal(after.records, RECORDS + 300);
	assert_tree(reader);
	trail_close(reader);
	trail_close(trail);
	read_keys(&place, &keys);
	trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_verify_sealed(trail, 0, &keys, &after), 0);
	assert_int_equal(after.sealed_seq, RECORDS);
	assert_tree(trail);
	trail_close(trail);
}

static void test_the_schema_after_the_change_is_that_of_a_new_trail(void **state)
{
	(void)state;
	static const char all[] =
		"SELECT group_concat(type || name || coalesce(sql, ''), ';') FROM (SELECT * FROM sqlite_schema ORDER "
		"BY type, name)";
	char *texts[2];
	for (unsigned i = 0; i < 2; i++) {
		sqlite3_stmt *statement;
		trail_close(open_trail(place.trail, TRAIL_WRITE));
		struct trail *trail = open_trail(place.trail, TRAIL_READ);
		assert_int_equal(sqlite3_prepare_v2(trail->db, all, -1, &statement, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
		texts[i] = strdup((const char *)sqlite3_column_text(statement, 0));
		sqlite3_finalize(statement);
		trail_close(trail);
		place_empty(&place); /* the second time a new one is made */
	}
	assert_string_equal(texts[0], texts[1]);
	free(texts[0]);
	free(texts[1]);
}

static void assert_refused(int error, const char *says)
{
	char why[256];
	struct trail *trail = NULL;
	assert_int_equal(trail_open(place.trail, TRAIL_WRITE, &trail, why), error);
	if (!strstr(why, says))
		fail_msg("'%s' does not say '%s'", why, says);
	assert_int_equal(number("PRAGMA user_version"), 1);
	assert_int_equal(number("SELECT count(*) FROM sqlite_schema WHERE name = 'nodes'"), 0);
}

static void test_what_is_not_a_sound_trail_of_format_1_is_refused_unchanged(void **state)
{
	(void)state;
	execute("CREATE TRIGGER t AFTER INSERT ON records BEGIN DELETE FROM payloads; END");
	assert_refused(ERR_CORRUPT, "not that of format 1: 't'");
	golden_make();
	execute("DELETE FROM records WHERE seq = 100");
	assert_refused(ERR_CORRUPT, "record 100 is missing");
	golden_make();
	execute("UPDATE records SET chain = x'00' WHERE seq = 7");
	assert_refused(ERR_CORRUPT, "record 7 is missing or damaged");
	golden_make();
	execute("DROP TABLE tasks");
	assert_refused(ERR_CORRUPT, "'tasks'");
}

/* Whatever write fails, once or for good: it is still format 1, or format 2 as a whole. */
static void sweep(enum faulty_kind kind, bool sticky, uint64_t *out_still, uint64_t *out_done)
{
	uint64_t at = 0, failures;
	do {
		char why[256];
		struct trail *trail = NULL;
		golden_make();
		faulty_arm(kind, ++at, sticky);
		if (trail_open(place.trail, TRAIL_WRITE, &trail, why))
			assert_true(strlen(why) > 10);
		trail_close(trail);
		failures = faulty_failures();
		faulty_disarm();
		uint64_t format = number("PRAGMA user_version");
		assert_true(format == 1 || format == 2);
		++*(format == 1 ? out_still : out_done);
		assert_int_equal(number("SELECT count(*) FROM sqlite_schema WHERE name = 'nodes'"), format - 1);
		trail = open_trail(place.trail, TRAIL_READ);
		assert_int_equal(verify_clean(trail), RECORDS);
		trail_close(trail);
		trail = open_trail(place.trail, TRAIL_WRITE);
		assert_int_equal(verify_clean(trail), RECORDS);
		trail_close(trail);
	} while (failures);
	assert_true(at > 10);
}

static void test_a_disk_that_fails_in_between_leaves_one_format_or_the_other(void **state)
{
	(void)state;
	uint64_t still = 0, done = 0;
	sweep(FAULTY_WRITES, false, &still, &done);
	sweep(FAULTY_WRITES, true, &still, &done);
	sweep(FAULTY_SPACE, true, &still, &done);
	print_message("%llu times it was still format 1, %llu times format 2\n", (unsigned long long)still,
		      (unsigned long long)done);
	assert_true(still > 5 && done > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(a_trail_of_format_1_is_read_as_it_is),
		TEST(what_was_changed_in_a_trail_of_format_1_is_found),
		TEST(a_writer_brings_it_to_format_2_and_seals_all_of_it_at_once),
		TEST(the_schema_after_the_change_is_that_of_a_new_trail),
		TEST(what_is_not_a_sound_trail_of_format_1_is_refused_unchanged),
		TEST(a_disk_that_fails_in_between_leaves_one_format_or_the_other),
	};
	faulty_install();
	faulty_small_wal();
	return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
