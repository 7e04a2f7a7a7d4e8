/* SPDX-License-Identifier: MIT
 *
 * What Delta plans for which project, and what it concludes from outputs that were recorded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/clone.h"
#include "clones/obstacle.h"
#include "clones/specialists.h"

/* A project: its files, and the text of those that say how it is built. */
struct sample {
	json_t *inventory;
	json_t *parameters;
	struct arena *arena;
	struct plan plan;
	struct target target;
	char why[256];
};

static struct sample sample_of(const char *inventory, const char *parameters)
{
	struct sample sample = {.arena = arena_new()};
	json_error_t error;
	sample.inventory = json_loads(inventory, 0, &error);
	if (!sample.inventory)
		fail_msg("the sample is no JSON: %s at %d", error.text, error.position);
	sample.parameters = json_loads(parameters, 0, NULL);
	return sample;
}

static int sample_plan(struct sample *sample)
{
	sample->target = (struct target){.repository = "/somewhere",
					 .inventory = sample->inventory,
					 .parameters = sample->parameters,
					 .task_id = "0",
					 .started = "2026-01-01T00:00:00Z"};
	return delta_specialist.plan(&sample->target, sample->arena, &sample->plan, sample->why);
}

static void sample_release(struct sample *sample)
{
	arena_free(sample->arena);
	json_decref(sample->inventory);
	json_decref(sample->parameters);
}

static void assert_steps(const char *inventory, const char *const *names)
{
	struct sample sample = sample_of(inventory, "{}");
	assert_int_equal(sample_plan(&sample), 0);
	size_t count = 0;
	for (; names[count]; count++) {
		assert_true(count + 1 < sample.plan.count);
		assert_string_equal(sample.plan.step[count + 1].name, names[count]);
	}
	assert_int_equal(sample.plan.count, count + (count > 0));
	sample_release(&sample);
}

#define ASSERT_STEPS(inventory, ...) assert_steps(inventory, (const char *const[]){__VA_ARGS__, NULL})

static void test_every_system_is_recognised(void **state)
{
	(void)state;
	ASSERT_STEPS("{\"files\": [{\"path\": \"CMakeLists.txt\"}], \"manifests\": {\"CMakeLists.txt\": \"enable_testing()\"}}",
		     "cmake/configure", "cmake/build", "cmake/test", "cmake/cases");
	ASSERT_STEPS("{\"files\": [{\"path\": \"meson.build\"}], \"manifests\": {}}", "meson/configure", "meson/build",
		     "meson/test", "meson/cases");
	ASSERT_STEPS("{\"files\": [{\"path\": \"configure.ac\"}, {\"path\": \"Makefile.am\"}], \"manifests\": {}}",
		     "autotools/generate", "autotools/configure", "autotools/build", "autotools/test", "autotools/cases");
	ASSERT_STEPS("{\"files\": [{\"path\": \"configure\"}, {\"path\": \"Makefile.in\"}], \"manifests\": {}}",
		     "autotools/configure", "autotools/build", "autotools/test", "autotools/cases");
	ASSERT_STEPS(
		"{\"files\": [{\"path\": \"Makefile\"}], \"manifests\": {\"Makefile\": \"all: x\\n\\ntest: x\\n\\t./x\\n\"}}",
		"make/test");
	ASSERT_STEPS("{\"files\": [{\"path\": \"tests/test_a.py\"}, {\"path\": \"tests/conftest.py\"}], \"manifests\": {}}",
		     "pytest/test", "pytest/cases");
	ASSERT_STEPS("{\"files\": [{\"path\": \"tests/test_a.py\"}], \"manifests\": {}}", "unittest/test", "unittest/cases");
	ASSERT_STEPS("{\"files\": [{\"path\": \"package.json\"}], \"manifests\": {\"package.json\": \"{\\\"scripts\\\": "
		     "{\\\"test\\\": \\\"node --test\\\"}}\"}}",
		     "npm/dependencies", "npm/test");
	ASSERT_STEPS("{\"files\": [{\"path\": \"go.mod\"}, {\"path\": \"a_test.go\"}], \"manifests\": {}}", "go/test");
	ASSERT_STEPS("{\"files\": [{\"path\": \"Cargo.toml\"}], \"manifests\": {}}", "cargo/test");
}

