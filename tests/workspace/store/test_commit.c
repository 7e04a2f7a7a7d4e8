/* SPDX-License-Identifier: MIT
 *
 * Commits: their bytes beside libgit2's, what is read back from them, and how they are found by name.
 */
#include <git2.h>
#include <git2/sys/commit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/workspace/store/edit_model.h"
#include "tests/workspace/store/store_case.h"

static struct store store;

static int open_all(void **unused)
{
	(void)unused;
	store_open(&store, NULL);
	workspace_begin(store.agent);
	return 0;
}

static int close_all(void **unused)
{
	(void)unused;
	workspace_end(store.agent);
	store_close(&store);
	return 0;
}

static const struct tree *any_tree(void)
{
	struct workspace_edit edit = {"file", MODE_FILE, text_of("content\n"), NULL};
	const struct tree *tree;

	assert_int_equal(workspace_tree_edit(store.agent, NULL, &edit, 1, &tree), 0);
	return tree;
}

static const struct workspace_person thor = {"A U Thor", "author@example.org", 1700000000, 60};

static const struct commit *commit_of(const struct commit *const *parents, size_t count, const char *message)
{
	struct workspace_change change = {NULL, 0, thor, thor, message};
	const struct commit *commit;

	assert_int_equal(workspace_commit_make(store.agent, any_tree(), parents, count, &change, &commit), 0);
	return commit;
}

/* ---- bytes ---- */

static void compare(git_repository *repository, const struct workspace_person *author, const struct workspace_person *committer,
		    const char *message)
{
	struct workspace_change change = {NULL, 0, *author, *committer, message};
	const struct tree *tree = any_tree();
	const struct commit *parents[2] = {commit_of(NULL, 0, "one"), commit_of(NULL, 0, "two")}, *commit;
	git_signature *by[2];
	git_oid ids[3], id;
	const git_oid *at[2] = {&ids[1], &ids[2]};
	char whole[256];

	assert_int_equal(git_signature_new(&by[0], author->name, author->email, author->seconds, author->minutes), 0);
	assert_int_equal(git_signature_new(&by[1], committer->name, committer->email, committer->seconds, committer->minutes), 0);
	memcpy(ids[0].id, tree_id(tree)->bytes, OID_BYTES);
	memcpy(ids[1].id, commit_id(parents[0])->bytes, OID_BYTES);
	memcpy(ids[2].id, commit_id(parents[1])->bytes, OID_BYTES);
	snprintf(whole, sizeof(whole), "%s%s", message, *message && message[strlen(message) - 1] != '\n' ? "\n" : "");
	for (size_t count = 0; count <= 2; count++) {
		assert_int_equal(git_commit_create_from_ids(&id, repository, NULL, by[0], by[1], NULL, whole, &ids[0], count, at),
				 0);
		assert_int_equal(workspace_commit_make(store.agent, tree, parents, count, &change, &commit), 0);
		assert_memory_equal(commit_id(commit)->bytes, id.id, OID_BYTES);
	}
	git_signature_free(by[0]);
	git_signature_free(by[1]);
}

static void test_commits_have_the_ids_that_libgit2_gives_them(void **unused)
{
	static const char *const names[] = {"A U Thor", "  .,:;\"'\\ B \xc3\x89 ", "x", "J. R. Hacker, Jr."};
	static const char *const messages[] = {"", "one line", "one line\n", "subject\n\nbody\n\n", "\n", "\xff not UTF-8"};
	git_repository *repository = model_repository();

	(void)unused;
	for (size_t i = 0; i < 24; i++) {
		struct workspace_person author = {names[i % 4], "a@example.org", (int64_t)i * 123456789, (int)i * 37 - 400};
		/* libgit2 writes no later time. */
		struct workspace_person committer = {names[i / 4 % 4], i % 2 ? "c@example.org" : ".c@example.org,",
						     UINT32_MAX >> i, 60 - (int)i};
		compare(repository, &author, &committer, messages[i % 6]);
	}
	git_repository_free(repository);
	git_libgit2_shutdown();
}

