/* SPDX-License-Identifier: MIT
 *
 * What goes out: a repository that git has nothing to say against, or the missing piece of one that is there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/workspace/exchange/yard.h"
#include "workspace/exchange/ref_files.h"

static int export_as(struct yard *yard, struct export_options options, struct export_result *out_result)
{
	return workspace_export(yard->agent, &options, out_result);
}

static struct export_result exported(struct yard *yard, struct export_options options)
{
	struct export_result result;
	if (export_as(yard, options, &result))
		fail_msg("%s", workspace_sentence(yard->agent));
	return result;
}

/* Refused with these words, and nothing is different there. */
static void assert_refused(struct yard *yard, const char *name, struct export_options options, int rc, const char *words)
{
	struct export_result result;
	options.path = yard_path(yard, name);
	char *before = yard_run(
		yard, "cd %s && find . -type l -printf '%%p %%l\\n' | sort && find . -type f | sort | xargs -d '\\n' sha1sum",
		name);
	assert_int_equal(export_as(yard, options, &result), rc);
	if (!strstr(workspace_sentence(yard->agent), words))
		fail_msg("\"%s\" does not say \"%s\"", workspace_sentence(yard->agent), words);
	char *after = yard_run(
		yard, "cd %s && find . -type l -printf '%%p %%l\\n' | sort && find . -type f | sort | xargs -d '\\n' sha1sum",
		name);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void assert_says(struct yard *yard, const char *command, const char *expected)
{
	char *said = yard_run(yard, "%s", command);
	assert_string_equal(said, expected);
	free(said);
}

static void run(struct yard *yard, const char *command)
{
	free(yard_run(yard, "%s", command));
}

static void few_commits(struct yard *yard)
{
	yard_commit(yard, "refs/heads/main", "a/one", "1\n");
	yard_commit(yard, "refs/heads/main", "a/two", "2\n");
	yard_commit(yard, "refs/heads/main", "b", "3\n");
}

/* ---- new repositories ---- */

static void test_a_new_bare_repository_can_be_cloned(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	few_commits(&yard);
	struct export_result result = yard_export(&yard, "new.git");
	assert_int_equal(result.refs, 1);
	assert_int_equal(result.objects, 3 + 3 + 2 + 3);
	yard_fsck(&yard, "new.git");
	run(&yard, "git clone -q new.git clone && test \"$(cat clone/a/one clone/a/two clone/b)\" = \"1\n2\n3\"");
	assert_says(&yard, "git -C new.git config core.bare; git -C new.git symbolic-ref HEAD", "true\nrefs/heads/main\n");
	assert_says(&yard, "ls -A | grep bunshin-export || true", "");
	yard_close(&yard);
}

static void test_a_new_repository_with_files_has_nothing_to_commit(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	yard_history(&yard, "source", 11, 60);
	yard_import(&yard, "source");
	exported(&yard, (struct export_options){.path = yard_path(&yard, "new")});
	assert_says(&yard, "git -C new status --porcelain --branch", "## branch0\n");
	run(&yard, "git clone -q source clone && diff -r --no-dereference --exclude=.git clone new");
	yard_fsck(&yard, "new");
	yard_close(&yard);
}

static void test_an_empty_folder_is_a_place_and_a_full_one_is_not(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	few_commits(&yard);
	run(&yard, "mkdir empty full && echo mine >full/file && echo >file");
	yard_export(&yard, "empty");
	yard_fsck(&yard, "empty");
	assert_refused(&yard, "full", (struct export_options){.bare = true}, ERR_STATE, "holds no git repository");
	struct export_result result;
	assert_int_equal(export_as(&yard, (struct export_options){.path = yard_path(&yard, "file")}, &result), ERR_STATE);
	assert_int_equal(export_as(&yard, (struct export_options){.path = yard_path(&yard, "no/such/folder")}, &result), ERR_IO);
	yard_close(&yard);
}

static void test_an_empty_workspace_is_an_empty_repository(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	assert_int_equal(yard_export(&yard, "new.git").objects, 0);
	run(&yard, "git clone -q new.git clone 2>/dev/null && test ! -e new.git/shallow");
	yard_close(&yard);
}

static void test_refs_can_be_chosen_and_renamed(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	few_commits(&yard);
	yard_commit(&yard, "refs/heads/side", "x", "x\n");
	yard_commit(&yard, "refs/bunshin/task/1", "y", "y\n");
	const char *const refs[] = {"side", "refs/bunshin/task/1", "side"};
	struct export_options options = {.path = yard_path(&yard, "new.git"), .bare = true, .refs = refs, .ref_count = 3};
	assert_int_equal(exported(&yard, options).objects, 6);
	assert_says(&yard, "git -C new.git for-each-ref --format='%(refname)'; cat new.git/HEAD",
		    "refs/bunshin/task/1\nrefs/heads/side\nref: refs/heads/side\n");
	options = (struct export_options){.path = yard_path(&yard, "other.git"), .bare = true, .ref_prefix = "refs/from/here"};
	exported(&yard, options);
	assert_says(&yard, "git -C other.git for-each-ref --format='%(refname)'",
		    "refs/from/here/bunshin/task/1\nrefs/from/here/heads/main\nrefs/from/here/heads/side\n");
	struct export_result result;
	const char *const wrong[] = {"nothing"};
	options = (struct export_options){.path = yard_path(&yard, "no.git"), .refs = wrong, .ref_count = 1};
	assert_int_equal(export_as(&yard, options, &result), ERR_NOT_FOUND);
	options = (struct export_options){.path = yard_path(&yard, "no.git"), .ref_prefix = "heads/x"};
	assert_int_equal(export_as(&yard, options, &result), ERR_MALFORMED);
	options.ref_prefix = "refs/../x";
	assert_int_equal(export_as(&yard, options, &result), ERR_MALFORMED);
	assert_int_not_equal(access(yard_path(&yard, "no.git"), F_OK), 0);
	yard_close(&yard);
}

/* ---- repositories that are there ---- */

static void test_only_what_is_missing_goes_out(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	few_commits(&yard);
	yard_export(&yard, "r.git");
	struct export_result result = yard_export(&yard, "r.git");
	assert_int_equal(result.objects, 0);
	assert_int_equal(result.refs, 0);
	yard_commit(&yard, "refs/heads/main", "a/one", "changed\n");
	result = yard_export(&yard, "r.git");
	assert_int_equal(result.objects, 4);
	assert_int_equal(result.refs, 1);
	/* Back to content that the other side has: only trees and commit are new. */
	yard_commit(&yard, "refs/heads/main", "a/one", "2\n");
	assert_int_equal(yard_export(&yard, "r.git").objects, 3);
	/* A new name for what is there. */
	yard_commit(&yard, "refs/heads/main", "a/one", "changed\n");
	yard_export(&yard, "r.git");
	assert_says(&yard, "ls r.git/objects/pack/*.pack | wc -l", "4\n");
	yard_fsck(&yard, "r.git");
	yard_close(&yard);
}

static void test_what_was_built_there_on_ours_is_seen(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	few_commits(&yard);
	yard_export(&yard, "r.git");
	run(&yard, "git clone -q r.git w && cd w && git checkout -q -b theirs && git commit -q --allow-empty -m theirs && git "
		   "push -q origin theirs &&"
		   "git -C ../r.git update-ref -d refs/heads/main");
	yard_commit(&yard, "refs/heads/main", "new", "new\n");
	/* Behind a commit that is not known here stand ours. */
	assert_int_equal(yard_export(&yard, "r.git").objects, 3);
	yard_fsck(&yard, "r.git");
	yard_close(&yard);
}

static void test_what_lies_about_there_is_not_relied_on(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	few_commits(&yard);
	yard_export(&yard, "r.git");
	run(&yard, "git -C r.git update-ref -d refs/heads/main");
	assert_int_equal(yard_export(&yard, "r.git").objects, 11);
	run(&yard, "git -C r.git gc -q --prune=now");
	yard_fsck(&yard, "r.git");
	yard_close(&yard);
}

static void test_only_fast_forwards_unless_forced(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	few_commits(&yard);
	yard_export(&yard, "r.git");
	run(&yard, "git clone -q r.git w && cd w && git commit -q --allow-empty -m theirs && git push -q origin main");
	yard_commit(&yard, "refs/heads/main", "b", "ours\n");
	yard_commit(&yard, "refs/heads/fine", "f", "f\n");
	assert_refused(&yard, "r.git", (struct export_options){0}, ERR_CONFLICT, "refs/heads/main");
	/* Not even the one that could have gone. */
	assert_int_not_equal(yard_try(&yard, "git -C r.git rev-parse -q --verify refs/heads/fine 2>/dev/null"), 0);
	exported(&yard, (struct export_options){.path = yard_path(&yard, "r.git"), .force = true});
	yard_fsck(&yard, "w");
	assert_says(&yard, "git -C r.git show main:b", "ours\n");
	yard_close(&yard);
}

static void test_tags_are_not_moved_unless_forced(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	yard_commit(&yard, "refs/tags/v1", "f", "1\n");
	yard_export(&yard, "r.git");
	yard_commit(&yard, "refs/tags/v1", "f", "2\n");
	assert_refused(&yard, "r.git", (struct export_options){0}, ERR_CONFLICT, "refs/tags/v1");
	exported(&yard, (struct export_options){.path = yard_path(&yard, "r.git"), .force = true});
	assert_says(&yard, "git -C r.git show v1:f", "2\n");
	yard_close(&yard);
}

static void test_branches_that_somebody_works_on_are_refused(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	few_commits(&yard);
	exported(&yard, (struct export_options){.path = yard_path(&yard, "w")});
	run(&yard, "cd w && git worktree add -q -b second ../linked && git checkout -q -b own");
	yard_commit(&yard, "refs/heads/main", "b", "more\n");
	yard_export(&yard, "w"); /* main is free now */
	assert_says(&yard, "git -C w status --porcelain; git -C w reflog -1 --format=%gs main", "bunshin export\n");
	run(&yard, "git -C w checkout -q main");
	yard_commit(&yard, "refs/heads/main", "b", "again\n");
	assert_refused(&yard, "w", (struct export_options){0}, ERR_STATE, "checked out");
	assert_refused(&yard, "linked", (struct export_options){0}, ERR_STATE, "checked out");
	exported(&yard, (struct export_options){.path = yard_path(&yard, "w"), .ref_prefix = "refs/remotes/bunshin/"});
	assert_says(&yard, "git -C w status --porcelain; git -C w show refs/remotes/bunshin/heads/main:b", "again\n");
	/* In a linked worktree of a bare repository, and in the middle of a rebase. */
	run(&yard, "git clone -q --bare w bare.git && git -C bare.git worktree add -q ../third second && git -C bare.git branch "
		   "-D -q own");
	yard_commit(&yard, "refs/heads/second", "x", "x\n");
	const char *const second[] = {"second"};
	assert_refused(&yard, "bare.git", (struct export_options){.refs = second, .ref_count = 1, .force = true}, ERR_STATE,
		       "checked out");
	run(&yard, "cd third && echo z >z && git add z && git commit -qm z && ! GIT_SEQUENCE_EDITOR='sed -i 1ibreak' git rebase "
		   "-q -i HEAD~1"
		   " >/dev/null 2>&1 || test -d ../bare.git/worktrees/third/rebase-merge");
	assert_refused(&yard, "bare.git", (struct export_options){.refs = second, .ref_count = 1, .force = true}, ERR_STATE,
		       "checked out");
	yard_close(&yard);
}

static void test_a_name_that_is_a_folder_there_is_refused(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	yard_commit(&yard, "refs/heads/a/b", "f", "1\n");
	run(&yard, "git init -q -b b/b --bare r.git && cd r.git && c=$(git commit-tree -m x $(git mktree </dev/null)) && git "
		   "branch a $c");
	assert_refused(&yard, "r.git", (struct export_options){0}, ERR_STATE, "refs/heads/a/b");
	run(&yard, "git -C r.git branch -m a a/b/c && git -C r.git pack-refs --all");
	assert_refused(&yard, "r.git", (struct export_options){0}, ERR_STATE, "refs/heads/a/b");
	/* Folders that are left over are in nobody's way. */
	run(&yard, "git -C r.git branch -m a/b/c b/b && mkdir -p r.git/refs/heads/a/b/c/d");
	yard_export(&yard, "r.git");
	yard_fsck(&yard, "r.git");
	yard_close(&yard);
}

static void test_a_locked_ref_stops_all_of_it(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	few_commits(&yard);
	yard_export(&yard, "r.git");
	yard_commit(&yard, "refs/heads/main", "b", "more\n");
	yard_commit(&yard, "refs/heads/aside", "b", "more\n");
	run(&yard, "touch r.git/refs/heads/main.lock");
	assert_refused(&yard, "r.git", (struct export_options){0}, ERR_LOCKED, "refs/heads/main");
	run(&yard, "rm r.git/refs/heads/main.lock");
	assert_int_equal(yard_export(&yard, "r.git").refs, 2);
	yard_close(&yard);
}

static void test_links_in_the_place_of_folders_are_not_followed(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	few_commits(&yard);
	run(&yard, "mkdir outside && git init -q --bare packs.git && rmdir packs.git/objects/pack && ln -s ../../outside "
		   "packs.git/objects/pack");
	assert_refused(&yard, "packs.git", (struct export_options){0}, ERR_STATE, "symbolic link");
	run(&yard,
	    "git init -q --bare objects.git && mv objects.git/objects elsewhere && ln -s ../elsewhere objects.git/objects");
	assert_refused(&yard, "objects.git", (struct export_options){0}, ERR_STATE, "symbolic link");
	run(&yard, "git init -q --bare refs.git && rmdir refs.git/refs/heads && ln -s ../../outside refs.git/refs/heads");
	assert_refused(&yard, "refs.git", (struct export_options){0}, ERR_STATE, "symbolic link");
	run(&yard, "git init -q --bare ref.git && ln -s ../../../outside/victim ref.git/refs/heads/main.lock");
	assert_refused(&yard, "ref.git", (struct export_options){0}, ERR_LOCKED, "refs/heads/main");
	assert_says(&yard, "find outside elsewhere -type f", "");
	yard_close(&yard);
}

static void test_sha256_repositories_are_refused(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	few_commits(&yard);
	run(&yard, "git init -q --bare --object-format=sha256 r.git");
	assert_refused(&yard, "r.git", (struct export_options){0}, ERR_NEWER, "SHA-1");
	yard_close(&yard);
}

/* ---- histories that end early ---- */

static void test_a_history_without_its_beginning_is_shallow_there(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	run(&yard, "git init -q -b main s && cd s && for i in 1 2 3 4; do echo $i >f; git add f; git commit -qm $i; done && git "
		   "clone -q --bare . ../whole.git");
	struct import_options options = {.path = yard_path(&yard, "s"), .depth = 2};
	struct import_result result;
	assert_int_equal(workspace_import(yard.agent, &options, &result), 0);
	yard_commit(&yard, "refs/heads/main", "g", "new\n");
	/* Who has the beginning gets only what is new, and stays whole. */
	assert_int_equal(yard_export(&yard, "whole.git").objects, 3);
	run(&yard, "test ! -e whole.git/shallow");
	yard_fsck(&yard, "whole.git");
	run(&yard, "git init -q --bare -b main other.git");
	yard_export(&yard, "other.git");
	assert_says(&yard, "git -C other.git log --format=%s main; wc -l <other.git/shallow", "Change a file\n4\n3\n1\n");
	yard_fsck(&yard, "other.git");
	yard_close(&yard);
}

/* The moment between looking and locking, which is too short to meet from outside. */
static void test_a_ref_that_moved_meanwhile_is_left_where_it_is(void **state)
{
	struct yard yard;
	git_repository *repository;
	(void)state;
	yard_open(&yard);
	few_commits(&yard);
	yard_commit(&yard, "refs/heads/side", "x", "x\n");
	yard_export(&yard, "r.git");
	assert_int_equal(git_repository_open(&repository, yard_path(&yard, "r.git")), 0);
	int folder = open(yard_path(&yard, "r.git"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char main_name[] = "refs/heads/main", side[] = "refs/heads/side", made[] = "refs/heads/made";
	git_oid id;
	assert_int_equal(git_reference_name_to_id(&id, repository, side), 0);
	struct ref_write writes[] = {{.name = side, .has_old = true}, {.name = main_name, .has_old = true}, {.name = made}};
	for (unsigned i = 0; i < 3; i++)
		memcpy(writes[i].id.bytes, id.id, OID_BYTES);
	memcpy(writes[0].old.bytes, id.id, OID_BYTES);
	memcpy(writes[1].old.bytes, id.id, OID_BYTES); /* it is not there */
	assert_int_equal(ref_files_lock(yard.agent, repository, folder, writes, 3), ERR_MOVED);
	writes[1].has_old = false; /* nor is it nowhere */
	assert_int_equal(ref_files_lock(yard.agent, repository, folder, writes, 3), ERR_MOVED);
	assert_says(&yard, "find r.git/refs -type f", "");
	assert_int_equal(git_reference_name_to_id(&id, repository, main_name), 0);
	writes[1].has_old = true;
	memcpy(writes[1].old.bytes, id.id, OID_BYTES);
	assert_int_equal(ref_files_lock(yard.agent, repository, folder, writes, 3), 0);
	assert_int_not_equal(yard_try(&yard, "git -C r.git update-ref refs/heads/main refs/heads/main~1 2>/dev/null"), 0);
	assert_int_equal(ref_files_commit(yard.agent, folder, writes, 3), 0);
	assert_says(&yard,
		    "cd r.git && test $(git rev-parse main) = $(git rev-parse side) && test $(git rev-parse made) = $(git "
		    "rev-parse side)",
		    "");
	git_repository_free(repository);
	close(folder);
	yard_close(&yard);
}

/* ---- packs ---- */

/* Versions of trees that no commit has stand between two that are written: what was changed twice counts once. */
static void test_versions_in_between_are_passed_over(void **state)
{
	const struct workspace_person person = {"A Person", "person@example.org", 1700000000, 60};
	struct workspace_change change = {.author = person, .committer = person, .message = "Jump"};
	struct yard yard;
	char path[16];
	(void)state;
	yard_open(&yard);
	for (unsigned i = 0; i < 9; i++) {
		snprintf(path, sizeof(path), "file%u", i);
		yard_commit(&yard, "refs/heads/main", path, "first\n");
	}
	workspace_begin(yard.agent);
	const struct commit *parent, *commit;
	assert_int_equal(workspace_find(yard.agent, "main", &parent), 0);
	const struct tree *tree = commit_tree(parent);
	for (unsigned i = 0; i < 6; i++) {
		char text[16];
		snprintf(path, sizeof(path), "file%u", 5 - i % 3);
		snprintf(text, sizeof(text), "text %u\n", i);
		struct workspace_edit edit = {
			.path = path, .mode = MODE_FILE, .data = {(const uint8_t *)text, (uint32_t)strlen(text)}};
		assert_int_equal(workspace_tree_edit(yard.agent, tree, &edit, 1, &tree), 0);
	}
	assert_int_equal(workspace_commit_make(yard.agent, tree, &parent, 1, &change, &commit), 0);
	struct ref_update update = {.ref = "refs/heads/main",
				    .from = (const struct object *)(const void *)parent,
				    .to = (const struct object *)(const void *)commit};
	assert_int_equal(workspace_refs_update(yard.agent, &update, 1), 0);
	workspace_end(yard.agent);
	yard_export(&yard, "r.git");
	yard_fsck(&yard, "r.git");
	assert_says(&yard, "cd r.git && git show main:file3 main:file4 main:file5 main:file6", "text 5\ntext 4\ntext 3\nfirst\n");
	yard_close(&yard);
}

static void test_trees_are_written_as_what_is_different(void **state)
{
	struct yard yard;
	char text[64], path[64];
	(void)state;
	yard_open(&yard);
	for (unsigned i = 0; i < 300; i++) {
		snprintf(path, sizeof(path), "folder%u/a-file-with-a-name%u", i % 2, i % 41);
		snprintf(text, sizeof(text), "content number %u\n", i);
		yard_commit(&yard, "refs/heads/main", path, text);
	}
	yard_export(&yard, "r.git");
	yard_fsck(&yard, "r.git");
	/* Git's own index of the pack is the same to the last byte. */
	run(&yard, "cd r.git/objects/pack && git index-pack --strict -o ../mine.idx *.pack >/dev/null && cmp ../mine.idx *.idx");
	char *chains = yard_run(
		&yard,
		"cd r.git && git verify-pack -v objects/pack/*.idx | awk '$2 == \"tree\" {all++; if (NF == 7) {deltas++; if"
		" ($6 > most) most = $6}} END {print (deltas > all * 0.8), (most <= 50), (most > 20)}'");
	assert_string_equal(chains, "1 1 1\n");
	free(chains);
	yard_close(&yard);
}

static void test_large_and_empty_files_are_written_whole(void **state)
{
	struct yard yard;
	size_t bytes = 3u << 20;
	char *text = malloc(bytes + 1);
	(void)state;
	yard_open(&yard);
	assert_non_null(text);
	for (size_t i = 0, number = 1; i < bytes; i++, number = number * 6364136223846793005u + 1442695040888963407u)
		text[i] = (char)(1 + (number >> 33) % 255);
	text[bytes] = 0;
	yard_commit(&yard, "refs/heads/main", "random", text);
	memset(text, 'x', bytes);
	yard_commit(&yard, "refs/heads/main", "same", text);
	yard_commit(&yard, "refs/heads/main", "empty", "");
	yard_export(&yard, "r.git");
	yard_fsck(&yard, "r.git");
	assert_says(&yard,
		    "git -C r.git cat-file blob main:same | tr -d x; git -C r.git cat-file -s main:random; git -C r.git cat-file "
		    "-s main:empty",
		    "3145728\n0\n");
	free(text);
	yard_close(&yard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_bare_repository_can_be_cloned),
		cmocka_unit_test(test_a_new_repository_with_files_has_nothing_to_commit),
		cmocka_unit_test(test_an_empty_folder_is_a_place_and_a_full_one_is_not),
		cmocka_unit_test(test_an_empty_workspace_is_an_empty_repository),
		cmocka_unit_test(test_refs_can_be_chosen_and_renamed),
		cmocka_unit_test(test_only_what_is_missing_goes_out),
		cmocka_unit_test(test_what_was_built_there_on_ours_is_seen),
		cmocka_unit_test(test_what_lies_about_there_is_not_relied_on),
		cmocka_unit_test(test_only_fast_forwards_unless_forced),
		cmocka_unit_test(test_tags_are_not_moved_unless_forced),
		cmocka_unit_test(test_branches_that_somebody_works_on_are_refused),
		cmocka_unit_test(test_a_name_that_is_a_folder_there_is_refused),
		cmocka_unit_test(test_a_locked_ref_stops_all_of_it),
		cmocka_unit_test(test_links_in_the_place_of_folders_are_not_followed),
		cmocka_unit_test(test_sha256_repositories_are_refused),
		cmocka_unit_test(test_a_history_without_its_beginning_is_shallow_there),
		cmocka_unit_test(test_a_ref_that_moved_meanwhile_is_left_where_it_is),
		cmocka_unit_test(test_versions_in_between_are_passed_over),
		cmocka_unit_test(test_trees_are_written_as_what_is_different),
		cmocka_unit_test(test_large_and_empty_files_are_written_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
