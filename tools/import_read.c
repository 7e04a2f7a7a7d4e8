/* SPDX-License-Identifier: MIT
 *
 * What a file of C, Python or JavaScript says it needs.
 */
#include "tools/imports.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX        64u
#define CLAUSE_TOKENS_MAX 4096u /* of one import clause */

struct text {
	const char *at;
	size_t bytes;
};

static void import_add(struct imports *imports, struct import import, struct text spec, struct text member)
{
	if (!spec.bytes || spec.bytes >= IMPORT_SPEC_MAX || member.bytes >= IMPORT_SPEC_MAX || memchr(spec.at, '\n', spec.bytes))
		return;
	if (imports->count == imports->room) {
		size_t room = imports->room ? imports->room * 2 : 256;
		struct import *at = reallocarray(imports->at, room, sizeof(*at));

		if (!at) {
			imports->no_memory = true;
			return;
		}
		imports->at = at;
		imports->room = room;
	}
	import.spec = names_add(imports->specs, spec.at, spec.bytes);
	import.member = member.bytes ? names_add(imports->specs, member.at, member.bytes) : NAMES_NONE;
	imports->no_memory |= import.spec == NAMES_NONE || (member.bytes && import.member == NAMES_NONE);
	if (!imports->no_memory)
		imports->at[imports->count++] = import;
}

static struct text text_of(const struct tokens *tokens, uint32_t first, uint32_t end)
{
	const struct token *last = &tokens->at[end - 1];

	if (end <= first)
		return (struct text){"", 0};
	return (struct text){tokens->text + tokens->at[first].start, last->start + last->bytes - tokens->at[first].start};
}

/* C: the lexer gives no tokens for comments and #include lines, so both stand in the gaps between tokens. */

