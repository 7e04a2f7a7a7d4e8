/* SPDX-License-Identifier: MIT
 *
 * What Sigma concludes from what its readers printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/sigma.h"
#include "clones/specialists.h"
#include "tests/clones/concluded.h"

static const char symbols[] = "{\"tool\": \"symbols\", \"files\": ["
			      "{\"path\": \"src/a.h\", \"language\": \"C\", \"symbols\": [[\"f\", \"function\", 3, 1], [\"g\", "
			      "\"function\", 4, 0], [\"h\", \"function\", 5, 0],"
			      " [\"t\", \"type\", 6, 0], [\"u\", \"type\", 7, 0], [\"M\", \"macro\", 8, 0]]},"
			      "{\"path\": \"p/m.py\", \"language\": \"Python\", \"symbols\": [[\"m\", \"module\", 1, 0], [\"C\", "
			      "\"class\", 2, 1], [\"C.f\", \"method\", 3, 1]]},"
			      "{\"path\": \"tests/t.c\", \"language\": \"C\", \"symbols\": [[\"x\", \"function\", 1, 0]]}], "
			      "\"not_read\": [], \"left_out\": []}";

static const char links[] = "{\"tool\": \"links\", \"documents\": [{\"path\": \"README.md\", \"words\": 100, \"links\": 4, "
			    "\"builds\": true, \"tests\": false, \"installs\": true}],"
			    " \"broken\": [{\"path\": \"README.md\", \"line\": 7, \"url\": \"docs/old.md\", \"target\": "
			    "\"docs/old.md\", \"reason\": \"missing\", \"hint\": null, \"absolute\": false},"
			    " {\"path\": \"README.md\", \"line\": 8, \"url\": \"a.md#b\", \"target\": \"a.md\", \"reason\": "
			    "\"anchor\", \"hint\": null, \"absolute\": false},"
			    " {\"path\": \"README.md\", \"line\": 9, \"url\": \"/x.png\", \"target\": \"x.png\", \"reason\": "
			    "\"missing\", \"hint\": \"img/x.png\", \"absolute\": true}],"
			    " \"drift\": [{\"path\": \"README.md\", \"line\": 3, \"span\": \"src/old.c\", \"kind\": \"path\", "
			    "\"name\": \"src/old.c\", \"seen\": null, \"seen_when\": 0},"
			    " {\"path\": \"README.md\", \"line\": 4, \"span\": \"old_call()\", \"kind\": \"symbol\", \"name\": "
			    "\"old_call\", \"seen\": \"abcdef0123456789\", \"seen_when\": 1690000000},"
			    " {\"path\": \"README.md\", \"line\": 5, \"span\": \"their_call()\", \"kind\": \"symbol\", \"name\": "
			    "\"their_call\", \"seen\": null, \"seen_when\": 0}],"
			    " \"counts\": {\"links\": 4, \"checked\": 4, \"external\": 2}, \"not_read\": [], \"left_out\": []}";

static const char history[] =
	"{\"tool\": \"history\", \"newest\": 1700000000, \"range\": {\"from\": \"v1.0\", \"to\": null, \"cut\": false},"
	" \"gone\": [{\"path\": \"docs/old.md\", \"renamed_to\": \"docs/new.md\", \"when\": 1699000000, \"commit\": "
	"\"0123456789abcdef\"},"
	" {\"path\": \"src/old.c\", \"renamed_to\": null, \"when\": 1690000000, \"commit\": \"fedcba9876543210\"}],"
	" \"log\": [{\"id\": \"aaaaaaaaaaaa\", \"author\": \"ann\", \"summary\": \"feat(core): add [a] thing\", \"merge\": "
	"false, \"breaking\": false, \"paths\": [\"src/a.c\"]},"
	" {\"id\": \"bbbbbbbbbbbb\", \"author\": \"bob\", \"summary\": \"fix!: change it\", \"merge\": false, \"breaking\": "
	"false, \"paths\": [\"src/b.c\"]},"
	" {\"id\": \"cccccccccccc\", \"author\": \"bob\", \"summary\": \"Merge branch 'x'\", \"merge\": true, \"breaking\": "
	"false, \"paths\": []},"
	" {\"id\": \"dddddddddddd\", \"author\": \"bob\", \"summary\": \"fix: again\", \"merge\": false, \"breaking\": false, "
	"\"paths\": [\"src/b.c\"]}], \"left_out\": []}";

static const char inventory[] =
	"{\"commit\": \"0123456789012345678901234567890123456789\", \"files\": [{\"path\": \"README.md\"},"
	" {\"path\": \"tests/t.c\", \"test\": true}, {\"path\": \"docs/more.rst\", \"language\": \"reStructuredText\"}]}";

static json_t *whole(void)
{
	const struct printed printed[] = {{.name = "symbols", .text = symbols},
					  {.name = "links", .text = links},
					  {.name = "history", .text = history},
					  {0}};

	return concluded(&sigma_specialist, inventory, printed);
}

static void test_coverage_counts_what_is_exported_outside_of_tests(void **state)
{
	json_t *result = whole();
	const json_t *finding = finding_of(result, "undocumented", 0), *worst = entity_of(result, "file_documentation", 0);

	(void)state;
	assert_true(metric_of(result, "documentation_coverage", "C") == 0.2);
	assert_true(metric_of(result, "documentation_coverage", "Python") == 1);
	assert_true(metric_of(result, "documentation_coverage", "") == 3.0 / 7);
	assert_true(metric_of(result, "documentation_coverage_macro", "C") == 0);
	assert_non_null(strstr(title_of(finding), "4 of the 5 symbols"));
	assert_non_null(strstr(title_of(finding), "g, h, t, u"));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(finding, "loc"), "line")), 4);
	assert_string_equal(text_of(worst, "path"), "src/a.h");
	assert_string_equal(text_of(entity_of(result, "undocumented", 0), "name"), "g");
	json_decref(result);
}

static void test_broken_links_are_told_with_what_became_of_the_file(void **state)
{
	json_t *result = whole();
	const json_t *missing = finding_of(result, "broken-link", 0), *absolute = finding_of(result, "broken-link", 1);

	(void)state;
	assert_non_null(strstr(title_of(missing), "docs/old.md"));
	assert_non_null(strstr(text_of(json_object_get(missing, "fix"), "hint"), "renamed to docs/new.md"));
	assert_true(json_real_value(json_object_get(absolute, "confidence")) < 0.5);
	assert_non_null(strstr(text_of(json_object_get(absolute, "fix"), "hint"), "img/x.png"));
	assert_non_null(finding_of(result, "broken-anchor", 0));
	json_decref(result);
}

static void test_drift_is_surer_where_the_history_has_the_name(void **state)
{
	json_t *result = whole();
	const json_t *path = finding_of(result, "drift", 0), *call = finding_of(result, "drift", 1);

	(void)state;
	assert_non_null(strstr(title_of(path), "src/old.c"));
	assert_non_null(strstr(text_of(json_object_get(path, "fix"), "hint"), "removed"));
	assert_non_null(strstr(title_of(call), "old_call"));
	assert_null(finding_of(result, "drift", 2)); /* a name that never was is somebody else's */
	json_decref(result);
}

