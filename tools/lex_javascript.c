/* SPDX-License-Identifier: MIT
 *
 * Words of JavaScript and TypeScript (ECMA-262, 12). Whether a slash divides or begins a regular expression is decided by the
 * token before it. A template literal is one token; it is a plain string if nothing is inserted.
 */
#include "tools/token.h"

#include <ctype.h>
#include <string.h>

#define TEMPLATE_DEPTH_MAX 64u

static const char *const long_marks[] = {
	">>>=", "...", "===", "!==", "**=", "<<=", ">>=", ">>>", "&&=", "||=", "?\?=", "=>", "==", "!=", "<=", ">=", "&&",
	"||",   "??",  "?.",  "++",  "--",  "+=",  "-=",  "*=",  "/=",  "%=",  "&=",   "|=", "^=", "<<", ">>", "**", NULL};

/* After a value a slash divides. */
static bool value_before(const struct tokens *tokens)
{
	uint32_t last = tokens->count - 1;

	if (!tokens->count)
		return false;
	if (tokens->at[last].kind == TOKEN_MARK)
		return token_in(tokens, last, ") ] } ++ --");
	return !token_in(tokens, last, "return typeof instanceof in of new delete void throw case do else yield await");
}

static size_t regular_expression(const struct tokens *tokens, size_t at)
{
	bool in_class = false;

	for (at++; at < tokens->text_bytes; at++) {
		char c = tokens->text[at];

		if (c == '\n')
			return at;
		if (c == '\\')
			at++;
		else if (c == '[')
			in_class = true;
		else if (c == ']')
			in_class = false;
		else if (c == '/' && !in_class)
			return lex_name(tokens, at + 1);
	}
	return tokens->text_bytes;
}

/* Behind the closing backtick; an inserted expression may hold strings, braces and templates of its own. */
static size_t template_end(const struct tokens *tokens, size_t at, bool *out_inserts)
{
	uint32_t braces[TEMPLATE_DEPTH_MAX] = {0}; /* open in the expression of each template around */
	size_t depth = 0;
	bool in_text = true;

	for (; at < tokens->text_bytes; at++) {
		char c = tokens->text[at];

		if (c == '\\') {
			at++;
		} else if (in_text && c == '`') {
			if (depth == 0)
				return at + 1;
			depth--;
			in_text = false;
		} else if (in_text && lex_starts(tokens, at, "${")) {
			*out_inserts = true;
			in_text = false;
			braces[depth] = 1;
			at++;
		} else if (!in_text && (c == '"' || c == '\'')) {
			at = lex_quoted(tokens, at + 1, c, false) - 1;
		} else if (!in_text && c == '`' && depth + 1 < TEMPLATE_DEPTH_MAX) {
			depth++;
			in_text = true;
		} else if (!in_text && c == '{') {
			braces[depth]++;
		} else if (!in_text && c == '}' && --braces[depth] == 0) {
			in_text = true;
		}
	}
	return tokens->text_bytes;
}

static size_t one(struct tokens *tokens, size_t at)
{
	char c = tokens->text[at];
	char next = at + 1 < tokens->text_bytes ? tokens->text[at + 1] : 0;
	enum token_kind kind = TOKEN_MARK;
	bool inserts = false;
	size_t end;

	if (isalpha((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80) {
		kind = TOKEN_NAME;
		end = lex_name(tokens, at);
	} else if (c == '"' || c == '\'') {
		kind = TOKEN_STRING;
		end = lex_quoted(tokens, at + 1, c, false);
	} else if (c == '`') {
		end = template_end(tokens, at + 1, &inserts);
		kind = inserts ? TOKEN_TEMPLATE : TOKEN_STRING;
	} else if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)next))) {
		kind = TOKEN_NUMBER;
		end = lex_number(tokens, at);
	} else if (c == '/' && !value_before(tokens)) {
		kind = TOKEN_NUMBER; /* a constant like any other */
		end = regular_expression(tokens, at);
	} else {
		end = lex_mark(tokens, at, long_marks);
	}
	tokens_add(tokens, kind, at, end);
	return end;
}

void lex_javascript(struct tokens *tokens)
{
	size_t at = lex_starts(tokens, 0, "#!") ? lex_until(tokens, 0, "\n") : 0;

	while (at < tokens->text_bytes && !tokens->no_memory && !tokens->cut) {
		char c = tokens->text[at];

		if (isspace((unsigned char)c) || c == 0)
			at++;
		else if (lex_starts(tokens, at, "//"))
			at = lex_until(tokens, at, "\n");
		else if (lex_starts(tokens, at, "/*"))
			at = lex_until(tokens, at + 2, "*/");
		else
			at = one(tokens, at);
	}
}
