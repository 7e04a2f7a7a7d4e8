/* SPDX-License-Identifier: MIT
 *
 * The conversation: messages as both wires have them, the request, and what is left out when it grows too long.
 *
 * Ollama cuts a conversation that is longer than its window without a word, at its beginning, where the task stands. So it is told the window, and older
 * results are dropped before it is full. Other servers say when a request is too long; then half of what can be dropped goes.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/agent_inner.h"

#define BYTES_PER_TOKEN 3u /* on the safe side: source code has few bytes in a token */
#define KEPT_RESULTS    2u /* the last ones are what the model is working with */
#define DROPPED         "[dropped to make room: an older result of "

static const char common[] =
	"You are a careful programmer. You work alone on a task in a folder with source code, with tools; nobody can answer "
	"questions.\n"
	"- Look before you change: list, search and read what the task is about.\n"
	"- Make the smallest change that does the whole task, in the style of the code around it. Leave everything else alone.\n"
	"- Change files with edit or write only. Do not touch the .git folder.\n"
	"- Check your work: run the tests or the program if there is a way to.\n"
	"- When the task is done, answer without calling a tool and say in a few sentences what you changed and how you checked "
	"it. If it cannot be done, "
	"say so and why. Never claim what you have not seen.\n";

static const char in_words[] =
	"\nTools are called in words. To call one, end your answer with a block like this and nothing after it:\n"
	"```tool\n{\"name\": \"read\", \"arguments\": {\"path\": \"src/main.c\"}}\n```\n"
	"Its result comes as the next message. Several blocks may follow one another. An answer without a block ends the task. "
	"These are the tools:\n";

static json_t *message(const char *role, json_t *content)
{
	return json_pack("{s:s, s:o}", "role", role, "content", content);
}

static json_t *system_message(const struct loop *loop)
{
	struct loop_buffer text = {0};
	char folder[4096];
	json_t *content;

	loop_append(&text, common, sizeof(common) - 1);
	loop_print(&text, "The current folder is %s; paths are relative to it.\n", getcwd(folder, sizeof(folder)) ? folder : ".");
	if (access("/context/status.json", R_OK) == 0 || access("/context/notes", R_OK) == 0)
		loop_print(&text, "Others work on the same task. What they are doing stands in /context/status.json and "
				  "/context/notes, to read; what they "
				  "should know goes to /notes.\n");
	if (loop->text_tools) {
		loop_append(&text, in_words, sizeof(in_words) - 1);
		loop_tools_describe(&text);
	}
	content = loop_string(text.at, text.bytes);
	loop_release(&text);
	return message("system", content);
}

void loop_history_begin(struct loop *loop, const char *task, size_t bytes)
{
	loop->messages = json_array();
	json_array_append_new(loop->messages, system_message(loop));
	json_array_append_new(loop->messages, message("user", loop_string(task, bytes)));
}

void loop_history_in_words(struct loop *loop)
{
	json_array_set_new(loop->messages, 0, system_message(loop));
}

void loop_history_user(struct loop *loop, const char *text)
{
	json_array_append_new(loop->messages, message("user", loop_string(text, strlen(text))));
}

/* Arguments as the wire has them: Chat Completions a text of JSON, Ollama an object. What was no JSON is not sent back: servers refuse it. */
static json_t *arguments_of(const struct loop *loop, const struct loop_call *call)
{
	json_t *object = json_loadb(call->arguments.at ? call->arguments.at : "{}",
				    call->arguments.at ? call->arguments.bytes : 2, 0, NULL);

	if (!json_is_object(object)) {
		json_decref(object);
		object = json_object();
	}
	if (loop->options.wire == LOOP_OLLAMA)
		return object;
	char *text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	json_t *string = json_string(text ? text : "{}");
	free(text);
	return string;
}

