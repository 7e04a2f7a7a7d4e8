/* SPDX-License-Identifier: MIT
 *
 * What the history of a made repository tells.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/tools/made.h"
#include "tools/tool.h"

static json_int_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "";
}

static void test_commits_owners_and_pairs_are_counted(void **state)
{
	struct made *made = *state;
	json_t *json, *file, *pair;

	made_file(made, "a.c", "1");
	made_file(made, "b.c", "1");
	made_commit(made, "ann", 0, "first");
	for (int i = 0; i < 3; i++) {
		made_file(made, "a.c", i == 0 ? "2" : i == 1 ? "3" : "4");
		made_file(made, "b.c", i == 0 ? "2" : i == 1 ? "3" : "4");
		made_commit(made, "bob", 400 + i, "both");
	}
	made_file(made, "a.c", "5");
	made_commit(made, "ann", 500, "one");
	json = made_run(tool_history, 0, NULL);
	file = made_find(json_object_get(json, "files"), "path", "a.c");
	assert_int_equal(number(file, "commits"), 5);
	assert_int_equal(number(file, "commits_365d"), 4); /* the first is 500 days before the last */
	assert_int_equal(number(file, "authors"), 2);
	assert_string_equal(text(file, "owner"), "bob");
	assert_int_equal(number(file, "owner_commits"), 3);
	assert_int_equal(number(file, "bus_factor"), 1); /* 3 of 5 */
	pair = json_array_get(json_object_get(json, "cochange"), 0);
	assert_string_equal(text(pair, "a"), "a.c");
	assert_string_equal(text(pair, "b"), "b.c");
	assert_int_equal(number(pair, "together"), 4);
	assert_int_equal(number(pair, "together_365d"), 3);
	assert_true(json_is_true(json_object_get(json, "complete")));
	json_decref(json);
}

static void test_a_file_keeps_its_past_through_a_rename(void **state)
{
	struct made *made = *state;
	json_t *json, *file, *gone;

	made_file(made, "old.c", "line one\nline two\nline three\nline four\n");
	made_commit(made, "ann", 0, "first");
	made_file(made, "old.c", "line one\nline two\nline three\nline 4\n");
	made_commit(made, "ann", 1, "second");
	made_file(made, "old.c", NULL);
	made_file(made, "new.c", "line one\nline two\nline three\nline 4\n");
	made_commit(made, "bob", 2, "move");
	json = made_run(tool_history, 0, NULL);
	file = made_find(json_object_get(json, "files"), "path", "new.c");
	assert_int_equal(number(file, "commits"), 3);
	assert_int_equal(number(file, "first"), MADE_START);
	assert_null(made_find(json_object_get(json, "files"), "path", "old.c"));
	gone = made_find(json_object_get(json, "gone"), "path", "old.c");
	assert_string_equal(text(gone, "renamed_to"), "new.c");
	json_decref(json);
}

/* The name of a file that moved away is taken by another one later: their pasts must not mix. */
static void test_a_name_that_is_used_again_begins_anew(void **state)
{
	struct made *made = *state;
	json_t *json;

	made_file(made, "a.c", "one\ntwo\nthree\nfour\n");
	made_commit(made, "ann", 0, "first");
	made_file(made, "a.c", NULL);
	made_file(made, "b.c", "one\ntwo\nthree\nfour\n");
	made_commit(made, "ann", 1, "move");
	made_file(made, "a.c", "something else entirely\n");
	made_commit(made, "ann", 2, "again");
	json = made_run(tool_history, 0, NULL);
	assert_int_equal(number(made_find(json_object_get(json, "files"), "path", "a.c"), "commits"), 1);
	assert_int_equal(number(made_find(json_object_get(json, "files"), "path", "b.c"), "commits"), 2);
	json_decref(json);
}

static void test_merges_and_large_commits_make_no_pairs(void **state)
{
	struct made *made = *state;
	git_oid side;
	json_t *json;
	char name[32], content[32];

	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 31; i++) {
			snprintf(name, sizeof(name), "f%02d.c", i);
			snprintf(content, sizeof(content), "%d", round);
			made_file(made, name, content);
		}
		made_commit(made, "ann", round, "sweep");
	}
	side = made->head;
	made_file(made, "f00.c", "x");
	made_commit(made, "ann", 10, "one");
	made_file(made, "f01.c", "x");
	made_merge(made, &side, 11, "merge");
	json = made_run(tool_history, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(json, "cochange")), 0);
	assert_int_equal(number(json_object_get(json, "commits"), "merges"), 1);
	assert_int_equal(number(json_object_get(json, "commits"), "large"), 4);
	assert_int_equal(number(made_find(json_object_get(json, "files"), "path", "f00.c"), "commits"), 5);
	json_decref(json);
}

