/* SPDX-License-Identifier: MIT
 *
 * Collecting garbage: what goes, what stays, what memory and journal are afterwards, and what is there when the workspace is opened again.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/workspace/store/world.h"
#include "workspace/store/hold.h"

#define MIB ((uint64_t)1 << 20)

static struct workspace_gc_result collect(struct world *world, bool now)
{
	struct workspace_gc_result result;
	int rc = workspace_gc(world->agents[0], now, &result);

	if (rc)
		fail_msg("gc: %d, %s", rc, workspace_sentence(world->agents[0]));
	return result;
}

static struct workspace_figures figures_of(const struct world *world)
{
	struct workspace_figures figures;
	workspace_measure(world->workspace, &figures);
	return figures;
}

/* A branch of so many commits; each changes one file of `bytes`. */
static void grow(struct world *world, const char *ref, unsigned from, unsigned count, uint32_t bytes)
{
	struct workspace_agent *agent = world->agents[0];
	const struct commit *commit;

	for (unsigned i = from; i < from + count; i++) {
		workspace_begin(agent);
		commit = world_at(agent, ref);
		assert_int_equal(world_commit(agent, commit, i, bytes, &commit), 0);
		world_set(agent, ref, commit);
		workspace_end(agent);
	}
}

/* All its commits and files are there. */
static void check_branch(struct world *world, const char *ref, unsigned from, unsigned count, uint32_t bytes)
{
	struct workspace_agent *agent = world->agents[0];
	struct workspace_file file;

	workspace_begin(agent);
	const struct commit *commit = world_at(agent, ref);
	for (unsigned i = from + count; i-- > from;) {
		assert_non_null(commit);
		assert_int_equal(world_number(agent, commit), i);
		assert_int_equal(workspace_read(agent, commit_tree(commit), "folder/data", &file), 0);
		assert_int_equal(file.data.bytes, bytes);
		assert_memory_equal(file.data.at, &i, sizeof(i));
		commit = commit_parent_count(commit) ? commit_parent(commit, 0) : NULL;
	}
	workspace_end(agent);
}

static bool has_object(struct world *world, const struct oid *id)
{
	workspace_begin(world->agents[0]);
	bool has = object_find(world->agents[0], id);
	workspace_end(world->agents[0]);
	return has;
}

/* ---- what goes and what stays ---- */

static void test_a_branch_that_is_deleted_gives_its_memory_back(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, 1, 0, false);
	grow(&world, "refs/heads/stays", 0, 300, 10000);
	collect(&world, true);
	uint64_t before = figures_of(&world).memory_bytes;
	grow(&world, "refs/heads/goes", 1000, 3000, 10000);
	assert_true(figures_of(&world).memory_bytes > before + 30 * MIB);
	world_set(world.agents[0], "refs/heads/goes", NULL);
	struct workspace_gc_result result = collect(&world, true);
	assert_int_equal(result.objects_before - result.objects_after, 3000 * 5); /* two files, two trees, a commit */
	assert_int_equal(figures_of(&world).object_count, 300 * 5);
	assert_true(result.bytes_before > before + 30 * MIB);
	assert_true(result.bytes_after <= before + 2 * MIB);
	assert_int_equal(result.bytes_after, figures_of(&world).memory_bytes);
	check_branch(&world, "refs/heads/stays", 0, 300, 10000);
	world_close(&world);
}

static void test_memory_goes_down_when_most_of_it_is_dead_however_it_lies(void **state)
{
	struct world world;
	char ref[32];

	(void)state;
	world_open(&world, 1, 0, false);
	for (unsigned i = 0; i < 1000; i++) { /* branches lie between one another */
		snprintf(ref, sizeof(ref), "refs/heads/%u", i % 100);
		grow(&world, ref, i, 1, 10000);
	}
	uint64_t full = figures_of(&world).memory_bytes;
	for (unsigned i = 0; i < 95; i++) {
		snprintf(ref, sizeof(ref), "refs/heads/%u", i);
		world_set(world.agents[0], ref, NULL);
	}
	struct workspace_gc_result result = collect(&world, true);
	assert_true(result.bytes_after < full * 3 / 4);
	grow(&world, "refs/heads/new", 0, 500, 10000); /* and the holes are used again */
	assert_true(figures_of(&world).memory_bytes <= full);
	world_close(&world);
}