static json_t *call_of(const struct loop *loop, const struct loop_call *call)
{
	json_t *function = json_pack("{s:o, s:o}", "name", loop_string(call->name.at, call->name.bytes), "arguments",
				     arguments_of(loop, call));

	if (loop->options.wire == LOOP_OLLAMA)
		return json_pack("{s:o}", "function", function);
	return json_pack("{s:o, s:s, s:o}", "id", loop_string(call->id.at, call->id.bytes), "type", "function", "function",
			 function);
}

void loop_history_answer(struct loop *loop, const struct loop_reply *reply, bool spoken)
{
	json_t *said = message("assistant", loop_string(reply->text.at, reply->text.bytes)), *calls = json_array();

	for (size_t i = 0; i < reply->call_count && !spoken; i++)
		json_array_append_new(calls, call_of(loop, &reply->calls[i]));
	if (json_array_size(calls))
		json_object_set(said, "tool_calls", calls);
	json_decref(calls);
	json_array_append_new(loop->messages, said);
}

void loop_history_result(struct loop *loop, const struct loop_call *call, const struct loop_buffer *result, bool spoken)
{
	struct loop_buffer text = {0};
	json_t *told;

	if (spoken)
		loop_print(&text, "Result of %s:\n", call->name.at ? call->name.at : "a tool");
	loop_append(&text, result->at ? result->at : "", result->bytes);
	told = message(spoken ? "user" : "tool", loop_string(text.at, text.bytes));
	loop_release(&text);
	if (!spoken && loop->options.wire == LOOP_OLLAMA)
		json_object_set_new(told, "tool_name", loop_string(call->name.at, call->name.bytes));
	else if (!spoken)
		json_object_set_new(told, "tool_call_id", loop_string(call->id.at, call->id.bytes));
	json_array_append_new(loop->messages, told);
}

/* A result that can be dropped, or NULL. */
static json_t *result_at(const struct loop *loop, size_t index)
{
	json_t *one = json_array_get(loop->messages, index), *content = json_object_get(one, "content");
	const char *role = json_string_value(json_object_get(one, "role")), *text = json_string_value(content);
	bool is_result = role && text &&
			 (strcmp(role, "tool") == 0 || (strcmp(role, "user") == 0 && strncmp(text, "Result of ", 10) == 0));

	return is_result && json_string_length(content) > 200 && strncmp(text, DROPPED, sizeof(DROPPED) - 1) != 0 ? one : NULL;
}

static size_t drop(struct loop *loop, json_t *result)
{
	struct loop_buffer text = {0};
	size_t bytes = json_string_length(json_object_get(result, "content"));

	loop_print(&text, DROPPED "%zu bytes. Call the tool again if it is needed.]", bytes);
	json_object_set_new(result, "content", loop_string(text.at, text.bytes));
	loop_release(&text);
	loop->dropped++;
	return bytes;
}

/* Where the last `kept` results begin: older ones may be dropped. */
static size_t end_of_old(const struct loop *loop, unsigned kept)
{
	size_t seen = 0, end = json_array_size(loop->messages);

	while (end > 0 && seen < kept)
		seen += result_at(loop, --end) != NULL;
	return end;
}

/* Drops older results until so many bytes are gone. */
static size_t drop_results(struct loop *loop, unsigned kept, size_t wanted)
{
	size_t dropped = 0, end = end_of_old(loop, kept);

	for (size_t i = 0; i < end && dropped < wanted; i++)
		dropped += result_at(loop, i) ? drop(loop, result_at(loop, i)) : 0;
	return dropped;
}

static size_t droppable(const struct loop *loop)
{
	size_t sum = 0, end = end_of_old(loop, KEPT_RESULTS);

	for (size_t i = 0; i < end; i++)
		sum += result_at(loop, i) ? json_string_length(json_object_get(result_at(loop, i), "content")) : 0;
	return sum;
}

