/* SPDX-License-Identifier: MIT
 *
 * Questions between actors: each gets one answer, whatever happens to the one who was asked.
 */
#include "tests/workspace/crew/helpers.h"

#include <string.h>

/* ---- an asker that counts what it hears ---- */

struct asker {
	struct crew_address whom;
	uint32_t left, asked, unanswered, refused;
	_Atomic uint32_t answered;
	uint64_t sum;
	uint32_t last_question;
};

static void ask_on(struct crew_context *context, struct asker *asker)
{
	while (asker->left) {
		struct crew_message question = words(1, asker->left, 0);
		int rc = crew_ask(context, asker->whom, &question, &asker->last_question);
		if (rc == ERR_NOT_FOUND)
			asker->left = 0;
		asker->refused += rc == ERR_OVERLOADED;
		if (rc)
			return;
		asker->left--;
		asker->asked++;
	}
}

static void ask(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct asker *asker = state;

	if (message->role == CREW_STOP)
		return;
	asker->answered += message->role == CREW_ANSWER;
	asker->unanswered += message->role == CREW_UNANSWERED;
	if (message->role == CREW_ANSWER)
		asker->sum += message->body.words[0];
	if (message->role != CREW_START)
		ask_on(context, asker);
}

/* ---- one that answers at once, and one that keeps questions for later ---- */

static void twice(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct crew_message answer = words(2, message->body.words[0] * 2, 0);
	uint32_t *count = state;

	if (message->role != CREW_QUESTION)
		return;
	(*count)++;
	if (crew_answer(context, message, &answer))
		fail_msg("an answer has room");
}

#define KEPT_MAX 20000u

struct keeper {
	struct crew_message kept[KEPT_MAX];
	uint32_t count, answered, not_found, again;
	bool answer_at_stop;
};

static void keep(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct crew_message answer = words(2, 1, 0);
	struct keeper *keeper = state;

	if (message->role == CREW_QUESTION) {
		keeper->kept[keeper->count++] = *message;
		return;
	}
	if (message->role == CREW_START || (message->role == CREW_STOP && !keeper->answer_at_stop))
		return;
	for (uint32_t i = 0; i < keeper->count; i++) {
		int rc = crew_answer(context, &keeper->kept[i], &answer);
		keeper->answered += !rc;
		keeper->not_found += rc == ERR_NOT_FOUND;
		keeper->again += crew_answer(context, &keeper->kept[i], &answer) == 0;
	}
	keeper->count = 0;
}

static void test_each_question_has_its_answer_however_full_the_rows_are(void **state)
{
	(void)state;
	for (uint32_t workers = 1; workers <= 3; workers++) {
		struct crew *crew = crew_make((struct crew_options){.workers = workers, .row_max = 16});
		uint32_t counts[2] = {0};
		struct crew_address first = actor_make(crew, 0, twice, &counts[0]);
		struct asker askers[6];
		struct crew_address addresses[6];
		for (uint32_t i = 0; i < 6; i++) {
			askers[i] = (struct asker){.whom = first, .left = 1000};
			addresses[i] = actor_make(crew, CREW_ANYWHERE, ask, &askers[i]);
		}
		for (uint32_t i = 0; i < 6; i++)
			post_surely(crew, addresses[i], 0, 0);
		crew_quiet(crew);
		for (uint32_t i = 0; i < 6; i++) {
			assert_int_equal(askers[i].answered, 1000);
			assert_int_equal(askers[i].sum, 1000 * 1001);
			assert_true(askers[i].refused > 0);
		}
		assert_int_equal(counts[0], 6000);
		crew_close(crew);
	}
}