/* A version of a tree is a few changes to the version before. When that goes, it stands by itself. */
static void test_a_version_does_not_keep_those_it_was_built_on(void **state)
{
	struct world world;
	const struct commit *commit = NULL;
	char ref[32];

	(void)state;
	world_open(&world, 1, 0, false);
	struct workspace_agent *agent = world.agents[0];
	workspace_begin(agent);
	for (unsigned i = 0; i < 30; i++)
		commit = world_made(agent, commit, i);
	assert_non_null(commit_tree(commit)->base);
	for (unsigned i = 0; i < 10; i++) { /* its history goes on without it */
		const struct commit *alone;
		struct workspace_person person = {"Ann", "ann@example.org", 1700000000, 60};
		struct workspace_change change = {.author = person, .committer = person, .message = "alone"};
		commit = world_made(agent, commit, 100 + i);
		assert_int_equal(workspace_commit_make(agent, commit_tree(commit), NULL, 0, &change, &alone), 0);
		snprintf(ref, sizeof(ref), "refs/heads/%u", i % 5);
		world_set(agent, ref, alone);
	}
	workspace_end(agent);
	assert_int_equal(collect(&world, true).objects_after, 5 * 5);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(ref, sizeof(ref), "refs/heads/%u", i);
		check_branch(&world, ref, 105 + i, 1, 8);
		grow(&world, ref, 1000 * i, 100, 8); /* and others are built on it */
	}
	assert_int_equal(collect(&world, true).objects_after, 5 * 101 * 5);
	for (unsigned i = 0; i < 5; i++) {
		snprintf(ref, sizeof(ref), "refs/heads/%u", i);
		check_branch(&world, ref, 1000 * i, 100, 8);
	}
	world_close(&world);
}

static const struct tree *edited(struct workspace_agent *agent, const struct tree *base, const char *path, const char *text)
{
	struct workspace_edit edit = {.path = path, .mode = MODE_FILE, .data = {(const uint8_t *)text, (uint32_t)strlen(text)}};
	const struct tree *tree = NULL;

	assert_int_equal(workspace_tree_edit(agent, base, &edit, 1, &tree), 0);
	return tree;
}

static void test_what_a_version_has_from_those_before_stays(void **state)
{
	struct workspace_person person = {"Ann", "ann@example.org", 1700000000, 60};
	struct workspace_change change = {.author = person, .committer = person, .message = "x"};
	const struct commit *commit;
	struct workspace_file file;
	struct world world;

	(void)state;
	world_open(&world, 1, 0, false);
	struct workspace_agent *agent = world.agents[0];
	workspace_begin(agent);
	const struct tree *tree = edited(agent, edited(agent, NULL, "old/deep", "from the first"), "new", "0");
	tree = edited(agent, edited(agent, tree, "new", "1"), "new", "2");
	assert_non_null(tree->base);
	assert_int_equal(workspace_commit_make(agent, tree, NULL, 0, &change, &commit), 0);
	world_set(agent, "refs/heads/main", commit);
	workspace_end(agent);
	assert_int_equal(collect(&world, true).objects_after, 5);
	assert_int_equal(workspace_read(agent, tree, "old/deep", &file), 0);
	assert_memory_equal(file.data.at, "from the first", 14);
	world_close(&world);
}

