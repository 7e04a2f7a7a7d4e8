/* SPDX-License-Identifier: MIT
 *
 * What a merge says, in cases that a person can follow; that the trees are git's is for test_merges.
 */
#include "cases.h"

#include "workspace/store/object.h"

#define TEN   "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"
#define FIRST "one\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"
#define LAST  "1\n2\n3\n4\n5\n6\n7\n8\n9\nten\n"

static void test_changes_in_different_places_of_a_file_become_one(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	place_open(&place, 0);
	const struct commit *base = commit_of(&place, NULL, FILES("f", TEN, "g", "g\n"));
	const struct commit *ours = commit_of(&place, base, FILES("f", FIRST, "g", "g\n"));
	const struct commit *theirs = commit_of(&place, base, FILES("*f", LAST, "g", "g\n", "new/h", "h\n"));
	merge(&place, ours, theirs, &result);
	assert_int_equal(result.conflict_count, 0);
	assert_null(result.memory);
	assert_file(&place, result.tree, "f", "one\n2\n3\n4\n5\n6\n7\n8\n9\nten\n");
	assert_file(&place, result.tree, "new/h", "h\n");
	struct workspace_file file;
	assert_int_equal(workspace_read(place.agent, result.tree, "f", &file), 0);
	assert_int_equal(file.mode, MODE_EXECUTABLE);
	merge_result_release(&result);
	place_close(&place);
}

static void test_the_same_lines_changed_are_a_conflict_with_its_places(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	place_open(&place, 0);
	const struct commit *base = commit_of(&place, NULL, FILES("f", TEN));
	const struct commit *ours = commit_of(&place, base, FILES("f", "0\n1\n2\n3\nfour\n5\n6\n7\n8\n9\n10\n"));
	const struct commit *theirs = commit_of(&place, base, FILES("f", "1\n2\n3\nvier\nund\n5\n6\n7\n8\n9\n10\n"));
	merge(&place, ours, theirs, &result);
	assert_int_equal(result.conflict_count, 1);
	assert_conflict(&result, "f", CONFLICT_CONTENT, "bot");
	assert_file(&place, result.tree, "f",
		    "0\n1\n2\n3\n<<<<<<< one\nfour\n=======\nvier\nund\n>>>>>>> two\n5\n6\n7\n8\n9\n10\n");
	const struct merge_conflict *conflict = conflict_at(&result, "f");
	assert_int_equal(conflict->place_count, 1);
	const struct conflict_place *at = conflict->places;
	assert_int_equal(at->base.line, 3);
	assert_int_equal(at->base.lines, 1);
	assert_int_equal(at->ours.line, 4);
	assert_int_equal(at->ours.at, 8);
	assert_int_equal(at->ours.bytes, 5);
	assert_int_equal(at->theirs.lines, 2);
	assert_int_equal(at->theirs.bytes, 9);
	assert_string_equal(conflict->theirs.path, "f");
	merge_result_release(&result);
	assert_int_equal(result.conflict_count, 0);
	place_close(&place);
}

