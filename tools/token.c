/* SPDX-License-Identifier: MIT
 *
 * The list of tokens, and the steps that all lexers share.
 */
#include "tools/token.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NESTING_MAX 4096u

void tokens_init(struct tokens *tokens, const char *text, size_t bytes)
{
	*tokens = (struct tokens){.text = text, .text_bytes = bytes, .line = 1};
}

void tokens_release(struct tokens *tokens)
{
	free(tokens->at);
	*tokens = (struct tokens){0};
}

static bool tokens_grow(struct tokens *tokens)
{
	uint32_t room = tokens->room ? tokens->room * 2 : 1024;
	struct token *at;

	if (tokens->count < tokens->room)
		return true;
	if (tokens->count >= TOKENS_MAX) {
		tokens->cut = true;
		return false;
	}
	at = reallocarray(tokens->at, room, sizeof(*at));
	if (!at) {
		tokens->no_memory = true;
		return false;
	}
	tokens->at = at;
	tokens->room = room;
	return true;
}

/* Counts the lines between the place reached and `start`. */
static void advance(struct tokens *tokens, size_t start)
{
	const char *from = tokens->text + tokens->line_start;
	const char *to = tokens->text + start;
	const char *newline;

	while (from < to && (newline = memchr(from, '\n', (size_t)(to - from)))) {
		from = newline + 1;
		tokens->line++;
		tokens->line_start = (uint32_t)(from - tokens->text);
		tokens->line_has_token = false;
	}
}

void tokens_add(struct tokens *tokens, enum token_kind kind, size_t start, size_t end)
{
	if (!tokens_grow(tokens))
		return;
	advance(tokens, start);
	tokens->at[tokens->count++] = (struct token){.start = (uint32_t)start,
						     .bytes = (uint32_t)(end - start),
						     .line = tokens->line,
						     .column = (uint32_t)(start - tokens->line_start) + 1,
						     .match = NO_TOKEN,
						     .kind = kind,
						     .first = !tokens->line_has_token && kind != TOKEN_END};
	tokens->line_has_token = true;
}

static char closing(char opening)
{
	return opening == '(' ? ')' : opening == '[' ? ']' : '}';
}

void tokens_match(struct tokens *tokens)
{
	uint32_t open[NESTING_MAX];
	uint32_t depth = 0;

	for (uint32_t i = 0; i < tokens->count; i++) {
		char c = tokens->at[i].kind == TOKEN_MARK && tokens->at[i].bytes == 1 ? tokens->text[tokens->at[i].start] : 0;

		if (c && strchr("([{", c) && depth < NESTING_MAX)
			open[depth++] = i;
		else if (c && strchr(")]}", c) && depth && closing(tokens->text[tokens->at[open[depth - 1]].start]) == c) {
			uint32_t partner = open[--depth];

			tokens->at[i].match = partner;
			tokens->at[partner].match = i;
		}
	}
}

bool token_is(const struct tokens *tokens, uint32_t index, const char *text)
{
	const struct token *token = index < tokens->count ? &tokens->at[index] : NULL;

	return token && strlen(text) == token->bytes && memcmp(tokens->text + token->start, text, token->bytes) == 0;
}

bool token_in(const struct tokens *tokens, uint32_t index, const char *words)
{
	const struct token *token = index < tokens->count ? &tokens->at[index] : NULL;

	if (!token || !token->bytes)
		return false;
	while (*words) {
		size_t bytes = strcspn(words, " ");

		if (bytes == token->bytes && memcmp(tokens->text + token->start, words, bytes) == 0)
			return true;
		words += bytes + (words[bytes] == ' ');
	}
	return false;
}

bool token_has(const struct tokens *tokens, uint32_t index, const char *part)
{
	const struct token *token = index < tokens->count ? &tokens->at[index] : NULL;
	size_t bytes = strlen(part);

	if (!token)
		return false;
	for (size_t i = 0; i + bytes <= token->bytes; i++) {
		if (strncasecmp(tokens->text + token->start + i, part, bytes) == 0)
			return true;
	}
	return false;
}

