/* SPDX-License-Identifier: MIT
 *
 * Actors on worker threads: order, room, questions, coming and going.
 */
#include "tests/workspace/crew/helpers.h"

#include <stdlib.h>
#include <string.h>

/* ---- order ---- */

#define HEARD_MAX 4096u

struct listener {
	_Atomic uint32_t count;
	uint16_t roles[HEARD_MAX];
	uint64_t firsts[HEARD_MAX];
};

static void listen(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct listener *listener = state;
	uint32_t at = atomic_load(&listener->count);

	(void)context;
	listener->roles[at] = message->role;
	listener->firsts[at] = message->body.words[0];
	atomic_store(&listener->count, at + 1);
}

static void test_start_comes_first_then_messages_in_order_and_stop_last(void **state)
{
	static struct listener listener;
	struct crew *crew = crew_make((struct crew_options){0});
	struct crew_address address = actor_make(crew, 1, listen, &listener);

	(void)state;
	for (uint64_t i = 0; i < 1000; i++)
		post_surely(crew, address, 7, i);
	assert_int_equal(crew_stop(crew, address), 0);
	crew_wait(crew, address);
	assert_int_equal(atomic_load(&listener.count), 1002);
	assert_int_equal(listener.roles[0], CREW_START);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(listener.roles[i + 1], CREW_TELL);
		assert_int_equal(listener.firsts[i + 1], i);
	}
	assert_int_equal(listener.roles[1001], CREW_STOP);
	crew_close(crew);
}

static void test_who_has_stopped_is_not_found_though_its_place_is_taken_again(void **state)
{
	static struct listener first, second;
	struct crew *crew = crew_make((struct crew_options){.actors_max = 1});
	struct crew_address old = actor_make(crew, 0, listen, &first), new;
	struct crew_message message = words(1, 1, 0);
	struct crew_actor another = {listen, &second, CREW_ANYWHERE};

	(void)state;
	assert_int_equal(crew_start(crew, &another, &new), ERR_FULL);
	assert_int_equal(crew_stop(crew, old), 0);
	assert_int_equal(crew_stop(crew, old), ERR_NOT_FOUND);
	crew_wait(crew, old);
	new = actor_make(crew, 0, listen, &second);
	assert_int_equal(new.number, old.number);
	assert_int_equal(crew_post(crew, old, &message), ERR_NOT_FOUND);
	assert_int_equal(crew_post(crew, (struct crew_address){0}, &message), ERR_NOT_FOUND);
	assert_int_equal(crew_post(crew, (struct crew_address){1, 1}, &message), ERR_NOT_FOUND);
	assert_int_equal(crew_post(crew, new, &message), 0);
	crew_close(crew);
	assert_int_equal(atomic_load(&first.count), 2);
	assert_int_equal(atomic_load(&second.count), 3);
}

/* ---- ping-pong ---- */

#define PLAYERS 8u
#define ROUNDS  4000u

struct player {
	struct crew_address other;
	uint32_t hits;
};

static void play(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct player *player = state;
	struct crew_message ball = words(1, message->body.words[0] + 1, 0);

	if (message->role == CREW_STOP || message->role == CREW_START)
		return;
	player->hits++;
	if (ball.body.words[0] <= 2 * ROUNDS)
		assert_int_equal(crew_send(context, player->other, &ball), 0);
}

static void play_with(struct crew_options options)
{
	struct player players[PLAYERS] = {0};
	struct crew_address addresses[PLAYERS];
	struct crew *crew = crew_make(options);
	struct crew_figures figures;

	for (uint32_t i = 0; i < PLAYERS; i++)
		addresses[i] = actor_make(crew, CREW_ANYWHERE, play, &players[i]);
	for (uint32_t i = 0; i < PLAYERS; i++)
		players[i].other = addresses[i ^ 1];
	for (uint32_t i = 0; i < PLAYERS; i += 2)
		post_surely(crew, addresses[i], 1, 1);
	crew_quiet(crew);
	for (uint32_t i = 0; i < PLAYERS; i++)
		assert_int_equal(players[i].hits, ROUNDS);
	crew_measure(crew, &figures);
	assert_int_equal(figures.actors, PLAYERS);
	assert_int_equal(figures.sent, figures.handled);
	assert_int_equal(figures.handled, PLAYERS + PLAYERS * ROUNDS);
	crew_close(crew);
}

