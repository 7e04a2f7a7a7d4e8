/* SPDX-License-Identifier: MIT
 *
 * Which module a name comes from: import and from … import in Python, require() and import … from in JavaScript.
 */
#include "tools/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMPORTS_MAX    512u
#define NAME_MAX_BYTES 64u
#define FULL_MAX_BYTES 128u
#define PARTS_MAX      8u

struct import {
	char name[NAME_MAX_BYTES]; /* as it stands in the text */
	char full[FULL_MAX_BYTES];
};

struct call_names {
	struct import at[IMPORTS_MAX];
	size_t count;
};

static void token_copy(const struct tokens *tokens, uint32_t token, char *out, size_t room)
{
	snprintf(out, room, "%.*s", (int)tokens->at[token].bytes, tokens->text + tokens->at[token].start);
}

/* The text of a string token without its quotes and without the prefix that node gives its own modules. */
static void module_copy(const struct tokens *tokens, uint32_t token, char *out, size_t room)
{
	char quoted[FULL_MAX_BYTES];
	const char *from = quoted;
	size_t bytes;

	token_copy(tokens, token, quoted, sizeof(quoted));
	bytes = strlen(quoted);
	if (bytes >= 2) {
		quoted[bytes - 1] = 0;
		from++;
	}
	if (strncmp(from, "node:", 5) == 0)
		from += 5;
	snprintf(out, room, "%s", from);
}

static void add(struct call_names *names, const struct tokens *tokens, uint32_t name, const char *module, uint32_t member)
{
	struct import *import = &names->at[names->count];
	char part[NAME_MAX_BYTES] = "";

	if (names->count >= IMPORTS_MAX)
		return;
	token_copy(tokens, name, import->name, sizeof(import->name));
	if (member != NO_TOKEN)
		token_copy(tokens, member, part, sizeof(part));
	snprintf(import->full, sizeof(import->full), "%s%s%s", module, *part ? "." : "", part);
	names->count++;
}

/* a.b.c from `at`; returns the token behind it. */
static uint32_t dotted_copy(const struct tokens *tokens, uint32_t at, char *out, size_t room)
{
	size_t used = 0;

	out[0] = 0;
	while (token_kind_is(tokens, at, TOKEN_NAME) || token_in(tokens, at, ". ...")) {
		if (token_in(tokens, at, "import as"))
			break;
		used += (size_t)snprintf(out + used, room - used, "%.*s", (int)tokens->at[at].bytes,
					 tokens->text + tokens->at[at].start);
		if (used >= room)
			used = room - 1;
		at++;
	}
	return at;
}

static void python_import(struct call_names *names, const struct tokens *tokens, uint32_t at)
{
	char module[FULL_MAX_BYTES];

	while (at < tokens->count && tokens->at[at].kind != TOKEN_END) {
		uint32_t next = dotted_copy(tokens, at, module, sizeof(module));

		if (token_is(tokens, next, "as") && token_kind_is(tokens, next + 1, TOKEN_NAME)) {
			add(names, tokens, next + 1, module, NO_TOKEN);
			next += 2;
		}
		at = next > at ? next : at + 1;
		if (token_is(tokens, at, ","))
			at++;
	}
}

static void python_from(struct call_names *names, const struct tokens *tokens, uint32_t at)
{
	char module[FULL_MAX_BYTES];

	at = dotted_copy(tokens, at, module, sizeof(module));
	if (!token_is(tokens, at, "import"))
		return;
	for (at++; at < tokens->count && tokens->at[at].kind != TOKEN_END; at++) {
		bool renamed = token_is(tokens, at + 1, "as") && token_kind_is(tokens, at + 2, TOKEN_NAME);

		if (!token_kind_is(tokens, at, TOKEN_NAME))
			continue;
		add(names, tokens, renamed ? at + 2 : at, module, at);
		at += renamed ? 2 : 0;
	}
}

/* { a, b as c, d: e } from the opening brace. */
static void javascript_members(struct call_names *names, const struct tokens *tokens, uint32_t brace, const char *module)
{
	uint32_t end = tokens->at[brace].match;

	for (uint32_t i = brace + 1; end != NO_TOKEN && i < end; i++) {
		bool renamed = token_in(tokens, i + 1, "as :") && token_kind_is(tokens, i + 2, TOKEN_NAME);

		if (!token_kind_is(tokens, i, TOKEN_NAME))
			continue;
		add(names, tokens, renamed ? i + 2 : i, module, i);
		i += renamed ? 2 : 0;
	}
}

/* `x = require("m")`, `{ a } = require("m")`, `x = require("m").a`; `at` is the name require. */
static void javascript_require(struct call_names *names, const struct tokens *tokens, uint32_t at)
{
	char module[FULL_MAX_BYTES];
	uint32_t member = NO_TOKEN;

	if (at < 2 || !token_is(tokens, at + 1, "(") || !token_kind_is(tokens, at + 2, TOKEN_STRING) ||
	    !token_is(tokens, at + 3, ")") || !token_is(tokens, at - 1, "="))
		return;
	module_copy(tokens, at + 2, module, sizeof(module));
	if (token_is(tokens, at + 4, ".") && token_kind_is(tokens, at + 5, TOKEN_NAME))
		member = at + 5;
	if (token_kind_is(tokens, at - 2, TOKEN_NAME))
		add(names, tokens, at - 2, module, member);
	else if (token_is(tokens, at - 2, "}") && tokens->at[at - 2].match != NO_TOKEN)
		javascript_members(names, tokens, tokens->at[at - 2].match, module);
}