static void keep_and_stop(bool answer_at_stop, uint32_t workers)
{
	static struct keeper keeper;
	struct asker asker = {.left = 100};
	struct crew *crew = crew_make((struct crew_options){.workers = workers});
	struct crew_address address;

	memset(&keeper, 0, sizeof(keeper));
	keeper.answer_at_stop = answer_at_stop;
	asker.whom = actor_make(crew, 0, keep, &keeper);
	address = actor_make(crew, workers - 1, ask, &asker);
	post_surely(crew, address, 0, 0);
	crew_quiet(crew);
	assert_int_equal(asker.asked, 100);
	assert_int_equal(crew_stop(crew, asker.whom), 0);
	crew_quiet(crew);
	assert_int_equal(asker.answered, answer_at_stop ? 100 : 0);
	assert_int_equal(asker.unanswered, answer_at_stop ? 0 : 100);
	crew_close(crew);
}

static void test_who_stops_without_an_answer_has_the_crew_say_so(void **state)
{
	(void)state;
	keep_and_stop(false, 1);
	keep_and_stop(false, 2);
	keep_and_stop(true, 1);
	keep_and_stop(true, 2);
}

static void test_who_answers_twice_is_heard_once(void **state)
{
	static struct keeper keeper;
	struct asker asker = {.left = 100};
	struct crew *crew = crew_make((struct crew_options){0});
	struct crew_address address;

	(void)state;
	memset(&keeper, 0, sizeof(keeper));
	asker.whom = actor_make(crew, 0, keep, &keeper);
	address = actor_make(crew, 1, ask, &asker);
	post_surely(crew, address, 0, 0);
	crew_quiet(crew);
	post_surely(crew, asker.whom, 0, 0);
	crew_quiet(crew);
	assert_int_equal(keeper.answered, 100);
	assert_int_equal(keeper.again, 100); /* it left, and was dropped where it arrived */
	assert_int_equal(asker.answered, 100);
	crew_close(crew);
}

static void test_who_answers_one_that_has_stopped_keeps_the_answer(void **state)
{
	static struct keeper keeper;
	struct asker asker = {.left = 100}, next = {.left = 50};
	struct crew *crew = crew_make((struct crew_options){.workers = 2, .actors_max = 2});
	struct crew_address address;

	(void)state;
	memset(&keeper, 0, sizeof(keeper));
	asker.whom = next.whom = actor_make(crew, 0, keep, &keeper);
	address = actor_make(crew, 1, ask, &asker);
	post_surely(crew, address, 0, 0);
	crew_quiet(crew);
	assert_int_equal(crew_stop(crew, address), 0);
	crew_wait(crew, address);
	address = actor_make(crew, 1, ask, &next); /* in the same place, with the same numbers of questions */
	post_surely(crew, address, 0, 0);
	crew_quiet(crew);
	post_surely(crew, asker.whom, 0, 0);
	crew_quiet(crew);
	assert_int_equal(keeper.not_found, 100);
	assert_int_equal(keeper.answered, 50);
	assert_int_equal(asker.answered, 0);
	assert_int_equal(next.answered, 50);
	assert_int_equal(crew_stop(crew, next.whom), 0);
	crew_quiet(crew);
	assert_int_equal(next.unanswered, 0); /* nobody hears of questions that another has asked from its place */
	crew_close(crew);
}

static void test_too_many_open_questions_are_refused_until_one_is_answered(void **state)
{
	static struct keeper keeper;
	struct asker asker = {.left = 100};
	struct crew *crew = crew_make((struct crew_options){.workers = 2, .row_max = 64});
	struct crew_figures figures;
	struct crew_address address;

	(void)state;
	memset(&keeper, 0, sizeof(keeper));
	asker.whom = actor_make(crew, 0, keep, &keeper);
	address = actor_make(crew, 1, ask, &asker);
	post_surely(crew, address, 0, 0);
	do /* crew_quiet would wait until the asker has heard of room */
		crew_measure(crew, &figures);
	while (!figures.refused);
	while (atomic_load(&asker.answered) < 100)
		post_surely(crew, asker.whom, 0, 0);
	crew_quiet(crew);
	assert_int_equal(asker.asked, 100);
	crew_close(crew);
}

