/* SPDX-License-Identifier: MIT
 *
 * The common result: what a builder promises to every specialist.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clones/clone.h"
#include "clones/result.h"

static struct target target_make(void)
{
	return (struct target){
		.repository = "/srv/project",
		.inventory = json_pack("{s:s, s:s, s:b, s:{s:i}, s:[{s:s},{s:s},{s:s}]}", "commit", "c0", "tree", "t0", "dirty",
				       0, "languages", "C", 7, "files", "path", "a.c", "path", "b.c", "path", "c.c"),
		.parameters = json_object(),
		.task_id = "018f",
		.started = "2026-01-01T00:00:00Z",
	};
}

static void target_release(struct target *target)
{
	json_decref(target->inventory);
	json_decref(target->parameters);
}

static struct result *begin(struct target *target)
{
	struct result *result;

	*target = target_make();
	result = result_begin(target, "beta", "security-analysis");
	assert_non_null(result);
	return result;
}

static json_t *end(struct result *result, struct target *target)
{
	json_t *root = result_end(result);

	assert_non_null(root);
	target_release(target);
	return root;
}

static const char *text_at(const json_t *root, const char *array, size_t index, const char *object, const char *name)
{
	const json_t *entry = json_array_get(json_object_get(root, array), index);

	return json_string_value(json_object_get(object ? json_object_get(entry, object) : entry, name));
}

static void test_an_empty_result_is_complete_and_names_its_target(void **state)
{
	struct target target;
	json_t *root = end(begin(&target), &target);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(root, "schema")), RESULT_SCHEMA);
	assert_string_equal(json_string_value(json_object_get(root, "status")), "complete");
	assert_true(json_is_null(json_object_get(root, "status_reason")));
	assert_string_equal(json_string_value(json_object_get(json_object_get(root, "target"), "commit")), "c0");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "coverage"), "files_total")), 3);
	json_decref(root);
}

static void test_findings_come_out_sorted_by_score_times_confidence(void **state)
{
	struct target target;
	struct result *result = begin(&target);
	json_t *root;

	(void)state;
	result_add_finding(
		result, &(struct finding){.rule = "low", .title = "l", .path = "a.c", .line = 1, .score = 90, .confidence = 0.1});
	result_add_finding(
		result,
		&(struct finding){.rule = "high", .title = "h", .path = "a.c", .line = 2, .score = 40, .confidence = 0.9});
	result_add_finding(
		result,
		&(struct finding){.rule = "same-b", .title = "s", .path = "b.c", .line = 2, .score = 30, .confidence = 0.5});
	result_add_finding(
		result,
		&(struct finding){.rule = "same-a", .title = "s", .path = "a.c", .line = 9, .score = 30, .confidence = 0.5});
	root = end(result, &target);
	assert_string_equal(text_at(root, "findings", 0, "rule", "id"), "high");
	assert_string_equal(text_at(root, "findings", 1, "rule", "id"), "same-a");
	assert_string_equal(text_at(root, "findings", 2, "rule", "id"), "same-b");
	assert_string_equal(text_at(root, "findings", 3, "rule", "id"), "low");
	json_decref(root);
}

/* The fingerprint of a finding at a line that reads `line`. */
static void fingerprint_at(char out[FINGERPRINT_BYTES], uint32_t number, const char *function, const char *line)
{
	struct target target;
	struct result *result = begin(&target);
	json_t *root;

	result_add_finding(
		result, &(struct finding){
				.rule = "r", .title = "t", .path = "a.c", .line = number, .function = function, .snippet = line});
	root = end(result, &target);
	strcpy(out, text_at(root, "findings", 0, NULL, "fingerprint"));
	assert_memory_equal(out, text_at(root, "findings", 0, NULL, "id"), 12);
	json_decref(root);
}

static void test_a_fingerprint_survives_moved_and_reformatted_lines(void **state)
{
	char a[FINGERPRINT_BYTES], b[FINGERPRINT_BYTES];

	(void)state;
	fingerprint_at(a, 10, "f", "strcpy(a, b);");
	fingerprint_at(b, 99, "f", "\t\tstrcpy( a,b );");
	assert_string_equal(a, b);
	fingerprint_at(b, 10, "g", "strcpy(a, b);");
	assert_string_not_equal(a, b);
	fingerprint_at(b, 10, "f", "strcpy(a, c);");
	assert_string_not_equal(a, b);
}

