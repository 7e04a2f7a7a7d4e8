/* SPDX-License-Identifier: MIT
 *
 * Going in and out while others work: what goes out is a moment of what there was, and nobody is kept from working or from collecting garbage for longer
 * than the export takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/workspace/exchange/yard.h"

#define WORKERS 2u
#define EXPORTS 6u
#define COMMITS 3000u /* of each, after which it waits for the end: a slow machine must not make a long history */

struct worker {
	struct yard yard; /* the workspace of all, an agent of its own */
	pthread_t thread;
	unsigned number;
	atomic_bool *stop;
	atomic_uint commits;
};

static void *commit_on(void *context)
{
	struct worker *worker = context;
	char ref[64], path[64], text[64];
	while (!atomic_load(worker->stop)) {
		if (atomic_load(&worker->commits) >= COMMITS) {
			sched_yield();
			continue;
		}
		unsigned count = atomic_fetch_add(&worker->commits, 1);
		snprintf(ref, sizeof(ref), "refs/heads/worker%u", worker->number);
		snprintf(path, sizeof(path), "folder%u/file%u", count % 5, count % 37);
		snprintf(text, sizeof(text), "%u of %u\n", count, worker->number);
		yard_commit(&worker->yard, ref, path, text);
	}
	return NULL;
}

static void *collect(void *context)
{
	struct worker *worker = context;
	while (!atomic_load(worker->stop)) {
		struct workspace_gc_result result;
		assert_int_equal(workspace_gc(worker->yard.agent, false, &result), 0);
		atomic_fetch_add(&worker->commits, 1);
	}
	return NULL;
}

static void begin(struct worker *worker, const struct yard *yard, unsigned number, atomic_bool *stop)
{
	*worker = (struct worker){.yard = {.workspace = yard->workspace}, .number = number, .stop = stop};
	assert_int_equal(workspace_join(yard->workspace, &worker->yard.agent), 0);
	assert_int_equal(pthread_create(&worker->thread, NULL, number < WORKERS ? commit_on : collect, worker), 0);
}

static void test_exports_and_imports_while_others_work_are_whole(void **state)
{
	static struct worker workers[WORKERS + 1];
	atomic_bool stop = false;
	struct yard yard;
	(void)state;
	yard_open(&yard);
	yard_history(&yard, "source", 51, 40);
	for (unsigned i = 0; i <= WORKERS; i++)
		begin(&workers[i], &yard, i, &stop);
	for (unsigned i = 0; i <= WORKERS; i++)
		while (!atomic_load(&workers[i].commits))
			sched_yield();
	yard_import(&yard, "source");
	for (unsigned i = 0; i < EXPORTS; i++) {
		char name[16];
		snprintf(name, sizeof(name), "new%u.git", i);
		yard_export(&yard, i % 2 ? name : "again.git");
		yard_fsck(&yard, i % 2 ? name : "again.git");
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i <= WORKERS; i++) {
		pthread_join(workers[i].thread, NULL);
		workspace_leave(workers[i].yard.agent);
	}
	yard_export(&yard, "again.git");
	yard_fsck(&yard, "again.git");
	yard_close(&yard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exports_and_imports_while_others_work_are_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
