/* SPDX-License-Identifier: MIT
 *
 * Words of POSIX shell and bash (IEEE Std 1003.1, XCU 2). A word is one token with its quotes; it is a template if something is
 * expanded in it. Commands inside $(…) and `…` are lexed after the text around them, as commands of their own.
 */
#include "tools/token.h"

#include <ctype.h>
#include <string.h>

#define NESTED_MAX   4096u
#define DEPTH_MAX    48u /* of quotes and substitutions within one another */
#define HEREDOCS_MAX 16u
#define REREAD_MAX   8u /* texts within texts are read again; all of them together at most this often */

struct nested {
	size_t start, end;
};

struct shell {
	struct tokens *tokens;
	size_t end; /* of the part being lexed */
	struct nested nested[NESTED_MAX];
	size_t nested_count, nested_done;
	bool nested_lost; /* there were more */
	size_t depth;
	size_t seek_at; /* the place of the last seek, with its line */
	uint32_t seek_line, seek_line_start;
	struct {
		size_t word, bytes;
		bool strip_tabs;
	} heredoc[HEREDOCS_MAX];
	size_t heredocs;
};

static const char *const long_marks[] = {"&&", "||", ";;", "<<<", "<<-", "<<", ">>", "<(", ">(", "<&", ">&", "|&", "&>", NULL};

static char byte_at(const struct shell *shell, size_t at)
{
	return at < shell->end ? shell->tokens->text[at] : 0;
}

static void note_nested(struct shell *shell, size_t start, size_t end)
{
	if (end > start && shell->nested_count == NESTED_MAX)
		shell->nested_lost = true;
	else if (end > start)
		shell->nested[shell->nested_count++] = (struct nested){.start = start, .end = end};
}

static size_t substitution(struct shell *shell, size_t at);

/* Nothing is special inside, not even a backslash. */
static size_t single_quoted(const struct shell *shell, size_t at)
{
	while (at < shell->end && byte_at(shell, at) != '\'')
		at++;
	return at < shell->end ? at + 1 : shell->end;
}

/* A double-quoted string, `at` behind the quote; sets *expands. */
static size_t double_quoted(struct shell *shell, size_t at, bool *expands)
{
	while (at < shell->end && byte_at(shell, at) != '"') {
		char c = byte_at(shell, at);

		if (c == '\\') {
			at += 2;
		} else if (c == '`' || (c == '$' && byte_at(shell, at + 1) == '(')) {
			*expands = true;
			at = substitution(shell, at);
		} else {
			*expands |= c == '$' && byte_at(shell, at + 1) && strchr("{@*#?$!-_0123456789", byte_at(shell, at + 1));
			*expands |= c == '$' && isalpha((unsigned char)byte_at(shell, at + 1));
			at++;
		}
	}
	return at + 1 < shell->end ? at + 1 : shell->end;
}

/* Behind the bracket that closes the one before `at`, passing quotes by. */
static size_t closing(struct shell *shell, size_t at, char open, char close)
{
	size_t depth = 1;
	bool ignored = false;

	while (at < shell->end) {
		char c = byte_at(shell, at);

		if (c == '\\')
			at++;
		else if (c == '\'')
			at = single_quoted(shell, at + 1) - 1;
		else if (c == '"')
			at = double_quoted(shell, at + 1, &ignored) - 1;
		else if (c == open)
			depth++;
		else if (c == close && --depth == 0)
			return at + 1;
		at++;
	}
	return shell->end;
}

static size_t substitution_inner(struct shell *shell, size_t at)
{
	size_t end, kept = shell->nested_count;

	if (byte_at(shell, at) == '`') {
		for (end = at + 1; end < shell->end && byte_at(shell, end) != '`'; end++)
			end += byte_at(shell, end) == '\\';
		note_nested(shell, at + 1, end < shell->end ? end : shell->end);
		return end + 1 < shell->end ? end + 1 : shell->end;
	}
	if (byte_at(shell, at + 1) == '{')
		return closing(shell, at + 2, '{', '}');
	end = closing(shell, at + 2, '(', ')');
	shell->nested_count = kept;        /* what stands deeper is found when this is lexed */
	if (byte_at(shell, at + 2) != '(') /* $((…)) is arithmetic */
		note_nested(shell, at + 2, end - 1);
	return end;
}

/* $(…), ${…} or `…` at `at`. The commands inside are kept for later. What is nested deeper than anybody writes is not followed. */
static size_t substitution(struct shell *shell, size_t at)
{
	if (shell->depth >= DEPTH_MAX)
		return at + 1;
	shell->depth++;
	at = substitution_inner(shell, at);
	shell->depth--;
	return at;
}

static bool ends_word(char c)
{
	return c == 0 || isspace((unsigned char)c) || strchr(";&|()<>", c);
}

static size_t shell_word(struct shell *shell, size_t at)
{
	size_t start = at;
	bool expands = false, quoted = false;

	while (at < shell->end && !ends_word(byte_at(shell, at))) {
		char c = byte_at(shell, at);

		if (c == '\\') {
			at += 2;
		} else if (c == '\'') {
			quoted = true;
			at = single_quoted(shell, at + 1);
		} else if (c == '"') {
			quoted = true;
			at = double_quoted(shell, at + 1, &expands);
		} else if (c == '`' || (c == '$' && (byte_at(shell, at + 1) == '(' || byte_at(shell, at + 1) == '{'))) {
			expands = true;
			at = substitution(shell, at);
		} else {
			expands |= c == '$' && !ends_word(byte_at(shell, at + 1));
			at++;
		}
	}
	if (at > shell->end)
		at = shell->end;
	if (at == start + 1 && strchr("{}", byte_at(shell, start)))
		tokens_add(shell->tokens, TOKEN_MARK, start, at);
	else
		tokens_add(shell->tokens, expands ? TOKEN_TEMPLATE : quoted ? TOKEN_STRING : TOKEN_NAME, start, at);
	return at;
}

