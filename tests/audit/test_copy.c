/* SPDX-License-Identifier: MIT
 *
 * A trail is copied while somebody writes it.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "audit/copy.h"
#include "protocol/codec.h"
#include "story.h"

#define RECORDS 12000u

struct fixture {
	struct place place;
	char copy[128];
};

#define SIDES 5u

/* The copy and the files that SQLite and the writer put beside it. */
static const char *side(const struct fixture *fixture, size_t i)
{
	static const char *const ends[SIDES] = {"", "-wal", "-shm", "-lock", "-journal"};
	static char path[160];

	snprintf(path, sizeof(path), "%s%s", fixture->copy, ends[i]);
	return path;
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	place_make(&fixture->place);
	snprintf(fixture->copy, sizeof(fixture->copy), "%s/copy.db", fixture->place.folder);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < SIDES; i++)
		unlink(side(fixture, i));
	place_remove(&fixture->place);
	free(fixture);
	return 0;
}

static struct trail_copied copy(struct fixture *fixture, bool (*stop)(void *context), void *context)
{
	struct trail_copied copied;
	char why[256] = "";

	if (trail_copy(fixture->place.trail, fixture->copy, stop, context, &copied, why))
		fail_msg("%s", why);
	return copied;
}

static struct trail_verdict verify(const struct place *place, const char *path)
{
	struct trail *trail = open_trail(path, TRAIL_READ);
	struct trail_verdict verdict;
	struct log_keys keys;

	read_keys(place, &keys);
	if (trail_verify_sealed(trail, 0, &keys, &verdict))
		fail_msg("record %llu: %s", (unsigned long long)verdict.bad_seq, verdict.why);
	trail_close(trail);
	return verdict;
}

static void assert_alone(const struct fixture *fixture)
{
	for (size_t i = 1; i < SIDES; i++)
		assert_int_equal(access(side(fixture, i), F_OK), -1);
}

static void test_a_copy_has_all_of_it_in_one_file(void **state)
{
	struct fixture *fixture = *state;
	struct trail_verdict before, after;
	struct trail_copied copied;

	story_write_sealed(&fixture->place, 7, RECORDS, 900);
	before = verify(&fixture->place, fixture->place.trail);
	copied = copy(fixture, NULL, NULL);
	assert_alone(fixture);
	after = verify(&fixture->place, fixture->copy);
	assert_alone(fixture);
	assert_int_equal(after.records, RECORDS);
	assert_int_equal(after.payloads, before.payloads);
	assert_int_equal(after.checkpoints, before.checkpoints);
	assert_int_equal(after.sealed_seq, before.sealed_seq);
	assert_memory_equal(&after.head, &before.head, sizeof(after.head));
	assert_int_equal(copied.last_seq, RECORDS);
	assert_int_equal(copied.payloads, before.payloads);
	assert_true(copied.slices >= RECORDS / 10000 + 3); /* two of records, at least one each of checkpoints and erasures */
}

/* A copy can be gone on with, as after a restore. */
static void test_a_copy_can_be_written(void **state)
{
	struct fixture *fixture = *state;
	struct story story;
	struct trail *trail;

	story_init(&story, 7);
	trail = open_trail(fixture->place.trail, TRAIL_WRITE);
	assert_int_equal(story_append(&story, trail, 500), 0);
	trail_close(trail);
	copy(fixture, NULL, NULL);
	trail = open_trail(fixture->copy, TRAIL_WRITE);
	assert_int_equal(story_append(&story, trail, 500), 0);
	assert_int_equal(verify_clean(trail), 1000);
	trail_close(trail);
	story_release(&story);
}

/* ---- beside a writer ---- */

struct busy {
	struct fixture *fixture;
	pthread_t thread;
	atomic_bool stop;
	atomic_ulong written;
};

static void *write_on(void *argument)
{
	struct busy *busy = argument;
	struct trail *trail = open_trail(busy->fixture->place.trail, TRAIL_WRITE);
	struct story story;

	story_init(&story, 11);
	seal_trail(&busy->fixture->place, trail);
	while (!atomic_load(&busy->stop)) {
		assert_int_equal(story_append(&story, trail, 40), 0);
		atomic_fetch_add(&busy->written, 40);
	}
	assert_int_equal(trail_checkpoint(trail), 0);
	trail_close(trail);
	story_release(&story);
	return NULL;
}

static void wait_for_records(struct busy *busy, unsigned long count)
{
	while (atomic_load(&busy->written) < count)
		sched_yield();
}

static void test_a_copy_is_made_while_records_are_written(void **state)
{
	struct fixture *fixture = *state;
	struct busy busy = {.fixture = fixture};
	struct trail_verdict verdict;
	struct trail_copied copied;
	struct stat wal;
	char path[160];

	assert_int_equal(pthread_create(&busy.thread, NULL, write_on, &busy), 0);
	for (unsigned turn = 0; turn < 3; turn++) {
		unsigned long before, after;

		wait_for_records(&busy, 3000 * (turn + 1));
		before = atomic_load(&busy.written);
		copied = copy(fixture, NULL, NULL);
		wait_for_records(&busy, before + 40); /* it still writes */
		after = atomic_load(&busy.written);
		verdict = verify(&fixture->place, fixture->copy);
		assert_int_equal(verdict.last_seq, copied.last_seq);
		assert_true(copied.last_seq >= before && copied.last_seq <= after);
		assert_int_equal(copied.last_seq % 40, 0); /* whole transactions */
		assert_true(verdict.checkpoints > 0);
		assert_int_equal(unlink(fixture->copy), 0);
	}
	snprintf(path, sizeof(path), "%s-wal", fixture->place.trail);
	assert_int_equal(stat(path, &wal), 0);
	assert_true(wal.st_size < 32 << 20); /* no reader kept it from starting over */
	atomic_store(&busy.stop, true);
	pthread_join(busy.thread, NULL);
	print_message("           the longest read transaction took %.1f ms of the 100 it may\n",
		      (double)copied.longest_us / 1000);
}

