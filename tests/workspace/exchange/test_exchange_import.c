/* SPDX-License-Identifier: MIT
 *
 * What comes in is what was there, to the last bit, and nothing comes in half.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/workspace/exchange/yard.h"

static struct import_result import_as(struct yard *yard, struct import_options options)
{
	struct import_result result;
	if (workspace_import(yard->agent, &options, &result))
		fail_msg("%s", workspace_sentence(yard->agent));
	return result;
}

static void assert_refused(struct yard *yard, struct import_options options, int rc, const char *words)
{
	struct import_result result;
	assert_int_equal(workspace_import(yard->agent, &options, &result), rc);
	if (!strstr(workspace_sentence(yard->agent), words))
		fail_msg("\"%s\" does not say \"%s\"", workspace_sentence(yard->agent), words);
}

static int count_ref(void *context, const char *ref, const struct object *object, uint64_t version)
{
	(void)ref;
	(void)object;
	(void)version;
	++*(unsigned *)context;
	return 0;
}

static unsigned ref_count(struct yard *yard)
{
	unsigned count = 0;
	assert_int_equal(workspace_refs_each(yard->agent, "", count_ref, &count), 0);
	return count;
}

/* The id of a ref here; "" if it is not there. */
static const char *here(struct yard *yard, const char *ref)
{
	static char hex[OID_HEX_BYTES];
	const struct object *object;
	hex[0] = 0;
	workspace_begin(yard->agent);
	if (!workspace_ref_get(yard->agent, ref, &object))
		oid_print(object_id(object), hex);
	workspace_end(yard->agent);
	return hex;
}

static void assert_at(struct yard *yard, const char *ref, const char *repository, const char *revision)
{
	char *there = yard_run(yard, "git -C %s rev-parse '%s'", repository, revision);
	there[strcspn(there, "\n")] = 0;
	assert_string_equal(here(yard, ref), there);
	free(there);
}

static void run(struct yard *yard, const char *command)
{
	free(yard_run(yard, "%s", command));
}

/* ---- the same comes out ---- */

static void test_what_was_imported_and_exported_is_the_same(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	for (unsigned seed = 1; seed <= 3; seed++) {
		yard_history(&yard, "source", seed, 150);
		struct import_result in = yard_import(&yard, "source");
		struct export_result out = yard_export(&yard, "copy");
		assert_true(in.objects > 500 && in.objects == out.objects);
		assert_int_equal(in.refs, out.refs);
		yard_same(&yard, "source", "copy");
		yard_fsck(&yard, "copy");
		run(&yard, "rm -rf source copy");
		yard_renew(&yard);
	}
	yard_close(&yard);
}

static void test_it_does_not_matter_how_the_source_is_kept(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	yard_history(&yard, "source", 4, 60);
	run(&yard,
	    "git clone -q --mirror source loose && cd loose && mv objects/pack/* . && git unpack-objects -q <$(ls *.pack) &&"
	    "rm -f *.pack *.idx *.rev");
	run(&yard, "git clone -q --mirror --shared source borrowing");
	run(&yard, "git clone -q source/ worked && cd worked && git fetch -q origin 'refs/heads/*:refs/heads/*' -u");
	run(&yard, "git -C source worktree add -q ../linked branch1");
	const char *const kinds[] = {"loose", "borrowing", "worked", "linked", "worked/.git"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		yard_import(&yard, kinds[i]);
		yard_export(&yard, "copy");
		yard_same(&yard, "source", "copy");
		run(&yard, "rm -rf copy");
		yard_renew(&yard);
	}
	yard_close(&yard);
}

static void test_a_second_import_brings_what_is_new(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	yard_history(&yard, "source", 5, 60);
	assert_true(yard_import(&yard, "source").objects > 200);
	struct import_result again = yard_import(&yard, "source");
	assert_int_equal(again.objects, 0);
	assert_int_equal(again.refs, 0);
	run(&yard,
	    "git -C source worktree add -q ../tree branch0 && cd tree && echo new >new && git add new && git commit -qm new");
	struct import_result more = yard_import(&yard, "source");
	assert_int_equal(more.objects, 3);
	assert_int_equal(more.refs, 1);
	assert_at(&yard, "refs/heads/branch0", "source", "branch0");
	yard_close(&yard);
}

static void open_journaled(struct yard *yard)
{
	struct workspace_options options = {.journal = yard_path(yard, "journal"), .durability = DURABLE_PROCESS};
	char sentence[WORKSPACE_SENTENCE_BYTES];
	if (workspace_open(&options, &yard->workspace, sentence))
		fail_msg("%s", sentence);
	assert_int_equal(workspace_join(yard->workspace, &yard->agent), 0);
}

