/* SPDX-License-Identifier: MIT
 *
 * Trees become folders and folders trees, as git would have it.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/workspace/exchange/place.h"

static void assert_same_tree(const struct tree *a, const struct tree *b)
{
	char of_a[OID_HEX_BYTES], of_b[OID_HEX_BYTES];

	oid_print(tree_id(a), of_a);
	oid_print(tree_id(b), of_b);
	assert_string_equal(of_a, of_b);
}

static void test_what_is_materialised_is_harvested_again(void **state)
{
	unsigned rounds = getenv("HARVEST_ROUNDS") ? (unsigned)atoi(getenv("HARVEST_ROUNDS")) : 40;

	(void)state;
	for (unsigned seed = 1; seed <= rounds; seed++) {
		struct yard yard;
		yard_open(&yard);
		const struct tree *tree = place_tree(&yard, seed, seed % 7 ? seed % 60 + 1 : 200);
		int folder = place_open(&yard, "f");
		uint64_t files = 0;
		struct harvest_result result;
		if (workspace_materialise(yard.agent, tree, folder, &files))
			fail_msg("seed %u: %s", seed, workspace_sentence(yard.agent));
		struct workspace_figures before, after;
		workspace_measure(yard.workspace, &before);
		const struct tree *again = place_harvest(&yard, folder, &(struct harvest_options){.base = tree}, &result);
		workspace_measure(yard.workspace, &after);
		assert_ptr_equal(again, tree); /* the very nodes */
		assert_int_equal(before.object_count, after.object_count);
		assert_int_equal(result.files, files);
		assert_int_equal(result.skipped, 0);
		assert_same_tree(place_harvest(&yard, folder, &(struct harvest_options){0}, &result), tree);
		close(folder);
		yard_close(&yard);
	}
}

/* The umask of whoever runs it does not matter, and what git does not keep of a mode is what git would make. */
static void test_modes_are_exact(void **state)
{
	struct yard yard;
	uint64_t files;
	struct stat info;
	char target[16] = "";

	(void)state;
	yard_open(&yard);
	struct workspace_edit edits[] = {{"d/file", MODE_FILE, {(const uint8_t *)"x", 1}, NULL},
					 {"d/run", MODE_EXECUTABLE, {(const uint8_t *)"y", 1}, NULL},
					 {"d/link", MODE_SYMLINK, {(const uint8_t *)"/etc", 4}, NULL}};
	const struct tree *tree = NULL;
	assert_int_equal(workspace_tree_edit(yard.agent, NULL, edits, 3, &tree), 0);
	int folder = place_open(&yard, "f");
	mode_t old = umask(077);
	assert_int_equal(workspace_materialise(yard.agent, tree, folder, &files), 0);
	umask(old);
	assert_int_equal(files, 3);
	assert_int_equal(fstatat(folder, "d", &info, 0), 0);
	assert_int_equal(info.st_mode, S_IFDIR | 0755);
	assert_int_equal(fstatat(folder, "d/file", &info, 0), 0);
	assert_int_equal(info.st_mode, S_IFREG | 0644);
	assert_int_equal(fstatat(folder, "d/run", &info, 0), 0);
	assert_int_equal(info.st_mode, S_IFREG | 0755);
	assert_int_equal(readlinkat(folder, "d/link", target, sizeof(target)), 4);
	assert_string_equal(target, "/etc");
	close(folder);
	yard_close(&yard);
}

static void test_a_folder_that_is_not_empty_is_refused_and_left_alone(void **state)
{
	struct yard yard;
	uint64_t files;

	(void)state;
	yard_open(&yard);
	const struct tree *tree = place_tree(&yard, 1, 3);
	int folder = place_open(&yard, "f");
	assert_int_equal(mkdirat(folder, "there", 0755), 0);
	assert_int_equal(workspace_materialise(yard.agent, tree, folder, &files), ERR_STATE);
	assert_string_equal(workspace_sentence(yard.agent), "the folder has 1 entries; a tree is written into an empty one");
	assert_int_equal(unlinkat(folder, "there", AT_REMOVEDIR), 0);
	close(folder);
	yard_close(&yard);
}

/* A link whose target no file system takes comes last; what was written before it is taken away again. */
static void test_a_tree_that_cannot_be_written_leaves_nothing_behind(void **state)
{
	struct yard yard;
	uint64_t files;

	(void)state;
	yard_open(&yard);
	struct workspace_edit edits[] = {{"a/b/c", MODE_FILE, {(const uint8_t *)"x", 1}, NULL},
					 {"b", MODE_FILE, {(const uint8_t *)"x", 1}, NULL},
					 {"z/z", MODE_SYMLINK, {(const uint8_t *)"a\0b", 3}, NULL}};
	const struct tree *tree = NULL;
	assert_int_equal(workspace_tree_edit(yard.agent, NULL, edits, 3, &tree), 0);
	int folder = place_open(&yard, "f");
	assert_int_equal(workspace_materialise(yard.agent, tree, folder, &files), ERR_MALFORMED);
	assert_non_null(strstr(workspace_sentence(yard.agent), "\"z/z\": is a link with a target"));
	assert_int_equal(yard_try(&yard, "test -z \"$(ls -A f)\""), 0);
	close(folder);
	yard_close(&yard);
}