static void test_what_was_committed_can_be_read(void **unused)
{
	struct workspace_person author = {"<A>\nU <Thor>", "a<uthor>@example.org\n", 1, -90},
				committer = {"C", "", INT64_MAX, 845};
	struct workspace_change change = {NULL, 0, author, committer, "committer x\n\nauthor y\n\nz"};
	const struct commit *commit;
	struct commit_text text;

	(void)unused;
	assert_int_equal(workspace_commit_make(store.agent, any_tree(), NULL, 0, &change, &commit), 0);
	assert_int_equal(commit_read(commit, &text), 0);
	assert_string_equal(text.author.name, "AU Thor");
	assert_string_equal(text.author.email, "author@example.org");
	assert_int_equal(text.author.seconds, 1);
	assert_int_equal(text.author.minutes, -90);
	assert_string_equal(text.committer.name, "C");
	assert_string_equal(text.committer.email, "");
	assert_true(text.committer.seconds == INT64_MAX);
	assert_int_equal(text.committer.minutes, 845);
	assert_string_equal(text.message, "committer x\n\nauthor y\n\nz\n");
}

static void test_a_name_that_is_too_long_is_cut_between_letters(void **unused)
{
	char name[1001] = "";
	struct workspace_change change = {NULL, 0, {name, name, 1, 0}, {name, "e", 1, 0}, "m"};
	const struct commit *commit;
	struct commit_text text;

	(void)unused;
	for (unsigned i = 0; i < 500; i++)
		strcat(name, "\xc3\xa9");
	assert_int_equal(workspace_commit_make(store.agent, any_tree(), NULL, 0, &change, &commit), 0);
	assert_int_equal(commit_read(commit, &text), 0);
	assert_int_equal(strlen(text.author.name), COMMIT_NAME_MAX - 1);
	assert_int_equal(strlen(text.author.email), COMMIT_NAME_MAX - 1);
	assert_string_equal(text.committer.email, "e");
}

static void test_commits_that_git_would_refuse_are_refused(void **unused)
{
	static const struct workspace_person wrong[] = {{"", "e", 1, 0},     {" .,<>", "e", 1, 0}, {NULL, "e", 1, 0},
							{"n", NULL, 1, 0},   {"n", "e", -1, 0},    {"n", "e", 1, 6000},
							{"n", "e", 1, -6000}};
	const struct commit *one = commit_of(NULL, 0, "one"), *parents[] = {one, one}, *commit;

	(void)unused;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct workspace_change change = {NULL, 0, i % 2 ? wrong[i] : thor, i % 2 ? thor : wrong[i], "m"};
		assert_int_equal(workspace_commit_make(store.agent, any_tree(), NULL, 0, &change, &commit), ERR_MALFORMED);
		assert_non_null(strstr(workspace_sentence(store.agent), i % 2 ? "the author" : "the committer"));
	}
	struct workspace_change change = {NULL, 0, thor, thor, "m"};
	assert_int_equal(workspace_commit_make(store.agent, any_tree(), parents, 2, &change, &commit), ERR_MALFORMED);
}

/* ---- names ---- */

static void set_ref(const char *ref, const struct object *object)
{
	struct ref_update update = {.ref = ref, .to = object, .anywhere = true};
	assert_int_equal(workspace_refs_update(store.agent, &update, 1), 0);
}

static const struct object *tag_of(const struct object *object, const char *type)
{
	char hex[OID_HEX_BYTES], raw[256];
	const struct object *tag;

	oid_print(object_id(object), hex);
	snprintf(raw, sizeof(raw), "object %s\ntype %s\ntag t\ntagger A <a> 1 +0000\n\n", hex, type);
	assert_int_equal(object_make(store.agent, JUDGE_STRICT, OBJECT_TAG, text_of(raw), NULL, NULL, false, &tag), 0);
	return tag;
}

static void finds(const char *revision, const struct commit *wanted)
{
	const struct commit *found = NULL;
	int rc = workspace_find(store.agent, revision, &found);

	if (rc || found != wanted)
		fail_msg("%s: %d %s", revision, rc, rc ? workspace_sentence(store.agent) : "is another one");
}

