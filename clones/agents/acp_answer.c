/* SPDX-License-Identifier: MIT
 *
 * What an agent tells of its session, and the answers to what it asks.
 *
 * Gemini CLI and Qwen Code ask for permission before they tell of the call, opencode after it; so a call begins with whichever comes first, known by
 * its id. Diffs come with the permission, with the call or with its end, or never (opencode, when nobody was asked): a file is told once a call, when the call
 * has ended well.
 */
#include <stdlib.h>
#include <string.h>

#include "clones/agents/acp_inner.h"

#define METHOD_NOT_FOUND (-32601)
#define INVALID_PARAMS   (-32602)
#define INTERNAL_ERROR   (-32603)
#define RESOURCE_MISSING (-32002)

struct text acp_text(const char *text)
{
	return (struct text){text, (uint32_t)strlen(text)};
}

/* FNV-1a. Two calls of one run with the same hash would be taken for one, which only a hostile program can bring about, to its own harm. */
static uint64_t hash_of(struct text text)
{
	uint64_t hash = 14695981039346656037u;

	for (uint32_t i = 0; i < text.bytes; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * 1099511628211u;
	return hash;
}

static struct acp_tool *tool_known(struct acp *acp, uint64_t id)
{
	size_t count = acp->tool_count < ACP_TOOLS_MAX ? acp->tool_count : ACP_TOOLS_MAX;

	for (size_t i = 0; i < count; i++) {
		if (acp->tools[i].id == id)
			return &acp->tools[i];
	}
	return NULL;
}

static struct text path_of(const json_t *call)
{
	struct text path = agent_member(json_array_get(json_object_get(call, "locations"), 0), "path");
	const json_t *content = json_object_get(call, "content");

	for (size_t i = 0; i < json_array_size(content) && !path.bytes; i++)
		path = agent_member(json_array_get(content, i), "path");
	return path;
}

/* A call of a tool, told for the first time or once more. */
static struct acp_tool *tool_seen(struct acp *acp, const json_t *call)
{
	struct agent_event event = agent_event_of(AGENT_TOOL_START);
	uint64_t id = hash_of(agent_member(call, "toolCallId"));
	struct acp_tool *tool = tool_known(acp, id);

	if (tool)
		return tool;
	tool = &acp->tools[acp->tool_count++ % ACP_TOOLS_MAX];
	*tool = (struct acp_tool){.id = id};
	agent_input(&event, json_object_get(call, "rawInput"));
	event.id = agent_member(call, "toolCallId");
	event.name = agent_member(call, "kind");
	if (!event.name.bytes)
		event.name = agent_member(json_object_get(call, "_meta"), "toolName");
	if (!event.name.bytes)
		event.name = acp_text("tool");
	if (path_of(call).bytes)
		event.path = path_of(call);
	if (!event.text.bytes)
		event.text = agent_member(call, "title");
	agent_emit(acp->run, &event);
	return tool;
}

/* Of several files of one call the last is told. */
static void note_diff(struct acp_tool *tool, const json_t *call)
{
	const json_t *content = json_object_get(call, "content");

	for (size_t i = 0; i < json_array_size(content); i++) {
		const json_t *one = json_array_get(content, i);
		if (!agent_member_is(one, "type", "diff"))
			continue;
		agent_note_set(&tool->path, agent_member(one, "path"));
		tool->adds = json_string_length(json_object_get(one, "oldText")) == 0;
	}
}

static void tell_file(struct acp *acp, struct acp_tool *tool)
{
	if (tool->filed || !tool->path.bytes)
		return;
	agent_file(acp->run, (struct text){tool->path.at, tool->path.bytes}, acp_text(tool->adds ? "add" : "update"));
	tool->filed = true;
}

static struct text words_of(const json_t *call)
{
	const json_t *content = json_object_get(call, "content");
	struct text words = {"", 0};

	for (size_t i = 0; i < json_array_size(content) && !words.bytes; i++)
		words = agent_member(json_object_get(json_array_get(content, i), "content"), "text");
	return words;
}

/* opencode announces a call before it knows what it is about; the next that it tells of it says so. */
static bool is_announced(const json_t *call)
{
	return agent_member_is(call, "status", "pending") && json_object_get(call, "rawInput") &&
	       json_object_size(json_object_get(call, "rawInput")) == 0 &&
	       json_array_size(json_object_get(call, "locations")) == 0;
}

static void tool_told(struct acp *acp, const json_t *call)
{
	struct agent_event event = agent_event_of(AGENT_TOOL_END);
	bool completed = agent_member_is(call, "status", "completed");
	struct acp_tool *tool;

	if (is_announced(call))
		return;
	tool = tool_seen(acp, call);
	note_diff(tool, call);
	if (!completed && !agent_member_is(call, "status", "failed"))
		return;
	acp->spoken = false;
	if (completed)
		tell_file(acp, tool);
	if (tool->ended)
		return;
	tool->ended = true;
	event.id = agent_member(call, "toolCallId");
	event.ok = completed;
	if (!completed)
		event.text = words_of(call);
	agent_emit(acp->run, &event);
}

static void piece(struct acp *acp, const json_t *update)
{
	const json_t *usage = json_object_get(json_object_get(update, "_meta"), "usage");
	struct text text = agent_member(json_object_get(update, "content"), "text");
	struct agent_event event = agent_event_of(AGENT_USAGE);

	for (uint32_t i = 0; i < text.bytes && !acp->spoken; i++)
		acp->spoken = !strchr(" \t\r\n", text.at[i]);
	agent_say(acp->run, text, true);
	if (!json_is_object(usage))
		return;
	event.scope = AGENT_SCOPE_STEP;
	event.usage = acp_usage(usage);
	acp->steps_counted = true;
	agent_emit(acp->run, &event);
}

/* The whole session's cost, without tokens: `used` is how full the context is. */
static void cost_told(struct acp *acp, const json_t *update)
{
	const json_t *cost = json_object_get(update, "cost");

	if (agent_member_is(cost, "currency", "USD") && agent_cost(cost, "amount") >= 0)
		acp->run->cost = agent_cost(cost, "amount");
}

static bool is_quiet(struct text kind)
{
	static const char *const kinds[] = {"agent_thought_chunk",       "user_message_chunk",  "plan",
					    "available_commands_update", "current_mode_update", "config_option_update",
					    "session_info_update"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (agent_is(kind, kinds[i]))
			return true;
	}
	return false;
}

void acp_updated(struct acp *acp, const json_t *update)
{
	struct text kind = agent_member(update, "sessionUpdate");

	if (agent_is(kind, "agent_message_chunk"))
		piece(acp, update);
	else if (agent_is(kind, "tool_call") || agent_is(kind, "tool_call_update"))
		tool_told(acp, update);
	else if (agent_is(kind, "usage_update"))
		cost_told(acp, update);
	else if (!is_quiet(kind))
		agent_unknown(acp->run);
}

static void answer(struct acp *acp, const json_t *object, json_t *result)
{
	acp_send(acp, json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", json_object_get(object, "id"), "result", result));
}

static void answer_error(struct acp *acp, const json_t *object, int code, const char *words)
{
	json_t *message = json_string(words); /* a path in a caller's sentence may be no UTF-8 */

	acp_send(acp, json_pack("{s:s, s:O, s:{s:i, s:o}}", "jsonrpc", "2.0", "id", json_object_get(object, "id"), "error",
				"code", code, "message", message ? message : json_string("it cannot be done")));
}

/* NULL: it is missing, or has a NUL in it, after which nobody would read. */
static const char *path_in(const json_t *parameters)
{
	const json_t *path = json_object_get(parameters, "path");
	const char *text = json_string_value(path);

	return text && strlen(text) == json_string_length(path) ? text : NULL;
}

/* The option to choose: once rather than for always. */
static const char *option(const json_t *options, const char *once, const char *always)
{
	const char *const kinds[] = {once, always};

	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < json_array_size(options); i++) {
			const json_t *one = json_array_get(options, i);
			if (agent_member_is(one, "kind", kinds[k]) && json_is_string(json_object_get(one, "optionId")))
				return json_string_value(json_object_get(one, "optionId"));
		}
	}
	return NULL;
}

