/* SPDX-License-Identifier: MIT
 *
 * Renames between random trees, held against `git diff-tree -M`; and what merges ask for besides, by hand.
 *
 *   RENAME_CASES   how many pairs of trees (4,000)
 *   RENAME_FROM    the number of the first
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/workspace/merge/git_batch.h"
#include "tests/workspace/merge/rename_cases.h"
#include "workspace/merge/renames.h"
#include "workspace/sha1.h"

#define BATCH 2000u

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

static struct oid blob_id(struct bytes data)
{
	char header[32];
	struct sha1_span spans[] = {{header, (size_t)snprintf(header, sizeof(header), "blob %u", data.bytes) + 1},
				    {data.at, data.bytes}};
	struct oid id;

	sha1_of(spans, data.bytes > 0 ? 2 : 1, id.bytes);
	return id;
}

/* ---- what went and what came ---- */

struct comparison {
	struct rename_source sources[CASE_FILES_MAX];
	struct rename_target targets[CASE_FILES_MAX];
	size_t source_count, target_count;
	struct renames renames;
};

static bool has(const struct case_tree *tree, const char *path)
{
	for (size_t i = 0; i < tree->count; i++)
		if (strcmp(tree->files[i].path, path) == 0)
			return true;
	return false;
}

static void compare(struct comparison *comparison, const struct case_tree *old, const struct case_tree *new,
		    const struct rename_options *options)
{
	comparison->source_count = comparison->target_count = 0;
	for (size_t i = 0; i < old->count; i++) {
		const struct case_file *file = &old->files[i];
		if (!has(new, file->path))
			comparison->sources[comparison->source_count++] = (struct rename_source){
				file->path, file->mode, blob_id(file->data), file->data, RENAME_NEED_CONTENT};
	}
	for (size_t i = 0; i < new->count; i++) {
		const struct case_file *file = &new->files[i];
		if (!has(old, file->path))
			comparison->targets[comparison->target_count++] =
				(struct rename_target){file->path, file->mode, blob_id(file->data), file->data, 0, 0};
	}
	assert_int_equal(renames_find(options, comparison->sources, comparison->source_count, comparison->targets,
				      comparison->target_count, &comparison->renames),
			 0);
}

/* ---- what git finds ---- */

static void import_tree(struct git_batch *batch, const struct case_tree *tree)
{
	static const char *const kinds[] = {"100644", "100755", "120000"};

	for (size_t i = 0; i < tree->count; i++) {
		const struct case_file *file = &tree->files[i];
		git_batch_file(batch,
			       kinds[file->mode == MODE_EXECUTABLE ? 1
				     : file->mode == MODE_SYMLINK  ? 2
								   : 0],
			       file->path, file->data);
	}
}

/* One history in which every second commit is a case. */
static void import(struct git_batch *batch, uint64_t from, uint64_t count)
{
	static struct case_tree old, new;

	for (uint64_t number = from; number < from + count; number++) {
		rename_case_new(number, &old, &new);
		git_batch_commit(batch, "cases", NULL);
		fputs("deleteall\n", batch->import);
		import_tree(batch, &old);
		fprintf(batch->import, "commit refs/heads/cases\nauthor %" PRIu64 " <a> 1000000000 +0000\n", number);
		fputs("committer a <a> 1000000000 +0000\ndata 0\n\ndeleteall\n", batch->import);
		import_tree(batch, &new);
		case_tree_release(&old);
		case_tree_release(&new);
	}
	git_batch_imported(batch);
}

/* One line of git's for each target that has a source, in the order of targets. */
static void print_expected(const struct comparison *comparison, struct buffer *out)
{
	char line[256];

	for (size_t i = 0; i < comparison->target_count; i++) {
		const struct rename_target *target = &comparison->targets[i];
		int bytes;
		if (target->source == RENAME_NONE)
			continue;
		bytes = snprintf(line, sizeof(line), "R%03u\t%s\t%s\n", (unsigned)(target->score * 100.0 / RENAME_SCORE_MAX),
				 comparison->sources[target->source].path, target->path);
		assert_int_equal(buffer_append(out, line, (size_t)bytes), 0);
	}
	assert_int_equal(buffer_append(out, "", 1), 0);
}

static uint64_t check_case(uint64_t number, const struct buffer *found, const struct rename_options *options)
{
	static struct case_tree old, new;
	static struct comparison comparison;
	struct buffer expected = {0};
	uint64_t renamed = 0;

	rename_case_new(number, &old, &new);
	compare(&comparison, &old, &new, options);
	print_expected(&comparison, &expected);
	if (found->bytes + 1 != expected.bytes || (found->bytes > 0 && memcmp(found->at, expected.at, found->bytes) != 0))
		fail_msg("case %" PRIu64 ": git finds\n%.*s\nand here\n%s", number, (int)found->bytes, (const char *)found->at,
			 (const char *)expected.at);
	for (size_t i = 0; i < comparison.target_count; i++)
		renamed += comparison.targets[i].source != RENAME_NONE;
	renames_release(&comparison.renames);
	buffer_release(&expected);
	case_tree_release(&old);
	case_tree_release(&new);
	return renamed;
}

/* "case N" begins one (the state before it has no number); ":… R100\told\tnew" is a rename. */
static uint64_t check_output(FILE *output, const struct rename_options *options, uint64_t *out_cases)
{
	struct buffer found = {0};
	uint64_t number = 0, renamed = 0;
	char line[512];

	while (fgets(line, sizeof(line), output)) {
		char *status = strstr(line, " R");
		if (strncmp(line, "case ", 5) == 0) {
			if (number > 0)
				renamed += check_case(number, &found, options);
			number = strtoull(line + 5, NULL, 10);
			found.bytes = 0;
			*out_cases += number > 0;
		} else if (line[0] == ':' && status) {
			assert_int_equal(buffer_append(&found, status + 1, strlen(status + 1)), 0);
		}
	}
	if (number > 0)
		renamed += check_case(number, &found, options);
	buffer_release(&found);
	return renamed;
}

