/* SPDX-License-Identifier: MIT
 *
 * What a file of JavaScript or TypeScript exports, by `export` or by module.exports.
 */
#include "tools/symbols.h"

#include <string.h>

#include "tools/comment.h"

#define CHAIN_MAX 16u

struct script {
	struct symbols *symbols;
	const struct tokens *tokens;
	uint32_t file;
	struct names *exported; /* local names that are given out */
};

static void export_name(struct script *script, uint32_t at)
{
	const struct token *token = &script->tokens->at[at];

	if (token_kind_is(script->tokens, at, TOKEN_NAME) &&
	    names_add(script->exported, script->tokens->text + token->start, token->bytes) == NAMES_NONE)
		script->symbols->no_memory = true;
}

static bool is_exported(const struct script *script, uint32_t at)
{
	const struct token *token = &script->tokens->at[at];

	return names_find(script->exported, script->tokens->text + token->start, token->bytes) != NAMES_NONE;
}

/* A step over tokens outside of any bracket. */
static uint32_t step(const struct tokens *tokens, uint32_t at)
{
	bool opens = token_in(tokens, at, "( [ {");

	return opens && tokens->at[at].match != NO_TOKEN && tokens->at[at].match > at ? tokens->at[at].match + 1 : at + 1;
}

/* Behind a name with its properties: `a`, `a.b`, `module.exports.b`. */
static uint32_t target_end(const struct tokens *tokens, uint32_t at)
{
	if (!token_kind_is(tokens, at, TOKEN_NAME))
		return at;
	at++;
	while (token_is(tokens, at, ".") && token_kind_is(tokens, at + 1, TOKEN_NAME))
		at += 2;
	return at;
}

/* `exports`, `module.exports` at the start of a target; the number of its tokens, or 0. */
static uint32_t exports_tokens(const struct tokens *tokens, uint32_t at)
{
	if (token_is(tokens, at, "exports"))
		return 1;
	return token_is(tokens, at, "module") && token_is(tokens, at + 1, ".") && token_is(tokens, at + 2, "exports") ? 3 : 0;
}

/* A statement `[var] target = target = … value`. */
struct chain {
	uint32_t target[CHAIN_MAX], target_ends[CHAIN_MAX];
	uint32_t count;
	uint32_t value; /* its first token */
};

static void chain_read(const struct tokens *tokens, uint32_t at, struct chain *chain)
{
	*chain = (struct chain){.count = 0};
	if (token_in(tokens, at, "var let const"))
		at++;
	for (;;) {
		uint32_t end = target_end(tokens, at);

		if (end == at || !token_is(tokens, end, "=") || chain->count == CHAIN_MAX)
			break;
		chain->target[chain->count] = at;
		chain->target_ends[chain->count++] = end;
		at = end + 1;
	}
	chain->value = at;
}

static bool is_function(const struct tokens *tokens, uint32_t at)
{
	uint32_t behind;

	if (token_is(tokens, at, "async"))
		at++;
	if (token_is(tokens, at, "function"))
		return true;
	if (token_kind_is(tokens, at, TOKEN_NAME) && token_is(tokens, at + 1, "=>"))
		return true;
	if (!token_is(tokens, at, "(") || tokens->at[at].match == NO_TOKEN)
		return false;
	behind = tokens->at[at].match + 1;
	if (token_is(tokens, behind, ":")) /* (a: string): void => */
		while (behind < tokens->count && !token_in(tokens, behind, "=> ; {"))
			behind++;
	return token_is(tokens, behind, "=>");
}

/* Names in `{ a, b: c }` that are given out as they are. */
static void export_literal(struct script *script, uint32_t brace)
{
	const struct tokens *tokens = script->tokens;
	uint32_t end = tokens->at[brace].match;

	for (uint32_t at = brace + 1; end != NO_TOKEN && at < end; at = step(tokens, at)) {
		if (token_is(tokens, at, ":") && token_in(tokens, at + 2, ", }"))
			export_name(script, at + 1);
		else if (token_in(tokens, at - 1, "{ ,") && token_in(tokens, at + 1, ", }"))
			export_name(script, at);
	}
}

