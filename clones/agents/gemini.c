/* SPDX-License-Identifier: MIT
 *
 * Gemini CLI (`-o stream-json`).
 *
 *	{"type":"init","session_id","model"}   {"type":"message","role":"user"|"assistant","content","delta"}
 *	{"type":"tool_use","tool_name","tool_id","parameters"}   {"type":"tool_result","tool_id","status"}
 *	{"type":"error","severity":"warning"|"error","message"}
 *	{"type":"result","status":"success"|"error","error":{"type","message"},"stats":{…}}   the last line
 *
 * Its last words are the pieces after the last result of a tool. It says nothing of tools that it was not given, and an answer that was cut or refused
 * looks like any other; an error inside a stream looks like a success without a token.
 */
#include "clones/agents/parse.h"

static void started(struct agent_run *run, const json_t *object)
{
	struct agent_event event = agent_event_of(AGENT_STARTED);

	event.session = agent_member(object, "session_id");
	event.model = agent_member(object, "model");
	agent_emit(run, &event);
}

static void tool_use(struct agent_run *run, const json_t *object)
{
	struct agent_event event = agent_event_of(AGENT_TOOL_START);

	event.id = agent_member(object, "tool_id");
	event.name = agent_member(object, "tool_name");
	agent_input(&event, json_object_get(object, "parameters"));
	agent_emit(run, &event);
	if (agent_is(event.name, "write_file") || agent_is(event.name, "replace") || agent_is(event.name, "edit"))
		agent_file(run, event.path, event.name);
}

static void tool_result(struct agent_run *run, const json_t *object)
{
	struct agent_event event = agent_event_of(AGENT_TOOL_END);

	event.id = agent_member(object, "tool_id");
	event.ok = agent_member_is(object, "status", "success");
	if (!event.ok)
		event.text = agent_member(json_object_get(object, "error"), "message");
	agent_emit(run, &event);
}

static void error_line(struct agent_run *run, const json_t *object)
{
	struct text message = agent_member(object, "message");
	unsigned status;
	enum agent_class class = agent_class_of_words(message, &status);

	if (agent_words_contain(message, "loop detected"))
		agent_error(run, AGENT_CLASS_LIMIT_TURNS, 0, message);
	else if (!agent_member_is(object, "severity", "warning"))
		agent_error(run, class, status, message);
	agent_warn(run, message);
}

/* What is in the total and in neither part is what the model thought: it is paid for, and this form of the output does not name it. */
static void used(struct agent_run *run, const json_t *stats)
{
	struct agent_event event = agent_event_of(AGENT_USAGE);
	uint64_t total = agent_number(stats, "total_tokens");
	struct agent_usage *usage = &event.usage;

	usage->in = agent_number(stats, "input_tokens");
	usage->in_cached = agent_number(stats, "cached");
	usage->out = agent_number(stats, "output_tokens");
	if (total > usage->in + usage->out)
		usage->reasoning = total - usage->in - usage->out;
	usage->out += usage->reasoning;
	event.scope = AGENT_SCOPE_RUN;
	agent_emit(run, &event);
}

static void result_line(struct agent_run *run, const json_t *object)
{
	const json_t *error = json_object_get(object, "error"), *stats = json_object_get(object, "stats");
	struct agent_event event = agent_event_of(AGENT_FINAL);

	used(run, stats);
	event.ok = agent_member_is(object, "status", "success") && !error;
	event.duration_ms = agent_number(stats, "duration_ms");
	event.text = agent_member(error, "message");
	if (agent_member_is(error, "type", "FatalTurnLimitedError"))
		event.class = AGENT_CLASS_LIMIT_TURNS;
	else if (!event.ok)
		event.class = agent_class_of_words(event.text, &event.status);
	agent_emit(run, &event);
}

static void message(struct agent_run *run, const json_t *object)
{
	if (agent_member_is(object, "role", "assistant"))
		agent_say(run, agent_member(object, "content"), json_is_true(json_object_get(object, "delta")));
	else if (!agent_member_is(object, "role", "user")) /* the prompt, said once more */
		agent_unknown(run);
}

void agent_parse_gemini(struct agent_run *run, const json_t *object)
{
	struct text type = agent_member(object, "type");

	if (agent_is(type, "init"))
		started(run, object);
	else if (agent_is(type, "message"))
		message(run, object);
	else if (agent_is(type, "tool_use"))
		tool_use(run, object);
	else if (agent_is(type, "tool_result"))
		tool_result(run, object);
	else if (agent_is(type, "error"))
		error_line(run, object);
	else if (agent_is(type, "result"))
		result_line(run, object);
	else
		agent_unknown(run);
}
