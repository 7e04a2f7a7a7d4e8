/* SPDX-License-Identifier: MIT
 *
 * Starting and stopping actors, waiting for a crew to be quiet, and closing it.
 */
#include "workspace/crew/crew.h"

#include <assert.h>

#include "workspace/crew/inner.h"

uint32_t crew_workers(const struct crew *crew)
{
	return crew->worker_count;
}

/* ---- starting ---- */

struct actor *crew_actor_take(struct crew *crew)
{
	struct actor *actor = crew->free;

	if (!actor)
		return NULL;
	crew->free = actor->next;
	actor->next = NULL;
	actor->guest = NULL;
	actor->started = actor->refused = false;
	actor->asked = 0;
	atomic_store(&actor->leaving, false);
	return actor;
}

void crew_actor_give(struct crew *crew, struct actor *actor)
{
	uint64_t word = atomic_load(&actor->word);

	if (!actor->guest) {
		crew->actor_count--;
		crew->load[word_worker(word)]--;
	}
	atomic_store(&actor->word, actor_word((uint32_t)(word >> 32) + 1, 0, ACTOR_FREE));
	actor->next = crew->free;
	crew->free = actor;
}

static uint32_t least_loaded(const struct crew *crew)
{
	uint32_t least = 0;

	for (uint32_t i = 1; i < crew->worker_count; i++)
		if (crew->load[i] < crew->load[least])
			least = i;
	return least;
}

static int start(struct crew *crew, const struct crew_actor *options, struct actor **out_actor, uint32_t *out_worker)
{
	struct actor *actor;

	if (crew->closing)
		return ERR_STATE;
	actor = crew_actor_take(crew);
	if (!actor)
		return ERR_FULL;
	*out_worker = options->worker == CREW_ANYWHERE ? least_loaded(crew) : options->worker;
	crew->load[*out_worker]++;
	crew->actor_count++;
	actor->handle = options->handle;
	actor->state = options->state;
	atomic_fetch_add(&crew->posted, 1);
	*out_actor = actor;
	return 0;
}

static void push_starting(struct worker *worker, struct actor *actor)
{
	struct actor *head = atomic_load(&worker->starting);

	do {
		actor->next = head;
	} while (!atomic_compare_exchange_weak(&worker->starting, &head, actor));
	worker_nudge(worker, NULL);
}

/* The push is under the mutex too: crew_close must not find the actor before its worker can. */
int crew_start(struct crew *crew, const struct crew_actor *options, struct crew_address *out_address)
{
	struct actor *actor = NULL;
	uint32_t generation, worker;
	int rc;

	if (options->worker != CREW_ANYWHERE && options->worker >= crew->worker_count)
		return ERR_NOT_FOUND;
	pthread_mutex_lock(&crew->mutex);
	rc = start(crew, options, &actor, &worker);
	if (!rc) {
		generation = (uint32_t)(atomic_load(&actor->word) >> 32);
		*out_address = (struct crew_address){actor->number, generation};
		atomic_store(&actor->word, actor_word(generation, worker, ACTOR_OPEN));
		push_starting(&crew->workers[worker], actor);
	}
	pthread_mutex_unlock(&crew->mutex);
	return rc;
}

/* ---- stopping ---- */

static void push_stopping(struct worker *worker, struct actor *actor)
{
	struct actor *head = atomic_load(&worker->stopping);

	do {
		actor->stop_next = head;
	} while (!atomic_compare_exchange_weak(&worker->stopping, &head, actor));
	worker_nudge(worker, NULL);
}

void crew_stop_push(struct crew *crew, struct actor *actor, uint32_t worker)
{
	atomic_fetch_add(&crew->posted, 1);
	push_stopping(&crew->workers[worker], actor);
}

int crew_stop(struct crew *crew, struct crew_address address)
{
	uint64_t word = 0, closed;
	struct actor *actor = crew_actor_open(crew, address, &word);

	if (!actor || word_state(word) != ACTOR_OPEN)
		return ERR_NOT_FOUND;
	closed = actor_word(address.generation, word_worker(word), ACTOR_CLOSED);
	if (!atomic_compare_exchange_strong(&actor->word, &word, closed))
		return ERR_NOT_FOUND; /* somebody else has stopped it */
	crew_stop_push(crew, actor, word_worker(closed));
	return 0;
}

void crew_wait(struct crew *crew, struct crew_address address)
{
	for (;;) {
		uint32_t gone = atomic_load(&crew->gone);
		if (address.number >= crew->actors_max ||
		    atomic_load(&crew->actors[address.number].word) >> 32 != address.generation)
			return;
		crew_futex_wait(&crew->gone, gone);
	}
}

static uint32_t actors_left(struct crew *crew)
{
	uint32_t left;

	pthread_mutex_lock(&crew->mutex);
	left = crew->actor_count;
	pthread_mutex_unlock(&crew->mutex);
	return left;
}

static void stop_all(struct crew *crew)
{
	pthread_mutex_lock(&crew->mutex);
	crew->closing = true;
	assert(!crew->guests); /* they have to leave before */
	pthread_mutex_unlock(&crew->mutex);
	for (uint32_t i = 0; i < crew->actors_max; i++)
		crew_stop(crew, actor_address(&crew->actors[i]));
	for (;;) {
		uint32_t gone = atomic_load(&crew->gone);
		if (!actors_left(crew))
			return;
		crew_futex_wait(&crew->gone, gone);
	}
}

void crew_close(struct crew *crew)
{
	if (!crew)
		return;
	stop_all(crew);
	crew_threads_end(crew, crew->worker_count);
	crew_free(crew);
}

/* ---- measuring ---- */

static uint64_t handled_of(struct crew *crew)
{
	uint64_t sum = atomic_load(&crew->unposted);

	for (uint32_t i = 0; i < crew->worker_count; i++)
		sum += atomic_load_explicit(&crew->workers[i].handled, memory_order_acquire);
	return sum;
}

static uint64_t sent_of(struct crew *crew)
{
	uint64_t sum = atomic_load(&crew->posted);

	for (uint32_t i = 0; i < crew->worker_count; i++)
		sum += atomic_load_explicit(&crew->workers[i].sent, memory_order_acquire);
	return sum;
}

/* Both only grow, and nothing is handled before it is sent. So if what was handled up to some moment is as much as was sent up to a later one, then
 * between the two nothing was under way. (F. Mattern, "Algorithms for distributed termination detection", 1987.) */
static bool is_quiet(struct crew *crew)
{
	uint64_t handled = handled_of(crew);

	return handled == sent_of(crew);
}

void crew_quiet(struct crew *crew)
{
	atomic_fetch_add(&crew->quiet_waiting, 1);
	for (;;) {
		uint32_t idle = atomic_load(&crew->idle);
		if (is_quiet(crew))
			break;
		crew_futex_wait(&crew->idle, idle); /* whoever handles the last message falls asleep after it */
	}
	atomic_fetch_sub(&crew->quiet_waiting, 1);
}

void crew_measure(struct crew *crew, struct crew_figures *out_figures)
{
	struct crew_figures figures = {.handled = handled_of(crew), .sent = sent_of(crew)};

	for (uint32_t i = 0; i < crew->worker_count; i++) {
		figures.refused += atomic_load_explicit(&crew->workers[i].refusals, memory_order_relaxed);
		figures.sleeps += atomic_load_explicit(&crew->workers[i].sleeps, memory_order_relaxed);
		figures.wakes += atomic_load_explicit(&crew->workers[i].wakes, memory_order_relaxed);
	}
	figures.actors = actors_left(crew);
	*out_figures = figures;
}
