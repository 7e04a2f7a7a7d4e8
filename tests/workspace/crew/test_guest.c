/* SPDX-License-Identifier: MIT
 *
 * Threads that are no workers, among them czmq's actors, that talk with those who live on workers.
 */
#include "tests/workspace/crew/helpers.h"

#include <czmq.h>
#include <poll.h>
#include <pthread.h>

/* ---- actors to talk with ---- */

static void echo(struct crew_context *context, void *state, const struct crew_message *message)
{
	(void)state;
	if (message->role == CREW_QUESTION) {
		if (crew_answer(context, message, message))
			fail_msg("an answer has room");
	} else if (message->role == CREW_TELL && crew_send(context, message->from, message) == ERR_OVERLOADED) {
		fail_msg("the test leaves room");
	}
}

struct pourer {
	struct crew_address to;
	uint64_t sent, end;
	bool not_found;
};

static void pour(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct pourer *pourer = state;
	int rc = 0;

	if (message->role == CREW_START || message->role == CREW_STOP)
		return;
	while (!rc && pourer->sent < pourer->end) {
		struct crew_message drop = words(1, pourer->sent, 0);
		rc = crew_send(context, pourer->to, &drop);
		pourer->sent += !rc;
	}
	pourer->not_found |= rc == ERR_NOT_FOUND;
}

static void count(struct crew_context *context, void *state, const struct crew_message *message)
{
	_Atomic uint64_t *heard = state;

	(void)context;
	if (message->role == CREW_TELL)
		atomic_fetch_add(heard, 1);
}

static struct crew_guest *join(struct crew *crew, uint32_t mailbox_max)
{
	struct crew_guest *guest = NULL;

	assert_int_equal(crew_join(crew, mailbox_max, &guest), 0);
	return guest;
}

/* ---- talking ---- */

static void test_a_guest_sends_asks_and_is_answered(void **state)
{
	struct crew *crew = crew_make((struct crew_options){0});
	struct crew_guest *guest = join(crew, 0);
	struct crew_address address = actor_make(crew, 1, echo, NULL);
	struct crew_message message = words(3, 41, 42), got;
	uint32_t question;

	(void)state;
	assert_int_equal(crew_guest_receive(guest, &got), ERR_NOT_FOUND);
	assert_int_equal(crew_guest_send(guest, address, &message), 0);
	got = guest_next(guest);
	assert_int_equal(got.role, CREW_TELL);
	assert_int_equal(got.kind, 3);
	assert_int_equal(got.body.words[1], 42);
	assert_int_equal(got.from.number, address.number);
	for (unsigned i = 0; i < 3000; i++) {
		message.body.words[0] = i;
		assert_int_equal(crew_guest_ask(guest, address, &message, &question), 0);
		got = guest_next(guest);
		assert_int_equal(got.role, CREW_ANSWER);
		assert_int_equal(got.question, question);
		assert_int_equal(got.body.words[0], i);
	}
	assert_int_equal(crew_guest_receive(guest, &got), ERR_NOT_FOUND);
	crew_leave(guest);
	crew_close(crew);
}

static void test_a_guest_that_reads_slowly_holds_up_nobody_and_loses_nothing(void **state)
{
	struct crew *crew = crew_make((struct crew_options){0});
	struct crew_guest *guest = join(crew, 16);
	_Atomic uint64_t heard = 0;
	struct pourer pourers[2];
	struct crew_address counter = actor_make(crew, 0, count, &heard);
	uint64_t next[2] = {0};

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		pourers[i] = (struct pourer){.to = crew_guest_address(guest), .end = 2000};
		post_surely(crew, actor_make(crew, i, pour, &pourers[i]), 1, 0);
	}
	for (uint64_t i = 0; i < 100; i++) /* while the mailbox is full */
		post_surely(crew, counter, 1, 0);
	while (atomic_load(&heard) < 100)
		;
	for (unsigned i = 0; i < 4000; i++) {
		struct crew_message got = guest_next(guest);
		uint32_t from = got.from.number == 2 ? 0 : 1;
		assert_int_equal(got.body.words[0], next[from]);
		next[from]++;
	}
	crew_quiet(crew);
	crew_leave(guest);
	crew_close(crew);
}