static void test_the_mailmap_joins_authors_and_programs_own_nothing(void **state)
{
	struct made *made = *state;
	json_t *json, *file;

	made_file(made, ".mailmap", "Ann <ann@example.org> <anna@example.org>\n");
	made_file(made, "a.c", "1");
	made_commit(made, "ann", 0, "first");
	made_file(made, "a.c", "2");
	made_commit(made, "anna", 1, "second");
	made_file(made, "a.c", "3");
	made_commit(made, "depend[bot]", 2, "bump");
	json = made_run(tool_history, 0, NULL);
	file = made_find(json_object_get(json, "files"), "path", "a.c");
	assert_int_equal(number(file, "commits"), 3);
	assert_int_equal(number(file, "authors"), 1);
	assert_int_equal(number(file, "owner_commits"), 2);
	assert_int_equal(number(json, "authors_total"), 1);
	json_decref(json);
}

static void test_the_log_begins_behind_the_last_tag(void **state)
{
	struct made *made = *state;
	json_t *json;

	made_file(made, "a.c", "1");
	made_commit(made, "ann", 0, "feat: one");
	made_tag(made, "v1.0");
	made_tag(made, "weekly"); /* no release */
	made_file(made, "a.c", "2");
	made_commit(made, "ann", 1, "fix: two\n\nBREAKING CHANGE: all of it\n");
	made_file(made, "b/c.c", "3");
	made_commit(made, "ann", 2, "feat: three");
	json = made_run(tool_history, 0, NULL);
	assert_string_equal(text(json_object_get(json, "range"), "from"), "v1.0");
	assert_int_equal(json_array_size(json_object_get(json, "log")), 2);
	assert_string_equal(text(json_array_get(json_object_get(json, "log"), 0), "summary"), "feat: three");
	assert_true(json_is_true(json_object_get(json_array_get(json_object_get(json, "log"), 1), "breaking")));
	json_decref(json);

	made_tag(made, "v1.1");
	json = made_run(tool_history, 0, NULL);
	assert_string_equal(text(json_object_get(json, "range"), "from"), "v1.0");
	assert_string_equal(text(json_object_get(json, "range"), "to"), "v1.1");
	assert_int_equal(json_array_size(json_object_get(json, "log")), 2);
	json_decref(json);

	json = made_run(tool_history, 0, "--log", "1", NULL);
	assert_int_equal(json_array_size(json_object_get(json, "log")), 1);
	assert_int_equal(json_array_size(json_object_get(json, "left_out")), 1);
	json_decref(json);
}

static void test_without_time_the_walk_says_so(void **state)
{
	struct made *made = *state;
	json_t *json;

	made_file(made, "a.c", "1");
	made_commit(made, "ann", 0, "first");
	json = made_run(tool_history, 0, "--budget-ms", "0", NULL);
	assert_false(json_is_true(json_object_get(json, "complete")));
	assert_int_equal(json_array_size(json_object_get(json, "left_out")), 1);
	json_decref(json);
}

static void test_a_repository_without_commits_is_refused_in_words(void **state)
{
	(void)state;
	assert_null(made_run(tool_history, 1, NULL));
}

#define WITH_REPOSITORY(test) cmocka_unit_test_setup_teardown(test, made_setup, made_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_REPOSITORY(test_commits_owners_and_pairs_are_counted),
		WITH_REPOSITORY(test_a_file_keeps_its_past_through_a_rename),
		WITH_REPOSITORY(test_a_name_that_is_used_again_begins_anew),
		WITH_REPOSITORY(test_merges_and_large_commits_make_no_pairs),
		WITH_REPOSITORY(test_the_mailmap_joins_authors_and_programs_own_nothing),
		WITH_REPOSITORY(test_the_log_begins_behind_the_last_tag),
		WITH_REPOSITORY(test_without_time_the_walk_says_so),
		WITH_REPOSITORY(test_a_repository_without_commits_is_refused_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
