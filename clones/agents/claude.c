/* SPDX-License-Identifier: MIT
 *
 * Claude Code (`--output-format stream-json`) and Qwen Code (`-o stream-json`), which prints the same lines with another meaning.
 *
 *	{"type":"system","subtype":"init",…}  {"type":"system","subtype":"api_retry",…}
 *	{"type":"assistant","message":{"id","content":[{"type":"text"|"tool_use",…}]}}   one message in several lines
 *	{"type":"user","message":{"content":[{"type":"tool_result",…}]},"tool_use_result":{"filePath",…}}
 *	{"type":"stream_event","event":{…}}                                              pieces, if they were asked for
 *	{"type":"result","subtype":"success"|"error_…","is_error",…}                     the last line
 *
 * Usage stands in each assistant line too, repeated for each of its pieces: only the result's counts.
 */
#include <string.h>

#include "clones/agents/parse.h"

static void started(struct agent_run *run, const json_t *object, const char *version_key)
{
	struct agent_event event = agent_event_of(AGENT_STARTED);

	event.session = agent_member(object, "session_id");
	event.model = agent_member(object, "model");
	event.version = agent_member(object, version_key);
	agent_emit(run, &event);
}

static void retried(struct agent_run *run, const json_t *object)
{
	struct agent_event event = agent_event_of(AGENT_RETRY);

	event.attempt = (uint32_t)agent_number(object, "attempt");
	event.attempts_max = (uint32_t)agent_number(object, "max_retries");
	event.delay_ms = (uint32_t)agent_number(object, "retry_delay_ms");
	event.status = (unsigned)agent_number(object, "error_status");
	event.text = agent_member(object, "error");
	agent_emit(run, &event);
}

static void system_line(struct agent_run *run, const json_t *object, const char *version_key)
{
	struct text subtype = agent_member(object, "subtype");

	if (agent_is(subtype, "init"))
		started(run, object, version_key);
	else if (agent_is(subtype, "api_retry"))
		retried(run, object);
	else if (agent_is(subtype, "model_refusal_no_fallback"))
		agent_warn(run, (struct text){"the model refused to answer", 27});
	else
		agent_unknown(run);
}

static void tool_start(struct agent_run *run, const json_t *block)
{
	struct agent_event event = agent_event_of(AGENT_TOOL_START);

	event.id = agent_member(block, "id");
	event.name = agent_member(block, "name");
	agent_input(&event, json_object_get(block, "input"));
	agent_emit(run, &event);
	if (agent_is(event.name, "write_file") || agent_is(event.name, "edit")) /* Qwen Code's; it says nothing of them later */
		agent_file(run, event.path, event.name);
	/* Another call of the tool whose last call was cut: if that one comes to nothing either, tool_end says so. */
	if (run->rejected.bytes && event.name.bytes && agent_is(event.name, run->rejected.at))
		run->rejected.bytes = 0;
	if (event.name.bytes && event.path.bytes)
		agent_note_set(&run->writing, event.name);
}

static void assistant_line(struct agent_run *run, const json_t *object)
{
	const json_t *content = json_object_get(json_object_get(object, "message"), "content");

	for (size_t i = 0; i < json_array_size(content); i++) {
		const json_t *block = json_array_get(content, i);
		if (agent_member_is(block, "type", "text"))
			agent_say(run, agent_member(block, "text"), false);
		else if (agent_member_is(block, "type", "tool_use"))
			tool_start(run, block);
		else
			agent_unknown(run);
	}
}

static void tool_end(struct agent_run *run, const json_t *block)
{
	struct agent_event event = agent_event_of(AGENT_TOOL_END);

	event.id = agent_member(block, "tool_use_id");
	event.ok = !json_is_true(json_object_get(block, "is_error"));
	if (!event.ok)
		event.text = agent_member(block, "content");
	/* Qwen Code lets a model go on whose call was cut by the token limit, and it may well believe that the call was made. */
	if (!event.ok && agent_words_contain(event.text, "truncated due to max_tokens"))
		agent_note_set(&run->rejected, run->writing.bytes ? (struct text){run->writing.at, run->writing.bytes}
								  : (struct text){"a tool", 6});
	agent_emit(run, &event);
}

static void user_line(struct agent_run *run, const json_t *object)
{
	const json_t *content = json_object_get(json_object_get(object, "message"), "content");
	const json_t *result = json_object_get(object, "tool_use_result");

	for (size_t i = 0; i < json_array_size(content); i++) {
		const json_t *block = json_array_get(content, i);
		if (agent_member_is(block, "type", "tool_result"))
			tool_end(run, block);
		else
			agent_unknown(run);
	}
	if (json_object_get(result, "structuredPatch"))
		agent_file(run, agent_member(result, "filePath"),
			   agent_member_is(result, "type", "create") ? (struct text){"add", 3} : (struct text){"update", 6});
}

static void piece_line(struct agent_run *run, const json_t *object)
{
	const json_t *delta = json_object_get(json_object_get(object, "event"), "delta");

	if (agent_member_is(delta, "type", "text_delta"))
		agent_say(run, agent_member(delta, "text"), true);
}

