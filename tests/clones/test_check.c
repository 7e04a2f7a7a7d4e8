/* SPDX-License-Identifier: MIT
 *
 * Checks that a user names: what is planned for them, and what is said of how they ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "clones/specialists.h"

#define TWO "{\"commands\": [{\"name\": \"lint\", \"command\": \"make lint\"}, {\"name\": \"slow\", \"command\": \"./slow\"}]}"

struct sample {
	struct arena *arena;
	struct target target;
	struct plan plan;
	char why[256];
};

static int plan(struct sample *sample, const char *parameters)
{
	*sample = (struct sample){.arena = arena_new(),
				  .target = {.repository = "/r",
					     .task_id = "T",
					     .started = "now",
					     .inventory = json_object(),
					     .parameters = json_loads(parameters, JSON_ALLOW_NUL, NULL)}};
	assert_non_null(sample->target.parameters);
	return check_specialist.plan(&sample->target, sample->arena, &sample->plan, sample->why);
}

static void release(struct sample *sample)
{
	json_decref(sample->target.parameters);
	json_decref(sample->target.inventory);
	arena_free(sample->arena);
}

static void test_each_check_is_a_step_in_one_copy_after_what_sets_it_up(void **state)
{
	struct sample sample;

	(void)state;
	assert_int_equal(plan(&sample, "{\"commands\": [{\"name\": \"lint\", \"command\": \"make lint\"}], \"setup\": "
				       "[\"./configure\", \"make\"]}"),
			 0);
	assert_int_equal(sample.plan.count, 2);
	assert_string_equal(sample.plan.step[0].argv[2], "set -e\n./configure\nmake");
	assert_string_equal(sample.plan.step[1].name, "check/lint");
	assert_string_equal(sample.plan.step[1].argv[2], "make lint");
	for (size_t i = 0; i < 2; i++)
		assert_true(sample.plan.step[i].writes && !sample.plan.step[i].after_success);
	release(&sample);
}

static void test_what_is_no_check_is_refused_and_said_where(void **state)
{
	static const char *const bad[][2] = {
		{"{}", "parameters.commands must be"},
		{"{\"commands\": []}", "parameters.commands must be"},
		{"{\"commands\": [{\"name\": \"a\", \"command\": \"x\"}, {\"name\": \"b\"}]}", "parameters.commands[1]"},
		{"{\"commands\": [{\"name\": \"\", \"command\": \"x\"}]}", "parameters.commands[0]"},
		{"{\"commands\": [{\"name\": \"a\", \"command\": \"x\\u0000y\"}]}", "parameters.commands[0]"},
		{"{\"commands\": [{\"name\": \"a\", \"command\": \"x\"}], \"setup\": \"make\"}", "parameters.setup must be"},
		{"{\"commands\": [{\"name\": \"a\", \"command\": \"x\"}], \"setup\": [1]}", "parameters.setup[0]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sample sample;
		assert_int_equal(plan(&sample, bad[i][0]), ERR_INVALID_PARAMETERS);
		assert_non_null(strstr(sample.why, bad[i][1]));
		release(&sample);
	}
}

static const json_t *entity(const json_t *result, size_t index)
{
	return json_array_get(json_object_get(result, "entities"), index);
}

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "(none)";
}

static void test_only_an_end_with_0_passes_and_only_another_status_fails(void **state)
{
	static const struct {
		struct output output;
		const char *said;
	} ends[] = {
		{{.ran = true}, "passed"},
		{{.ran = true, .exit_status = 1}, "failed"},
		{{.ran = true, .exit_status = 125}, "failed"},
		{{.ran = true, .exit_status = 126}, "unknown"},
		{{.ran = true, .exit_status = 127}, "unknown"},
		{{.ran = true, .exit_status = -1, .signal = 11}, "unknown"},
		{{.ran = true, .timed_out = true}, "unknown"},
		{{.ran = true, .why = "memory ran out"}, "unknown"},
		{{.why = "no time left", .timed_out = true}, "unknown"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct output outputs[2] = {{.ran = true}, ends[i].output};
		struct sample sample;
		assert_int_equal(plan(&sample, TWO), 0);
		json_t *result = check_specialist.conclude(&sample.target, &sample.plan, outputs);
		assert_string_equal(member(entity(result, 0), "state"), "passed");
		assert_string_equal(member(entity(result, 1), "state"), ends[i].said);
		assert_string_equal(member(entity(result, 1), "name"), "slow");
		assert_int_equal(json_array_size(json_object_get(result, "findings")), strcmp(ends[i].said, "failed") == 0);
		assert_string_equal(member(result, "status"), strcmp(ends[i].said, "unknown") ? "complete" : "partial");
		json_decref(result);
		release(&sample);
	}
}

static void test_the_end_of_what_a_check_said_is_in_the_result(void **state)
{
	char said[4000];
	struct output outputs[2] = {{.ran = true, .exit_status = 1}, {.ran = true}};
	struct sample sample;

	(void)state;
	memset(said, 'x', sizeof(said));
	for (size_t i = 100; i < sizeof(said); i += 100)
		said[i] = '\n';
	memcpy(said + sizeof(said) - 5, "\nlast", 5);
	outputs[0].out = (struct bytes){(const uint8_t *)said, sizeof(said)};
	assert_int_equal(plan(&sample, TWO), 0);
	json_t *result = check_specialist.conclude(&sample.target, &sample.plan, outputs);
	const char *last = member(entity(result, 0), "last");
	assert_true(strlen(last) > 1000 && strlen(last) <= 2000);
	assert_string_equal(last + strlen(last) - 5, "\nlast");
	json_decref(result);
	release(&sample);
}

static void test_a_failed_setup_leaves_doubt(void **state)
{
	struct output outputs[2] = {{.ran = true, .exit_status = 2}, {.ran = true}};
	struct sample sample;

	(void)state;
	assert_int_equal(plan(&sample, "{\"commands\": [{\"name\": \"a\", \"command\": \"true\"}], \"setup\": [\"false\"]}"), 0);
	json_t *result = check_specialist.conclude(&sample.target, &sample.plan, outputs);
	assert_string_equal(member(result, "status"), "partial");
	assert_non_null(strstr(member(result, "status_reason"), "set up"));
	json_decref(result);
	release(&sample);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_check_is_a_step_in_one_copy_after_what_sets_it_up),
		cmocka_unit_test(test_what_is_no_check_is_refused_and_said_where),
		cmocka_unit_test(test_only_an_end_with_0_passes_and_only_another_status_fails),
		cmocka_unit_test(test_the_end_of_what_a_check_said_is_in_the_result),
		cmocka_unit_test(test_a_failed_setup_leaves_doubt),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
