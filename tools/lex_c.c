/* SPDX-License-Identifier: MIT
 *
 * Words of C and C++ (ISO/IEC 9899 6.4, 14882 5). Preprocessor lines give tokens too, marked as such; what stands between
 * `#if 0` and its `#else` or `#endif` is a comment.
 */
#include "tools/token.h"

#include <ctype.h>
#include <string.h>

static const char *const long_marks[] = {"<<=", ">>=", "...", "->*", "->", "::", "++", "--", "<<", ">>", "<=", ">=", "==",
					 "!=",  "&&",  "||",  "+=",  "-=", "*=", "/=", "%=", "&=", "|=", "^=", "##", NULL};

/* Behind the end of a logical line: a backslash carries on. */
static size_t line_end(const struct tokens *tokens, size_t at)
{
	while (at < tokens->text_bytes && tokens->text[at] != '\n') {
		if (tokens->text[at] == '\\' && at + 1 < tokens->text_bytes)
			at++;
		at++;
	}
	return at;
}

/* The directive's name begins here, after '#' and blanks. */
static size_t directive_name(const struct tokens *tokens, size_t at)
{
	at++;
	while (at < tokens->text_bytes && (tokens->text[at] == ' ' || tokens->text[at] == '\t'))
		at++;
	return at;
}

static bool is_if_zero(const struct tokens *tokens, size_t at)
{
	at = directive_name(tokens, at);
	if (!lex_starts(tokens, at, "if") || at + 2 >= tokens->text_bytes || !isblank((unsigned char)tokens->text[at + 2]))
		return false;
	at += 2;
	while (at < tokens->text_bytes && isblank((unsigned char)tokens->text[at]))
		at++;
	return at < tokens->text_bytes && tokens->text[at] == '0' &&
	       (at + 1 >= tokens->text_bytes || isspace((unsigned char)tokens->text[at + 1]));
}

/* From `#if 0` to the directive that ends it. */
static size_t skip_if_zero(const struct tokens *tokens, size_t at)
{
	size_t depth = 0;

	while (at < tokens->text_bytes) {
		size_t begin = at, end = line_end(tokens, at);

		while (begin < end && isblank((unsigned char)tokens->text[begin]))
			begin++;
		if (begin < end && tokens->text[begin] == '#') {
			size_t name = directive_name(tokens, begin);

			if (lex_starts(tokens, name, "if"))
				depth++;
			else if (lex_starts(tokens, name, "endif"))
				depth--;
			if (depth == 0 || (depth == 1 && lex_starts(tokens, name, "el")))
				return end;
		}
		at = end + 1;
	}
	return tokens->text_bytes;
}

/* R"tag( … )tag", `at` behind the quote. */
static size_t raw_string(const struct tokens *tokens, size_t at)
{
	char close[24] = ")";
	size_t tag = 0;

	while (at + tag < tokens->text_bytes && tag < 16 && tokens->text[at + tag] != '(')
		tag++;
	memcpy(close + 1, tokens->text + at, tag);
	close[tag + 1] = '"';
	return lex_until(tokens, at + tag, close);
}

static bool is_prefix(const struct tokens *tokens, size_t start, size_t end)
{
	static const char *const prefixes[] = {"L", "u", "U", "u8", "R", "LR", "uR", "UR", "u8R", NULL};

	for (const char *const *prefix = prefixes; *prefix; prefix++) {
		if (strlen(*prefix) == end - start && lex_starts(tokens, start, *prefix))
			return true;
	}
	return false;
}

static size_t word(struct tokens *tokens, size_t at)
{
	size_t end = lex_name(tokens, at);
	char next = end < tokens->text_bytes ? tokens->text[end] : 0;

	if ((next == '"' || next == '\'') && is_prefix(tokens, at, end)) {
		bool raw = tokens->text[end - 1] == 'R' && next == '"';

		end = raw ? raw_string(tokens, end + 1) : lex_quoted(tokens, end + 1, next, false);
		tokens_add(tokens, next == '"' ? TOKEN_STRING : TOKEN_NUMBER, at, end);
		return end;
	}
	tokens_add(tokens, TOKEN_NAME, at, end);
	return end;
}

static size_t one(struct tokens *tokens, size_t at)
{
	char c = tokens->text[at];
	char next = at + 1 < tokens->text_bytes ? tokens->text[at + 1] : 0;
	enum token_kind kind = TOKEN_MARK;
	size_t end;

	if (isspace((unsigned char)c) || (c == '\\' && next == '\n'))
		return at + 1;
	if (c == '/' && next == '/')
		return line_end(tokens, at);
	if (c == '/' && next == '*')
		return lex_until(tokens, at + 2, "*/");
	if (isalpha((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80)
		return word(tokens, at);
	if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)next))) {
		kind = TOKEN_NUMBER;
		end = lex_number(tokens, at);
	} else if (c == '"' || c == '\'') {
		kind = c == '"' ? TOKEN_STRING : TOKEN_NUMBER;
		end = lex_quoted(tokens, at + 1, c, false);
	} else {
		end = lex_mark(tokens, at, long_marks);
	}
	tokens_add(tokens, kind, at, end);
	return end;
}

/* The tokens of one directive. `#include <a'b>` names a file, no string. */
static size_t directive(struct tokens *tokens, size_t at)
{
	size_t end = line_end(tokens, at);
	size_t name = directive_name(tokens, at);
	uint32_t first = tokens->count;

	if (is_if_zero(tokens, at))
		return skip_if_zero(tokens, at);
	if (lex_starts(tokens, name, "include") || lex_starts(tokens, name, "error") || lex_starts(tokens, name, "warning"))
		return end;
	while (at < end)
		at = one(tokens, at);
	for (; first < tokens->count; first++)
		tokens->at[first].directive = true;
	return at > end ? at : end;
}

void lex_c(struct tokens *tokens)
{
	bool line_begins = true;
	size_t at = 0;

	while (at < tokens->text_bytes && !tokens->no_memory && !tokens->cut) {
		char c = tokens->text[at];

		if (c == '#' && line_begins) {
			at = directive(tokens, at);
			continue;
		}
		if (c == '\n')
			line_begins = true;
		else if (!isspace((unsigned char)c))
			line_begins = false;
		at = one(tokens, at);
	}
}
