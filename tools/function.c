/* SPDX-License-Identifier: MIT
 *
 * C and JavaScript by their braces, Python by its indentation, shell by `name() {`. Braces that only group declarations
 * (namespace, class, extern "C") are looked through.
 */
#include "tools/function.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASSES_MAX 32u

static struct function *functions_add(struct functions *functions, uint32_t line, uint32_t end_line)
{
	if (functions->count >= FUNCTIONS_MAX)
		return NULL;
	if (functions->count == functions->room) {
		uint32_t room = functions->room ? functions->room * 2 : 64;
		struct function *at = reallocarray(functions->at, room, sizeof(*at));

		if (!at) {
			functions->no_memory = true;
			return NULL;
		}
		functions->at = at;
		functions->room = room;
	}
	functions->at[functions->count] = (struct function){.line = line, .end_line = end_line};
	return &functions->at[functions->count++];
}

static void name_set(struct function *function, const struct tokens *tokens, uint32_t token)
{
	if (function)
		snprintf(function->name, sizeof(function->name), "%.*s", (int)tokens->at[token].bytes,
			 tokens->text + tokens->at[token].start);
}

static uint32_t line_of_match(const struct tokens *tokens, uint32_t brace)
{
	uint32_t match = tokens->at[brace].match;

	return match != NO_TOKEN ? tokens->at[match].line : tokens->at[tokens->count - 1].line;
}

/* The declaration [from, brace): the token that names a function, or NO_TOKEN; *out_grouping if the brace groups declarations. */
static uint32_t c_declared(const struct tokens *tokens, uint32_t from, uint32_t brace, bool *out_grouping)
{
	uint32_t name = NO_TOKEN;

	*out_grouping = false;
	for (uint32_t i = from; i < brace; i++) {
		if (tokens->at[i].directive)
			continue;
		if (token_is(tokens, i, "="))
			return NO_TOKEN;
		if (name != NO_TOKEN && token_is(tokens, i, ":")) /* C++ initializers */
			return name;
		*out_grouping |= token_in(tokens, i, "namespace class struct union extern enum");
		if (token_is(tokens, i, "(") && tokens->at[i].match != NO_TOKEN && tokens->at[i].match < brace) {
			if (i > from && token_kind_is(tokens, i - 1, TOKEN_NAME) &&
			    !token_in(tokens, i - 1,
				      "__attribute__ __declspec noexcept throw alignas asm __asm__ if for while switch decltype"))
				name = i - 1;
			i = tokens->at[i].match;
		}
	}
	return name;
}

static void find_c(struct functions *functions, const struct tokens *tokens)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i < tokens->count; i++) {
		bool grouping;
		uint32_t name;

		if (tokens->at[i].directive)
			continue;
		if (token_in(tokens, i, "; }"))
			from = i + 1;
		if (!token_is(tokens, i, "{"))
			continue;
		name = c_declared(tokens, from, i, &grouping);
		if (name != NO_TOKEN)
			name_set(functions_add(functions, tokens->at[name].line, line_of_match(tokens, i)), tokens, name);
		if ((name != NO_TOKEN || !grouping) && tokens->at[i].match != NO_TOKEN && tokens->at[i].match > i)
			i = tokens->at[i].match;
		from = i + 1;
	}
}

struct open_block {
	uint32_t column;
	uint32_t function; /* index, or NO_TOKEN for a class */
	uint32_t name;     /* token */
};

struct python {
	struct open_block open[CLASSES_MAX];
	uint32_t depth;
	uint32_t last_line;
};

/* Closes the blocks that a line at this column is not part of. */
static void python_close(struct python *python, struct functions *functions, uint32_t column)
{
	while (python->depth && python->open[python->depth - 1].column >= column) {
		uint32_t function = python->open[--python->depth].function;

		if (function != NO_TOKEN)
			functions->at[function].end_line = python->last_line;
	}
}

static void python_open(struct python *python, struct functions *functions, const struct tokens *tokens, uint32_t first,
			uint32_t name, bool is_class)
{
	struct function *function = is_class ? NULL : functions_add(functions, tokens->at[first].line, tokens->at[first].line);
	size_t used = 0;

	for (uint32_t i = 0; function && i <= python->depth && used < sizeof(function->name); i++) {
		uint32_t part = i < python->depth ? python->open[i].name : name;

		used += (size_t)snprintf(function->name + used, sizeof(function->name) - used, "%s%.*s", i ? "." : "",
					 (int)tokens->at[part].bytes, tokens->text + tokens->at[part].start);
	}
	if (python->depth < CLASSES_MAX)
		python->open[python->depth++] = (struct open_block){
			.column = tokens->at[first].column, .function = function ? functions->count - 1 : NO_TOKEN, .name = name};
}

