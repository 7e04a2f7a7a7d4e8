/* SPDX-License-Identifier: MIT
 *
 * Which file needs which other: the readers, the look-up, and the tool as a whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/made.h"
#include "tools/imports.h"
#include "tools/tool.h"

/* "line:spec[:member][ lazy| type]" for every import, one a line. */
static void describe(enum lexed language, const char *text, char *out, size_t room)
{
	static const char *const times[] = {"", " lazy", " type"};
	struct imports imports = {.specs = names_new()};
	struct tokens tokens;

	tokens_init(&tokens, text, strlen(text));
	lex(language, &tokens);
	import_read(&imports, 0, language, &tokens);
	assert_false(imports.no_memory);
	out[0] = 0;
	for (size_t i = 0; i < imports.count; i++) {
		const struct import *import = &imports.at[i];
		const char *member = import->member == NAMES_NONE ? NULL : names_text(imports.specs, import->member);

		snprintf(out + strlen(out), room - strlen(out), "%u:%s%s%s%s%s\n", import->line,
			 import->form == IMPORT_ANGLED ? "<" : "", names_text(imports.specs, import->spec), member ? ":" : "",
			 member ? member : "", times[import->time]);
	}
	tokens_release(&tokens);
	names_free(imports.specs);
	free(imports.at);
}

static void assert_imports(enum lexed language, const char *text, const char *expected)
{
	char actual[2000];

	describe(language, text, actual, sizeof(actual));
	assert_string_equal(actual, expected);
}

static void test_includes_are_read_outside_of_comments_and_strings(void **state)
{
	(void)state;
	assert_imports(LEXED_C,
		       "#include \"a.h\"\n# include <b/c.h> // tail\n/* #include \"no.h\"\n*/\n#include \"d.h\"\n"
		       "// #include \"no.h\"\nconst char *s = \"\\\n#include \\\"no.h\\\"\";\n#include MACRO\n#ifdef X\n#include "
		       "\"e.h\"\n#endif\n",
		       "1:a.h\n2:<b/c.h\n5:d.h\n11:e.h\n");
}

static void test_python_imports_know_their_time(void **state)
{
	(void)state;
	assert_imports(LEXED_PYTHON,
		       "import a.b as c, d\nfrom . import x\nfrom ..p.q import (y, # why\n    z as w,\n)\n"
		       "if TYPE_CHECKING:\n    from t import T\nelse:\n    T = None\n"
		       "def f():\n    '''from no import no'''\n    import lazy\nx = 'import no'; import after\n"
		       "async def g():\n    from h import *\nraise X from import_error\n",
		       "1:a.b\n1:d\n2:.:x\n3:..p.q:y\n4:..p.q:z\n7:t:T type\n12:lazy lazy\n13:after\n15:h lazy\n");
}

static void test_script_imports_in_both_module_systems(void **state)
{
	(void)state;
	assert_imports(LEXED_JAVASCRIPT,
		       "import a from './a.js'\nimport './b'\nimport { c,\n  d } from \"c\";\nimport type { T } from './t'\n"
		       "export * from './e'\nexport { f } from './f'\nexport const g = 1\nconst h = require('./h')\n"
		       "function i() { return require('./i') }\nimport('./j').then()\nrequire('./k/' + name)\nx.require('./no')\n"
		       "// require('./no')\nconst s = \"require('./no')\"\n",
		       "1:./a.js\n2:./b\n4:c\n5:./t type\n6:./e\n7:./f\n9:./h\n10:./i lazy\n11:./j lazy\n");
}

/* Where an import of `from` leads: a path, or "external", "missing", "ambiguous". */
static const char *resolve(const char *const *paths, const char *from, enum import_form form, const char *spec,
			   const char *member)
{
	static const char *const words[] = {"", "external", "missing", "ambiguous"};
	static const char package[] = "{\"name\": \"@x/core\", \"main\": \"./lib/main\"}";
	static char answer[200];
	struct names *names = names_new();
	struct imports imports = {.specs = names_new()};
	struct import import = {.form = form};
	struct tree_index *index;
	char external[IMPORT_SPEC_MAX];
	uint32_t file = 0;
	enum resolution resolution;

	for (; *paths; paths++)
		names_add(names, *paths, strlen(*paths));
	index = tree_index_new(names);
	assert_non_null(index);
	tree_index_add_package(index, "packages/core/package.json", package, strlen(package));
	import.file = names_find(names, from, strlen(from));
	assert_int_not_equal(import.file, NAMES_NONE);
	import.spec = names_add(imports.specs, spec, strlen(spec));
	import.member = member ? names_add(imports.specs, member, strlen(member)) : NAMES_NONE;
	resolution = import_resolve(index, &imports, &import, &file, external);
	snprintf(answer, sizeof(answer), "%s", resolution == RESOLVED ? names_text(names, file) : words[resolution]);
	tree_index_free(index);
	names_free(names);
	names_free(imports.specs);
	return answer;
}