static void test_of_several_native_systems_the_one_with_tests_is_used(void **state)
{
	(void)state;
	ASSERT_STEPS("{\"files\": [{\"path\": \"CMakeLists.txt\"}, {\"path\": \"Makefile\"}], \"manifests\": "
		     "{\"CMakeLists.txt\": \"project(x)\", "
		     "\"Makefile\": \"check:\\n\\t./run\\n\"}}",
		     "make/test");
	ASSERT_STEPS("{\"files\": [{\"path\": \"CMakeLists.txt\"}, {\"path\": \"Makefile\"}], \"manifests\": "
		     "{\"CMakeLists.txt\": \"include(CTest)\", "
		     "\"Makefile\": \"check:\\n\\t./run\\n\"}}",
		     "cmake/configure", "cmake/build", "cmake/test", "cmake/cases");
}

static void test_a_default_script_of_npm_is_no_test(void **state)
{
	(void)state;
	struct sample sample = sample_of("{\"files\": [{\"path\": \"package.json\"}], \"manifests\": {\"package.json\": "
					 "\"{\\\"scripts\\\": {\\\"test\\\": "
					 "\\\"echo \\\\\\\"Error: no test specified\\\\\\\" && exit 1\\\"}}\"}}",
					 "{}");
	assert_int_equal(sample_plan(&sample), 0);
	assert_int_equal(sample.plan.count, 0);
	sample_release(&sample);
}

static void test_switches_are_taken_where_the_ci_agrees(void **state)
{
	(void)state;
	struct sample sample = sample_of(
		"{\"files\": [{\"path\": \"CMakeLists.txt\"}], \"manifests\": {\"CMakeLists.txt\": \"enable_testing()\", "
		"\".github/workflows/ci.yml\": \"cmake -DWITH_UTILS=ON -DENABLE_SANITIZERS=ON -DODD=ON\\ncmake -D WITH_UTILS=On "
		"-DODD=OFF -DPATH_TO=/x\"}}",
		"{}");
	assert_int_equal(sample_plan(&sample), 0);
	const char *command = sample.plan.step[1].argv[2];
	assert_non_null(command);
	assert_non_null(strstr(command, "-DWITH_UTILS=ON"));
	assert_null(strstr(command, "SANITIZERS"));
	assert_null(strstr(command, "ODD"));
	assert_null(strstr(command, "PATH_TO"));
	sample_release(&sample);
}

static void test_a_named_system_is_used_and_an_unknown_one_refused(void **state)
{
	(void)state;
	struct sample sample =
		sample_of("{\"files\": [], \"manifests\": {}}", "{\"system\": \"make\", \"make_target\": \"verify\"}");
	assert_int_equal(sample_plan(&sample), 0);
	assert_string_equal(sample.plan.step[1].argv[3], "verify");
	sample_release(&sample);
	sample = sample_of("{\"files\": [], \"manifests\": {}}", "{\"system\": \"bazel\"}");
	assert_int_equal(sample_plan(&sample), ERR_INVALID_PARAMETERS);
	assert_non_null(strstr(sample.why, "cmake"));
	assert_non_null(strstr(sample.why, "cargo"));
	sample_release(&sample);
}

static void test_unittest_starts_where_packages_begin(void **state)
{
	(void)state;
	struct sample sample = sample_of("{\"files\": [{\"path\": \"pkg/__init__.py\"}, {\"path\": \"pkg/tests/__init__.py\"}, "
					 "{\"path\": \"pkg/tests/test_a.py\"}, {\"path\": \"checks/test_b.py\"}, {\"path\": "
					 "\"checks/test_c.py\"}, {\"path\": "
					 "\"checks/d_test.py\"}], \"manifests\": {}}",
					 "{}");
	assert_int_equal(sample_plan(&sample), 0);
	const char *const *argv = sample.plan.step[1].argv;
	static const char *const expected[] = {".", "test*.py", "checks", "test*.py", "checks", "*_test.py"};
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(argv[3 + i], expected[i]);
	assert_null(argv[9]);
	sample_release(&sample);
}

/* ---- conclusions ---- */

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static struct output output_of(int exit_status, const char *out, const char *err)
{
	return (struct output){.ran = true, .exit_status = exit_status, .out = bytes_of(out), .err = bytes_of(err), .wall_ms = 5};
}

