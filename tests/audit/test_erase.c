/* SPDX-License-Identifier: MIT
 *
 * What was erased is nowhere any more: in no page, no free page, no frame of the WAL, used or not. What was not is all there.
 */
#include <poll.h>
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
#include <sqlite3.h>

#include "audit/erase.h"
#include "audit/store.h"
#include "canary.h"
#include "story.h"

#define TASKS        60u
#define TEXTS_MAX    2000u
#define KILLED_TASKS 12u

/* A text that a record owns. */
struct text_kept {
	uint64_t seq;
	uint64_t number; /* of its task; 0: none */
	size_t bytes;
	char *at;
	bool gone;
};

struct world {
	struct place place;
	struct trail *trail;
	struct text_kept text[TEXTS_MAX];
	size_t texts;
	uint64_t seq;
	uint64_t number[TASKS];
	uint64_t random;
};

static uint64_t below(struct world *world, uint64_t limit)
{
	world->random = world->random * 6364136223846793005u + 1442695040888963407u;
	return (world->random >> 33) % limit;
}

/* ---- writing ---- */

static void append(struct world *world, struct message *message, struct trail_entry *entry)
{
	struct buffer header = {0}, facts = {0};
	message->header.task_id = entry->task_id;
	assert_int_equal(message_encode_header(message, &header), 0);
	assert_int_equal(message_encode_facts(message, &facts), 0);
	entry->seq = ++world->seq;
	entry->type = message->type;
	entry->wall_ms = 1000 * entry->seq;
	entry->header = (struct bytes){header.at, (uint32_t)header.bytes};
	entry->facts = (struct bytes){facts.at, (uint32_t)facts.bytes};
	if (entry->payload_seq == UINT64_MAX)
		entry->payload_seq = entry->seq;
	if (entry->task_number == UINT64_MAX)
		entry->task_number = entry->seq;
	int rc = trail_append(world->trail, entry, 1);
	if (rc)
		fail_msg("record %llu: %s: %s", (unsigned long long)entry->seq, error_name(rc), trail_why(world->trail));
	buffer_release(&header);
	buffer_release(&facts);
}

/* The next record gets a text of its own, short or over several pages. */
static void give_text(struct world *world, struct trail_entry *entry)
{
	struct text_kept *text = &world->text[world->texts];
	assert_true(world->texts < TEXTS_MAX);
	world->texts++;
	text->bytes = 16 + below(world, below(world, 5) ? 600 : 40000);
	text->at = malloc(text->bytes + 1);
	assert_non_null(text->at);
	canary_text(world->seq + 1 + world->random, text->at, text->bytes);
	text->seq = world->seq + 1;
	text->number = entry->task_number == UINT64_MAX ? text->seq : entry->task_number;
	entry->payload_seq = UINT64_MAX;
	entry->payload = (struct bytes){(const uint8_t *)text->at, (uint32_t)text->bytes};
}

static struct id task_id(uint32_t task)
{
	return story_id(1000 + task);
}

static void request(struct world *world, uint32_t task, const struct id *parent)
{
	struct message message = {.type = MESSAGE_TASK_REQUEST};
	struct trail_entry entry = {.direction = TRAIL_IN,
				    .task_id = task_id(task),
				    .task_number = UINT64_MAX,
				    .key_hash = story_id(5000 + task),
				    .body_hash = story_id(6000 + task)};
	if (parent)
		message.task_request.parent = *parent;
	give_text(world, &entry);
	append(world, &message, &entry);
	world->number[task] = entry.seq;
}

static uint64_t say(struct world *world, uint32_t task, enum message_type type, uint32_t direction, uint64_t payload_seq,
		    uint32_t end_state)
{
	struct message message = {.type = type};
	struct trail_entry entry = {.direction = direction,
				    .task_id = task_id(task),
				    .task_number = world->number[task],
				    .payload_seq = payload_seq,
				    .end_state = end_state};
	if (payload_seq == UINT64_MAX)
		give_text(world, &entry);
	append(world, &message, &entry);
	return entry.seq;
}

