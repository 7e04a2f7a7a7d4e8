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

/* ---- trees that come in from elsewhere ---- */

/* What is in `from`, in the other store, made there beside a tree that it resembles. */
static const struct tree *copy_tree(struct workspace_agent *there, const struct tree *from, const struct tree *like)
{
	const struct object *made;
	struct tree_view view, like_view = {NULL, NULL, NULL};
	struct bytes raw;

	assert_int_equal(tree_view(store.agent, from, &view), 0);
	assert_int_equal(like ? tree_view(there, like, &like_view) : 0, 0);
	for (uint32_t i = 0; i < view.shape->count; i++) {
		struct tree_entry entry;
		uint32_t index;
		tree_view_entry(&view, i, &entry);
		bool is_there = like && tree_view_find(&like_view, entry.name, entry.name_bytes, &index);
		if (entry.mode == MODE_FOLDER) {
			copy_tree(there, object_as_tree(entry.child),
				  is_there ? object_as_tree(like_view.children[index]) : NULL);
		} else {
			const struct blob *blob;
			assert_int_equal(blob_make(there, blob_bytes(object_as_blob(entry.child)), &blob), 0);
		}
	}
	assert_int_equal(object_raw(store.agent, &from->object, &raw), 0);
	assert_int_equal(object_make(there, JUDGE_STRICT, OBJECT_TREE, raw, &from->object.id, like, false, &made), 0);
	return object_as_tree(made);
}

static const struct tree *change(const struct tree *base, uint64_t *random)
{
	static const char *const names[] = {"a", "a.b", "a-", "b", "c"};
	char path[32], text[16];
	const struct tree *tree;

	for (;;) {
		snprintf(path, sizeof(path), "%s/%s", names[random_below(random, 5)], names[random_below(random, 5)]);
		if (random_below(random, 3) == 0)
			*strchr(path, '/') = 0;
		snprintf(text, sizeof(text), "%u", random_below(random, 50));
		struct workspace_edit edit = {path, random_below(random, 4) ? MODE_FILE : MODE_NONE, text_of(text), NULL};
		if (workspace_tree_edit(store.agent, base, &edit, 1, &tree) == 0)
			return tree;
	}
}

static void test_a_tree_that_comes_in_beside_a_similar_one_is_made_of_its_own_children(void **unused)
{
	struct store first = store, second;
	const struct tree *tree = NULL, *like = NULL;
	uint64_t random = 7;

	(void)unused;
	store_open(&second, NULL);
	workspace_begin(first.agent);
	workspace_begin(second.agent);
	for (unsigned i = 0; i < 400; i++) {
		store = first;
		tree = change(tree, &random);
		like = copy_tree(second.agent, tree, like);
		store = second;
		check_tree(like);
	}
	workspace_end(second.agent);
	workspace_end(first.agent);
	store_close(&second);
	store = first;
}

static void test_what_is_there_already_takes_no_memory(void **unused)
{
	struct workspace_figures before, after;
	static uint8_t data[2048];
	const struct blob *blob, *first;
	const struct tree *one = edit(NULL, 1, 1), *two = edit(one, 1, 2);

	(void)unused;
	workspace_begin(store.agent);
	assert_int_equal(blob_make(store.agent, (struct bytes){data, sizeof(data)}, &first), 0);
	workspace_measure(store.workspace, &before);
	for (unsigned i = 0; i < 20000; i++) {
		assert_int_equal(blob_make(store.agent, (struct bytes){data, sizeof(data)}, &blob), 0);
		assert_ptr_equal(blob, first);
		assert_ptr_equal(edit(one, 1, 2), two);
		assert_ptr_equal(edit(NULL, 1, 1), one);
	}
	workspace_measure(store.workspace, &after);
	assert_int_equal(after.memory_bytes, before.memory_bytes);
	assert_int_equal(after.object_count, before.object_count);
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
	assert_int_equal(object_make(store.agent, JUDGE_STRICT, OBJECT_TREE, (struct bytes){raw, sizeof(raw) - 1}, NULL, NULL,
				     false, &odd),
			 0);
	check_tree(object_as_tree(odd));

	struct workspace_edit same = {"a", MODE_FILE, text_of("old"), NULL}, new = {"a", MODE_FILE, text_of("new"), NULL};
	assert_int_equal(workspace_tree_edit(store.agent, object_as_tree(odd), &same, 1, &next), 0);
	assert_ptr_equal(&next->object, odd);
	assert_int_equal(workspace_tree_edit(store.agent, object_as_tree(odd), &new, 1, &next), 0);
	check_tree(next);
	assert_int_equal(tree_view(store.agent, next, &view), 0);
	assert_memory_equal(view.raw, "100644 a", 9);
	assert_memory_equal(view.raw + 29, "40000 b", 8);

	struct workspace_edit more = {"c", MODE_FILE, text_of("more"), NULL};
	assert_int_equal(workspace_tree_edit(store.agent, object_as_tree(odd), &more, 1, &next), 0);
	assert_int_equal(tree_view(store.agent, next, &view), 0);
	assert_memory_equal(view.raw, "100644 a", 9);
	assert_memory_equal(view.raw + 29, "40000 b", 8);
	workspace_end(store.agent);
}

