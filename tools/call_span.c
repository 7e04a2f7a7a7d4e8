/* SPDX-License-Identifier: MIT
 *
 * What an argument is, from its tokens.
 */
#include "tools/call_span.h"

#include <stdio.h>
#include <string.h>

const char *word_next(const char **words, char out[WORD_BYTES])
{
	size_t bytes;

	*words += strspn(*words, " ");
	bytes = strcspn(*words, " ");
	if (!bytes)
		return NULL;
	snprintf(out, WORD_BYTES, "%.*s", (int)bytes, *words);
	*words += bytes;
	return out;
}

const struct span *argument_of(const struct call_site *site, uint32_t number)
{
	return number < site->arguments ? &site->argument[number] : NULL;
}

bool span_is_named(const struct call_site *site, const struct span *span)
{
	return site->language == LEXED_PYTHON && span->to > span->from + 1 &&
	       token_kind_is(site->tokens, span->from, TOKEN_NAME) && token_is(site->tokens, span->from + 1, "=");
}

static bool is_translation(const struct tokens *tokens, uint32_t i)
{
	return token_in(tokens, i, "_ N_ Q_ gettext dgettext ngettext tr _T TEXT");
}

/* PRIu64 and SCNx32 of <inttypes.h>. */
static bool is_format_macro(const struct tokens *tokens, uint32_t i)
{
	const struct token *token = &tokens->at[i];
	const char *text = tokens->text + token->start;

	return token->bytes >= 5 && token->bytes <= 12 && (memcmp(text, "PRI", 3) == 0 || memcmp(text, "SCN", 3) == 0) &&
	       strchr("diouxX", text[3]);
}

/* Strings, numbers, names in capitals, and marks between them are constant; a call or any other name is not. */
static bool token_constant(const struct call_site *site, uint32_t i)
{
	const struct tokens *tokens = site->tokens;

	switch (tokens->at[i].kind) {
	case TOKEN_STRING:
	case TOKEN_NUMBER:
		return true;
	case TOKEN_TEMPLATE:
		return false;
	case TOKEN_NAME:
		if (site->language == LEXED_SHELL || token_is_capitals(tokens, i) || is_translation(tokens, i) ||
		    is_format_macro(tokens, i))
			return true;
		return token_in(tokens, i, "True False None true false null undefined nullptr sizeof");
	case TOKEN_MARK:
	case TOKEN_END:
		return true;
	}
	return true;
}

/* In C a name beside a string, with nothing between them, is a string of a macro. */
static bool is_joined_literal(const struct call_site *site, const struct span *span)
{
	bool string = false;

	for (uint32_t i = span->from; i < span->to; i++) {
		if (site->tokens->at[i].kind != TOKEN_STRING && site->tokens->at[i].kind != TOKEN_NAME)
			return false;
		string |= site->tokens->at[i].kind == TOKEN_STRING;
	}
	return string;
}

bool span_constant(const struct call_site *site, const struct span *span)
{
	uint32_t from = span->from;

	if (site->language == LEXED_C && is_joined_literal(site, span))
		return true;
	/* Of `condition ? "a" : "b"` only what comes out counts. */
	for (uint32_t i = span->from; i < span->to && site->language != LEXED_PYTHON; i++) {
		if (token_in(site->tokens, i, "( [ {") && site->tokens->at[i].match != NO_TOKEN &&
		    site->tokens->at[i].match < span->to)
			i = site->tokens->at[i].match;
		else if (token_is(site->tokens, i, "?"))
			from = i + 1;
	}
	for (uint32_t i = from; i < span->to; i++) {
		if (!token_constant(site, i))
			return false;
	}
	return true;
}

bool span_has(const struct call_site *site, const struct span *span, const char *words)
{
	for (uint32_t i = span->from; i < span->to; i++) {
		if (token_in(site->tokens, i, words))
			return true;
	}
	return false;
}

bool spans_equal(const struct tokens *tokens, struct span a, struct span b)
{
	if (a.to - a.from != b.to - b.from || a.to == a.from)
		return false;
	for (uint32_t i = 0; i < a.to - a.from; i++) {
		const struct token *x = &tokens->at[a.from + i], *y = &tokens->at[b.from + i];

		if (x->bytes != y->bytes || memcmp(tokens->text + x->start, tokens->text + y->start, x->bytes) != 0)
			return false;
	}
	return true;
}