static void find_python(struct functions *functions, const struct tokens *tokens)
{
	struct python python = {0};
	bool line_begins = true;

	for (uint32_t i = 0; i < tokens->count; i++) {
		uint32_t keyword = i + token_is(tokens, i, "async");
		bool is_class = token_is(tokens, keyword, "class");

		if (tokens->at[i].kind == TOKEN_END) {
			line_begins = true;
			continue;
		}
		if (line_begins && tokens->at[i].first) {
			python_close(&python, functions, tokens->at[i].column);
			if ((is_class || token_is(tokens, keyword, "def")) && token_kind_is(tokens, keyword + 1, TOKEN_NAME))
				python_open(&python, functions, tokens, i, keyword + 1, is_class);
		}
		line_begins = false;
		python.last_line = tokens->at[i].line;
	}
	python_close(&python, functions, 0);
}

/* The name in `name = function`, `name: function`, `a.name = (…) =>`; `at` is the first token of the function itself. */
static uint32_t assigned_name(const struct tokens *tokens, uint32_t at)
{
	if (at && token_is(tokens, at - 1, "async"))
		at--;
	if (at >= 2 && token_in(tokens, at - 1, "= :") && token_kind_is(tokens, at - 2, TOKEN_NAME))
		return at - 2;
	return NO_TOKEN;
}

/* The name of the function whose body this brace opens, or NO_TOKEN. */
static uint32_t javascript_name(const struct tokens *tokens, uint32_t brace)
{
	bool arrow = brace && token_is(tokens, brace - 1, "=>");
	uint32_t close = brace - 1 - arrow;
	uint32_t open;

	if (brace < 2 + (uint32_t)arrow)
		return NO_TOKEN;
	if (arrow && token_kind_is(tokens, close, TOKEN_NAME))
		return assigned_name(tokens, close);
	if (!token_is(tokens, close, ")") || tokens->at[close].match == NO_TOKEN || tokens->at[close].match == 0)
		return NO_TOKEN;
	open = tokens->at[close].match;
	if (arrow)
		return assigned_name(tokens, open);
	if (token_in(tokens, open - 1, "function *"))
		return assigned_name(tokens, token_is(tokens, open - 1, "*") ? open - 2 : open - 1);
	if (!token_kind_is(tokens, open - 1, TOKEN_NAME) ||
	    token_in(tokens, open - 1, "if for while switch catch with return await"))
		return NO_TOKEN;
	return open - 1;
}

static void find_javascript(struct functions *functions, const struct tokens *tokens)
{
	for (uint32_t i = 1; i < tokens->count; i++) {
		uint32_t name = token_is(tokens, i, "{") ? javascript_name(tokens, i) : NO_TOKEN;

		if (name != NO_TOKEN)
			name_set(functions_add(functions, tokens->at[name].line, line_of_match(tokens, i)), tokens, name);
	}
}

static void find_shell(struct functions *functions, const struct tokens *tokens)
{
	for (uint32_t i = 0; i + 1 < tokens->count; i++) {
		uint32_t name = token_is(tokens, i, "function") ? i + 1 : i;
		uint32_t brace = name + 1;

		if (!token_kind_is(tokens, name, TOKEN_NAME) || tokens->at[i].nested)
			continue;
		if (token_is(tokens, brace, "(") && token_is(tokens, brace + 1, ")"))
			brace += 2;
		else if (name == i)
			continue;
		while (token_kind_is(tokens, brace, TOKEN_END))
			brace++;
		if (token_in(tokens, brace, "{ ("))
			name_set(functions_add(functions, tokens->at[name].line, line_of_match(tokens, brace)), tokens, name);
	}
}

/* Each function's nearest one before it that has not ended. */
static void find_outer(struct functions *functions)
{
	for (uint32_t i = 0; i < functions->count; i++) {
		uint32_t outer = i ? i - 1 : NO_TOKEN;

		while (outer != NO_TOKEN && functions->at[outer].end_line < functions->at[i].line)
			outer = functions->at[outer].outer;
		functions->at[i].outer = outer;
	}
}

void functions_find(struct functions *functions, enum lexed language, const struct tokens *tokens)
{
	*functions = (struct functions){0};
	if (!tokens->count)
		return;
	if (language == LEXED_C)
		find_c(functions, tokens);
	else if (language == LEXED_PYTHON)
		find_python(functions, tokens);
	else if (language == LEXED_JAVASCRIPT)
		find_javascript(functions, tokens);
	else if (language == LEXED_SHELL)
		find_shell(functions, tokens);
	find_outer(functions);
}

void functions_release(struct functions *functions)
{
	free(functions->at);
	*functions = (struct functions){0};
}

const struct function *function_at(const struct functions *functions, uint32_t line)
{
	uint32_t from = 0, to = functions->count;

	while (from < to) { /* the last one that begins at or before the line */
		uint32_t middle = from + (to - from) / 2;

		if (functions->at[middle].line <= line)
			from = middle + 1;
		else
			to = middle;
	}
	for (uint32_t i = from ? from - 1 : NO_TOKEN; i != NO_TOKEN; i = functions->at[i].outer) {
		if (functions->at[i].end_line >= line)
			return &functions->at[i];
	}
	return NULL;
}
