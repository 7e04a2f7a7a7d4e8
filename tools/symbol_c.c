/* SPDX-License-Identifier: MIT
 *
 * Functions, types and macros with parameters of C, from the declarations outside of any function.
 */
#include "tools/symbols.h"

#include <string.h>

#include "tools/comment.h"

struct declaration {
	uint32_t first; /* token */
	uint32_t end;   /* behind its last token */
	uint32_t name;  /* of a function, or NO_TOKEN */
	uint32_t tag;   /* of a struct, union or enum with a body, or NO_TOKEN */
	bool body;      /* of a function */
	bool is_static, is_typedef;
	bool variable; /* has a value, or is a pointer to a function */
};

/* Behind a brace that nothing closes (branches of the preprocessor open one each): the next one in the first column. */
static uint32_t resynchronise(const struct tokens *tokens, uint32_t at)
{
	while (at < tokens->count && !(token_is(tokens, at, "}") && tokens->at[at].column == 1))
		at++;
	return at < tokens->count ? at + 1 : at;
}

static uint32_t behind(const struct tokens *tokens, uint32_t bracket)
{
	uint32_t match = tokens->at[bracket].match;

	if (match != NO_TOKEN)
		return match + 1;
	return token_is(tokens, bracket, "{") ? resynchronise(tokens, bracket + 1) : bracket + 1;
}

/* A parenthesis opens parameters if a name stands before it and that name has a type before it. */
static bool opens_parameters(const struct tokens *tokens, const struct declaration *declaration, uint32_t at)
{
	uint32_t name = at - 1;

	if (declaration->name != NO_TOKEN || declaration->variable || at < declaration->first + 2)
		return false;
	if (!token_kind_is(tokens, name, TOKEN_NAME) || token_in(tokens, name,
								 "__attribute__ __attribute __declspec __asm__ asm alignas "
								 "_Alignas typeof __typeof__ if while for switch return"))
		return false;
	/* `int (*callback)(void)` is a variable; `Class::method(` belongs to the class. */
	return !token_is(tokens, at + 1, "*") && !token_in(tokens, name - 1, ":: . -> ,") && !tokens->at[name].directive;
}

static bool has_body(const struct tokens *tokens, uint32_t at)
{
	/* The name of a type may stand between the keyword and the brace, with attributes around it. */
	for (uint32_t steps = 0; at > 0 && steps < 6; steps++, at--)
		if (token_in(tokens, at - 1, "struct union enum class"))
			return true;
	return false;
}

static uint32_t tag_before(const struct tokens *tokens, uint32_t brace)
{
	uint32_t name = brace - 1;

	return brace > 0 && token_kind_is(tokens, name, TOKEN_NAME) && !token_in(tokens, name, "struct union enum class")
		       ? name
		       : NO_TOKEN;
}

/* Reads from declaration->first on. */
static void declaration_read(const struct tokens *tokens, struct declaration *declaration)
{
	uint32_t at = declaration->first;

	while (at < tokens->count) {
		if (tokens->at[at].directive) {
			at++;
		} else if (token_is(tokens, at, ";")) {
			at++;
			break;
		} else if (token_is(tokens, at, "{")) {
			bool type = declaration->name == NO_TOKEN && has_body(tokens, at);

			if (type && declaration->tag == NO_TOKEN)
				declaration->tag = tag_before(tokens, at);
			declaration->body = !type && !declaration->variable;
			at = behind(tokens, at);
			if (declaration->body)
				break;
		} else if (token_is(tokens, at, "(") || token_is(tokens, at, "[")) {
			if (token_is(tokens, at, "(") && opens_parameters(tokens, declaration, at))
				declaration->name = at - 1;
			else if (declaration->name == NO_TOKEN && token_is(tokens, at + 1, "*"))
				declaration->variable = true;
			at = behind(tokens, at);
		} else {
			declaration->is_static |= token_is(tokens, at, "static");
			declaration->is_typedef |= token_is(tokens, at, "typedef");
			declaration->variable |= token_is(tokens, at, "=");
			at++;
		}
	}
	declaration->end = at;
}

