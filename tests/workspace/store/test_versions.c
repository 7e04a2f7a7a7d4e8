/* SPDX-License-Identifier: MIT
 *
 * Versions of trees: long chains of them, images that are dropped and made again, and how much memory that takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/workspace/store/store_case.h"
#include "workspace/sha1.h"

#define VERSIONS 500u
#define WIDTH    40u

static struct store store;

static int open_all(void **unused)
{
	(void)unused;
	store_open(&store, NULL);
	return 0;
}

static int close_all(void **unused)
{
	(void)unused;
	store_close(&store);
	return 0;
}

static void check_id(const struct object *object)
{
	char header[32];
	uint8_t hash[SHA1_BYTES];
	struct bytes raw;

	assert_int_equal(object_raw(store.agent, object, &raw), 0);
	int bytes = snprintf(header, sizeof(header), "tree %u", raw.bytes) + 1;
	struct sha1_span spans[] = {{header, (size_t)bytes}, {raw.at, raw.bytes}};
	sha1_of(spans, 2, hash);
	assert_memory_equal(hash, object_id(object)->bytes, OID_BYTES);
}

/* Its image, its single children and its bytes say the same. */
static void check_tree(const struct tree *tree)
{
	struct tree_view view;

	for (uint32_t i = 0; i < tree->shape->count; i++)
		assert_non_null(tree_child(tree, i));
	assert_int_equal(tree_view(store.agent, tree, &view), 0);
	for (uint32_t i = 0; i < view.shape->count; i++) {
		assert_ptr_equal(tree_child(tree, i), view.children[i]);
		assert_memory_equal(view.raw + view.shape->id_at[i], object_id(view.children[i])->bytes, OID_BYTES);
	}
	check_id(&tree->object);
}

static const struct tree *edit(const struct tree *base, unsigned file, unsigned version)
{
	char path[32], text[32];
	const struct tree *tree;

	snprintf(path, sizeof(path), "file-%u", file);
	snprintf(text, sizeof(text), "%u\n", version);
	struct workspace_edit edit = {path, MODE_FILE, text_of(text), NULL};
	assert_int_equal(workspace_tree_edit(store.agent, base, &edit, 1, &tree), 0);
	return tree;
}

static void make_chain(const struct tree *versions[VERSIONS])
{
	uint64_t random = 99;

	versions[0] = NULL;
	for (unsigned i = 0; i < WIDTH; i++)
		versions[0] = edit(versions[0], i, 0);
	for (unsigned i = 1; i < VERSIONS; i++)
		versions[i] = edit(versions[i - 1], random_below(&random, WIDTH), i);
}

static void test_every_version_of_a_long_chain_is_what_it_was(void **unused)
{
	const struct tree *versions[VERSIONS];
	unsigned whole = 0;

	(void)unused;
	workspace_begin(store.agent);
	make_chain(versions);
	for (unsigned i = 0; i < VERSIONS; i++) {
		whole += !versions[i]->base;
		assert_true(versions[i]->distance < TREE_DISTANCE_MAX);
		assert_ptr_equal(versions[i]->shape, versions[0]->shape);
		check_tree(versions[i]);
	}
	assert_in_range(whole, VERSIONS / TREE_DISTANCE_MAX, VERSIONS / TREE_DISTANCE_MAX + 2);
	workspace_end(store.agent);
}

static void test_only_the_newest_version_and_whole_ones_keep_an_image(void **unused)
{
	const struct tree *versions[VERSIONS];

	(void)unused;
	workspace_begin(store.agent);
	make_chain(versions);
	for (unsigned i = 0; i < VERSIONS; i++)
		assert_int_equal(atomic_load(&versions[i]->image) != NULL, i == VERSIONS - 1 || !versions[i]->base);
	workspace_end(store.agent);
}