/* `export { a, b as c }`, but not `export { a } from "…"`. */
static void export_clause(struct script *script, uint32_t brace)
{
	const struct tokens *tokens = script->tokens;
	uint32_t end = tokens->at[brace].match;

	if (end == NO_TOKEN || token_is(tokens, end + 1, "from"))
		return;
	for (uint32_t at = brace + 1; at < end; at++)
		if (token_in(tokens, at - 1, "{ ,"))
			export_name(script, at);
}

static void collect_chain(struct script *script, uint32_t at)
{
	const struct tokens *tokens = script->tokens;
	bool given_out = false, property = false;
	struct chain chain;

	chain_read(tokens, at, &chain);
	for (uint32_t i = 0; i < chain.count; i++) {
		uint32_t length = chain.target_ends[i] - chain.target[i], own = exports_tokens(tokens, chain.target[i]);

		given_out |= own > 0;
		property |= own > 0 && length > own;
	}
	for (uint32_t i = 0; given_out && i < chain.count; i++)
		if (chain.target_ends[i] - chain.target[i] == 1)
			export_name(script, chain.target[i]);
	if (given_out && token_kind_is(tokens, chain.value, TOKEN_NAME) && target_end(tokens, chain.value) == chain.value + 1 &&
	    !token_is(tokens, chain.value + 1, "("))
		export_name(script, chain.value);
	if (given_out && !property && token_is(tokens, chain.value, "{"))
		export_literal(script, chain.value);
}

static void collect(struct script *script)
{
	const struct tokens *tokens = script->tokens;

	for (uint32_t at = 0; at < tokens->count; at = step(tokens, at)) {
		if (!tokens->at[at].first)
			continue;
		if (token_is(tokens, at, "export") && token_is(tokens, at + 1, "{"))
			export_clause(script, at + 1);
		else if (token_is(tokens, at, "export") && token_is(tokens, at + 1, "default"))
			export_name(script, at + 2);
		else
			collect_chain(script, at);
	}
}

static void add(struct script *script, enum symbol_kind kind, uint32_t first, uint32_t name, uint32_t name_end,
		const char *prefix, bool exported)
{
	struct symbol symbol = {.kind = kind, .file = script->file, .exported = exported};

	symbol.line = script->tokens->at[name].line;
	symbol.documented = comment_above(script->tokens, first, LEXED_JAVASCRIPT);
	strncat(symbol.name, prefix, sizeof(symbol.name) - 1);
	symbol_name(symbol.name, script->tokens, name, name_end);
	symbol_add(script->symbols, &symbol);
}

static bool modifier(const struct tokens *tokens, uint32_t at)
{
	return token_in(tokens, at, "static async get set public protected private readonly abstract override declare *") &&
	       !token_in(tokens, at + 1, "( = ;");
}

/* `name(…) {` within a class or an object literal; TypeScript may write types behind the parenthesis. */
static bool is_method(const struct tokens *tokens, uint32_t at)
{
	uint32_t behind;

	if (!token_kind_is(tokens, at, TOKEN_NAME) || !token_is(tokens, at + 1, "(") || tokens->at[at + 1].match == NO_TOKEN)
		return false;
	if (token_in(tokens, at, "constructor if for while switch catch return function"))
		return false;
	behind = tokens->at[at + 1].match + 1;
	return token_in(tokens, behind, "{ :");
}

static void members(struct script *script, uint32_t brace, const char *owner, bool exported)
{
	const struct tokens *tokens = script->tokens;
	uint32_t end = tokens->at[brace].match;

	for (uint32_t at = brace + 1; end != NO_TOKEN && at < end; at = step(tokens, at)) {
		uint32_t first = at;
		bool hidden = false;

		if (!tokens->at[at].first && !token_in(tokens, at - 1, "{ , ; }"))
			continue;
		for (; at < end && modifier(tokens, at); at++)
			hidden |= token_in(tokens, at, "private protected");
		if (at >= end || !token_kind_is(tokens, at, TOKEN_NAME))
			continue;
		hidden |= tokens->text[tokens->at[at].start] == '_';
		if (is_method(tokens, at) || (token_in(tokens, at + 1, ": =") && is_function(tokens, at + 2)))
			add(script, SYMBOL_METHOD, first, at, at + 1, owner, exported && !hidden);
	}
}

