/* SPDX-License-Identifier: MIT
 *
 * Reports of test runners, as they were printed, read into cases; and every cut of each, read without harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/cases.h"

typedef void reader(struct cases *cases, struct bytes text);

/* From memory of its own and without a NUL, so that a sanitizer sees a step too far. */
static struct cases read_bytes(reader *read, const char *text, size_t bytes)
{
	struct cases cases = {0};
	uint8_t *copy = malloc(bytes ? bytes : 1);
	memcpy(copy, text, bytes);
	read(&cases, (struct bytes){copy, (uint32_t)bytes});
	free(copy);
	return cases;
}

static struct cases read_text(reader *read, const char *text)
{
	return read_bytes(read, text, strlen(text));
}

static void assert_case(const struct cases *cases, size_t index, const char *suite, const char *name, enum verdict verdict)
{
	assert_true(index < cases->count);
	assert_string_equal(cases->at[index].suite, suite);
	assert_string_equal(cases->at[index].name, name);
	assert_string_equal(verdict_name(cases->at[index].verdict), verdict_name(verdict));
}

static const char junit_ctest[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				  "<testsuite "
				  "name=\"Linux-c++\"\n\ttests=\"4\"\n\tfailures=\"1\"\n\tdisabled=\"1\"\n\tskipped="
				  "\"1\"\n\thostname=\"\"\n\ttime=\"0\"\n>\n"
				  "\t<testcase name=\"adds\" classname=\"adds\" time=\"0.0125\" "
				  "status=\"run\">\n\t\t<properties/>\n\t\t<system-out>fine\n</system-out>\n\t</testcase>\n"
				  "\t<testcase name=\"breaks\" classname=\"breaks\" time=\"0.5\" status=\"fail\">\n\t\t<failure "
				  "message=\"\"/>\n\t\t<properties/>\n"
				  "\t\t<system-out>/work/t.c:12: 1 &lt; 0\n</system-out>\n\t</testcase>\n"
				  "\t<testcase name=\"off\" classname=\"off\" time=\"0\" status=\"disabled\">\n\t\t<skipped "
				  "message=\"Disabled\"/>\n\t</testcase>\n"
				  "\t<testcase name=\"later\" classname=\"later\" time=\"0\" status=\"notrun\">\n\t\t<skipped "
				  "message=\"SKIP_RETURN_CODE=77\"/>\n\t</testcase>\n"
				  "</testsuite>\n";

static void test_junit_of_ctest_is_read(void **state)
{
	(void)state;
	struct cases cases = read_text(read_junit, junit_ctest);
	assert_int_equal(cases.count, 4);
	assert_case(&cases, 0, "", "adds", VERDICT_PASSED);
	assert_case(&cases, 1, "", "breaks", VERDICT_FAILED);
	assert_case(&cases, 2, "", "off", VERDICT_SKIPPED);
	assert_case(&cases, 3, "", "later", VERDICT_SKIPPED);
	assert_true(cases.at[0].seconds > 0.012 && cases.at[0].seconds < 0.013);
	assert_string_equal(cases.at[1].output, "/work/t.c:12: 1 < 0\n");
	assert_string_equal(cases.at[2].message, "Disabled");
	cases_release(&cases);
}

static const char junit_pytest[] = "<?xml version=\"1.0\" encoding=\"utf-8\"?><testsuites><testsuite name=\"pytest\" "
				   "errors=\"1\" failures=\"1\" skipped=\"1\" tests=\"4\" "
				   "time=\"0.05\"><testcase classname=\"tests.test_a.TestA\" name=\"test_ok[1]\" "
				   "file=\"tests/test_a.py\" line=\"3\" time=\"0.001\" />"
				   "<testcase classname=\"tests.test_a\" name=\"test_bad\" time=\"0.002\"><failure "
				   "message=\"AssertionError: assert 1 == 2\">def test_bad():\n"
				   "&gt;       assert 1 == 2\n\ntests/test_a.py:9: AssertionError</failure></testcase>"
				   "<testcase classname=\"tests.test_a\" name=\"test_later\" time=\"0.0\"><skipped "
				   "type=\"pytest.skip\" message=\"not now\">tests/test_a.py:11: not "
				   "now</skipped></testcase>"
				   "<testcase classname=\"\" name=\"tests.test_b\" time=\"0.000\"><error message=\"collection "
				   "failure\">ImportError while importing test "
				   "module</error></testcase></testsuite></testsuites>";

static void test_junit_of_pytest_is_read(void **state)
{
	(void)state;
	struct cases cases = read_text(read_junit, junit_pytest);
	assert_int_equal(cases.count, 4);
	assert_case(&cases, 0, "tests.test_a.TestA", "test_ok[1]", VERDICT_PASSED);
	assert_case(&cases, 1, "tests.test_a", "test_bad", VERDICT_FAILED);
	assert_string_equal(cases.at[1].message, "AssertionError: assert 1 == 2");
	assert_non_null(strstr(cases.at[1].output, "tests/test_a.py:9"));
	assert_case(&cases, 2, "tests.test_a", "test_later", VERDICT_SKIPPED);
	assert_case(&cases, 3, "", "tests.test_b", VERDICT_ERROR);
	cases_release(&cases);
}

static void test_a_report_that_breaks_off_passes_nothing_it_did_not_finish(void **state)
{
	(void)state;
	struct cases cases = read_text(
		read_junit, "<testsuite><testcase name=\"whole\"/><testcase name=\"half\" time=\"1\"><system-out>and th");
	assert_int_equal(cases.count, 2);
	assert_case(&cases, 0, "", "whole", VERDICT_PASSED);
	assert_case(&cases, 1, "", "half", VERDICT_ERROR);
	cases_release(&cases);
}

static void test_a_report_names_no_file_that_is_then_read(void **state)
{
	(void)state;
	struct cases cases =
		read_text(read_junit, "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><testsuite><testcase name=\"a\">"
				      "<failure>&e;</failure></testcase></testsuite>");
	for (size_t i = 0; i < cases.count; i++) {
		assert_null(strstr(cases.at[i].output, "root:"));
		assert_null(strstr(cases.at[i].message, "root:"));
	}
	cases_release(&cases);
}

/* node 20.20.2, `node --test`, not on a terminal. */
static const char tap_node[] =
	"TAP version 13\n"
	"# Subtest: adds\nok 1 - adds\n  ---\n  duration_ms: 1.5\n  ...\n"
	"# Subtest: arithmetic\n"
	"    # Subtest: subtracts\n    ok 1 - subtracts\n      ---\n      duration_ms: 0.2\n      ...\n"
	"    # Subtest: divides\n    not ok 2 - divides\n      ---\n      duration_ms: 12.25\n      location: "
	"'/work/test/a.test.js:9:3'\n"
	"      failureType: 'testCodeFailure'\n      error: |-\n        Expected values to be strictly equal:\n        \n        "
	"1 !== 2\n"
	"        \n      code: 'ERR_ASSERTION'\n      ...\n"
	"    # Subtest: later\n    ok 3 - later # SKIP not now\n      ---\n      duration_ms: 0.1\n      ...\n"
	"    # Subtest: wish\n    not ok 4 - wish # TODO some day\n      ---\n      duration_ms: 0.1\n      ...\n"
	"    1..4\nnot ok 2 - arithmetic\n  ---\n  duration_ms: 14\n  type: 'suite'\n  error: '1 subtest failed'\n  ...\n"
	"1..2\n# tests 5\n# pass 2\n# fail 1\n";

static void test_tap_with_subtests_is_read(void **state)
{
	(void)state;
	struct cases cases = read_text(read_tap, tap_node);
	assert_int_equal(cases.count, 5);
	assert_case(&cases, 0, "", "adds", VERDICT_PASSED);
	assert_case(&cases, 1, "arithmetic", "subtracts", VERDICT_PASSED);
	assert_case(&cases, 2, "arithmetic", "divides", VERDICT_FAILED);
	assert_case(&cases, 3, "arithmetic", "later", VERDICT_SKIPPED);
	assert_case(&cases, 4, "arithmetic", "wish", VERDICT_SKIPPED);
	assert_true(cases.at[2].seconds > 0.0122 && cases.at[2].seconds < 0.0123);
	assert_non_null(strstr(cases.at[2].message, "/work/test/a.test.js:9:3"));
	assert_non_null(strstr(cases.at[2].message, "1 !== 2"));
	cases_release(&cases);
}

static void test_plain_tap_is_read_and_other_lines_are_not(void **state)
{
	(void)state;
	struct cases cases = read_text(
		read_tap, "1..4\nok 1 - opens # file\nnot ok 2\nokay is no point\n--- a/file\n+++ b/file\nok 3 - still read\n"
			  "ok 4 # skip no network\nnotes\n");
	assert_int_equal(cases.count, 4);
	assert_case(&cases, 0, "", "opens # file", VERDICT_PASSED);
	assert_case(&cases, 1, "", "", VERDICT_FAILED);
	assert_case(&cases, 2, "", "still read", VERDICT_PASSED);
	assert_case(&cases, 3, "", "", VERDICT_SKIPPED);
	cases_release(&cases);
}

static void test_a_parent_that_fails_alone_is_a_case(void **state)
{
	(void)state;
	struct cases cases = read_text(
		read_tap,
		"# Subtest: group\n    ok 1 - inner\n    1..1\nnot ok 1 - group\n  ---\n  error: 'after hook'\n  ...\n");
	assert_int_equal(cases.count, 2);
	assert_case(&cases, 1, "", "group", VERDICT_FAILED);
	cases_release(&cases);
}

static const char go_events[] =
	"{\"Action\":\"start\",\"Package\":\"example.org/m\"}\n"
	"{\"Action\":\"run\",\"Package\":\"example.org/m\",\"Test\":\"TestA\"}\n"
	"{\"Action\":\"output\",\"Package\":\"example.org/m\",\"Test\":\"TestA\",\"Output\":\"=== RUN   TestA\\n\"}\n"
	"{\"Action\":\"pass\",\"Package\":\"example.org/m\",\"Test\":\"TestA\",\"Elapsed\":0.25}\n"
	"{\"Action\":\"output\",\"Package\":\"example.org/m\",\"Test\":\"TestB\",\"Output\":\"    m_test.go:12: got 1\\n\"}\n"
	"{\"Action\":\"fail\",\"Package\":\"example.org/m\",\"Test\":\"TestB\",\"Elapsed\":0}\n"
	"{\"Action\":\"skip\",\"Package\":\"example.org/m\",\"Test\":\"TestC\",\"Elapsed\":0}\n"
	"{\"Action\":\"fail\",\"Package\":\"example.org/m\",\"Elapsed\":0.3}\n"
	"{\"Action\":\"output\",\"Package\":\"example.org/m/x\",\"Output\":\"FAIL\\texample.org/m/x [build failed]\\n\"}\n"
	"{\"Action\":\"fail\",\"Package\":\"example.org/m/x\",\"Elapsed\":0}\n"
	"not json\n{\"Action\":\n";

static void test_events_of_go_are_read(void **state)
{
	(void)state;
	struct cases cases = read_text(read_go, go_events);
	assert_int_equal(cases.count, 4);
	assert_case(&cases, 0, "example.org/m", "TestA", VERDICT_PASSED);
	assert_case(&cases, 1, "example.org/m", "TestB", VERDICT_FAILED);
	assert_string_equal(cases.at[1].message, "    m_test.go:12: got 1\n");
	assert_case(&cases, 2, "example.org/m", "TestC", VERDICT_SKIPPED);
	assert_case(&cases, 3, "example.org/m/x", "(package)", VERDICT_ERROR);
	assert_non_null(strstr(cases.at[3].message, "build failed"));
	cases_release(&cases);
}

static const char cargo_text[] =
	"   Compiling m v0.1.0 (/work)\n    Finished test [unoptimized] target(s) in 1.02s\n"
	"     Running unittests src/lib.rs (target/debug/deps/m-0123)\n\nrunning 3 tests\n"
	"test tests::adds ... ok\ntest tests::later ... ignored\ntest tests::breaks - should panic ... FAILED\n\nfailures:\n\n"
	"---- tests::breaks stdout ----\ntest failed, to rerun pass `--lib`\n\n"
	"     Running tests/whole.rs (target/debug/deps/whole-0123)\n\nrunning 1 test\ntest whole ... ok\n";

static void test_text_of_cargo_is_read(void **state)
{
	(void)state;
	struct cases cases = read_text(read_cargo, cargo_text);
	assert_int_equal(cases.count, 4);
	assert_case(&cases, 0, "src/lib.rs", "tests::adds", VERDICT_PASSED);
	assert_case(&cases, 1, "src/lib.rs", "tests::later", VERDICT_SKIPPED);
	assert_case(&cases, 2, "src/lib.rs", "tests::breaks", VERDICT_FAILED);
	assert_case(&cases, 3, "tests/whole.rs", "whole", VERDICT_PASSED);
	cases_release(&cases);
}

static const char trs_lines[] =
	"./tests/adds.trs::test-result: PASS\ntests/known.trs::test-result: XFAIL\ntests/lucky.trs::test-result: XPASS\n"
	"tests/many.trs::test-result: FAIL 2 - divides\ntests/none.trs::test-result: SKIP\ntests/odd.trs::test-result: HMM\n";

static void test_results_of_automake_are_read(void **state)
{
	(void)state;
	struct cases cases = read_text(read_trs, trs_lines);
	assert_int_equal(cases.count, 5);
	assert_case(&cases, 0, "", "tests/adds", VERDICT_PASSED);
	assert_case(&cases, 1, "", "tests/known", VERDICT_PASSED);
	assert_case(&cases, 2, "", "tests/lucky", VERDICT_FAILED);
	assert_case(&cases, 3, "tests/many", "2 - divides", VERDICT_FAILED);
	assert_case(&cases, 4, "", "tests/none", VERDICT_SKIPPED);
	cases_release(&cases);
}

static const char ctest_text[] =
	"Test project /work/.bunshin/cmake\n    Start 1: adds\n1/3 Test #1: adds .............................   Passed    0.02 "
	"sec\n"
	" 2/3 Test  #2: breaks ...........................***Failed    1.50 sec\n"
	" 3/3 Test  #3: crashes ..........................***Exception: SegFault  0.11 sec\n\n67% tests passed\n";

static void test_an_interrupted_ctest_is_read_from_its_text(void **state)
{
	(void)state;
	struct cases cases = read_text(read_ctest_text, ctest_text);
	assert_int_equal(cases.count, 3);
	assert_case(&cases, 0, "", "adds", VERDICT_PASSED);
	assert_case(&cases, 1, "", "breaks", VERDICT_FAILED);
	assert_case(&cases, 2, "", "crashes", VERDICT_FAILED);
	assert_true(cases.at[1].seconds > 1.4 && cases.at[1].seconds < 1.6);
	cases_release(&cases);
}

static const char ticks[] =
	"\n  arithmetic\n    \xe2\x9c\x93 adds (12ms)\n    \xe2\x9c\x93 subtracts\n    1) divides\n    - later\n\n  2 passing\n"
	"  \xe2\x9c\x95 multiplies (3 ms)\n";

static void test_ticks_and_crosses_are_read(void **state)
{
	(void)state;
	struct cases cases = read_text(read_ticks, ticks);
	assert_int_equal(cases.count, 5);
	assert_case(&cases, 0, "", "adds", VERDICT_PASSED);
	assert_case(&cases, 1, "", "subtracts", VERDICT_PASSED);
	assert_case(&cases, 2, "", "divides", VERDICT_FAILED);
	assert_case(&cases, 3, "", "later", VERDICT_SKIPPED);
	assert_case(&cases, 4, "", "multiplies", VERDICT_FAILED);
	cases_release(&cases);
}

static const char json_lines[] =
	"{\"suite\": \"tests.A\", \"name\": \"test_a\", \"verdict\": \"passed\", \"message\": \"\", \"seconds\": 0.5}\n"
	"{\"suite\": \"tests.A\", \"name\": \"test_b\", \"verdict\": \"wonderful\"}\n"
	"{\"name\": \"test_c\", \"verdict\": \"error\", \"message\": \"Traceback\"}\n";

static void test_json_lines_are_read_and_unknown_verdicts_are_not(void **state)
{
	(void)state;
	struct cases cases = read_text(read_lines, json_lines);
	assert_int_equal(cases.count, 2);
	assert_case(&cases, 0, "tests.A", "test_a", VERDICT_PASSED);
	assert_case(&cases, 1, "", "test_c", VERDICT_ERROR);
	cases_release(&cases);
}

static void test_every_cut_of_every_report_is_harmless(void **state)
{
	(void)state;
	static const struct {
		reader *read;
		const char *text;
	} all[] = {{read_junit, junit_ctest},     {read_junit, junit_pytest}, {read_tap, tap_node},
		   {read_go, go_events},          {read_cargo, cargo_text},   {read_trs, trs_lines},
		   {read_ctest_text, ctest_text}, {read_ticks, ticks},        {read_lines, json_lines}};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct cases whole = read_text(all[i].read, all[i].text);
		for (size_t bytes = 0; bytes < strlen(all[i].text); bytes++) {
			struct cases cut = read_bytes(all[i].read, all[i].text, bytes);
			assert_true(cut.count <= whole.count);
			cases_release(&cut);
		}
		cases_release(&whole);
	}
}