static const char *line_end(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	return newline ? newline : end;
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

static bool starts(const char *at, const char *end, const char *with)
{
	size_t bytes = strlen(with);

	return (size_t)(end - at) >= bytes && memcmp(at, with, bytes) == 0;
}

static void read_directive(struct imports *imports, struct import import, const char *at, const char *end)
{
	const char *close;

	at = skip_blanks(at, end);
	if (!starts(at, end, "include") && !starts(at, end, "import"))
		return;
	while (at < end && (isalpha((unsigned char)*at) || *at == '_'))
		at++;
	at = skip_blanks(at, end);
	if (at >= end || (*at != '"' && *at != '<'))
		return;
	close = memchr(at + 1, *at == '"' ? '"' : '>', (size_t)(end - at - 1));
	import.form = *at == '"' ? IMPORT_QUOTED : IMPORT_ANGLED;
	if (close)
		import_add(imports, import, (struct text){at + 1, (size_t)(close - at - 1)}, (struct text){"", 0});
}

static const char *comment_end(const char *at, const char *end)
{
	const char *close = memmem(at + 2, (size_t)(end - at - 2), "*/", 2);

	return close ? close + 2 : end;
}

/* Lines are counted from `line`, which is the one that `at` is in. */
static void read_gap(struct imports *imports, struct import import, const char *at, const char *end)
{
	while (at < end) {
		const char *from = at;

		if (starts(at, end, "/*"))
			at = comment_end(at, end);
		else if (starts(at, end, "//"))
			at = line_end(at, end);
		else if (*at == '#') {
			at = line_end(at, end);
			read_directive(imports, import, from + 1, at);
		} else
			at++;
		for (; from < at; from++)
			import.line += *from == '\n';
	}
}

static void read_c(struct imports *imports, uint32_t file, const struct tokens *tokens)
{
	const char *at = tokens->text;
	uint32_t line = 1;

	for (uint32_t i = 0; i <= tokens->count; i++) {
		const struct token *token = i < tokens->count ? &tokens->at[i] : NULL;
		const char *end = tokens->text + (token ? token->start : tokens->text_bytes);

		read_gap(imports, (struct import){.file = file, .line = line}, at, end);
		if (!token)
			break;
		at = end + token->bytes;
		line = token->line;
		for (const char *c = end; c < at; c++)
			line += *c == '\n';
	}
}

/* Python: statements, and which of them stand in a function or under TYPE_CHECKING. */

enum block_kind { BLOCK_FUNCTION, BLOCK_TYPING };

struct python {
	struct imports *imports;
	const struct tokens *tokens;
	uint32_t file;
	struct {
		uint32_t column;
		enum block_kind kind;
	} block[BLOCKS_MAX];
	uint32_t blocks;
};

static enum import_time python_time(const struct python *python)
{
	for (uint32_t i = 0; i < python->blocks; i++)
		if (python->block[i].kind == BLOCK_TYPING)
			return IMPORT_TYPE;
	return python->blocks ? IMPORT_LAZY : IMPORT_ALWAYS;
}

static struct import python_import(const struct python *python, uint32_t at)
{
	return (struct import){
		.form = IMPORT_PYTHON, .time = python_time(python), .file = python->file, .line = python->tokens->at[at].line};
}

/* Behind a dotted name; dots of a relative import come first and may stick together. */
static uint32_t dotted_end(const struct tokens *tokens, uint32_t at)
{
	while (token_is(tokens, at, ".") || token_is(tokens, at, "...") ||
	       (token_kind_is(tokens, at, TOKEN_NAME) && !token_in(tokens, at, "import as")))
		at++;
	return at;
}

static uint32_t skip_alias(const struct tokens *tokens, uint32_t at)
{
	return token_is(tokens, at, "as") ? at + 2 : at;
}

static void read_import(struct python *python, uint32_t at)
{
	const struct tokens *tokens = python->tokens;

	do {
		uint32_t end = dotted_end(tokens, ++at);

		if (end > at)
			import_add(python->imports, python_import(python, at), text_of(tokens, at, end), (struct text){"", 0});
		at = skip_alias(tokens, end);
	} while (token_is(tokens, at, ","));
}

static void read_from(struct python *python, uint32_t at)
{
	const struct tokens *tokens = python->tokens;
	uint32_t first = at + 1;
	uint32_t end = dotted_end(tokens, first);

	if (end == first || !token_is(tokens, end, "import"))
		return;
	at = end + 1 + token_is(tokens, end + 1, "(");
	while (token_kind_is(tokens, at, TOKEN_NAME) || token_is(tokens, at, "*")) {
		bool all = token_is(tokens, at, "*");

		import_add(python->imports, python_import(python, at), text_of(tokens, first, end),
			   text_of(tokens, at, all ? at : at + 1));
		at = skip_alias(tokens, at + 1);
		if (token_is(tokens, at, ","))
			at++;
	}
}

static bool line_says(const struct tokens *tokens, uint32_t at, const char *words)
{
	for (; at < tokens->count && tokens->at[at].kind != TOKEN_END && !token_is(tokens, at, ":"); at++)
		if (token_in(tokens, at, words))
			return true;
	return false;
}

static void python_block(struct python *python, uint32_t at)
{
	const struct tokens *tokens = python->tokens;
	uint32_t column = tokens->at[at].column;
	bool typing = token_is(tokens, at, "if") && line_says(tokens, at, "TYPE_CHECKING") && !line_says(tokens, at, "not");
	bool function = token_is(tokens, at, "def") || (token_is(tokens, at, "async") && token_is(tokens, at + 1, "def"));

	while (python->blocks && python->block[python->blocks - 1].column >= column)
		python->blocks--;
	if ((!function && !typing) || python->blocks == BLOCKS_MAX)
		return;
	python->block[python->blocks].column = column;
	python->block[python->blocks++].kind = typing ? BLOCK_TYPING : BLOCK_FUNCTION;
}

/* import and from are keywords: at the start of a statement they can be nothing else. */
static void read_python(struct imports *imports, uint32_t file, const struct tokens *tokens)
{
	struct python python = {.imports = imports, .tokens = tokens, .file = file};
	bool line_starts = true, statement_starts = true;

	for (uint32_t at = 0; at < tokens->count; at++) {
		if (line_starts && tokens->at[at].kind != TOKEN_END)
			python_block(&python, at);
		if (statement_starts && token_is(tokens, at, "import"))
			read_import(&python, at);
		else if (statement_starts && token_is(tokens, at, "from"))
			read_from(&python, at);
		line_starts = tokens->at[at].kind == TOKEN_END;
		statement_starts = line_starts || token_in(tokens, at, "; :");
	}
}

/* JavaScript and TypeScript. */

struct script {
	struct imports *imports;
	const struct tokens *tokens;
	uint32_t file;
};

static void script_add(struct script *script, uint32_t at, enum import_time time)
{
	const struct token *token = at < script->tokens->count ? &script->tokens->at[at] : NULL;

	if (token && token->kind == TOKEN_STRING && token->bytes > 2)
		import_add(script->imports,
			   (struct import){.form = IMPORT_SCRIPT, .time = time, .file = script->file, .line = token->line},
			   (struct text){script->tokens->text + token->start + 1, token->bytes - 2}, (struct text){"", 0});
}

/* The string behind `from`, or NO_TOKEN. Only what may stand in an import clause is passed over. */
static uint32_t find_from(const struct tokens *tokens, uint32_t at)
{
	for (uint32_t stop = at + CLAUSE_TOKENS_MAX; at < tokens->count && at < stop; at++) {
		enum token_kind kind = tokens->at[at].kind;

		if (token_is(tokens, at, "from") && token_kind_is(tokens, at + 1, TOKEN_STRING))
			return at + 1;
		if (kind != TOKEN_NAME && kind != TOKEN_STRING && !token_in(tokens, at, "{ } , *"))
			break;
	}
	return NO_TOKEN;
}

static bool types_only(const struct tokens *tokens, uint32_t at)
{
	return token_is(tokens, at, "type") && !token_is(tokens, at + 1, "from") &&
	       (token_in(tokens, at + 1, "{ *") || token_kind_is(tokens, at + 1, TOKEN_NAME));
}

/* import("…") and require("…"), but not require("…" + name). `at` is the parenthesis. */
static void script_call(struct script *script, uint32_t at, enum import_time time)
{
	if (token_in(script->tokens, at + 2, ") ,"))
		script_add(script, at + 1, time);
}

static void script_import(struct script *script, uint32_t at)
{
	const struct tokens *tokens = script->tokens;

	if (token_kind_is(tokens, at, TOKEN_STRING))
		script_add(script, at, IMPORT_ALWAYS);
	else if (token_is(tokens, at, "("))
		script_call(script, at, IMPORT_LAZY);
	else if (token_kind_is(tokens, at, TOKEN_NAME) || token_in(tokens, at, "{ *"))
		script_add(script, find_from(tokens, at), types_only(tokens, at) ? IMPORT_TYPE : IMPORT_ALWAYS);
}

static void script_export(struct script *script, uint32_t at)
{
	bool type = types_only(script->tokens, at);

	at += type;
	if (token_in(script->tokens, at, "{ *"))
		script_add(script, find_from(script->tokens, at), type ? IMPORT_TYPE : IMPORT_ALWAYS);
}

static void read_script(struct imports *imports, uint32_t file, const struct tokens *tokens)
{
	struct script script = {.imports = imports, .tokens = tokens, .file = file};
	uint32_t depth = 0;

	for (uint32_t at = 0; at < tokens->count; at++) {
		if (token_is(tokens, at, "{"))
			depth++;
		else if (token_is(tokens, at, "}"))
			depth -= depth > 0;
		if (at > 0 && token_in(tokens, at - 1, ". ?."))
			continue;
		if (token_is(tokens, at, "import"))
			script_import(&script, at + 1);
		else if (token_is(tokens, at, "export"))
			script_export(&script, at + 1);
		else if (token_is(tokens, at, "require") && token_is(tokens, at + 1, "("))
			script_call(&script, at + 1, depth ? IMPORT_LAZY : IMPORT_ALWAYS);
	}
}

void import_read(struct imports *imports, uint32_t file, enum lexed language, const struct tokens *tokens)
{
	if (language == LEXED_C)
		read_c(imports, file, tokens);
	else if (language == LEXED_PYTHON)
		read_python(imports, file, tokens);
	else if (language == LEXED_JAVASCRIPT)
		read_script(imports, file, tokens);
}

uint32_t tokens_decisions(enum lexed language, const struct tokens *tokens)
{
	static const char *const words[] = {[LEXED_NONE] = "",
					    [LEXED_C] = "if for while case catch && || ?",
					    [LEXED_PYTHON] = "if elif for while except and or case",
					    [LEXED_JAVASCRIPT] = "if for while case catch && || ? ??",
					    [LEXED_SHELL] = "if elif for while until"};
	uint32_t count = 0;

	for (uint32_t i = 0; i < tokens->count; i++) {
		enum token_kind kind = tokens->at[i].kind;

		if ((kind == TOKEN_NAME || kind == TOKEN_MARK) && !tokens->at[i].directive)
			count += token_in(tokens, i, words[language]);
	}
	return count;
}

uint32_t tokens_code_lines(const struct tokens *tokens)
{
	uint32_t count = 0, last = 0;

	for (uint32_t i = 0; i < tokens->count; i++) {
		if (tokens->at[i].kind == TOKEN_END || tokens->at[i].line == last)
			continue;
		last = tokens->at[i].line;
		count++;
	}
	return count;
}
