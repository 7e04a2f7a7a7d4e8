/* SPDX-License-Identifier: MIT
 *
 * What a worker does: from each row a batch, then what others have left for it; and when there was nothing for a while, it sleeps.
 */
#include <sched.h>
#include <time.h>

#include "workspace/crew/inner.h"

/* While it spins it looks at the rows, now and then at everything else, and seldom at the clock. */
#define ROWS_PER_STEP   8u
#define STEPS_PER_CLOCK 8u

/* ---- calling an actor ---- */

static void call(struct worker *worker, struct actor *actor, const struct crew_message *message)
{
	struct crew_context *context = &worker->context;

	context->actor = actor;
	actor->handle(context, actor->state, message);
	if (context->bracket) {
		context->bracket = false;
		workspace_end(worker->agent);
	}
}

static void begin(struct worker *worker, struct actor *actor)
{
	if (actor->started)
		return;
	actor->started = true;
	call(worker, actor, &(struct crew_message){.role = CREW_START});
	count_one(&worker->handled);
}

void worker_call(struct worker *worker, struct actor *actor, const struct crew_message *message)
{
	begin(worker, actor); /* others may know its address before this worker has seen that it is to be started */
	call(worker, actor, message);
}

/* ---- messages ---- */

void worker_end_ask(struct worker *worker, struct asks *asks, struct ask *ask)
{
	asks_end(asks, ask);
	if (worker->refused)
		atomic_store_explicit(&worker->room_given, 1, memory_order_relaxed);
}

/* Close the question that this answers. False: it is answered already, or its asker is gone. */
static bool answer_is_expected(struct worker *worker, uint32_t from, const struct slot *slot)
{
	struct asks *asks = &worker->asks[from];
	struct ask *ask = asks_find(asks, worker->crew->asks_max, slot->message.question);

	if (!ask || ask->asker->number != slot->to)
		return false;
	worker_end_ask(worker, asks, ask);
	return true;
}

/* `from`: the worker it came from, or the number of workers for those outside. The slot is a copy: what was set aside for an answer, or for the
 * crew itself, may be used again by what the handler does, so the place in the row has to be free before. */
static void handle_slot(struct worker *worker, uint32_t from, const struct slot *slot)
{
	if (slot->to >= CONTROL_FLUSH) {
		worker_control(worker, from, slot->to);
		return;
	}
	if (slot->message.role != CREW_ANSWER || answer_is_expected(worker, from, slot))
		worker_call(worker, &worker->crew->actors[slot->to], &slot->message);
	count_one(&worker->handled);
}

static unsigned handle_row(struct worker *worker, uint32_t from)
{
	struct row *row = &worker->rows_in[from * worker->crew->worker_count];
	struct slot copy;
	unsigned done = 0;

	for (; done < BATCH && row_take(row, &copy); done++)
		handle_slot(worker, from, &copy);
	return done;
}

static unsigned handle_outside(struct worker *worker)
{
	struct slot *slot, copy;
	unsigned done = 0;

	for (; done < BATCH && (slot = queue_next(&worker->outside)); done++) {
		copy.to = slot->to;
		copy.message = slot->message;
		queue_give_back(&worker->outside);
		handle_slot(worker, worker->crew->worker_count, &copy);
	}
	return done;
}

void worker_outside_all(struct worker *worker)
{
	uint32_t end = atomic_load(&worker->outside.tail);

	while ((int32_t)(atomic_load(&worker->outside.head) - end) < 0)
		if (!handle_outside(worker))
			sched_yield(); /* somebody is just writing */
}

/* ---- what others have left ---- */

static unsigned handle_stacks(struct worker *worker)
{
	/* In this order: whoever is to be stopped is seen to be started before. */
	struct actor *stopping =
		atomic_load_explicit(&worker->stopping, memory_order_relaxed) ? atomic_exchange(&worker->stopping, NULL) : NULL;
	struct actor *starting =
		atomic_load_explicit(&worker->starting, memory_order_relaxed) ? atomic_exchange(&worker->starting, NULL) : NULL;
	unsigned done = 0;

	while (starting) {
		struct actor *actor = starting;
		starting = actor->next;
		begin(worker, actor);
		done++;
	}
	while (stopping) {
		struct actor *actor = stopping;
		stopping = actor->stop_next;
		actor->stop_next = worker->closing;
		worker->closing = actor;
		done++;
	}
	return done;
}

static unsigned handle_room(struct worker *worker)
{
	struct actor *refused = worker->refused;

	if (atomic_load_explicit(&worker->room_wanted, memory_order_relaxed))
		crew_give_room(worker->crew, atomic_exchange(&worker->room_wanted, 0));
	if (!atomic_load_explicit(&worker->room_given, memory_order_relaxed))
		return 0;
	atomic_exchange(&worker->room_given, 0);
	worker->refused = NULL;
	while (refused) {
		struct actor *actor = refused;
		refused = actor->refused_next;
		actor->refused = false;
		worker_call(worker, actor, &(struct crew_message){.role = CREW_ROOM});
		count_one(&worker->handled);
	}
	return 1;
}

static unsigned handle_rows(struct worker *worker)
{
	uint32_t count = worker->crew->worker_count;
	unsigned done = 0;

	for (uint32_t from = 0; from < count; from++)
		done += handle_row(worker, from);
	return done;
}

static unsigned step(struct worker *worker)
{
	unsigned done = handle_rows(worker);

	done += handle_outside(worker);
	done += handle_stacks(worker);
	done += handle_room(worker);
	return done + worker_round(worker);
}

/* ---- the loop ---- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool is_over(struct worker *worker)
{
	return atomic_load_explicit(&worker->ending, memory_order_acquire);
}

static bool look(struct worker *worker)
{
	for (unsigned i = 0; i < STEPS_PER_CLOCK; i++) {
		for (unsigned j = 0; j < ROWS_PER_STEP; j++)
			if (handle_rows(worker))
				return true;
		if (step(worker))
			return true;
	}
	return false;
}

/* Look until there is something, at most for `spin_ns`. */
static bool spin(struct worker *worker)
{
	uint64_t until;

	if (!worker->crew->spin_ns)
		return false;
	until = now_ns() + worker->crew->spin_ns;
	do
		if (look(worker))
			return true;
	while (!is_over(worker) && now_ns() < until);
	return false;
}

void *worker_run(void *argument)
{
	struct worker *worker = argument;

	/* When it is over all actors are gone, and nothing can be left. */
	while (!is_over(worker))
		if (!step(worker) && !spin(worker))
			worker_sleep(worker);
	return NULL;
}