/* One stage of a task. */
static void live_through(struct world *world, uint32_t task, uint32_t stage)
{
	uint64_t seq;
	switch (stage) {
	case 0:
		request(world, task, NULL);
		break;
	case 1:
		say(world, task, MESSAGE_TASK_ASSIGNMENT, TRAIL_OUT, world->number[task], 0);
		break;
	case 2:
		say(world, task, MESSAGE_TASK_PROGRESS, TRAIL_IN, UINT64_MAX, 0);
		break;
	case 3:
		seq = say(world, task, MESSAGE_TASK_COMPLETION, TRAIL_IN, UINT64_MAX, STATE_COMPLETED);
		say(world, task, MESSAGE_TASK_COMPLETION, TRAIL_OUT, seq, STATE_COMPLETED);
		break;
	}
}

/* All tasks one beside the other, so that their texts share pages. */
static void populate(struct world *world, uint32_t tasks)
{
	uint32_t stage[TASKS] = {0};
	for (uint32_t done = 0; done < tasks;) {
		uint32_t task = (uint32_t)below(world, tasks);
		if (stage[task] == 4)
			continue;
		live_through(world, task, stage[task]++);
		done += stage[task] == 4;
	}
}

static void erased_message(struct world *world, uint64_t number, uint64_t through, struct message *message)
{
	(void)world;
	*message = (struct message){.type = MESSAGE_ERASED};
	message->erased = (struct erased){.task_number = number, .through_seq = through, .who = {"operator/test", 13}};
}

static void erase_task(struct world *world, uint32_t task)
{
	struct message message;
	struct trail_entry entry = {.direction = TRAIL_INNER, .task_id = task_id(task), .task_number = world->number[task]};
	erased_message(world, world->number[task], world->seq, &message);
	append(world, &message, &entry);
	for (size_t i = 0; i < world->texts; i++)
		world->text[i].gone |= world->text[i].number == world->number[task];
}

static void prune(struct world *world, uint64_t through)
{
	struct message message;
	struct trail_entry entry = {.direction = TRAIL_INNER};
	erased_message(world, 0, through, &message);
	append(world, &message, &entry);
}

static void erase_everything(struct world *world)
{
	prune(world, world->seq);
	for (size_t i = 0; i < world->texts; i++)
		world->text[i].gone = true;
}

/* ---- looking ---- */

static void fill_canary(const struct world *world, struct canary *canary)
{
	canary_init(canary);
	for (size_t i = 0; i < world->texts; i++)
		if (world->text[i].gone)
			canary_add(canary, world->text[i].at, world->text[i].bytes);
}

static size_t hits(const struct world *world)
{
	struct canary canary;
	fill_canary(world, &canary);
	size_t count = canary_hits_below(&canary, world->place.folder);
	canary_release(&canary);
	return count;
}

static void assert_no_hits(const struct world *world)
{
	struct canary canary;
	fill_canary(world, &canary);
	size_t count = canary_hits_below(&canary, world->place.folder);
	if (count)
		fail_msg("%zu hits; the first: %s", count, canary.first);
	canary_release(&canary);
}

/* Every text is what it was, or not there, as it should be. */
static void assert_texts(const struct world *world)
{
	struct buffer buffer = {0};
	for (size_t i = 0; i < world->texts; i++) {
		const struct text_kept *text = &world->text[i];
		buffer.bytes = 0;
		int rc = trail_payload(world->trail, text->seq, &buffer);
		assert_int_equal(rc, text->gone ? ERR_NOT_FOUND : 0);
		if (rc == 0 && (buffer.bytes != text->bytes || memcmp(buffer.at, text->at, text->bytes) != 0))
			fail_msg("the text of record %llu has changed", (unsigned long long)text->seq);
	}
	buffer_release(&buffer);
}

