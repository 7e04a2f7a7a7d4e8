/* SPDX-License-Identifier: MIT
 *
 * Codex (`codex exec --json`).
 *
 *	{"type":"thread.started","thread_id"}  {"type":"turn.started"}
 *	{"type":"item.started"|"item.updated"|"item.completed","item":{"id","type",…}}
 *	{"type":"error","message"}             "Reconnecting... 1/5 (…)" is a try once more; any other one is an error
 *	{"type":"turn.completed","usage":{…}}  or {"type":"turn.failed","error":{"message"}}: the last line
 *
 * An item of type "error" is a warning. Usage is that of the whole thread, over every resume. Of a command that the sandbox refused there may be no
 * trace at all.
 */
#include "clones/agents/parse.h"

static void reconnecting(struct agent_run *run, struct text message)
{
	struct agent_event event = agent_event_of(AGENT_RETRY);
	uint32_t *number = &event.attempt;

	for (uint32_t i = 0; i < message.bytes && message.at[i] != '('; i++) {
		if (message.at[i] == '/')
			number = &event.attempts_max;
		else if (message.at[i] >= '0' && message.at[i] <= '9')
			*number = *number % 100000 * 10 + (uint32_t)(message.at[i] - '0');
	}
	event.text = message;
	(void)agent_class_of_words(message, &event.status);
	agent_emit(run, &event);
}

static void error_line(struct agent_run *run, struct text message)
{
	unsigned status;
	enum agent_class class;

	if (message.bytes >= 15 && agent_is((struct text){message.at, 15}, "Reconnecting...")) {
		reconnecting(run, message);
		return;
	}
	class = agent_class_of_words(message, &status);
	agent_error(run, class, status, message);
	agent_warn(run, message);
}

static bool is_tool(struct text type)
{
	return agent_is(type, "command_execution") || agent_is(type, "file_change") || agent_is(type, "mcp_tool_call") ||
	       agent_is(type, "web_search");
}

static void item_started(struct agent_run *run, const json_t *item)
{
	struct agent_event event = agent_event_of(AGENT_TOOL_START);

	event.id = agent_member(item, "id");
	event.name = agent_member(item, "type");
	agent_input(&event, item);
	event.path = agent_member(json_array_get(json_object_get(item, "changes"), 0), "path");
	if (is_tool(event.name))
		agent_emit(run, &event);
}

static void changes(struct agent_run *run, const json_t *item)
{
	const json_t *list = json_object_get(item, "changes");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *change = json_array_get(list, i);
		agent_file(run, agent_member(change, "path"), agent_member(change, "kind"));
	}
}

static void tool_completed(struct agent_run *run, const json_t *item)
{
	const json_t *exit_code = json_object_get(item, "exit_code");
	struct agent_event event = agent_event_of(AGENT_TOOL_END), denied = agent_event_of(AGENT_DENIED);

	event.id = denied.id = agent_member(item, "id");
	event.ok = agent_member_is(item, "status", "completed");
	if (json_is_integer(exit_code))
		event.exit_status = (int)json_integer_value(exit_code);
	agent_emit(run, &event);
	if (event.ok)
		changes(run, item);
	denied.name = agent_member(item, "type");
	if (agent_member_is(item, "status", "declined"))
		agent_emit(run, &denied);
}

static void item_completed(struct agent_run *run, const json_t *item)
{
	struct text type = agent_member(item, "type");

	if (agent_is(type, "agent_message"))
		agent_say(run, agent_member(item, "text"), false);
	else if (agent_is(type, "error"))
		agent_warn(run, agent_member(item, "message"));
	else if (is_tool(type))
		tool_completed(run, item);
	else
		agent_unknown(run); /* reasoning, plans and what is to come */
}

static void completed(struct agent_run *run, const json_t *object)
{
	const json_t *usage = json_object_get(object, "usage");
	struct agent_event used = agent_event_of(AGENT_USAGE), event = agent_event_of(AGENT_FINAL);

	used.scope = AGENT_SCOPE_THREAD;
	used.usage = (struct agent_usage){.in = agent_number(usage, "input_tokens"),
					  .in_cached = agent_number(usage, "cached_input_tokens"),
					  .in_cache_write = agent_number(usage, "cache_write_input_tokens"),
					  .out = agent_number(usage, "output_tokens"),
					  .reasoning = agent_number(usage, "reasoning_output_tokens")};
	agent_emit(run, &used);
	event.ok = true;
	agent_emit(run, &event);
}

static void failed(struct agent_run *run, const json_t *object)
{
	struct agent_event event = agent_event_of(AGENT_FINAL);

	event.text = agent_member(json_object_get(object, "error"), "message");
	event.class = agent_class_of_words(event.text, &event.status);
	agent_emit(run, &event);
}

void agent_parse_codex(struct agent_run *run, const json_t *object)
{
	struct text type = agent_member(object, "type");
	struct agent_event started = agent_event_of(AGENT_STARTED);

	started.session = agent_member(object, "thread_id");
	if (agent_is(type, "thread.started"))
		agent_emit(run, &started);
	else if (agent_is(type, "turn.started"))
		run->final = false; /* what an earlier turn ended with does not count for this one */
	else if (agent_is(type, "item.started"))
		item_started(run, json_object_get(object, "item"));
	else if (agent_is(type, "item.completed"))
		item_completed(run, json_object_get(object, "item"));
	else if (agent_is(type, "error"))
		error_line(run, agent_member(object, "message"));
	else if (agent_is(type, "turn.completed"))
		completed(run, object);
	else if (agent_is(type, "turn.failed"))
		failed(run, object);
	else
		agent_unknown(run);
}