static void test_a_guest_that_was_refused_hears_when_there_is_room(void **state)
{
	struct crew *crew = crew_make((struct crew_options){.workers = 1, .row_max = 16});
	struct crew_guest *guest = join(crew, 0);
	_Atomic uint64_t heard = 0;
	struct crew_address counter = actor_make(crew, 0, count, &heard);
	struct crew_message message = words(1, 0, 0);
	unsigned sent = 0, rooms = 0;

	(void)state;
	while (sent < 20000) {
		int rc = crew_guest_send(guest, counter, &message);
		sent += !rc;
		if (!rc)
			continue;
		assert_int_equal(rc, ERR_OVERLOADED);
		assert_int_equal(guest_next(guest).role, CREW_ROOM);
		rooms++;
	}
	crew_quiet(crew);
	assert_int_equal(atomic_load(&heard), sent);
	print_message("refused %u times\n", rooms);
	crew_leave(guest);
	crew_close(crew);
}

/* ---- coming and going ---- */

static void test_after_parting_nothing_comes_and_what_came_is_there(void **state)
{
	struct crew *crew = crew_make((struct crew_options){0});
	struct crew_guest *guest = join(crew, 64);
	struct pourer pourer = {.to = crew_guest_address(guest), .end = 100000};
	struct crew_address address = actor_make(crew, 0, pour, &pourer);
	struct crew_message got;
	uint64_t received = 0;

	(void)state;
	post_surely(crew, address, 1, 0);
	for (; received < 500; received++)
		guest_next(guest);
	crew_part(guest);
	while (!crew_guest_receive(guest, &got))
		received += got.role == CREW_TELL;
	crew_quiet(crew);
	assert_int_equal(received, pourer.sent);
	assert_true(pourer.not_found);
	crew_leave(guest);
	crew_close(crew);
}

struct curious {
	struct crew_address whom;
	unsigned answered, unanswered;
};

static void wonder(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct curious *curious = state;
	uint32_t question;

	curious->answered += message->role == CREW_ANSWER;
	curious->unanswered += message->role == CREW_UNANSWERED;
	if (message->role == CREW_TELL)
		assert_int_equal(crew_ask(context, curious->whom, message, &question), 0);
}

static void test_a_guest_is_asked_and_its_answers_count_before_its_leaving(void **state)
{
	struct crew *crew = crew_make((struct crew_options){0});
	struct curious all[20][2];

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct crew_guest *guest = join(crew, 0);
		struct curious *curious = all[round];
		for (uint32_t i = 0; i < 2; i++) {
			struct crew_address address;
			curious[i] = (struct curious){.whom = crew_guest_address(guest)};
			address = actor_make(crew, i, wonder, &curious[i]);
			for (unsigned j = 0; j < 100; j++)
				post_surely(crew, address, 1, j);
		}
		for (unsigned i = 0; i < 200; i++) {
			struct crew_message question = guest_next(guest), none = {0};
			assert_int_equal(question.role, CREW_QUESTION);
			if (i % 2)
				assert_int_equal(crew_guest_answer(guest, &question, &question), 0);
			assert_int_equal(crew_guest_answer(guest, &none, &question), ERR_STATE);
		}
		crew_leave(guest);
		crew_quiet(crew);
		assert_int_equal(curious[0].answered + curious[1].answered, 100);
		assert_int_equal(curious[0].unanswered + curious[1].unanswered, 100);
	}
	crew_close(crew);
}

/* While its worker is busy all answers pile up, and then the guest is gone. */
struct busy {
	struct crew_address whom;
	_Atomic bool may_go_on;
	unsigned asked, answered, unanswered;
};

static void ask_much(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct busy *busy = state;
	uint32_t question;

	for (volatile unsigned i = 0; i < 20000 && message->role == CREW_ANSWER; i++)
		; /* so that it is told of the guest's end with most of them unheard */
	busy->answered += message->role == CREW_ANSWER;
	busy->unanswered += message->role == CREW_UNANSWERED;
	if (message->role != CREW_TELL)
		return;
	while (busy->asked < 250 && !crew_ask(context, busy->whom, message, &question))
		busy->asked++;
	while (!atomic_load(&busy->may_go_on))
		;
}