static bool is_refused(const struct acp *acp, struct text kind)
{
	for (size_t i = 0; acp->options.refused && acp->options.refused[i]; i++) {
		if (agent_is(kind, acp->options.refused[i]))
			return true;
	}
	return false;
}

static void permission(struct acp *acp, const json_t *object, const json_t *parameters)
{
	const json_t *call = json_object_get(parameters, "toolCall"), *options = json_object_get(parameters, "options");
	struct agent_event denied = agent_event_of(AGENT_DENIED);
	bool no = is_refused(acp, agent_member(call, "kind"));
	const char *chosen = no ? option(options, "reject_once", "reject_always") : option(options, "allow_once", "allow_always");

	note_diff(tool_seen(acp, call), call);
	if (acp->cancelled || !chosen)
		answer(acp, object, json_pack("{s:{s:s}}", "outcome", "outcome", "cancelled"));
	else
		answer(acp, object, json_pack("{s:{s:s, s:s}}", "outcome", "outcome", "selected", "optionId", chosen));
	if (!no && (chosen || acp->cancelled))
		return;
	denied.id = agent_member(call, "toolCallId");
	denied.name = agent_member(call, "kind").bytes ? agent_member(call, "kind") : agent_member(call, "title");
	denied.path = path_of(call);
	agent_emit(acp->run, &denied);
}