/* The name that a typedef gives: the last one before the semicolon, outside of brackets, or the one in `(*name)(…)` or `(name)(…)`. */
static uint32_t typedef_name(const struct tokens *tokens, const struct declaration *declaration)
{
	uint32_t name = NO_TOKEN;

	for (uint32_t at = declaration->first; at < declaration->end; at++) {
		if (token_is(tokens, at, "(") && token_is(tokens, at + 1, "*") && token_kind_is(tokens, at + 2, TOKEN_NAME) &&
		    !token_in(tokens, at + 2, "const volatile restrict"))
			return at + 2;
		if (token_is(tokens, at, "(") && token_kind_is(tokens, at + 1, TOKEN_NAME) && token_is(tokens, at + 2, ")") &&
		    token_is(tokens, at + 3, "("))
			return at + 1;
		if (token_in(tokens, at, "( [ {") && tokens->at[at].match != NO_TOKEN)
			at = tokens->at[at].match;
		else if (token_kind_is(tokens, at, TOKEN_NAME) && !token_in(tokens, at, "__attribute__ const"))
			name = at;
	}
	return name;
}

static void add(struct symbols *symbols, uint32_t file, enum symbol_kind kind, const struct tokens *tokens, uint32_t name,
		uint32_t first, bool exported, bool declared)
{
	struct symbol symbol = {.kind = kind, .file = file, .exported = exported, .declared = declared};

	symbol.line = tokens->at[name].line;
	symbol.documented = comment_above(tokens, first, LEXED_C);
	symbol_name(symbol.name, tokens, name, name + 1);
	symbol_add(symbols, &symbol);
}

static void declaration_add(struct symbols *symbols, uint32_t file, bool header, const struct tokens *tokens,
			    const struct declaration *declaration)
{
	uint32_t name = NO_TOKEN;

	if (declaration->is_typedef) {
		name = typedef_name(tokens, declaration);
	} else if (declaration->name != NO_TOKEN) {
		if (header || declaration->body)
			add(symbols, file, SYMBOL_FUNCTION, tokens, declaration->name, declaration->first,
			    header || !declaration->is_static, header);
		return;
	} else {
		name = declaration->tag;
	}
	if (name != NO_TOKEN)
		add(symbols, file, SYMBOL_TYPE, tokens, name, declaration->first, header, header);
}

/* `#define name(`, the parenthesis touching the name. Returns the token behind the directive's first line of interest. */
static void macro_add(struct symbols *symbols, uint32_t file, bool header, const struct tokens *tokens, uint32_t at)
{
	const struct token *name = at + 2 < tokens->count ? &tokens->at[at + 2] : NULL;

	if (!header || !name || !token_is(tokens, at + 1, "define") || !token_is(tokens, at + 3, "("))
		return;
	if (tokens->at[at + 3].start == name->start + name->bytes && tokens->text[name->start] != '_')
		add(symbols, file, SYMBOL_MACRO, tokens, at + 2, at, true, true);
}

/* `extern "C" {` and `namespace name {` hold declarations like any other. */
static uint32_t enters(const struct tokens *tokens, uint32_t at)
{
	if (token_is(tokens, at, "extern") && token_kind_is(tokens, at + 1, TOKEN_STRING))
		return token_is(tokens, at + 2, "{") ? at + 3 : at + 2;
	if (token_is(tokens, at, "namespace") && token_is(tokens, at + 2, "{"))
		return at + 3;
	return at;
}

void symbols_read_c(struct symbols *symbols, uint32_t file, bool header, const struct tokens *tokens)
{
	uint32_t at = 0;

	while (at < tokens->count) {
		struct declaration declaration = {.name = NO_TOKEN, .tag = NO_TOKEN};
		uint32_t inside = enters(tokens, at);

		if (tokens->at[at].directive) {
			if (token_is(tokens, at, "#"))
				macro_add(symbols, file, header, tokens, at);
			at++;
		} else if (inside > at) {
			at = inside;
		} else if (token_in(tokens, at, "} ;")) {
			at++;
		} else {
			declaration.first = at;
			declaration_read(tokens, &declaration);
			declaration_add(symbols, file, header, tokens, &declaration);
			at = declaration.end > at ? declaration.end : at + 1;
		}
	}
}
