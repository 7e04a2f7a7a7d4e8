/* SPDX-License-Identifier: MIT
 *
 * Every allocation fails where a trail is sealed, proved, erased from and brought from format 1: a clean error each time, and afterwards
 * trail and keys are sound and go on where they were.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "audit/copy.h"
#include "audit/erase.h"
#include "audit/receipt.h"
#include "audit/seal.h"
#include "faulty.h"
#include "scarce.h"
#include "selftest/history.h"
#include "story.h"

#define RECORDS 70u

static struct place place;

/* ---- what every run begins with ---- */

struct file {
	const char *name; /* within the folder */
	uint8_t *at;
	size_t bytes;
};

static struct file files[] = {
	{"trail.db", NULL, 0}, {"keys/log.key", NULL, 0}, {"keys/log.pub", NULL, 0}, {"keys/seal.key", NULL, 0}};
#define FILES (sizeof(files) / sizeof(files[0]))

static struct history history; /* as it is after the records that are there */
static struct batch *more;     /* the next five */
static struct batch *erasing;  /* and then one that erases a task */
static uint64_t erased_number; /* of the task */

static const char *path_of(const char *name)
{
	static char path[160];
	snprintf(path, sizeof(path), "%s/%s", place.folder, name);
	return path;
}

static void file_get(struct file *file)
{
	struct stat status;
	int fd = open(path_of(file->name), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0 && fstat(fd, &status) == 0);
	free(file->at);
	file->bytes = (size_t)status.st_size;
	file->at = malloc(file->bytes);
	assert_non_null(file->at);
	assert_int_equal(read(fd, file->at, file->bytes), file->bytes);
	close(fd);
}

static void file_put(const struct file *file)
{
	bool public = strstr(file->name, ".pub") != NULL;
	int fd = open(path_of(file->name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, public ? 0644 : 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, file->at, file->bytes), file->bytes);
	close(fd);
}

static void files_put(void)
{
	place_empty(&place);
	assert_true(mkdir(path_of("keys"), 0700) == 0 || errno == EEXIST);
	for (size_t i = 0; i < FILES; i++)
		file_put(&files[i]);
}

static void fill(struct batch *batch, unsigned count)
{
	struct history_room *room = calloc(1, sizeof(*room));
	struct trail_entry entry;
	assert_non_null(room);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(history_next(&history, false, room, &entry), 0);
		assert_int_equal(batch_add(batch, &entry), 0);
	}
	history_room_release(room);
	free(room);
}