static void test_very_long_names_and_messages_are_cut(void **state)
{
	(void)state;
	size_t bytes = 200000;
	char *text = malloc(bytes + 100);
	memcpy(text, "not ok 1 - ", 11);
	memset(text + 11, 'n', bytes);
	strcpy(text + 11 + bytes, "\n");
	struct cases cases = read_text(read_tap, text);
	assert_int_equal(cases.count, 1);
	assert_int_equal(strlen(cases.at[0].name), CASE_NAME_BYTES);
	cases_release(&cases);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_junit_of_ctest_is_read),
		cmocka_unit_test(test_junit_of_pytest_is_read),
		cmocka_unit_test(test_a_report_that_breaks_off_passes_nothing_it_did_not_finish),
		cmocka_unit_test(test_a_report_names_no_file_that_is_then_read),
		cmocka_unit_test(test_tap_with_subtests_is_read),
		cmocka_unit_test(test_plain_tap_is_read_and_other_lines_are_not),
		cmocka_unit_test(test_a_parent_that_fails_alone_is_a_case),
		cmocka_unit_test(test_events_of_go_are_read),
		cmocka_unit_test(test_text_of_cargo_is_read),
		cmocka_unit_test(test_results_of_automake_are_read),
		cmocka_unit_test(test_an_interrupted_ctest_is_read_from_its_text),
		cmocka_unit_test(test_ticks_and_crosses_are_read),
		cmocka_unit_test(test_json_lines_are_read_and_unknown_verdicts_are_not),
		cmocka_unit_test(test_every_cut_of_every_report_is_harmless),
		cmocka_unit_test(test_very_long_names_and_messages_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