/* ---- what is erased meanwhile ---- */

struct eraser {
	struct trail *trail;
	struct story story;
	uint64_t task_number; /* of a task that has ended */
	struct id task_id;
	unsigned asked;
	unsigned times; /* erasures: one after the first slice, the others after the slices that take out what is gone */
	uint64_t erased_seq[4];
};

static void erase(struct eraser *eraser)
{
	struct message message = {.type = MESSAGE_ERASED};
	struct buffer header = {0}, facts = {0};
	struct trail_entry entry = {.seq = trail_last_seq(eraser->trail) + 1,
				    .direction = TRAIL_INNER,
				    .type = MESSAGE_ERASED,
				    .now_ms = 1,
				    .wall_ms = 1};
	struct trail_task *task = NULL;

	/* Each time another task that has ended. */
	for (size_t i = 0, found = 0; i < eraser->story.task_count && !task; i++)
		if (eraser->story.tasks[i].end_seq && found++ == eraser->asked)
			task = &eraser->story.tasks[i];
	assert_non_null(task);
	message.header.task_id = entry.task_id = task->task_id;
	message.erased.task_number = entry.task_number = task->request_seq;
	message.erased.through_seq = entry.seq - 1;
	message.erased.who = (struct text){"test", 4};
	assert_int_equal(message_encode_header(&message, &header), 0);
	assert_int_equal(message_encode_facts(&message, &facts), 0);
	entry.header = (struct bytes){header.at, (uint32_t)header.bytes};
	entry.facts = (struct bytes){facts.at, (uint32_t)facts.bytes};
	if (trail_append(eraser->trail, &entry, 1))
		fail_msg("%s", trail_why(eraser->trail));
	eraser->erased_seq[eraser->asked] = task->request_seq;
	buffer_release(&header);
	buffer_release(&facts);
}

/* Asked before each slice: what the first one has taken is erased before the second. */
static bool erase_between(void *context)
{
	struct eraser *eraser = context;
	static unsigned calls;

	calls = eraser->asked || calls ? calls + 1 : 1;
	if (calls > 1 && eraser->asked < eraser->times)
		erase(eraser), eraser->asked++;
	if (eraser->asked == eraser->times)
		calls = 0;
	return false;
}

static void test_what_is_erased_meanwhile_is_not_in_the_copy(void **state)
{
	struct fixture *fixture = *state;
	struct eraser eraser = {.times = 3};
	struct trail_verdict verdict;
	struct trail_copied copied;
	struct trail *trail;

	story_init(&eraser.story, 7);
	eraser.trail = open_trail(fixture->place.trail, TRAIL_WRITE);
	seal_trail(&fixture->place, eraser.trail);
	for (unsigned i = 0; i < 12; i++)
		assert_int_equal(story_append(&eraser.story, eraser.trail, 1000), 0);
	copied = copy(fixture, erase_between, &eraser);
	assert_int_equal(eraser.asked, eraser.times);
	verdict = verify(&fixture->place, fixture->copy);
	assert_int_equal(copied.last_seq, 12000 + eraser.times);
	assert_true(verdict.erased >= eraser.times);
	trail = open_trail(fixture->copy, TRAIL_READ);
	for (unsigned i = 0; i < eraser.times; i++) {
		struct buffer body = {0};

		assert_int_equal(trail_payload(trail, eraser.erased_seq[i], &body), ERR_NOT_FOUND);
		buffer_release(&body);
	}
	trail_close(trail);
	trail_close(eraser.trail);
	story_release(&eraser.story);
}

/* ---- what is refused ---- */

static bool stop_at_once(void *context)
{
	(void)context;
	return true;
}

static void test_a_copy_can_be_stopped_and_takes_no_place_that_is_taken(void **state)
{
	struct fixture *fixture = *state;
	struct trail_copied copied;
	char why[256] = "";

	assert_int_equal(trail_copy(fixture->place.trail, fixture->copy, NULL, NULL, &copied, why), ERR_NOT_FOUND);
	story_write(fixture->place.trail, 3, 100);
	assert_int_equal(trail_copy(fixture->place.trail, fixture->copy, stop_at_once, NULL, &copied, why), ERR_CANCELLED);
	assert_int_equal(trail_copy(fixture->place.trail, fixture->place.trail, NULL, NULL, &copied, why), ERR_CONFLICT);
	assert_true(why[0]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_copy_has_all_of_it_in_one_file),
		TEST(a_copy_can_be_written),
		TEST(a_copy_is_made_while_records_are_written),
		TEST(what_is_erased_meanwhile_is_not_in_the_copy),
		TEST(a_copy_can_be_stopped_and_takes_no_place_that_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
