/* SPDX-License-Identifier: MIT
 *
 * Opening a crew: its memory and its threads.
 */
#include "workspace/crew/crew.h"

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

void crew_free(struct crew *crew)
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

void crew_threads_end(struct crew *crew, uint32_t count)
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
	crew_threads_end(crew, started);
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