static void check_all(const char *arguments, const struct rename_options *options, uint64_t cases)
{
	uint64_t from = setting("RENAME_FROM", 1), seen = 0, renamed = 0;
	char command[512];

	for (uint64_t done = 0; done < cases; done += BATCH) {
		uint64_t count = cases - done < BATCH ? cases - done : BATCH;
		struct git_batch batch;
		FILE *output;
		git_batch_new(&batch);
		import(&batch, from + done, count);
		snprintf(command, sizeof(command), "log -r --raw --no-abbrev --format='case %%an' %s cases", arguments);
		output = git_batch_run(&batch, command);
		renamed += check_output(output, options, &seen);
		git_batch_done(output);
		git_batch_free(&batch);
	}
	assert_int_equal(seen, cases);
	print_message("%" PRIu64 " pairs of trees, %" PRIu64 " renames\n", seen, renamed);
	assert_true(renamed > cases);
}

static void test_renames_between_random_trees_are_those_of_git(void **state)
{
	struct rename_options options = {.limit = RENAME_LIMIT_DIFF};

	(void)state;
	check_all("-M", &options, setting("RENAME_CASES", 4000));
}

static void test_over_the_limit_only_quick_searches_are_made(void **state)
{
	struct rename_options options = {.limit = 3};

	(void)state;
	check_all("-M -l3", &options, setting("RENAME_CASES", 4000) / 4);
}

static void test_files_without_bytes_can_be_left_out(void **state)
{
	struct rename_options options = {.limit = RENAME_LIMIT_DIFF, .skip_empty = true};

	(void)state;
	check_all("-M --no-rename-empty", &options, setting("RENAME_CASES", 4000) / 4);
}

/* ---- by hand ---- */

static const char content[] = "one\ntwo\nthree\n";

static struct rename_source source_at(const char *path, const char *text)
{
	struct bytes data = {.at = (const uint8_t *)text, .bytes = (uint32_t)strlen(text)};

	return (struct rename_source){path, MODE_FILE, blob_id(data), data, RENAME_NEED_CONTENT};
}

static struct rename_target target_at(const char *path, const char *text)
{
	struct bytes data = {.at = (const uint8_t *)text, .bytes = (uint32_t)strlen(text)};

	return (struct rename_target){path, MODE_FILE, blob_id(data), data, 0, 0};
}

/* The one with the right name is the 101st: git does not look so far. */
static void test_of_a_hundred_same_files_the_name_decides(void **state)
{
	static char paths[102][16];
	static struct rename_source sources[102];
	struct rename_options options = {.limit = RENAME_LIMIT_DIFF};

	(void)state;
	for (size_t named = 99; named <= 100; named++) {
		struct rename_target target = target_at("new/name", content);
		struct renames renames;
		for (size_t i = 0; i < 102; i++) {
			snprintf(paths[i], sizeof(paths[i]), i == named ? "z%zu/name" : "z%zu/other", i);
			sources[i] = source_at(paths[i], content);
		}
		assert_int_equal(renames_find(&options, sources, 102, &target, 1, &renames), 0);
		assert_int_equal(target.source, named == 99 ? 99 : 0);
		assert_int_equal(target.score, RENAME_SCORE_MAX);
		renames_release(&renames);
	}
}

static void test_folders_are_counted_as_far_up_as_names_stay(void **state)
{
	struct rename_source sources[] = {source_at("a/b/c/x", "x\n"), source_at("a/b/c/y", "y\n"), source_at("a/b/z", "z\n")};
	struct rename_target targets[] = {target_at("a/d/c/x", "x\n"), target_at("a/d/c/y", "y\n"), target_at("q", "z\n")};
	struct rename_folder folders[] = {
		{"a/b", RENAME_FOLDER_FOR_SELF}, {"a/b/c", RENAME_FOLDER_FOR_PARENT}, {"e", RENAME_FOLDER_NOTHING}};
	struct rename_options options = {.merging = true, .folders = folders, .folder_count = 3};
	static const struct rename_count expected[] = {{"a/b", "a/d", 2}, {"a/b", "", 1}, {"a/b/c", "a/d/c", 2}};
	struct renames renames;

	(void)state;
	assert_int_equal(renames_find(&options, sources, 3, targets, 3, &renames), 0);
	assert_int_equal(renames.count_count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(targets[i].source, i);
		assert_string_equal(renames.counts[i].from, expected[i].from);
		assert_string_equal(renames.counts[i].to, expected[i].to);
		assert_int_equal(renames.counts[i].count, expected[i].count);
	}
	renames_release(&renames);
}

static void test_nothing_to_compare_is_fine(void **state)
{
	struct rename_options options = {.merging = true};
	struct rename_target target = target_at("a", content);
	struct renames renames;

	(void)state;
	assert_int_equal(renames_find(&options, NULL, 0, &target, 1, &renames), 0);
	assert_true(target.source == RENAME_NONE);
	renames_release(&renames);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_renames_between_random_trees_are_those_of_git),
		cmocka_unit_test(test_over_the_limit_only_quick_searches_are_made),
		cmocka_unit_test(test_files_without_bytes_can_be_left_out),
		cmocka_unit_test(test_of_a_hundred_same_files_the_name_decides),
		cmocka_unit_test(test_folders_are_counted_as_far_up_as_names_stay),
		cmocka_unit_test(test_nothing_to_compare_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
