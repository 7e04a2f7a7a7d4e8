/* SPDX-License-Identifier: MIT
 *
 * Merges of one file: by hand where a rule is at stake, by the ten thousand against libgit2, and some against git itself.
 *
 *   TEXT_MERGE_CASES   how many random cases (25,000)
 *   TEXT_MERGE_SPLICES how many more for the fast path alone (100,000)
 *   TEXT_MERGE_GIT     how many of them git itself merges as well (200)
 *   TEXT_MERGE_FROM    the number of the first
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <git2.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/workspace/merge/text_cases.h"
#include "tests/workspace/merge/text_check.h"

static struct bytes text(const char *literal)
{
	return (struct bytes){.at = (const uint8_t *)literal, .bytes = (uint32_t)strlen(literal)};
}

static struct text_merge merge_of(const char *base, const char *ours, const char *theirs)
{
	return (struct text_merge){text(base), text(ours), text(theirs), TEXT_MYERS};
}

static void assert_text(const struct buffer *buffer, const char *expected)
{
	assert_int_equal(buffer->bytes, strlen(expected));
	if (buffer->bytes > 0)
		assert_memory_equal(buffer->at, expected, buffer->bytes);
}

/* The outcome and the text are as said, and libgit2 agrees. */
static void assert_merge(const char *base, const char *ours, const char *theirs, enum text_outcome outcome, const char *expected)
{
	struct text_merge merge = merge_of(base, ours, theirs);
	struct buffer out = {0};
	struct text_conflicts conflicts = {0};
	enum text_outcome found;

	for (unsigned choice = 0; choice < 24; choice++) {
		const char *wrong = text_check(&merge, choice, &found);
		if (wrong)
			fail_msg("%s", wrong);
	}
	assert_int_equal(text_merge(&merge, &found, &out, &conflicts), 0);
	assert_int_equal(found, outcome);
	assert_text(&out, expected);
	buffer_release(&out);
	text_conflicts_release(&conflicts);
}

static void test_changes_at_both_ends_are_spliced(void **state)
{
	(void)state;
	assert_merge("1\n2\n3\n4\n5\n6\n", "one\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\nsix\n", TEXT_SPLICED,
		     "one\n2\n3\n4\n5\nsix\n");
	assert_merge("1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\n", "0\n1\n2\n3\n4\n5\n6\n", TEXT_SPLICED, "0\n1\n2\n3\n4\n5\n");
}

static void test_one_line_between_them_is_enough(void **state)
{
	(void)state;
	assert_merge("1\n2\n3\n", "one\n2\n3\n", "1\n2\nthree\n", TEXT_SPLICED, "one\n2\nthree\n");
	/* what both lines begin with is no line */
	assert_merge("1\n2\n3\n4\n5\n", "1a\n2\n3\n4\n5\n", "1\n2\n3\n4\n5b\n", TEXT_SPLICED, "1a\n2\n3\n4\n5b\n");
	/* all of the base stands at the end of ours, but its first line does not stand there as a line */
	assert_merge("1\n2\n3\n4\n5\n", "x1\n2\n3\n4\n5\n", "1\n2\n3\n4\nfive\n", TEXT_SPLICED, "x1\n2\n3\n4\nfive\n");
}

static void test_lines_that_stand_elsewhere_too_are_compared(void **state)
{
	(void)state;
	/* in the new lines, in the old ones, and at the seam of an insertion and of a removal */
	assert_merge("1\n2\n3\n4\n", "one\n3\n2\n3\n4\n", "1\n2\n3\nfour\n", TEXT_MERGED, "one\n3\n2\n3\nfour\n");
	assert_merge("1\n2\n3\n1\n4\n", "one\n2\n3\n1\n4\n", "1\n2\n3\n1\nfour\n", TEXT_MERGED, "one\n2\n3\n1\nfour\n");
	assert_merge("1\n2\n3\n1\n4\n", "1\nx\n2\n3\n1\n4\n", "1\n2\n3\n1\nfour\n", TEXT_MERGED, "1\nx\n2\n3\n1\nfour\n");
	assert_merge("1\nx\n2\n3\n1\n4\n", "1\n2\n3\n1\n4\n", "1\nx\n2\n3\n1\nfour\n", TEXT_MERGED, "1\n2\n3\n1\nfour\n");
}

static void test_changes_that_touch_are_a_conflict(void **state)
{
	(void)state;
	assert_merge("1\n2\n3\n", "one\n2\n3\n", "1\ntwo\n3\n", TEXT_CONFLICTS, "3\n");
	assert_merge("1\n2\n", "1\na\n2\n", "1\nb\n2\n", TEXT_CONFLICTS, "1\n2\n");
}