/* Each object stands in the journal once, and once is enough. */
static void test_what_came_in_is_there_after_the_process(void **state)
{
	struct yard yard;
	struct workspace_figures figures;
	(void)state;
	yard_open(&yard);
	yard_history(&yard, "source", 7, 400);
	workspace_leave(yard.agent);
	assert_int_equal(workspace_close(yard.workspace), 0);
	open_journaled(&yard);
	struct import_result result = yard_import(&yard, "source");
	assert_true(result.objects > 1000);
	workspace_measure(yard.workspace, &figures);
	assert_true(figures.journal_head > result.bytes / 2 && figures.journal_head < 2 * result.bytes);
	workspace_leave(yard.agent);
	assert_int_equal(workspace_close(yard.workspace), 0);
	open_journaled(&yard);
	assert_int_equal(yard_import(&yard, "source").objects, 0);
	yard_export(&yard, "copy");
	yard_same(&yard, "source", "copy");
	yard_fsck(&yard, "copy");
	yard_close(&yard);
}

/* ---- what to bring ---- */

static void test_revisions_bring_what_they_lead_to(void **state)
{
	struct yard yard;
	char head[WORKSPACE_REF_MAX + 1];
	(void)state;
	yard_open(&yard);
	run(&yard, "git init -q -b trunk s && cd s && git commit -q --allow-empty -m 1 && git commit -q --allow-empty -m 2 &&"
		   "git branch side && git tag -a -m x v1 HEAD~1 && git commit -q --allow-empty -m 3");
	const char *const some[] = {"side", "v1", NULL};
	assert_int_equal(import_as(&yard, (struct import_options){.path = yard_path(&yard, "s"), .revisions = some}).refs, 2);
	assert_at(&yard, "refs/heads/side", "s", "side");
	assert_at(&yard, "refs/tags/v1", "s", "v1");
	assert_string_equal(here(&yard, "refs/heads/trunk"), "");
	const char *const head_only[] = {"HEAD", "trunk"};
	import_as(&yard, (struct import_options){.path = yard_path(&yard, "s"), .revisions = head_only, .revision_count = 1});
	assert_at(&yard, "refs/heads/trunk", "s", "HEAD");
	assert_int_equal(workspace_head_get(yard.agent, head), 0);
	assert_string_equal(head, "refs/heads/trunk");
	run(&yard, "cd s && git checkout -q side");
	import_as(&yard, (struct import_options){.path = yard_path(&yard, "s")});
	assert_int_equal(workspace_head_get(yard.agent, head), 0);
	assert_string_equal(head, "refs/heads/side"); /* the other branch is still there */
	const char *const wrong[] = {"nowhere", NULL};
	assert_refused(&yard, (struct import_options){.path = yard_path(&yard, "s"), .revisions = wrong}, ERR_NOT_FOUND,
		       "\"nowhere\"");
	yard_close(&yard);
}

static void test_a_revision_without_a_name_brings_objects_only(void **state)
{
	struct yard yard;
	const struct commit *commit;
	(void)state;
	yard_open(&yard);
	run(&yard, "git init -q s && cd s && git commit -q --allow-empty -m 1 && git commit -q --allow-empty -m 2");
	char *id = yard_run(&yard, "git -C s rev-parse HEAD~1");
	id[strcspn(id, "\n")] = 0;
	const char *const revisions[] = {id, NULL};
	struct import_result result =
		import_as(&yard, (struct import_options){.path = yard_path(&yard, "s"), .revisions = revisions});
	assert_int_equal(result.objects, 2);
	assert_int_equal(result.refs, 0);
	assert_int_equal(workspace_find(yard.agent, id, &commit), 0);
	free(id);
	yard_close(&yard);
}

static void test_a_prefix_keeps_refs_apart_and_follows_them_anywhere(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	run(&yard, "git init -q -b main s && cd s && git commit -q --allow-empty -m 1 && git commit -q --allow-empty -m 2");
	struct import_options options = {.path = yard_path(&yard, "s"), .ref_prefix = "refs/from/s/"};
	import_as(&yard, options);
	assert_at(&yard, "refs/from/s/heads/main", "s", "main");
	assert_int_equal(ref_count(&yard), 1);
	run(&yard, "cd s && git reset -q --hard HEAD~1 && git commit -q --allow-empty -m other");
	options.path = yard_path(&yard, "s");
	import_as(&yard, options);
	assert_at(&yard, "refs/from/s/heads/main", "s", "main");
	yard_close(&yard);
}