/* ---- an answer has room, though the row it takes is full ---- */

#define OPEN 4u /* questions that a row of 16 has room for */

struct flooder {
	unsigned refused;
	_Atomic unsigned answered;
};

static void flood_and_answer(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct flooder *flooder = state;

	if (message->role != CREW_QUESTION)
		return;
	while (!crew_send(context, message->from, message))
		;
	flooder->refused++;
	if (crew_answer(context, message, message))
		fail_msg("an answer has room");
	atomic_fetch_add(&flooder->answered, 1);
}

struct blocked {
	struct crew_address whom;
	struct flooder *flooder;
	unsigned answers, asked;
};

/* It does what no actor should, and keeps its worker from taking anything until all is answered. */
static void ask_and_block(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct blocked *blocked = state;
	uint32_t question;

	blocked->answers += message->role == CREW_ANSWER;
	if (message->role != CREW_TELL || blocked->asked)
		return;
	while (blocked->asked < OPEN && !crew_ask(context, blocked->whom, message, &question))
		blocked->asked++;
	while (atomic_load(&blocked->flooder->answered) < OPEN)
		;
}

static void test_an_answer_has_room_though_the_row_is_full(void **state)
{
	struct crew *crew = crew_make((struct crew_options){.workers = 2, .row_max = 16});
	struct flooder flooder = {0};
	struct blocked blocked = {.flooder = &flooder};
	struct crew_address address;

	(void)state;
	blocked.whom = actor_make(crew, 0, flood_and_answer, &flooder);
	address = actor_make(crew, 1, ask_and_block, &blocked);
	post_surely(crew, address, 0, 0);
	crew_quiet(crew);
	assert_int_equal(blocked.asked, OPEN);
	assert_int_equal(flooder.refused, OPEN);
	assert_int_equal(blocked.answers, OPEN);
	crew_close(crew);
}

/* ---- answerers come and go while they are asked ---- */

static void test_every_question_comes_back_while_those_asked_stop(void **state)
{
	static struct keeper keepers[8];
	(void)state;
	for (unsigned round = 0; round < 8; round++) {
		struct crew *crew = crew_make((struct crew_options){.workers = 3});
		struct asker askers[4];
		struct crew_address to[8], from[4];
		memset(keepers, 0, sizeof(keepers));
		for (uint32_t i = 0; i < 8; i++) {
			keepers[i].answer_at_stop = i % 2;
			to[i] = actor_make(crew, CREW_ANYWHERE, keep, &keepers[i]);
		}
		for (uint32_t i = 0; i < 4; i++) {
			askers[i] = (struct asker){.whom = to[i * 2 + round % 2], .left = 5000};
			from[i] = actor_make(crew, CREW_ANYWHERE, ask, &askers[i]);
			post_surely(crew, from[i], 0, 0);
		}
		for (uint32_t i = 0; i < 8; i++)
			assert_int_equal(crew_stop(crew, to[i]), 0);
		crew_quiet(crew);
		for (uint32_t i = 0; i < 4; i++)
			assert_int_equal(askers[i].asked, askers[i].answered + askers[i].unanswered);
		crew_close(crew);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_question_has_its_answer_however_full_the_rows_are),
		cmocka_unit_test(test_who_stops_without_an_answer_has_the_crew_say_so),
		cmocka_unit_test(test_who_answers_twice_is_heard_once),
		cmocka_unit_test(test_who_answers_one_that_has_stopped_keeps_the_answer),
		cmocka_unit_test(test_too_many_open_questions_are_refused_until_one_is_answered),
		cmocka_unit_test(test_an_answer_has_room_though_the_row_is_full),
		cmocka_unit_test(test_every_question_comes_back_while_those_asked_stop),
	};

	return cmocka_run_group_tests_name("questions", tests, NULL, NULL);
}
