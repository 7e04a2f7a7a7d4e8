/* SPDX-License-Identifier: MIT
 *
 * kill -9 while appending: whatever was acknowledged is there when the trail is opened again, nothing is doubled, nothing is half
 * there.
 *
 * The child acknowledges into a pipe, as Omega would into a socket; the parent kills it after some acknowledgements, at any
 * moment of what comes next.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* The story up to `seq`, told again. */
static void story_skip(struct story *story, uint64_t seq)
{
	struct trail_entry entry;
	while (story->next_seq <= seq)
		story_next(story, &entry);
}

/* Appends until it is killed. Never returns; leaves without running what the parent has registered. */
static void child_append(int acknowledge, uint64_t seed, uint64_t batch_max)
{
	char why[256];
	struct trail *trail;
	struct story story;
	struct batch *batch = batch_new();
	if (!batch || trail_open(place.trail, TRAIL_WRITE, &trail, why))
		_exit(10);
	story_init(&story, seed);
	story_skip(&story, trail_last_seq(trail));
	struct story sizes;
	story_init(&sizes, seed ^ trail_last_seq(trail));
	for (;;) {
		story_fill(&story, batch, 1 + story_random(&sizes, batch_max));
		if (trail_append(trail, batch_entry(batch, 0), batch_count(batch)))
			_exit(11);
		uint64_t durable = trail_last_seq(trail);
		if (write(acknowledge, &durable, sizeof(durable)) != sizeof(durable))
			_exit(12);
		if (trail_untidy(trail) && trail_tidy(trail))
			_exit(13);
	}
}

/* Reads `count` acknowledgements, kills, reads the rest. Returns the last one. */
static uint64_t kill_after(pid_t child, int acknowledge, unsigned count, unsigned spin)
{
	uint64_t durable = 0, value;
	int status;
	for (unsigned i = 0; i < count && read(acknowledge, &value, sizeof(value)) == sizeof(value); i++)
		durable = value;
	for (volatile unsigned i = 0; i < spin; i++)
		; /* so that it does not die right after it has written */
	assert_int_equal(kill(child, SIGKILL), 0);
	while (read(acknowledge, &value, sizeof(value)) == sizeof(value))
		durable = value;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status))
		fail_msg("the child ended by itself with %d", WEXITSTATUS(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	return durable;
}

/* Every record that is there is what the story says, once. */
static int as_told(void *context, const struct trail_entry *entry)
{
	struct story *story = context;
	struct trail_entry should;
	story_next(story, &should);
	assert_int_equal(entry->seq, should.seq);
	assert_true(id_equal(&entry->message_id, &should.message_id));
	assert_int_equal(entry->payload.bytes, should.payload_seq == should.seq ? should.payload.bytes : entry->payload.bytes);
	return 0;
}

static void assert_tasks(struct trail *trail, const struct story *story)
{
	struct trail_task task;
	for (size_t i = 0; i < story->task_count; i++) {
		assert_int_equal(trail_task(trail, &story->tasks[i].task_id, &task), 0);
		assert_int_equal(task.request_seq, story->tasks[i].request_seq);
		assert_int_equal(task.end_seq, story->tasks[i].end_seq);
		assert_int_equal(task.outcome_seq, story->tasks[i].outcome_seq);
	}
}

static void kill_and_look(uint64_t seed, uint64_t batch_max, struct story *choices)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	fflush(NULL);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		child_append(ends[1], seed, batch_max);
	}
	close(ends[1]);
	uint64_t durable =
		kill_after(child, ends[0], (unsigned)story_random(choices, 40), (unsigned)story_random(choices, 600000));
	close(ends[0]);
	struct trail *trail = open_trail(place.trail, TRAIL_WRITE);
	struct trail_query query = {.with_payload = true};
	struct story story;
	story_init(&story, seed);
	assert_true(trail_last_seq(trail) >= durable);
	assert_true(trail_last_seq(trail) <= durable + batch_max || durable == 0);
	assert_int_equal(trail_read(trail, &query, as_told, &story), 0);
	assert_int_equal(story.next_seq - 1, trail_last_seq(trail));
	assert_int_equal(trail_snapshot_seq(trail), story.snapshot_seq);
	assert_tasks(trail, &story);
	assert_int_equal(verify_clean(trail), trail_last_seq(trail));
	trail_close(trail);
	story_release(&story);
}

static void test_what_was_acknowledged_survives_kill_9(void **state)
{
	(void)state;
	const char *floor_text = getenv("AUDIT_KILLS"); /* the deep run asks for more */
	unsigned kills = floor_text ? (unsigned)atoi(floor_text) : 60;
	struct story choices;
	story_init(&choices, 41);
	for (unsigned i = 0; i < kills; i++) {
		if (i % 12 == 0)
			place_empty(&place); /* creation is killed too */
		kill_and_look(42 + i / 12, i % 3 ? 8 : 300, &choices);
	}
	print_message("%u kills, nothing lost, nothing doubled\n", kills);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_was_acknowledged_survives_kill_9, setup, teardown),
	};
	return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
