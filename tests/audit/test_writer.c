/* SPDX-License-Identifier: MIT
 *
 * Batches, and the thread that commits one while its owner fills the next.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "story.h"

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
	place_remove(&place);
	return 0;
}

/* ---- batches ---- */

static void test_entries_keep_their_bytes_while_a_batch_grows(void **state)
{
	(void)state;
	enum { COUNT = 3000 };
	struct batch *batch = batch_new();
	size_t bytes = 0;
	assert_non_null(batch);
	for (unsigned round = 0; round < 2; round++) {
		bytes = 0;
		for (uint32_t i = 0; i < COUNT; i++) {
			uint8_t room[300];
			memset(room, (int)i, sizeof(room));
			struct trail_entry entry = {.seq = i,
						    .header = {room, i % 300},
						    .facts = {room, i % 7},
						    .payload = {i % 3 ? room : NULL, i % 3 ? i % 250 : 0}};
			assert_int_equal(batch_add(batch, &entry), 0);
			bytes += entry.header.bytes + entry.facts.bytes + entry.payload.bytes;
			memset(room, 0xee, sizeof(room)); /* the batch has copies */
		}
		assert_int_equal(batch_count(batch), COUNT);
		assert_int_equal(batch_bytes(batch), bytes);
		for (uint32_t i = 0; i < COUNT; i++) {
			const struct trail_entry *entry = batch_entry(batch, i);
			assert_int_equal(entry->seq, i);
			assert_int_equal(entry->header.bytes, i % 300);
			for (uint32_t j = 0; j < entry->header.bytes; j++)
				assert_true(entry->header.at[j] == (uint8_t)i);
			for (uint32_t j = 0; j < entry->facts.bytes; j++)
				assert_true(entry->facts.at[j] == (uint8_t)i);
			for (uint32_t j = 0; j < entry->payload.bytes; j++)
				assert_true(entry->payload.at[j] == (uint8_t)i);
		}
		batch_clear(batch);
		assert_int_equal(batch_count(batch), 0);
		assert_int_equal(batch_bytes(batch), 0);
	}
	batch_free(batch);
	batch_free(NULL);
}

static void test_a_batch_takes_one_entry_larger_than_all_limits(void **state)
{
	(void)state;
	struct batch *batch = batch_new();
	uint32_t bytes = 20u << 20;
	uint8_t *large = malloc(bytes);
	assert_non_null(large);
	memset(large, 7, bytes);
	struct trail_entry entry = {.seq = 1, .payload_seq = 1, .payload = {large, bytes}};
	assert_int_equal(batch_add(batch, &entry), 0);
	assert_memory_equal(batch_entry(batch, 0)->payload.at, large, bytes);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	assert_int_equal(trail_append(trail, batch_entry(batch, 0), 1), 0);
	struct buffer buffer = {0};
	assert_int_equal(trail_payload(trail, 1, &buffer), 0);
	assert_int_equal(buffer.bytes, bytes);
	assert_memory_equal(buffer.at, large, bytes);
	assert_int_equal(verify_clean(trail), 1);
	trail_close(trail);
	buffer_release(&buffer);
	batch_clear(batch);
	batch_free(batch);
	free(large);
}

/* ---- the thread ---- */

static struct batch *wait_for_batch(struct writer *writer, int *out_result)
{
	struct batch *batch;
	while (!(batch = writer_take(writer, out_result))) {
		struct pollfd poll_fd = {.fd = writer_fd(writer), .events = POLLIN};
		assert_int_equal(poll(&poll_fd, 1, 60000), 1);
	}
	return batch;
}

static void test_a_batch_that_is_taken_back_is_on_the_disk(void **state)
{
	(void)state;
	struct story story;
	struct writer *writer;
	struct batch *batch = batch_new();
	int result = -1;
	story_init(&story, 31);
	assert_int_equal(writer_new(open_trail(place.trail, TRAIL_WRITE), &writer), 0);
	struct trail *reader = open_trail(place.trail, TRAIL_READ);
	for (unsigned i = 0; i < 200; i++) {
		assert_true(writer_idle(writer));
		assert_null(writer_take(writer, &result));
		story_fill(&story, batch, 1 + story_random(&story, 40));
		writer_submit(writer, batch);
		assert_ptr_equal(wait_for_batch(writer, &result), batch);
		assert_int_equal(result, 0);
		assert_int_equal(trail_last_seq(reader), story.next_seq - 1);
	}
	writer_free(writer);
	assert_int_equal(verify_clean(reader), story.next_seq - 1);
	trail_close(reader);
	batch_free(batch);
	story_release(&story);
}

static void test_one_batch_is_filled_while_the_other_is_committed(void **state)
{
	(void)state;
	struct story story;
	struct writer *writer;
	struct batch *filling = batch_new(), *other = batch_new();
	uint64_t durable = 0;
	story_init(&story, 32);
	assert_int_equal(writer_new(open_trail(place.trail, TRAIL_WRITE), &writer), 0);
	while (durable < 20000) {
		struct trail_entry entry;
		int result;
		if (batch_count(filling) < BATCH_RECORDS_MAX && story.next_seq <= 20000) {
			story_next(&story, &entry);
			assert_int_equal(batch_add(filling, &entry), 0);
		}
		struct batch *done = writer_take(writer, &result);
		if (done) {
			assert_int_equal(result, 0);
			durable = batch_entry(done, batch_count(done) - 1)->seq;
			batch_clear(done);
			other = done;
		}
		if (writer_idle(writer) && batch_count(filling)) {
			writer_submit(writer, filling);
			filling = other;
			other = NULL;
		}
	}
	writer_free(writer);
	struct trail *trail = open_trail(place.trail, TRAIL_READ);
	assert_int_equal(verify_clean(trail), 20000);
	trail_close(trail);
	batch_free(filling);
	batch_free(other);
	story_release(&story);
}