static void denials(struct agent_run *run, const json_t *object)
{
	const json_t *denied = json_object_get(object, "permission_denials");

	for (size_t i = 0; i < json_array_size(denied); i++) {
		const json_t *one = json_array_get(denied, i);
		struct agent_event event = agent_event_of(AGENT_DENIED);

		event.id = agent_member(one, "tool_use_id");
		event.name = agent_member(one, "tool_name");
		agent_input(&event, json_object_get(one, "tool_input"));
		agent_emit(run, &event);
	}
}

/* Claude Code leaves the cache out of the input and puts the sum of all models, which is right after an error too, into modelUsage. */
static struct agent_usage claude_usage(const json_t *object)
{
	const json_t *usage = json_object_get(object, "usage"), *of_model;
	json_t *models = json_object_get(object, "modelUsage");
	struct agent_usage sum = {0};
	const char *name;

	json_object_foreach (models, name, of_model) {
		sum.in += agent_number(of_model, "inputTokens");
		sum.in_cached += agent_number(of_model, "cacheReadInputTokens");
		sum.in_cache_write += agent_number(of_model, "cacheCreationInputTokens");
		sum.out += agent_number(of_model, "outputTokens");
	}
	if (json_object_size(models) == 0)
		sum = (struct agent_usage){.in = agent_number(usage, "input_tokens"),
					   .in_cached = agent_number(usage, "cache_read_input_tokens"),
					   .in_cache_write = agent_number(usage, "cache_creation_input_tokens"),
					   .out = agent_number(usage, "output_tokens")};
	sum.in += sum.in_cached + sum.in_cache_write;
	return sum;
}

static struct agent_usage qwen_usage(const json_t *object)
{
	const json_t *usage = json_object_get(object, "usage");

	return (struct agent_usage){.in = agent_number(usage, "input_tokens"),
				    .in_cached = agent_number(usage, "cache_read_input_tokens"),
				    .out = agent_number(usage, "output_tokens")};
}

static void classify(struct agent_event *event, const json_t *object)
{
	struct text subtype = agent_member(object, "subtype");

	event->status = (unsigned)agent_number(object, "api_error_status");
	if (agent_is(subtype, "error_max_turns"))
		event->class = AGENT_CLASS_LIMIT_TURNS;
	else if (agent_is(subtype, "error_max_budget_usd"))
		event->class = AGENT_CLASS_LIMIT_BUDGET;
	else if (agent_member_is(object, "stop_reason", "refusal"))
		event->class = AGENT_CLASS_REFUSED;
	else if (agent_member_is(object, "terminal_reason", "prompt_too_long"))
		event->class = AGENT_CLASS_CONTEXT;
	else if (event->status)
		event->class = agent_class_of_status(event->status, event->text);
	else
		event->class = agent_class_of_words(event->text, &event->status);
}

static struct text words_of(const json_t *object)
{
	struct text words = agent_member(object, "result");

	if (!words.bytes)
		words = agent_text(json_array_get(json_object_get(object, "errors"), 0));
	if (!words.bytes)
		words = agent_member(json_object_get(object, "error"), "message");
	return words;
}

static void result_line(struct agent_run *run, const json_t *object, struct agent_usage usage, bool ok)
{
	struct agent_event used = agent_event_of(AGENT_USAGE), event = agent_event_of(AGENT_FINAL);

	denials(run, object);
	used.usage = usage;
	used.scope = AGENT_SCOPE_RUN;
	used.cost = agent_cost(object, "total_cost_usd");
	agent_emit(run, &used);
	event.ok = ok && agent_member_is(object, "subtype", "success") && json_is_false(json_object_get(object, "is_error"));
	event.text = words_of(object);
	event.turns = (uint32_t)agent_number(object, "num_turns");
	event.duration_ms = agent_number(object, "duration_ms");
	event.cost = used.cost;
	if (!event.ok)
		classify(&event, object);
	agent_emit(run, &event);
}

static void common_line(struct agent_run *run, const json_t *object, const char *version_key)
{
	struct text type = agent_member(object, "type");

	if (agent_is(type, "system"))
		system_line(run, object, version_key);
	else if (agent_is(type, "assistant"))
		assistant_line(run, object);
	else if (agent_is(type, "user"))
		user_line(run, object);
	else if (agent_is(type, "stream_event"))
		piece_line(run, object);
	else
		agent_unknown(run);
}

void agent_parse_claude(struct agent_run *run, const json_t *object)
{
	if (agent_member_is(object, "type", "result"))
		result_line(run, object, claude_usage(object), true);
	else
		common_line(run, object, "claude_code_version");
}

/* Qwen Code reports errors of the model server as a success whose text is the error. */
void agent_parse_qwen(struct agent_run *run, const json_t *object)
{
	if (agent_member_is(object, "type", "result"))
		result_line(run, object, qwen_usage(object), !agent_words_contain(words_of(object), "[API Error:"));
	else
		common_line(run, object, "qwen_code_version");
}