/* Long texts among the arguments of a call (a whole file that was written); the file has them. */
static size_t shorten(json_t *arguments)
{
	size_t gone = 0;
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe (arguments, next, name, value) {
		if (json_string_length(value) <= 400)
			continue;
		gone += json_string_length(value) - 40;
		json_object_set_new(arguments, name, json_string("[dropped to make room: a long text]"));
	}
	return gone;
}

static size_t shorten_call(json_t *function)
{
	json_t *arguments = json_object_get(function, "arguments"), *read;
	size_t gone;
	char *text;

	if (!json_is_string(arguments))
		return shorten(arguments);
	read = json_loads(json_string_value(arguments), 0, NULL);
	gone = shorten(read);
	text = gone ? json_dumps(read, JSON_COMPACT) : NULL;
	if (text)
		json_object_set_new(function, "arguments", json_string(text));
	free(text);
	json_decref(read);
	return gone;
}

/* The same for what the model itself had said in calls, but for its last answer. */
static size_t drop_arguments(struct loop *loop, size_t wanted)
{
	size_t dropped = 0, end = end_of_old(loop, 1);

	for (size_t i = 0; i < end && dropped < wanted; i++) {
		const json_t *calls = json_object_get(json_array_get(loop->messages, i), "tool_calls");
		for (size_t c = 0; c < json_array_size(calls); c++)
			dropped += shorten_call(json_object_get(json_array_get(calls, c), "function"));
	}
	return dropped;
}

static size_t size_of(const struct loop *loop)
{
	char *text = loop_request(loop);
	size_t bytes = text ? strlen(text) : 0;

	free(text);
	return bytes;
}

bool loop_history_fit(struct loop *loop, bool forced)
{
	uint32_t window = loop->options.context, answer = loop->options.answer ? loop->options.answer : window / 8;
	size_t most = window ? (size_t)(window > answer ? window - answer : 1) * BYTES_PER_TOKEN : SIZE_MAX;
	size_t size = size_of(loop), can = droppable(loop), dropped, wanted = size > most ? size - most : 0;

	if (forced && wanted < can / 2 + 1)
		wanted = can / 2 + 1;
	if (!wanted)
		return true;
	dropped = drop_results(loop, KEPT_RESULTS, wanted);
	if (dropped < wanted)
		dropped += drop_arguments(loop, wanted - dropped);
	if (dropped < wanted)
		dropped += drop_results(loop, 1, wanted - dropped);
	if (dropped)
		loop_warn(loop,
			  "the conversation was too long for the model: the oldest results of tools were dropped (%zu bytes)",
			  dropped);
	return dropped && (forced || size_of(loop) <= most);
}

static json_t *ollama_settings(const struct loop *loop)
{
	json_t *settings = json_object();

	if (loop->options.context)
		json_object_set_new(settings, "num_ctx", json_integer(loop->options.context));
	if (loop->options.answer)
		json_object_set_new(settings, "num_predict", json_integer(loop->options.answer));
	if (loop->options.temperature >= 0)
		json_object_set_new(settings, "temperature", json_real(loop->options.temperature));
	return settings;
}

char *loop_request(const struct loop *loop)
{
	json_t *body = json_pack("{s:o, s:O, s:b}", "model", loop_string(loop->options.model, strlen(loop->options.model)),
				 "messages", loop->messages, "stream", 1);
	char *text;

	if (!loop->text_tools)
		json_object_set_new(body, "tools", loop_tools_json());
	if (loop->options.wire == LOOP_OLLAMA) {
		json_object_set_new(body, "options", ollama_settings(loop));
	} else {
		if (!loop->plain_usage)
			json_object_set_new(body, "stream_options", json_pack("{s:b}", "include_usage", 1));
		if (loop->options.temperature >= 0)
			json_object_set_new(body, "temperature", json_real(loop->options.temperature));
		if (loop->options.answer)
			json_object_set_new(body, "max_tokens", json_integer(loop->options.answer));
	}
	text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	json_decref(body);
	return text;
}