static const char cmake_inventory[] =
	"{\"files\": [{\"path\": \"CMakeLists.txt\"}, {\"path\": \"tests/t.c\"}, {\"path\": \"src/a.c\"}], "
	"\"manifests\": {\"CMakeLists.txt\": \"enable_testing()\"}, \"commit\": \"c\", \"tree\": \"t\", \"dirty\": false}";

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static double metric(const json_t *result, const char *name)
{
	size_t index;
	json_t *one;
	json_array_foreach (json_object_get(result, "metrics"), index, one)
		if (strcmp(text_of(one, "name"), name) == 0)
			return json_number_value(json_object_get(one, "value"));
	return -1;
}

static json_t *conclude(struct sample *sample, const struct output *outputs)
{
	assert_int_equal(sample_plan(sample), 0);
	json_t *result = delta_specialist.conclude(&sample->target, &sample->plan, outputs);
	assert_non_null(result);
	return result;
}

static void test_a_failing_test_is_a_finding_with_its_place(void **state)
{
	(void)state;
	struct sample sample = sample_of(cmake_inventory, "{}");
	const struct output outputs[] = {
		output_of(0, "", ""), output_of(0, "", ""), output_of(0, "", ""), output_of(8, "", ""),
		output_of(0,
			  "<testsuite><testcase name=\"good\" time=\"0.5\" status=\"run\"/><testcase name=\"bad\" time=\"1\" "
			  "status=\"fail\"><failure message=\"\"/><system-out>../tests/t.c:12: expected "
			  "1</system-out></testcase></testsuite>",
			  "")};
	json_t *result = conclude(&sample, outputs);
	const json_t *finding = json_array_get(json_object_get(result, "findings"), 0);
	assert_string_equal(text_of(result, "status"), "complete");
	assert_int_equal(json_array_size(json_object_get(result, "entities")), 2);
	assert_int_equal(json_array_size(json_object_get(result, "findings")), 1);
	assert_string_equal(text_of(json_object_get(finding, "loc"), "path"), "tests/t.c");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(finding, "loc"), "line")), 12);
	assert_true(metric(result, "passed") == 1 && metric(result, "failed") == 1 && metric(result, "skipped") == 0);
	assert_true(metric(result, "duration") == 1.5);
	assert_string_equal(text_of(json_object_get(result, "synthesis"), "text"), "cmake: 1 of 2 cases passed, 1 failed.");
	json_decref(result);
	sample_release(&sample);
}

static void test_a_missing_header_blocks_and_is_named(void **state)
{
	(void)state;
	struct sample sample = sample_of(cmake_inventory, "{}");
	const struct output outputs[] = {
		output_of(0, "", ""),
		output_of(0, "", ""),
		output_of(2, "/work/src/a.c:3:10: fatal error: zlib.h: No such file or directory\n    3 | #include <zlib.h>\n",
			  ""),
		{.ran = false, .why = "the step before it did not succeed"},
		output_of(1, "", "cat: /work/.bunshin/ctest.xml: No such file or directory\n")};
	json_t *result = conclude(&sample, outputs);
	assert_string_equal(text_of(result, "status"), "blocked");
	assert_non_null(strstr(text_of(result, "status_reason"), "missing header zlib.h"));
	assert_null(strstr(text_of(json_object_get(result, "synthesis"), "text"), "passed"));
	const json_t *finding = json_array_get(json_object_get(result, "findings"), 0);
	assert_string_equal(text_of(json_object_get(finding, "loc"), "path"), "src/a.c");
	json_decref(result);
	sample_release(&sample);
}

static void test_a_missing_program_blocks_and_is_named(void **state)
{
	(void)state;
	struct sample sample = sample_of(cmake_inventory, "{}");
	const struct output outputs[] = {output_of(0, "", ""),
					 {.ran = false, .why = "cmake is not installed"},
					 {.ran = false, .why = "the step before it did not succeed"},
					 {.ran = false, .why = "the step before it did not succeed"},
					 output_of(1, "", "cat: no such file\n")};
	json_t *result = conclude(&sample, outputs);
	assert_string_equal(text_of(result, "status"), "blocked");
	assert_non_null(strstr(text_of(result, "status_reason"), "cmake is not installed"));
	json_decref(result);
	sample_release(&sample);
}

