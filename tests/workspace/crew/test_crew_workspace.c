/* SPDX-License-Identifier: MIT
 *
 * Actors that share a workspace: each worker has one agent, and a bracket is open while a message is handled and no longer.
 */
#include "tests/workspace/crew/helpers.h"

#include <stdio.h>
#include <string.h>

#define AUTHORS 8u
#define COMMITS 60u

struct author {
	unsigned number, left, moved;
	int rc;
	struct workspace_agent *agent;
	uint32_t worker;
	bool no_agent;
};

static int commit_one(struct workspace_agent *agent, struct author *author)
{
	struct workspace_person person = {"An Author", "author@example.org", 1700000000, 0};
	const struct commit *parent = NULL, *commit;
	char path[32], text[32];
	struct workspace_edit edit = {path, MODE_FILE, {(const uint8_t *)text, 0}, NULL};
	struct workspace_change change = {&edit, 1, person, person, "one more"};
	int rc = workspace_find(agent, "main", &parent);

	snprintf(path, sizeof(path), "d%u/f%u", author->number, author->left % 10);
	edit.data.bytes = (uint32_t)snprintf(text, sizeof(text), "%u", author->left);
	if (rc == ERR_NOT_FOUND)
		parent = NULL;
	else if (rc)
		return rc;
	return workspace_commit(agent, "refs/heads/main", parent, &change, &commit);
}

/* One try for each message; who comes too late tries again. */
static void write_on(struct crew_context *context, void *state, const struct crew_message *message)
{
	struct author *author = state;
	struct workspace_agent *agent = crew_agent(context);

	author->no_agent |= !agent || (author->agent && author->agent != agent);
	author->agent = agent;
	author->worker = crew_worker(context);
	if (message->role != CREW_TELL || author->rc || !author->left)
		return;
	int rc = commit_one(agent, author);
	author->moved += rc == ERR_MOVED;
	author->left -= !rc;
	if (rc && rc != ERR_MOVED)
		author->rc = rc;
	if (crew_send(context, crew_self(context), message))
		fail_msg("eight messages have room");
}

static int count_commit(void *context, const struct commit *commit)
{
	(void)commit;
	(*(unsigned *)context)++;
	return 0;
}

static unsigned commits_of(struct workspace_agent *agent)
{
	const struct commit *commit = NULL;
	unsigned count = 0;

	workspace_begin(agent);
	assert_int_equal(workspace_find(agent, "main", &commit), 0);
	while (commit) {
		count_commit(&count, commit);
		commit = commit_parent_count(commit) ? commit_parent(commit, 0) : NULL;
	}
	workspace_end(agent);
	return count;
}

static void test_actors_of_a_worker_share_an_agent_and_all_share_the_repository(void **state)
{
	struct workspace_options memory = {.durability = DURABLE_MEMORY, .memory_max_bytes = UINT64_C(1) << 28};
	char sentence[WORKSPACE_SENTENCE_BYTES];
	struct workspace *workspace = NULL;
	struct workspace_agent *agent = NULL;
	struct workspace_gc_result collected;
	struct author authors[AUTHORS];

	(void)state;
	assert_int_equal(workspace_open(&memory, &workspace, sentence), 0);
	assert_int_equal(workspace_join(workspace, &agent), 0);
	struct crew *crew = crew_make((struct crew_options){.workspace = workspace, .workers = 2});
	for (unsigned i = 0; i < AUTHORS; i++) {
		authors[i] = (struct author){.number = i, .left = COMMITS};
		post_surely(crew, actor_make(crew, CREW_ANYWHERE, write_on, &authors[i]), 1, 0);
	}
	/* It waits until no bracket is open: one that was left open would keep it for ever. */
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(workspace_gc(agent, true, &collected), 0);
	crew_quiet(crew);
	assert_int_equal(workspace_gc(agent, true, &collected), 0);
	for (unsigned i = 0; i < AUTHORS; i++) {
		assert_int_equal(authors[i].rc, 0);
		assert_int_equal(authors[i].left, 0);
		assert_false(authors[i].no_agent);
		for (unsigned j = 0; j < i; j++)
			assert_int_equal(authors[i].worker == authors[j].worker, authors[i].agent == authors[j].agent);
	}
	assert_int_equal(commits_of(agent), AUTHORS * COMMITS);
	crew_close(crew);
	workspace_leave(agent);
	assert_int_equal(workspace_close(workspace), 0);
}

static void look_for_agent(struct crew_context *context, void *state, const struct crew_message *message)
{
	(void)message;
	*(bool *)state |= crew_agent(context) != NULL;
}

static void test_without_a_workspace_there_is_no_agent(void **state)
{
	struct crew *crew = crew_make((struct crew_options){0});
	bool had_agent = false;

	(void)state;
	actor_make(crew, 0, look_for_agent, &had_agent);
	crew_close(crew);
	assert_false(had_agent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actors_of_a_worker_share_an_agent_and_all_share_the_repository),
		cmocka_unit_test(test_without_a_workspace_there_is_no_agent),
	};

	return cmocka_run_group_tests_name("crew with a workspace", tests, NULL, NULL);
}
