/* SPDX-License-Identifier: MIT
 *
 * Opening and closing a crew, starting and stopping actors, and waiting for it to be quiet.
 */
#include "workspace/crew/crew.h"

#include <assert.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "workspace/crew/inner.h"

/* ---- options ---- */

static int fail(char sentence[WORKSPACE_SENTENCE_BYTES], int rc, const char *what, uint64_t found, const char *accepted)
{
	snprintf(sentence, WORKSPACE_SENTENCE_BYTES, "%s: found %llu, accepted is %s", what, (unsigned long long)found, accepted);
	return rc;
}

static int options_check(const struct crew_options *options, char sentence[WORKSPACE_SENTENCE_BYTES])
{
	uint32_t row_max = options->row_max;

	if (options->workers > CREW_WORKERS_MAX)
		return fail(sentence, ERR_USAGE, "the number of workers of a crew", options->workers, "0 to 62");
	if (row_max && (row_max & (row_max - 1) || row_max < 16 || row_max > 4096))
		return fail(sentence, ERR_USAGE, "the messages in a row of a crew", row_max, "a power of two from 16 to 4096");
	if (options->actors_max > INT32_MAX / 2)
		return fail(sentence, ERR_USAGE, "the number of actors of a crew", options->actors_max, "up to 1073741823");
	return 0;
}

static uint32_t processors(cpu_set_t *out_set)
{
	int count;

	CPU_ZERO(out_set);
	if (sched_getaffinity(0, sizeof(*out_set), out_set))
		return 1;
	count = CPU_COUNT(out_set);
	return count < 1 ? 1 : (uint32_t)count;
}

static uint64_t spin_ns(const struct crew_options *options, uint32_t workers, uint32_t available)
{
	if (options->spin_us == CREW_NO_SPIN)
		return 0;
	if (options->spin_us)
		return (uint64_t)options->spin_us * 1000;
	return workers > available ? 0 : 50000;
}

/* ---- memory ---- */

