/* SPDX-License-Identifier: MIT
 *
 * What Gamma concludes from what its readers printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/specialists.h"
#include "tests/clones/concluded.h"

#define FILE_OF(path, language, decisions)                                                                                       \
	"{\"path\": \"" path "\", \"language\": \"" language "\", \"lines\": 20, \"code_lines\": 10, \"decisions\": " decisions  \
	"}"

/* a → b → c → a, c → d; a.c with a.h; a test that needs a. Numbers: 0 a.c, 1 a.h, 2 b.c, 3 c.c, 4 d.c, 5 tests/t.c. */
static const char imports[] = "{\"tool\": \"imports\", \"schema\": 1, \"files\": [" FILE_OF("src/a.c", "C", "100") "," FILE_OF(
	"src/a.h", "C",
	"0") "," FILE_OF("src/b.c", "C",
			 "10") "," FILE_OF("lib/c.c", "C",
					   "5") "," FILE_OF("lib/d.c", "C",
							    "1") "," FILE_OF("tests/t.c", "C",
									     "1") "], \"edges\": [[0, 1, 1, 0], [0, 2, 2, 0], "
										  "[1, 2, 3, 0], [2, 3, 4, 0], [3, 1, 5, 0], [3, "
										  "4, 6, 0], [5, 1, 1, 0]],"
										  " \"unresolved\": [{\"path\": \"src/b.c\", "
										  "\"line\": 9, \"spec\": \"made.h\", "
										  "\"reason\": \"missing\"}],"
										  " \"not_read\": [], \"counts\": {\"external\": "
										  "3}, \"left_out\": []}";

static const char history[] =
	"{\"tool\": \"history\", \"schema\": 1, \"newest\": 1700000000, \"complete\": true, \"bus_factor\": 1, "
	"\"authors_total\": 2,"
	" \"commits\": {\"walked\": 50}, \"authors\": [{\"name\": \"ann\", \"last\": 1600000000}, {\"name\": \"bob\", \"last\": "
	"1700000000}],"
	" \"files\": [{\"path\": \"src/a.c\", \"commits\": 30, \"commits_365d\": 20, \"small_commits\": 30, \"authors\": 2, "
	"\"bus_factor\": 1,"
	" \"owner\": \"ann\", \"owner_commits\": 25, \"first\": 1500000000, \"last\": 1700000000},"
	" {\"path\": \"src/b.c\", \"commits\": 9, \"commits_365d\": 1, \"small_commits\": 9, \"owner\": \"bob\", \"first\": "
	"1500000000, \"last\": 1690000000},"
	" {\"path\": \"lib/d.c\", \"commits\": 10, \"commits_365d\": 2, \"small_commits\": 10, \"owner\": \"bob\", \"first\": "
	"1500000000, \"last\": 1690000000}],"
	" \"cochange\": [{\"a\": \"src/a.c\", \"b\": \"src/b.c\", \"together\": 9, \"together_365d\": 1, \"last\": 1699000000},"
	" {\"a\": \"src/b.c\", \"b\": \"lib/d.c\", \"together\": 8, \"together_365d\": 1, \"last\": 1699000000}], \"left_out\": "
	"[]}";

static const char inventory[] =
	"{\"commit\": \"0123456789012345678901234567890123456789\", \"files\": [{\"path\": \"tests/t.c\", \"test\": true}]}";

static json_t *whole(void)
{
	const struct printed printed[] = {{.name = "imports", .text = imports}, {.name = "history", .text = history}, {0}};

	return concluded(&gamma_specialist, inventory, printed);
}

static void test_a_source_file_and_its_header_are_one_module(void **state)
{
	json_t *result = whole();

	(void)state;
	assert_true(metric_of(result, "modules", "") == 4);
	assert_true(metric_of(result, "modules_outside", "") == 1); /* the test */
	assert_true(metric_of(result, "edges", "") == 4);
	json_decref(result);
}

static void test_a_cycle_is_found_with_the_edge_that_breaks_it(void **state)
{
	json_t *result = whole();
	const json_t *finding = finding_of(result, "import-cycle", 0), *entity = entity_of(result, "cycle", 0);
	const json_t *cut = json_array_get(json_object_get(entity, "breaks"), 0);
	const json_t *record = json_array_get(json_object_get(result, "recommendations"), 0);

	(void)state;
	assert_non_null(strstr(title_of(finding), "3 modules"));
	assert_int_equal(json_integer_value(json_object_get(entity, "size")), 3);
	/* a → b is written in two places, so one of the two others is cheaper. */
	assert_int_equal(json_integer_value(json_object_get(cut, "places")), 1);
	assert_string_not_equal(text_of(cut, "from"), "src/a");
	assert_int_equal(json_integer_value(json_object_get(entity, "left_after_breaks")), 0);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(finding, "loc"), "line")),
			 json_integer_value(json_object_get(cut, "line")));
	assert_int_equal(json_array_size(json_object_get(finding, "flow")), 3);
	assert_null(finding_of(result, "import-cycle", 1));
	record = json_object_get(record, "consequences");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(record, "before"), "modules_in_cycles")), 3);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(record, "after"), "modules_in_cycles")), 0);
	assert_true(metric_of(result, "largest_cycle", "") == 3);
	/* Three that reach all four, and one that reaches itself. */
	assert_true(metric_of(result, "propagation_cost", "") == 13.0 / 16);
	json_decref(result);
}