static void test_a_run_cut_short_is_partial_and_keeps_what_was_seen(void **state)
{
	(void)state;
	struct sample sample = sample_of(cmake_inventory, "{}");
	struct output outputs[] = {output_of(0, "", ""),
				   output_of(0, "", ""),
				   output_of(0, "", ""),
				   output_of(-1, " 1/9 Test  #1: quick ....   Passed    0.02 sec\n", ""),
				   {.ran = false, .why = "no time left"}};
	outputs[3].timed_out = true;
	outputs[3].signal = 9;
	json_t *result = conclude(&sample, outputs);
	assert_string_equal(text_of(result, "status"), "partial");
	assert_true(metric(result, "passed") == 1);
	assert_non_null(strstr(text_of(result, "status_reason"), "ran out of time"));
	assert_non_null(strstr(text_of(json_object_get(result, "synthesis"), "text"),
			       "1 of 1 cases that ended before the time was over"));
	json_decref(result);
	sample_release(&sample);
}

static void test_passing_is_not_said_when_the_runner_says_otherwise(void **state)
{
	(void)state;
	struct sample sample = sample_of(cmake_inventory, "{}");
	const struct output outputs[] = {output_of(0, "", ""), output_of(0, "", ""), output_of(0, "", ""), output_of(8, "", ""),
					 output_of(0, "<testsuite><testcase name=\"good\" status=\"run\"/></testsuite>", "")};
	json_t *result = conclude(&sample, outputs);
	assert_string_equal(text_of(result, "status"), "partial");
	assert_non_null(strstr(text_of(result, "status_reason"), "ended with status 8 although no case"));
	json_decref(result);
	sample_release(&sample);
}

static void test_no_case_is_no_success(void **state)
{
	(void)state;
	struct sample sample = sample_of(cmake_inventory, "{}");
	const struct output outputs[] = {output_of(0, "", ""), output_of(0, "", ""), output_of(0, "", ""),
					 output_of(0, "No tests were found!!!\n", ""),
					 output_of(0, "<testsuite tests=\"0\"></testsuite>", "")};
	json_t *result = conclude(&sample, outputs);
	assert_string_equal(text_of(result, "status"), "blocked");
	assert_non_null(strstr(text_of(result, "status_reason"), "no test case"));
	json_decref(result);
	sample_release(&sample);
}

static void test_a_project_without_tests_is_blocked_with_what_was_looked_for(void **state)
{
	(void)state;
	struct sample sample = sample_of("{\"files\": [{\"path\": \"README\"}], \"manifests\": {}}", "{}");
	json_t *result = conclude(&sample, NULL);
	assert_string_equal(text_of(result, "status"), "blocked");
	assert_non_null(strstr(text_of(result, "status_reason"), "CMakeLists.txt"));
	assert_non_null(strstr(text_of(result, "status_reason"), "Cargo.toml"));
	json_decref(result);
	sample_release(&sample);
}

static void test_missing_npm_dependencies_are_the_reason(void **state)
{
	(void)state;
	struct sample sample = sample_of("{\"files\": [{\"path\": \"package.json\"}], \"manifests\": {\"package.json\": "
					 "\"{\\\"scripts\\\": {\\\"test\\\": "
					 "\\\"mocha\\\"}}\"}}",
					 "{}");
	const struct output outputs[] = {
		output_of(0, "", ""), output_of(1, "", ""),
		output_of(127, "\n> x@1.0.0 test\n> mocha --reporter tap\n\n", "sh: 1: mocha: not found\n")};
	json_t *result = conclude(&sample, outputs);
	assert_string_equal(text_of(result, "status"), "blocked");
	assert_non_null(strstr(text_of(result, "status_reason"), "no node_modules folder"));
	assert_non_null(strstr(text_of(result, "status_reason"), "npm ci"));
	assert_int_equal(json_array_size(json_object_get(result, "entities")), 0);
	json_decref(result);
	sample_release(&sample);
}