/* Lines from `line` on (counted from 1), `limit` of them. */
static struct text part_of(const char *text, size_t bytes, const json_t *parameters)
{
	uint64_t line = agent_number(parameters, "line"), limit = agent_number(parameters, "limit");
	bool limited = json_is_integer(json_object_get(parameters, "limit"));
	const char *at = text, *end = text + bytes, *stop;

	for (; line > 1 && at < end; line--) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		at = newline ? newline + 1 : end;
	}
	for (stop = limited ? at : end; limited && limit > 0 && stop < end; limit--) {
		const char *newline = memchr(stop, '\n', (size_t)(end - stop));
		stop = newline ? newline + 1 : end;
	}
	return (struct text){at, (uint32_t)(stop - at)};
}

static void read_file(struct acp *acp, const json_t *object, const json_t *parameters)
{
	const char *path = path_in(parameters);
	char why[AGENT_WHY_BYTES] = "the file cannot be read", *text = NULL;
	size_t bytes = 0;
	struct text part;
	json_t *string;

	if (!acp->options.read || !path) {
		answer_error(acp, object, path ? METHOD_NOT_FOUND : INVALID_PARAMS,
			     path ? "this client has no files" : "a path is missing");
		return;
	}
	if (acp->options.read(acp->options.context, path, &text, &bytes, why)) {
		answer_error(acp, object, RESOURCE_MISSING, why);
		return;
	}
	part = part_of(text, bytes, parameters);
	string = json_stringn(part.at, part.bytes);
	if (string)
		answer(acp, object, json_pack("{s:o}", "content", string));
	else
		answer_error(acp, object, INTERNAL_ERROR, "the file is no text in UTF-8");
	free(text);
}

static void write_file(struct acp *acp, const json_t *object, const json_t *parameters)
{
	const char *path = path_in(parameters);
	json_t *content = json_object_get(parameters, "content");
	char why[AGENT_WHY_BYTES] = "the file cannot be written";

	if (!acp->options.write)
		answer_error(acp, object, METHOD_NOT_FOUND, "this client has no files");
	else if (!path || !json_is_string(content))
		answer_error(acp, object, INVALID_PARAMS, "a path or a content is missing");
	else if (acp->options.write(acp->options.context, path, json_string_value(content), json_string_length(content), why))
		answer_error(acp, object, INTERNAL_ERROR, why);
	else {
		answer(acp, object, json_object());
		agent_file(acp->run, agent_text(json_object_get(parameters, "path")), acp_text("write"));
	}
}

void acp_asked(struct acp *acp, const json_t *object)
{
	const json_t *parameters = json_object_get(object, "params");

	if (acp->state == ACP_OVER)
		agent_unknown(acp->run);
	else if (agent_member_is(object, "method", "session/request_permission"))
		permission(acp, object, parameters);
	else if (agent_member_is(object, "method", "fs/read_text_file"))
		read_file(acp, object, parameters);
	else if (agent_member_is(object, "method", "fs/write_text_file"))
		write_file(acp, object, parameters);
	else {
		agent_unknown(acp->run);
		answer_error(acp, object, METHOD_NOT_FOUND, "this client does not do that");
	}
}