static void test_work_that_was_done_here_is_not_moved_away(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	run(&yard, "git init -q -b main s && cd s && git commit -q --allow-empty -m 1 && git branch other");
	yard_import(&yard, "s");
	yard_commit(&yard, "refs/heads/main", "mine", "made here\n");
	char ours[OID_HEX_BYTES];
	memcpy(ours, here(&yard, "refs/heads/main"), sizeof(ours));
	/* Ahead of the source is fine, and stays. */
	yard_import(&yard, "s");
	assert_string_equal(here(&yard, "refs/heads/main"), ours);
	run(&yard, "cd s && git commit -q --allow-empty -m theirs && git branch -f other");
	char before[OID_HEX_BYTES];
	memcpy(before, here(&yard, "refs/heads/other"), sizeof(before));
	assert_refused(&yard, (struct import_options){.path = yard_path(&yard, "s")}, ERR_CONFLICT, "refs/heads/main");
	assert_string_equal(here(&yard, "refs/heads/main"), ours);
	assert_string_equal(here(&yard, "refs/heads/other"), before);
	yard_close(&yard);
}

/* ---- histories that end early ---- */

static void test_depth_leaves_parents_out(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	run(&yard, "git init -q -b main s && cd s && for i in 1 2 3 4; do echo $i >f; git add f; git commit -qm $i; done");
	struct import_options options = {.path = yard_path(&yard, "s"), .depth = 2};
	assert_int_equal(import_as(&yard, options).objects, 6);
	workspace_begin(yard.agent);
	const struct commit *commit;
	assert_int_equal(workspace_find(yard.agent, "main~1", &commit), 0);
	assert_int_equal(commit_parent_count(commit), 1);
	assert_null(commit_parent(commit, 0));
	workspace_end(yard.agent);
	/* What was cut off stays cut off, and that is said. */
	options = (struct import_options){.path = yard_path(&yard, "s"), .depth = 3};
	assert_refused(&yard, options, ERR_STATE, "without its parents");
	options.depth = 0;
	assert_refused(&yard, options, ERR_STATE, "without its parents");
	yard_close(&yard);
}

static void test_the_whole_depth_is_the_shortest_way(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	/* main: M joins a long and a short way to the root. */
	run(&yard, "git init -q -b main s && cd s && git commit -q --allow-empty -m root && git branch short &&"
		   "for i in 1 2 3; do git commit -q --allow-empty -m $i; done && git merge -q --no-ff -m short short^{} ;"
		   "git checkout -q -b m && git commit -q --allow-empty -m top");
	char *tree = yard_run(&yard, "cd s && git commit-tree -p main -p short -m M main^{tree}");
	tree[strcspn(tree, "\n")] = 0;
	free(yard_run(&yard, "git -C s update-ref refs/heads/both %s", tree));
	free(tree);
	const char *const both[] = {"both", NULL};
	struct import_options options = {.path = yard_path(&yard, "s"), .revisions = both, .depth = 2};
	import_as(&yard, options);
	free(yard_run(&yard, "git clone -q --bare --depth 2 --branch both file://%s/s shallow", yard.folder));
	yard_export(&yard, "copy");
	char *theirs = yard_run(&yard, "git -C shallow rev-list both | sort"),
	     *ours = yard_run(&yard, "git -C copy rev-list both | sort");
	assert_string_equal(ours, theirs);
	free(theirs);
	free(ours);
	yard_fsck(&yard, "copy");
	yard_close(&yard);
}

static void test_a_shallow_source_is_taken_as_it_is(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	yard_history(&yard, "source", 6, 80);
	free(yard_run(&yard, "git clone -q --mirror --depth 5 file://%s/source cut 2>&1", yard.folder));
	yard_import(&yard, "cut");
	assert_int_equal(yard_import(&yard, "cut").objects, 0);
	yard_export(&yard, "copy");
	yard_same(&yard, "cut", "copy");
	yard_fsck(&yard, "copy");
	char *theirs = yard_run(&yard, "sort cut/shallow"), *ours = yard_run(&yard, "sort copy/shallow");
	assert_string_equal(ours, theirs);
	free(theirs);
	free(ours);
	yard_close(&yard);
}

/* ---- damage ---- */

static void test_a_missing_object_is_named_and_nothing_has_changed(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	run(&yard, "git init -q -b main s && cd s && echo 1 >f && git add f && git commit -qm 1 && git branch fine &&"
		   "echo 2 >f && git commit -qam 2");
	char *blob = yard_run(&yard, "cd s && git rev-parse main:f | tr -d '\\n' && rm .git/objects/$(git rev-parse main:f | "
				     "sed 's|^..|&/|')");
	assert_refused(&yard, (struct import_options){.path = yard_path(&yard, "s")}, ERR_CORRUPT, blob);
	assert_int_equal(ref_count(&yard), 0);
	free(blob);
	yard_close(&yard);
}