static void assert_sound(struct world *world)
{
	char why[256];
	assert_int_equal(verify_clean(world->trail), world->seq);
	if (trail_check_file(world->trail, why))
		fail_msg("%s", why);
	assert_texts(world);
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	assert_non_null(world);
	world->random = 7;
	place_make(&world->place);
	world->trail = open_trail(world->place.trail, TRAIL_WRITE);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	trail_close(world->trail);
	for (size_t i = 0; i < world->texts; i++)
		free(world->text[i].at);
	place_remove(&world->place);
	free(world);
	return 0;
}

/* ---- erasing tasks ---- */

static void test_nothing_is_left_of_an_erased_task_and_all_of_the_others(void **state)
{
	struct world *world = *state;
	populate(world, TASKS);
	for (uint32_t task = 0; task < TASKS; task += 2) { /* in an order that is not theirs */
		erase_task(world, (task * 7) % TASKS);
		if (task % 10 == 0) {
			assert_no_hits(world);
			assert_sound(world);
		}
	}
	assert_no_hits(world);
	assert_sound(world);
}

static void test_what_is_written_between_erasures_leaves_nothing_either(void **state)
{
	struct world *world = *state;
	for (uint32_t task = 0; task < TASKS; task++) {
		for (uint32_t stage = 0; stage < 4; stage++)
			live_through(world, task, stage);
		if (task % 3 == 2)
			erase_task(world, task - 1 - task % 2);
	}
	assert_no_hits(world);
	assert_sound(world);
}

static void test_the_search_finds_what_is_there(void **state)
{
	struct world *world = *state;
	size_t windows = 0;
	populate(world, 10);
	for (size_t i = 0; i < world->texts; i++) {
		world->text[i].gone = true; /* it is not */
		windows += world->text[i].bytes - CANARY_WINDOW + 1;
	}
	assert_true(hits(world) > windows * 9 / 10);
}

