/* SPDX-License-Identifier: MIT
 *
 * Agents at the same time: each commits to a branch of its own and all to a shared one, while others read; ThreadSanitizer looks on.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/workspace/store/store_case.h"
#include "workspace/sha1.h"

#define AGENTS  4u
#define COMMITS 1000u
#define FILES   12u
#define SHARED  "refs/heads/shared"

struct worker {
	struct workspace *workspace;
	unsigned number;
	unsigned commits; /* on the shared branch */
	unsigned moved;   /* how often somebody was first */
	int rc;
};

static struct workspace_person person(unsigned number)
{
	return (struct workspace_person){"Agent", "agent@example.org", 1700000000 + number, 0};
}

/* One file, on the ref as it is. */
static int commit_once(struct workspace_agent *agent, const char *ref, const char *path, const char *text)
{
	struct workspace_edit edit = {path, MODE_FILE, text_of(text), NULL};
	struct workspace_change change = {&edit, 1, person(0), person(0), text};
	const struct object *at = NULL;
	const struct commit *commit;

	workspace_begin(agent);
	int rc = workspace_ref_get(agent, ref, &at);
	if (!rc || rc == ERR_NOT_FOUND)
		rc = workspace_commit(agent, ref, rc ? NULL : object_as_commit(at), &change, &commit);
	workspace_end(agent);
	return rc;
}

static int read_all(struct workspace_agent *agent)
{
	const struct object *at;
	const struct commit *commit;

	workspace_begin(agent);
	int rc = workspace_ref_get(agent, SHARED, &at);
	commit = rc ? NULL : object_as_commit(at);
	for (unsigned depth = 0; commit && depth < 60 && !rc; depth++, commit = commit_parent(commit, 0)) {
		struct workspace_file file;
		struct tree_view view;
		rc = tree_view(agent, commit->tree, &view);
		if (!rc)
			rc = workspace_read(agent, commit->tree, "shared", &file);
	}
	workspace_end(agent);
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

static int work_once(struct workspace_agent *agent, struct worker *worker, unsigned i)
{
	char own[64], path[64], text[64];
	int rc;

	snprintf(own, sizeof(own), "refs/heads/agent-%u", worker->number);
	snprintf(path, sizeof(path), "src/%u/file-%u", worker->number % 2, i % FILES);
	/* Half of what they write is the same: two of them make one object at one time. */
	snprintf(text, sizeof(text), "%u %u\n", i, i % 2 ? worker->number : 0);
	rc = commit_once(agent, own, path, text);
	if (rc)
		return rc;
	do {
		rc = commit_once(agent, SHARED, i % 3 ? path : "shared", text);
		worker->moved += rc == ERR_MOVED;
	} while (rc == ERR_MOVED);
	worker->commits += rc == 0;
	return rc ? rc : i % 10 ? 0 : read_all(agent);
}

static void *work(void *context)
{
	struct worker *worker = context;
	struct workspace_agent *agent;

	worker->rc = workspace_join(worker->workspace, &agent);
	if (worker->rc)
		return NULL;
	for (unsigned i = 0; i < COMMITS && !worker->rc; i++)
		worker->rc = work_once(agent, worker, i);
	workspace_leave(agent);
	return NULL;
}

/* ---- afterwards ---- */

static int check_object(void *context, const struct object *object)
{
	static const char *const names[] = {"", "commit", "tree", "blob", "tag"};
	char header[32];
	uint8_t hash[SHA1_BYTES];
	struct bytes raw;

	assert_int_equal(object_raw(context, object, &raw), 0);
	int bytes = snprintf(header, sizeof(header), "%s %u", names[object->type], raw.bytes) + 1;
	struct sha1_span spans[] = {{header, (size_t)bytes}, {raw.at, raw.bytes}};
	sha1_of(spans, 2, hash);
	return memcmp(hash, object->id.bytes, OID_BYTES) ? ERR_CORRUPT : 0;
}

static unsigned history_of(struct workspace_agent *agent, const char *ref)
{
	const struct object *at;
	unsigned count = 0;

	assert_int_equal(workspace_ref_get(agent, ref, &at), 0);
	for (const struct commit *commit = object_as_commit(at); commit; commit = commit_parent(commit, 0)) {
		count++;
		assert_int_equal(commit->generation, commit_parent(commit, 0) ? commit_parent(commit, 0)->generation + 1 : 1);
	}
	return count;
}

static void test_no_commit_of_several_agents_is_lost_and_all_objects_are_what_their_ids_say(void **unused)
{
	struct worker workers[AGENTS];
	pthread_t threads[AGENTS];
	struct store store;
	unsigned commits = 0;

	(void)unused;
	store_open(&store, NULL);
	for (unsigned i = 0; i < AGENTS; i++) {
		workers[i] = (struct worker){.workspace = store.workspace, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < AGENTS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(workers[i].rc, 0);
		commits += workers[i].commits;
	}
	workspace_begin(store.agent);
	assert_int_equal(history_of(store.agent, SHARED), commits);
	assert_int_equal(commits, AGENTS * COMMITS);
	assert_int_equal(history_of(store.agent, "refs/heads/agent-1"), COMMITS);
	assert_int_equal(objects_each(store.agent, check_object, store.agent), 0);
	workspace_end(store.agent);
	store_close(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_commit_of_several_agents_is_lost_and_all_objects_are_what_their_ids_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
