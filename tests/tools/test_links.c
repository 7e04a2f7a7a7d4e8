/* SPDX-License-Identifier: MIT
 *
 * Where documents point.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/made.h"
#include "tools/links.h"
#include "tools/links_drift.h"
#include "tools/tool.h"

static void test_anchors_are_made_as_github_makes_them(void **state)
{
	static const struct {
		const char *heading, *anchor;
	} cases[] = {{"Hello World", "hello-world"},
		     {"What's new?", "whats-new"},
		     {"a_b-c  d", "a_b-c--d"},
		     {"C++ & Go", "c--go"},
		     {"Größe – jetzt", "größe--jetzt"},
		     {"🚀 Start", "-start"},
		     {"", ""}};
	char actual[LINK_BYTES_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		anchor_of(cases[i].heading, actual);
		assert_string_equal(actual, cases[i].anchor);
	}
}

static void test_urls_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(link_kind_of("https://example.org/a.md"), LINK_EXTERNAL);
	assert_int_equal(link_kind_of("mailto:a@b.c"), LINK_EXTERNAL);
	assert_int_equal(link_kind_of("//host/a"), LINK_EXTERNAL);
	assert_int_equal(link_kind_of("#part"), LINK_ANCHOR);
	assert_int_equal(link_kind_of("a.md#part"), LINK_RELATIVE);
	assert_int_equal(link_kind_of("../a.md"), LINK_RELATIVE);
	assert_int_equal(link_kind_of("/a.md"), LINK_ABSOLUTE);
	assert_int_equal(link_kind_of("{{ site.url }}/a"), LINK_TEMPLATE);
}

static void test_spans_are_paths_or_calls_or_neither(void **state)
{
	char name[200];

	(void)state;
	assert_true(span_path("src/a.c", name));
	assert_string_equal(name, "src/a.c");
	assert_false(span_path("a.c", name));
	assert_false(span_path("/etc/passwd.conf", name));
	assert_false(span_path("application/json", name));
	assert_true(span_call("trail_append(trail, x)", name));
	assert_string_equal(name, "trail_append");
	assert_true(span_call("app.useThis()", name));
	assert_string_equal(name, "useThis");
	assert_false(span_call("open()", name));
	assert_false(span_call("(a) => b()", name));
}

static const char *reason(const json_t *json, const char *url)
{
	const char *text = json_string_value(json_object_get(made_find(json_object_get(json, "broken"), "url", url), "reason"));

	return text ? text : "fine";
}

static void test_links_are_checked_against_the_tree(void **state)
{
	struct made *made = *state;
	json_t *json, *broken;

	made_file(made, "docs/guide.md", "# The Guide\n\n## Part\n\n## Part\n\n<a name=\"own\"></a>\n");
	made_file(made, "src/a.c", "int a;\n");
	made_file(made, "docs/image.png", "png");
	made_file(made, "README.md",
		  "# Title\n\nSee [g](docs/guide.md), [again](docs/guide.md#part-1) and\n[own](docs/guide.md#own), "
		  "[folder](docs), [site](docs/guide).\n\n"
		  "[gone](docs/gone.md) [anchor](docs/guide.md#nowhere) [here](#title) [not](#here) ![i](docs/image.png)\n\n"
		  "| a |\n|---|\n| [case](Docs/Guide.md) |\n\n```\n[code](no.md)\n```\n\n[line](src/a.c#L1) "
		  "[issues](../../issues) [ref]\n\n"
		  "<img src=\"docs/lost.png\">\n\n[ref]: docs/guide%2emd \"x\"\n[abs](/img/logo.png)\n");
	made_commit(made, "ann", 0, "first");
	json = made_run(tool_links, 0, NULL);
	assert_string_equal(reason(json, "docs/gone.md"), "missing");
	assert_string_equal(reason(json, "docs/guide.md#nowhere"), "anchor");
	assert_string_equal(reason(json, "#here"), "anchor");
	assert_string_equal(reason(json, "Docs/Guide.md"), "case");
	assert_string_equal(reason(json, "docs/lost.png"), "missing");
	assert_string_equal(reason(json, "/img/logo.png"), "missing");
	assert_int_equal(json_array_size(json_object_get(json, "broken")), 6);
	broken = made_find(json_object_get(json, "broken"), "url", "docs/gone.md");
	assert_int_equal(json_integer_value(json_object_get(broken, "line")), 6);
	assert_true(
		json_is_true(json_object_get(made_find(json_object_get(json, "broken"), "url", "/img/logo.png"), "absolute")));
	assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "counts"), "outside")), 1);
	json_decref(json);
}

static void test_names_that_are_gone_are_found_with_where_they_were(void **state)
{
	struct made *made = *state;
	json_t *json, *drift;

	made_file(made, "src/a.c", "int old_name(void) { return 1; }\nint kept_name(void);\n");
	made_file(made, "README.md",
		  "Call `old_name()`, `kept_name()` or `their_name()`; see `src/a.c`, `src/gone.c` and `other/x.c`.\n");
	made_file(made, "CHANGELOG.md", "Removed `old_name()`.\n");
	for (int i = 0; i < 3; i++) {
		made_file(made, "n", i == 0 ? "1" : i == 1 ? "2" : "3");
		made_commit(made, "ann", i, "more");
	}
	made_file(made, "src/a.c", "int new_name(void) { return 1; }\nint kept_name(void);\n");
	made_commit(made, "ann", 3, "rename");
	json = made_run(tool_links, 0, NULL);
	drift = json_object_get(json, "drift");
	assert_int_equal(json_array_size(drift), 3);
	assert_true(json_is_string(json_object_get(made_find(drift, "name", "old_name"), "seen")));
	assert_true(json_is_null(json_object_get(made_find(drift, "name", "their_name"), "seen")));
	assert_non_null(made_find(drift, "name", "src/gone.c"));
	json_decref(json);
}

static void test_a_readme_tells_what_it_speaks_of(void **state)
{
	struct made *made = *state;
	json_t *json, *document;

	made_file(made, "README.rst", "Tool\n====\n\nRun ``make`` to build, ``make check`` to run the tests.\n");
	made_commit(made, "ann", 0, "first");
	json = made_run(tool_links, 0, NULL);
	document = made_find(json_object_get(json, "documents"), "path", "README.rst");
	assert_true(json_is_true(json_object_get(document, "builds")));
	assert_true(json_is_true(json_object_get(document, "tests")));
	assert_false(json_is_true(json_object_get(document, "installs")));
	json_decref(json);
}

static void test_any_bytes_are_a_document(void **state)
{
	static const char text[] = "---\na: b\n---\n# H {#own}\n[a](b.md#c)\n\n<img src='x.png' id=\"y\">\n\n| `a/b.c` "
				   "|\n|---|\n| `f_g()` |\n\n[r]: x\xff\n";
	struct documents documents;

	(void)state;
	assert_int_equal(documents_init(&documents), 0);
	for (size_t cut = 0; cut <= sizeof(text) - 1; cut++) {
		char path[32];
		char *part = strndup(text, cut);

		snprintf(path, sizeof(path), "d%zu.md", cut);
		assert_non_null(part);
		document_read(&documents, path, part, cut);
		free(part);
	}
	assert_false(documents.no_memory);
	assert_int_equal(documents.count, sizeof(text));
	assert_true(document_has_anchor(&documents, "d60.md", "own"));
	documents_release(&documents);
}

#define WITH_REPOSITORY(test) cmocka_unit_test_setup_teardown(test, made_setup, made_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anchors_are_made_as_github_makes_them),
		cmocka_unit_test(test_urls_are_told_apart),
		cmocka_unit_test(test_spans_are_paths_or_calls_or_neither),
		WITH_REPOSITORY(test_links_are_checked_against_the_tree),
		WITH_REPOSITORY(test_names_that_are_gone_are_found_with_where_they_were),
		WITH_REPOSITORY(test_a_readme_tells_what_it_speaks_of),
		cmocka_unit_test(test_any_bytes_are_a_document),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