static void test_eight_actors_hand_a_ball_to_and_fro(void **state)
{
	(void)state;
	play_with((struct crew_options){.workers = 2});
	play_with((struct crew_options){.workers = 4, .spin_us = 5});
	play_with((struct crew_options){.workers = 1});
}

/* Every message finds its worker asleep, or falling asleep. */
static void test_sleepers_miss_nothing_with_and_without_membarrier(void **state)
{
	(void)state;
	play_with((struct crew_options){.workers = 3, .spin_us = CREW_NO_SPIN});
	play_with((struct crew_options){.workers = 3, .spin_us = CREW_NO_SPIN, .fenced = true});
	play_with((struct crew_options){.workers = 3, .spin_us = 1, .fenced = true});
}

/* ---- storms ---- */

struct stormer {
	struct crew_address *all;
	uint32_t number, left, next, refused, rooms;
	uint64_t sent[PLAYERS]; /* by receiver */
	uint64_t heard[PLAYERS];
	bool out_of_order;
};

/* What is refused stays to be sent; meanwhile it goes on listening. */
static void storm_on(struct crew_context *context, struct stormer *stormer)
{
	while (stormer->left) {
		uint32_t to = stormer->next % PLAYERS;
		struct crew_message message = words(2, stormer->sent[to], stormer->number);
		if (crew_send(context, stormer->all[to], &message)) {
			stormer->refused++;
			return;
		}
		stormer->sent[to]++;
		stormer->left--;
		stormer->next = stormer->next * 1103515245u + 12345u;
		stormer->next ^= stormer->next >> 7;
	}
}

static void storm(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct stormer *stormer = state;

	if (message->role == CREW_TELL && message->kind == 2) {
		uint64_t from = message->body.words[1];
		stormer->out_of_order |= stormer->heard[from] != message->body.words[0];
		stormer->heard[from]++;
	} else if (message->role != CREW_START && message->role != CREW_STOP) {
		stormer->rooms += message->role == CREW_ROOM;
		storm_on(context, stormer);
	}
}

static void storm_with(struct crew_options options, uint32_t each)
{
	static struct stormer stormers[PLAYERS];
	struct crew_address addresses[PLAYERS];
	struct crew *crew = crew_make(options);

	memset(stormers, 0, sizeof(stormers));
	for (uint32_t i = 0; i < PLAYERS; i++) {
		stormers[i] = (struct stormer){.all = addresses, .number = i, .left = each, .next = i * 77 + 1};
		addresses[i] = actor_make(crew, CREW_ANYWHERE, storm, &stormers[i]);
	}
	for (uint32_t i = 0; i < PLAYERS; i++)
		post_surely(crew, addresses[i], 1, 0);
	crew_quiet(crew);
	for (uint32_t to = 0; to < PLAYERS; to++) {
		assert_int_equal(stormers[to].left, 0);
		assert_false(stormers[to].out_of_order);
		for (uint32_t from = 0; from < PLAYERS; from++)
			assert_int_equal(stormers[from].sent[to], stormers[to].heard[from]);
		assert_true(!options.row_max || stormers[to].rooms > 0);
	}
	crew_close(crew);
}

static void test_in_a_storm_everything_arrives_once_and_in_order(void **state)
{
	(void)state;
	storm_with((struct crew_options){.workers = 2}, 5000);
	storm_with((struct crew_options){.workers = 4, .spin_us = 2}, 3000);
}

