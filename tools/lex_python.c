/* SPDX-License-Identifier: MIT
 *
 * Words of Python (The Python Language Reference, 2). A TOKEN_END closes each logical line; inside brackets lines carry on.
 */
#include "tools/token.h"

#include <ctype.h>
#include <string.h>

static const char *const long_marks[] = {"**=", "//=", ">>=", "<<=", "...", "**", "//", "<<", ">>", "<=", ">=", "==", "!=",
					 "->",  ":=",  "+=",  "-=",  "*=",  "/=", "%=", "&=", "|=", "^=", "@=", NULL};

/* An f-string inserts where a brace is not doubled. */
static bool inserts(const char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (at[i] != '{')
			continue;
		if (i + 1 < bytes && at[i + 1] == '{')
			i++;
		else
			return true;
	}
	return false;
}

static size_t string(struct tokens *tokens, size_t start, size_t quote_at)
{
	char quote = tokens->text[quote_at];
	const char triple[] = {quote, quote, quote, 0};
	bool formatted = false;
	size_t end = quote_at + 3;

	for (size_t i = start; i < quote_at; i++)
		formatted |= tokens->text[i] == 'f' || tokens->text[i] == 'F';
	if (!lex_starts(tokens, quote_at, triple)) {
		end = lex_quoted(tokens, quote_at + 1, quote, false);
	} else {
		while (end < tokens->text_bytes && !lex_starts(tokens, end, triple))
			end += tokens->text[end] == '\\' ? 2 : 1;
		end = end + 3 < tokens->text_bytes ? end + 3 : tokens->text_bytes;
	}
	formatted = formatted && inserts(tokens->text + quote_at, end - quote_at);
	tokens_add(tokens, formatted ? TOKEN_TEMPLATE : TOKEN_STRING, start, end);
	return end;
}

static size_t word(struct tokens *tokens, size_t at)
{
	size_t end = lex_name(tokens, at);

	if (end < tokens->text_bytes && (tokens->text[end] == '"' || tokens->text[end] == '\'') && end - at <= 2 &&
	    strspn(tokens->text + at, "rRbBuUfFtT") >= end - at)
		return string(tokens, at, end);
	tokens_add(tokens, TOKEN_NAME, at, end);
	return end;
}

static size_t comment_end(const struct tokens *tokens, size_t at)
{
	while (at < tokens->text_bytes && tokens->text[at] != '\n')
		at++;
	return at;
}

static size_t one(struct tokens *tokens, size_t at, int *depth)
{
	char c = tokens->text[at];
	size_t end;

	if (isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80)
		return word(tokens, at);
	if (c == '"' || c == '\'')
		return string(tokens, at, at);
	if (isdigit((unsigned char)c)) {
		end = lex_number(tokens, at);
		tokens_add(tokens, TOKEN_NUMBER, at, end);
		return end;
	}
	if (strchr("([{", c))
		(*depth)++;
	else if (strchr(")]}", c) && *depth)
		(*depth)--;
	end = lex_mark(tokens, at, long_marks);
	tokens_add(tokens, TOKEN_MARK, at, end);
	return end;
}

void lex_python(struct tokens *tokens)
{
	int depth = 0;
	size_t at = 0;

	while (at < tokens->text_bytes && !tokens->no_memory && !tokens->cut) {
		char c = tokens->text[at];

		if (c == '\n' && depth == 0 && tokens->line_has_token)
			tokens_add(tokens, TOKEN_END, at, at);
		if (c == '\\' && at + 1 < tokens->text_bytes && tokens->text[at + 1] == '\n')
			at += 2;
		else if (isspace((unsigned char)c) || c == 0)
			at++;
		else if (c == '#')
			at = comment_end(tokens, at);
		else
			at = one(tokens, at, &depth);
	}
	tokens_add(tokens, TOKEN_END, tokens->text_bytes, tokens->text_bytes);
}
