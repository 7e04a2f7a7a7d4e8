/* SPDX-License-Identifier: MIT
 *
 * Words and functions of four languages, as text: kinds by their first letter, one line of source after another.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tools/function.h"
#include "tools/token.h"

/* "n:printf m:( s:"a" m:) m:;" */
static void words_of(enum lexed language, const char *text, char *out, size_t room)
{
	static const char letters[] = "n#stm.";
	struct tokens tokens;
	size_t used = 0;

	out[0] = 0;
	tokens_init(&tokens, text, strlen(text));
	lex(language, &tokens);
	for (uint32_t i = 0; i < tokens.count; i++)
		used += (size_t)snprintf(out + used, room - used, "%s%c:%.*s", i ? " " : "", letters[tokens.at[i].kind],
					 tokens.at[i].kind == TOKEN_END ? 0 : (int)tokens.at[i].bytes, text + tokens.at[i].start);
	tokens_release(&tokens);
}

static void check_words(enum lexed language, const char *text, const char *expected)
{
	char words[2048];

	words_of(language, text, words, sizeof(words));
	assert_string_equal(words, expected);
}

static void test_comments_and_strings_are_no_code(void **state)
{
	(void)state;
	check_words(LEXED_C, "a /* gets(b) */ // gets\n\"gets(\\\"x\"", "n:a s:\"gets(\\\"x\"");
	check_words(LEXED_PYTHON, "a # eval(b)\n'''x\neval(y)'''", "n:a .: s:'''x\neval(y)''' .:");
	check_words(LEXED_JAVASCRIPT, "a // eval(b)\n/* eval */ `eval(x)`", "n:a s:`eval(x)`");
	check_words(LEXED_SHELL, "a # eval $b\n'eval $x'", "n:a .: s:'eval $x' .:");
}

static void test_c_knows_prefixes_directives_and_dead_code(void **state)
{
	(void)state;
	check_words(LEXED_C, "L\"x\" u8\"y\" R\"t(a\")t\" 'c' L'c' 0x1Fu 1e-3f",
		    "s:L\"x\" s:u8\"y\" s:R\"t(a\")t\" #:'c' #:L'c' #:0x1Fu #:1e-3f");
	check_words(LEXED_C, "#include \"x.h\"\n#if 0\ngets(a);\n#if 1\n#endif\n#else\nb\n#endif", "n:b m:# n:endif");
	check_words(LEXED_C, "a->b::c...", "n:a m:-> n:b m::: n:c m:...");
	check_words(LEXED_C, "#define F(x) \\\n  g(x)\ny", "m:# n:define n:F m:( n:x m:) n:g m:( n:x m:) n:y");
}

static void test_python_knows_prefixes_and_joins_lines(void **state)
{
	(void)state;
	check_words(LEXED_PYTHON, "f'{a}' f'{{a}}' rb'x' f\"{b!r}\"", "t:f'{a}' s:f'{{a}}' s:rb'x' t:f\"{b!r}\" .:");
	check_words(LEXED_PYTHON, "a(\n b)\nc \\\n d\n", "n:a m:( n:b m:) .: n:c n:d .: .:");
}

static void test_javascript_tells_division_from_expressions(void **state)
{
	(void)state;
	check_words(LEXED_JAVASCRIPT, "a / b / c", "n:a m:/ n:b m:/ n:c");
	check_words(LEXED_JAVASCRIPT, "x = /e[/]val\\/(y)/g.test(z)", "n:x m:= #:/e[/]val\\/(y)/g m:. n:test m:( n:z m:)");
	check_words(LEXED_JAVASCRIPT, "return /'/", "n:return #:/'/");
	check_words(LEXED_JAVASCRIPT, "`a${b + `c${d}` + '}'}e` f", "t:`a${b + `c${d}` + '}'}e` n:f");
	check_words(LEXED_JAVASCRIPT, "#!/usr/bin/env node\na?.b ?? c", "n:a m:?. n:b m:?? n:c");
}