static void test_hotspots_are_changed_often_and_complicated(void **state)
{
	json_t *result = whole();
	const json_t *finding = finding_of(result, "hotspot", 0);

	(void)state;
	assert_string_equal(text_of(json_object_get(finding, "loc"), "path"), "src/a.c");
	assert_non_null(strstr(title_of(finding), "20 commits"));
	assert_non_null(strstr(title_of(finding), "ann")); /* gone for three years */
	assert_null(finding_of(result, "hotspot", 1));
	assert_string_equal(text_of(entity_of(result, "hotspot", 0), "module"), "src/a");
	json_decref(result);
}

static void test_what_changes_together_without_an_edge_is_hidden_coupling(void **state)
{
	json_t *result = whole();
	const json_t *entity = entity_of(result, "hidden_coupling", 0);

	(void)state;
	assert_string_equal(text_of(entity, "a"), "src/b");
	assert_string_equal(text_of(entity, "b"), "lib/d");
	assert_true(json_real_value(json_object_get(entity, "share")) > 0.88);
	assert_null(entity_of(result, "hidden_coupling", 1)); /* a and b say so */
	assert_non_null(strstr(title_of(finding_of(result, "hidden-coupling", 0)), "through lib/c"));
	json_decref(result);
}

static void test_the_graph_is_drawn_with_cycles_marked(void **state)
{
	json_t *result = whole();
	const char *dot = attachment_of(result, "modules.dot"), *mermaid = attachment_of(result, "modules.mmd");

	(void)state;
	assert_non_null(dot);
	assert_non_null(strstr(dot, "label=\"src/a\", color=red"));
	assert_null(strstr(dot, "tests"));
	assert_non_null(mermaid);
	assert_non_null(strstr(mermaid, "[\"src/a\"]:::cycle"));
	assert_non_null(strstr(mermaid, "[\"lib/d\"]\n"));
	json_decref(result);
}

static void test_every_cut_of_an_output_gives_a_result_that_says_so(void **state)
{
	const struct printed printed[] = {{.name = "imports", .text = imports}, {.name = "history", .text = history}, {0}};

	(void)state;
	assert_survives_cuts(&gamma_specialist, inventory, printed);
}

static void test_without_any_reader_it_is_blocked(void **state)
{
	const struct printed none[] = {{0}};
	const struct printed failed[] = {
		{.name = "imports", .text = "x", .exit_status = 1, .err = "bunshin tool git: no repository\n"}, {0}};
	json_t *result = concluded(&gamma_specialist, inventory, none);

	(void)state;
	assert_string_equal(status_of(result), "blocked");
	json_decref(result);
	result = concluded(&gamma_specialist, inventory, failed);
	assert_string_equal(status_of(result), "blocked");
	assert_non_null(strstr(text_of(result, "status_reason"), "no repository"));
	json_decref(result);
}

static void test_odd_answers_are_taken_for_what_they_are(void **state)
{
	static const char *const odd[] = {"[]",
					  "{}",
					  "null",
					  "{\"files\": 3}",
					  "{\"files\": [1, null, {}]}",
					  "{\"files\": [{\"path\": \"a.c\"}], \"edges\": [[0], [-1, 9, 1, 0], 7]}",
					  ("{\"files\": [{\"path\": \"a.c\", \"lines\": -5, \"decisions\": 99999999999999}, "
					   "{\"path\": \"a.c\"}, {\"path\": \"b.h\"}],"
					   " \"edges\": [[0, 2, -3, 9], [2, 0, 1, 1], [0, 1, 1, 0], [0, 0, 1, 0]], "
					   "\"unresolved\": [3, {\"path\": 1}], \"left_out\": [1], \"not_read\": [2]}")};
	static const char *const pasts[] = {
		"{}", ("{\"newest\": -9223372036854775807, \"files\": [{\"path\": \"a.c\", \"commits\": -1, \"first\": "
		       "9223372036854775807, \"last\": -5}],"
		       " \"cochange\": [{\"a\": \"a.c\", \"b\": \"b.h\", \"together\": 4294967295}, 3], \"authors\": [4]}")};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		for (size_t j = 0; j < sizeof(pasts) / sizeof(pasts[0]); j++) {
			const struct printed printed[] = {
				{.name = "imports", .text = odd[i]}, {.name = "history", .text = pasts[j]}, {0}};

			json_decref(concluded(&gamma_specialist, "{}", printed));
			json_decref(concluded(&gamma_specialist, "{\"files\": [3, {\"path\": 4}]}", printed));
		}
}