/* All flood all over rows that hold ten messages; with senders that wait for room this would stand still. */
static void test_circles_of_full_mailboxes_do_not_stand_still(void **state)
{
	(void)state;
	storm_with((struct crew_options){.workers = 2, .row_max = 16}, 3000);
	storm_with((struct crew_options){.workers = 4, .row_max = 16, .spin_us = CREW_NO_SPIN}, 500);
	storm_with((struct crew_options){.workers = 1, .row_max = 16}, 3000);
}

static void test_a_full_mailbox_says_so_and_nothing_was_sent(void **state)
{
	static struct listener listener;
	struct crew *crew = crew_make((struct crew_options){.workers = 1, .row_max = 16});
	struct crew_address address = actor_make(crew, 0, listen, &listener);
	struct crew_message message = words(1, 0, 0);
	uint32_t accepted = 0, refused = 0;

	(void)state;
	while (refused < 3)
		if (crew_post(crew, address, &message))
			refused++;
		else if (++accepted == 4000)
			break; /* the reader was faster all the time */
	crew_close(crew);
	assert_int_equal(atomic_load(&listener.count), accepted + 2);
}

/* ---- stopping under load ---- */

struct source {
	struct crew_address *sinks;
	uint64_t accepted[PLAYERS];
	bool going; /* a message to itself is under way */
	_Atomic bool end;
};

static void pour(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct source *source = state;
	struct crew_message drop = words(3, 0, 0), again = words(4, 0, 0);

	if (message->role == CREW_START || message->role == CREW_STOP)
		return;
	for (uint32_t to = 0; to < PLAYERS; to++)
		if (!crew_send(context, source->sinks[to], &drop))
			source->accepted[to]++;
	source->going &= message->role == CREW_ROOM;
	if (!source->going && !atomic_load(&source->end))
		source->going = !crew_send(context, crew_self(context), &again);
}

struct sink {
	uint64_t heard;
	bool stopped, late;
};

static void swallow(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct sink *sink = state;

	(void)context;
	sink->late |= sink->stopped;
	sink->heard += message->role == CREW_TELL;
	sink->stopped |= message->role == CREW_STOP;
}

static void stop_while_it_pours(void)
{
	static struct source sources[4];
	static struct sink sinks[PLAYERS];
	struct crew *crew = crew_make((struct crew_options){.workers = 3});
	struct crew_address to[PLAYERS], from[4];

	memset(sources, 0, sizeof(sources));
	memset(sinks, 0, sizeof(sinks));
	for (uint32_t i = 0; i < PLAYERS; i++)
		to[i] = actor_make(crew, CREW_ANYWHERE, swallow, &sinks[i]);
	for (uint32_t i = 0; i < 4; i++) {
		sources[i].sinks = to;
		from[i] = actor_make(crew, CREW_ANYWHERE, pour, &sources[i]);
		post_surely(crew, from[i], 4, 0);
	}
	for (uint32_t i = 0; i < PLAYERS; i++) { /* one after another, then the rest by closing */
		struct crew_figures before, now;
		crew_measure(crew, &before);
		do
			crew_measure(crew, &now);
		while (now.handled < before.handled + 200);
		if (i < PLAYERS - 2)
			assert_int_equal(crew_stop(crew, to[i]), 0);
		if (i % 2 && i < PLAYERS - 2)
			crew_wait(crew, to[i - 1]);
	}
	for (uint32_t i = 0; i < 4; i++)
		atomic_store(&sources[i].end, true);
	crew_close(crew);
	for (uint32_t i = 0; i < PLAYERS; i++) {
		uint64_t accepted = 0;
		for (uint32_t j = 0; j < 4; j++)
			accepted += sources[j].accepted[i];
		assert_true(accepted > 0 && sinks[i].stopped && !sinks[i].late);
		assert_int_equal(sinks[i].heard, accepted);
	}
}

