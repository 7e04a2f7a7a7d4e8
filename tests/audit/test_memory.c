/* SPDX-License-Identifier: MIT
 *
 * Every allocation fails, one after the other: ours, SQLite's and OpenSSL's alike. Each time the caller gets a clean error, the
 * trail is sound afterwards, and what was acknowledged is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "faulty.h"
#include "scarce.h"
#include "faulty.h"
#include "story.h"

/* ---- one run ---- */

static struct place place;

static int setup(void **state)
{
	(void)state;
	place_make(&place);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scarce_disarm();
	place_remove(&place);
	return 0;
}

static int count_one(void *context, const struct trail_entry *entry)
{
	(void)entry;
	++*(uint64_t *)context;
	return 0;
}

static bool is_memory_error(int rc)
{
	return rc == ERR_MEMORY || rc == ERR_AMBIGUOUS || rc == ERR_IO;
}

/* What a process does with a trail. Returns how many records were acknowledged. */
static uint64_t use(struct batch *batches[3], const struct trail_task *task)
{
	char why[256];
	struct trail *trail;
	struct trail_verdict verdict;
	struct trail_query query = {.with_payload = true, .task_id = task->task_id};
	struct trail_task found;
	struct buffer buffer = {0};
	uint64_t durable = 0, seen = 0;
	int rc = trail_open(place.trail, TRAIL_WRITE, &trail, why);
	if (rc) {
		assert_true(is_memory_error(rc));
		assert_true(strlen(why) > 10);
		return 0;
	}
	for (size_t i = 0; i < 3 && rc == 0; i++) {
		rc = trail_append(trail, batch_entry(batches[i], 0), batch_count(batches[i]));
		if (rc == 0)
			durable += batch_count(batches[i]);
		else
			assert_true(is_memory_error(rc));
	}
	if (rc == 0) {
		rc = trail_read(trail, &query, count_one, &seen);
		assert_true(rc ? is_memory_error(rc) : seen > 1);
		rc = trail_task(trail, &task->task_id, &found);
		assert_true(rc ? is_memory_error(rc) : found.request_seq == task->request_seq);
		rc = trail_payload(trail, task->request_seq, &buffer);
		assert_true(rc == 0 || is_memory_error(rc));
		rc = trail_verify(trail, 0, &verdict);
		assert_true(rc ? is_memory_error(rc) : verdict.records == durable);
		assert_true(rc == 0 || strlen(verdict.why) > 5);
		rc = trail_rebuild_index(trail);
		assert_true(rc == 0 || is_memory_error(rc));
		rc = trail_tidy(trail);
		assert_true(rc == 0 || is_memory_error(rc));
	}
	buffer_release(&buffer);
	trail_close(trail);
	return durable;
}

static void look_again(uint64_t durable, struct batch *batches[3])
{
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	uint64_t last = trail_last_seq(trail), whole = 0;
	assert_true(last >= durable);
	for (size_t i = 0; i < 3 && whole < last; i++)
		whole += batch_count(batches[i]);
	assert_int_equal(whole, last); /* batches are there as a whole or not at all */
	assert_int_equal(verify_clean(trail), last);
	trail_close(trail);
}

/* Every allocation in the deep run, else every few. */
static uint64_t stride_or(uint64_t usual)
{
	const char *text = getenv("AUDIT_STRIDE");
	return text ? (uint64_t)atoi(text) : usual;
}

static void sweep(bool sticky, uint64_t stride)
{
	struct story story;
	struct batch *batches[3];
	uint64_t at = 1, failures, runs = 0; /* the first of all is the trail itself */
	story_init(&story, 61);
	for (size_t i = 0; i < 3; i++) {
		batches[i] = batch_new();
		story_fill(&story, batches[i], 20 + 10 * i);
	}
	do {
		place_empty(&place);
		scarce_arm(at, sticky);
		uint64_t durable = use(batches, &story.tasks[0]);
		failures = scarce_failures();
		scarce_disarm();
		look_again(durable, batches);
		at += stride;
		runs++;
	} while (failures);
	print_message("%llu runs, up to allocation %llu%s\n", (unsigned long long)runs, (unsigned long long)(at - stride),
		      sticky ? ", and every one after" : "");
	assert_true(at > 200);
	for (size_t i = 0; i < 3; i++)
		batch_free(batches[i]);
	story_release(&story);
}

static void test_an_allocation_that_fails_once_is_a_clean_error(void **state)
{
	(void)state;
	sweep(false, stride_or(9));
}

static void test_no_memory_at_all_is_a_clean_error(void **state)
{
	(void)state;
	sweep(true, stride_or(31));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(an_allocation_that_fails_once_is_a_clean_error),
		TEST(no_memory_at_all_is_a_clean_error),
	};
	scarce_install();
	faulty_install();
	faulty_small_wal();
	/* What libraries set up once in a process is not what is tested. */
	place_make(&place);
	story_write(place.trail, 60, 10);
	place_remove(&place);
	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