static void views_drop(sqlite3 *db)
{
	static const char list[] =
		"SELECT group_concat(printf('DROP VIEW %s;', name), '') FROM sqlite_schema WHERE type = 'view'";
	sqlite3_stmt *statement = NULL;
	assert_int_equal(sqlite3_prepare_v2(db, list, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	char *sql = strdup((const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	free(sql);
}

/* A page that was split keeps old rows between its cells unless SQLite is told to overwrite what it frees. */
static void test_without_secure_delete_something_would_be_left(void **state)
{
	struct world *world = *state;
	assert_int_equal(sqlite3_exec(world->trail->db, "PRAGMA secure_delete=OFF", NULL, NULL, NULL), SQLITE_OK);
	populate(world, TASKS);
	erase_everything(world);
	assert_true(hits(world) > 0);
}

/* The program of that time did not tell SQLite so. What its first page kept goes when the trail is brought to format 2. */
static void test_what_format_1_left_behind_goes_with_the_format(void **state)
{
	static const char back[] = "DROP TABLE nodes; DROP TABLE checkpoints; DROP TABLE erasures; DROP INDEX records_erased; "
				   "PRAGMA user_version = 1";
	struct world *world = *state;
	sqlite3 *db;
	assert_int_equal(sqlite3_exec(world->trail->db, "PRAGMA secure_delete=OFF", NULL, NULL, NULL), SQLITE_OK);
	populate(world, TASKS);
	trail_close(world->trail);
	assert_int_equal(sqlite3_open(world->place.trail, &db), SQLITE_OK);
	views_drop(db);
	assert_int_equal(sqlite3_exec(db, back, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	world->trail = open_trail(world->place.trail, TRAIL_WRITE);
	erase_everything(world);
	assert_no_hits(world);
	assert_sound(world);
}

static void test_a_live_task_is_not_erased_and_the_trail_goes_on(void **state)
{
	struct world *world = *state;
	struct buffer header = {0}, facts = {0};
	struct message message;
	populate(world, 3);
	live_through(world, 3, 0);
	erased_message(world, world->number[3], world->seq, &message);
	message.header.task_id = task_id(3);
	assert_int_equal(message_encode_header(&message, &header), 0);
	assert_int_equal(message_encode_facts(&message, &facts), 0);
	struct trail_entry entry = {.seq = world->seq + 1,
				    .direction = TRAIL_INNER,
				    .type = MESSAGE_ERASED,
				    .task_id = task_id(3),
				    .task_number = world->number[3],
				    .header = {header.at, (uint32_t)header.bytes},
				    .facts = {facts.at, (uint32_t)facts.bytes}};
	assert_int_equal(trail_append(world->trail, &entry, 1), ERR_STATE);
	assert_non_null(strstr(trail_why(world->trail), "is live"));
	live_through(world, 3, 1);
	erase_task(world, 1);
	assert_sound(world);
	buffer_release(&header);
	buffer_release(&facts);
}

static void test_a_task_is_found_by_its_key_after_it_was_erased(void **state)
{
	struct world *world = *state;
	struct trail_task task;
	struct id key = story_id(5002);
	populate(world, 5);
	erase_task(world, 2);
	assert_int_equal(trail_key(world->trail, &key, &task), 0);
	assert_int_equal(task.request_seq, world->number[2]);
	struct id body = story_id(6002);
	assert_true(id_equal(&task.body_hash, &body));
	erase_task(world, 2); /* once more does no harm */
	assert_sound(world);
}

/* The reason of an action that has erased something says why the rest is gone. */
static void test_the_reason_of_an_erasure_stays(void **state)
{
	struct world *world = *state;
	populate(world, 4);
	for (uint32_t twice = 0; twice < 2; twice++) {
		say(world, 1, MESSAGE_RECOVERY_ACTION, TRAIL_IN, UINT64_MAX, 0);
		size_t reason = world->texts - 1;
		erase_task(world, 1);
		world->text[reason].gone = false;
		if (twice)
			world->text[reason - 1].gone = false;
	}
	prune(world, world->seq);
	for (size_t i = 0; i + 2 < world->texts; i++)
		world->text[i].gone = true;
	assert_no_hits(world);
	assert_sound(world);
}

static void test_a_missing_payload_that_nobody_erased_is_damage(void **state)
{
	struct world *world = *state;
	struct trail_verdict verdict;
	sqlite3 *db;
	char sql[128];
	populate(world, 6);
	erase_task(world, 2);
	uint64_t seq = world->number[4];
	assert_int_equal(sqlite3_open(world->place.trail, &db), SQLITE_OK);
	snprintf(sql, sizeof(sql), "UPDATE payloads SET salt = NULL, body = NULL WHERE seq = %llu", (unsigned long long)seq);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(trail_verify(world->trail, 0, &verdict), ERR_CORRUPT);
	assert_int_equal(verdict.bad_seq, seq);
}

/* ---- erasing by age ---- */

static uint64_t plan_by_age(struct world *world, uint64_t through, uint64_t limit, struct erase_plan *plan)
{
	struct erased_claim claim = {.seq = UINT64_MAX, .through_seq = through};
	assert_int_equal(erase_plan(world->trail, &claim, limit, NULL, NULL, plan), 0);
	return plan->payloads;
}

static struct text_kept *text_of(struct world *world, uint64_t seq)
{
	for (size_t i = 0; i < world->texts; i++)
		if (world->text[i].seq == seq)
			return &world->text[i];
	fail_msg("record %llu has no text", (unsigned long long)seq);
	return NULL;
}

/* 0 has ended; 1 is live; 2 is a child of 1 and 3 of 2, both ended; 4 is a dead letter, 5 one that was settled; 6 ended
 * after the moment: what it said before goes. */
static void populate_for_retention(struct world *world, uint64_t *out_through)
{
	struct id parent;
	for (uint32_t stage = 0; stage < 4; stage++)
		live_through(world, 0, stage);
	live_through(world, 1, 0);
	for (uint32_t task = 2; task < 4; task++) {
		parent = task_id(task - 1);
		request(world, task, &parent);
		live_through(world, task, 3);
	}
	for (uint32_t task = 4; task < 6; task++) {
		live_through(world, task, 0);
		say(world, task, MESSAGE_TASK_FAILURE, TRAIL_OUT, UINT64_MAX, STATE_FAILED);
		say(world, task, MESSAGE_ERROR_ESCALATION, TRAIL_OUT, UINT64_MAX, 0);
	}
	say(world, 5, MESSAGE_RECOVERY_ACTION, TRAIL_IN, UINT64_MAX, 0);
	live_through(world, 6, 0);
	*out_through = world->seq;
	live_through(world, 6, 3);
}

static uint64_t take_snapshot(struct world *world)
{
	struct message message = {.type = MESSAGE_SNAPSHOT};
	struct trail_entry entry = {.direction = TRAIL_INNER};
	give_text(world, &entry);
	append(world, &message, &entry);
	return entry.seq;
}

static void test_what_is_still_needed_is_not_erased_by_age(void **state)
{
	struct world *world = *state;
	struct erase_plan plan;
	uint64_t through, old = take_snapshot(world), last = take_snapshot(world);
	populate_for_retention(world, &through);
	plan_by_age(world, through, 0, &plan);
	prune(world, through);
	text_of(world, old)->gone = true;
	for (size_t i = 0; i < world->texts; i++)
		world->text[i].gone |= world->text[i].number == world->number[0] || world->text[i].number == world->number[5] ||
				       world->text[i].seq == world->number[6];
	uint64_t gone = 0, bytes = 0;
	for (size_t i = 0; i < world->texts; i++) {
		gone += world->text[i].gone;
		bytes += world->text[i].gone ? world->text[i].bytes : 0;
	}
	assert_int_equal(plan.payloads, gone);
	assert_int_equal(plan.bytes, bytes);
	assert_false(text_of(world, last)->gone);
	assert_true(plan.kept > 0);
	assert_sound(world);
	assert_no_hits(world);
	/* The live one ends: it goes, and what is below it. */
	live_through(world, 1, 3);
	prune(world, world->seq);
	for (size_t i = 0; i < world->texts; i++)
		world->text[i].gone = world->text[i].number != world->number[4] && world->text[i].seq != last;
	assert_sound(world);
	assert_no_hits(world);
}

/* What is taken in slices is the same in the end. */
static void test_what_is_old_can_be_erased_in_slices(void **state)
{
	struct world *world = *state;
	struct erase_plan plan;
	uint32_t slices = 0;
	populate(world, TASKS);
	uint64_t through = world->seq;
	while (plan_by_age(world, through, 40, &plan)) {
		assert_true(plan.payloads <= 40);
		prune(world, plan.last_seq);
		slices++;
	}
	assert_int_equal(plan_by_age(world, through, 0, &plan), 0);
	assert_true(slices >= 4);
	for (size_t i = 0; i < world->texts; i++)
		world->text[i].gone = true;
	assert_no_hits(world);
	assert_sound(world);
}

/* ---- readers and crashes ---- */

static void test_erasing_waits_for_a_reader_and_says_if_it_never_ends(void **state)
{
	struct world *world = *state;
	sqlite3 *reader;
	populate(world, 8);
	assert_int_equal(sqlite3_open_v2(world->place.trail, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM payloads", NULL, NULL, NULL), SQLITE_OK);
	world->trail->erase_wait_ms = 50;
	struct message message;
	struct buffer header = {0}, facts = {0};
	erased_message(world, world->number[2], world->seq, &message);
	message.header.task_id = task_id(2);
	assert_int_equal(message_encode_header(&message, &header), 0);
	assert_int_equal(message_encode_facts(&message, &facts), 0);
	struct trail_entry entry = {.seq = world->seq + 1,
				    .direction = TRAIL_INNER,
				    .type = MESSAGE_ERASED,
				    .task_id = task_id(2),
				    .task_number = world->number[2],
				    .header = {header.at, (uint32_t)header.bytes},
				    .facts = {facts.at, (uint32_t)facts.bytes}};
	assert_int_equal(trail_append(world->trail, &entry, 1), ERR_IO);
	assert_non_null(strstr(trail_why(world->trail), "one transaction"));
	trail_close(world->trail);
	/* Who opens again goes on, and the first append after the reader's end finishes it. */
	world->trail = open_trail(world->place.trail, TRAIL_WRITE);
	assert_true(world->trail->scrub_due);
	world->seq++;
	for (size_t i = 0; i < world->texts; i++)
		world->text[i].gone = world->text[i].number == world->number[2];
	live_through(world, 9, 0);
	assert_true(hits(world) > 0);
	assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	live_through(world, 9, 1);
	assert_false(world->trail->scrub_due);
	assert_no_hits(world);
	assert_sound(world);
	sqlite3_close(reader);
	buffer_release(&header);
	buffer_release(&facts);
}

/* The child erases one task after the other and says so after each; the parent kills it somewhere. */
static void erase_until_killed(struct world *world, int fd)
{
	for (uint32_t task = 0; task < KILLED_TASKS; task++) {
		erase_task(world, task);
		if (write(fd, "x", 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static unsigned kill_at(struct world *world, unsigned microseconds)
{
	int ends[2];
	char said[TASKS];
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		world->trail = open_trail(world->place.trail, TRAIL_WRITE);
		close(ends[0]);
		if (write(ends[1], "x", 1) != 1)
			_exit(1);
		erase_until_killed(world, ends[1]);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], said, 1), 1);
	usleep(microseconds);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unsigned done = 0;
	for (ssize_t got; (got = read(ends[0], said, sizeof(said))) > 0;)
		done += (unsigned)got;
	close(ends[0]);
	return done;
}

static void test_whenever_it_is_killed_a_task_is_whole_or_gone_without_a_trace(void **state)
{
	struct world *world = *state;
	const char *wanted = getenv("AUDIT_ERASE_KILLS");
	unsigned kills = wanted ? (unsigned)atoi(wanted) : 8, begun = 0;
	for (unsigned i = 0; i < kills; i++) {
		teardown(state);
		setup(state);
		world = *state;
		world->random = i;
		populate(world, KILLED_TASKS);
		trail_close(world->trail);
		world->trail = NULL;
		unsigned done = kill_at(world, (unsigned)below(world, 200000));
		world->trail = open_trail(world->place.trail, TRAIL_WRITE);
		world->seq = trail_last_seq(world->trail);
		/* What was said to be erased is; the one in hand may be. */
		uint64_t erased = 0;
		for (uint32_t task = 0; task < KILLED_TASKS; task++) {
			struct buffer buffer = {0};
			bool gone = trail_payload(world->trail, world->number[task], &buffer) == ERR_NOT_FOUND;
			erased += gone;
			for (size_t t = 0; t < world->texts; t++)
				world->text[t].gone |= gone && world->text[t].number == world->number[task];
			buffer_release(&buffer);
		}
		assert_true(erased >= done);
		assert_true(erased <= done + 1u);
		begun += erased > done;
		assert_no_hits(world);
		assert_sound(world);
	}
	print_message("           %u kills, %u of them in the middle of an erasure\n", kills, begun);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_left_of_an_erased_task_and_all_of_the_others),
		TEST(test_what_is_written_between_erasures_leaves_nothing_either),
		TEST(test_the_search_finds_what_is_there),
		TEST(test_without_secure_delete_something_would_be_left),
		TEST(test_what_format_1_left_behind_goes_with_the_format),
		TEST(test_a_live_task_is_not_erased_and_the_trail_goes_on),
		TEST(test_a_task_is_found_by_its_key_after_it_was_erased),
		TEST(test_the_reason_of_an_erasure_stays),
		TEST(test_a_missing_payload_that_nobody_erased_is_damage),
		TEST(test_what_is_still_needed_is_not_erased_by_age),
		TEST(test_what_is_old_can_be_erased_in_slices),
		TEST(test_erasing_waits_for_a_reader_and_says_if_it_never_ends),
		TEST(test_whenever_it_is_killed_a_task_is_whole_or_gone_without_a_trace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