/* But if many were built on one, that costs less than all of them whole. */
static void test_a_version_that_many_build_on_stays(void **state)
{
	struct world world;
	const struct tree *trees[6];
	char ref[32];

	(void)state;
	world_open(&world, 1, 0, false);
	struct workspace_agent *agent = world.agents[0];
	workspace_begin(agent);
	const struct commit *first = world_made(agent, NULL, 0), *base = world_made(agent, first, 1);
	const struct tree *base_tree = commit_tree(base);
	for (unsigned i = 0; i < 6; i++) {
		struct workspace_person person = {"Ann", "ann@example.org", 1700000000, 60};
		struct workspace_change change = {.author = person, .committer = person, .message = "one of many"};
		const struct commit *commit;
		trees[i] = commit_tree(world_made(agent, base, 2 + i));
		assert_ptr_equal(trees[i]->base, base_tree);
		assert_int_equal(workspace_commit_make(agent, trees[i], NULL, 0, &change, &commit), 0);
		snprintf(ref, sizeof(ref), "refs/heads/%u", i);
		world_set(agent, ref, commit);
	}
	workspace_end(agent);
	collect(&world, true);
	for (unsigned i = 0; i < 6; i++) {
		assert_ptr_equal(trees[i]->base, base_tree);
		snprintf(ref, sizeof(ref), "refs/heads/%u", i);
		check_branch(&world, ref, 2 + i, 1, 8);
	}
	assert_null(base_tree->base); /* and what that was built on goes */
	world_close(&world);
}

static void test_an_object_stays_until_the_second_collection(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, 1, 0, false);
	struct workspace_agent *agent = world.agents[0];
	struct oid old = *commit_id(world_made(agent, NULL, 1));
	assert_int_equal(collect(&world, false).objects_after, 5);
	assert_true(has_object(&world, &old)); /* and this counts as found again */
	struct oid young = *commit_id(world_made(agent, NULL, 2));
	collect(&world, false);
	assert_true(has_object(&world, &old));
	assert_true(has_object(&world, &young));
	collect(&world, false);
	collect(&world, false);
	assert_false(has_object(&world, &old));
	assert_false(has_object(&world, &young));
	struct oid now = *commit_id(world_made(agent, NULL, 3));
	assert_int_equal(collect(&world, true).objects_after, 0);
	assert_false(has_object(&world, &now));
	world_close(&world);
}

static void test_what_is_made_again_stays_again(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, 1, 0, false);
	struct workspace_agent *agent = world.agents[0];
	for (unsigned i = 0; i < 5; i++) {
		(void)world_made(agent, NULL, 1);
		assert_int_equal(collect(&world, false).objects_after, 5);
	}
	world_close(&world);
}

static void test_tags_trees_links_and_shallow_parents_are_kept_and_dropped(void **state)
{
	static const char tag[] = "object %s\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nx\n";
	static const char shallow[] = "tree %s\nparent 1111111111111111111111111111111111111111\nauthor A <a@b> 1 +0000\n"
				      "committer A <a@b> 1 +0000\n\nx\n";
	struct world world;
	struct oid link = {{7}};
	struct workspace_edit edit = {.path = "module", .mode = MODE_SUBMODULE, .id = &link};
	const struct tree *tree;
	const struct object *commit, *tagged;
	char hex[OID_HEX_BYTES], text[300];

	(void)state;
	world_open(&world, 1, 0, false);
	struct workspace_agent *agent = world.agents[0];
	workspace_begin(agent);
	assert_int_equal(workspace_tree_edit(agent, NULL, &edit, 1, &tree), 0);
	oid_print(tree_id(tree), hex);
	int bytes = snprintf(text, sizeof(text), shallow, hex);
	assert_int_equal(object_make(agent, JUDGE_STRICT, OBJECT_COMMIT, (struct bytes){(uint8_t *)text, (uint32_t)bytes}, NULL,
				     NULL, true, &commit),
			 0);
	oid_print(&commit->id, hex);
	bytes = snprintf(text, sizeof(text), tag, hex);
	assert_int_equal(object_make(agent, JUDGE_STRICT, OBJECT_TAG, (struct bytes){(uint8_t *)text, (uint32_t)bytes}, NULL,
				     NULL, false, &tagged),
			 0);
	struct ref_update update = {"refs/tags/v1", NULL, tagged, false};
	assert_int_equal(workspace_refs_update(agent, &update, 1), 0);
	workspace_end(agent);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(collect(&world, true).objects_after, 3);
	assert_int_equal(object_as_commit(commit)->parents[0]->id.bytes[0], 0x11);
	assert_ptr_equal(object_as_commit(commit)->tree, tree);
	assert_int_equal(tree_child(tree, 0)->id.bytes[0], 7);
	world_set(agent, "refs/tags/v1", NULL);
	assert_int_equal(collect(&world, true).objects_after, 0);
	assert_null(atomic_load(&world.workspace->asides.ids));
	assert_null(atomic_load(&world.workspace->asides.shapes));
	world_close(&world);
}

