/* SPDX-License-Identifier: MIT
 *
 * What files offer, and whether it is documented.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/made.h"
#include "tools/symbols.h"
#include "tools/tool.h"

/* "kind name line" with "+" in front of what is documented, "-" of what is not, for everything exported; one a line. */
static void describe(enum lexed language, bool header, const char *text, char *out, size_t room)
{
	struct symbols symbols = {0};
	struct tokens tokens;

	tokens_init(&tokens, text, strlen(text));
	lex(language, &tokens);
	if (language == LEXED_C)
		symbols_read_c(&symbols, 0, header, &tokens);
	else if (language == LEXED_PYTHON)
		symbols_read_python(&symbols, 0, "m", &tokens);
	else if (language == LEXED_JAVASCRIPT)
		symbols_read_script(&symbols, 0, &tokens);
	else
		symbols_read_shell(&symbols, 0, &tokens);
	assert_false(symbols.no_memory);
	out[0] = 0;
	for (size_t i = 0; i < symbols.count; i++)
		if (symbols.at[i].exported)
			snprintf(out + strlen(out), room - strlen(out), "%c%s %s %u\n", symbols.at[i].documented ? '+' : '-',
				 symbol_kind_name(symbols.at[i].kind), symbols.at[i].name, symbols.at[i].line);
	tokens_release(&tokens);
	free(symbols.at);
}

static void assert_symbols(enum lexed language, bool header, const char *text, const char *expected)
{
	char actual[4000];

	describe(language, header, text, actual, sizeof(actual));
	assert_string_equal(actual, expected);
}

static void test_a_header_offers_functions_types_and_macros(void **state)
{
	(void)state;
	assert_symbols(LEXED_C, true,
		       "/* Licence: MIT, copyright us */\n#ifndef A_H\n#define A_H\n#include <stdio.h>\n\n"
		       "/* A pair. */\nstruct pair {\n\tint a; /* first */\n\tint (*f)(int);\n};\n\n"
		       "typedef struct pair pair;\ntypedef int (*callback)(void *context);\ntypedef int (plain)(void);\n\n"
		       "// Adds.\nint add(int a, int b);\nMUST_CHECK int take(struct pair *pair) __attribute__((nonnull));\n\n"
		       "/* far away */\n\nint far(void);\nextern int variable;\nint (*pointer)(int) = NULL;\n"
		       "#define TWICE(x) ((x) + (x))\n#define PLAIN 1\nstatic inline int one(void)\n{\n\treturn 1;\n}\n#endif\n",
		       "+type pair 7\n-type pair 12\n-type callback 13\n-type plain 14\n+function add 17\n-function take "
		       "18\n-function far 22\n"
		       "-macro TWICE 25\n-function one 27\n");
}

static void test_a_source_file_offers_what_is_not_static(void **state)
{
	(void)state;
	assert_symbols(LEXED_C, false,
		       "static int hidden(void);\n/* Says hello. */\nint hello(const char *name)\n{\n\tif (name) {\n\t\treturn "
		       "1;\n\t}\n\treturn 0;\n}\n"
		       "static int hidden(void)\n{\n\treturn 2;\n}\nTEST(macro_made) {\n}\nint table[] = {1, 2};\n"
		       "/* above a\n * constant */\n#define N 3\nint n(void) { return N; }\n",
		       "+function hello 3\n+function n 20\n");
}

/* Both branches open a brace, one closes it. */
static void test_branches_of_the_preprocessor_do_not_hide_what_follows(void **state)
{
	(void)state;
	assert_symbols(
		LEXED_C, false,
		"int first(int a)\n{\n#ifdef X\n\tif (a) {\n#else\n\tif (!a) {\n#endif\n\t\treturn 1;\n\t}\n\treturn 0;\n}\n\n"
		"/* Is seen. */\nint second(void)\n{\n\treturn 2;\n}\n",
		"-function first 1\n+function second 14\n");
}

static void test_python_offers_what_has_no_underscore(void **state)
{
	(void)state;
	assert_symbols(
		LEXED_PYTHON, false,
		"\"\"\"Module.\"\"\"\nimport x\n\ndef f(a: int = {1: 2}) -> int:\n    \"\"\"Doc.\"\"\"\n    def inner(): pass\n\n"
		"def g(): return 'no doc'\ndef _h(): pass\n\nclass C(Base):\n    '''Doc.'''\n    @property\n    def p(self):\n   "
		"     'doc'\n"
		"    @p.setter\n    def p(self, v): pass\n    def __init__(self): pass\n    async def m(self):\n        pass\n"
		"    class _Inner:\n        def no(self): pass\n\nif TYPE_CHECKING:\n    class OnlyTypes: pass\n",
		"+module m 1\n+function f 4\n-function g 8\n+class C 11\n+method C.p 14\n-method C.m 19\n");
}

static void test_all_decides_in_python(void **state)
{
	(void)state;
	assert_symbols(LEXED_PYTHON, false, "__all__ = ['a', \"_b\"]\ndef a(): 'doc'\ndef _b(): pass\ndef c(): pass\n",
		       "-module m 1\n+function a 2\n-function _b 3\n");
}