static void test_shell_knows_words_substitutions_and_here_documents(void **state)
{
	(void)state;
	check_words(LEXED_SHELL, "a \"b $c\" d$e 'f $g' $(h i) `j`",
		    "n:a t:\"b $c\" t:d$e s:'f $g' t:$(h i) t:`j` .: n:h n:i .: n:j .:");
	check_words(LEXED_SHELL, "cat <<'E' | b\n$(eval x)\nE\nc", "n:cat m:| n:b .: n:c .:");
	check_words(LEXED_SHELL, "cat <<-E\n\tx\n\tE\nc", "n:cat .: n:c .:");
	check_words(LEXED_SHELL, "a;b&&c", "n:a .: n:b m:&& n:c .:");
	check_words(LEXED_SHELL, "a#b \\# $#", "n:a#b n:\\# t:$# .:");
	check_words(LEXED_SHELL, "x=$((1 + (2))) f() { g; }", "t:x=$((1 + (2))) n:f m:( m:) m:{ n:g .: m:} .:");
}

static void test_places_of_tokens_are_lines_and_columns(void **state)
{
	static const char text[] = "a\n\n  b(\n\"x\")";
	struct tokens tokens;

	(void)state;
	tokens_init(&tokens, text, sizeof(text) - 1);
	lex(LEXED_C, &tokens);
	assert_int_equal(tokens.count, 5);
	assert_int_equal(tokens.at[1].line, 3);
	assert_int_equal(tokens.at[1].column, 3);
	assert_true(tokens.at[1].first);
	assert_int_equal(tokens.at[3].line, 4);
	assert_int_equal(tokens.at[2].match, 4);
	assert_int_equal(tokens.at[4].match, 2);
	assert_int_equal(tokens.at[0].match, NO_TOKEN);
	tokens_release(&tokens);
}

static void test_places_in_substitutions_are_those_of_the_file(void **state)
{
	static const char text[] = "a\nb $(c\n d $(e))\nf";
	struct tokens tokens;
	bool seen = false;

	(void)state;
	tokens_init(&tokens, text, sizeof(text) - 1);
	lex(LEXED_SHELL, &tokens);
	for (uint32_t i = 0; i < tokens.count; i++) {
		if (!token_is(&tokens, i, "e"))
			continue;
		seen = true;
		assert_int_equal(tokens.at[i].line, 3);
		assert_int_equal(tokens.at[i].column, 6);
	}
	assert_true(seen);
	tokens_release(&tokens);
}

/* "main:2-5 helper:7-9" */
static void check_functions(enum lexed language, const char *text, const char *expected)
{
	struct tokens tokens;
	struct functions functions;
	char out[512] = "";
	size_t used = 0;

	tokens_init(&tokens, text, strlen(text));
	lex(language, &tokens);
	functions_find(&functions, language, &tokens);
	for (uint32_t i = 0; i < functions.count; i++)
		used += (size_t)snprintf(out + used, sizeof(out) - used, "%s%s:%u-%u", i ? " " : "", functions.at[i].name,
					 functions.at[i].line, functions.at[i].end_line);
	assert_string_equal(out, expected);
	functions_release(&functions);
	tokens_release(&tokens);
}

static void test_functions_of_c(void **state)
{
	(void)state;
	check_functions(LEXED_C,
			"int x[] = {1};\nstruct s { int (*f)(int); };\nstatic int\nmain(int a)\n{\n if (a) { b(); }\n}\n",
			"main:4-7");
	check_functions(LEXED_C, "API(int) run(void (*f)(int)) __attribute__((hot))\n{\n}\nint g();\nint h(){}", "run:1-3 h:5-5");
	check_functions(LEXED_C, "extern \"C\" {\nnamespace a {\nA::A(int b) : c(b), d(1) {\n}\n}\n}", "A:3-4");
	check_functions(LEXED_C, "#define F(x) { x }\nint f(void) {\n}\n", "f:2-3");
}

static void test_functions_of_python(void **state)
{
	(void)state;
	check_functions(LEXED_PYTHON,
			"class A:\n    def f(self):\n        def g():\n            x\n        y\n\n    async def h(self): "
			"z\n\ndef k(\n    a):\n    b\nc\n",
			"A.f:2-5 A.f.g:3-4 A.h:7-7 k:9-11");
}

static void test_functions_of_javascript(void **state)
{
	(void)state;
	check_functions(LEXED_JAVASCRIPT,
			"function a() {\n if (x) {\n }\n}\nconst b = async (c) => {\n}\nclass D {\n e(f) {\n }\n}\nm.g = "
			"function (h) {\n}\n",
			"a:1-4 b:5-6 e:8-9 g:11-12");
}

static void test_functions_of_shell(void **state)
{
	(void)state;
	check_functions(LEXED_SHELL, "a() {\n b\n}\nfunction c\n{\n d\n}\ne\n", "a:1-3 c:4-7");
}