static void test_answers_that_pile_up_count_before_the_guest_is_gone(void **state)
{
	struct crew *crew = crew_make((struct crew_options){.workers = 2});
	struct crew_guest *guest = join(crew, 0);
	struct busy busy = {.whom = crew_guest_address(guest)};

	(void)state;
	post_surely(crew, actor_make(crew, 1, ask_much, &busy), 1, 0);
	for (unsigned i = 0; i < 250; i++) {
		struct crew_message question = guest_next(guest);
		assert_int_equal(crew_guest_answer(guest, &question, &question), 0);
	}
	atomic_store(&busy.may_go_on, true);
	crew_leave(guest);
	crew_quiet(crew);
	assert_int_equal(busy.answered, 250);
	assert_int_equal(busy.unanswered, 0);
	crew_close(crew);
}

static void ignore(struct crew_context *context, void *state, const struct crew_message *message)
{
	(void)context;
	(void)state;
	(void)message;
}

static void test_a_guest_hears_that_those_it_asked_have_stopped(void **state)
{
	struct crew *crew = crew_make((struct crew_options){0});
	struct crew_guest *guest = join(crew, 64);
	struct crew_guest *other = join(crew, 64);
	struct crew_address address = actor_make(crew, 1, ignore, NULL);
	struct crew_message message = words(1, 0, 0);
	uint32_t questions[17];

	(void)state;
	for (unsigned i = 0; i < 15; i++)
		assert_int_equal(crew_guest_ask(guest, address, &message, &questions[i]), 0);
	assert_int_equal(crew_guest_ask(guest, crew_guest_address(other), &message, &questions[15]), 0);
	assert_int_equal(crew_guest_ask(guest, address, &message, &questions[16]), ERR_OVERLOADED); /* a quarter of 64 */
	assert_int_equal(crew_stop(crew, address), 0);
	for (unsigned i = 0; i < 15; i++) {
		struct crew_message got = guest_next(guest);
		if (got.role == CREW_ROOM)
			got = guest_next(guest);
		assert_int_equal(got.role, CREW_UNANSWERED);
		assert_int_equal(got.question, questions[i]);
	}
	crew_leave(other);
	message = guest_next(guest);
	if (message.role == CREW_ROOM)
		message = guest_next(guest);
	assert_int_equal(message.role, CREW_UNANSWERED);
	assert_int_equal(message.question, questions[15]);
	assert_int_equal(crew_guest_ask(guest, address, &message, &questions[0]), ERR_NOT_FOUND);
	crew_leave(guest);
	crew_close(crew);
}

/* ---- many threads ---- */

struct poster {
	struct crew *crew;
	struct crew_address to;
	uint64_t accepted;
};

static void *post_on(void *argument)
{
	struct poster *poster = argument;
	struct crew_message message = words(1, 0, 0);
	int rc = 0;

	for (unsigned i = 0; i < 20000 && rc != ERR_NOT_FOUND; i++) {
		rc = crew_post(poster->crew, poster->to, &message);
		poster->accepted += !rc;
	}
	return NULL;
}

static void test_what_threads_post_is_handled_though_the_actor_is_stopped_meanwhile(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		struct crew *crew = crew_make((struct crew_options){.workers = 2, .spin_us = round % 2 ? CREW_NO_SPIN : 20});
		_Atomic uint64_t heard = 0;
		struct crew_address address = actor_make(crew, 0, count, &heard);
		struct poster posters[3];
		pthread_t threads[3];
		uint64_t accepted = 0;
		for (unsigned i = 0; i < 3; i++) {
			posters[i] = (struct poster){.crew = crew, .to = address};
			assert_int_equal(pthread_create(&threads[i], NULL, post_on, &posters[i]), 0);
		}
		while (atomic_load(&heard) < 500)
			;
		assert_int_equal(crew_stop(crew, address), 0);
		for (unsigned i = 0; i < 3; i++) {
			pthread_join(threads[i], NULL);
			accepted += posters[i].accepted;
		}
		crew_wait(crew, address);
		assert_int_equal(atomic_load(&heard), accepted);
		crew_close(crew);
	}
}

