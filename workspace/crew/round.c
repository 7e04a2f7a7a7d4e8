/* SPDX-License-Identifier: MIT
 *
 * How actors go. From the moment its word says CLOSED nobody begins to send to an actor; but a worker may just be doing it. So its owner
 * asks all workers, by the rows that messages take, to say the same way when they have seen that: then everything is there that ever will
 * be, and after it CREW_STOP is the last message. Threads outside count themselves in and out (`posts`). Then all workers are told
 * that the actors are gone and answer for them what was left open; when all have done that, nobody knows the actors any more.
 *
 * A worker has one round at a time, for all actors that were stopped meanwhile. That bounds what the crew itself writes into rows:
 * in each, one word of a round of its writer, and one reply to its reader's.
 */
#include <assert.h>

#include "workspace/crew/inner.h"

static void tell(struct worker *worker, uint32_t to, uint32_t control)
{
	struct row *row = &worker->rows_out[to];
	bool has_room = row_has_room(row, 0);

	assert(has_room); /* CONTROLS slots are kept */
	row_put(row, &(struct envelope){.to = control}, &(struct crew_message){0});
	worker_nudge(&worker->crew->workers[to], worker);
}

static void tell_all(struct worker *worker, uint32_t control)
{
	worker->round.awaited = worker->crew->worker_count;
	for (uint32_t i = 0; i < worker->crew->worker_count; i++)
		tell(worker, i, control);
}

/* ---- what is left of those that go ---- */

static void answer_for_the_gone(struct worker *worker, uint32_t asked)
{
	struct asks *asks = &worker->asks[asked];

	for (uint32_t i = 0; asks->open && i < worker->crew->asks_max; i++) {
		struct ask *ask = &asks->entries[i];
		struct crew_message message = {.role = CREW_UNANSWERED};
		struct actor *asker = ask->asker;

		if (!asker || !atomic_load_explicit(&ask->asked->leaving, memory_order_relaxed))
			continue;
		message.from = actor_address(ask->asked);
		message.question = asks_question(asks, ask, asked);
		worker_end_ask(worker, asks, ask);
		worker_call(worker, asker, &message);
	}
}

static void forget_questions(struct worker *worker, struct actor *actor)
{
	for (uint32_t to = 0; actor->asked && to <= worker->crew->worker_count; to++)
		for (uint32_t i = 0; actor->asked && i < worker->crew->asks_max; i++)
			if (worker->asks[to].entries[i].asker == actor)
				worker_end_ask(worker, &worker->asks[to], &worker->asks[to].entries[i]);
}

static void forget_refusal(struct worker *worker, struct actor *actor)
{
	struct actor **link = &worker->refused;

	if (!actor->refused)
		return;
	while (*link != actor)
		link = &(*link)->refused_next;
	*link = actor->refused_next;
	actor->refused = false;
	count_one(&worker->handled);
}

static void stop_one(struct worker *worker, struct actor *actor)
{
	if (!actor->guest) {
		worker_call(worker, actor, &(struct crew_message){.role = CREW_STOP});
		forget_questions(worker, actor);
		forget_refusal(worker, actor);
	}
	atomic_store(&actor->leaving, true);
}

static void recycle(struct worker *worker, struct actor *actors)
{
	struct crew *crew = worker->crew;

	pthread_mutex_lock(&crew->mutex);
	while (actors) {
		struct actor *actor = actors;
		actors = actor->stop_next;
		crew_actor_give(crew, actor);
		count_one(&worker->handled);
	}
	pthread_mutex_unlock(&crew->mutex);
	atomic_fetch_add(&crew->gone, 1);
	crew_futex_wake(&crew->gone);
}

/* ---- rounds ---- */

static bool is_anybody_sending(const struct round *round)
{
	for (const struct actor *actor = round->actors; actor; actor = actor->stop_next)
		if (atomic_load(&actor->posts))
			return true;
	return false;
}

bool worker_round_ready(const struct worker *worker)
{
	const struct round *round = &worker->round;

	return round->step == ROUND_FLUSHING && !round->awaited && !is_anybody_sending(round);
}

static unsigned round_begin(struct worker *worker)
{
	if (!worker->closing)
		return 0;
	worker->round.actors = worker->closing;
	worker->closing = NULL;
	worker->round.step = ROUND_FLUSHING;
	tell_all(worker, CONTROL_FLUSH);
	return 1;
}

static unsigned round_flushed(struct worker *worker)
{
	if (!worker_round_ready(worker))
		return 0;
	worker->round.outside_end = atomic_load(&worker->outside.tail);
	worker->round.step = ROUND_DRAINING;
	return 1;
}

static unsigned round_drained(struct worker *worker)
{
	if ((int32_t)(atomic_load(&worker->outside.head) - worker->round.outside_end) < 0)
		return 0;
	worker->round.step = ROUND_LEAVING;
	for (struct actor *actor = worker->round.actors; actor; actor = actor->stop_next)
		stop_one(worker, actor);
	tell_all(worker, CONTROL_GONE);
	return 1;
}

static unsigned round_end(struct worker *worker)
{
	if (worker->round.awaited)
		return 0;
	guests_unanswered(worker->crew);
	worker->round.step = ROUND_NONE;
	recycle(worker, worker->round.actors);
	return 1;
}

unsigned worker_round(struct worker *worker)
{
	switch (worker->round.step) {
	case ROUND_NONE:
		return round_begin(worker);
	case ROUND_FLUSHING:
		return round_flushed(worker);
	case ROUND_DRAINING:
		return round_drained(worker);
	case ROUND_LEAVING:
		return round_end(worker);
	}
	return 0;
}

void worker_control(struct worker *worker, uint32_t from, uint32_t control)
{
	switch (control) {
	case CONTROL_FLUSH:
		tell(worker, from, CONTROL_FLUSHED);
		break;
	case CONTROL_GONE:
		answer_for_the_gone(worker, from);
		if (from == 0) { /* the worker that guests leave by; their answers have come another way, and count first */
			worker_outside_all(worker);
			answer_for_the_gone(worker, worker->crew->worker_count);
		}
		tell(worker, from, CONTROL_SEEN);
		break;
	default:
		worker->round.awaited--;
	}
}