static void test_garbage_is_not_collected_within_a_bracket(void **state)
{
	struct world world;
	struct workspace_gc_result result;

	(void)state;
	world_open(&world, 1, 0, false);
	workspace_begin(world.agents[0]);
	assert_int_equal(workspace_gc(world.agents[0], true, &result), ERR_STATE);
	assert_true(strlen(workspace_sentence(world.agents[0])) > 20);
	workspace_end(world.agents[0]);
	collect(&world, true);
	world_close(&world);
}

static void test_who_works_long_holds_the_collector_off(void **state)
{
	struct workspace_gc_result result;
	struct world world;

	(void)state;
	world_open(&world, 2, 0, false);
	bool first = hold_begin(world.agents[0]), second = hold_begin(world.agents[1]); /* any number at once */
	assert_true(first && second);
	assert_false(hold_begin(world.agents[0]));
	assert_int_equal(workspace_gc(world.agents[0], true, &result), ERR_STATE);
	assert_non_null(strstr(workspace_sentence(world.agents[0]), "garbage cannot be collected"));
	hold_end(world.agents[0], first);
	hold_end(world.agents[1], second);
	workspace_begin(world.agents[0]);
	bool within = hold_begin(world.agents[0]);
	assert_false(within);
	hold_end(world.agents[0], within);
	workspace_end(world.agents[0]);
	collect(&world, true);
	world_close(&world);
}

static void test_names_of_deleted_refs_go_too(void **state)
{
	struct world world;
	char ref[40];

	(void)state;
	world_open(&world, 1, 0, false);
	struct workspace_agent *agent = world.agents[0];
	const struct commit *commit = world_made(agent, NULL, 1);
	workspace_begin(agent);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(ref, sizeof(ref), "refs/bunshin/%u/%u", i / 10, i);
		world_set(agent, ref, commit);
		if (i % 6000 != 3000)
			world_set(agent, ref, NULL);
	}
	assert_non_null(ref_find(agent, "refs/bunshin/5/51"));
	workspace_end(agent);
	uint64_t before = figures_of(&world).memory_bytes;
	collect(&world, false);
	assert_true(figures_of(&world).memory_bytes < before - 2 * MIB);
	assert_int_equal(figures_of(&world).ref_count, 3);
	workspace_begin(agent);
	assert_null(ref_find(agent, "refs/bunshin/5/51"));
	assert_null(ref_find(agent, "refs/bunshin/5"));
	assert_non_null(world_at(agent, "refs/bunshin/300/3000"));
	assert_int_equal(world_move(agent, "refs/bunshin/300", NULL, world_at(agent, "refs/bunshin/300/3000")), ERR_STATE);
	assert_int_equal(world_move(agent, "refs/bunshin/5", NULL, world_at(agent, "refs/bunshin/300/3000")), 0);
	workspace_end(agent);
	world_close(&world);
}

/* ---- the journal ---- */

struct listing {
	char text[20000];
};

static int list(void *context, const char *ref, const struct object *object, uint64_t version)
{
	struct listing *listing = context;
	size_t bytes = strlen(listing->text);
	char hex[OID_HEX_BYTES];

	oid_print(&object->id, hex);
	snprintf(listing->text + bytes, sizeof(listing->text) - bytes, "%s %s %llu\n", ref, hex, (unsigned long long)version);
	return 0;
}

