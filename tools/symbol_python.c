/* SPDX-License-Identifier: MIT
 *
 * Classes, functions, methods and modules of Python.
 */
#include "tools/symbols.h"

#include <string.h>

#define DEPTH_MAX 32u

struct block {
	uint32_t column;
	bool is_class;
	bool private_name;
	char name[SYMBOL_NAME_BYTES];
};

struct python {
	struct symbols *symbols;
	const struct tokens *tokens;
	uint32_t file;
	struct block block[DEPTH_MAX];
	uint32_t depth;
	struct names *all; /* what __all__ names; NULL: there is none */
	bool other_face;   /* of a property, or an overload: documented where it was first defined */
};

/* The token behind a statement's TOKEN_END. */
static uint32_t next_line(const struct tokens *tokens, uint32_t at)
{
	while (at < tokens->count && tokens->at[at].kind != TOKEN_END)
		at++;
	return at + 1;
}

static bool docstring_at(const struct tokens *tokens, uint32_t at)
{
	while (token_kind_is(tokens, at, TOKEN_END))
		at++;
	return token_kind_is(tokens, at, TOKEN_STRING) && tokens->at[at].bytes > 2;
}

/* Behind the colon that opens the block of a def or class. */
static uint32_t block_starts(const struct tokens *tokens, uint32_t at)
{
	for (; at < tokens->count && tokens->at[at].kind != TOKEN_END; at++) {
		if (token_is(tokens, at, ":"))
			return at + 1;
		if (token_in(tokens, at, "( [ {") && tokens->at[at].match != NO_TOKEN)
			at = tokens->at[at].match;
	}
	return at;
}

static bool private_name(const struct tokens *tokens, uint32_t at)
{
	return tokens->text[tokens->at[at].start] == '_';
}

/* Whether the blocks around make a name something that others can reach. */
static bool reachable(const struct python *python)
{
	for (uint32_t i = 0; i < python->depth; i++)
		if (!python->block[i].is_class || python->block[i].private_name)
			return false;
	return true;
}

static bool exported(const struct python *python, uint32_t name)
{
	const struct token *token = &python->tokens->at[name];

	if (!reachable(python) || python->other_face)
		return false;
	if (python->depth || !python->all)
		return !private_name(python->tokens, name);
	return names_find(python->all, python->tokens->text + token->start, token->bytes) != NAMES_NONE;
}

static void open_block(struct python *python, uint32_t name, uint32_t column, bool is_class)
{
	struct block *block;

	if (python->depth == DEPTH_MAX)
		return;
	block = &python->block[python->depth++];
	*block = (struct block){.column = column, .is_class = is_class, .private_name = private_name(python->tokens, name)};
	if (python->depth == 1 && python->all)
		block->private_name = names_find(python->all, python->tokens->text + python->tokens->at[name].start,
						 python->tokens->at[name].bytes) == NAMES_NONE;
	symbol_name(block->name, python->tokens, name, name + 1);
}

static void definition(struct python *python, uint32_t at, bool is_class)
{
	const struct tokens *tokens = python->tokens;
	uint32_t name = at + 1;
	struct symbol symbol = {.file = python->file, .line = tokens->at[at].line};
	bool method = python->depth && python->block[python->depth - 1].is_class;

	if (!token_kind_is(tokens, name, TOKEN_NAME))
		return;
	symbol.kind = is_class ? SYMBOL_CLASS : method ? SYMBOL_METHOD : SYMBOL_FUNCTION;
	symbol.exported = exported(python, name);
	symbol.documented = docstring_at(tokens, block_starts(tokens, name));
	for (uint32_t i = 0; i < python->depth; i++) {
		strncat(symbol.name, python->block[i].name, sizeof(symbol.name) - strlen(symbol.name) - 1);
		strncat(symbol.name, ".", sizeof(symbol.name) - strlen(symbol.name) - 1);
	}
	symbol_name(symbol.name, tokens, name, name + 1);
	symbol_add(python->symbols, &symbol);
}

/* @overload, @name.setter, @name.deleter: the last word of the decorator's name tells. */
static bool decorates_other_face(const struct tokens *tokens, uint32_t at)
{
	uint32_t last = at + 1;

	while (token_is(tokens, last + 1, ".") && token_kind_is(tokens, last + 2, TOKEN_NAME))
		last += 2;
	return token_in(tokens, last, "overload setter deleter");
}

static bool line_names(const struct tokens *tokens, uint32_t at, const char *word)
{
	for (; at < tokens->count && tokens->at[at].kind != TOKEN_END; at++)
		if (token_is(tokens, at, word))
			return true;
	return false;
}

static void line(struct python *python, uint32_t at)
{
	const struct tokens *tokens = python->tokens;
	uint32_t column = tokens->at[at].column;
	bool is_class = token_is(tokens, at, "class");

	while (python->depth && python->block[python->depth - 1].column >= column)
		python->depth--;
	if (token_is(tokens, at, "@")) {
		python->other_face |= decorates_other_face(tokens, at);
		return;
	}
	if (token_is(tokens, at, "if") && line_names(tokens, at, "TYPE_CHECKING") && !line_names(tokens, at, "not"))
		open_block(python, at, column, false); /* for the type checker; nobody can import it */
	if (token_is(tokens, at, "async") && token_is(tokens, at + 1, "def"))
		at++;
	if (is_class || token_is(tokens, at, "def")) {
		definition(python, at, is_class);
		if (token_kind_is(tokens, at + 1, TOKEN_NAME))
			open_block(python, at + 1, column, is_class);
	}
	python->other_face = false;
}

/* The strings of `__all__ = […]` and `__all__ += […]` at the outermost level. False: out of memory. */
static bool read_all(struct python *python)
{
	const struct tokens *tokens = python->tokens;

	for (uint32_t at = 0; at < tokens->count; at = next_line(tokens, at)) {
		if (!token_is(tokens, at, "__all__") || tokens->at[at].column != 1 || !token_in(tokens, at + 1, "= += :"))
			continue;
		python->all = python->all ? python->all : names_new();
		if (!python->all)
			return false;
		for (uint32_t i = at; i < tokens->count && tokens->at[i].kind != TOKEN_END; i++)
			if (tokens->at[i].kind == TOKEN_STRING && tokens->at[i].bytes > 2 &&
			    names_add(python->all, tokens->text + tokens->at[i].start + 1, tokens->at[i].bytes - 2) == NAMES_NONE)
				return false;
	}
	return true;
}

static void module_add(struct python *python, const char *module)
{
	struct symbol symbol = {.kind = SYMBOL_MODULE, .file = python->file, .line = 1};

	if (!python->tokens->count || python->tokens->at[0].kind == TOKEN_END)
		return; /* an empty __init__.py needs no words */
	symbol.exported = module[0] != '_' || strcmp(module, "__init__") == 0;
	symbol.documented = docstring_at(python->tokens, 0);
	strncat(symbol.name, module, sizeof(symbol.name) - 1);
	symbol_add(python->symbols, &symbol);
}

void symbols_read_python(struct symbols *symbols, uint32_t file, const char *module, const struct tokens *tokens)
{
	struct python python = {.symbols = symbols, .tokens = tokens, .file = file};

	symbols->no_memory |= !read_all(&python);
	module_add(&python, module);
	for (uint32_t at = 0; at < tokens->count; at = next_line(tokens, at))
		if (tokens->at[at].kind != TOKEN_END)
			line(&python, at);
	names_free(python.all);
}
