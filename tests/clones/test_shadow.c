/* SPDX-License-Identifier: MIT
 *
 * What Shadow plans, when it hands in, and what it says of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "clones/specialists.h"

#define HARVEST                                                                                                                  \
	"{\"ref\": \"refs/bunshin/T/1\", \"base\": \"1111111111111111111111111111111111111111\", \"new\": "                      \
	"\"2222222222222222222222222222222222222222\", \"skipped\": 0, \"changes\": [{\"status\": \"A\", \"old_path\": null, "   \
	"\"new_path\": \"new\"}, {\"status\": \"R\", \"old_path\": \"a\", \"new_path\": \"b\"}]}"

static int plan(const char *parameters, struct plan *out_plan, char why[256])
{
	struct target target = {.repository = "/r", .parameters = json_loads(parameters, 0, NULL)};
	struct arena *arena = arena_new();

	assert_non_null(target.parameters);
	*out_plan = (struct plan){.count = 0};
	int rc = shadow_specialist.plan(&target, arena, out_plan, why);
	if (!rc) {
		assert_int_equal(out_plan->count, 1);
		assert_true(out_plan->step[0].writes);
		assert_string_equal(out_plan->step[0].argv[0], "sh");
		assert_string_equal(out_plan->step[0].argv[2], "echo $x");
		assert_null(out_plan->step[0].argv[3]);
	}
	arena_free(arena);
	json_decref(target.parameters);
	return rc;
}

static void test_the_command_is_run_as_it_is_written(void **state)
{
	struct plan made;
	char why[256] = "";

	(void)state;
	assert_int_equal(plan("{\"command\": [\"sh\", \"-c\", \"echo $x\"]}", &made, why), 0);
}

static void test_what_is_no_command_is_refused_with_what_would_be_one(void **state)
{
	static const char *const bad[] = {"{}",
					  "{\"command\": \"ls\"}",
					  "{\"command\": []}",
					  "{\"command\": [\"ls\", 1]}",
					  "{\"command\": [\"\"]}",
					  "{\"command\": [\"a\\u0000b\"]}"};
	struct plan made;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char why[256] = "";
		struct target target = {.parameters = json_loads(bad[i], JSON_ALLOW_NUL, NULL)};
		struct arena *arena = arena_new();
		made = (struct plan){.count = 0};
		assert_int_equal(shadow_specialist.plan(&target, arena, &made, why), ERR_INVALID_PARAMETERS);
		assert_non_null(strstr(why, "parameters.command"));
		arena_free(arena);
		json_decref(target.parameters);
	}
}

/* The result of one run; the caller's. */
static json_t *conclude(const struct output *output, const char *harvest, bool *out_hands_in)
{
	struct plan made = {.count = 1, .step = {{.name = "command", .argv = {"sh"}, .writes = true}}};
	json_t *json = harvest ? json_loads(harvest, 0, NULL) : NULL;
	struct target target = {
		.repository = "/r", .harvest = json, .task_id = "T", .started = "now", .inventory = json_object()};

	*out_hands_in = shadow_specialist.hands_in(&made, output);
	json_t *result = shadow_specialist.conclude(&target, &made, output);
	assert_non_null(result);
	json_decref(json);
	json_decref((json_t *)(uintptr_t)target.inventory);
	return result;
}

static void test_what_was_changed_is_in_the_result_and_on_the_page(void **state)
{
	bool hands_in;
	json_t *result = conclude(&(struct output){.ran = true}, HARVEST, &hands_in);
	const json_t *change = json_object_get(result, "change");
	char *page = report_markdown(result);

	(void)state;
	assert_true(hands_in);
	assert_string_equal(json_string_value(json_object_get(result, "status")), "complete");
	assert_string_equal(json_string_value(json_object_get(change, "ref")), "refs/bunshin/T/1");
	assert_int_equal(json_integer_value(json_object_get(change, "files")), 2);
	assert_non_null(strstr(page, "2 files changed; commit 222222222222 on refs/bunshin/T/1"));
	assert_non_null(strstr(page, "- added `new`\n- renamed `a` to `b`\n"));
	assert_null(strstr(page, "were analysed"));
	free(page);
	json_decref(result);
}

static void test_a_command_that_changed_nothing_has_no_commit(void **state)
{
	bool hands_in;
	json_t *result = conclude(&(struct output){.ran = true}, "{\"ref\": null, \"new\": null, \"changes\": []}", &hands_in);

	(void)state;
	assert_true(json_is_null(json_object_get(result, "change")));
	assert_string_equal(json_string_value(json_object_get(result, "status")), "complete");
	assert_non_null(
		strstr(json_string_value(json_object_get(json_object_get(result, "synthesis"), "text")), "changed nothing"));
	json_decref(result);
}

static void test_a_command_that_did_not_succeed_hands_nothing_in_and_says_why(void **state)
{
	static const struct {
		struct output output;
		const char *words;
	} cases[] = {
		{{.ran = false, .why = "sh is not installed"}, "was not run: sh is not installed"},
		{{.ran = true, .exit_status = 3}, "ended with 3"},
		{{.ran = true, .exit_status = -1, .signal = 9}, "ended by signal 9"},
		{{.ran = true, .exit_status = -1, .signal = 9, .timed_out = true}, "did not end in time"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool hands_in;
		json_t *result = conclude(&cases[i].output, NULL, &hands_in);
		assert_false(hands_in);
		assert_string_equal(json_string_value(json_object_get(result, "status")), "blocked");
		assert_non_null(strstr(json_string_value(json_object_get(result, "status_reason")), cases[i].words));
		assert_true(json_is_null(json_object_get(result, "change")));
		json_decref(result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_command_is_run_as_it_is_written),
		cmocka_unit_test(test_what_is_no_command_is_refused_with_what_would_be_one),
		cmocka_unit_test(test_what_was_changed_is_in_the_result_and_on_the_page),
		cmocka_unit_test(test_a_command_that_changed_nothing_has_no_commit),
		cmocka_unit_test(test_a_command_that_did_not_succeed_hands_nothing_in_and_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
