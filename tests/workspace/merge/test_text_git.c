/* SPDX-License-Identifier: MIT
 *
 * Random texts, compared and merged as git compares and merges them: thousands of files in each question.
 *
 *   TEXT_GIT_CASES   how many random cases (4,000)
 *   TEXT_GIT_FROM    the number of the first
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
#include "tests/workspace/merge/text_cases.h"
#include "workspace/merge/patch_hunks.h"
#include "workspace/sha1.h"

#define BATCH 2000u

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

/* Some of each kind; those that take long are rare. */
static struct text_merge case_of(uint64_t number)
{
	struct text_merge merge = number % 1000 == 999 ? text_case_new_far(number / 1000)
				  : number % 5 == 0    ? text_case_new_long(number)
				  : number % 5 == 1    ? text_case_new_code(number)
						       : text_case_new(number);

	merge.algorithm = TEXT_HISTOGRAM;
	return merge;
}

static void import(struct git_batch *batch, uint64_t from, uint64_t count)
{
	static const char *const branches[] = {"base", "ours", "theirs"};
	char path[32];

	for (size_t branch = 0; branch < 3; branch++) {
		git_batch_commit(batch, branches[branch], branch > 0 ? "base" : NULL);
		for (uint64_t number = from; number < from + count; number++) {
			struct text_merge merge = case_of(number);
			const struct bytes texts[] = {merge.base, merge.ours, merge.theirs};
			snprintf(path, sizeof(path), "%" PRIu64, number);
			git_batch_file(batch, "100644", path, texts[branch]);
			text_case_free(&merge);
		}
	}
	git_batch_imported(batch);
}

/* ---- merges ---- */

static void name_blob(const void *at, size_t bytes, char out_hex[2 * SHA1_BYTES + 1])
{
	char header[32];
	int header_bytes = snprintf(header, sizeof(header), "blob %zu", bytes) + 1;
	struct sha1_span spans[] = {{header, (size_t)header_bytes}, {at, bytes}};
	uint8_t hash[SHA1_BYTES];

	sha1_of(spans, bytes > 0 ? 2 : 1, hash);
	for (size_t i = 0; i < SHA1_BYTES; i++)
		snprintf(out_hex + 2 * i, 3, "%02x", hash[i]);
}

/* What git merge-tree leaves in the tree. */
static enum text_outcome expect(const struct text_merge *merge, struct buffer *out)
{
	struct text_marks marks = {.ours_label = "ours", .theirs_label = "theirs"};
	struct text_conflicts conflicts = {0};
	enum text_outcome outcome;
	size_t count;

	assert_int_equal(text_merge(merge, &outcome, out, &conflicts), 0);
	if (outcome == TEXT_OURS || outcome == TEXT_BINARY)
		assert_int_equal(buffer_append(out, merge->ours.at, merge->ours.bytes), 0);
	if (outcome == TEXT_THEIRS)
		assert_int_equal(buffer_append(out, merge->theirs.at, merge->theirs.bytes), 0);
	if (outcome == TEXT_CONFLICTS) {
		out->bytes = 0;
		assert_int_equal(text_merge_marked(merge, &marks, out, &count), 0);
		assert_true(count > 0);
	}
	text_conflicts_release(&conflicts);
	return outcome;
}

static uint64_t check_tree(struct git_batch *batch, uint64_t counts[])
{
	char tree[64], command[128], id[41], expected[41];
	FILE *output = git_batch_run(batch, "merge-tree --write-tree --no-messages --name-only ours theirs");
	uint64_t number, seen = 0;

	assert_int_equal(fscanf(output, "%63s", tree), 1);
	git_batch_done(output);
	snprintf(command, sizeof(command), "ls-tree -r %s", tree);
	output = git_batch_run(batch, command);
	while (fscanf(output, "100644 blob %40s %" SCNu64 "\n", id, &number) == 2) {
		struct text_merge merge = case_of(number);
		struct buffer out = {0};
		enum text_outcome outcome = expect(&merge, &out);
		name_blob(out.at, out.bytes, expected);
		if (strcmp(id, expected) != 0)
			fail_msg("case %" PRIu64
				 " (outcome %d) is merged otherwise than git does (TEXT_GIT_CASES=1 TEXT_GIT_FROM=%" PRIu64 ")",
				 number, (int)outcome, number);
		counts[outcome]++;
		seen++;
		buffer_release(&out);
		text_case_free(&merge);
	}
	git_batch_done(output);
	return seen;
}

