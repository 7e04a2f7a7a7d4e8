/* SPDX-License-Identifier: MIT
 *
 * Who builds on what another agent has not published yet, publishes it too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/workspace/store/store_case.h"
#include "tests/workspace/store/world.h"

#define DEPTH 60u

static struct workspace_person person(void)
{
	return (struct workspace_person){"a", "b", 1, 0};
}

/* Folders in folders, each twice in the one above: no list of paths is that long. Only made, not published. */
static const struct tree *make_pyramid(struct workspace_agent *agent)
{
	const struct blob *blob;
	const struct tree *tree;

	assert_int_equal(blob_make(agent, text_of("at the bottom"), &blob), 0);
	struct tree_entry file = {"file", 4, MODE_FILE, &blob->object};
	assert_int_equal(tree_make(agent, NULL, &file, 1, &tree), 0);
	for (unsigned i = 0; i < DEPTH; i++) {
		struct tree_entry folders[] = {{"a", 1, MODE_FOLDER, &tree->object}, {"b", 1, MODE_FOLDER, &tree->object}};
		assert_int_equal(tree_make(agent, NULL, folders, 2, &tree), 0);
	}
	return tree;
}

static void check_pyramid(struct workspace_agent *agent, const struct commit *commit)
{
	char path[2 * DEPTH + 8] = "";
	struct workspace_file file;

	for (unsigned i = 0; i < DEPTH; i++)
		strcat(path, i % 2 ? "a/" : "b/");
	strcat(path, "file");
	assert_int_equal(workspace_read(agent, commit_tree(commit), path, &file), 0);
	assert_int_equal(file.data.bytes, strlen("at the bottom"));
}

static const struct commit *commit_of(struct workspace_agent *agent, const struct tree *tree)
{
	struct workspace_change change = {NULL, 0, person(), person(), "m"};
	const struct commit *commit;

	assert_int_equal(workspace_commit_make(agent, tree, NULL, 0, &change, &commit), 0);
	return commit;
}

/* The second agent finds a tree by its id before the first one has published it. */
static void test_what_was_found_by_its_id_is_in_the_journal_with_all_that_it_leads_to(void **unused)
{
	struct world world;
	const struct tree *found;

	(void)unused;
	world_open(&world, 2, 0, true);
	workspace_begin(world.agents[0]);
	workspace_begin(world.agents[1]);
	struct oid id = *tree_id(make_pyramid(world.agents[0]));
	assert_int_equal(workspace_tree_by_id(world.agents[1], &id, &found), 0);
	assert_true(atomic_load(&found->object.flags) & FLAG_JOURNALED);
	world_set(world.agents[1], "refs/heads/main", commit_of(world.agents[1], found));
	workspace_end(world.agents[1]);
	workspace_end(world.agents[0]);
	world_reopen(&world);
	check_pyramid(world.agents[0], world_at(world.agents[0], "refs/heads/main"));
	world_close(&world);
}

/* By what a commit that comes in names. */
static void test_what_an_object_names_is_in_the_journal_before_it(void **unused)
{
	struct world world;
	const struct object *object;
	char raw[256], hex[OID_HEX_BYTES];

	(void)unused;
	world_open(&world, 2, 0, true);
	workspace_begin(world.agents[0]);
	workspace_begin(world.agents[1]);
	oid_print(tree_id(make_pyramid(world.agents[0])), hex);
	snprintf(raw, sizeof(raw), "tree %s\nauthor a <b> 1 +0000\ncommitter a <b> 1 +0000\n\nm\n", hex);
	assert_int_equal(object_make(world.agents[1], JUDGE_STRICT, OBJECT_COMMIT, text_of(raw), NULL, NULL, false, &object), 0);
	world_set(world.agents[1], "refs/heads/main", object_as_commit(object));
	workspace_end(world.agents[1]);
	workspace_end(world.agents[0]);
	world_reopen(&world);
	check_pyramid(world.agents[0], world_at(world.agents[0], "refs/heads/main"));
	world_close(&world);
}

/* By making the same once more. */
static void test_what_two_agents_make_is_in_the_journal_of_who_publishes_first(void **unused)
{
	struct world world;

	(void)unused;
	world_open(&world, 2, 0, true);
	workspace_begin(world.agents[0]);
	workspace_begin(world.agents[1]);
	make_pyramid(world.agents[0]);
	const struct tree *tree = make_pyramid(world.agents[1]);
	world_set(world.agents[1], "refs/heads/main", commit_of(world.agents[1], tree));
	workspace_end(world.agents[1]);
	workspace_end(world.agents[0]);
	world_reopen(&world);
	check_pyramid(world.agents[0], world_at(world.agents[0], "refs/heads/main"));
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_found_by_its_id_is_in_the_journal_with_all_that_it_leads_to),
		cmocka_unit_test(test_what_an_object_names_is_in_the_journal_before_it),
		cmocka_unit_test(test_what_two_agents_make_is_in_the_journal_of_who_publishes_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