static void test_entries_are_found_by_their_whole_names_only(void **unused)
{
	static const char *const names[] = {"a", "a-", "a.b", "ab", "b", "f"};
	struct tree_entry entries[6], found;
	struct tree_view view;
	const struct tree *inner = edit(NULL, 1, 1), *tree;
	uint32_t index;

	(void)unused;
	workspace_begin(store.agent);
	for (uint32_t i = 0; i < 6; i++)
		entries[i] = (struct tree_entry){names[i], (uint32_t)strlen(names[i]), i == 5 ? MODE_FOLDER : MODE_FILE,
						 &inner->object};
	for (uint32_t i = 0; i < 5; i++)
		entries[i].child = tree_child(inner, 0);
	assert_int_equal(tree_make(store.agent, NULL, entries, 6, &tree), 0);
	assert_int_equal(tree_view(store.agent, tree, &view), 0);
	for (uint32_t i = 0; i < 6; i++) {
		assert_true(tree_view_find(&view, names[i], strlen(names[i]), &index) && index == i);
		tree_view_entry(&view, i, &found);
		assert_true(found.mode == entries[i].mode && found.child == entries[i].child);
	}
	static const char *const absent[] = {"", "f/", "f/x", "a/", "A", "a.", "a.bc", "c", "~"};
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_false(tree_view_find(&view, absent[i], strlen(absent[i]), &index));
	assert_false(tree_view_find(&view, "a\0b", 3, &index));
	workspace_end(store.agent);
}

static void test_a_list_of_entries_that_is_no_tree_is_refused(void **unused)
{
	const struct tree *inner = edit(NULL, 1, 1), *tree;
	const struct object *blob = tree_child(inner, 0), *folder = &inner->object;
	const struct tree_entry lists[][3] = {
		{{"b", 1, MODE_FILE, blob}, {"a", 1, MODE_FILE, blob}, {"c", 1, MODE_FILE, blob}},
		{{"a", 1, MODE_FILE, blob}, {"b", 1, MODE_FILE, blob}, {"b", 1, MODE_EXECUTABLE, blob}},
		{{"a", 1, MODE_FILE, blob}, {"a.b", 3, MODE_FILE, blob}, {"a", 1, MODE_FOLDER, folder}},
		{{"a", 1, MODE_FOLDER, folder}, {"a.b", 3, MODE_FILE, blob}, {"b", 1, MODE_FILE, blob}},
		{{"a", 1, MODE_FILE, folder}, {"b", 1, MODE_FILE, blob}, {"c", 1, MODE_FILE, blob}},
		{{".git", 4, MODE_FOLDER, folder}, {"b", 1, MODE_FILE, blob}, {"c", 1, MODE_FILE, blob}},
		{{"a", 1, MODE_FILE, blob}, {"b", 1, MODE_FOLDER, blob}, {"c", 1, MODE_FILE, blob}},
		{{"a", 1, 0100600, blob}, {"b", 1, MODE_FILE, blob}, {"c", 1, MODE_FILE, blob}},
		{{"a", 1, MODE_NONE, blob}, {"b", 1, MODE_FILE, blob}, {"c", 1, MODE_FILE, blob}},
	};

	(void)unused;
	workspace_begin(store.agent);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		assert_int_equal(tree_make(store.agent, inner, lists[i], 3, &tree), ERR_MALFORMED);
	struct tree_patch patch = {0, folder};
	assert_int_equal(tree_patch(store.agent, inner, &patch, 1, &tree), ERR_MALFORMED);
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
		cmocka_unit_test_setup_teardown(test_entries_are_found_by_their_whole_names_only, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_a_list_of_entries_that_is_no_tree_is_refused, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_a_tree_that_comes_in_beside_a_similar_one_is_made_of_its_own_children,
						open_all, close_all),
		cmocka_unit_test_setup_teardown(test_what_is_there_already_takes_no_memory, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_a_strange_mode_is_kept_until_the_folder_changes, open_all, close_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