static void test_includes_are_found_as_a_compiler_with_the_right_folders_would(void **state)
{
	static const char *const tree[] = {"src/a.c",
					   "src/a.h",
					   "include/lib/a.h",
					   "include/lib/only.h",
					   "deps/x/far.h",
					   "deps/y/far.h",
					   "src/near/far.h",
					   "src/near/n.c",
					   "gen/made.h.in",
					   "compat/stdio.h",
					   NULL};

	(void)state;
	assert_string_equal(resolve(tree, "src/a.c", IMPORT_QUOTED, "a.h", NULL), "src/a.h");
	assert_string_equal(resolve(tree, "src/a.c", IMPORT_ANGLED, "lib/only.h", NULL), "include/lib/only.h");
	assert_string_equal(resolve(tree, "src/a.c", IMPORT_QUOTED, "lib/a.h", NULL), "include/lib/a.h");
	assert_string_equal(resolve(tree, "src/near/n.c", IMPORT_QUOTED, "../a.h", NULL), "src/a.h");
	assert_string_equal(resolve(tree, "src/a.c", IMPORT_QUOTED, "far.h", NULL), "src/near/far.h");
	assert_string_equal(resolve(tree, "include/lib/a.h", IMPORT_QUOTED, "x/far.h", NULL), "deps/x/far.h");
	assert_string_equal(resolve(tree, "src/a.c", IMPORT_QUOTED, "made.h", NULL), "gen/made.h.in");
	assert_string_equal(resolve(tree, "src/a.c", IMPORT_ANGLED, "stdio.h", NULL), "external");
	assert_string_equal(resolve(tree, "src/a.c", IMPORT_QUOTED, "openssl/ssl.h", NULL), "external");
	assert_string_equal(resolve(tree, "src/a.c", IMPORT_QUOTED, "nowhere.h", NULL), "missing");
}

static void test_an_include_that_two_files_answer_equally_well_is_ambiguous(void **state)
{
	static const char *const tree[] = {"src/a.c", "one/same.h", "two/same.h", NULL};

	(void)state;
	assert_string_equal(resolve(tree, "src/a.c", IMPORT_QUOTED, "same.h", NULL), "ambiguous");
}

static void test_python_modules_are_found_in_packages_and_beside_scripts(void **state)
{
	static const char *const tree[] = {"src/p/__init__.py", "src/p/a.py", "src/p/q/__init__.py",
					   "src/p/q/b.py",      "tests/t.py", "tests/helper.py",
					   "setup.py",          NULL};

	(void)state;
	assert_string_equal(resolve(tree, "src/p/a.py", IMPORT_PYTHON, ".", "q"), "src/p/q/__init__.py");
	assert_string_equal(resolve(tree, "src/p/a.py", IMPORT_PYTHON, ".", "name"), "src/p/__init__.py");
	assert_string_equal(resolve(tree, "src/p/q/b.py", IMPORT_PYTHON, "..a", "thing"), "src/p/a.py");
	assert_string_equal(resolve(tree, "tests/t.py", IMPORT_PYTHON, "p.q.b", NULL), "src/p/q/b.py");
	assert_string_equal(resolve(tree, "tests/t.py", IMPORT_PYTHON, "p.q", "b"), "src/p/q/b.py");
	assert_string_equal(resolve(tree, "tests/t.py", IMPORT_PYTHON, "helper", NULL), "tests/helper.py");
	assert_string_equal(resolve(tree, "src/p/a.py", IMPORT_PYTHON, "helper", NULL), "external");
	assert_string_equal(resolve(tree, "src/p/a.py", IMPORT_PYTHON, "....x", NULL), "missing");
	assert_string_equal(resolve(tree, "src/p/a.py", IMPORT_PYTHON, "os.path", NULL), "external");
}

static void test_script_modules_are_found_by_ending_index_and_package(void **state)
{
	static const char *const tree[] = {"index.js",
					   "lib/a.js",
					   "lib/b/index.ts",
					   "lib/c.ts",
					   "test/t.js",
					   "packages/core/package.json",
					   "packages/core/lib/main.js",
					   "packages/core/extra.mjs",
					   NULL};

	(void)state;
	assert_string_equal(resolve(tree, "test/t.js", IMPORT_SCRIPT, "../lib/a", NULL), "lib/a.js");
	assert_string_equal(resolve(tree, "test/t.js", IMPORT_SCRIPT, "..", NULL), "index.js");
	assert_string_equal(resolve(tree, "lib/a.js", IMPORT_SCRIPT, "./b", NULL), "lib/b/index.ts");
	assert_string_equal(resolve(tree, "lib/a.js", IMPORT_SCRIPT, "./c.js", NULL), "lib/c.ts");
	assert_string_equal(resolve(tree, "lib/a.js", IMPORT_SCRIPT, "@x/core", NULL), "packages/core/lib/main.js");
	assert_string_equal(resolve(tree, "lib/a.js", IMPORT_SCRIPT, "@x/core/extra", NULL), "packages/core/extra.mjs");
	assert_string_equal(resolve(tree, "lib/a.js", IMPORT_SCRIPT, "express", NULL), "external");
	assert_string_equal(resolve(tree, "lib/a.js", IMPORT_SCRIPT, "./gone", NULL), "missing");
}

