/* SPDX-License-Identifier: MIT
 *
 * Reads an answer of a model server, in pieces of any size.
 *
 *	Chat Completions   data: {"choices":[{"delta":{"content","tool_calls":[{"index","id","function":{"name","arguments"}}]},"finish_reason"}],"usage"}
 *	                   data: [DONE]              or one object with "message" in place of "delta", of a server that does not stream
 *	Ollama             {"message":{"content","tool_calls":[{"function":{"name","arguments":{…}}}]},"done","done_reason",…}, one a line
 *
 * Both may say {"error":…} in the middle of it. The pieces of a call's arguments are text that becomes JSON at the end; they are kept as they come.
 */
#include <stdlib.h>
#include <string.h>

#include "clones/agents/parse.h"
#include "tools/agent_inner.h"

#define RAW_BYTES_MAX 4096u

void loop_reply_init(struct loop_reply *reply, enum loop_wire wire)
{
	*reply = (struct loop_reply){.wire = wire};
	agent_lines_init(&reply->lines, LOOP_REPLY_BYTES_MAX);
}

void loop_reply_release(struct loop_reply *reply)
{
	loop_release(&reply->text);
	loop_release(&reply->raw);
	loop_release(&reply->error);
	for (size_t i = 0; i < reply->call_count; i++) {
		loop_release(&reply->calls[i].id);
		loop_release(&reply->calls[i].name);
		loop_release(&reply->calls[i].arguments);
	}
	agent_lines_release(&reply->lines);
}

static void say(struct loop_reply *reply, const json_t *content)
{
	struct text text = agent_text(content);

	if (!text.bytes)
		return;
	loop_append(&reply->text, text.at, text.bytes);
	if (reply->piece)
		reply->piece(reply->context, text.at, text.bytes);
}

static struct loop_call *call_at(struct loop_reply *reply, size_t index)
{
	if (index >= LOOP_CALLS_MAX) {
		reply->calls_lost = true;
		return NULL;
	}
	if (index >= reply->call_count)
		reply->call_count = index + 1;
	return &reply->calls[index];
}

static void add_text(struct loop_buffer *buffer, const json_t *value)
{
	struct text text = agent_text(value);

	loop_append(buffer, text.at, text.bytes);
}

/* Arguments are a text in pieces, or an object at once. */
static void add_arguments(struct loop_call *call, const json_t *value)
{
	char *text;

	if (json_is_string(value)) {
		add_text(&call->arguments, value);
	} else if (json_is_object(value)) {
		text = json_dumps(value, JSON_COMPACT);
		loop_append(&call->arguments, text ? text : "", text ? strlen(text) : 0);
		call->arguments.failed |= !text;
		free(text);
	}
}

static void take_calls(struct loop_reply *reply, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i), *function = json_object_get(one, "function");
		const json_t *number = json_object_get(one, "index");
		bool pieces = reply->wire == LOOP_CHAT && json_is_integer(number);
		size_t index = pieces && json_integer_value(number) >= 0 ? (size_t)json_integer_value(number) : reply->call_count;
		struct loop_call *call = call_at(reply, index);

		if (!call)
			continue;
		if (!call->id.bytes)
			add_text(&call->id, json_object_get(one, "id"));
		if (!call->name.bytes)
			add_text(&call->name, json_object_get(function, "name"));
		add_arguments(call, json_object_get(function, "arguments"));
	}
}

static void take_end(struct loop_reply *reply, struct text reason)
{
	if (agent_is(reason, "length"))
		reply->end = LOOP_LENGTH;
	else if (agent_is(reason, "content_filter") || agent_is(reason, "refusal"))
		reply->end = LOOP_REFUSAL;
	else if (reason.bytes && reply->end == LOOP_OPEN) /* stop, tool_calls, and what is to come */
		reply->end = LOOP_STOP;
}

static void take_chat_usage(struct loop_reply *reply, const json_t *usage)
{
	if (!json_is_object(usage))
		return;
	reply->has_usage = true;
	reply->in = agent_number(usage, "prompt_tokens");
	reply->out = agent_number(usage, "completion_tokens");
	reply->in_cached = agent_number(json_object_get(usage, "prompt_tokens_details"), "cached_tokens");
	reply->reasoning = agent_number(json_object_get(usage, "completion_tokens_details"), "reasoning_tokens");
}