static void test_a_dropped_image_is_made_again(void **unused)
{
	const struct tree *versions[VERSIONS];

	(void)unused;
	workspace_begin(store.agent);
	make_chain(versions);
	for (unsigned i = 0; i < VERSIONS; i++) {
		assert_int_equal(tree_image_drop(store.agent, versions[i]) != 0, i == VERSIONS - 1 && versions[i]->base);
		check_tree(versions[i]);
		assert_int_equal(tree_image_drop(store.agent, versions[i]) != 0, versions[i]->base != NULL);
		check_tree(versions[i]);
	}
	workspace_end(store.agent);
}

/* A look at all of a history is no reason to keep all of it in memory twice. */
static void test_looking_at_many_versions_keeps_only_some_of_their_images(void **unused)
{
	const struct tree *versions[VERSIONS];
	struct tree_view view;
	unsigned images = 0;

	(void)unused;
	workspace_begin(store.agent);
	make_chain(versions);
	for (unsigned i = 0; i < VERSIONS; i++)
		assert_int_equal(tree_view(store.agent, versions[i], &view), 0);
	for (unsigned i = 0; i < VERSIONS; i++)
		images += atomic_load(&versions[i]->image) != NULL;
	assert_true(images <= LENT_MAX + VERSIONS / TREE_DISTANCE_MAX + 2);
	workspace_end(store.agent);
}

static void test_an_edit_of_an_old_version_begins_a_branch(void **unused)
{
	const struct tree *versions[VERSIONS];

	(void)unused;
	workspace_begin(store.agent);
	make_chain(versions);
	for (unsigned i = 0; i < VERSIONS; i += 7) {
		const struct tree *tree = edit(versions[i], 3, 100000 + i);
		check_tree(tree);
		check_tree(versions[i]);
		assert_ptr_equal(edit(tree, 3, 100000 + i), tree); /* nothing changes */
	}
	workspace_end(store.agent);
}

static void test_a_tree_that_was_there_before_is_that_tree(void **unused)
{
	(void)unused;
	workspace_begin(store.agent);
	const struct tree *one = edit(edit(NULL, 1, 1), 2, 1), *two = edit(edit(one, 1, 2), 2, 2);
	assert_ptr_equal(edit(edit(two, 2, 1), 1, 1), one);
	assert_ptr_equal(edit(edit(NULL, 2, 2), 1, 2), two);
	workspace_end(store.agent);
}

/* ---- commits, whose objects are put in all at once ---- */

static int commit_on(const char *ref, const struct commit *parent, const char *path, struct bytes data,
		     const struct commit **out_commit)
{
	struct workspace_edit edit = {path, MODE_FILE, data, NULL};
	struct workspace_person person = {"a", "b", 1, 0};
	struct workspace_change change = {&edit, 1, person, person, "m"};

	return workspace_commit(store.agent, ref, parent, &change, out_commit);
}

static const struct object *child_of(const struct commit *commit, const char *path)
{
	struct workspace_file file;

	assert_int_equal(workspace_read(store.agent, commit->tree, path, &file), 0);
	return object_find(store.agent, &file.id);
}

static void test_a_commit_names_the_objects_that_were_there_before(void **unused)
{
	const struct commit *one, *two, *again, *other;

	(void)unused;
	workspace_begin(store.agent);
	assert_int_equal(commit_on("refs/heads/a", NULL, "x/y/z", text_of("1"), &one), 0);
	assert_int_equal(commit_on("refs/heads/a", one, "x/y/z", text_of("2"), &two), 0);
	assert_int_equal(commit_on("refs/heads/a", two, "x/y/z", text_of("1"), &again), 0);
	assert_ptr_equal(again->tree, one->tree);
	assert_ptr_not_equal(again, one);
	assert_int_equal(commit_on("refs/heads/b", NULL, "x/y/z", text_of("1"), &other), 0);
	assert_ptr_equal(other, one);
	/* The file is there, its folders are not; then they name the one that is. */
	assert_int_equal(commit_on("refs/heads/b", other, "x/y/new", text_of("1"), &other), 0);
	assert_ptr_equal(child_of(other, "x/y/new"), child_of(one, "x/y/z"));
	assert_int_equal(commit_on("refs/heads/c", NULL, "y/z", text_of("2"), &other), 0);
	assert_ptr_equal(child_of(other, "y"), child_of(two, "x/y"));
	for (const struct tree *tree = other->tree; tree; tree = object_as_tree(tree_child(tree, 0)))
		check_tree(tree);
	workspace_end(store.agent);
}