static void test_random_merges_are_those_of_git_merge_tree(void **state)
{
	uint64_t cases = setting("TEXT_GIT_CASES", 4000), from = setting("TEXT_GIT_FROM", 1), counts[TEXT_BINARY + 1] = {0};

	(void)state;
	for (uint64_t done = 0; done < cases; done += BATCH) {
		uint64_t count = cases - done < BATCH ? cases - done : BATCH;
		struct git_batch batch;
		git_batch_new(&batch);
		import(&batch, from + done, count);
		assert_int_equal(check_tree(&batch, counts), count);
		git_batch_free(&batch);
	}
	print_message("%" PRIu64 " cases: %" PRIu64 " ours, %" PRIu64 " theirs, %" PRIu64 " spliced, %" PRIu64
		      " compared, %" PRIu64 " in conflict, %" PRIu64 " not text\n",
		      cases, counts[TEXT_OURS], counts[TEXT_THEIRS], counts[TEXT_SPLICED], counts[TEXT_MERGED],
		      counts[TEXT_CONFLICTS], counts[TEXT_BINARY]);
	for (size_t i = 0; i <= TEXT_BINARY && cases >= 4000; i++)
		assert_true(counts[i] >= cases / 2000); /* a kind that never comes up is not tested */
}

/* ---- comparisons ---- */

/* The changes of one file in git's patch, from its @@ lines and what follows; the line after them is read. */
static size_t read_changes(FILE *patch, char **line, size_t *room, struct text_change *out_changes, size_t max)
{
	size_t count = 0, i, j, old_lines, new_lines;

	while (strncmp(*line, "@@ -", 4) == 0) {
		char *at = *line + 4;
		bool is_open = false;
		i = strtoull(at, &at, 10);
		old_lines = *at == ',' ? strtoull(at + 1, &at, 10) : 1;
		j = strtoull(at + 2, &at, 10);
		new_lines = *at == ',' ? strtoull(at + 1, &at, 10) : 1;
		i -= old_lines > 0;
		j -= new_lines > 0;
		for (size_t i_end = i + old_lines, j_end = j + new_lines; getline(line, room, patch) > 0;) {
			char kind = (*line)[0];
			if (kind == '\\')
				continue;
			if (i == i_end && j == j_end)
				break;
			if (kind != ' ' && !is_open) {
				assert_true(count < max);
				out_changes[count++] = (struct text_change){{i, i}, {j, j}};
			}
			is_open = kind != ' ';
			i += kind != '+';
			j += kind != '-';
			if (is_open) {
				out_changes[count - 1].old.end = i;
				out_changes[count - 1].new.end = j;
			}
		}
		if (feof(patch))
			(*line)[0] = 0;
	}
	return count;
}

static void check_changes(uint64_t number, enum text_algorithm algorithm, bool indent, const struct text_change *changes,
			  size_t count)
{
	struct text_merge merge = case_of(number);
	const struct bytes texts[] = {merge.base, merge.ours};
	struct text_script script = {0};
	struct text_differ *differ;
	struct text_lines lines[2];
	uint32_t numbers;

	assert_int_equal(text_lines_read(texts, 2, lines, &numbers), 0);
	assert_int_equal(text_differ_new(numbers, &differ), 0);
	assert_int_equal(text_diff(differ, (struct text_part){&lines[0], {0, lines[0].count}},
				   (struct text_part){&lines[1], {0, lines[1].count}}, algorithm, indent, &script),
			 0);
	if (script.count != count || memcmp(script.at, changes, count * sizeof(*changes)) != 0)
		fail_msg("case %" PRIu64 ": compared otherwise than git does", number);
	text_script_release(&script);
	text_differ_free(differ);
	text_lines_release(&lines[0]);
	text_lines_release(&lines[1]);
	text_case_free(&merge);
}