static void take_chat(struct loop_reply *reply, const json_t *object)
{
	const json_t *choice = json_array_get(json_object_get(object, "choices"), 0);
	const json_t *whole = json_object_get(choice, "message"), *message = whole ? whole : json_object_get(choice, "delta");

	say(reply, json_object_get(message, "content"));
	if (json_string_length(json_object_get(message, "refusal")))
		reply->end = LOOP_REFUSAL;
	take_calls(reply, json_object_get(message, "tool_calls"));
	take_end(reply, agent_member(choice, "finish_reason"));
	take_chat_usage(reply, json_object_get(object, "usage"));
	reply->done |= whole != NULL;
}

static void take_ollama(struct loop_reply *reply, const json_t *object)
{
	const json_t *message = json_object_get(object, "message");

	say(reply, json_object_get(message, "content"));
	take_calls(reply, json_object_get(message, "tool_calls"));
	if (!json_is_true(json_object_get(object, "done")))
		return;
	reply->done = true;
	take_end(reply, agent_member(object, "done_reason"));
	if (reply->end == LOOP_OPEN)
		reply->end = LOOP_STOP; /* older ones give no reason */
	if (json_object_get(object, "eval_count") || json_object_get(object, "prompt_eval_count")) {
		reply->has_usage = true;
		reply->in = agent_number(object, "prompt_eval_count");
		reply->out = agent_number(object, "eval_count");
	}
}

static void take_error(struct loop_reply *reply, const json_t *error)
{
	double status = json_number_value(json_object_get(error, "code"));

	reply->failed_inside = true;
	add_text(&reply->error, json_is_string(error) ? error : json_object_get(error, "message"));
	if (status >= 400 && status < 600)
		reply->error_status = (unsigned)status;
}

static void take(struct loop_reply *reply, const json_t *object)
{
	const json_t *error = json_object_get(object, "error");

	reply->understood++;
	if (error && !json_is_null(error))
		take_error(reply, error);
	else if (agent_member_is(object, "object", "error")) /* vLLM's older form */
		take_error(reply, object);
	else if (reply->wire == LOOP_OLLAMA)
		take_ollama(reply, object);
	else
		take_chat(reply, object);
}

/* A line of a stream of events that carries no data: a comment, an event's name, the empty line between two. */
static bool is_between(struct text line)
{
	static const char *const fields[] = {":", "event:", "id:", "retry:"};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		if (line.bytes >= strlen(fields[i]) && memcmp(line.at, fields[i], strlen(fields[i])) == 0)
			return true;
	}
	return line.bytes == 0;
}

static void take_line(void *context, struct text line, uint64_t dropped)
{
	struct loop_reply *reply = context;
	json_t *object;

	if (is_between(line))
		return;
	if (line.bytes >= 5 && memcmp(line.at, "data:", 5) == 0) {
		line.at += 5;
		line.bytes -= 5;
		while (line.bytes && *line.at == ' ') {
			line.at++;
			line.bytes--;
		}
	}
	if (agent_is(line, "[DONE]")) {
		reply->done = true;
		return;
	}
	object = dropped ? NULL : json_loadb(line.at, line.bytes, JSON_ALLOW_NUL, NULL);
	if (json_is_object(object))
		take(reply, object);
	else
		reply->garbage++;
	json_decref(object);
}

bool loop_reply_feed(struct loop_reply *reply, const void *at, size_t bytes)
{
	size_t kept = reply->raw.bytes < RAW_BYTES_MAX ? RAW_BYTES_MAX - reply->raw.bytes : 0;

	reply->bytes += bytes;
	loop_append(&reply->raw, at, bytes < kept ? bytes : kept);
	if (reply->bytes > LOOP_REPLY_BYTES_MAX)
		return false;
	return agent_lines_feed(&reply->lines, at, bytes, take_line, reply) == 0;
}

void loop_reply_end(struct loop_reply *reply)
{
	agent_lines_end(&reply->lines, take_line, reply);
	/* A body that was laid out over several lines is one object all the same. */
	if (reply->understood == 0 && reply->garbage > 1 && reply->bytes < RAW_BYTES_MAX) {
		json_t *object = json_loadb(reply->raw.at, reply->raw.bytes, JSON_ALLOW_NUL, NULL);
		if (json_is_object(object)) {
			reply->garbage = 0;
			take(reply, object);
		}
		json_decref(object);
	}
	if (reply->text.failed || reply->error.failed)
		reply->calls_lost = true;
	for (size_t i = 0; i < reply->call_count; i++)
		reply->calls_lost |= reply->calls[i].arguments.failed || reply->calls[i].name.failed || reply->calls[i].id.failed;
}