static void test_equal_lines_are_told_apart_by_their_number(void **state)
{
	struct target target;
	struct result *result = begin(&target);
	char first[FINGERPRINT_BYTES], second[FINGERPRINT_BYTES];
	json_t *root;

	(void)state;
	/* Added in the wrong order: the number follows the lines, not the tools. */
	for (uint32_t line = 20; line >= 10; line -= 10)
		result_add_finding(
			result, &(struct finding){.rule = "r", .title = "t", .path = "a.c", .line = line, .snippet = "gets(b);"});
	root = end(result, &target);
	assert_true(fingerprint_of("r", "a.c", NULL, "gets(b);", 0, first));
	assert_true(fingerprint_of("r", "a.c", NULL, "gets(b);", 1, second));
	assert_string_equal(text_at(root, "findings", 0, NULL, "fingerprint"), first);
	assert_string_equal(text_at(root, "findings", 1, NULL, "fingerprint"), second);
	assert_string_not_equal(first, second);
	json_decref(root);
}

static void test_fields_of_a_fingerprint_do_not_run_into_each_other(void **state)
{
	char a[FINGERPRINT_BYTES], b[FINGERPRINT_BYTES];

	(void)state;
	assert_true(fingerprint_of("ab", "c", "", "", 0, a));
	assert_true(fingerprint_of("a", "bc", "", "", 0, b));
	assert_string_not_equal(a, b);
}

static void test_a_status_only_falls_and_says_every_reason_once(void **state)
{
	struct target target;
	struct result *result = begin(&target);
	json_t *root;

	(void)state;
	result_status(result, BLOCKED, "No compiler.");
	result_status(result, PARTIAL, "No time.");
	result_status(result, PARTIAL, "No time.");
	root = end(result, &target);
	assert_string_equal(json_string_value(json_object_get(root, "status")), "blocked");
	assert_string_equal(json_string_value(json_object_get(root, "status_reason")), "No compiler. No time.");
	json_decref(root);
}

static json_t *with_run(bool optional, struct output output)
{
	struct target target;
	struct result *result = begin(&target);
	struct step step = {.name = "tool", .argv = {"tool", "-x", NULL}, .tier = 1, .optional = optional};

	result_add_run(result, &step, &output, NULL);
	return end(result, &target);
}

static void check_status(bool optional, struct output output, const char *status)
{
	json_t *root = with_run(optional, output);

	assert_string_equal(json_string_value(json_object_get(root, "status")), status);
	json_decref(root);
}

static void test_a_step_that_did_not_run_or_end_lowers_the_status(void **state)
{
	(void)state;
	check_status(true, (struct output){.ran = true}, "complete");
	check_status(true, (struct output){.why = "tool is not installed"}, "partial");
	check_status(false, (struct output){.why = "tool is not installed"}, "blocked");
	check_status(true, (struct output){.ran = true, .timed_out = true, .exit_status = -1, .signal = 9}, "partial");
	check_status(true, (struct output){.ran = true, .exit_status = -1, .signal = 11}, "partial");
	check_status(true, (struct output){.ran = true, .cut = true}, "partial");
}

static void test_a_confidential_output_leaves_no_digest(void **state)
{
	struct target target;
	struct result *result = begin(&target);
	struct output output = {.ran = true, .out = {(const uint8_t *)"secret", 6}};
	struct step step = {.name = "open", .argv = {"open", NULL}};
	char digest[FINGERPRINT_BYTES];
	json_t *root;

	(void)state;
	result_add_run(result, &step, &output, NULL);
	step.confidential = true;
	result_add_run(result, &step, &output, NULL);
	root = end(result, &target);
	assert_true(digest_of("secret", 6, digest));
	assert_string_equal(text_at(root, "runs", 0, "raw", "sha256"), digest);
	assert_true(json_is_null(
		json_object_get(json_object_get(json_array_get(json_object_get(root, "runs"), 1), "raw"), "sha256")));
	json_decref(root);
}

static void test_text_of_any_bytes_becomes_valid_and_bounded(void **state)
{
	static const char broken[] = "a\xFF\xC0\xAF\xED\xA0\x80 \xC3\xA4\xE2\x82";
	json_t *text = text_json(broken, sizeof(broken) - 1, 1000);
	json_t *cut = text_json("abc\xC3\xA4xyz", 8, 4);

	(void)state;
	assert_non_null(text);
	assert_string_equal(json_string_value(text),
			    "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD \xC3\xA4"
			    "\xEF\xBF\xBD\xEF\xBF\xBD");
	assert_string_equal(json_string_value(cut), "abc\xE2\x80\xA6");
	json_decref(text);
	json_decref(cut);
}

