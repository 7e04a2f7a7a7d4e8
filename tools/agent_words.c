/* SPDX-License-Identifier: MIT
 *
 * Calls of tools in words, of models that were asked for them so, and of models that were not and write them all the same:
 *
 *	```tool            ```json             <tool_call>                     {"name": …, "arguments": {…}}
 *	{"name": …}        {"name": …}         {"name": …}                     as the whole answer
 *	```                ```                 </tool_call>
 *
 * Only objects that name a tool that exists are calls, and only at the end of the answer: in the midst of it a model may well show what a call would look like. An
 * open block at the end, or one whose JSON is broken, is a call that cannot be understood; the model is told.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/agent_inner.h"

static bool is_space(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static struct text trimmed(struct text text)
{
	while (text.bytes && is_space(*text.at)) {
		text.at++;
		text.bytes--;
	}
	while (text.bytes && is_space(text.at[text.bytes - 1]))
		text.bytes--;
	return text;
}

static const char *find(struct text text, const char *needle)
{
	return text.bytes ? memmem(text.at, text.bytes, needle, strlen(needle)) : NULL;
}

struct text loop_words_said(const struct loop_reply *reply)
{
	struct text text = {reply->text.at ? reply->text.at : "", (uint32_t)reply->text.bytes};
	const char *end;

	text = trimmed(text);
	if (text.bytes < 7 || memcmp(text.at, "<think>", 7) != 0)
		return text;
	end = find(text, "</think>");
	if (!end)
		return (struct text){"", 0};
	return trimmed((struct text){end + 8, (uint32_t)(text.at + text.bytes - end - 8)});
}

/* Makes a call of an object of JSON; false: it is none. */
static bool take_object(struct loop_reply *reply, const json_t *object)
{
	json_t *name = json_object_get(object, "name"), *arguments = json_object_get(object, "arguments");
	struct loop_call *call = &reply->calls[reply->call_count];
	char *text;

	if (!arguments)
		arguments = json_object_get(object, "parameters");
	if (!json_is_string(name) || !loop_tools_has(json_string_value(name), json_string_length(name)) ||
	    reply->call_count >= LOOP_CALLS_MAX)
		return false;
	*call = (struct loop_call){0};
	loop_append(&call->name, json_string_value(name), json_string_length(name));
	text = json_is_object(arguments) ? json_dumps(arguments, JSON_COMPACT) : NULL;
	loop_append(&call->arguments, text ? text : "{}", text ? strlen(text) : 2);
	free(text);
	reply->call_count++;
	return true;
}

/* The content of a block: one object, or several one after the other. `sure`: the block can be nothing but a call, so a broken one is a broken call. */
static bool take_block(struct loop_reply *reply, struct text block, bool sure)
{
	bool found = false;

	for (block = trimmed(block); block.bytes; block = trimmed(block)) {
		json_error_t error;
		json_t *object = json_loadb(block.at, block.bytes, JSON_DISABLE_EOF_CHECK, &error);
		bool taken = json_is_object(object) && take_object(reply, object);

		json_decref(object);
		if (!taken && sure && reply->call_count < LOOP_CALLS_MAX) {
			struct loop_call *call = &reply->calls[reply->call_count++];
			*call = (struct loop_call){0};
			loop_append(&call->name, "tool", 4);
			loop_append(&call->arguments, block.at, block.bytes);
			return true;
		}
		if (!taken)
			return found;
		found = true;
		block.at += error.position;
		block.bytes -= (uint32_t)error.position;
	}
	return found;
}

/* Where the block that ends the text begins, and its content; NULL: there is none. */
static const char *last_block(struct text text, struct text *out_content, bool *out_sure)
{
	static const struct {
		const char *open, *close;
		bool sure;
	} fences[] = {{"```tool\n", "```", true},
		      {"```tool_call\n", "```", true},
		      {"```json\n", "```", false},
		      {"```\n", "```", false},
		      {"<tool_call>", "</tool_call>", true}};
	const char *begin = NULL;

	for (size_t i = 0; i < sizeof(fences) / sizeof(*fences); i++) {
		size_t open = strlen(fences[i].open), close = strlen(fences[i].close);
		struct text rest = text;
		const char *at, *latest = NULL;

		while ((at = find(rest, fences[i].open))) {
			latest = at;
			rest = (struct text){at + open, (uint32_t)(text.at + text.bytes - at - open)};
		}
		if (!latest || (begin && latest < begin))
			continue;
		rest = trimmed((struct text){latest + open, (uint32_t)(text.at + text.bytes - latest - open)});
		if (rest.bytes >= close && memcmp(rest.at + rest.bytes - close, fences[i].close, close) == 0)
			rest.bytes -= (uint32_t)close;
		if (find(rest, fences[i].close)) /* something stands after it */
			continue;
		begin = latest;
		*out_content = rest;
		*out_sure = fences[i].sure;
	}
	return begin;
}

static void swap(struct loop_call *a, struct loop_call *b)
{
	struct loop_call kept = *a;

	*a = *b;
	*b = kept;
}

bool loop_words_find(struct loop_reply *reply)
{
	struct text text = loop_words_said(reply), content;
	size_t from = reply->call_count;
	const char *begin;
	bool sure;

	if (text.bytes && *text.at == '{')
		take_block(reply, text, false);
	/* From the end on, as long as blocks follow one another. */
	while (reply->call_count < LOOP_CALLS_MAX && (begin = last_block(text, &content, &sure))) {
		size_t before = reply->call_count;
		if (!take_block(reply, content, sure))
			break;
		for (size_t i = before, j = reply->call_count; i + 1 < j; i++) /* inside a block they stand in order */
			swap(&reply->calls[i], &reply->calls[--j]);
		text = trimmed((struct text){text.at, (uint32_t)(begin - text.at)});
	}
	for (size_t i = from, j = reply->call_count; i + 1 < j; i++)
		swap(&reply->calls[i], &reply->calls[--j]);
	return reply->call_count > from;
}
