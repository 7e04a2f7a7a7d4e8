/* SPDX-License-Identifier: MIT
 *
 * The generic reader: what stands where is said by pointers, so a new program needs no code.
 */
#include <stdio.h>
#include <string.h>

#include "clones/agents/cli.h"
#include "clones/agents/parse.h"
#include "clones/agents/pointer.h"

static struct text text_at(const json_t *object, const char *pointer)
{
	return agent_text(pointer_find(object, pointer));
}

static uint64_t number_at(const json_t *object, const char *pointer)
{
	double value = json_number_value(pointer_find(object, pointer));

	return value > 0 && value < 9.0e15 ? (uint64_t)value : 0;
}

static bool holds(const json_t *object, const struct agent_when *when)
{
	const json_t *found = pointer_find(object, when->pointer);

	if (!when->pointer)
		return true;
	if (!when->value)
		return found && !json_is_null(found);
	if (json_is_boolean(found))
		return strcmp(when->value, json_is_true(found) ? "true" : "false") == 0;
	if (json_is_integer(found)) {
		char number[32];
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(found));
		return strcmp(when->value, number) == 0;
	}
	return json_is_string(found) && agent_is(agent_text(found), when->value);
}

static void started(struct agent_run *run, const json_t *object, const struct agent_pointers *pointers)
{
	struct agent_event event = agent_event_of(AGENT_STARTED);

	if (!holds(object, &pointers->session_when))
		return;
	if (!run->session.bytes)
		event.session = text_at(object, pointers->session);
	if (!run->model.bytes)
		event.model = text_at(object, pointers->model);
	if (event.session.bytes || event.model.bytes)
		agent_emit(run, &event);
}

static void used(struct agent_run *run, const json_t *object, const struct agent_pointers *pointers)
{
	const json_t *cost = pointer_find(object, pointers->cost);
	struct agent_event event = agent_event_of(AGENT_USAGE);

	if (!holds(object, &pointers->usage_when))
		return;
	if (!json_is_number(pointer_find(object, pointers->in)) && !json_is_number(pointer_find(object, pointers->out)) &&
	    !json_is_number(cost))
		return;
	event.usage.in = number_at(object, pointers->in);
	event.usage.in_cached = number_at(object, pointers->in_cached);
	if (pointers->in_excludes_cached)
		event.usage.in += event.usage.in_cached;
	event.usage.out = number_at(object, pointers->out);
	event.scope = pointers->scope;
	if (json_is_number(cost) && json_number_value(cost) >= 0)
		event.cost = json_number_value(cost);
	agent_emit(run, &event);
}

static void called(struct agent_run *run, const json_t *object, const struct agent_pointers *pointers)
{
	struct agent_event event = agent_event_of(AGENT_TOOL_START);

	if (!pointers->tool || !holds(object, &pointers->tool_when))
		return;
	event.name = text_at(object, pointers->tool);
	event.path = text_at(object, pointers->path);
	if (event.name.bytes)
		agent_emit(run, &event);
}

/* null, false and "" say that there was none. */
static bool has_failed(struct agent_run *run, const json_t *object, const struct agent_pointers *pointers)
{
	const json_t *error = pointer_find(object, pointers->error);
	struct text words = json_is_object(error) ? agent_member(error, "message") : agent_text(error);
	unsigned status = (unsigned)(number_at(object, pointers->status) % 1000);
	enum agent_class class;

	if (!holds(object, &pointers->error_when))
		return false;
	if (!error || json_is_null(error) || json_is_false(error) || (json_is_string(error) && !words.bytes))
		return false;
	class = status ? agent_class_of_status(status, words) : agent_class_of_words(words, &status);
	agent_error(run, class, status, words);
	agent_warn(run, words);
	return true;
}

static void ended(struct agent_run *run, const json_t *object, const struct agent_pointers *pointers)
{
	struct agent_event event = agent_event_of(AGENT_FINAL);

	event.ok = holds(object, &pointers->final_ok);
	agent_emit(run, &event);
}

void agent_parse_pointers(struct agent_run *run, const json_t *object)
{
	const struct agent_pointers *pointers = run->cli->pointers;
	struct text text = holds(object, &pointers->text_when) ? text_at(object, pointers->text) : (struct text){"", 0};
	uint64_t before = run->events[AGENT_STARTED] + run->events[AGENT_USAGE] + run->events[AGENT_TOOL_START];
	bool failed, final = holds(object, &pointers->final);

	started(run, object, pointers);
	agent_say(run, text, pointers->text_is_delta);
	called(run, object, pointers);
	used(run, object, pointers);
	failed = has_failed(run, object, pointers);
	if (final)
		ended(run, object, pointers);
	if (!text.bytes && !failed && !final &&
	    before == run->events[AGENT_STARTED] + run->events[AGENT_USAGE] + run->events[AGENT_TOOL_START])
		agent_unknown(run);
}

int agent_cli_generic(const struct agent_pointers *pointers, struct agent_cli *out_cli, char out_why[AGENT_WHY_BYTES])
{
	const struct {
		const char *name;
		const char *pointer;
	} all[] = {{"session", pointers->session},
		   {"model", pointers->model},
		   {"text", pointers->text},
		   {"in", pointers->in},
		   {"in_cached", pointers->in_cached},
		   {"out", pointers->out},
		   {"cost", pointers->cost},
		   {"error", pointers->error},
		   {"status", pointers->status},
		   {"tool", pointers->tool},
		   {"path", pointers->path},
		   {"session_when", pointers->session_when.pointer},
		   {"text_when", pointers->text_when.pointer},
		   {"usage_when", pointers->usage_when.pointer},
		   {"error_when", pointers->error_when.pointer},
		   {"tool_when", pointers->tool_when.pointer},
		   {"final", pointers->final.pointer},
		   {"final_ok", pointers->final_ok.pointer}};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (!all[i].pointer || pointer_check(all[i].pointer))
			continue;
		snprintf(out_why, AGENT_WHY_BYTES,
			 "%s: \"%.100s\" is no JSON pointer; one looks like \"/message/text\" (RFC 6901).", all[i].name,
			 all[i].pointer);
		return ERR_INVALID_PARAMETERS;
	}
	if (!pointers->final.pointer) {
		snprintf(out_why, AGENT_WHY_BYTES,
			 "final is missing: without the line that ends a run nothing can be called a success.");
		return ERR_INVALID_PARAMETERS;
	}
	*out_cli = (struct agent_cli){.name = "generic",
				      .title = "a program that prints JSON lines",
				      .needs_usage = pointers->out,
				      .parse = agent_parse_pointers,
				      .pointers = pointers};
	return 0;
}