static void test_scripts_offer_what_they_export(void **state)
{
	(void)state;
	assert_symbols(
		LEXED_JAVASCRIPT, false,
		"'use strict'\n/**\n * Doc.\n */\nexport function a() {}\nexport const b = () => 1\nfunction hidden() {}\n\n"
		"/** Class. */\nexport default class C {\n  /** Method. */\n  m(x) { if (x) {} }\n  async n() {}\n  #p() {}\n  "
		"_q() {}\n"
		"  constructor() {}\n}\n// Later.\nfunction d() {}\nexport { d }\nexport interface I { x: number }\n",
		"+function a 5\n-function b 6\n+class C 10\n+method C.m 12\n-method C.n 13\n+function d 19\n-type I 21\n");
}

static void test_module_exports_and_the_methods_of_what_they_hold(void **state)
{
	(void)state;
	assert_symbols(LEXED_JAVASCRIPT, false,
		       "var app = exports = module.exports = {};\n\n/**\n * Doc, then an empty line.\n */\n\napp.use = function "
		       "use(fn) {\n"
		       "  function inner() {}\n};\nexports.set = (a) => a;\nvar other = {};\nother.no = function () {};\n",
		       "+function app.use 7\n-function set 10\n");
	assert_symbols(LEXED_JAVASCRIPT, false,
		       "// One.\nfunction one() {}\nfunction two() {}\nmodule.exports = { one, second: two }\n",
		       "+function one 2\n-function two 3\n");
}

static void test_shell_functions_have_their_comment_above(void **state)
{
	(void)state;
	assert_symbols(LEXED_SHELL, false, "#!/bin/sh\n# Builds all.\nbuild() {\n\techo hi\n}\n\nrun() { :; }\n_own() { :; }\n",
		       "+function build 3\n-function run 7\n");
}

static void test_no_cut_of_a_source_text_reads_past_its_end(void **state)
{
	static const char *const texts[] = {"/* d */ typedef struct a { int x; } a; int (*f)(int); int g(int a) { return a; "
					    "}\n#define M(x) x\nextern \"C\" { int h(void); }",
					    "class A(B[1]):\n  'd'\n  @x.setter\n  def f(self, a=(1)): pass\n__all__ = ['A']\nif "
					    "TYPE_CHECKING:\n  def g(): ''\n",
					    "export class A { get x() { return 1 } }\nmodule.exports = exports = { a: function "
					    "() {}, b(c) {}, d: (e) => e }\nexport { f as g }",
					    "# c\nf() { echo \"$(g)\"; }\nfunction h { :; }\n"};
	static const enum lexed languages[] = {LEXED_C, LEXED_PYTHON, LEXED_JAVASCRIPT, LEXED_SHELL};
	char out[4000];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (size_t cut = 0; cut <= strlen(texts[i]); cut++) {
			char *text = strndup(texts[i], cut);

			assert_non_null(text);
			describe(languages[i], cut % 2, text, out, sizeof(out));
			free(text);
		}
}

static void test_declaration_and_definition_are_one_symbol(void **state)
{
	struct made *made = *state;
	json_t *json, *header, *total;

	made_file(made, "lib/a.h", "int f(void);\nint g(void);\n");
	made_file(made, "lib/a.c",
		  "#include \"a.h\"\n/* Does f. */\nint f(void)\n{\n\treturn 1;\n}\nint g(void)\n{\n\treturn 2;\n}\nint h(void) "
		  "{ return 3; }\n");
	/* Another library has a function of that name; it says nothing about ours. */
	made_file(made, "other/g.h", "int g(void);\n");
	made_file(made, "other/g.c", "/* Does g. */\nint g(void)\n{\n\treturn 2;\n}\n");
	made_commit(made, "ann", 0, "first");
	json = made_run(tool_symbols, 0, NULL);
	header = made_find(json_object_get(json, "files"), "path", "lib/a.h");
	assert_int_equal(json_integer_value(json_object_get(header, "exported")), 2);
	assert_int_equal(json_integer_value(json_object_get(header, "documented")), 1);
	total = json_array_get(json_object_get(json, "totals"), 0);
	assert_int_equal(json_integer_value(json_object_get(total, "exported")), 4); /* f, g, the other g, h */
	assert_int_equal(json_integer_value(json_object_get(total, "documented")), 2);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_header_offers_functions_types_and_macros),
		cmocka_unit_test(test_a_source_file_offers_what_is_not_static),
		cmocka_unit_test(test_branches_of_the_preprocessor_do_not_hide_what_follows),
		cmocka_unit_test(test_python_offers_what_has_no_underscore),
		cmocka_unit_test(test_all_decides_in_python),
		cmocka_unit_test(test_scripts_offer_what_they_export),
		cmocka_unit_test(test_module_exports_and_the_methods_of_what_they_hold),
		cmocka_unit_test(test_shell_functions_have_their_comment_above),
		cmocka_unit_test(test_no_cut_of_a_source_text_reads_past_its_end),
		cmocka_unit_test_setup_teardown(test_declaration_and_definition_are_one_symbol, made_setup, made_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
