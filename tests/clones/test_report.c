/* SPDX-License-Identifier: MIT
 *
 * The report for people: what stands in it, and what a hostile repository cannot make it say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clones/clone.h"
#include "clones/result.h"

static char *report_of(const struct finding *finding, const char *repository)
{
	struct target target = {.repository = repository,
				.inventory = json_object(),
				.parameters = json_object(),
				.task_id = "t",
				.started = "s"};
	struct result *result = result_begin(&target, "beta", "security-analysis");
	json_t *root;
	char *report;

	if (finding)
		result_add_finding(result, finding);
	result_not_analysed(result, "broken.py", "bandit", "syntax error");
	result_status(result, PARTIAL, "bandit is not installed.");
	root = result_end(result);
	assert_non_null(root);
	report = report_markdown(root);
	assert_non_null(report);
	json_decref(root);
	json_decref(target.inventory);
	json_decref(target.parameters);
	return report;
}

static void test_a_report_begins_with_the_status_and_its_reason(void **state)
{
	char *report = report_of(NULL, "/srv/x");

	(void)state;
	assert_non_null(strstr(report, "# security-analysis of /srv/x\n\n**partial**: bandit is not installed.\n"));
	assert_non_null(strstr(report, "- `broken.py` by bandit: syntax error\n"));
	free(report);
}

static void test_a_finding_is_shown_with_place_fix_and_evidence(void **state)
{
	struct finding finding = {.rule = "c.gets",
				  .title = "gets() reads a line of any length",
				  .severity = "high",
				  .cwe = {242},
				  .path = "a.c",
				  .line = 3,
				  .column = 2,
				  .function = "main",
				  .snippet = "gets(b);",
				  .fix_hint = "Use fgets()."};
	char *report;

	(void)state;
	finding.evidence = json_pack("[{s:s, s:s}]", "tool", "calls", "rule", "c.gets");
	report = report_of(&finding, "/srv/x");
	assert_non_null(strstr(report, "1. **high** gets() reads a line of any length (CWE-242)"));
	assert_non_null(strstr(report, "`a.c:3:2` in `main`"));
	assert_non_null(strstr(report, "`gets(b);`"));
	assert_non_null(strstr(report, "Fix: Use fgets()."));
	assert_non_null(strstr(report, "Said by calls (c.gets)"));
	free(report);
}

static void test_text_of_the_repository_cannot_become_markup(void **state)
{
	struct finding finding = {.rule = "r",
				  .title = "<script>alert(1)</script> ![x](http://evil/) # big",
				  .severity = "high",
				  .path = "a`b``.c",
				  .line = 1,
				  .snippet = "x = `y`; \x1b[31m <img src=x>\nsecond"};
	char *report = report_of(&finding, "](javascript:x)\n# title");

	(void)state;
	assert_non_null(strstr(report, "&lt;script&gt;alert(1)&lt;/script&gt;"));
	assert_null(strstr(report, "![x]("));
	assert_null(strstr(report, "\n# title"));
	assert_null(strchr(report, '\x1b'));
	assert_non_null(strstr(report, "``` a`b``.c:1 ```"));
	assert_non_null(strstr(report, "`` x = `y`; ?[31m <img src=x> second ``"));
	free(report);
}

static void test_marks_that_turn_the_direction_of_text_are_shown(void **state)
{
	struct finding finding = {.rule = "r",
				  .title = "a\xE2\x80\xAE"
					   "b",
				  .severity = "high",
				  .path = "x\xE2\x81\xA6y.c"};
	char *report = report_of(&finding, "/x");

	(void)state;
	assert_null(strstr(report, "\xE2\x80\xAE"));
	assert_null(strstr(report, "\xE2\x81\xA6"));
	free(report);
}

static void test_any_object_gives_a_report(void **state)
{
	static const char *const odd[] = {
		"{}", "{\"findings\": 3, \"runs\": {}, \"coverage\": []}", "{\"findings\": [1, null, {\"loc\": 2}]}",
		"{\"entities\": [{\"a\": [1]}, 4], \"metrics\": [null]}", "{\"runs\": [{}, 5], \"synthesis\": \"x\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		json_t *root = json_loads(odd[i], 0, NULL);
		char *report = report_markdown(root);

		assert_non_null(root);
		assert_non_null(report);
		free(report);
		json_decref(root);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_report_begins_with_the_status_and_its_reason),
		cmocka_unit_test(test_a_finding_is_shown_with_place_fix_and_evidence),
		cmocka_unit_test(test_text_of_the_repository_cannot_become_markup),
		cmocka_unit_test(test_marks_that_turn_the_direction_of_text_are_shown),
		cmocka_unit_test(test_any_object_gives_a_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