static void fails(const char *revision, int wanted)
{
	const struct commit *found = NULL;
	int rc = workspace_find(store.agent, revision, &found);

	if (rc != wanted || found)
		fail_msg("%s: %d instead of %d", revision, rc, wanted);
}

static void test_commits_are_found_by_the_names_that_people_give_them(void **unused)
{
	const struct commit *a = commit_of(NULL, 0, "a"), *b = commit_of(&a, 1, "b"), *c = commit_of(&a, 1, "c");
	const struct commit *both[] = {b, c}, *merge = commit_of(both, 2, "merge");
	char hex[OID_HEX_BYTES];

	(void)unused;
	set_ref("refs/heads/main", &merge->object);
	set_ref("refs/heads/topic/x", &b->object);
	set_ref("refs/tags/v1", tag_of(tag_of(&c->object, "commit"), "tag"));
	set_ref("refs/tags/both", &b->object);
	set_ref("refs/heads/both", &c->object);
	set_ref("refs/tags/tree", &any_tree()->object);
	set_ref("refs/other", &a->object);
	assert_int_equal(workspace_head_set(store.agent, "refs/heads/topic/x"), 0);
	finds("main", merge);
	finds("refs/heads/main", merge);
	finds("heads/main", merge);
	finds("topic/x", b);
	finds("v1", c);
	finds("both", b);
	finds("other", a);
	finds("HEAD", b);
	finds("HEAD~1", a);
	finds("main~0", merge);
	finds("main^0", merge);
	finds("main^", b);
	finds("main^1", b);
	finds("main^2", c);
	finds("main~2", a);
	finds("main^2^", a);
	finds("main^2~1^0~0", a);
	finds("v1~", a);
	oid_print(commit_id(b), hex);
	finds(hex, b);
	hex[12] = 0;
	finds(hex, b);
	strcat(hex, "^");
	finds(hex, a);
	fails("main^3", ERR_NOT_FOUND);
	fails("main~3", ERR_NOT_FOUND);
	fails("main~x", ERR_MALFORMED);
	fails("main~99999999999999999999", ERR_MALFORMED);
	fails("", ERR_NOT_FOUND);
	fails("~1", ERR_NOT_FOUND);
	fails("tree", ERR_NOT_FOUND);
	fails("nothing", ERR_NOT_FOUND);
	fails("0000000000000000000000000000000000000000", ERR_NOT_FOUND);
	fails("abc", ERR_NOT_FOUND);
	oid_print(tree_id(any_tree()), hex);
	fails(hex, ERR_NOT_FOUND);
}

static void test_a_beginning_that_two_commits_have_is_ambiguous(void **unused)
{
	const struct commit *seen[65536] = {NULL}, *commit;
	char message[16], hex[OID_HEX_BYTES];

	(void)unused;
	for (unsigned i = 0;; i++) {
		snprintf(message, sizeof(message), "%u", i);
		commit = commit_of(NULL, 0, message);
		unsigned place = commit_id(commit)->bytes[0] * 256u + commit_id(commit)->bytes[1];
		oid_print(commit_id(commit), hex);
		hex[4] = 0;
		if (seen[place])
			break;
		seen[place] = commit;
		if (i % 50 == 0)
			finds(hex, commit);
	}
	fails(hex, ERR_AMBIGUOUS);
	oid_print(commit_id(commit), hex);
	finds(hex, commit);
	hex[5] = 0; /* in which they differ */
	finds(hex, commit);
}

static void test_ids_are_read_and_printed(void **unused)
{
	char hex[OID_HEX_BYTES];
	struct oid id;

	(void)unused;
	assert_int_equal(oid_parse("0123456789abcdefABCDEF0123456789abcdef01", &id), 0);
	oid_print(&id, hex);
	assert_string_equal(hex, "0123456789abcdefabcdef0123456789abcdef01");
	assert_int_equal(oid_parse("0123456789abcdefabcdef0123456789abcdef0", &id), ERR_MALFORMED);
	assert_int_equal(oid_parse("0123456789abcdefabcdef0123456789abcdef012", &id), ERR_MALFORMED);
	assert_int_equal(oid_parse("0123456789abcdefabcdef0123456789abcdef0g", &id), ERR_MALFORMED);
	assert_int_equal(oid_parse("", &id), ERR_MALFORMED);
}