/* `<<WORD`: the text begins on the next line. */
static size_t heredoc_begin(struct shell *shell, size_t at, bool strip_tabs)
{
	size_t start;

	while (byte_at(shell, at) == ' ' || byte_at(shell, at) == '\t')
		at++;
	start = at;
	while (at < shell->end && !ends_word(byte_at(shell, at)))
		at++;
	if (shell->heredocs < HEREDOCS_MAX && at > start) {
		size_t from = start, to = at;

		while (from < to && strchr("'\"\\", byte_at(shell, from)))
			from++;
		while (to > from && strchr("'\"", byte_at(shell, to - 1)))
			to--;
		shell->heredoc[shell->heredocs].word = from;
		shell->heredoc[shell->heredocs].bytes = to - from;
		shell->heredoc[shell->heredocs++].strip_tabs = strip_tabs;
	}
	return at;
}

/* Behind the texts that were announced on the line that ends before `at`. */
static size_t heredocs_skip(struct shell *shell, size_t at)
{
	for (size_t i = 0; i < shell->heredocs; i++) {
		const char *word = shell->tokens->text + shell->heredoc[i].word;
		size_t bytes = shell->heredoc[i].bytes;
		bool found = false;

		while (at < shell->end && !found) {
			size_t begin = at, end = lex_until(shell->tokens, at, "\n");

			while (shell->heredoc[i].strip_tabs && byte_at(shell, begin) == '\t')
				begin++;
			at = end < shell->end ? end : shell->end;
			end = end > begin && shell->tokens->text[end - 1] == '\n' ? end - 1 : end;
			found = end - begin == bytes && memcmp(shell->tokens->text + begin, word, bytes) == 0;
		}
	}
	shell->heredocs = 0;
	return at;
}

static size_t mark(struct shell *shell, size_t at)
{
	size_t end = lex_mark(shell->tokens, at, long_marks);
	char c = byte_at(shell, at);

	if (lex_starts(shell->tokens, at, "<<") && !lex_starts(shell->tokens, at, "<<<"))
		return heredoc_begin(shell, end, byte_at(shell, end - 1) == '-');
	if (lex_starts(shell->tokens, at, "<(") || lex_starts(shell->tokens, at, ">(")) {
		size_t kept = shell->nested_count;
		size_t close = closing(shell, end, '(', ')');

		shell->nested_count = kept;
		note_nested(shell, end, close - 1);
		tokens_add(shell->tokens, TOKEN_TEMPLATE, at, close);
		return close;
	}
	tokens_add(shell->tokens, c == ';' ? TOKEN_END : TOKEN_MARK, at, end);
	return end;
}

static void part(struct shell *shell, size_t at, size_t end)
{
	bool word_may_begin = true;

	shell->end = end;
	while (at < end && !shell->tokens->no_memory && !shell->tokens->cut) {
		char c = byte_at(shell, at);

		if (c == '\n') {
			tokens_add(shell->tokens, TOKEN_END, at, at + 1);
			at = heredocs_skip(shell, at + 1);
		} else if (c == '\\' && byte_at(shell, at + 1) == '\n') {
			at += 2;
		} else if (isspace((unsigned char)c) || c == 0) {
			at++;
		} else if (c == '#' && word_may_begin) {
			while (at < end && byte_at(shell, at) != '\n')
				at++;
		} else if (ends_word(c)) {
			at = mark(shell, at);
		} else {
			at = shell_word(shell, at);
		}
		word_may_begin = at == 0 || isspace((unsigned char)shell->tokens->text[at - 1]) ||
				 strchr(";&|(", shell->tokens->text[at - 1]);
	}
	tokens_add(shell->tokens, TOKEN_END, end, end);
}

/* Goes to an offset, so that lines are counted on from there. */
static void seek(struct shell *shell, size_t offset)
{
	if (offset < shell->seek_at || !shell->seek_line) {
		shell->seek_at = 0;
		shell->seek_line = 1;
		shell->seek_line_start = 0;
	}
	for (; shell->seek_at < offset; shell->seek_at++) {
		if (shell->tokens->text[shell->seek_at] == '\n') {
			shell->seek_line++;
			shell->seek_line_start = (uint32_t)shell->seek_at + 1;
		}
	}
	shell->tokens->line = shell->seek_line;
	shell->tokens->line_start = shell->seek_line_start;
}

void lex_shell(struct tokens *tokens)
{
	struct shell shell = {.tokens = tokens};
	size_t budget = tokens->text_bytes * REREAD_MAX;

	part(&shell, 0, tokens->text_bytes);
	while (shell.nested_done < shell.nested_count) {
		const struct nested next = shell.nested[shell.nested_done++];
		uint32_t first = tokens->count;

		if (next.end - next.start > budget) {
			tokens->cut = true;
			return;
		}
		budget -= next.end - next.start;
		seek(&shell, next.start);
		part(&shell, next.start, next.end);
		for (; first < tokens->count; first++)
			tokens->at[first].nested = true;
	}
	tokens->cut |= shell.nested_lost;
}
