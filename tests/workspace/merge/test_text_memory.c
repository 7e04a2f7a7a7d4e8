/* SPDX-License-Identifier: MIT
 *
 * Memory that runs out at any place of a merge: an error, `out` as it was, nothing lost, and the next attempt as if nothing had been.
 *
 * The program is linked with --wrap for malloc, calloc and realloc.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/workspace/merge/rename_cases.h"
#include "tests/workspace/merge/text_cases.h"
#include "workspace/merge/renames.h"

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
		struct text_merge merge = number % 20 ? text_case_new(number) : text_case_new_long(number);
		merge.algorithm = number % 2 ? TEXT_HISTOGRAM : TEXT_MYERS;
		failures += sweep(merge_data, &merge) + sweep(merge_marked, &merge);
		text_case_free(&merge);
	}
	assert_true(failures > 2000);
}

/* ---- renames ---- */

struct search {
	struct rename_source sources[CASE_FILES_MAX];
	struct rename_target targets[CASE_FILES_MAX];
	struct rename_folder folders[3];
	size_t source_count, target_count;
};

static void search_init(struct search *search, const struct case_tree *old, const struct case_tree *new)
{
	search->source_count = search->target_count = 0;
	for (size_t i = 0; i < old->count; i++) {
		const struct case_file *file = &old->files[i];
		search->sources[search->source_count++] =
			(struct rename_source){file->path, file->mode, {{file->data.bytes & 0xff}}, file->data, (int)(i % 4) - 1};
	}
	for (size_t i = 0; i < new->count; i++) {
		const struct case_file *file = &new->files[i];
		search->targets[search->target_count++] =
			(struct rename_target){file->path, file->mode, {{file->data.bytes & 0xff}}, file->data, 0, 0};
	}
	search->folders[0] = (struct rename_folder){"a", RENAME_FOLDER_FOR_SELF};
	search->folders[1] = (struct rename_folder){"a/b", RENAME_FOLDER_FOR_PARENT};
	search->folders[2] = (struct rename_folder){"d", RENAME_FOLDER_FOR_SELF};
}

static int run_search(struct search *search, bool merging)
{
	static const struct rename_known known[] = {{"d/p", "e/p"}, {"a/q", NULL}};
	struct rename_options options = {
		.merging = merging, .folders = search->folders, .folder_count = 3, .known = known, .known_count = 2};
	struct renames renames;
	int rc = renames_find(&options, search->sources, search->source_count, search->targets, search->target_count, &renames);

	renames_release(&renames);
	return rc;
}

static void test_memory_may_run_out_in_any_search_for_renames(void **state)
{
	static struct case_tree old, new;
	static struct search search;
	unsigned failures = 0;

	(void)state;
	for (uint64_t number = 1; number <= 40; number++) {
		rename_case_new(number, &old, &new);
		for (unsigned at = 1;; at++) {
			int rc;
			search_init(&search, &old, &new);
			countdown = at;
			rc = run_search(&search, number % 2);
			if (countdown > 0) {
				countdown = 0;
				assert_int_equal(rc, 0);
				break;
			}
			assert_int_equal(rc, ERR_MEMORY);
			failures++;
		}
		case_tree_release(&old);
		case_tree_release(&new);
	}
	assert_true(failures > 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory_may_run_out_anywhere),
		cmocka_unit_test(test_memory_may_run_out_in_any_search_for_renames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