static void fill_erasing(void)
{
	struct history_room *room = calloc(1, sizeof(*room));
	struct trail_entry entry;
	assert_non_null(room);
	erased_number = history.done[0];
	assert_int_equal(history_erase(&history, false, room, &entry), 0);
	assert_int_equal(batch_add(erasing, &entry), 0);
	history_room_release(room);
	free(room);
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

static void templates_make(bool old)
{
	struct batch *first = batch_new();
	more = batch_new();
	erasing = batch_new();
	assert_true(first && more && erasing);
	history_init(&history, 71);
	fill(first, RECORDS);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	seal_trail(&place, trail);
	assert_int_equal(trail_append(trail, batch_entry(first, 0), RECORDS), 0);
	assert_int_equal(trail_checkpoint(trail), 0);
	trail_close(trail);
	if (old)
		execute("DROP VIEW task_list; DROP VIEW failures; DROP VIEW failure_codes; DROP VIEW checkpoint_list; DROP VIEW "
			"timeline; DROP VIEW message_names; DROP VIEW error_names; DROP VIEW state_names; DROP TABLE nodes; "
			"DROP TABLE checkpoints; DROP TABLE erasures; DROP INDEX records_erased; PRAGMA user_version = 1; "
			"PRAGMA wal_checkpoint(TRUNCATE)");
	for (size_t i = 0; i < FILES; i++)
		file_get(&files[i]);
	fill(more, 5);
	fill_erasing();
	batch_free(first);
}

static int setup(void **state)
{
	place_make(&place);
	templates_make(*state != NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scarce_disarm();
	for (size_t i = 0; i < FILES; i++) {
		free(files[i].at);
		files[i].at = NULL;
	}
	batch_free(more);
	batch_free(erasing);
	(void)unlink(path_of("copy.db"));
	place_remove(&place);
	return 0;
}

/* ---- one run ---- */

static bool is_memory_error(int rc)
{
	return rc == ERR_MEMORY || rc == ERR_AMBIGUOUS || rc == ERR_IO;
}

static int expect(int rc)
{
	if (rc && !is_memory_error(rc))
		fail_msg("%s", error_name(rc));
	return rc;
}

static int seal(struct trail *trail)
{
	char why[256];
	struct sealed sealed;
	struct sealer *sealer;
	int rc = expect(trail_sealed(trail, &sealed));
	if (rc == 0)
		rc = expect(sealer_open(place.keys, &sealed, &sealer, why));
	if (rc)
		return rc;
	trail_seal(trail, sealer, NULL, NULL);
	return 0;
}

static void prove(struct trail *trail)
{
	struct erased_claim claim = {.seq = UINT64_MAX, .through_seq = RECORDS};
	struct erase_plan plan;
	struct buffer receipt = {0};
	struct proof proof;
	struct hash root;
	struct trail_verdict verdict;
	(void)expect(trail_root(trail, RECORDS, &root));
	(void)expect(trail_inclusion(trail, 7, RECORDS, &proof));
	(void)expect(trail_consistency(trail, 9, RECORDS, &proof));
	(void)expect(receipt_write(trail, 3, true, &receipt));
	(void)expect(erase_plan(trail, &claim, 0, NULL, NULL, &plan));
	if (expect(trail_verify(trail, 0, &verdict)) == 0)
		assert_true(verdict.records >= RECORDS);
	buffer_release(&receipt);
}

static void copy(void)
{
	char to[160], why[256];
	struct trail_copied copied;
	(void)unlink(path_of("copy.db"));
	snprintf(to, sizeof(to), "%s", path_of("copy.db"));
	(void)expect(trail_copy(place.trail, to, NULL, NULL, &copied, why));
}

/* Returns how many records were acknowledged. */
static uint64_t use(bool sealed)
{
	char why[256];
	struct trail *trail;
	uint64_t durable = RECORDS;
	int rc = expect(trail_open(place.trail, TRAIL_WRITE, &trail, why));
	if (rc) {
		assert_true(strlen(why) > 10);
		return durable;
	}
	rc = sealed ? seal(trail) : 0;
	if (rc == 0)
		rc = expect(trail_append(trail, batch_entry(more, 0), batch_count(more)));
	if (rc == 0)
		durable += batch_count(more);
	if (rc == 0)
		rc = expect(trail_append(trail, batch_entry(erasing, 0), 1));
	if (rc == 0)
		durable++;
	if (rc == 0 && sealed)
		rc = expect(trail_checkpoint(trail));
	if (rc == 0 && sealed)
		prove(trail);
	trail_close(trail);
	if (rc == 0 && sealed)
		copy();
	return durable;
}

/* Its request has no payload any more if, and only if, the record that says so is there. */
static void look_for_erased(struct trail *trail, uint64_t last)
{
	struct buffer payload = {0};
	int rc = trail_payload(trail, erased_number, &payload);
	assert_int_equal(rc, last > RECORDS + batch_count(more) ? ERR_NOT_FOUND : 0);
	buffer_release(&payload);
}

static void look_again(uint64_t durable, bool sealed)
{
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	uint64_t last = trail_last_seq(trail);
	assert_true(last == durable || last == durable + 1 || last == durable + batch_count(more));
	look_for_erased(trail, last);
	assert_int_equal(verify_clean(trail), last);
	if (sealed)
		seal_trail(&place, trail); /* fails the test if trail and keys do not go together */
	struct trail_entry entry = {.seq = last + 1, .direction = TRAIL_INNER, .type = MESSAGE_PRESENCE};
	assert_int_equal(trail_append(trail, &entry, 1), 0);
	if (sealed)
		assert_int_equal(trail_checkpoint(trail), 0);
	assert_int_equal(verify_clean(trail), last + 1);
	trail_close(trail);
}

/* Every allocation in the deep run, else every few. */
static uint64_t stride_or(uint64_t usual)
{
	const char *text = getenv("AUDIT_STRIDE");
	return text ? (uint64_t)atoi(text) : usual;
}

static void sweep(bool sealed, bool sticky, uint64_t stride)
{
	uint64_t at = 1, failures, runs = 0;
	do {
		files_put();
		scarce_arm(at, sticky);
		uint64_t durable = use(sealed);
		failures = scarce_failures();
		scarce_disarm();
		look_again(durable, sealed);
		at += stride;
		runs++;
	} while (failures);
	print_message("%llu runs, up to allocation %llu%s\n", (unsigned long long)runs, (unsigned long long)(at - stride),
		      sticky ? ", and every one after" : "");
	assert_true(at > 200);
}

static void test_an_allocation_that_fails_while_sealing_and_erasing_is_a_clean_error(void **state)
{
	(void)state;
	sweep(true, false, stride_or(31));
}

static void test_no_memory_at_all_while_sealing_and_erasing_is_a_clean_error(void **state)
{
	(void)state;
	sweep(true, true, stride_or(97));
}

static void test_an_allocation_that_fails_on_the_way_from_format_1_is_a_clean_error(void **state)
{
	(void)state;
	sweep(false, false, stride_or(53));
}

int main(void)
{
	static int old = 1;
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(an_allocation_that_fails_while_sealing_and_erasing_is_a_clean_error),
		TEST(no_memory_at_all_while_sealing_and_erasing_is_a_clean_error),
		cmocka_unit_test_prestate_setup_teardown(test_an_allocation_that_fails_on_the_way_from_format_1_is_a_clean_error,
							 setup, teardown, &old),
	};
	scarce_install();
	faulty_install();
	faulty_small_wal();
	/* What libraries set up once in a process is not what is tested. */
	place_make(&place);
	story_write(place.trail, 60, 10);
	place_remove(&place);
	return cmocka_run_group_tests_name("memory, sealed", tests, NULL, NULL);
}