bool token_kind_is(const struct tokens *tokens, uint32_t index, enum token_kind kind)
{
	return index < tokens->count && tokens->at[index].kind == kind;
}

bool token_is_capitals(const struct tokens *tokens, uint32_t index)
{
	const struct token *token = index < tokens->count ? &tokens->at[index] : NULL;
	size_t letters = 0;

	if (!token || token->kind != TOKEN_NAME)
		return false;
	for (size_t i = 0; i < token->bytes; i++) {
		unsigned char c = (unsigned char)tokens->text[token->start + i];

		if (islower(c) || c == '$')
			return false;
		letters += isupper(c) != 0;
	}
	return letters > 1;
}

enum lexed lexed_of(const char *language)
{
	static const struct {
		const char *language;
		enum lexed lexed;
	} known[] = {{"C", LEXED_C},
		     {"C++", LEXED_C},
		     {"Python", LEXED_PYTHON},
		     {"JavaScript", LEXED_JAVASCRIPT},
		     {"TypeScript", LEXED_JAVASCRIPT},
		     {"Shell", LEXED_SHELL}};

	for (size_t i = 0; language && i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(known[i].language, language) == 0)
			return known[i].lexed;
	}
	return LEXED_NONE;
}

void lex(enum lexed language, struct tokens *tokens)
{
	switch (language) {
	case LEXED_C:
		lex_c(tokens);
		break;
	case LEXED_PYTHON:
		lex_python(tokens);
		break;
	case LEXED_JAVASCRIPT:
		lex_javascript(tokens);
		break;
	case LEXED_SHELL:
		lex_shell(tokens);
		break;
	case LEXED_NONE:
		break;
	}
	tokens_match(tokens);
}

static bool is_name(unsigned char c)
{
	return isalnum(c) || c == '_' || c == '$' || c >= 0x80;
}

size_t lex_name(const struct tokens *tokens, size_t at)
{
	while (at < tokens->text_bytes && is_name((unsigned char)tokens->text[at]))
		at++;
	return at;
}

/* A number with its suffixes, exponent and digit separators; which number it is does not matter here. */
size_t lex_number(const struct tokens *tokens, size_t at)
{
	while (at < tokens->text_bytes) {
		unsigned char c = (unsigned char)tokens->text[at];
		unsigned char before = at ? (unsigned char)tokens->text[at - 1] : 0;

		if (!isalnum(c) && c != '_' && c != '.' && !((c == '+' || c == '-') && strchr("eEpP", before) && before))
			break;
		at++;
	}
	return at;
}

size_t lex_quoted(const struct tokens *tokens, size_t at, char quote, bool over_lines)
{
	while (at < tokens->text_bytes) {
		char c = tokens->text[at];

		if (c == '\\' && at + 1 < tokens->text_bytes) {
			at += 2;
			continue;
		}
		if (c == '\n' && !over_lines)
			return at;
		at++;
		if (c == quote)
			return at;
	}
	return tokens->text_bytes;
}

bool lex_starts(const struct tokens *tokens, size_t at, const char *text)
{
	size_t bytes = strlen(text);

	return at + bytes <= tokens->text_bytes && memcmp(tokens->text + at, text, bytes) == 0;
}

size_t lex_mark(const struct tokens *tokens, size_t at, const char *const *long_marks)
{
	size_t best = 1;

	for (; *long_marks; long_marks++) {
		size_t bytes = strlen(*long_marks);

		if (bytes > best && lex_starts(tokens, at, *long_marks))
			best = bytes;
	}
	return at + best;
}

size_t lex_until(const struct tokens *tokens, size_t at, const char *text)
{
	const char *found =
		at < tokens->text_bytes ? memmem(tokens->text + at, tokens->text_bytes - at, text, strlen(text)) : NULL;

	return found ? (size_t)(found - tokens->text) + strlen(text) : tokens->text_bytes;
}