/* ---- an actor of czmq ---- */

struct visitor {
	struct crew *crew;
	struct crew_address whom;
	unsigned asked, answered;
	_Atomic bool left; /* zactor_destroy has waited for that, in ways that ThreadSanitizer cannot see */
};

static int on_pipe(zloop_t *loop, zsock_t *pipe, void *argument)
{
	char *command = zstr_recv(pipe);

	(void)loop;
	(void)argument;
	zstr_free(&command); /* $TERM is all it is ever told */
	return -1;
}

struct visit {
	struct visitor *visitor;
	struct crew_guest *guest;
	zsock_t *pipe;
};

static int on_mail(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
	struct visit *visit = argument;
	struct crew_message got;
	uint32_t question;

	(void)loop;
	(void)item;
	while (!crew_guest_receive(visit->guest, &got)) {
		visit->visitor->answered += got.role == CREW_ANSWER;
		if (visit->visitor->asked == 1000) {
			zsock_send(visit->pipe, "4", visit->visitor->answered);
			continue;
		}
		visit->visitor->asked++;
		if (crew_guest_ask(visit->guest, visit->visitor->whom, &got, &question))
			return -1;
	}
	return 0;
}

static void visit(zsock_t *pipe, void *argument)
{
	struct visitor *visitor = argument;
	struct visit visit = {visitor, NULL, pipe};
	zloop_t *loop = zloop_new();
	zmq_pollitem_t item = {.events = ZMQ_POLLIN};
	struct crew_message first = words(1, 0, 0);
	uint32_t question;
	bool joined = !crew_join(visitor->crew, 0, &visit.guest);

	zsock_signal(pipe, !joined);
	if (!joined)
		return;
	item.fd = crew_guest_fd(visit.guest);
	zloop_poller(loop, &item, on_mail, &visit);
	zloop_reader(loop, pipe, on_pipe, NULL);
	visitor->asked++;
	if (!crew_guest_ask(visit.guest, visitor->whom, &first, &question))
		zloop_start(loop);
	zloop_destroy(&loop);
	crew_leave(visit.guest);
	atomic_store(&visitor->left, true);
}

static void test_an_actor_of_czmq_joins_and_watches_its_mailbox_with_zloop(void **state)
{
	struct crew *crew = crew_make((struct crew_options){0});
	struct visitor visitor = {.crew = crew, .whom = actor_make(crew, 1, echo, NULL)};
	zactor_t *actor = zactor_new(visit, &visitor);
	uint32_t answered = 0;

	(void)state;
	assert_non_null(actor);
	assert_int_equal(zsock_recv(actor, "4", &answered), 0);
	assert_int_equal(answered, 1000);
	zactor_destroy(&actor);
	assert_true(atomic_load(&visitor.left));
	crew_close(crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_guest_sends_asks_and_is_answered),
		cmocka_unit_test(test_a_guest_that_reads_slowly_holds_up_nobody_and_loses_nothing),
		cmocka_unit_test(test_a_guest_that_was_refused_hears_when_there_is_room),
		cmocka_unit_test(test_after_parting_nothing_comes_and_what_came_is_there),
		cmocka_unit_test(test_a_guest_is_asked_and_its_answers_count_before_its_leaving),
		cmocka_unit_test(test_answers_that_pile_up_count_before_the_guest_is_gone),
		cmocka_unit_test(test_a_guest_hears_that_those_it_asked_have_stopped),
		cmocka_unit_test(test_what_threads_post_is_handled_though_the_actor_is_stopped_meanwhile),
		cmocka_unit_test(test_an_actor_of_czmq_joins_and_watches_its_mailbox_with_zloop),
	};

	zsys_init();
	zsys_handler_set(NULL);
	return cmocka_run_group_tests_name("guests", tests, NULL, NULL);
}