static void test_a_batch_in_hand_is_finished_before_the_writer_ends(void **state)
{
	(void)state;
	struct story story;
	struct batch *batch = batch_new();
	story_init(&story, 33);
	for (uint64_t i = 1; i <= 20; i++) {
		struct writer *writer;
		assert_int_equal(writer_new(open_trail(place.trail, TRAIL_WRITE), &writer), 0);
		story_fill(&story, batch, 10);
		writer_submit(writer, batch);
		writer_free(writer); /* at once; the lock is free when it returns */
		struct trail *reader = open_trail(place.trail, TRAIL_READ);
		assert_int_equal(trail_last_seq(reader), i * 10);
		trail_close(reader);
	}
	struct writer *writer;
	assert_int_equal(writer_new(open_trail(place.trail, TRAIL_WRITE), &writer), 0);
	writer_free(writer); /* with nothing to do */
	writer_free(NULL);
	batch_free(batch);
	story_release(&story);
}

static void test_an_error_comes_back_with_its_batch_and_its_reason(void **state)
{
	(void)state;
	struct writer *writer;
	struct batch *batch = batch_new();
	struct trail_entry gap = {.seq = 5};
	int result;
	assert_int_equal(writer_new(open_trail(place.trail, TRAIL_WRITE), &writer), 0);
	assert_int_equal(batch_add(batch, &gap), 0);
	writer_submit(writer, batch);
	assert_ptr_equal(wait_for_batch(writer, &result), batch);
	assert_int_equal(result, ERR_STATE);
	assert_non_null(strstr(writer_why(writer), "gap"));
	batch_clear(batch);
	writer_submit(writer, batch); /* an empty one is nothing */
	assert_ptr_equal(wait_for_batch(writer, &result), batch);
	assert_int_equal(result, 0);
	writer_free(writer);
	batch_free(batch);
}

/* ---- readers beside it ---- */

static atomic_bool writing;

struct watch {
	uint64_t next_seq;
	uint64_t seen;
};

static int in_order(void *context, const struct trail_entry *entry)
{
	struct watch *watch = context;
	if (entry->seq != watch->next_seq)
		return -1000;
	watch->next_seq++;
	watch->seen++;
	return 0;
}

/* Follows, lists and verifies as fast as it can; returns what it found wrong, or NULL. */
static void *watch_the_trail(void *argument)
{
	(void)argument;
	static const char *const failures[] = {"cannot open", "cannot follow", "cannot verify"};
	char why[256];
	struct trail *trail;
	struct watch watch = {.next_seq = 1};
	if (trail_open(place.trail, TRAIL_READ, &trail, why))
		return (void *)(uintptr_t)failures[0];
	const char *failure = NULL;
	for (bool last = false; !failure && !last;) {
		struct trail_verdict verdict;
		struct trail_query query = {.after_seq = watch.next_seq - 1, .with_payload = true};
		last = !atomic_load(&writing);
		if (trail_read(trail, &query, in_order, &watch))
			failure = failures[1];
		else if (trail_verify(trail, 0, &verdict) || verdict.last_seq < watch.seen)
			failure = failures[2];
	}
	trail_close(trail);
	return (void *)(uintptr_t)failure;
}

static void test_readers_see_a_sound_trail_while_it_is_written(void **state)
{
	(void)state;
	struct story story;
	struct writer *writer;
	pthread_t readers[3];
	struct batch *batch = batch_new();
	int result;
	story_init(&story, 34);
	assert_int_equal(writer_new(open_trail(place.trail, TRAIL_WRITE), &writer), 0);
	atomic_store(&writing, true);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, watch_the_trail, NULL), 0);
	for (unsigned i = 0; i < 150; i++) {
		story_fill(&story, batch, 1 + story_random(&story, 120));
		writer_submit(writer, batch);
		assert_ptr_equal(wait_for_batch(writer, &result), batch);
		assert_int_equal(result, 0);
	}
	atomic_store(&writing, false);
	for (size_t i = 0; i < 3; i++) {
		void *failure;
		assert_int_equal(pthread_join(readers[i], &failure), 0);
		if (failure)
			fail_msg("a reader: %s", (const char *)failure);
	}
	writer_free(writer);
	batch_free(batch);
	story_release(&story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(entries_keep_their_bytes_while_a_batch_grows),       TEST(a_batch_takes_one_entry_larger_than_all_limits),
		TEST(a_batch_that_is_taken_back_is_on_the_disk),          TEST(one_batch_is_filled_while_the_other_is_committed),
		TEST(a_batch_in_hand_is_finished_before_the_writer_ends), TEST(an_error_comes_back_with_its_batch_and_its_reason),
		TEST(readers_see_a_sound_trail_while_it_is_written),
	};
	return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