static void list_all(struct world *world, struct listing *listing)
{
	listing->text[0] = 0;
	assert_int_equal(workspace_refs_each(world->agents[0], NULL, list, listing), 0);
	assert_int_equal(workspace_head_get(world->agents[0], listing->text + strlen(listing->text)), 0);
}

static void check_reopened(struct world *world)
{
	struct listing before, after;

	list_all(world, &before);
	world_reopen(world);
	list_all(world, &after);
	assert_string_equal(before.text, after.text);
}

static void test_refs_are_where_they_were_when_it_is_opened_again(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, 1, 0, true);
	grow(&world, "refs/heads/a", 0, 50, 100);
	grow(&world, "refs/heads/b", 100, 50, 100);
	world_set(world.agents[0], "refs/heads/gone", world_made(world.agents[0], NULL, 3));
	world_set(world.agents[0], "refs/heads/gone", NULL);
	assert_int_equal(workspace_head_set(world.agents[0], "refs/heads/a"), 0);
	assert_int_equal(workspace_head_set(world.agents[0], "refs/heads/b"), 0);
	check_reopened(&world);
	check_branch(&world, "refs/heads/a", 0, 50, 100);
	check_branch(&world, "refs/heads/b", 100, 50, 100);
	assert_null(world_at(world.agents[0], "refs/heads/gone"));
	assert_int_equal(figures_of(&world).ref_count, 2);
	grow(&world, "refs/heads/a", 50, 50, 100);
	check_reopened(&world);
	check_branch(&world, "refs/heads/a", 0, 100, 100);
	world_close(&world);
}

static void test_a_ref_that_is_made_again_goes_on_with_its_version(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, 1, 0, true);
	struct workspace_agent *agent = world.agents[0];
	for (unsigned i = 0; i < 3; i++) {
		world_set(agent, "refs/heads/again", world_made(agent, NULL, i));
		world_set(agent, "refs/heads/again", NULL);
		collect(&world, true); /* the journal is too short to be written anew, so the ref is remembered */
	}
	check_reopened(&world);
	world_set(world.agents[0], "refs/heads/again", world_made(world.agents[0], NULL, 9));
	check_reopened(&world);
	workspace_begin(world.agents[0]);
	assert_int_equal(ref_value_of(ref_find(world.agents[0], "refs/heads/again"))->version, 7);
	assert_int_equal(world_number(world.agents[0], world_at(world.agents[0], "refs/heads/again")), 9);
	workspace_end(world.agents[0]);
	world_close(&world);
}

static void test_the_journal_is_written_anew_when_most_of_it_is_dead(void **state)
{
	struct world world;

	(void)state;
	world_open(&world, 1, 0, true);
	grow(&world, "refs/heads/stays", 0, 200, 10000);
	grow(&world, "refs/heads/goes", 1000, 1500, 10000);
	assert_int_equal(workspace_head_set(world.agents[0], "refs/heads/stays"), 0);
	world_set(world.agents[0], "refs/heads/goes", NULL);
	struct oid young = *commit_id(world_made(world.agents[0], NULL, 77777));
	struct workspace_gc_result result = collect(&world, false);
	result = collect(&world, false);
	assert_true(result.journal_before > 15 * MIB);
	assert_true(result.journal_after < 6 * MIB);
	assert_int_equal(result.journal_after, figures_of(&world).journal_bytes);
	assert_false(has_object(&world, &young));
	check_reopened(&world);
	check_branch(&world, "refs/heads/stays", 0, 200, 10000);
	assert_int_equal(figures_of(&world).object_count, 200 * 5);
	grow(&world, "refs/heads/stays", 200, 20, 10000);
	check_reopened(&world);
	check_branch(&world, "refs/heads/stays", 0, 220, 10000);
	world_close(&world);
}

