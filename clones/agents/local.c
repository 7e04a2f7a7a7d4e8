/* SPDX-License-Identifier: MIT
 *
 * Our own loop (`bunshin tool agent`; tools/agent.h says what it prints).
 *
 * It says "retry" when an answer broke off whose beginning was printed already: what comes then replaces it.
 */
#include "clones/agents/parse.h"

static enum agent_class class_named(struct text name)
{
	for (unsigned i = 1; i < AGENT_CLASS_COUNT; i++) {
		if (agent_is(name, agent_class_name((enum agent_class)i)))
			return (enum agent_class)i;
	}
	return AGENT_CLASS_PROTOCOL;
}

static void started(struct agent_run *run, const json_t *object)
{
	struct agent_event event = agent_event_of(AGENT_STARTED);

	event.session = agent_member(object, "session");
	event.model = agent_member(object, "model");
	event.version = agent_member(object, "version");
	agent_emit(run, &event);
}

static void tool(struct agent_run *run, const json_t *object, enum agent_event_kind kind)
{
	const json_t *status = json_object_get(object, "exit");
	struct agent_event event = agent_event_of(kind);

	event.id = agent_member(object, "id");
	event.name = agent_member(object, "name");
	event.path = agent_member(object, "path");
	event.text = agent_member(object, "text");
	event.ok = json_is_true(json_object_get(object, "ok"));
	if (json_is_integer(status))
		event.exit_status = (int)json_integer_value(status);
	agent_emit(run, &event);
}

static void used(struct agent_run *run, const json_t *object)
{
	struct agent_event event = agent_event_of(AGENT_USAGE);

	event.scope = AGENT_SCOPE_STEP;
	event.usage = (struct agent_usage){.in = agent_number(object, "in"),
					   .in_cached = agent_number(object, "in_cached"),
					   .out = agent_number(object, "out"),
					   .reasoning = agent_number(object, "reasoning")};
	agent_emit(run, &event);
}

static void retried(struct agent_run *run, const json_t *object)
{
	struct agent_event event = agent_event_of(AGENT_RETRY);

	event.attempt = (uint32_t)agent_number(object, "attempt");
	event.attempts_max = (uint32_t)agent_number(object, "max");
	event.delay_ms = (uint32_t)agent_number(object, "delay_ms");
	event.status = (unsigned)agent_number(object, "status");
	event.text = agent_member(object, "text");
	run->words_ended = true;
	agent_emit(run, &event);
}

static void ended(struct agent_run *run, const json_t *object)
{
	struct agent_event event = agent_event_of(AGENT_FINAL);

	event.ok = json_is_true(json_object_get(object, "ok"));
	event.text = agent_member(object, "text");
	event.status = (unsigned)agent_number(object, "status");
	event.turns = (uint32_t)agent_number(object, "turns");
	event.duration_ms = agent_number(object, "duration_ms");
	if (!event.ok)
		event.class = class_named(agent_member(object, "class"));
	agent_emit(run, &event);
}

void agent_parse_local(struct agent_run *run, const json_t *object)
{
	struct text type = agent_member(object, "type");

	if (agent_is(type, "started"))
		started(run, object);
	else if (agent_is(type, "text"))
		agent_say(run, agent_member(object, "text"), json_is_true(json_object_get(object, "delta")));
	else if (agent_is(type, "tool_start"))
		tool(run, object, AGENT_TOOL_START);
	else if (agent_is(type, "tool_end"))
		tool(run, object, AGENT_TOOL_END);
	else if (agent_is(type, "file"))
		agent_file(run, agent_member(object, "path"), agent_member(object, "change"));
	else if (agent_is(type, "usage"))
		used(run, object);
	else if (agent_is(type, "retry"))
		retried(run, object);
	else if (agent_is(type, "warn"))
		agent_warn(run, agent_member(object, "text"));
	else if (agent_is(type, "final"))
		ended(run, object);
	else
		agent_unknown(run);
}