static void test_the_repository_is_asked_for_what_readers_need(void **state)
{
	json_t *result = whole();

	(void)state;
	assert_non_null(finding_of(result, "readme-test", 0));
	assert_null(finding_of(result, "readme-build", 0));
	assert_null(finding_of(result, "readme-missing", 0));
	assert_non_null(finding_of(result, "licence-missing", 0));
	assert_non_null(finding_of(result, "changelog-missing", 0));
	json_decref(result);
	result = concluded(&sigma_specialist, "{\"files\": [{\"path\": \"LICENSE\"}]}",
			   (const struct printed[]){{.name = "links", .text = links}, {0}});
	assert_non_null(finding_of(result, "readme-missing", 0));
	assert_null(finding_of(result, "licence-missing", 0));
	json_decref(result);
}

static void test_documents_without_a_reader_are_named(void **state)
{
	json_t *result = whole();
	const json_t *left = json_array_get(json_object_get(json_object_get(result, "coverage"), "not_analysed"), 0);

	(void)state;
	assert_string_equal(text_of(left, "path"), "docs/more.rst");
	json_decref(result);
}

static void test_conventional_commits_are_grouped_by_type(void **state)
{
	json_t *result = whole();
	const char *page = attachment_of(result, "changelog.md");

	(void)state;
	assert_string_equal(text_of(json_object_get(result, "changelog"), "grouped_by"), "conventional commits");
	assert_string_equal(page,
			    "# Unreleased\n\nChanges since v1.0.\n\n## Added\n\n- add \\[a\\] thing (aaaaaaaaaa)\n\n## Fixed\n\n"
			    "- **breaking:** change it (bbbbbbbbbb)\n- again (dddddddddd)\n");
	assert_string_equal(text_of(entity_of(result, "changes", 1), "group"), "Fixed");
	json_decref(result);
}

static json_t *changes_of(const char *log)
{
	char *text = NULL;
	json_t *result;

	assert_true(asprintf(&text, "{\"log\": [%s]}", log) > 0);
	result = concluded(&sigma_specialist, "{}", (const struct printed[]){{.name = "history", .text = text}, {0}});
	free(text);
	return result;
}

#define COMMIT(summary, path) "{\"id\": \"a\", \"summary\": \"" summary "\", \"merge\": false, \"paths\": [\"" path "\"]}"

