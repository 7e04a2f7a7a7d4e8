/* SPDX-License-Identifier: MIT
 *
 * What the store's own steps cost, below commits and merges: brackets, memory, the index, refs. Nanoseconds for one step, in batches; median
 * of the rounds with the fastest and slowest tenth, every step in every round. Then the same with as many threads as were asked for, each an agent: there a step
 * costs what one agent waits for it.
 *
 *   bench_store [ROUNDS [THREADS]]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "workspace/store/agent_inner.h"

#define ROUNDS_MAX  1001
#define THREADS_MAX 64
#define BATCH       1000u
#define IDS         200000u
#define REFS        1000u
#define COMMITS     8u

struct bench {
	struct workspace *workspace;
	const struct commit *commits[COMMITS];
	char names[REFS][48];
};

struct runner {
	struct bench *bench;
	struct workspace_agent *agent;
	pthread_t thread;
	unsigned number;
	unsigned turn; /* of all batches, so that each has its own ids and names */
	uint64_t sum;  /* of results, so that none is left out */
};

static double now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void must(int rc, const struct workspace_agent *agent)
{
	if (!rc)
		return;
	fprintf(stderr, "%s: %s\n", error_name(rc), agent ? workspace_sentence(agent) : "");
	exit(1);
}

/* ---- steps: each does BATCH of its kind ---- */

static void brackets(struct runner *runner)
{
	for (unsigned i = 0; i < BATCH; i++) {
		workspace_begin(runner->agent);
		workspace_end(runner->agent);
	}
}

static void pieces(struct runner *runner, size_t bytes)
{
	void *taken[16];

	for (unsigned i = 0; i < BATCH; i += 16) {
		for (unsigned k = 0; k < 16; k++)
			taken[k] = memory_take(runner->agent, bytes);
		for (unsigned k = 0; k < 16; k++)
			memory_give(runner->agent, taken[k], bytes);
	}
}

static void small_pieces(struct runner *runner)
{
	pieces(runner, 64);
}

static void large_pieces(struct runner *runner)
{
	pieces(runner, 3000);
}

static void retired_pieces(struct runner *runner)
{
	for (unsigned i = 0; i < BATCH; i++) {
		workspace_begin(runner->agent);
		memory_retire(runner->agent, memory_take(runner->agent, 64), 64);
		workspace_end(runner->agent);
	}
}

/* As random as an id is. */
static struct oid id_of(uint64_t number)
{
	struct oid id;

	for (unsigned i = 0; i < OID_BYTES; i++) {
		number = number * 6364136223846793005u + 1442695040888963407u;
		id.bytes[i] = (uint8_t)(number >> 56);
	}
	return id;
}

static void put(struct runner *runner, uint64_t number)
{
	struct object *node = memory_take(runner->agent, sizeof(*node)), *winner;

	*node = (struct object){.id = id_of(number), .type = OBJECT_BLOB};
	must(index_put(runner->agent, node, &winner), runner->agent);
	if (winner != node)
		memory_give(runner->agent, node, sizeof(*node));
}

static void puts_of_new(struct runner *runner)
{
	workspace_begin(runner->agent);
	for (unsigned i = 0; i < BATCH; i++)
		put(runner, ((uint64_t)(runner->number + 1) << 40) + (uint64_t)runner->turn * BATCH + i);
	workspace_end(runner->agent);
}

static void gets(struct runner *runner)
{
	static const uint64_t step = 7919;

	workspace_begin(runner->agent);
	for (unsigned i = 0; i < BATCH; i++) {
		struct oid id = id_of(((uint64_t)runner->turn * BATCH + i) * step % IDS);
		runner->sum += index_get(runner->agent, &id) != NULL;
	}
	workspace_end(runner->agent);
}

static void ids_alone(struct runner *runner)
{
	for (unsigned i = 0; i < BATCH; i++)
		runner->sum += id_of(i).bytes[3];
}

static void ref_gets(struct runner *runner)
{
	const struct object *object;

	for (unsigned i = 0; i < BATCH; i++) {
		must(workspace_ref_get(runner->agent, runner->bench->names[i * 37 % REFS], &object), runner->agent);
		runner->sum += object->bytes;
	}
}

/* Names of the runner's own. */
static void ref_moves(struct runner *runner, unsigned count)
{
	struct ref_update updates[4];

	for (unsigned i = 0; i < BATCH; i += count) {
		for (unsigned k = 0; k < count; k++)
			updates[k] = (struct ref_update){.ref = runner->bench->names[(runner->number * 16 + k) % REFS],
							 .to = &runner->bench->commits[i / count % COMMITS]->object,
							 .anywhere = true};
		must(workspace_refs_update(runner->agent, updates, count), runner->agent);
	}
}

static void moves_of_one(struct runner *runner)
{
	ref_moves(runner, 1);
}

static void moves_of_two(struct runner *runner)
{
	ref_moves(runner, 2);
}

static void moves_of_four(struct runner *runner)
{
	ref_moves(runner, 4);
}

static void branches(struct runner *runner)
{
	char name[48];
	struct ref_update update = {.ref = name, .to = &runner->bench->commits[0]->object};

	for (unsigned i = 0; i < BATCH; i++) {
		snprintf(name, sizeof(name), "refs/heads/branch-%u-%u-%u", runner->number, runner->turn, i);
		must(workspace_refs_update(runner->agent, &update, 1), runner->agent);
	}
}