static void test_a_renamed_file_gets_what_the_other_side_changed(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	place_open(&place, 0);
	const struct commit *base = commit_of(&place, NULL, FILES("old", TEN, "keep", "k\n"));
	const struct commit *ours = commit_of(&place, base, FILES("dir/new", FIRST, "keep", "k\n"));
	const struct commit *theirs = commit_of(&place, base, FILES("old", LAST, "keep", "k\n"));
	merge(&place, ours, theirs, &result);
	assert_int_equal(result.conflict_count, 0);
	assert_file(&place, result.tree, "dir/new", "one\n2\n3\n4\n5\n6\n7\n8\n9\nten\n");
	assert_nothing(&place, result.tree, "old");
	merge_result_release(&result);

	const struct merge_options options = {.ours_name = "one", .theirs_name = "two", .no_renames = true};
	assert_int_equal(workspace_merge(place.agent, ours, theirs, &options, &result), 0);
	assert_conflict(&result, "old", CONFLICT_MODIFY_DELETE, "bt");
	assert_file(&place, result.tree, "dir/new", FIRST);
	merge_result_release(&result);

	/* The label says which file is meant where the sides call it differently. */
	theirs = commit_of(&place, base, FILES("old", "eins\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "keep", "k\n"));
	merge(&place, ours, theirs, &result);
	assert_conflict(&result, "dir/new", CONFLICT_CONTENT, "bot");
	assert_string_equal(conflict_at(&result, "dir/new")->base.path, "old");
	assert_string_equal(conflict_at(&result, "dir/new")->ours.path, "dir/new");
	assert_file(&place, result.tree, "dir/new",
		    "<<<<<<< one:dir/new\none\n=======\neins\n>>>>>>> two:old\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
	merge_result_release(&result);
	place_close(&place);
}

static void test_renames_that_do_not_agree_are_conflicts_of_their_own_kinds(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	place_open(&place, 0);
	const struct commit *base = commit_of(&place, NULL, FILES("f", TEN, "keep", "k\n"));
	const struct commit *to_a = commit_of(&place, base, FILES("a", FIRST, "keep", "k\n"));
	const struct commit *to_b = commit_of(&place, base, FILES("b", LAST, "keep", "k\n"));
	const struct commit *removed = commit_of(&place, base, FILES("keep", "k\n"));
	const struct commit *added = commit_of(&place, base, FILES("f", LAST, "a", "something else\n", "keep", "k\n"));

	merge(&place, to_a, to_b, &result);
	assert_int_equal(result.conflict_count, 3);
	assert_conflict(&result, "a", CONFLICT_RENAME_RENAME, "o");
	assert_conflict(&result, "b", CONFLICT_RENAME_RENAME, "t");
	assert_conflict(&result, "f", CONFLICT_RENAME_RENAME, "b");
	assert_file(&place, result.tree, "b", "one\n2\n3\n4\n5\n6\n7\n8\n9\nten\n");
	merge_result_release(&result);

	merge(&place, to_a, removed, &result);
	assert_int_equal(result.conflict_count, 1);
	assert_conflict(&result, "a", CONFLICT_RENAME_DELETE, "bo");
	merge_result_release(&result);

	merge(&place, added, to_a, &result);
	assert_int_equal(result.conflict_count, 1);
	assert_conflict(&result, "a", CONFLICT_RENAME_ADD, "ot");
	assert_nothing(&place, result.tree, "f");
	merge_result_release(&result);
	place_close(&place);
}

static void test_a_file_put_into_a_folder_that_moved_is_asked_about(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	place_open(&place, 0);
	const struct commit *base = commit_of(&place, NULL, FILES("old/a", TEN, "old/b", FIRST, "old/c", LAST));
	const struct commit *ours = commit_of(&place, base, FILES("new/a", TEN, "new/b", FIRST, "new/c", LAST));
	const struct commit *theirs = commit_of(&place, base, FILES("old/a", TEN, "old/b", FIRST, "old/c", LAST, "old/d", "d\n"));
	merge(&place, ours, theirs, &result);
	assert_int_equal(result.conflict_count, 1);
	assert_conflict(&result, "new/d", CONFLICT_FOLDER_RENAME, "t");
	assert_string_equal(conflict_at(&result, "new/d")->theirs.path, "old/d");
	assert_file(&place, result.tree, "new/d", "d\n");
	assert_nothing(&place, result.tree, "old");
	merge_result_release(&result);

	/* Half of it here and half there: nobody knows, and no file shows it. */
	ours = commit_of(&place, base, FILES("new/a", TEN, "other/b", FIRST));
	theirs = commit_of(&place, base, FILES("old/a", TEN, "old/b", FIRST, "old/c", LAST, "old/d", "d\n"));
	merge(&place, ours, theirs, &result);
	assert_conflict(&result, "old", CONFLICT_FOLDER_RENAME, "");
	assert_file(&place, result.tree, "old/d", "d\n");
	merge_result_release(&result);
	place_close(&place);
}

static void test_a_file_in_the_place_of_a_folder_that_moved_is_not_lost(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	place_open(&place, 0);
	const struct commit *base = commit_of(&place, NULL, FILES("d/p/x", TEN, "d/q", FIRST, "d/r", LAST));
	const struct commit *ours = commit_of(&place, base, FILES("d/p", "file\n", "d/q", FIRST, "d/r", LAST));
	const struct commit *theirs = commit_of(&place, base, FILES("e/p/x", TEN, "e/q", FIRST, "e/r", LAST));
	merge(&place, ours, theirs, &result);
	assert_conflict(&result, "e/p~one", CONFLICT_FOLDER_RENAME, "o");
	assert_file(&place, result.tree, "e/p~one", "file\n");
	assert_file(&place, result.tree, "e/p/x", TEN);
	merge_result_release(&result);
	place_close(&place);
}

static void test_a_file_gives_way_to_a_folder_and_to_another_kind(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	place_open(&place, 0);
	const struct commit *base = commit_of(&place, NULL, FILES("keep", "k\n", "thing", "t\n"));
	const struct commit *file = commit_of(&place, base, FILES("keep", "k\n", "x", "file\n", "thing", "t\n"));
	const struct commit *folder = commit_of(&place, base, FILES("keep", "k\n", "x/y", "in it\n", "thing", "t\n"));
	const struct commit *link = commit_of(&place, base, FILES("keep", "k\n", "@x", "target", "thing", "t\n"));

	merge(&place, file, folder, &result);
	assert_int_equal(result.conflict_count, 1);
	assert_conflict(&result, "x~one", CONFLICT_FOLDER_FILE, "o");
	assert_file(&place, result.tree, "x~one", "file\n");
	assert_file(&place, result.tree, "x/y", "in it\n");
	merge_result_release(&result);

	merge(&place, link, file, &result);
	assert_int_equal(result.conflict_count, 2);
	assert_conflict(&result, "x", CONFLICT_KIND, "o");
	assert_conflict(&result, "x~two", CONFLICT_KIND, "t");
	assert_file(&place, result.tree, "x~two", "file\n");
	merge_result_release(&result);

	/* "feature/x" as a name gives no folder. */
	const struct merge_options options = {.ours_name = "feature/x", .theirs_name = "two"};
	assert_int_equal(workspace_merge(place.agent, file, folder, &options, &result), 0);
	assert_file(&place, result.tree, "x~feature_x", "file\n");
	merge_result_release(&result);
	place_close(&place);
}

static void test_a_name_that_git_refuses_is_not_made_by_moving_a_file_aside(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	place_open(&place, 0);
	const struct commit *base = commit_of(&place, NULL, FILES("keep", "k\n"));
	const struct commit *file = commit_of(&place, base, FILES("keep", "k\n", "git", "file\n"));
	const struct commit *folder = commit_of(&place, base, FILES("keep", "k\n", "git/y", "in it\n"));
	const struct merge_options options = {.ours_name = "1", .theirs_name = "2"};
	assert_int_equal(workspace_merge(place.agent, file, folder, &options, &result), ERR_MALFORMED);
	assert_non_null(strstr(workspace_sentence(place.agent), "git~1"));
	assert_null(result.memory);
	place_close(&place);
}

static void test_what_is_not_text_is_chosen_whole(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	place_open(&place, 0);
	const struct commit *base = commit_of(&place, NULL, FILES("@l", "a", "!s", "a", "m", "m\n", "n", "n\n"));
	const struct commit *ours = commit_of(&place, base, FILES("@l", "b", "!s", "b", "m", "mm\n", "new", "1\n"));
	const struct commit *theirs = commit_of(&place, base, FILES("@l", "c", "!s", "c", "new", "2\n", "n", "nn\n"));
	merge(&place, ours, theirs, &result);
	assert_int_equal(result.conflict_count, 5);
	assert_conflict(&result, "l", CONFLICT_BINARY, "bot");
	assert_conflict(&result, "s", CONFLICT_SUBMODULE, "bot");
	assert_conflict(&result, "m", CONFLICT_MODIFY_DELETE, "bo");
	assert_conflict(&result, "n", CONFLICT_MODIFY_DELETE, "bt");
	assert_conflict(&result, "new", CONFLICT_ADD_ADD, "ot");
	assert_file(&place, result.tree, "l", "b");
	assert_file(&place, result.tree, "n", "nn\n");
	for (size_t i = 1; i < result.conflict_count; i++)
		assert_true(strcmp(result.conflicts[i - 1].path, result.conflicts[i].path) < 0);
	merge_result_release(&result);
	place_close(&place);
}

static void test_bases_that_conflict_are_merged_with_longer_markers(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	place_open(&place, 0);
	const struct commit *root = commit_of(&place, NULL, FILES("f", TEN));
	const struct commit *left = commit_of(&place, root, FILES("f", "left\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"));
	const struct commit *right = commit_of(&place, root, FILES("f", "right\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"));
	const struct commit *ours = commit_of_two(&place, left, right, commit_tree(left));
	const struct commit *theirs = commit_of_two(&place, right, left, commit_tree(right));
	const struct commit *bases[4];
	size_t count;
	assert_int_equal(workspace_merge_bases(place.agent, ours, theirs, bases, 4, &count), 0);
	assert_int_equal(count, 2);
	assert_ptr_equal(bases[0], right);
	assert_ptr_equal(bases[1], left);
	assert_int_equal(workspace_merge_bases(place.agent, ours, theirs, bases, 0, &count), 0);
	assert_int_equal(count, 2);
	merge(&place, ours, theirs, &result);
	assert_conflict(&result, "f", CONFLICT_CONTENT, "bot");
	struct bytes raw;
	const struct object *base = object_find(place.agent, &conflict_at(&result, "f")->base.id);
	assert_int_equal(object_raw(place.agent, base, &raw), 0);
	const char expected[] =
		"<<<<<<<<< Temporary merge branch 1\nleft\n=========\nright\n>>>>>>>>> Temporary merge branch 2\n";
	assert_true(raw.bytes > strlen(expected));
	assert_memory_equal(raw.at, expected, strlen(expected));
	merge_result_release(&result);
	place_close(&place);
}

static void test_histories_without_a_common_beginning_merge_upon_nothing(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	place_open(&place, 0);
	const struct commit *ours = commit_of(&place, NULL, FILES("a", "a\n", "both", "same\n"));
	const struct commit *theirs = commit_of(&place, NULL, FILES("b", "b\n", "both", "same\n"));
	size_t count;
	assert_int_equal(workspace_merge_bases(place.agent, ours, theirs, NULL, 0, &count), 0);
	assert_int_equal(count, 0);
	merge(&place, ours, theirs, &result);
	assert_int_equal(result.conflict_count, 0);
	assert_file(&place, result.tree, "a", "a\n");
	assert_file(&place, result.tree, "b", "b\n");
	merge_result_release(&result);
	place_close(&place);
}

/* A file under so many folders. */
static const struct commit *deep_commit(struct place *place, const struct commit *parent, const char *content, unsigned folders)
{
	const struct blob *blob;
	const struct tree *tree;
	const struct commit *commit;
	const struct workspace_person person = {.name = "A", .email = "a@example.com", .seconds = place->seconds++};
	const struct workspace_change change = {.author = person, .committer = person, .message = "deep"};
	const struct bytes data = {(const uint8_t *)content, (uint32_t)strlen(content)};
	assert_int_equal(blob_make(place->agent, data, &blob), 0);
	struct tree_entry entry = {.name = "f", .name_bytes = 1, .mode = MODE_FILE, .child = &blob->object};
	assert_int_equal(tree_make(place->agent, NULL, &entry, 1, &tree), 0);
	for (unsigned i = 0; i < folders; i++) {
		entry.mode = MODE_FOLDER;
		entry.child = &tree->object;
		assert_int_equal(tree_make(place->agent, NULL, &entry, 1, &tree), 0);
	}
	assert_int_equal(workspace_commit_make(place->agent, tree, &parent, parent ? 1 : 0, &change, &commit), 0);
	return commit;
}

static void test_folders_nested_without_end_are_refused(void **state)
{
	(void)state;
	struct place place;
	struct merge_result result;
	place_open(&place, 0);
	const struct commit *base = deep_commit(&place, NULL, TEN, 2000);
	merge(&place, deep_commit(&place, base, FIRST, 2000), deep_commit(&place, base, LAST, 2000), &result);
	assert_int_equal(result.conflict_count, 0);
	merge_result_release(&result);
	base = deep_commit(&place, NULL, TEN, 5000);
	const struct commit *ours = deep_commit(&place, base, FIRST, 5000), *theirs = deep_commit(&place, base, LAST, 5000);
	assert_int_equal(workspace_merge(place.agent, ours, theirs, NULL, &result), ERR_TOO_LARGE);
	assert_non_null(strstr(workspace_sentence(place.agent), "2048"));
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes_in_different_places_of_a_file_become_one),
		cmocka_unit_test(test_the_same_lines_changed_are_a_conflict_with_its_places),
		cmocka_unit_test(test_a_renamed_file_gets_what_the_other_side_changed),
		cmocka_unit_test(test_renames_that_do_not_agree_are_conflicts_of_their_own_kinds),
		cmocka_unit_test(test_a_file_put_into_a_folder_that_moved_is_asked_about),
		cmocka_unit_test(test_a_file_in_the_place_of_a_folder_that_moved_is_not_lost),
		cmocka_unit_test(test_a_file_gives_way_to_a_folder_and_to_another_kind),
		cmocka_unit_test(test_a_name_that_git_refuses_is_not_made_by_moving_a_file_aside),
		cmocka_unit_test(test_what_is_not_text_is_chosen_whole),
		cmocka_unit_test(test_bases_that_conflict_are_merged_with_longer_markers),
		cmocka_unit_test(test_histories_without_a_common_beginning_merge_upon_nothing),
		cmocka_unit_test(test_folders_nested_without_end_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