/* The new "y\nq\n" of ours goes down over all lines that repeat, and so it stands before W, which theirs changed. */
static void test_a_change_that_slides_to_the_other_is_a_conflict_as_in_git(void **state)
{
	(void)state;
	assert_merge("x\nz\ny\nq\ny\nq\ny\nq\nW\n", "X\nz\ny\nq\ny\nq\ny\nq\ny\nq\nW\n", "x\nz\ny\nq\ny\nq\ny\nq\nV\n",
		     TEXT_CONFLICTS, "X\nz\ny\nq\ny\nq\ny\nq\n");
	assert_merge("X\nz\ny\nq\ny\nq\ny\nq\ny\nq\nW\n", "x\nz\ny\nq\ny\nq\ny\nq\nW\n", "X\nz\ny\nq\ny\nq\ny\nq\ny\nq\nV\n",
		     TEXT_CONFLICTS, "x\nz\ny\nq\ny\nq\ny\nq\n");
}

static void test_one_side_alone_or_both_the_same_need_no_merge(void **state)
{
	(void)state;
	assert_merge("1\n", "1\n", "2\n", TEXT_THEIRS, "");
	assert_merge("1\n", "2\n", "1\n", TEXT_OURS, "");
	assert_merge("1\n", "2\n", "2\n", TEXT_OURS, "");
	assert_merge("", "", "", TEXT_OURS, "");
	assert_merge("1\n", "", "1\n", TEXT_OURS, "");
}

static void test_the_missing_last_newline_is_a_change_of_its_line(void **state)
{
	(void)state;
	assert_merge("1\n2\n3\n4\n5\n6", "one\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5\n6\n", TEXT_SPLICED, "one\n2\n3\n4\n5\n6\n");
	assert_merge("1\n2", "1\n2\n3", "1\n2\n", TEXT_CONFLICTS, "1\n");
	assert_merge("a", "ab", "a\n", TEXT_CONFLICTS, "");
}

static void test_added_by_both_is_a_conflict_unless_the_same(void **state)
{
	(void)state;
	assert_merge("", "1\n2\n", "1\n3\n", TEXT_CONFLICTS, "");
	assert_merge("", "1\n", "1\n", TEXT_OURS, "");
}

static void test_removed_and_changed_is_a_conflict(void **state)
{
	(void)state;
	assert_merge("1\n2\n", "", "1\n3\n", TEXT_CONFLICTS, "");
}

static void test_bytes_that_are_not_text_are_chosen_whole(void **state)
{
	struct text_merge merge = merge_of("1\n", "2\n", "3\n");
	struct text_splice splice;
	static uint8_t late[8001];

	(void)state;
	merge.theirs = (struct bytes){.at = (const uint8_t *)"3\0\n", .bytes = 3};
	assert_int_equal(text_splice(&merge, &splice), TEXT_BINARY);
	merge.ours = merge.base;
	assert_int_equal(text_splice(&merge, &splice), TEXT_THEIRS);
	memset(late, 'a', 8000);
	merge.base = text("1\n");
	merge.ours = text("2\n");
	merge.theirs = (struct bytes){.at = late, .bytes = sizeof(late)};
	assert_int_equal(text_splice(&merge, &splice), TEXT_CONFLICTS); /* one byte later it is text */
	late[7999] = 0;
	assert_int_equal(text_splice(&merge, &splice), TEXT_BINARY);
}

static void test_a_conflict_names_its_lines_in_all_three(void **state)
{
	struct text_merge merge = merge_of("a\nb\nc\nd\ne\nf\n", "a\nB\nBB\nc\nd\ne\nf\n", "a\nb2\nc\nd\ne\nF\n");
	struct buffer out = {0};
	struct text_conflicts conflicts = {0};
	enum text_outcome outcome;

	(void)state;
	assert_int_equal(buffer_append(&out, "kept ", 5), 0);
	assert_int_equal(text_merge(&merge, &outcome, &out, &conflicts), 0);
	assert_int_equal(outcome, TEXT_CONFLICTS);
	assert_text(&out, "kept a\nc\nd\ne\nF\n");
	assert_int_equal(conflicts.count, 1);
	assert_memory_equal(&conflicts.at[0].base, &((struct text_range){1, 1, 2, 2}), sizeof(struct text_range));
	assert_memory_equal(&conflicts.at[0].ours, &((struct text_range){1, 2, 2, 5}), sizeof(struct text_range));
	assert_memory_equal(&conflicts.at[0].theirs, &((struct text_range){1, 1, 2, 3}), sizeof(struct text_range));
	assert_int_equal(conflicts.at[0].offset, 2);
	buffer_release(&out);
	text_conflicts_release(&conflicts);
}

