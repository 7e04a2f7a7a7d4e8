/* SPDX-License-Identifier: MIT
 *
 * Comments between tokens.
 */
#include "tools/comment.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LETTERS_LEAST 3u

struct span {
	size_t start, end;
};

static bool starts(const char *text, size_t at, size_t end, const char *with)
{
	size_t bytes = strlen(with);

	return end - at >= bytes && memcmp(text + at, with, bytes) == 0;
}

static size_t line_end(const char *text, size_t at, size_t end)
{
	const char *newline = memchr(text + at, '\n', end - at);

	return newline ? (size_t)(newline - text) : end;
}

size_t comment_end(const char *text, size_t at, size_t end, enum lexed language)
{
	bool hash = language == LEXED_PYTHON || language == LEXED_SHELL;

	if (hash)
		return text[at] == '#' ? line_end(text, at, end) : at;
	if (starts(text, at, end, "//"))
		return line_end(text, at, end);
	if (starts(text, at, end, "/*")) {
		const char *close = memmem(text + at + 2, end - at - 2, "*/", 2);

		return close ? (size_t)(close - text) + 2 : end;
	}
	return at;
}

static size_t newlines(const char *text, size_t from, size_t to)
{
	size_t count = 0;

	for (size_t i = from; i < to; i++)
		count += text[i] == '\n';
	return count;
}

/* The last comment of a gap; line comments on neighbouring lines are one. `end`: 0 if there is none. */
static struct span last_comment(const struct tokens *tokens, size_t from, size_t to, enum lexed language)
{
	const char *text = tokens->text;
	struct span last = {0, 0};

	for (size_t at = from; at < to;) {
		size_t end = comment_end(text, at, to, language);

		if (end == at) {
			/* An #include line parts what is above from what is below, unless it stands right between the two. */
			if (language == LEXED_C && text[at] == '#') {
				bool between = last.end && newlines(text, last.end, at) <= 1;

				at = line_end(text, at, to);
				last = between ? (struct span){last.start, at} : (struct span){0, 0};
			}
			at++;
			continue;
		}
		if (!last.end || starts(text, at, to, "/*") || starts(text, last.start, to, "/*") ||
		    newlines(text, last.end, at) > 1)
			last.start = at;
		last.end = end;
		at = end;
	}
	return last;
}

/* Behind code on the same line it belongs to that code. */
static bool own_line(const struct tokens *tokens, size_t at)
{
	while (at > 0 && (tokens->text[at - 1] == ' ' || tokens->text[at - 1] == '\t'))
		at--;
	return at == 0 || tokens->text[at - 1] == '\n';
}

static bool holds(const char *text, struct span span, const char *word)
{
	size_t bytes = strlen(word);

	for (size_t i = span.start; i + bytes <= span.end; i++)
		if (strncasecmp(text + i, word, bytes) == 0)
			return true;
	return false;
}

static bool says_something(const struct tokens *tokens, struct span span)
{
	size_t letters = 0;
	bool licence = holds(tokens->text, span, "copyright") || holds(tokens->text, span, "license") ||
		       holds(tokens->text, span, "licence");

	for (size_t i = span.start; i < span.end; i++)
		letters += isalpha((unsigned char)tokens->text[i]) != 0 || (unsigned char)tokens->text[i] > 127;
	return letters >= LETTERS_LEAST && !(licence && newlines(tokens->text, 0, span.start) < 3) &&
	       !holds(tokens->text, span, "eslint-") && !holds(tokens->text, span, "istanbul ignore");
}

/* Comments for documentation generators (JSDoc, Doxygen) belong to what follows even past an empty line, unless they are about the
 * file. */
static bool for_generators(const struct tokens *tokens, struct span span)
{
	const char *text = tokens->text;

	if (!starts(text, span.start, span.end, "/**") && !starts(text, span.start, span.end, "/*!") &&
	    !starts(text, span.start, span.end, "///") && !starts(text, span.start, span.end, "//!"))
		return false;
	return !holds(text, span, "@file") && !holds(text, span, "\\file") && !holds(text, span, "@module");
}

static size_t token_end(const struct tokens *tokens, uint32_t token)
{
	return tokens->at[token].start + (size_t)tokens->at[token].bytes;
}

static bool next_line(const struct tokens *tokens, uint32_t upper, uint32_t lower)
{
	return newlines(tokens->text, token_end(tokens, upper), tokens->at[lower].start) <= 1;
}

/* The first token of the preprocessor lines right above `token`, or `token` if there are none. */
static uint32_t above_directives(const struct tokens *tokens, uint32_t token)
{
	if (tokens->at[token].directive)
		return token;
	while (token > 0 && tokens->at[token - 1].directive && next_line(tokens, token - 1, token))
		do
			token--;
		while (token > 0 && tokens->at[token - 1].directive && !tokens->at[token].first);
	return token;
}

bool comment_above(const struct tokens *tokens, uint32_t token, enum lexed language)
{
	size_t from, to;
	struct span span;

	if (language == LEXED_C)
		token = above_directives(tokens, token);
	to = tokens->at[token].start;
	/* In shell the end of a comment's line is a token. */
	while (token > 0 && tokens->at[token - 1].kind == TOKEN_END)
		token--;
	from = token ? token_end(tokens, token - 1) : 0;
	span = last_comment(tokens, from, to, language);
	return span.end && newlines(tokens->text, span.end, to) <= (for_generators(tokens, span) ? 2u : 1u) &&
	       own_line(tokens, span.start) && says_something(tokens, span);
}