static void test_nothing_is_half_done_when_the_memory_ends(void **unused)
{
	struct workspace_options options = {.durability = DURABLE_MEMORY, .memory_max_bytes = 48u << 20};
	const struct commit *tip = NULL;
	const struct object *at;
	uint8_t data[4096] = {0};
	unsigned count = 0;
	int rc;

	(void)unused;
	store_close(&store);
	store_open(&store, &options);
	for (; count < 100000; count++) {
		char path[32];
		snprintf(path, sizeof(path), "f-%u/f-%u", count % 10, count % 7);
		memcpy(data, &count, sizeof(count));
		workspace_begin(store.agent);
		rc = commit_on("refs/heads/a", tip, path, (struct bytes){data, sizeof(data)}, &tip);
		workspace_end(store.agent);
		if (rc)
			break;
	}
	assert_int_equal(rc, ERR_FULL);
	assert_in_range(count, 1000, 12000);
	workspace_begin(store.agent);
	assert_int_equal(workspace_ref_get(store.agent, "refs/heads/a", &at), 0);
	assert_ptr_equal(at, tip);
	assert_int_equal(tip->generation, count);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(commit_on("refs/heads/a", tip, "new", (struct bytes){data, sizeof(data)}, &tip), ERR_FULL);
	workspace_end(store.agent);
}

/* A tree whose modes are written as git once did stays as it is; what is made of it has today's. */
static void test_a_strange_mode_is_kept_until_the_folder_changes(void **unused)
{
	uint8_t raw[] = "100664 a\0xxxxxxxxxxxxxxxxxxxx"
			"40755 b\0yyyyyyyyyyyyyyyyyyyy";
	const struct blob *blob;
	const struct tree *folder, *next;
	const struct object *odd;
	struct tree_view view;

	(void)unused;
	workspace_begin(store.agent);
	assert_int_equal(blob_make(store.agent, text_of("old"), &blob), 0);
	folder = edit(NULL, 1, 1);
	memcpy(raw + 9, blob->object.id.bytes, OID_BYTES);
	memcpy(raw + 37, folder->object.id.bytes, OID_BYTES);
	assert_int_equal(object_make(store.agent, OBJECT_TREE, (struct bytes){raw, sizeof(raw) - 1}, NULL, NULL, false, &odd), 0);
	check_tree(object_as_tree(odd));

	struct workspace_edit same = {"a", MODE_FILE, text_of("old"), NULL}, new = {"a", MODE_FILE, text_of("new"), NULL};
	assert_int_equal(workspace_tree_edit(store.agent, object_as_tree(odd), &same, 1, &next), 0);
	assert_ptr_equal(&next->object, odd);
	assert_int_equal(workspace_tree_edit(store.agent, object_as_tree(odd), &new, 1, &next), 0);
	check_tree(next);
	assert_int_equal(tree_view(store.agent, next, &view), 0);
	assert_memory_equal(view.raw, "100644 a", 9);
	assert_memory_equal(view.raw + 29, "40000 b", 8);
	workspace_end(store.agent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_version_of_a_long_chain_is_what_it_was, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_only_the_newest_version_and_whole_ones_keep_an_image, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_a_dropped_image_is_made_again, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_looking_at_many_versions_keeps_only_some_of_their_images, open_all,
						close_all),
		cmocka_unit_test_setup_teardown(test_an_edit_of_an_old_version_begins_a_branch, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_a_tree_that_was_there_before_is_that_tree, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_a_commit_names_the_objects_that_were_there_before, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_nothing_is_half_done_when_the_memory_ends, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_a_strange_mode_is_kept_until_the_folder_changes, open_all, close_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