static void test_a_history_takes_no_more_memory_after_it_was_read_back(void **state)
{
	struct world world;
	char path[32];
	struct workspace_person person = {"Ann", "ann@example.org", 1700000000, 60};
	const struct commit *commit = NULL;

	(void)state;
	world_open(&world, 1, 0, true);
	struct workspace_agent *agent = world.agents[0];
	for (unsigned i = 0; i < 2000; i++) { /* first a wide folder, then versions of it */
		struct workspace_edit edit = {.path = path, .mode = MODE_FILE, .data = {(const uint8_t *)&i, sizeof(i)}};
		struct workspace_change change = {&edit, 1, person, person, "x"};
		snprintf(path, sizeof(path), "wide/%u", i < 200 ? i : i * 7 % 200);
		assert_int_equal(workspace_commit(agent, "refs/heads/main", commit, &change, &commit), 0);
		if (i == 199)
			collect(&world, true);
	}
	uint64_t before = figures_of(&world).memory_bytes;
	check_reopened(&world);
	assert_true(figures_of(&world).memory_bytes <= before + 2 * MIB);
	world_close(&world);
}

static void test_a_journal_with_more_than_the_cap_can_be_opened(void **state)
{
	const struct commit *commit;
	struct world world;

	(void)state;
	world_open(&world, 1, 256 * MIB, true);
	grow(&world, "refs/heads/stays", 0, 50, 100000);
	for (unsigned i = 0; i < 5; i++) {
		grow(&world, "refs/heads/goes", 1000, 50, 100000);
		world_set(world.agents[0], "refs/heads/goes", NULL);
	}
	world.workspace->options.memory_max_bytes = 8 * MIB;
	world_reopen(&world);
	assert_true(figures_of(&world).memory_bytes <= 8 * MIB);
	check_branch(&world, "refs/heads/stays", 0, 50, 100000);
	world.workspace->options.memory_max_bytes =
		4 * MIB; /* and if even what stays is too much, it is there to be looked at and deleted */
	world_reopen(&world);
	check_branch(&world, "refs/heads/stays", 0, 50, 100000);
	workspace_begin(world.agents[0]);
	assert_int_equal(world_commit(world.agents[0], NULL, 1, 3000000, &commit), ERR_FULL);
	workspace_end(world.agents[0]);
	world_set(world.agents[0], "refs/heads/stays", NULL);
	collect(&world, true);
	grow(&world, "refs/heads/new", 0, 20, 100000);
	world_close(&world);
}

/* It was made, and nobody ever published it. */
static void test_what_is_collected_is_not_written_to_the_journal(void **state)
{
	static const uint8_t bytes[3000] = {1};
	const struct blob *old, *young;
	struct world world;

	(void)state;
	world_open(&world, 1, 0, true);
	struct workspace_agent *agent = world.agents[0];
	workspace_begin(agent);
	assert_int_equal(blob_make(agent, (struct bytes){bytes, 3000}, &old), 0);
	workspace_end(agent);
	assert_int_equal(collect(&world, false).objects_after, 1);
	workspace_begin(agent);
	assert_int_equal(blob_make(agent, (struct bytes){bytes, 2000}, &young), 0);
	workspace_end(agent);
	assert_int_equal(collect(&world, false).objects_after, 1);
	grow(&world, "refs/heads/main", 0, 10, 100); /* this publishes what is left */
	assert_true(atomic_load(&young->object.flags) & FLAG_JOURNALED);
	check_reopened(&world);
	check_branch(&world, "refs/heads/main", 0, 10, 100);
	assert_int_equal(figures_of(&world).object_count, 10 * 5 + 1);
	world_close(&world);
}