static void test_a_result_is_bounded_and_says_what_is_missing(void **state)
{
	struct target target;
	struct result *result = begin(&target);
	json_t *root;

	(void)state;
	for (uint32_t i = 0; i < RESULT_FINDINGS_MAX + 7; i++)
		result_add_finding(
			result,
			&(struct finding){.rule = "r", .title = "t", .path = "a.c", .line = i + 1, .score = 1 + (i % 50)});
	root = end(result, &target);
	assert_int_equal(json_array_size(json_object_get(root, "findings")), RESULT_FINDINGS_MAX);
	assert_string_equal(json_string_value(json_object_get(root, "status")), "partial");
	assert_non_null(strstr(json_string_value(json_object_get(root, "status_reason")), "7 findings"));
	json_decref(root);
}

static void test_test_code_and_vendored_code_weigh_less(void **state)
{
	struct target target;
	struct result *result = begin(&target);
	json_t *root;

	(void)state;
	result_add_finding(result, &(struct finding){.rule = "r", .title = "t", .score = 50, .in_test = true, .path = "1"});
	result_add_finding(result, &(struct finding){.rule = "r", .title = "t", .score = 50, .vendored = true, .path = "2"});
	result_add_finding(result, &(struct finding){.rule = "r", .title = "t", .score = 50, .path = "3"});
	root = end(result, &target);
	assert_string_equal(text_at(root, "findings", 0, "loc", "path"), "3");
	assert_string_equal(text_at(root, "findings", 1, "loc", "path"), "2");
	assert_string_equal(text_at(root, "findings", 2, "loc", "path"), "1");
	json_decref(root);
}

static void test_paths_tell_tests_vendored_and_generated_code(void **state)
{
	static const char *const tests[] = {"tests/a.c", "src/test_a.py", "a_test.go", "x/spec/y.rb", "a.test.js", "conftest.py"};
	static const char *const vendored[] = {"vendor/a.go", "deps/lua/l.c", "node_modules/x/y.js", "src/third_party/z.h"};
	static const char *const generated[] = {"dist/a.js", "a.min.js", "m/a_pb2.py", "configure", "sub/configure"};
	static const char *const plain[] = {"src/contest.c", "latest/a.c", "attest.c", "src/independent.c", "distance.c"};

	(void)state;
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		assert_true(path_in_test(tests[i]));
	for (size_t i = 0; i < sizeof(vendored) / sizeof(vendored[0]); i++)
		assert_true(path_vendored(vendored[i]));
	for (size_t i = 0; i < sizeof(generated) / sizeof(generated[0]); i++)
		assert_true(path_generated(generated[i]));
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		assert_false(path_in_test(plain[i]) || path_vendored(plain[i]) || path_generated(plain[i]));
}

static void test_without_a_builder_nothing_happens(void **state)
{
	(void)state;
	result_status(NULL, PARTIAL, "x");
	assert_null(result_add_finding(NULL, &(struct finding){.rule = "r", .evidence = json_array()}));
	result_add_entity(NULL, "k", json_object());
	result_set(NULL, "n", json_object());
	assert_null(result_end(NULL));
}

static void test_an_arena_gives_zeroed_memory_of_any_size(void **state)
{
	struct arena *arena = arena_new();
	unsigned char *large;

	(void)state;
	for (size_t i = 1; i < 3000; i += 7)
		assert_non_null(arena_take(arena, i));
	large = arena_take(arena, 1u << 20);
	assert_non_null(large);
	for (size_t i = 0; i < (1u << 20); i += 4095)
		assert_int_equal(large[i], 0);
	assert_string_equal(arena_print(arena, "%s-%d", "a", 7), "a-7");
	assert_null(arena_take(arena, SIZE_MAX - 1));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_result_is_complete_and_names_its_target),
		cmocka_unit_test(test_findings_come_out_sorted_by_score_times_confidence),
		cmocka_unit_test(test_a_fingerprint_survives_moved_and_reformatted_lines),
		cmocka_unit_test(test_equal_lines_are_told_apart_by_their_number),
		cmocka_unit_test(test_fields_of_a_fingerprint_do_not_run_into_each_other),
		cmocka_unit_test(test_a_status_only_falls_and_says_every_reason_once),
		cmocka_unit_test(test_a_step_that_did_not_run_or_end_lowers_the_status),
		cmocka_unit_test(test_a_confidential_output_leaves_no_digest),
		cmocka_unit_test(test_text_of_any_bytes_becomes_valid_and_bounded),
		cmocka_unit_test(test_a_result_is_bounded_and_says_what_is_missing),
		cmocka_unit_test(test_test_code_and_vendored_code_weigh_less),
		cmocka_unit_test(test_paths_tell_tests_vendored_and_generated_code),
		cmocka_unit_test(test_without_a_builder_nothing_happens),
		cmocka_unit_test(test_an_arena_gives_zeroed_memory_of_any_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
