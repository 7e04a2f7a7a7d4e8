/* SPDX-License-Identifier: MIT
 *
 * The words of a source text: comments are gone, a string is one token, and every token knows its place.
 */
#ifndef TOOLS_TOKEN_H
#define TOOLS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKENS_MAX 2000000u /* per file */
#define NO_TOKEN   UINT32_MAX

enum token_kind {
	TOKEN_NAME, /* a name or keyword; in shell a word without quotes and expansions */
	TOKEN_NUMBER,
	TOKEN_STRING,   /* with its quotes; nothing is inserted into it */
	TOKEN_TEMPLATE, /* a string or shell word with expressions in it */
	TOKEN_MARK,     /* one operator or bracket */
	TOKEN_END       /* the end of a logical line (Python) or a command (shell) */
};

struct token {
	uint32_t start, bytes;
	uint32_t line, column; /* from 1, column in bytes */
	uint32_t match;        /* of a bracket: the token that closes or opens it; otherwise NO_TOKEN */
	enum token_kind kind;
	bool directive; /* C: within a preprocessor line */
	bool first;     /* the first of its line */
	bool nested;    /* shell: within a substitution, lexed after the commands around it */
};

struct tokens {
	const char *text;
	size_t text_bytes;
	struct token *at;
	uint32_t count, room;
	uint32_t line, line_start; /* while lexing: of the place reached */
	bool line_has_token;
	bool no_memory;
	bool cut; /* only a part of the text was read: more than TOKENS_MAX, or nested without reason */
};

void tokens_init(struct tokens *tokens, const char *text, size_t bytes);
void tokens_release(struct tokens *tokens);

/* Adds [start, end). Starts must not go back, unless line and line_start are set to an earlier place. */
void tokens_add(struct tokens *tokens, enum token_kind kind, size_t start, size_t end);

/* Finds the partner of every bracket. Unbalanced ones stay NO_TOKEN. */
void tokens_match(struct tokens *tokens);

/* False past the end. */
bool token_is(const struct tokens *tokens, uint32_t index, const char *text);
bool token_in(const struct tokens *tokens, uint32_t index, const char *words); /* words separated by blanks */
bool token_has(const struct tokens *tokens, uint32_t index, const char *part); /* without regard to case */
bool token_kind_is(const struct tokens *tokens, uint32_t index, enum token_kind kind);

/* A NAME in capitals: by convention a constant or macro. */
bool token_is_capitals(const struct tokens *tokens, uint32_t index);

enum lexed { LEXED_NONE, LEXED_C, LEXED_PYTHON, LEXED_JAVASCRIPT, LEXED_SHELL };

/* The lexer for a language of languages.def, LEXED_NONE if there is none. */
enum lexed lexed_of(const char *language);

/* Any text gives tokens: what a lexer does not understand is a mark, an open string ends at the end of its line or text. */
void lex(enum lexed language, struct tokens *tokens);
void lex_c(struct tokens *tokens);
void lex_python(struct tokens *tokens);
void lex_javascript(struct tokens *tokens);
void lex_shell(struct tokens *tokens);

/* Small steps that lexers share; each returns the offset behind what begins at `at`. */
size_t lex_name(const struct tokens *tokens, size_t at);
size_t lex_number(const struct tokens *tokens, size_t at);
size_t lex_quoted(const struct tokens *tokens, size_t at, char quote, bool over_lines); /* `at` is behind the opening quote */
size_t lex_mark(const struct tokens *tokens, size_t at, const char *const *long_marks); /* the longest of the list, or one byte */
bool lex_starts(const struct tokens *tokens, size_t at, const char *text);
size_t lex_until(const struct tokens *tokens, size_t at, const char *text); /* behind the next `text`, or the end */

#endif