static uint64_t check_patch(struct git_batch *batch, const char *command, enum text_algorithm algorithm, bool indent)
{
	static struct text_change changes[100000];
	FILE *patch = git_batch_run(batch, command);
	size_t room = 4096;
	char *line = malloc(room);
	uint64_t number = 0, seen = 0;

	assert_non_null(line);
	assert_true(getline(&line, &room, patch) > 0);
	while (!feof(patch) && line[0]) {
		if (strncmp(line, "diff --git a/", 13) == 0)
			number = strtoull(line + 13, NULL, 10);
		if (strncmp(line, "@@ -", 4) == 0) {
			size_t count = read_changes(patch, &line, &room, changes, sizeof(changes) / sizeof(changes[0]));
			check_changes(number, algorithm, indent, changes, count);
			seen++;
		} else if (getline(&line, &room, patch) < 0) {
			break;
		}
	}
	free(line);
	git_batch_done(patch);
	return seen;
}

/* (Without context, git cuts off what both end with before it compares.) */
static void test_random_comparisons_are_those_of_git_diff(void **state)
{
	uint64_t cases = setting("TEXT_GIT_CASES", 4000), from = setting("TEXT_GIT_FROM", 1), seen = 0;

	(void)state;
	for (uint64_t done = 0; done < cases; done += BATCH) {
		uint64_t count = cases - done < BATCH ? cases - done : BATCH;
		struct git_batch batch;
		git_batch_new(&batch);
		import(&batch, from + done, count);
		seen += check_patch(&batch, "diff-tree -p -U1 --text --histogram --no-indent-heuristic base ours", TEXT_HISTOGRAM,
				    false);
		seen += check_patch(&batch, "diff-tree -p -U1 --text base ours", TEXT_MYERS, true);
		seen += check_patch(&batch, "diff-tree -p -U1 --text --histogram base ours", TEXT_HISTOGRAM, true);
		git_batch_free(&batch);
	}
	assert_true(seen > cases);
	print_message("%" PRIu64 " comparisons\n", seen);
}

/* ---- hunks ---- */

static void check_hunks(uint64_t number, const struct buffer *found, unsigned context)
{
	struct text_merge merge = case_of(number);
	struct buffer expected = {0};

	assert_int_equal(patch_hunks_append(merge.base, merge.ours, context, &expected), 0);
	if (found->bytes != expected.bytes || memcmp(found->at, expected.at, found->bytes) != 0)
		fail_msg("case %" PRIu64 ": hunks with %u lines of context are not those of git", number, context);
	buffer_release(&expected);
	text_case_free(&merge);
}

static uint64_t check_files(struct git_batch *batch, unsigned context)
{
	char command[128], *line = NULL;
	struct buffer hunks = {0};
	uint64_t number = 0, seen = 0;
	size_t room = 0;
	ssize_t bytes;
	FILE *patch;

	snprintf(command, sizeof(command), "diff-tree -p -U%u --text base ours", context);
	patch = git_batch_run(batch, command);
	do {
		bytes = getline(&line, &room, patch);
		if (bytes < 0 || strncmp(line, "diff --git a/", 13) == 0) {
			if (hunks.bytes > 0)
				check_hunks(number, &hunks, context);
			seen += hunks.bytes > 0;
			hunks.bytes = 0;
			number = bytes < 0 ? 0 : strtoull(line + 13, NULL, 10);
		} else if (hunks.bytes > 0 || line[0] == '@') {
			assert_int_equal(buffer_append(&hunks, line, (size_t)bytes), 0);
		}
	} while (bytes >= 0);
	git_batch_done(patch);
	free(line);
	buffer_release(&hunks);
	return seen;
}

static void test_random_hunks_are_those_of_git_diff(void **state)
{
	uint64_t cases = setting("TEXT_GIT_CASES", 4000) / 4, from = setting("TEXT_GIT_FROM", 1), seen = 0;

	(void)state;
	for (uint64_t done = 0; done < cases; done += BATCH) {
		struct git_batch batch;
		git_batch_new(&batch);
		import(&batch, from + done, cases - done < BATCH ? cases - done : BATCH);
		seen += check_files(&batch, 0) + check_files(&batch, 3);
		git_batch_free(&batch);
	}
	assert_true(seen > cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_merges_are_those_of_git_merge_tree),
		cmocka_unit_test(test_random_comparisons_are_those_of_git_diff),
		cmocka_unit_test(test_random_hunks_are_those_of_git_diff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