static void test_a_history_that_was_cut_off_ends_there(void **unused)
{
	char raw[512], tree[OID_HEX_BYTES], one[OID_HEX_BYTES];
	const struct commit *there = commit_of(NULL, 0, "one");
	const struct object *made, *again;

	(void)unused;
	oid_print(tree_id(any_tree()), tree);
	oid_print(commit_id(there), one);
	snprintf(raw, sizeof(raw),
		 "tree %s\nparent %s\nparent 00000000000000000000000000000000000000ff\nauthor a <b> 1 +0000\ncommitter a <b> 7 "
		 "+0000\n\nm\n",
		 tree, one);
	assert_int_equal(object_make(store.agent, JUDGE_STRICT, OBJECT_COMMIT, text_of(raw), NULL, NULL, false, &made),
			 ERR_NOT_FOUND);
	assert_int_equal(object_make(store.agent, JUDGE_STRICT, OBJECT_COMMIT, text_of(raw), NULL, NULL, true, &made), 0);
	const struct commit *commit = object_as_commit(made);
	assert_int_equal(commit_parent_count(commit), 2);
	assert_ptr_equal(commit_parent(commit, 0), there);
	assert_null(commit_parent(commit, 1));
	assert_null(commit_parent(commit, 2));
	assert_int_equal(commit->parents[1]->type, OBJECT_ABSENT);
	assert_int_equal(commit->generation, 2);
	assert_int_equal(commit->seconds, 7);
	set_ref("refs/heads/main", made);
	finds("main^1", there);
	fails("main^2", ERR_NOT_FOUND);
	/* Two of them are the same if they name the same. */
	assert_int_equal(object_link(store.agent, OBJECT_ABSENT, &commit->parents[1]->id, &again), 0);
	assert_ptr_not_equal(again, commit->parents[1]);
	assert_true(object_same(again, commit->parents[1]));
}

/* ---- files ---- */