static void test_lines_that_look_like_marks_confuse_nobody(void **state)
{
	(void)state;
	assert_merge("<<<<<<< ours\n=======\n>>>>>>> theirs\n", "<<<<<<< ours\n=======\n=======\n>>>>>>> theirs\n",
		     "<<<<<<< ours\n=======\n|||||||\n>>>>>>> theirs\n", TEXT_CONFLICTS,
		     "<<<<<<< ours\n=======\n>>>>>>> theirs\n");
}

static void test_files_that_repeat_one_line_take_linear_time(void **state)
{
	enum { LINES = 1 << 20 };
	static uint8_t base[LINES + 2], ours[LINES + 6], theirs[LINES + 4];
	struct text_merge merge = {{base, sizeof(base)}, {ours, sizeof(ours)}, {theirs, sizeof(theirs)}, TEXT_MYERS};
	struct text_splice splice;

	(void)state;
	memset(base, '\n', sizeof(base));
	memset(ours, '\n', sizeof(ours));
	memset(theirs, '\n', sizeof(theirs));
	ours[0] = 'a'; /* and two more lines */
	theirs[sizeof(theirs) - 2] = 'b';
	assert_int_equal(text_splice(&merge, &splice), TEXT_CONFLICTS);
}

/* ---- random cases ---- */

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

static void test_random_merges_are_those_of_libgit2(void **state)
{
	uint64_t cases = setting("TEXT_MERGE_CASES", 25000), from = setting("TEXT_MERGE_FROM", 1);
	uint64_t counts[TEXT_BINARY + 1] = {0};

	(void)state;
	for (uint64_t number = from; number < from + cases; number++) {
		struct text_merge merge = text_case_new(number);
		enum text_outcome outcome;
		const char *wrong = text_check(&merge, (unsigned)(number % 24), &outcome);
		text_case_free(&merge);
		if (wrong)
			fail_msg("case %" PRIu64 ": %s (TEXT_MERGE_CASES=1 TEXT_MERGE_FROM=%" PRIu64 ")", number, wrong, number);
		counts[outcome]++;
	}
	print_message("%" PRIu64 " cases: %" PRIu64 " ours, %" PRIu64 " theirs, %" PRIu64 " spliced, %" PRIu64
		      " compared, %" PRIu64 " in conflict, %" PRIu64 " not text\n",
		      cases, counts[TEXT_OURS], counts[TEXT_THEIRS], counts[TEXT_SPLICED], counts[TEXT_MERGED],
		      counts[TEXT_CONFLICTS], counts[TEXT_BINARY]);
	for (size_t i = 0; i <= TEXT_BINARY && cases >= 10000; i++)
		assert_true(counts[i] >= cases / 1000); /* a kind that never comes up is not tested */
	assert_true(cases < 10000 || (counts[TEXT_SPLICED] >= cases / 25 && counts[TEXT_MERGED] >= cases / 12));
}

/* Texts of few different lines with small changes: whatever a comparison can be led astray by, and the fast path must not be. */
static void test_what_is_spliced_is_what_comparing_lines_gives(void **state)
{
	uint64_t cases = setting("TEXT_MERGE_SPLICES", 100000), from = setting("TEXT_MERGE_FROM", 1), spliced = 0;

	(void)state;
	for (uint64_t number = from; number < from + cases; number++) {
		struct text_merge merge = text_case_new_near(number);
		enum text_outcome outcome;
		const char *wrong = text_check_splice(&merge, &outcome);
		spliced += outcome == TEXT_SPLICED;
		text_case_free(&merge);
		if (wrong)
			fail_msg("case %" PRIu64 ": %s (TEXT_MERGE_SPLICES=1 TEXT_MERGE_FROM=%" PRIu64 ")", number, wrong,
				 number);
	}
	print_message("%" PRIu64 " of %" PRIu64 " cases were spliced\n", spliced, cases);
	assert_true(cases < 10000 || spliced > cases / 30);
}

/* ---- git itself ---- */

static void write_file(const char *folder, const char *name, struct bytes bytes)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "wb");
	assert_non_null(file);
	if (bytes.bytes > 0)
		assert_int_equal(fwrite(bytes.at, 1, bytes.bytes, file), bytes.bytes);
	assert_int_equal(fclose(file), 0);
}