static void test_areas_and_paths_group_what_has_no_types(void **state)
{
	json_t *result = changes_of(COMMIT("url: a", "lib/u.c") "," COMMIT("url: b", "lib/u.c") "," COMMIT(
		"docs/x: c", "docs/x") "," COMMIT("plain", "y"));

	(void)state;
	assert_string_equal(text_of(json_object_get(result, "changelog"), "grouped_by"), "area prefix");
	assert_string_equal(text_of(entity_of(result, "changes", 0), "group"), "url");
	assert_string_equal(text_of(entity_of(result, "changes", 1), "group"),
			    "Other"); /* groups of one are not worth a heading */
	json_decref(result);
	result = changes_of(
		COMMIT("One", "lib/a.c") "," COMMIT("Two", "lib/b.c") "," COMMIT("Three", "docs/x") "," COMMIT("Four", "docs/y"));
	assert_string_equal(text_of(json_object_get(result, "changelog"), "grouped_by"), "paths");
	assert_string_equal(text_of(entity_of(result, "changes", 0), "group"), "docs");
	assert_string_equal(text_of(entity_of(result, "changes", 1), "group"), "lib");
	json_decref(result);
}

static void test_summaries_are_read_by_the_specification(void **state)
{
	char word[64];
	const char *text;
	bool breaking;

	(void)state;
	assert_true(summary_conventional("feat(a,b)!: do it", word, &breaking, &text));
	assert_string_equal(word, "feat");
	assert_true(breaking);
	assert_string_equal(text, "do it");
	assert_true(summary_conventional("Fix: it", word, &breaking, &text));
	assert_false(summary_conventional("feat:", word, &breaking, &text));
	assert_false(summary_conventional("feature request", word, &breaking, &text));
	assert_false(summary_conventional("words: not a type", word, &breaking, &text));
	assert_false(summary_conventional("fix(open: never closed", word, &breaking, &text));
	assert_true(summary_area("lib/http.c: do it", word, &text));
	assert_string_equal(word, "lib/http.c");
	assert_false(summary_area("two words: no area", word, &text));
	assert_false(summary_area("http://x", word, &text));
	assert_false(summary_area("", word, &text));
}

static void test_every_cut_of_an_output_gives_a_result_that_says_so(void **state)
{
	const struct printed printed[] = {{.name = "symbols", .text = symbols},
					  {.name = "links", .text = links},
					  {.name = "history", .text = history},
					  {0}};

	(void)state;
	assert_survives_cuts(&sigma_specialist, inventory, printed);
}

static void test_odd_answers_are_taken_for_what_they_are(void **state)
{
	static const char *const odd[] = {
		"[]", "{}",
		"{\"files\": [1, {\"path\": 2}, {\"path\": \"a\", \"symbols\": [1, [], [null, \"function\"], [\"x\", "
		"\"function\", -1, 9]]}]}",
		"{\"documents\": [3, {\"path\": null}], \"broken\": [1, {}, {\"path\": \"a\", \"line\": -1}], \"drift\": [null, "
		"{\"kind\": 3}], \"counts\": []}",
		"{\"log\": [1, {}, {\"summary\": \":\"}, {\"summary\": \"a\", \"paths\": [1]}, {\"summary\": \"\", \"paths\": "
		"[]}], \"gone\": [1, {}], \"range\": 5, \"newest\": \"x\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		const struct printed printed[] = {{.name = "symbols", .text = odd[i]},
						  {.name = "links", .text = odd[i]},
						  {.name = "history", .text = odd[i]},
						  {0}};

		json_decref(concluded(&sigma_specialist, "{\"files\": [3, {\"path\": 4}]}", printed));
	}
}

static void test_without_any_reader_it_is_blocked(void **state)
{
	json_t *result = concluded(&sigma_specialist, inventory, (const struct printed[]){{0}});

	(void)state;
	assert_string_equal(status_of(result), "blocked");
	json_decref(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_coverage_counts_what_is_exported_outside_of_tests),
		cmocka_unit_test(test_broken_links_are_told_with_what_became_of_the_file),
		cmocka_unit_test(test_drift_is_surer_where_the_history_has_the_name),
		cmocka_unit_test(test_the_repository_is_asked_for_what_readers_need),
		cmocka_unit_test(test_documents_without_a_reader_are_named),
		cmocka_unit_test(test_conventional_commits_are_grouped_by_type),
		cmocka_unit_test(test_areas_and_paths_group_what_has_no_types),
		cmocka_unit_test(test_summaries_are_read_by_the_specification),
		cmocka_unit_test(test_every_cut_of_an_output_gives_a_result_that_says_so),
		cmocka_unit_test(test_odd_answers_are_taken_for_what_they_are),
		cmocka_unit_test(test_without_any_reader_it_is_blocked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
