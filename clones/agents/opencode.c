/* SPDX-License-Identifier: MIT
 *
 * opencode (`opencode run --format json`).
 *
 *	{"type":"step_start","sessionID","part":{…}}   {"type":"text","part":{"text"}}
 *	{"type":"tool_use","part":{"tool","callID","state":{"status":"completed"|"error","input","error","metadata"}}}
 *	{"type":"step_finish","part":{"reason","tokens":{…},"cost"}}
 *	{"type":"error","error":{"name","data":{"message","statusCode"}}}
 *
 * There is no last line: a run is at its end when the last step has finished with the reason "stop" and the stream ends. Any other reason but
 * "tool-calls" is an end too, and no good one; after an error it may try again and again, each time running its tools once more.
 */
#include "clones/agents/parse.h"

static void step_start(struct agent_run *run, const json_t *object)
{
	struct agent_event event = agent_event_of(AGENT_STARTED);

	event.session = agent_member(object, "sessionID");
	if (!run->session.bytes)
		agent_emit(run, &event);
	agent_turn(run);
	run->final = false; /* whatever the step before it said */
	run->words_ended = true;
}

static void denied(struct agent_run *run, const struct agent_event *tool)
{
	struct agent_event event = *tool;

	event.kind = AGENT_DENIED;
	agent_emit(run, &event);
}

static void tool_use(struct agent_run *run, const json_t *part)
{
	const json_t *state = json_object_get(part, "state");
	const json_t *exit_code = json_object_get(json_object_get(state, "metadata"), "exit");
	struct agent_event event = agent_event_of(AGENT_TOOL_START);
	struct text error = agent_member(state, "error");

	event.id = agent_member(part, "callID");
	event.name = agent_member(part, "tool");
	agent_input(&event, json_object_get(state, "input"));
	agent_emit(run, &event);
	event.kind = AGENT_TOOL_END;
	event.ok = agent_member_is(state, "status", "completed");
	if (json_is_integer(exit_code))
		event.exit_status = (int)json_integer_value(exit_code);
	if (!event.ok)
		event.text = error;
	agent_emit(run, &event);
	run->turn_open = true; /* turns are steps */
	if (event.ok && (agent_is(event.name, "write") || agent_is(event.name, "edit") || agent_is(event.name, "patch")))
		agent_file(run, event.path, event.name);
	if (agent_words_contain(error, "rejected permission") || agent_words_contain(error, "permission denied by"))
		denied(run, &event);
}

static void used(struct agent_run *run, const json_t *part)
{
	const json_t *tokens = json_object_get(part, "tokens"), *cache = json_object_get(tokens, "cache");
	struct agent_event event = agent_event_of(AGENT_USAGE);
	struct agent_usage *usage = &event.usage;

	usage->in_cached = agent_number(cache, "read");
	usage->in_cache_write = agent_number(cache, "write");
	usage->in = agent_number(tokens, "input") + usage->in_cached + usage->in_cache_write;
	usage->reasoning = agent_number(tokens, "reasoning");
	usage->out = agent_number(tokens, "output") + usage->reasoning;
	event.scope = AGENT_SCOPE_STEP;
	event.cost = agent_cost(part, "cost");
	agent_emit(run, &event);
}

static enum agent_class class_of_reason(struct text reason)
{
	if (agent_is(reason, "length"))
		return AGENT_CLASS_TRUNCATED;
	return agent_is(reason, "content-filter") ? AGENT_CLASS_REFUSED : AGENT_CLASS_PROTOCOL;
}

static void step_finish(struct agent_run *run, const json_t *part)
{
	struct agent_event event = agent_event_of(AGENT_FINAL);
	struct text reason = agent_member(part, "reason");

	used(run, part);
	event.ok = agent_is(reason, "stop");
	if (event.ok)
		agent_emit(run, &event);
	else if (!agent_is(reason, "tool-calls"))
		agent_error(run, class_of_reason(reason), 0, reason);
}

static enum agent_class class_of_name(struct text name, struct text words, unsigned *status)
{
	if (agent_is(name, "ContextOverflowError"))
		return AGENT_CLASS_CONTEXT;
	if (agent_is(name, "ContentFilterError"))
		return AGENT_CLASS_REFUSED;
	if (agent_is(name, "ProviderAuthError"))
		return AGENT_CLASS_AUTH;
	if (agent_is(name, "MessageOutputLengthError"))
		return AGENT_CLASS_TRUNCATED;
	return *status ? agent_class_of_status(*status, words) : agent_class_of_words(words, status);
}

static void error_line(struct agent_run *run, const json_t *object)
{
	const json_t *error = json_object_get(object, "error"), *data = json_object_get(error, "data");
	struct agent_event event = agent_event_of(AGENT_FINAL);

	event.status = (unsigned)agent_number(data, "statusCode");
	event.text = agent_member(data, "message");
	event.class = class_of_name(agent_member(error, "name"), event.text, &event.status);
	if (!run->session.bytes)
		agent_note_set(&run->session, agent_member(object, "sessionID"));
	agent_emit(run, &event);
}

void agent_parse_opencode(struct agent_run *run, const json_t *object)
{
	struct text type = agent_member(object, "type");
	const json_t *part = json_object_get(object, "part");

	if (agent_is(type, "step_start"))
		step_start(run, object);
	else if (agent_is(type, "text"))
		agent_say(run, agent_member(part, "text"), false);
	else if (agent_is(type, "tool_use"))
		tool_use(run, part);
	else if (agent_is(type, "step_finish"))
		step_finish(run, part);
	else if (agent_is(type, "error"))
		error_line(run, object);
	else
		agent_unknown(run);
}