static void read_file(const char *folder, const char *name, struct buffer *out)
{
	char path[256], block[65536];
	FILE *file;
	size_t bytes;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	while ((bytes = fread(block, 1, sizeof(block), file)) > 0)
		assert_int_equal(buffer_append(out, block, bytes), 0);
	fclose(file);
}

/* git merge-file in the folder; its exit status: how many conflicts, or 255. */
static int run_git(const char *folder, enum text_style style)
{
	static const char *const flags[] = {"--no-diff3", "--diff3", "--zdiff3"};
	const char *arguments[] = {"git", "-C",   folder, "merge-file", "-p",   "-q",   flags[style], "-L", "ours",
				   "-L",  "base", "-L",   "theirs",     "ours", "base", "theirs",     NULL};
	char *environment[] = {(char[]){"GIT_CONFIG_NOSYSTEM=1"}, (char[]){"GIT_CONFIG_GLOBAL=/dev/null"},
			       (char[]){"PATH=/usr/bin:/bin"}, NULL};
	posix_spawn_file_actions_t actions;
	char path[256];
	pid_t pid;
	int status;

	snprintf(path, sizeof(path), "%s/result", folder);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	assert_int_equal(posix_spawnp(&pid, "git", &actions, NULL, (char *const *)(uintptr_t)arguments, environment), 0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* git shows conflicts over punctuation as one in merge-file, and refuses what is not text even where there is nothing to merge. */
static void check_with_git(const char *folder, const struct text_merge *merge, uint64_t number)
{
	struct text_marks marks = {.style = (enum text_style)(number % 3),
				   .join_punctuation = true,
				   .base_label = "base",
				   .ours_label = "ours",
				   .theirs_label = "theirs"};
	struct buffer found = {0}, expected = {0};
	size_t count = 0;
	int status, rc;

	write_file(folder, "base", merge->base);
	write_file(folder, "ours", merge->ours);
	write_file(folder, "theirs", merge->theirs);
	status = run_git(folder, marks.style);
	rc = text_merge_marked(merge, &marks, &found, &count);
	if (status == 255) {
		assert_true(rc == ERR_STATE || (!rc && count == 0));
	} else {
		assert_int_equal(rc, 0);
		read_file(folder, "result", &expected);
		if (found.bytes != expected.bytes || (found.bytes > 0 && memcmp(found.at, expected.at, found.bytes) != 0))
			fail_msg("case %" PRIu64 ": marked otherwise than git merge-file does", number);
		assert_int_equal(status, count < 127 ? count : 127);
	}
	buffer_release(&found);
	buffer_release(&expected);
}

static void test_random_merges_are_those_of_git(void **state)
{
	static const char *const names[] = {"base", "ours", "theirs", "result"};
	uint64_t cases = setting("TEXT_MERGE_GIT", 200), from = setting("TEXT_MERGE_FROM", 1);
	const char *parent = getenv("TMPDIR");
	char folder[200];

	(void)state;
	snprintf(folder, sizeof(folder), "%s/text-merge-XXXXXX", parent ? parent : "/tmp");
	assert_non_null(mkdtemp(folder));
	for (uint64_t number = from; number < from + cases; number++) {
		struct text_merge merge = text_case_new(number);
		check_with_git(folder, &merge, number);
		text_case_free(&merge);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[256];
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes_at_both_ends_are_spliced),
		cmocka_unit_test(test_one_line_between_them_is_enough),
		cmocka_unit_test(test_lines_that_stand_elsewhere_too_are_compared),
		cmocka_unit_test(test_changes_that_touch_are_a_conflict),
		cmocka_unit_test(test_a_change_that_slides_to_the_other_is_a_conflict_as_in_git),
		cmocka_unit_test(test_one_side_alone_or_both_the_same_need_no_merge),
		cmocka_unit_test(test_the_missing_last_newline_is_a_change_of_its_line),
		cmocka_unit_test(test_added_by_both_is_a_conflict_unless_the_same),
		cmocka_unit_test(test_removed_and_changed_is_a_conflict),
		cmocka_unit_test(test_bytes_that_are_not_text_are_chosen_whole),
		cmocka_unit_test(test_a_conflict_names_its_lines_in_all_three),
		cmocka_unit_test(test_lines_that_look_like_marks_confuse_nobody),
		cmocka_unit_test(test_files_that_repeat_one_line_take_linear_time),
		cmocka_unit_test(test_random_merges_are_those_of_libgit2),
		cmocka_unit_test(test_what_is_spliced_is_what_comparing_lines_gives),
		cmocka_unit_test(test_random_merges_are_those_of_git),
	};
	int failed;

	git_libgit2_init();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	git_libgit2_shutdown();
	return failed;
}