/* ---- as git does ---- */

static void check_git(struct yard *yard, const char *name, int folder, const struct harvest_options *options,
		      const char *arguments, unsigned seed)
{
	struct harvest_result result;
	char ours[OID_HEX_BYTES], theirs[OID_HEX_BYTES];

	oid_print(tree_id(place_harvest(yard, folder, options, &result)), ours);
	place_git_tree(yard, name, arguments, theirs);
	if (strcmp(ours, theirs) != 0)
		fail_msg("seed %u: %s is what git has, %s was harvested", seed, theirs, ours);
}

static void test_a_harvest_is_what_git_adds(void **state)
{
	unsigned rounds = getenv("HARVEST_GIT") ? (unsigned)atoi(getenv("HARVEST_GIT")) : 20;

	(void)state;
	for (unsigned seed = 1; seed <= rounds; seed++) {
		struct yard yard;
		uint64_t files;
		yard_open(&yard);
		const struct tree *tree = place_tree(&yard, seed * 3, 80);
		int folder = place_open(&yard, "f");
		struct harvest_options options = {.base = tree};
		assert_int_equal(workspace_materialise(yard.agent, tree, folder, &files), 0);
		check_git(&yard, "f", folder, &options, "-f", seed);
		place_change(folder, seed * 5, 60);
		check_git(&yard, "f", folder, &options, "-f", seed);
		options.base = NULL;
		check_git(&yard, "f", folder, &options, "-f", seed);
		close(folder);
		yard_close(&yard);
	}
}

static const struct tree *tree_with_ignores(struct yard *yard, unsigned seed)
{
	static const char *const lines[] = {"a\n",      "!a\n",       "b/\n",     "*.b\n",       "/src\n",        "src/**\n",
					    "**/a-b\n", "a/**/b\n",   "!a.b\n",   "[ab]\n",      "?\n",           "\\!n\n",
					    "\\#c\n",   "trail\\ \n", "*\n!*/\n", "ab/\n!ab/\n", "git*\n!gitx\n", "o'k\r\n",
					    "src.c \n", "# a\n\nb\n", "/*/b\n",   "\\*\n",       "a/b/\n!/a/b/\n"};
	const struct tree *tree = place_tree(yard, seed, 60);
	static const char *const where[] = {".gitignore", "a/.gitignore", "b/.gitignore", "src/a/.gitignore"};

	for (unsigned i = 0; i < 4; i++) {
		char text[256] = "";
		for (unsigned j = place_chance(&seed, 5); j > 0; j--)
			strcat(text, lines[place_chance(&seed, sizeof(lines) / sizeof(*lines))]);
		struct workspace_edit edit = {where[i], MODE_FILE, {(const uint8_t *)text, (uint32_t)strlen(text)}, NULL};
		assert_int_equal(workspace_tree_edit(yard->agent, tree, &edit, 1, &tree), 0);
	}
	return tree;
}

static void test_a_harvest_leaves_out_what_git_ignores(void **state)
{
	unsigned rounds = getenv("HARVEST_GIT") ? (unsigned)atoi(getenv("HARVEST_GIT")) : 40;

	(void)state;
	for (unsigned seed = 1; seed <= rounds; seed++) {
		struct yard yard;
		uint64_t files;
		char hex[OID_HEX_BYTES];
		yard_open(&yard);
		const struct tree *tree = tree_with_ignores(&yard, seed * 11);
		int folder = place_open(&yard, "f");
		struct harvest_options options = {.base = tree, .skip_ignored = true};
		assert_int_equal(workspace_materialise(yard.agent, tree, folder, &files), 0);
		place_git_tree(&yard, "f", "-f", hex); /* all of base is tracked */
		place_change(folder, seed * 13, 60);
		/* What stands in the way of a .gitignore is gone; git reads those of the folder, and we those of base. */
		if (!yard_try(&yard, "cd f && for i in .gitignore a/.gitignore b/.gitignore src/a/.gitignore; do test -f $i || "
				     "exit 1; done"))
			check_git(&yard, "f", folder, &options, "", seed);
		close(folder);
		yard_close(&yard);
	}
}

