/* SPDX-License-Identifier: MIT
 *
 * Memory that runs out at any place of a merge: an error, `out` as it was, nothing lost, and the next attempt as if nothing had been.
 *
 * The program is linked with --wrap for malloc and realloc; libgit2 has its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <git2.h>
#include <stdlib.h>
#include <string.h>

#include "tests/workspace/merge/text_cases.h"

void *__real_malloc(size_t bytes);
void *__real_realloc(void *at, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_realloc(void *at, size_t bytes);

static unsigned countdown; /* the allocation that fails, from 1; 0: none */

static bool fails(void)
{
	return countdown > 0 && --countdown == 0;
}

void *__wrap_malloc(size_t bytes)
{
	return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_realloc(void *at, size_t bytes)
{
	return fails() ? NULL : __real_realloc(at, bytes);
}

static int merge_data(const struct text_merge *merge, struct buffer *out)
{
	struct text_conflicts conflicts = {0};
	enum text_outcome outcome;
	int rc = text_merge(merge, &outcome, out, &conflicts);

	assert_true(!rc || conflicts.count == 0);
	text_conflicts_release(&conflicts);
	return rc;
}

static int merge_marked(const struct text_merge *merge, struct buffer *out)
{
	struct text_marks marks = {.ours_label = "ours", .theirs_label = "theirs"};
	size_t count;

	return text_merge_marked(merge, &marks, out, &count);
}

/* How many allocations had to be let fail until there was none left. */
static unsigned sweep(int (*run)(const struct text_merge *, struct buffer *), const struct text_merge *merge)
{
	struct buffer expected = {0};
	unsigned failures = 0;
	bool is_done = false;

	if (run(merge, &expected) == ERR_STATE)
		is_done = true;
	while (!is_done) {
		struct buffer out = {0};
		int rc;
		countdown = failures + 1;
		rc = run(merge, &out);
		is_done = countdown > 0;
		countdown = 0;
		assert_int_equal(rc, is_done ? 0 : ERR_MEMORY);
		if (rc) {
			assert_int_equal(out.bytes, 0);
			assert_int_equal(run(merge, &out), 0);
			failures++;
		}
		assert_int_equal(out.bytes, expected.bytes);
		assert_true(out.bytes == 0 || memcmp(out.at, expected.at, out.bytes) == 0);
		buffer_release(&out);
	}
	buffer_release(&expected);
	return failures;
}

static void test_memory_may_run_out_anywhere(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (uint64_t number = 1; number <= 400; number++) {
		struct text_merge merge = text_case_new(number);
		failures += sweep(merge_data, &merge) + sweep(merge_marked, &merge);
		text_case_free(&merge);
	}
	assert_true(failures > 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory_may_run_out_anywhere)};
	int failed;

	git_libgit2_init();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	git_libgit2_shutdown();
	return failed;
}
