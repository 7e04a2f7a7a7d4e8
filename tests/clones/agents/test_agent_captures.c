/* SPDX-License-Identifier: MIT
 *
 * What real agents printed, and what is read out of it. With CAPTURE_REWRITE=1 in the environment the texts beside the captures are written
 * anew, to be reviewed as a diff. `test_agent_captures --every-byte` cuts everywhere; without it, at every end of a line and at some places inside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/clones/agents/capture.h"

static struct capture *captures;
static size_t count;
static size_t cuts_per_line = 24;

static bool succeeds(const struct agent_run *run, struct agent_ending ending)
{
	struct agent_verdict verdict;

	agent_run_verdict(run, &ending, &verdict);
	assert_int_equal(verdict.ok, verdict.class == AGENT_CLASS_NONE);
	assert_int_equal(verdict.ok, verdict.why[0] == '\0');
	assert_true(!verdict.ok || !verdict.retry);
	return verdict.ok;
}

static const struct agent_ending well = {.exit_status = 0};

static void test_what_is_read_is_what_stands_beside_the_capture(void **state)
{
	static char summary[SUMMARY_BYTES];
	unsigned different = 0;

	(void)state;
	assert_true(count >= 80);
	for (size_t i = 0; i < count; i++) {
		capture_summary(&captures[i], summary);
		if (getenv("CAPTURE_REWRITE")) {
			capture_rewrite(&captures[i], summary);
		} else if (strcmp(summary, captures[i].expected) != 0) {
			print_message("%s: read was\n%s\nexpected was\n%s\n", captures[i].name, summary, captures[i].expected);
			different++;
		}
	}
	assert_int_equal(different, 0);
}

/* These end in success although the case says otherwise: nothing in them differs from a good run (run.h). */
static bool looks_well(const char *name)
{
	static const char *const names[] = {"codex-err-refusal.jsonl", "gemini-err-maxtokens.jsonl", "gemini-err-refusal.jsonl",
					    "qwen-err-refusal.jsonl"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], name) == 0)
			return true;
	}
	return false;
}

/* A status of 0 is what several of them end with after an error; so not even that may hide one. */
static void test_no_error_is_taken_for_a_success_even_with_an_exit_status_of_0(void **state)
{
	(void)state;
	for (size_t i = 0; i < count; i++) {
		bool failed = strstr(captures[i].name, "-err-") || strstr(captures[i].name, "denied") ||
			      strstr(captures[i].name, "max-turns") || strstr(captures[i].name, "budget");
		struct agent_run run;
		struct agent_lines lines;

		agent_run_init(&run, captures[i].cli, NULL, NULL, NULL);
		agent_lines_init(&lines, 0);
		assert_int_equal(agent_run_feed(&run, &lines, captures[i].at, captures[i].bytes), 0);
		agent_lines_end(&lines, agent_run_line, &run);
		agent_lines_release(&lines);
		if (failed && !looks_well(captures[i].name) && succeeds(&run, well))
			fail_msg("%s is taken for a success", captures[i].name);
	}
}

/* The line from `start` on, cut after `bytes`, as the last thing that comes before the stream ends. */
static void cut_here(const struct capture *capture, const struct agent_run *before, size_t start, size_t bytes)
{
	struct agent_run run = *before;
	char *exact = malloc(bytes ? bytes : 1); /* of exactly that size, so that a sanitizer sees each byte too many */

	assert_non_null(exact);
	memcpy(exact, capture->at + start, bytes);
	if (bytes)
		agent_run_line(&run, (struct text){exact, (uint32_t)bytes}, 0);
	free(exact);
	if (succeeds(&run, well) && start + bytes < capture_whole(capture))
		fail_msg("%s cut after %zu bytes is taken for a success", capture->name, start + bytes);
}