static void names_alone(struct runner *runner)
{
	char name[48];

	for (unsigned i = 0; i < BATCH; i++) {
		snprintf(name, sizeof(name), "refs/heads/branch-%u-%u-%u", runner->number, runner->turn, i);
		runner->sum += (uint8_t)name[20];
	}
}

static const struct step {
	const char *name;
	void (*run)(struct runner *runner);
	int without; /* the step whose cost is no part of it, or -1 */
} steps[] = {
	{"begin and end", brackets, -1},
	{"take and give 64 B", small_pieces, -1},
	{"take and give 3 KB", large_pieces, -1},
	{"take and retire 64 B in a bracket", retired_pieces, -1},
	{"(making up an id)", ids_alone, -1},
	{"index_put of a new id", puts_of_new, 4},
	{"index_get among 200,000", gets, 4},
	{"ref_get among 1,000", ref_gets, -1},
	{"refs_update of one", moves_of_one, -1},
	{"refs_update of two, for each ref", moves_of_two, -1},
	{"refs_update of four, for each ref", moves_of_four, -1},
	{"(making up a name)", names_alone, -1},
	{"a new branch", branches, 11},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static double samples[STEPS][ROUNDS_MAX];

/* ---- rounds ---- */

static void (*volatile running)(struct runner *runner);
static pthread_barrier_t barrier;

static void *work(void *context)
{
	struct runner *runner = context;

	for (;;) {
		pthread_barrier_wait(&barrier);
		if (!running)
			return NULL;
		running(runner);
		pthread_barrier_wait(&barrier);
		runner->turn++;
	}
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void measure(struct runner *runners, unsigned threads, unsigned rounds)
{
	pthread_barrier_init(&barrier, NULL, threads + 1);
	for (unsigned i = 0; i < threads; i++)
		pthread_create(&runners[i].thread, NULL, work, &runners[i]);
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = 0; i < STEPS; i++) {
			running = steps[i].run;
			pthread_barrier_wait(&barrier);
			double from = now_ns();
			pthread_barrier_wait(&barrier);
			samples[i][round] = (now_ns() - from) / BATCH;
		}
	}
	running = NULL;
	pthread_barrier_wait(&barrier);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(runners[i].thread, NULL);
	pthread_barrier_destroy(&barrier);
}

static void print(unsigned threads, unsigned rounds)
{
	printf("\n%u thread%s                              median   fast tenth   slow tenth   (ns)\n", threads,
	       threads == 1 ? " " : "s");
	for (unsigned i = 0; i < STEPS; i++)
		qsort(samples[i], rounds, sizeof(double), order);
	for (unsigned i = 0; i < STEPS; i++) {
		double less = steps[i].without < 0 ? 0 : samples[steps[i].without][rounds / 2];
		printf("%-36s %9.1f %12.1f %12.1f\n", steps[i].name, samples[i][rounds / 2] - less,
		       samples[i][rounds / 10] - less, samples[i][rounds * 9 / 10] - less);
	}
}

/* ---- the workspace ---- */

static void fill(struct bench *bench, struct runner *runner)
{
	struct workspace_person person = {"Ann", "ann@example.org", 1700000000, 0};
	struct workspace_change change = {.author = person, .committer = person, .message = "x"};
	const struct tree *tree;

	must(workspace_tree_edit(runner->agent, NULL, NULL, 0, &tree), runner->agent);
	for (unsigned i = 0; i < COMMITS; i++) {
		change.committer.seconds++;
		must(workspace_commit_make(runner->agent, tree, NULL, 0, &change, &bench->commits[i]), runner->agent);
	}
	for (unsigned i = 0; i < REFS; i++) {
		snprintf(bench->names[i], sizeof(bench->names[i]), "refs/heads/team-%u/topic-%u", i % 10, i);
		struct ref_update update = {.ref = bench->names[i], .to = &bench->commits[0]->object, .anywhere = true};
		must(workspace_refs_update(runner->agent, &update, 1), runner->agent);
	}
	workspace_begin(runner->agent);
	for (unsigned i = 0; i < IDS; i++)
		put(runner, i);
	workspace_end(runner->agent);
}

int main(int count, char **words)
{
	static struct bench bench;
	static struct runner runners[THREADS_MAX];
	struct workspace_options options = {0};
	char sentence[WORKSPACE_SENTENCE_BYTES];
	unsigned rounds = count > 1 ? (unsigned)atoi(words[1]) : 101, threads = count > 2 ? (unsigned)atoi(words[2]) : 2;

	if (!rounds || rounds > ROUNDS_MAX || !threads || threads > THREADS_MAX) {
		fprintf(stderr, "usage: bench_store [ROUNDS (1 to %d) [THREADS (1 to %d)]]\n", ROUNDS_MAX, THREADS_MAX);
		return 2;
	}
	must(workspace_open(&options, &bench.workspace, sentence), NULL);
	for (unsigned i = 0; i < threads; i++) {
		runners[i] = (struct runner){.bench = &bench, .number = i};
		must(workspace_join(bench.workspace, &runners[i].agent), NULL);
	}
	fill(&bench, &runners[0]);
	measure(runners, 1, rounds);
	print(1, rounds);
	if (threads > 1) {
		measure(runners, threads, rounds);
		print(threads, rounds);
	}
	for (unsigned i = 0; i < threads; i++)
		workspace_leave(runners[i].agent);
	return workspace_close(bench.workspace) ? 1 : 0;
}