static void *lines(size_t count, size_t bytes)
{
	size_t whole = (count * bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
	void *memory = aligned_alloc(LINE_BYTES, whole);

	if (memory)
		memset(memory, 0, whole);
	return memory;
}

/* Rows are large and seldom all used: pages of a mapping that nobody touches cost nothing. */
static int rows_init(struct crew *crew, uint32_t row_max)
{
	size_t count = (size_t)crew->worker_count * crew->worker_count;
	struct slot *slots;

	crew->rows = lines(count, sizeof(*crew->rows));
	if (!crew->rows)
		return ERR_MEMORY;
	crew->slots_bytes = count * row_max * sizeof(*slots);
	slots = mmap(NULL, crew->slots_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (slots == MAP_FAILED)
		return ERR_MEMORY;
	for (size_t i = 0; i < count; i++) {
		crew->rows[i].mask = row_max - 1;
		crew->rows[i].slots = slots + i * row_max;
	}
	return 0;
}

static int actors_init(struct crew *crew)
{
	crew->actors = lines(crew->actors_max, sizeof(*crew->actors));
	if (!crew->actors)
		return ERR_MEMORY;
	for (uint32_t i = crew->actors_max; i-- > 0;) {
		struct actor *actor = &crew->actors[i];
		actor->number = i;
		actor->next = crew->free;
		crew->free = actor;
		atomic_init(&actor->word, actor_word(1, 0, ACTOR_FREE));
	}
	return 0;
}

static int worker_init(struct crew *crew, uint32_t number, uint32_t row_max)
{
	struct worker *worker = &crew->workers[number];

	worker->crew = crew;
	worker->number = number;
	worker->context.worker = worker;
	worker->rows_out = &crew->rows[number * crew->worker_count];
	worker->rows_in = &crew->rows[number];
	worker->asks = calloc(crew->worker_count + 1, sizeof(*worker->asks));
	if (!worker->asks || queue_init(&worker->outside, row_max))
		return ERR_MEMORY;
	for (uint32_t i = 0; i <= crew->worker_count; i++)
		if (asks_init(&worker->asks[i], crew->asks_max))
			return ERR_MEMORY;
	return 0;
}

static void worker_release(struct worker *worker)
{
	for (uint32_t i = 0; worker->asks && i <= worker->crew->worker_count; i++)
		asks_release(&worker->asks[i]);
	free(worker->asks);
	queue_release(&worker->outside);
	workspace_leave(worker->agent);
}

static void crew_free(struct crew *crew)
{
	for (uint32_t i = 0; crew->workers && i < crew->worker_count; i++)
		worker_release(&crew->workers[i]);
	if (crew->rows && crew->rows[0].slots)
		munmap(crew->rows[0].slots, crew->slots_bytes);
	free(crew->rows);
	free(crew->workers);
	free(crew->actors);
	free(crew->load);
	pthread_mutex_destroy(&crew->mutex);
	free(crew);
}

static int crew_init(struct crew *crew, uint32_t row_max)
{
	int rc = 0;

	pthread_mutex_init(&crew->mutex, NULL);
	crew->workers = lines(crew->worker_count, sizeof(*crew->workers));
	crew->load = calloc(crew->worker_count, sizeof(*crew->load));
	if (!crew->workers || !crew->load || actors_init(crew) || rows_init(crew, row_max))
		return ERR_MEMORY;
	for (uint32_t i = 0; !rc && i < crew->worker_count; i++)
		rc = worker_init(crew, i, row_max);
	return rc;
}

/* ---- threads ---- */

static void attr_pin(pthread_attr_t *attr, const cpu_set_t *available, uint32_t number)
{
	cpu_set_t one;
	uint32_t left = number % (uint32_t)CPU_COUNT(available);
	int cpu = 0;

	while (!CPU_ISSET(cpu, available) || left-- > 0)
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pthread_attr_setaffinity_np(attr, sizeof(one), &one);
}

static int thread_start(struct worker *worker, bool pin, const cpu_set_t *available)
{
	pthread_attr_t attr;
	char name[16];
	int rc;

	if (pthread_attr_init(&attr))
		return ERR_MEMORY;
	if (pin && CPU_COUNT(available) > 0)
		attr_pin(&attr, available, worker->number);
	rc = pthread_create(&worker->thread, &attr, worker_run, worker) ? ERR_SYSTEM : 0;
	pthread_attr_destroy(&attr);
	if (!rc) {
		snprintf(name, sizeof(name), "crew-%u", worker->number);
		pthread_setname_np(worker->thread, name);
	}
	return rc;
}

static void threads_end(struct crew *crew, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		atomic_store(&crew->workers[i].ending, 1);
		worker_nudge(&crew->workers[i], NULL);
		pthread_join(crew->workers[i].thread, NULL);
	}
}

static int workers_start(struct crew *crew, const struct crew_options *options, const cpu_set_t *available,
			 char sentence[WORKSPACE_SENTENCE_BYTES])
{
	uint32_t started = 0;
	int rc = 0;

	for (uint32_t i = 0; options->workspace && i < crew->worker_count; i++) {
		rc = workspace_join(options->workspace, &crew->workers[i].agent);
		if (rc) {
			snprintf(sentence, WORKSPACE_SENTENCE_BYTES, "a worker could not join the workspace: %s",
				 error_sentence(rc));
			return rc;
		}
	}
	while (!rc && started < crew->worker_count) {
		rc = thread_start(&crew->workers[started], options->pin, available);
		started += !rc;
	}
	if (!rc)
		return 0;
	snprintf(sentence, WORKSPACE_SENTENCE_BYTES, "thread %u of %u could not be started", started + 1, crew->worker_count);
	threads_end(crew, started);
	return rc;
}

int crew_open(const struct crew_options *options, struct crew **out_crew, char out_sentence[WORKSPACE_SENTENCE_BYTES])
{
	uint32_t row_max = options->row_max ? options->row_max : 1024;
	cpu_set_t available;
	struct crew *crew;
	uint32_t count = processors(&available);
	int rc = options_check(options, out_sentence);

	if (rc)
		return rc;
	crew = lines(1, sizeof(*crew));
	snprintf(out_sentence, WORKSPACE_SENTENCE_BYTES, "there is no memory for a crew");
	if (!crew)
		return ERR_MEMORY;
	crew->worker_count = options->workers ? options->workers : count > CREW_WORKERS_MAX ? CREW_WORKERS_MAX : count;
	crew->actors_max = options->actors_max ? options->actors_max : 4096;
	crew->asks_max = row_max / 4;
	crew->row_spare = crew->asks_max + CONTROLS;
	crew->spin_ns = spin_ns(options, crew->worker_count, count);
	crew->fenced = options->fenced || !crew_membarrier_register();
	rc = crew_init(crew, row_max);
	if (!rc)
		rc = workers_start(crew, options, &available, out_sentence);
	if (rc) {
		crew_free(crew);
		return rc;
	}
	out_sentence[0] = '\0';
	*out_crew = crew;
	return 0;
}

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
	threads_end(crew, crew->worker_count);
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