static void test_the_innermost_function_is_found(void **state)
{
	static const char text[] = "def f():\n    def g():\n        x\n    y\nz\n";
	struct tokens tokens;
	struct functions functions;

	(void)state;
	tokens_init(&tokens, text, sizeof(text) - 1);
	lex(LEXED_PYTHON, &tokens);
	functions_find(&functions, LEXED_PYTHON, &tokens);
	assert_string_equal(function_at(&functions, 3)->name, "f.g");
	assert_string_equal(function_at(&functions, 4)->name, "f");
	assert_null(function_at(&functions, 5));
	functions_release(&functions);
	tokens_release(&tokens);
}

/* Texts of random pieces in memory of exactly their size: no lexer reads outside, stops, or loses the order of a pass. */
static void test_no_text_harms_a_lexer(void **state)
{
	static const char *const pieces[] = {"\"",  "'",      "`",  "${", "$(",   "}",       ")",     "(",   "{",     "\\",
					     "\n",  "/*",     "*/", "//", "#",    "#if 0\n", "<<E\n", "E\n", "R\"a(", "f'''",
					     "'''", "a",      "1e", " ",  "def ", "=>",      "/",     "$((", "<(",    "|",
					     ";",   "class ", "[",  "]",  "\xC3", "\x80",    "=",     "."};
	uint64_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		char buffer[256], *text;
		size_t bytes = 0;

		for (unsigned i = 0; i < 30; i++) {
			const char *piece;

			seed = seed * 6364136223846793005u + 1442695040888963407u;
			piece = pieces[(seed >> 33) % (sizeof(pieces) / sizeof(pieces[0]))];
			memcpy(buffer + bytes, piece, strlen(piece));
			bytes += strlen(piece);
		}
		text = malloc(bytes);
		assert_non_null(text);
		memcpy(text, buffer, bytes);
		for (int language = LEXED_C; language <= LEXED_SHELL; language++) {
			struct tokens tokens;
			struct functions functions;

			tokens_init(&tokens, text, bytes);
			lex((enum lexed)language, &tokens);
			functions_find(&functions, (enum lexed)language, &tokens);
			for (uint32_t i = 0; i < tokens.count; i++)
				assert_true(tokens.at[i].start + tokens.at[i].bytes <= bytes && tokens.at[i].line >= 1);
			functions_release(&functions);
			tokens_release(&tokens);
		}
		free(text);
	}
}

/* A hundred thousand of the same opening mark: neither the stack nor the time may grow with their depth. */
static void test_deep_nesting_is_survived(void **state)
{
	static const char *const openings[] = {"(", "{", "[", "$(", "\"$(", "`", "${", "\"`", "f(", "<("};
	size_t count = 100000;

	(void)state;
	for (size_t o = 0; o < sizeof(openings) / sizeof(openings[0]); o++) {
		size_t bytes = strlen(openings[o]) * count;
		char *text = malloc(bytes);

		assert_non_null(text);
		for (size_t i = 0; i < bytes; i++)
			text[i] = openings[o][i % strlen(openings[o])];
		for (int language = LEXED_C; language <= LEXED_SHELL; language++) {
			struct tokens tokens;
			struct functions functions;

			tokens_init(&tokens, text, bytes);
			lex((enum lexed)language, &tokens);
			functions_find(&functions, (enum lexed)language, &tokens);
			functions_release(&functions);
			tokens_release(&tokens);
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comments_and_strings_are_no_code),
		cmocka_unit_test(test_c_knows_prefixes_directives_and_dead_code),
		cmocka_unit_test(test_python_knows_prefixes_and_joins_lines),
		cmocka_unit_test(test_javascript_tells_division_from_expressions),
		cmocka_unit_test(test_shell_knows_words_substitutions_and_here_documents),
		cmocka_unit_test(test_places_of_tokens_are_lines_and_columns),
		cmocka_unit_test(test_places_in_substitutions_are_those_of_the_file),
		cmocka_unit_test(test_functions_of_c),
		cmocka_unit_test(test_functions_of_python),
		cmocka_unit_test(test_functions_of_javascript),
		cmocka_unit_test(test_functions_of_shell),
		cmocka_unit_test(test_the_innermost_function_is_found),
		cmocka_unit_test(test_no_text_harms_a_lexer),
		cmocka_unit_test(test_deep_nesting_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