static void test_what_was_accepted_is_handled_though_the_actor_is_stopped_under_load(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		stop_while_it_pours();
}

/* A parent that starts children, who stop themselves: places are used again and again. */
struct family {
	uint32_t left, started, started_children, stopped_children;
};

static void child(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct crew_address *parent = state;
	struct crew_message done = words(9, 0, 0);

	if (message->role == CREW_START)
		crew_stop(crew_of(context), crew_self(context));
	if (message->role != CREW_STOP)
		return;
	while (crew_send(context, *parent, &done) == ERR_OVERLOADED)
		fail_msg("a few messages find room");
	free(parent);
}

static void parent(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct family *family = state;
	struct crew_actor actor = {child, NULL, CREW_ANYWHERE};
	struct crew_address address, *self;
	unsigned more = message->kind == 1 ? 4 : 1;

	if (message->role != CREW_TELL)
		return;
	family->stopped_children += message->kind == 9;
	for (; family->left && more; more--) {
		self = malloc(sizeof(*self));
		assert_non_null(self);
		*self = crew_self(context);
		actor.state = self;
		family->left--;
		if (crew_start(crew_of(context), &actor, &address))
			fail_msg("there is room for five");
		family->started++;
	}
}

static void test_actors_start_and_stop_others_while_they_run(void **state)
{
	struct family family = {.left = 2000};
	/* A child that has told its parent is still there for a moment. */
	struct crew *crew = crew_make((struct crew_options){.workers = 3, .actors_max = 64});
	struct crew_address address = actor_make(crew, 0, parent, &family);

	(void)state;
	post_surely(crew, address, 1, 0);
	crew_quiet(crew);
	assert_int_equal(family.started, 2000);
	assert_int_equal(family.stopped_children, 2000);
	crew_close(crew);
}

/* ---- the outside ---- */

static void test_options_that_cannot_be_are_refused_with_a_sentence(void **state)
{
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct crew *crew = NULL;

	(void)state;
	assert_int_equal(crew_open(&(struct crew_options){.workers = 63}, &crew, sentence), ERR_USAGE);
	assert_string_equal(sentence, "the number of workers of a crew: found 63, accepted is 0 to 62");
	assert_int_equal(crew_open(&(struct crew_options){.row_max = 100}, &crew, sentence), ERR_USAGE);
	assert_string_equal(sentence, "the messages in a row of a crew: found 100, accepted is a power of two from 16 to 4096");
	assert_int_equal(crew_open(&(struct crew_options){.actors_max = UINT32_MAX}, &crew, sentence), ERR_USAGE);
	assert_null(crew);
	crew_close(NULL);
	crew = crew_make((struct crew_options){.workers = 2});
	assert_int_equal(crew_workers(crew), 2);
	assert_int_equal(crew_start(crew, &(struct crew_actor){listen, NULL, 2}, &(struct crew_address){0}), ERR_NOT_FOUND);
	crew_close(crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_comes_first_then_messages_in_order_and_stop_last),
		cmocka_unit_test(test_who_has_stopped_is_not_found_though_its_place_is_taken_again),
		cmocka_unit_test(test_eight_actors_hand_a_ball_to_and_fro),
		cmocka_unit_test(test_sleepers_miss_nothing_with_and_without_membarrier),
		cmocka_unit_test(test_in_a_storm_everything_arrives_once_and_in_order),
		cmocka_unit_test(test_circles_of_full_mailboxes_do_not_stand_still),
		cmocka_unit_test(test_a_full_mailbox_says_so_and_nothing_was_sent),
		cmocka_unit_test(test_what_was_accepted_is_handled_though_the_actor_is_stopped_under_load),
		cmocka_unit_test(test_actors_start_and_stop_others_while_they_run),
		cmocka_unit_test(test_options_that_cannot_be_are_refused_with_a_sentence),
	};

	return cmocka_run_group_tests_name("crew", tests, NULL, NULL);
}