static void test_no_cut_of_a_source_text_reads_past_its_end(void **state)
{
	static const char c[] = "#include \"a.h\"\n/* x */ #include <b.h>\nint f(void) { return '\"'; }\n#if 0\n#endif\n";
	static const char python[] = "from . import (a, b)\nif TYPE_CHECKING:\n  import c\ndef f(x): '''doc'''; import d\n";
	static const char script[] = "import {a as b} from './c'; `x${require('./d')}y`; export * from './e'; require(\"./f\")\n";
	static const struct {
		enum lexed language;
		const char *text;
	} cases[] = {{LEXED_C, c}, {LEXED_PYTHON, python}, {LEXED_JAVASCRIPT, script}};

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t cut = 0; cut <= strlen(cases[i].text); cut++) {
			char *text = malloc(cut + 1); /* exactly as long, so that a sanitizer sees every byte too far */
			char out[2000];

			assert_non_null(text);
			memcpy(text, cases[i].text, cut);
			text[cut] = 0;
			describe(cases[i].language, text, out, sizeof(out));
			free(text);
		}
}

static int edge_time(const json_t *json, const char *from, const char *to)
{
	const json_t *files = json_object_get(json, "files");
	const json_t *edge;
	size_t i;

	json_array_foreach (json_object_get(json, "edges"), i, edge) {
		const json_t *a = json_array_get(files, (size_t)json_integer_value(json_array_get(edge, 0)));
		const json_t *b = json_array_get(files, (size_t)json_integer_value(json_array_get(edge, 1)));

		if (strcmp(json_string_value(json_object_get(a, "path")), from) == 0 &&
		    strcmp(json_string_value(json_object_get(b, "path")), to) == 0)
			return (int)json_integer_value(json_array_get(edge, 3));
	}
	return -1;
}

static void test_the_tool_prints_files_and_edges(void **state)
{
	struct made *made = *state;
	json_t *json, *file;

	made_file(made, "a.c",
		  "#include \"a.h\"\n#include <stdio.h>\nint f(int x)\n{\n\treturn x && x > 1 ? 1 : 2; /* if */\n}\n");
	made_file(made, "a.h", "int f(int x);\n");
	made_file(made, "p/__init__.py", "from .m import g\n");
	made_file(made, "p/m.py", "def g():\n    from . import other\n");
	made_file(made, "p/other.py", "");
	made_file(made, "README.md", "import x from './no.js'\n");
	made_commit(made, "ann", 0, "first");
	json = made_run(tool_imports, 0, NULL);
	assert_int_equal(edge_time(json, "a.c", "a.h"), 0);
	assert_int_equal(edge_time(json, "p/__init__.py", "p/m.py"), 0);
	assert_int_equal(edge_time(json, "p/m.py", "p/other.py"), 1);
	assert_int_equal(json_array_size(json_object_get(json, "edges")), 3);
	assert_int_equal(json_array_size(json_object_get(json, "files")), 5);
	file = made_find(json_object_get(json, "files"), "path", "a.c");
	assert_int_equal(json_integer_value(json_object_get(file, "decisions")), 2);
	assert_int_equal(json_integer_value(json_object_get(file, "lines")), 6);
	assert_non_null(made_find(json_object_get(json, "external"), "name", "stdio.h"));
	assert_int_equal(json_array_size(json_object_get(json, "left_out")), 0);
	json_decref(json);
}

static void test_what_time_did_not_allow_is_said(void **state)
{
	struct made *made = *state;
	json_t *json;

	made_file(made, "a.c", "int a;\n");
	made_commit(made, "ann", 0, "first");
	json = made_run(tool_imports, 0, "--budget-ms", "0", NULL);
	assert_int_equal(json_array_size(json_object_get(json, "not_read")), 1);
	assert_int_equal(json_array_size(json_object_get(json, "left_out")), 1);
	json_decref(json);
	assert_null(made_run(tool_imports, 2, "--budget-ms", "soon", NULL));
	assert_null(made_run(tool_imports, 1, "--commit", "nothing", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_includes_are_read_outside_of_comments_and_strings),
		cmocka_unit_test(test_python_imports_know_their_time),
		cmocka_unit_test(test_script_imports_in_both_module_systems),
		cmocka_unit_test(test_includes_are_found_as_a_compiler_with_the_right_folders_would),
		cmocka_unit_test(test_an_include_that_two_files_answer_equally_well_is_ambiguous),
		cmocka_unit_test(test_python_modules_are_found_in_packages_and_beside_scripts),
		cmocka_unit_test(test_script_modules_are_found_by_ending_index_and_package),
		cmocka_unit_test(test_no_cut_of_a_source_text_reads_past_its_end),
		cmocka_unit_test_setup_teardown(test_the_tool_prints_files_and_edges, made_setup, made_teardown),
		cmocka_unit_test_setup_teardown(test_what_time_did_not_allow_is_said, made_setup, made_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
