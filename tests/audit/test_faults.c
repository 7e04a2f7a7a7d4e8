/* SPDX-License-Identifier: MIT
 *
 * Every operation on the disk fails once, and from then on, one after the other: no acknowledged record is lost, none is doubled,
 * and what cannot be known is called ambiguous.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/store.h"
#include "faulty.h"
#include "story.h"

#define BATCHES 9u

static struct place place;
static uint64_t ambiguous_there, ambiguous_gone; /* how often each was the truth */

/* ---- one run ---- */

struct run {
	struct story story;
	uint64_t durable; /* acknowledged through this record */
	uint64_t handed;  /* the batch that failed went through this one; else = durable */
	int error;        /* of the append that failed */
	int tidy_error;
};

static void run_append(struct run *run, struct trail *trail)
{
	for (unsigned i = 0; i < BATCHES && !run->error; i++) {
		run->error = story_append(&run->story, trail, 1 + i * 5 % 17);
		run->handed = run->story.next_seq - 1;
		if (run->error)
			break;
		run->durable = run->handed;
		if (i % 3 == 2)
			run->tidy_error = trail_tidy(trail);
		if (run->tidy_error)
			break;
	}
}

/* A trail that failed says so again and again. */
static void assert_finished(struct run *run, struct trail *trail, int error)
{
	struct trail_entry entry = {.seq = run->handed + 1};
	assert_int_equal(trail_append(trail, &entry, 1), error);
	entry.seq = run->durable + 1;
	assert_int_equal(trail_append(trail, &entry, 1), error);
	assert_int_equal(trail_tidy(trail), error);
	assert_int_equal(trail_rebuild_index(trail), error);
	assert_true(strlen(trail_why(trail)) > 10);
}

static void run_with_faults(struct run *run)
{
	char why[256];
	struct trail *trail = NULL;
	int rc = trail_open(place.trail, TRAIL_WRITE, &trail, why);
	if (rc) {
		assert_true(strlen(why) > 10);
		assert_true(rc == ERR_IO || rc == ERR_CORRUPT || rc == ERR_MEMORY);
		return;
	}
	run_append(run, trail);
	if (run->error) {
		assert_true(run->error == ERR_IO || run->error == ERR_AMBIGUOUS || run->error == ERR_CORRUPT);
		assert_finished(run, trail, run->error);
	} else if (run->tidy_error) {
		assert_finished(run, trail, run->tidy_error);
	}
	trail_close(trail);
}

static int as_told(void *context, const struct trail_entry *entry)
{
	struct story *story = context;
	struct trail_entry should;
	story_next(story, &should);
	assert_int_equal(entry->seq, should.seq);
	assert_true(id_equal(&entry->message_id, &should.message_id));
	return 0;
}

/* After the fault the disk is sound again, and so is the trail. */
static void look_again(struct run *run, uint64_t seed)
{
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	uint64_t last = trail_last_seq(trail);
	struct trail_query query = {0};
	struct story story;
	story_init(&story, seed);
	if (run->error == ERR_AMBIGUOUS) {
		assert_true(last == run->durable || last == run->handed);
		ambiguous_there += last == run->handed;
		ambiguous_gone += last == run->durable;
	} else {
		assert_int_equal(last, run->durable);
	}
	assert_int_equal(trail_read(trail, &query, as_told, &story), 0);
	assert_int_equal(story.next_seq - 1, last);
	assert_int_equal(verify_clean(trail), last);
	/* It goes on where it is. */
	assert_int_equal(story_append(&story, trail, 20), 0);
	assert_int_equal(verify_clean(trail), last + 20);
	trail_close(trail);
	story_release(&story);
}

static void sweep(enum faulty_kind kind, bool sticky, const char *what)
{
	uint64_t at = 0, failures;
	do {
		struct run run = {0};
		uint64_t seed = 51 + ++at % 3;
		place_empty(&place);
		story_init(&run.story, seed);
		faulty_arm(kind, at, sticky);
		run_with_faults(&run);
		failures = faulty_failures();
		faulty_disarm();
		look_again(&run, seed);
		story_release(&run.story);
	} while (failures);
	print_message("%s%s: %llu places, nothing lost, nothing doubled\n", what, sticky ? ", and every one after" : "",
		      (unsigned long long)at - 1);
	assert_true(at > 5);
}

static int setup(void **state)
{
	(void)state;
	place_make(&place);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	faulty_disarm();
	place_remove(&place);
	return 0;
}

static void test_a_write_or_sync_that_fails_loses_nothing(void **state)
{
	(void)state;
	ambiguous_there = ambiguous_gone = 0;
	sweep(FAULTY_WRITES, false, "EIO");
	sweep(FAULTY_WRITES, true, "EIO");
	/* Both have happened: a failed commit that was there, and one that was not. So neither may be guessed. */
	print_message("failed commits: %llu were there afterwards, %llu were not\n", (unsigned long long)ambiguous_there,
		      (unsigned long long)ambiguous_gone);
	assert_true(ambiguous_there > 0);
	assert_true(ambiguous_gone > 0);
}