static void test_files_are_read_by_their_paths(void **unused)
{
	struct oid module = {{7}};
	struct workspace_edit edits[] = {
		{"a/b/c.txt", MODE_FILE, text_of("c"), NULL},
		{"a/run", MODE_EXECUTABLE, text_of("#!"), NULL},
		{"a/link", MODE_SYMLINK, text_of("b/c.txt"), NULL},
		{"module", MODE_SUBMODULE, {0}, &module},
		{"a/b.txt", MODE_FILE, {0}, NULL},
	};
	const struct tree *tree;
	struct workspace_file file;

	(void)unused;
	assert_int_equal(workspace_tree_edit(store.agent, NULL, edits, 5, &tree), 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(workspace_read(store.agent, tree, edits[i].path, &file), 0);
		assert_int_equal(file.mode, edits[i].mode);
		assert_int_equal(file.data.bytes, edits[i].data.bytes);
		if (file.data.bytes)
			assert_memory_equal(file.data.at, edits[i].data.at, file.data.bytes);
	}
	assert_int_equal(workspace_read(store.agent, tree, "module", &file), 0);
	assert_memory_equal(file.id.bytes, module.bytes, OID_BYTES);
	assert_int_equal(workspace_read(store.agent, tree, "a/b", &file), 0);
	assert_int_equal(file.mode, MODE_FOLDER);
	assert_int_equal(workspace_read(store.agent, tree, "", &file), 0);
	assert_memory_equal(file.id.bytes, tree_id(tree)->bytes, OID_BYTES);
	static const char *const wrong[] = {"a/",    "/a",       "a//b",  "a/b/c.txt/", "a/b/c.txt/d", "A",
					    "a/b/c", "module/x", "a/b\n", "/",          ".",           "a/../a"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(workspace_read(store.agent, tree, wrong[i], &file), ERR_NOT_FOUND);
}

static void test_edits_that_make_no_sense_are_refused(void **unused)
{
	static const char long_path[5000] = {[0 ... 4998] = 'p'};
	struct oid missing = {{9}};
	const struct tree *tree = any_tree(), *next;
	const struct workspace_edit malformed[] = {
		{"", MODE_FILE, {0}, NULL},        {"/a", MODE_FILE, {0}, NULL},          {"a/", MODE_FILE, {0}, NULL},
		{"a//b", MODE_FILE, {0}, NULL},    {"../a", MODE_FILE, {0}, NULL},        {"a/./b", MODE_FILE, {0}, NULL},
		{".git/x", MODE_FILE, {0}, NULL},  {"a/.GIT", MODE_FILE, {0}, NULL},      {"git~1", MODE_FILE, {0}, NULL},
		{long_path, MODE_FILE, {0}, NULL}, {"a", MODE_FOLDER, {0}, NULL},         {"a", MODE_SUBMODULE, {0}, NULL},
		{"a", 0100600, {0}, NULL},         {"file/.git/x", MODE_FILE, {0}, NULL}, {".git", MODE_NONE, {0}, NULL},
	};
	const struct workspace_edit absent[] = {
		{"none", MODE_NONE, {0}, NULL},    {"file/x", MODE_NONE, {0}, NULL},     {"a", MODE_FILE, {0}, &missing},
		{"a", MODE_FOLDER, {0}, &missing}, {"a", MODE_FILE, {0}, tree_id(tree)}, {"no/file", MODE_NONE, {0}, NULL},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_int_equal(workspace_tree_edit(store.agent, tree, &malformed[i], 1, &next), ERR_MALFORMED);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_int_equal(workspace_tree_edit(store.agent, tree, &absent[i], 1, &next), ERR_NOT_FOUND);
}

static void test_folders_are_put_by_their_ids(void **unused)
{
	const struct tree *base = any_tree(), *tree, *empty, *next;
	struct workspace_edit remove = {"file", MODE_NONE, {0}, NULL};

	(void)unused;
	assert_int_equal(workspace_tree_edit(store.agent, base, &remove, 1, &empty), 0);
	assert_int_equal(empty->shape->count, 0);
	struct workspace_edit put[] = {{"x/copy", MODE_FOLDER, {0}, tree_id(base)},
				       {"x/copy/file", MODE_NONE, {0}, NULL},
				       {"x/copy/new", MODE_FILE, {0}, NULL}};
	assert_int_equal(workspace_tree_edit(store.agent, base, put, 1, &tree), 0);
	struct workspace_file file;
	assert_int_equal(workspace_read(store.agent, tree, "x/copy/file", &file), 0);
	assert_int_equal(workspace_tree_edit(store.agent, base, put, 3, &tree), 0);
	assert_int_equal(workspace_read(store.agent, tree, "x/copy/file", &file), ERR_NOT_FOUND);
	assert_int_equal(workspace_read(store.agent, tree, "x/copy/new", &file), 0);
	/* No folder is empty in git. */
	struct workspace_edit nothing[] = {{"x", MODE_FOLDER, {0}, tree_id(empty)}, {"y/z", MODE_FOLDER, {0}, tree_id(empty)}};
	assert_int_equal(workspace_tree_edit(store.agent, tree, nothing, 2, &next), 0);
	assert_ptr_equal(next, base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_commits_have_the_ids_that_libgit2_gives_them, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_what_was_committed_can_be_read, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_a_name_that_is_too_long_is_cut_between_letters, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_commits_that_git_would_refuse_are_refused, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_commits_are_found_by_the_names_that_people_give_them, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_a_beginning_that_two_commits_have_is_ambiguous, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_a_history_that_was_cut_off_ends_there, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_ids_are_read_and_printed, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_files_are_read_by_their_paths, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_edits_that_make_no_sense_are_refused, open_all, close_all),
		cmocka_unit_test_setup_teardown(test_folders_are_put_by_their_ids, open_all, close_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