/* A header that everybody includes, and that includes everybody through its source file, would make all one cycle. */
static void test_a_hub_does_not_hide_the_cycles_below_it(void **state)
{
	char text[8000] = "{\"files\": [" FILE_OF("hub.c", "C", "1");
	json_t *result;

	(void)state;
	for (int i = 1; i <= 20; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ", {\"path\": \"m%d.c\", \"language\": \"C\"}", i);
	strcat(text, "], \"edges\": [[1, 2, 7, 0], [2, 1, 8, 0]");
	for (int i = 1; i <= 20; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), ", [%d, 0, 1, 0], [0, %d, 1, 0]", i, i);
	strcat(text, "]}");
	result = concluded(&gamma_specialist, "{}", (const struct printed[]){{.name = "imports", .text = text}, {0}});
	assert_true(metric_of(result, "hubs", "") == 1);
	assert_true(metric_of(result, "largest_cycle", "") == 2);
	assert_string_equal(text_of(json_object_get(finding_of(result, "hub", 0), "loc"), "path"), "hub.c");
	/* Without what the hub needs: itself, twenty that reach themselves and it, and the pair that reach each other. */
	assert_true(metric_of(result, "propagation_cost", "") == 1);
	assert_non_null(strstr(text_of(json_object_get(finding_of(result, "hub", 0), "fix"), "hint"), "10 %"));
	json_decref(result);
}

static void test_imports_inside_functions_make_a_weaker_cycle(void **state)
{
	static const char text[] =
		"{\"files\": [{\"path\": \"a.py\", \"language\": \"Python\"}, {\"path\": \"b.py\", \"language\": \"Python\"},"
		" {\"path\": \"c.py\", \"language\": \"Python\"}],"
		" \"edges\": [[0, 1, 1, 0], [1, 0, 9, 1], [2, 0, 1, 0], [0, 2, 3, 2]]}";
	json_t *result = concluded(&gamma_specialist, "{}", (const struct printed[]){{.name = "imports", .text = text}, {0}});

	(void)state;
	assert_string_equal(text_of(finding_of(result, "import-cycle", 0), "severity"), "info");
	assert_true(json_is_true(json_object_get(entity_of(result, "cycle", 0), "lazy")));
	assert_int_equal(json_integer_value(json_object_get(entity_of(result, "cycle", 0), "size")), 2); /* types do not count */
	assert_true(metric_of(result, "type_only_edges", "") == 1);
	json_decref(result);
}

static void test_the_plan_names_the_commit_and_refuses_odd_budgets(void **state)
{
	struct target target = {.inventory = json_loads(inventory, 0, NULL), .parameters = json_pack("{s:i}", "budget_ms", 0)};
	struct arena *arena = arena_new();
	struct plan plan = {.count = 0};
	char why[256] = "";

	(void)state;
	assert_int_equal(gamma_specialist.plan(&target, arena, &plan, why), ERR_INVALID_PARAMETERS);
	assert_non_null(strstr(why, "budget_ms"));
	json_object_set_new(target.parameters, "budget_ms", json_integer(5000));
	plan.count = 0;
	assert_int_equal(gamma_specialist.plan(&target, arena, &plan, why), 0);
	assert_int_equal(plan.count, 2);
	assert_string_equal(plan.step[0].argv[2], "imports");
	assert_string_equal(plan.step[0].argv[4], "0123456789012345678901234567890123456789");
	assert_string_equal(plan.step[0].argv[6], "5000");
	arena_free(arena);
	json_decref(target.inventory);
	json_decref(target.parameters);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_source_file_and_its_header_are_one_module),
		cmocka_unit_test(test_a_cycle_is_found_with_the_edge_that_breaks_it),
		cmocka_unit_test(test_hotspots_are_changed_often_and_complicated),
		cmocka_unit_test(test_what_changes_together_without_an_edge_is_hidden_coupling),
		cmocka_unit_test(test_the_graph_is_drawn_with_cycles_marked),
		cmocka_unit_test(test_every_cut_of_an_output_gives_a_result_that_says_so),
		cmocka_unit_test(test_without_any_reader_it_is_blocked),
		cmocka_unit_test(test_odd_answers_are_taken_for_what_they_are),
		cmocka_unit_test(test_a_hub_does_not_hide_the_cycles_below_it),
		cmocka_unit_test(test_imports_inside_functions_make_a_weaker_cycle),
		cmocka_unit_test(test_the_plan_names_the_commit_and_refuses_odd_budgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