/* So much that SQLite writes to the WAL before the commit: then it is known that nothing has happened. */
static void test_a_failure_before_the_commit_is_not_ambiguous_and_ends_the_trail_too(void **state)
{
	(void)state;
	uint32_t bytes = 24u << 20;
	uint8_t *large = calloc(1, bytes);
	assert_non_null(large);
	struct trail_entry small = {.seq = 1};
	struct trail_entry entry = {.seq = 2, .payload_seq = 2, .payload = {large, bytes}};
	struct run run = {.durable = 1, .handed = 2};
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_append(trail, &small, 1), 0);
	faulty_arm(FAULTY_SPACE, 5, false);
	assert_int_equal(trail_append(trail, &entry, 1), ERR_IO);
	assert_int_equal(faulty_failures(), 1);
	faulty_disarm();
	assert_finished(&run, trail, ERR_IO);
	trail_close(trail);
	trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(verify_clean(trail), 1);
	assert_int_equal(trail_append(trail, &entry, 1), 0);
	assert_int_equal(verify_clean(trail), 2);
	trail_close(trail);
	free(large);
}

static void test_a_full_disk_loses_nothing(void **state)
{
	(void)state;
	sweep(FAULTY_SPACE, false, "ENOSPC");
	sweep(FAULTY_SPACE, true, "ENOSPC");
}

static void test_a_read_that_fails_loses_nothing(void **state)
{
	(void)state;
	sweep(FAULTY_READS, false, "EIO on reading");
	sweep(FAULTY_READS, true, "EIO on reading");
}

static void test_a_file_that_cannot_be_opened_loses_nothing(void **state)
{
	(void)state;
	sweep(FAULTY_OPENS, false, "no file");
	sweep(FAULTY_OPENS, true, "no file");
}

/* Reading, looking up and verifying on a disk that fails: an error, never a wrong answer. */
static int count_one(void *context, const struct trail_entry *entry)
{
	(void)entry;
	++*(uint64_t *)context;
	return 0;
}

static void read_everything(struct story *story, bool *out_failed)
{
	char why[256];
	struct trail *trail;
	struct trail_query query = {.with_payload = true};
	struct trail_verdict verdict;
	struct trail_task task;
	uint64_t seen = 0;
	*out_failed = true;
	if (trail_open(place.trail, TRAIL_READ, &trail, why))
		return;
	int read = trail_read(trail, &query, count_one, &seen);
	int verified = trail_verify(trail, 0, &verdict);
	int found = trail_task(trail, &story->tasks[0].task_id, &task);
	int checked = trail_check_file(trail, why);
	if (read == 0)
		assert_int_equal(seen, story->next_seq - 1);
	if (verified == 0)
		assert_int_equal(verdict.records, story->next_seq - 1);
	if (found == 0)
		assert_int_equal(task.outcome_seq, story->tasks[0].outcome_seq);
	assert_int_not_equal(found, ERR_NOT_FOUND);
	*out_failed = read || verified || found || checked;
	trail_close(trail);
}

static void test_a_reader_of_a_failing_disk_gets_an_error_and_no_wrong_answer(void **state)
{
	(void)state;
	struct story story;
	uint64_t at = 0, failures;
	bool failed;
	story_init(&story, 55);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(story_append(&story, trail, 60), 0);
	trail_close(trail);
	do {
		faulty_arm(FAULTY_READS, ++at, false);
		read_everything(&story, &failed);
		failures = faulty_failures();
		faulty_disarm();
	} while (failures);
	assert_false(failed);
	assert_true(at > 20);
	story_release(&story);
}

/* One commit is one sync of the WAL; a checkpoint is what costs more. */
static void test_a_commit_is_synced_before_it_is_acknowledged(void **state)
{
	(void)state;
	struct story story;
	story_init(&story, 56);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(story_append(&story, trail, 3), 0);
	for (unsigned i = 0; i < 20; i++) {
		uint64_t before = faulty_syncs();
		assert_int_equal(story_append(&story, trail, 5), 0);
		assert_int_equal(faulty_syncs() - before, 1);
	}
	trail_close(trail);
	story_release(&story);
}

/* After an fsync that failed the page cache may hold what the disk does not: so all of it is written again before it is believed.
 */
static void test_the_wal_is_written_and_synced_again_before_its_end_is_believed(void **state)
{
	(void)state;
	struct story story;
	story_init(&story, 57);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	faulty_arm(FAULTY_WRITES, UINT64_MAX, false);
	assert_int_equal(story_append(&story, trail, 500), 0);
	uint64_t written = faulty_wal_bytes();
	assert_true(written > 100000);
	trail->broken = ERR_AMBIGUOUS; /* as after a commit that failed: nothing is moved on closing */
	trail_close(trail);
	uint64_t before = faulty_syncs();
	faulty_arm(FAULTY_WRITES, UINT64_MAX, false);
	trail = open_trail(place.trail, TRAIL_WRITE);
	assert_true(faulty_wal_bytes() >= written);
	assert_true(faulty_syncs() > before);
	assert_int_equal(trail_last_seq(trail), 500);
	trail_close(trail);
	story_release(&story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(the_wal_is_written_and_synced_again_before_its_end_is_believed),
		TEST(a_commit_is_synced_before_it_is_acknowledged),
		TEST(a_write_or_sync_that_fails_loses_nothing),
		TEST(a_failure_before_the_commit_is_not_ambiguous_and_ends_the_trail_too),
		TEST(a_full_disk_loses_nothing),
		TEST(a_read_that_fails_loses_nothing),
		TEST(a_file_that_cannot_be_opened_loses_nothing),
		TEST(a_reader_of_a_failing_disk_gets_an_error_and_no_wrong_answer),
	};
	faulty_install();
	faulty_small_wal();
	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