/* What was a file and is a folder, or the reverse, where its name is ignored. */
static void test_what_is_ignored_changes_its_kind_as_in_git(void **state)
{
	static const char *const changes[] = {
		"rm -r a && echo new >a",
		"rm b && mkdir b && echo new >b/c",
		"rm -r a && mkdir a && echo new >a/new",
		"rm -r a && ln -s b a",
		"rm b && mkdir -p b/d && echo new >b/d/keep",
		"echo new >a/f; echo new >a/g; mkdir a/h; echo new >a/h/i",
		"chmod +x b a/f",
		"mkdir -p c/a && echo new >c/a/f && echo new >c/b",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct yard yard;
		char hex[OID_HEX_BYTES];
		struct harvest_result result;
		yard_open(&yard);
		free(yard_run(&yard, "mkdir -p f/a/e && cd f && printf 'a\nb\n!keep\n' >.gitignore && echo x >a/f && echo x "
				     ">a/e/f && echo x >b"));
		place_git_tree(&yard, "f", "-f", hex);
		int folder = place_open(&yard, "f");
		struct harvest_options options = {.base = place_harvest(&yard, folder, &(struct harvest_options){0}, &result),
						  .skip_ignored = true};
		free(yard_run(&yard, "cd f && { %s; }", changes[i]));
		check_git(&yard, "f", folder, &options, "", (unsigned)i);
		close(folder);
		yard_close(&yard);
	}
}

/* ---- submodules ---- */

static void test_where_base_has_a_submodule_it_stays(void **state)
{
	struct yard yard;
	struct oid id;
	uint64_t files;
	struct harvest_result result;

	(void)state;
	yard_open(&yard);
	assert_int_equal(oid_parse("1234567890123456789012345678901234567890", &id), 0);
	struct workspace_edit edits[] = {{"lib/sub", MODE_SUBMODULE, {NULL, 0}, &id},
					 {"file", MODE_FILE, {(const uint8_t *)"x", 1}, NULL}};
	const struct tree *tree = NULL;
	assert_int_equal(workspace_tree_edit(yard.agent, NULL, edits, 2, &tree), 0);
	int folder = place_open(&yard, "f");
	struct harvest_options options = {.base = tree};
	assert_int_equal(workspace_materialise(yard.agent, tree, folder, &files), 0);
	assert_int_equal(files, 1);
	assert_ptr_equal(place_harvest(&yard, folder, &options, &result), tree);
	free(yard_run(&yard, "git init -q f/lib/sub && echo y >f/lib/sub/y"));
	assert_ptr_equal(place_harvest(&yard, folder, &options, &result), tree);
	options.base = NULL;
	assert_int_equal(workspace_harvest(yard.agent, folder, &options, &tree, &result), ERR_MALFORMED);
	assert_string_equal(
		workspace_sentence(yard.agent),
		"\"lib/sub/.git\": is a repository of its own; without a submodule at its folder it is not harvested");
	close(folder);
	yard_close(&yard);
}

/* ---- how long ---- */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_a_thousand_files_are_soon_read(void **state)
{
	struct yard yard;
	struct harvest_result result;
	uint64_t files;

	(void)state;
	yard_open(&yard);
	free(yard_run(&yard,
		      "mkdir f && cd f && for a in 0 1 2 3 4 5 6 7 8 9; do for b in 0 1 2 3 4 5 6 7 8 9; do mkdir -p $a/$b; "
		      "for c in 0 1 2 3 4 5 6 7 8 9; do printf '%%1000s%%s' x $a$b$c >$a/$b/$c; done; done; done"));
	int folder = place_open(&yard, "f");
	double begin = seconds();
	const struct tree *tree = place_harvest(&yard, folder, NULL, &result);
	double first = seconds();
	assert_ptr_equal(place_harvest(&yard, folder, &(struct harvest_options){.base = tree}, &result), tree);
	double second = seconds();
	int other = place_open(&yard, "g");
	assert_int_equal(workspace_materialise(yard.agent, tree, other, &files), 0);
	print_message("1,000 files: harvested in %.1f ms, unchanged in %.1f ms, materialised in %.1f ms\n", (first - begin) * 1e3,
		      (second - first) * 1e3, (seconds() - second) * 1e3);
	assert_int_equal(result.files, 1000);
	assert_int_equal(files, 1000);
	close(other);
	close(folder);
	yard_close(&yard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_materialised_is_harvested_again),
		cmocka_unit_test(test_modes_are_exact),
		cmocka_unit_test(test_a_folder_that_is_not_empty_is_refused_and_left_alone),
		cmocka_unit_test(test_a_tree_that_cannot_be_written_leaves_nothing_behind),
		cmocka_unit_test(test_a_harvest_is_what_git_adds),
		cmocka_unit_test(test_a_harvest_leaves_out_what_git_ignores),
		cmocka_unit_test(test_what_is_ignored_changes_its_kind_as_in_git),
		cmocka_unit_test(test_where_base_has_a_submodule_it_stays),
		cmocka_unit_test(test_a_thousand_files_are_soon_read),
	};

	return cmocka_run_group_tests_name("harvest", tests, NULL, NULL);
}