/* Two agents in turn, each with a segment of the journal: what the one wrote names what the other wrote. */
static void test_objects_are_read_back_in_whatever_order_they_come(void **state)
{
	struct world world;
	const struct commit *commit = NULL;

	(void)state;
	world_open(&world, 4, 0, true);
	for (unsigned i = 0; i < 2000; i++) {
		struct workspace_agent *agent = world.agents[i * 7 % 4];
		workspace_begin(agent);
		assert_int_equal(world_commit(agent, world_at(agent, "refs/heads/main"), i, 100, &commit), 0);
		world_set(agent, "refs/heads/main", commit);
		workspace_end(agent);
	}
	check_reopened(&world);
	check_branch(&world, "refs/heads/main", 0, 2000, 100);
	world_close(&world);
}

static void test_a_shallow_history_is_shallow_when_it_is_opened_again(void **state)
{
	static const char shallow[] =
		"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent 1111111111111111111111111111111111111111\n"
		"author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nx\n";
	struct world world;
	const struct tree *tree;
	const struct object *object;

	(void)state;
	world_open(&world, 1, 0, true);
	struct workspace_agent *agent = world.agents[0];
	workspace_begin(agent);
	assert_int_equal(tree_make(agent, NULL, NULL, 0, &tree), 0);
	struct bytes raw = {(const uint8_t *)shallow, sizeof(shallow) - 1};
	assert_int_equal(object_make(agent, JUDGE_STRICT, OBJECT_COMMIT, raw, NULL, NULL, true, &object), 0);
	world_set(agent, "refs/heads/main", object_as_commit(object));
	workspace_end(agent);
	check_reopened(&world);
	workspace_begin(world.agents[0]);
	const struct commit *commit = world_at(world.agents[0], "refs/heads/main");
	assert_int_equal(commit_parent_count(commit), 1);
	assert_null(commit_parent(commit, 0));
	workspace_end(world.agents[0]);
	world_close(&world);
}

static void test_a_second_process_is_told_that_the_workspace_is_taken(void **state)
{
	struct world world;
	int status;

	(void)state;
	world_open(&world, 1, 0, true);
	pid_t child = fork();
	if (!child) {
		struct workspace_options options = {.journal = world.folder, .durability = DURABLE_PROCESS};
		char sentence[WORKSPACE_SENTENCE_BYTES];
		struct workspace *other;
		int rc = workspace_open(&options, &other, sentence);
		_exit(rc == ERR_LOCKED && strlen(sentence) > 10 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_branch_that_is_deleted_gives_its_memory_back),
		cmocka_unit_test(test_memory_goes_down_when_most_of_it_is_dead_however_it_lies),
		cmocka_unit_test(test_a_version_does_not_keep_those_it_was_built_on),
		cmocka_unit_test(test_what_a_version_has_from_those_before_stays),
		cmocka_unit_test(test_a_version_that_many_build_on_stays),
		cmocka_unit_test(test_an_object_stays_until_the_second_collection),
		cmocka_unit_test(test_what_is_made_again_stays_again),
		cmocka_unit_test(test_tags_trees_links_and_shallow_parents_are_kept_and_dropped),
		cmocka_unit_test(test_garbage_is_not_collected_within_a_bracket),
		cmocka_unit_test(test_who_works_long_holds_the_collector_off),
		cmocka_unit_test(test_names_of_deleted_refs_go_too),
		cmocka_unit_test(test_refs_are_where_they_were_when_it_is_opened_again),
		cmocka_unit_test(test_a_ref_that_is_made_again_goes_on_with_its_version),
		cmocka_unit_test(test_the_journal_is_written_anew_when_most_of_it_is_dead),
		cmocka_unit_test(test_a_history_takes_no_more_memory_after_it_was_read_back),
		cmocka_unit_test(test_a_journal_with_more_than_the_cap_can_be_opened),
		cmocka_unit_test(test_what_is_collected_is_not_written_to_the_journal),
		cmocka_unit_test(test_objects_are_read_back_in_whatever_order_they_come),
		cmocka_unit_test(test_a_shallow_history_is_shallow_when_it_is_opened_again),
		cmocka_unit_test(test_a_second_process_is_told_that_the_workspace_is_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