static uint32_t body_of_class(const struct tokens *tokens, uint32_t at)
{
	while (at < tokens->count && !token_in(tokens, at, "{ ;"))
		at = token_is(tokens, at, "(") ? step(tokens, at) : at + 1;
	return token_is(tokens, at, "{") ? at : NO_TOKEN;
}

static void class_add(struct script *script, uint32_t first, uint32_t name, bool exported)
{
	char owner[SYMBOL_NAME_BYTES] = "";
	uint32_t brace = body_of_class(script->tokens, name);

	add(script, SYMBOL_CLASS, first, name, name + 1, "", exported);
	symbol_name(owner, script->tokens, name, name + 1);
	strncat(owner, ".", sizeof(owner) - strlen(owner) - 1);
	if (brace != NO_TOKEN)
		members(script, brace, owner, exported);
}

/* A function, class or type that is declared by a keyword. False: none begins at `at`. */
static bool declared(struct script *script, uint32_t first, uint32_t at, bool exported)
{
	const struct tokens *tokens = script->tokens;

	while (token_in(tokens, at, "default declare abstract async"))
		at++;
	if (token_is(tokens, at, "function")) {
		at += 1 + token_is(tokens, at + 1, "*");
		if (token_kind_is(tokens, at, TOKEN_NAME))
			add(script, SYMBOL_FUNCTION, first, at, at + 1, "", exported || is_exported(script, at));
		else if (exported)
			add(script, SYMBOL_FUNCTION, first, at, at, "default", true);
		return true;
	}
	if (!token_kind_is(tokens, at + 1, TOKEN_NAME))
		return false;
	if (token_is(tokens, at, "class"))
		class_add(script, first, at + 1, exported || is_exported(script, at + 1));
	else if (token_in(tokens, at, "interface enum type namespace") && token_in(tokens, at + 2, "{ = < extends"))
		add(script, SYMBOL_TYPE, first, at + 1, at + 2, "", exported || is_exported(script, at + 1));
	else
		return false;
	return true;
}

/* `a.b = function`, `const a = (…) => …`, `exports.a = class`, `module.exports = { … }`. */
static void assigned(struct script *script, uint32_t first, uint32_t at, bool exported)
{
	const struct tokens *tokens = script->tokens;
	struct chain chain;
	uint32_t name, own;

	chain_read(tokens, at, &chain);
	if (!chain.count)
		return;
	name = chain.target[0];
	own = exports_tokens(tokens, name);
	for (uint32_t i = 0; i < chain.count; i++)
		exported |= exports_tokens(tokens, chain.target[i]) > 0 || is_exported(script, chain.target[i]);
	if (own && chain.target_ends[0] > name + own)
		name += own + 1;
	else if (own && chain.target_ends[0] == name + own && token_is(tokens, chain.value, "{"))
		members(script, chain.value, "", true);
	if (is_function(tokens, chain.value))
		add(script, SYMBOL_FUNCTION, first, name, chain.target_ends[0], "", exported);
	else if (token_is(tokens, chain.value, "class"))
		add(script, SYMBOL_CLASS, first, name, chain.target_ends[0], "", exported);
}

void symbols_read_script(struct symbols *symbols, uint32_t file, const struct tokens *tokens)
{
	struct script script = {.symbols = symbols, .tokens = tokens, .file = file, .exported = names_new()};

	if (!script.exported) {
		symbols->no_memory = true;
		return;
	}
	collect(&script);
	for (uint32_t at = 0; at < tokens->count; at = step(tokens, at)) {
		bool exported = token_is(tokens, at, "export");

		if (tokens->at[at].first && !declared(&script, at, at + exported, exported))
			assigned(&script, at, at + exported, exported);
	}
	names_free(script.exported);
}