static void test_a_changed_object_is_named_and_nothing_has_changed(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	run(&yard, "git init -q -b main s && cd s && echo 1 >f && git add f && git commit -qm 1");
	/* A sound object under the name of another: only its hash can tell. */
	char *blob = yard_run(&yard, "cd s && o=$(git rev-parse main:f) && p=$(echo 2 | git hash-object -w --stdin) &&"
				     "cd .git/objects && chmod u+w $(echo $o | sed 's|^..|&/|') &&"
				     "cp -f $(echo $p | sed 's|^..|&/|') $(echo $o | sed 's|^..|&/|') && echo $o | tr -d '\\n'");
	assert_refused(&yard, (struct import_options){.path = yard_path(&yard, "s")}, ERR_CORRUPT, blob);
	assert_int_equal(ref_count(&yard), 0);
	free(blob);
	/* Bytes that are no object at all. */
	run(&yard, "cd s/.git/objects && f=$(git rev-parse main: | sed 's|^..|&/|') && chmod u+w $f && echo garbage >$f");
	assert_refused(&yard, (struct import_options){.path = yard_path(&yard, "s")}, ERR_CORRUPT, "cannot be read");
	yard_close(&yard);
}

static void test_what_is_no_repository_is_said_to_be_none(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	run(&yard, "mkdir nothing && mkdir -p inside/s && git init -q inside");
	assert_refused(&yard, (struct import_options){.path = yard_path(&yard, "nothing")}, ERR_NOT_FOUND, "no git repository");
	assert_refused(&yard, (struct import_options){.path = yard_path(&yard, "inside/s")}, ERR_NOT_FOUND, "no git repository");
	assert_refused(&yard, (struct import_options){.path = yard_path(&yard, "absent")}, ERR_NOT_FOUND, "no git repository");
	yard_close(&yard);
}

static void test_ids_that_are_not_sha1_are_refused(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	run(&yard, "git init -q --object-format=sha256 s && cd s && git commit -q --allow-empty -m 1");
	assert_refused(&yard, (struct import_options){.path = yard_path(&yard, "s")}, ERR_NEWER, "SHA-1");
	yard_close(&yard);
}

/* Nothing in it is run, so it does not matter whose it is. */
static void test_the_repository_of_another_user_can_be_read(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	if (geteuid() != 0) {
		yard_close(&yard);
		skip();
	}
	run(&yard, "git init -q -b main s && cd s && git commit -q --allow-empty -m 1 && chown -R 12345 .");
	assert_int_equal(yard_import(&yard, "s").refs, 1);
	yard_close(&yard);
}

static void test_a_repository_with_worktree_settings_can_be_read(void **state)
{
	struct yard yard;
	(void)state;
	yard_open(&yard);
	run(&yard, "git init -q -b main s && cd s && git commit -q --allow-empty -m 1 && git sparse-checkout set --cone a");
	assert_int_equal(yard_import(&yard, "s").refs, 1);
	yard_close(&yard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_imported_and_exported_is_the_same),
		cmocka_unit_test(test_it_does_not_matter_how_the_source_is_kept),
		cmocka_unit_test(test_a_second_import_brings_what_is_new),
		cmocka_unit_test(test_what_came_in_is_there_after_the_process),
		cmocka_unit_test(test_revisions_bring_what_they_lead_to),
		cmocka_unit_test(test_a_revision_without_a_name_brings_objects_only),
		cmocka_unit_test(test_a_prefix_keeps_refs_apart_and_follows_them_anywhere),
		cmocka_unit_test(test_work_that_was_done_here_is_not_moved_away),
		cmocka_unit_test(test_depth_leaves_parents_out),
		cmocka_unit_test(test_the_whole_depth_is_the_shortest_way),
		cmocka_unit_test(test_a_shallow_source_is_taken_as_it_is),
		cmocka_unit_test(test_a_missing_object_is_named_and_nothing_has_changed),
		cmocka_unit_test(test_a_changed_object_is_named_and_nothing_has_changed),
		cmocka_unit_test(test_what_is_no_repository_is_said_to_be_none),
		cmocka_unit_test(test_ids_that_are_not_sha1_are_refused),
		cmocka_unit_test(test_the_repository_of_another_user_can_be_read),
		cmocka_unit_test(test_a_repository_with_worktree_settings_can_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
