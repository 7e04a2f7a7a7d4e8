/* SPDX-License-Identifier: MIT
 *
 * Memory that runs out at any place of a merge: an error, nothing lost, and the next attempt as if nothing had been.
 *
 * The program is linked with --wrap for malloc, calloc and realloc.
 */
#include "cases.h"

#define TEN "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *at, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
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

void *__wrap_calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *at, size_t bytes)
{
	return fails() ? NULL : __real_realloc(at, bytes);
}

/* Returns how many allocations had to fail until there was none left. */
static unsigned sweep(struct place *place, const struct commit *ours, const struct commit *theirs)
{
	struct merge_result expected, result;
	merge(place, ours, theirs, &expected);
	for (unsigned failures = 0;; failures++) {
		countdown = failures + 1;
		int rc = workspace_merge(place->agent, ours, theirs, NULL, &result);
		bool was_reached = countdown == 0;
		countdown = 0;
		if (rc) {
			assert_int_equal(rc, ERR_MEMORY);
			assert_null(result.memory);
			assert_true(strlen(workspace_sentence(place->agent)) > 0);
		} else {
			assert_int_equal(result.conflict_count, expected.conflict_count);
			merge_result_release(&result);
		}
		if (was_reached)
			continue;
		assert_int_equal(rc, 0);
		merge_result_release(&expected);
		return failures;
	}
}

static void test_a_merge_that_runs_out_of_memory_anywhere_says_so_and_loses_nothing(void **state)
{
	(void)state;
	struct place place;
	place_open(&place, 0);
	const struct commit *base =
		commit_of(&place, NULL, FILES("old/a", TEN "a\n", "old/b", TEN "b\n", "old/c", TEN "c\n", "x", TEN, "t", TEN));
	const struct commit *moved =
		commit_of(&place, base,
			  FILES("new/a", TEN "A\n", "new/b", TEN "b\n", "new/c", TEN "c\n", "y/z", "0\n" TEN, "t", "one\n" TEN));
	const struct commit *added = commit_of(&place, base,
					       FILES("old/a", "a\n" TEN "a\n", "old/b", TEN "b\n", "old/c", TEN "c\n", "old/d",
						     "d\n", "x", TEN "11\n", "y", "file\n", "t", "two\n" TEN));
	assert_true(sweep(&place, moved, added) > 10);
	struct merge_result result;
	merge(&place, moved, added, &result);
	const struct commit *left = commit_of_two(&place, moved, added, result.tree);
	const struct commit *right = commit_of_two(&place, added, moved, commit_tree(added));
	merge_result_release(&result);
	assert_true(sweep(&place, left, right) > 10);
	place_close(&place);
}

static void test_a_simple_merge_that_runs_out_of_memory_says_so(void **state)
{
	(void)state;
	struct place place;
	place_open(&place, 0);
	const struct commit *base = commit_of(&place, NULL, FILES("d/a", TEN, "d/b", "b\n", "e/c", "c\n"));
	const struct commit *ours = commit_of(&place, base, FILES("d/a", "0\n" TEN, "d/b", "b\n", "d/n", "n\n", "e/c", "c\n"));
	const struct commit *theirs = commit_of(&place, base, FILES("d/a", TEN "11\n", "d/b", "b\n", "d/m", "m\n", "e/c", "C\n"));
	assert_true(sweep(&place, ours, theirs) > 0);
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_merge_that_runs_out_of_memory_anywhere_says_so_and_loses_nothing),
		cmocka_unit_test(test_a_simple_merge_that_runs_out_of_memory_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