static void test_cases_that_lack_a_module_say_nothing_about_the_code(void **state)
{
	(void)state;
	struct sample sample =
		sample_of("{\"files\": [{\"path\": \"test_a.py\"}, {\"path\": \"conftest.py\"}], \"manifests\": {}}", "{}");
	struct output outputs[] = {output_of(0, "", ""), output_of(2, "", ""),
				   output_of(0,
					     "<testsuite><testcase name=\"test_a\"><error message=\"collection failure\">E   "
					     "ModuleNotFoundError: No module "
					     "named 'freezegun'</error></testcase></testsuite>",
					     "")};
	json_t *result = conclude(&sample, outputs);
	assert_string_equal(text_of(result, "status"), "blocked");
	assert_non_null(strstr(text_of(result, "status_reason"), "freezegun"));
	assert_int_equal(json_array_size(json_object_get(result, "findings")), 0);
	json_decref(result);
	outputs[2] = output_of(
		0,
		"<testsuite><testcase name=\"test_b\"/><testcase name=\"test_a\"><error message=\"x\">No module named 'freezegun'"
		"</error></testcase></testsuite>",
		"");
	sample.plan.count = 0;
	result = conclude(&sample, outputs);
	assert_string_equal(text_of(result, "status"), "partial");
	json_decref(result);
	sample_release(&sample);
}

static void test_what_is_missing_is_recognised_in_many_words(void **state)
{
	(void)state;
	static const struct {
		const char *said;
		const char *names;
	} samples[] = {
		{"x.c:1:10: fatal error: 'openssl/evp.h' file not found", "openssl/evp.h"},
		{"/usr/bin/ld: cannot find -lz: No such file or directory", "library z"},
		{"CMake Error at CMakeLists.txt:1 (cmake_minimum_required):\n  CMake 3.30 or higher is required.  You are "
		 "running version 3.25.1",
		 "3.30"},
		{"  Could not find a package configuration file provided by \"Boost\" with any of", "Boost"},
		{"-- Could NOT find ZLIB (missing: ZLIB_LIBRARY ZLIB_INCLUDE_DIR)", "ZLIB"},
		{"meson.build:5:0: ERROR: Dependency \"glib-2.0\" not found, tried pkgconfig", "glib-2.0"},
		{"configure: error: no acceptable C compiler found in $PATH", "no acceptable C compiler"},
		{"ModuleNotFoundError: No module named 'numpy.linalg'", "numpy.linalg"},
		{"/usr/bin/python3: No module named pytest", "pytest"},
		{"Error: Cannot find module 'express'\nRequire stack:", "express"},
		{"sh: 1: mocha: not found", "mocha"},
		{"/bin/sh: 1: yasm: not found", "yasm"},
		{"make: gcc-13: No such file or directory", "gcc-13"},
		{"bash: line 1: tox: command not found", "tox"},
		{"error: no matching package named `serde` found", "serde"},
		{"npm ERR! getaddrinfo EAI_AGAIN registry.npmjs.org", "network"},
		{"go: github.com/a/b@v1.2.3: module lookup disabled by GOPROXY=off", "github.com/a/b@v1.2.3"},
	};
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		char sentence[OBSTACLE_BYTES] = "";
		if (!obstacle_find(samples[i].said, strlen(samples[i].said), sentence) || !strstr(sentence, samples[i].names))
			fail_msg("'%s' gave '%s'", samples[i].said, sentence);
	}
	char sentence[OBSTACLE_BYTES];
	assert_false(obstacle_find("Error: Cannot find module './helper'", 36, sentence));
	assert_false(obstacle_find("all is well", 11, sentence));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_system_is_recognised),
		cmocka_unit_test(test_of_several_native_systems_the_one_with_tests_is_used),
		cmocka_unit_test(test_a_default_script_of_npm_is_no_test),
		cmocka_unit_test(test_switches_are_taken_where_the_ci_agrees),
		cmocka_unit_test(test_a_named_system_is_used_and_an_unknown_one_refused),
		cmocka_unit_test(test_unittest_starts_where_packages_begin),
		cmocka_unit_test(test_a_failing_test_is_a_finding_with_its_place),
		cmocka_unit_test(test_a_missing_header_blocks_and_is_named),
		cmocka_unit_test(test_a_missing_program_blocks_and_is_named),
		cmocka_unit_test(test_a_run_cut_short_is_partial_and_keeps_what_was_seen),
		cmocka_unit_test(test_passing_is_not_said_when_the_runner_says_otherwise),
		cmocka_unit_test(test_no_case_is_no_success),
		cmocka_unit_test(test_a_project_without_tests_is_blocked_with_what_was_looked_for),
		cmocka_unit_test(test_missing_npm_dependencies_are_the_reason),
		cmocka_unit_test(test_cases_that_lack_a_module_say_nothing_about_the_code),
		cmocka_unit_test(test_what_is_missing_is_recognised_in_many_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
