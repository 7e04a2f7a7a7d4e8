/* SPDX-License-Identifier: MIT
 *
 * Merging into a branch, alone and while others do the same.
 */
#include "cases.h"

#include <pthread.h>

#define AGENTS 8u
#define ROUNDS 40u

static const struct workspace_change change = {
	.author = {.name = "A", .email = "a@example.com", .seconds = 1700000000},
	.committer = {.name = "A", .email = "a@example.com", .seconds = 1700000000},
	.message = "merge",
};

static void point(struct place *place, const char *ref, const struct commit *commit)
{
	const struct ref_update update = {.ref = ref, .to = (const struct object *)commit, .anywhere = true};
	assert_int_equal(workspace_refs_update(place->agent, &update, 1), 0);
}

static const struct commit *tip(struct place *place, const char *ref)
{
	const struct commit *commit;
	assert_int_equal(workspace_find(place->agent, ref, &commit), 0);
	return commit;
}

static void test_a_branch_stays_or_moves_forward_where_that_is_enough(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	const struct commit *there;
	place_open(&place, 0);
	const struct commit *base = commit_of(&place, NULL, FILES("f", "1\n"));
	const struct commit *next = commit_of(&place, base, FILES("f", "2\n"));
	point(&place, "refs/heads/main", base);
	assert_int_equal(workspace_merge_into(place.agent, "refs/heads/main", next, &change, NULL, &result, &there), 0);
	assert_ptr_equal(there, next);
	assert_ptr_equal(tip(&place, "main"), next);
	assert_int_equal(workspace_merge_into(place.agent, "refs/heads/main", base, &change, NULL, &result, &there), 0);
	assert_ptr_equal(there, next);
	assert_int_equal(workspace_merge_into(place.agent, "refs/heads/none", base, &change, NULL, &result, &there),
			 ERR_NOT_FOUND);
	place_close(&place);
}

static void test_a_merge_commit_has_both_parents_and_a_conflict_changes_nothing(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	const struct commit *there = NULL;
	place_open(&place, 0);
	const struct commit *base = commit_of(&place, NULL, FILES("f", "1\n", "g", "1\n"));
	const struct commit *ours = commit_of(&place, base, FILES("f", "2\n", "g", "1\n"));
	const struct commit *theirs = commit_of(&place, base, FILES("f", "1\n", "g", "2\n"));
	const struct commit *against = commit_of(&place, base, FILES("f", "3\n", "g", "1\n"));
	point(&place, "refs/heads/main", ours);
	assert_int_equal(workspace_merge_into(place.agent, "refs/heads/main", theirs, &change, NULL, &result, &there), 0);
	assert_ptr_equal(tip(&place, "main"), there);
	assert_int_equal(commit_parent_count(there), 2);
	assert_ptr_equal(commit_parent(there, 0), ours);
	assert_ptr_equal(commit_parent(there, 1), theirs);
	assert_ptr_equal(commit_tree(there), result.tree);
	assert_file(&place, result.tree, "f", "2\n");
	assert_file(&place, result.tree, "g", "2\n");

	const struct commit *before = there;
	assert_int_equal(workspace_merge_into(place.agent, "refs/heads/main", against, &change, NULL, &result, &there),
			 ERR_CONFLICT);
	assert_ptr_equal(tip(&place, "main"), before);
	assert_conflict(&result, "f", CONFLICT_CONTENT, "bot");
	assert_non_null(strstr(workspace_sentence(place.agent), "f"));
	merge_result_release(&result);
	place_close(&place);
}

struct worker {
	struct workspace *workspace;
	unsigned number;
	struct oid last; /* that was merged */
	uint64_t merged;
};

/* Change the own file on top of what is there, and bring it in. */
static void *work(void *context)
{
	struct worker *worker = context;
	struct workspace_agent *agent;
	char path[40], text[40];
	snprintf(path, sizeof(path), "d%u/file", worker->number);
	if (workspace_join(worker->workspace, &agent))
		return NULL;
	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct commit *start, *mine, *there;
		struct merge_result result;
		const struct tree *tree;
		int bytes = snprintf(text, sizeof(text), "%u of %u\n", i, worker->number);
		const struct workspace_edit edit = {
			.path = path, .mode = MODE_FILE, .data = {(const uint8_t *)text, (uint32_t)bytes}};
		workspace_begin(agent);
		int rc = workspace_find(agent, "main", &start);
		if (!rc)
			rc = workspace_tree_edit(agent, commit_tree(start), &edit, 1, &tree);
		if (!rc)
			rc = workspace_commit_make(agent, tree, &start, 1, &change, &mine);
		if (!rc)
			rc = workspace_merge_into(agent, "refs/heads/main", mine, &change, NULL, &result, &there);
		if (!rc) {
			worker->merged++;
			worker->last = *commit_id(mine);
			merge_result_release(&result);
		}
		workspace_end(agent);
	}
	workspace_leave(agent);
	return NULL;
}

static void test_eight_agents_bring_their_work_into_one_branch_and_none_is_lost(void **state)
{
	(void)state;
	struct place place;
	struct worker workers[AGENTS];
	pthread_t threads[AGENTS];
	place_open(&place, 0);
	const char *const files[] = {"d0/file", "-",       "d1/file", "-",       "d2/file", "-",       "d3/file", "-", "d4/file",
				     "-",       "d5/file", "-",       "d6/file", "-",       "d7/file", "-",       NULL};
	point(&place, "refs/heads/main", commit_of(&place, NULL, files));
	workspace_end(place.agent);
	for (unsigned i = 0; i < AGENTS; i++) {
		workers[i] = (struct worker){.workspace = place.workspace, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	for (unsigned i = 0; i < AGENTS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	workspace_begin(place.agent);
	const struct commit *main_tip = tip(&place, "main");
	for (unsigned i = 0; i < AGENTS; i++) {
		char path[40], text[40];
		const struct commit *last, *base;
		size_t count;
		assert_int_equal(workers[i].merged, ROUNDS);
		snprintf(path, sizeof(path), "d%u/file", i);
		snprintf(text, sizeof(text), "%u of %u\n", ROUNDS - 1, i);
		assert_file(&place, commit_tree(main_tip), path, text);
		assert_int_equal(workspace_commit_by_id(place.agent, &workers[i].last, &last), 0);
		assert_int_equal(workspace_merge_bases(place.agent, main_tip, last, &base, 1, &count), 0);
		assert_int_equal(count, 1);
		assert_ptr_equal(base, last);
	}
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_branch_stays_or_moves_forward_where_that_is_enough),
		cmocka_unit_test(test_a_merge_commit_has_both_parents_and_a_conflict_changes_nothing),
		cmocka_unit_test(test_eight_agents_bring_their_work_into_one_branch_and_none_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