static void test_no_cut_makes_a_success(void **state)
{
	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct capture *capture = &captures[i];
		struct agent_run run;

		agent_run_init(&run, capture->cli, NULL, NULL, NULL);
		for (size_t start = 0; start < capture->bytes;) {
			const char *newline = memchr(capture->at + start, '\n', capture->bytes - start);
			size_t bytes = newline ? (size_t)(newline - capture->at) - start : capture->bytes - start;
			size_t step = cuts_per_line && bytes > cuts_per_line ? bytes / cuts_per_line : 1;

			for (size_t cut = 0; cut < bytes; cut += step)
				cut_here(capture, &run, start, cut);
			for (size_t cut = bytes > 6 ? bytes - 6 : 0; cut <= bytes; cut++)
				cut_here(capture, &run, start, cut);
			agent_run_line(&run, (struct text){capture->at + start, (uint32_t)bytes}, 0);
			start += bytes + 1;
		}
	}
}

/* What came after the cut is lost and something else comes: the end of another line, as when a disk was full for a moment. */
static void test_a_line_that_was_lost_from_the_end_makes_no_success(void **state)
{
	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct capture *capture = &captures[i];
		struct agent_run run;
		struct agent_lines lines;

		agent_run_init(&run, capture->cli, NULL, NULL, NULL);
		agent_lines_init(&lines, 0);
		assert_int_equal(agent_run_feed(&run, &lines, capture->at, capture->bytes), 0);
		agent_lines_end(&lines, agent_run_line, &run);
		agent_run_line(&run, (struct text){"{\"type\":\"er", 11}, 0);
		agent_lines_release(&lines);
		if (succeeds(&run, well))
			fail_msg("%s with a broken line after it is taken for a success", capture->name);
	}
}

static void test_pieces_of_any_size_read_the_same(void **state)
{
	static const size_t sizes[] = {1, 2, 7, 61, 997, 4096};

	(void)state;
	for (size_t i = 0; i < count; i += 5) {
		struct agent_run whole, parts;
		struct agent_lines lines;

		agent_run_init(&whole, captures[i].cli, NULL, NULL, NULL);
		agent_lines_init(&lines, 0);
		assert_int_equal(agent_run_feed(&whole, &lines, captures[i].at, captures[i].bytes), 0);
		agent_lines_end(&lines, agent_run_line, &whole);
		for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
			agent_run_init(&parts, captures[i].cli, NULL, NULL, NULL);
			for (size_t at = 0; at < captures[i].bytes; at += sizes[s]) {
				size_t left = captures[i].bytes - at;
				assert_int_equal(
					agent_run_feed(&parts, &lines, captures[i].at + at, left < sizes[s] ? left : sizes[s]),
					0);
			}
			agent_lines_end(&lines, agent_run_line, &parts);
			assert_memory_equal(&whole, &parts, sizeof(whole));
		}
		agent_lines_release(&lines);
	}
}

static void test_nothing_that_we_stopped_is_a_success(void **state)
{
	static const enum agent_stop stops[] = {AGENT_STOP_CANCELLED, AGENT_STOP_WALL, AGENT_STOP_IDLE, AGENT_STOP_BUDGET};

	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct agent_run run;
		struct agent_lines lines;

		agent_run_init(&run, captures[i].cli, NULL, NULL, NULL);
		agent_lines_init(&lines, 0);
		assert_int_equal(agent_run_feed(&run, &lines, captures[i].at, captures[i].bytes), 0);
		agent_lines_end(&lines, agent_run_line, &run);
		agent_lines_release(&lines);
		for (size_t s = 0; s < sizeof(stops) / sizeof(*stops); s++)
			assert_false(succeeds(&run, (struct agent_ending){.stop = stops[s]}));
		assert_false(succeeds(&run, (struct agent_ending){.exit_status = 1}));
		assert_false(succeeds(&run, (struct agent_ending){.exit_status = -1, .signal = 15}));
		assert_false(succeeds(&run, (struct agent_ending){.not_installed = true}));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_read_is_what_stands_beside_the_capture),
		cmocka_unit_test(test_no_error_is_taken_for_a_success_even_with_an_exit_status_of_0),
		cmocka_unit_test(test_no_cut_makes_a_success),
		cmocka_unit_test(test_a_line_that_was_lost_from_the_end_makes_no_success),
		cmocka_unit_test(test_pieces_of_any_size_read_the_same),
		cmocka_unit_test(test_nothing_that_we_stopped_is_a_success),
	};
	int failed;

	if (argc > 1 && strcmp(argv[1], "--every-byte") == 0)
		cuts_per_line = 0;
	captures = captures_read(&count);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	captures_free(captures, count);
	return failed;
}