/* `import x from "m"`, `import * as x from "m"`, `import x, { a as b } from "m"`; `at` is behind the name import. */
static void javascript_import(struct call_names *names, const struct tokens *tokens, uint32_t at)
{
	char module[FULL_MAX_BYTES];
	uint32_t from = at;

	while (from < at + 200 && from < tokens->count && !token_in(tokens, from, "from ;"))
		from++;
	if (!token_is(tokens, from, "from") || !token_kind_is(tokens, from + 1, TOKEN_STRING))
		return;
	module_copy(tokens, from + 1, module, sizeof(module));
	for (uint32_t i = at; i < from; i++) {
		if (token_is(tokens, i, "{")) {
			javascript_members(names, tokens, i, module);
			i = tokens->at[i].match != NO_TOKEN ? tokens->at[i].match : i;
		} else if (token_kind_is(tokens, i, TOKEN_NAME) && !token_in(tokens, i, "as type")) {
			add(names, tokens, i, module, NO_TOKEN);
		}
	}
}

/* `const run = promisify(exec)` is exec still. */
static void javascript_promisify(struct call_names *names, const struct tokens *tokens, uint32_t at)
{
	char full[FULL_MAX_BYTES];
	uint32_t begin = at;
	uint32_t last = at + 2;

	if (begin >= 2 && token_is(tokens, begin - 1, "."))
		begin -= 2;
	if (begin < 2 || !token_is(tokens, at + 1, "(") || !token_is(tokens, begin - 1, "=") ||
	    !token_kind_is(tokens, begin - 2, TOKEN_NAME))
		return;
	while (token_is(tokens, last + 1, "."))
		last += 2;
	if (!token_is(tokens, last + 1, ")"))
		return;
	call_names_resolve(names, tokens, last, full, sizeof(full));
	add(names, tokens, begin - 2, full, NO_TOKEN);
}

struct call_names *call_names_find(enum lexed language, const struct tokens *tokens)
{
	struct call_names *names = calloc(1, sizeof(*names));

	for (uint32_t i = 0; names && i < tokens->count; i++) {
		if (tokens->at[i].kind != TOKEN_NAME)
			continue;
		if (language == LEXED_PYTHON && tokens->at[i].first && token_is(tokens, i, "import"))
			python_import(names, tokens, i + 1);
		else if (language == LEXED_PYTHON && tokens->at[i].first && token_is(tokens, i, "from"))
			python_from(names, tokens, i + 1);
		else if (language == LEXED_JAVASCRIPT && token_is(tokens, i, "require"))
			javascript_require(names, tokens, i);
		else if (language == LEXED_JAVASCRIPT && token_is(tokens, i, "import"))
			javascript_import(names, tokens, i + 1);
		else if (language == LEXED_JAVASCRIPT && token_is(tokens, i, "promisify"))
			javascript_promisify(names, tokens, i);
	}
	return names;
}

void call_names_free(struct call_names *names)
{
	free(names);
}

static const char *full_of(const struct call_names *names, const struct tokens *tokens, uint32_t name)
{
	char text[NAME_MAX_BYTES];

	token_copy(tokens, name, text, sizeof(text));
	for (size_t i = names->count; i > 0; i--) { /* the last import counts */
		if (strcmp(names->at[i - 1].name, text) == 0)
			return names->at[i - 1].full;
	}
	return NULL;
}

/* What stands before the first dot of a chain that does not begin with a name: the module of `require("m").a`, else "?". */
static void head_of_call(const struct tokens *tokens, uint32_t close, char *out, size_t room)
{
	uint32_t open = tokens->at[close].match;

	snprintf(out, room, "?");
	if (token_is(tokens, close, ")") && open != NO_TOKEN && open > 0 && token_in(tokens, open - 1, "require __import__") &&
	    token_kind_is(tokens, open + 1, TOKEN_STRING) && open + 2 == close)
		module_copy(tokens, open + 1, out, room);
}

void call_names_resolve(const struct call_names *names, const struct tokens *tokens, uint32_t name, char *out, size_t room)
{
	uint32_t part[PARTS_MAX] = {name};
	size_t parts = 1, used;
	uint32_t at = name;
	char head[FULL_MAX_BYTES] = "";
	const char *full;

	while (at >= 2 && token_in(tokens, at - 1, ". ?.") && token_kind_is(tokens, at - 2, TOKEN_NAME) && parts < PARTS_MAX) {
		at -= 2;
		part[parts++] = at;
	}
	if (at >= 2 && token_in(tokens, at - 1, ". ?.")) {
		head_of_call(tokens, at - 2, head, sizeof(head));
		used = (size_t)snprintf(out, room, "%s", head);
	} else {
		full = full_of(names, tokens, part[--parts]);
		if (full)
			snprintf(head, sizeof(head), "%s", full);
		else
			token_copy(tokens, part[parts], head, sizeof(head));
		used = (size_t)snprintf(out, room, "%s", head);
	}
	while (parts > 0 && used < room) {
		const struct token *token = &tokens->at[part[--parts]];

		used += (size_t)snprintf(out + used, room - used, ".%.*s", (int)token->bytes, tokens->text + token->start);
	}
}
