/* SPDX-License-Identifier: MIT
 *
 * From lines to events, and what the events mean for the run.
 */
#include "clones/agents/run.h"

#include <stdio.h>
#include <string.h>

#include "clones/agents/cli.h"
#include "clones/agents/parse.h"

const struct agent_limits agent_limits_default = {.bytes_max = 256u << 20, .events_max = 100000, .turns_max = 500};

static const char *const event_names[AGENT_EVENT_KINDS] = {"started", "text",  "tool_start", "tool_end", "file",
							   "usage",   "retry", "warn",       "denied",   "final"};

const char *agent_event_name(enum agent_event_kind kind)
{
	return (unsigned)kind < AGENT_EVENT_KINDS ? event_names[kind] : "?";
}

void agent_run_init(struct agent_run *run, const struct agent_cli *cli, const struct agent_limits *limits, agent_sink *sink,
		    void *context)
{
	*run = (struct agent_run){.cli = cli, .sink = sink, .context = context, .limits = agent_limits_default, .cost = -1};
	if (limits && limits->bytes_max)
		run->limits.bytes_max = limits->bytes_max;
	if (limits && limits->events_max)
		run->limits.events_max = limits->events_max;
	if (limits && limits->turns_max)
		run->limits.turns_max = limits->turns_max;
}

bool agent_run_over(const struct agent_run *run)
{
	return run->limit != AGENT_CLASS_NONE;
}

static void reach(struct agent_run *run, enum agent_class limit)
{
	if (!agent_run_over(run))
		run->limit = limit;
}

/* Bytes of the text that end between two characters. */
static uint32_t whole_characters(struct text text, uint32_t most)
{
	if (text.bytes <= most)
		return text.bytes;
	while (most > 0 && ((unsigned char)text.at[most] & 0xC0) == 0x80)
		most--;
	return most;
}

void agent_note_set(struct agent_note *note, struct text text)
{
	note->bytes = whole_characters(text, AGENT_NAME_BYTES - 1);
	note->cut = note->bytes < text.bytes;
	if (note->bytes)
		memcpy(note->at, text.at, note->bytes);
	note->at[note->bytes] = '\0';
}

/* Keeps the end of all that was appended. */
static void words_append(struct agent_words *words, struct text text)
{
	const uint32_t most = AGENT_WORDS_BYTES - 1;
	uint32_t skip = text.bytes > most ? text.bytes - most : 0, fresh = text.bytes - skip;
	uint32_t drop = words->bytes + fresh > most ? words->bytes + fresh - most : 0;

	words->cut |= skip || drop;
	memmove(words->at, words->at + drop, words->bytes - drop);
	words->bytes -= drop;
	if (fresh)
		memcpy(words->at + words->bytes, text.at + skip, fresh);
	words->bytes += fresh;
	words->at[words->bytes] = '\0';
}

static void words_set(struct agent_words *words, struct text text)
{
	words->bytes = 0;
	words->cut = false;
	words_append(words, text);
}

void agent_turn(struct agent_run *run)
{
	run->turn_open = true;
	if (++run->turns > run->limits.turns_max)
		reach(run, AGENT_CLASS_LIMIT_TURNS);
}

static void note_started(struct agent_run *run, const struct agent_event *event)
{
	if (event->session.bytes)
		agent_note_set(&run->session, event->session);
	if (event->model.bytes)
		agent_note_set(&run->model, event->model);
	if (event->version.bytes)
		agent_note_set(&run->version, event->version);
}

static void note_text(struct agent_run *run, const struct agent_event *event)
{
	if (!run->turn_open)
		agent_turn(run);
	if (event->delta && !run->words_ended)
		words_append(&run->words, event->text);
	else
		words_set(&run->words, event->text);
	run->words_ended = !event->delta;
	run->retry_class = AGENT_CLASS_NONE;
}

static void note_tool_end(struct agent_run *run)
{
	run->turn_open = false;
	run->words_ended = true;
	run->retry_class = AGENT_CLASS_NONE;
}

static uint64_t less(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void note_usage(struct agent_run *run, const struct agent_event *event)
{
	const struct agent_usage *seen = &event->usage;
	struct agent_usage base = {0}, *usage = &run->usage;

	if (event->scope == AGENT_SCOPE_STEP) {
		*usage = (struct agent_usage){usage->in + seen->in, usage->in_cached + seen->in_cached,
					      usage->in_cache_write + seen->in_cache_write, usage->out + seen->out,
					      usage->reasoning + seen->reasoning};
	} else {
		if (event->scope == AGENT_SCOPE_THREAD)
			base = run->before;
		*usage = (struct agent_usage){less(seen->in, base.in), less(seen->in_cached, base.in_cached),
					      less(seen->in_cache_write, base.in_cache_write), less(seen->out, base.out),
					      less(seen->reasoning, base.reasoning)};
	}
	run->has_usage = true;
	if (event->cost >= 0)
		run->cost = event->scope == AGENT_SCOPE_STEP && run->cost > 0 ? run->cost + event->cost : event->cost;
}

static void note_retry(struct agent_run *run, const struct agent_event *event)
{
	unsigned status = event->status;
	enum agent_class class = agent_class_of_words(event->text, status ? NULL : &status);

	run->retry_status = status;
	run->retry_class = status ? agent_class_of_status(status, event->text) : class;
	if (run->retry_class == AGENT_CLASS_NONE)
		run->retry_class = AGENT_CLASS_SERVER;
}

static void note_final(struct agent_run *run, const struct agent_event *event)
{
	run->final = true;
	run->final_ok = event->ok;
	run->damaged = false;
	if (event->turns)
		run->reported_turns = event->turns;
	if (event->duration_ms)
		run->duration_ms = event->duration_ms;
	if (event->cost >= 0)
		run->cost = event->cost;
	if (event->ok && event->text.bytes)
		words_set(&run->words, event->text);
	if (!event->ok)
		agent_error(run, event->class, event->status, event->text);
}

static void note(struct agent_run *run, const struct agent_event *event)
{
	switch (event->kind) {
	case AGENT_STARTED:
		note_started(run, event);
		break;
	case AGENT_TEXT:
		note_text(run, event);
		break;
	case AGENT_TOOL_START:
		if (!run->turn_open)
			agent_turn(run);
		break;
	case AGENT_TOOL_END:
		note_tool_end(run);
		break;
	case AGENT_USAGE:
		note_usage(run, event);
		break;
	case AGENT_RETRY:
		note_retry(run, event);
		break;
	case AGENT_DENIED:
		if (!run->denied.bytes)
			agent_note_set(&run->denied, event->name.bytes ? event->name : (struct text){"a tool", 6});
		break;
	case AGENT_FINAL:
		note_final(run, event);
		break;
	default: /* a file is a claim and a warning no end: both are counted and shown */
		break;
	}
}

static uint64_t counted(const struct agent_run *run)
{
	uint64_t sum = run->unknown + run->garbage + run->long_lines;

	for (unsigned i = 0; i < AGENT_EVENT_KINDS; i++)
		sum += run->events[i];
	return sum;
}

void agent_emit(struct agent_run *run, const struct agent_event *event)
{
	run->events[event->kind]++;
	note(run, event);
	if (run->sink)
		run->sink(run->context, event);
}

void agent_error(struct agent_run *run, enum agent_class class, unsigned status, struct text words)
{
	bool guess = run->error == AGENT_CLASS_NONE || run->error == AGENT_CLASS_PROTOCOL || run->error == AGENT_CLASS_CRASH;

	if (class == AGENT_CLASS_NONE)
		class = AGENT_CLASS_CRASH;
	if (!guess || (run->error != AGENT_CLASS_NONE && (class == AGENT_CLASS_PROTOCOL || class == AGENT_CLASS_CRASH)))
		return;
	run->error = class;
	run->status = status;
	agent_note_set(&run->error_words, words);
}

void agent_unknown(struct agent_run *run)
{
	run->unknown++;
}

/* A line that was meant as JSON may have said anything, also that the run has failed. */
static void note_unreadable(struct agent_run *run, struct text line)
{
	uint32_t at = 0;

	run->garbage++;
	while (at < line.bytes && (line.at[at] == ' ' || line.at[at] == '\t'))
		at++;
	if (at < line.bytes && (line.at[at] == '{' || line.at[at] == '['))
		run->damaged = true;
}

static void note_long(struct agent_run *run, struct text line, uint64_t dropped)
{
	char text[160];
	int length = snprintf(text, sizeof(text), "a line of %llu bytes was cut: %.80s",
			      (unsigned long long)(line.bytes + dropped), line.bytes >= 80 ? line.at : "");

	run->long_lines++;
	run->damaged = true;
	agent_warn(run, (struct text){text, (uint32_t)length});
}

static void take(struct agent_run *run, const json_t *value)
{
	size_t count = json_array_size(value);

	if (json_is_object(value))
		run->cli->parse(run, value);
	else if (!json_is_array(value))
		run->garbage++;
	for (size_t i = 0; i < count; i++) { /* the same objects as one array: that is what some print when not asked for lines */
		if (json_is_object(json_array_get(value, i)))
			run->cli->parse(run, json_array_get(value, i));
		else
			run->garbage++;
	}
}

void agent_run_line(void *context, struct text line, uint64_t dropped)
{
	struct agent_run *run = context;
	json_error_t error;
	json_t *value;

	if (agent_run_over(run))
		return;
	run->lines++;
	if (line.bytes == 0 && !dropped)
		return;
	if (dropped) {
		note_long(run, line, dropped);
	} else {
		value = json_loadb(line.at, line.bytes, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
		if (value)
			take(run, value);
		else if (json_error_code(&error) == json_error_out_of_memory)
			run->no_memory = true;
		else
			note_unreadable(run, line);
		json_decref(value);
	}
	if (counted(run) > run->limits.events_max)
		reach(run, AGENT_CLASS_LIMIT_OUTPUT);
}

int agent_run_feed(struct agent_run *run, struct agent_lines *lines, const void *at, size_t bytes)
{
	int rc;

	if (agent_run_over(run)) {
		run->ignored += bytes;
		return 0;
	}
	run->bytes += bytes;
	rc = agent_lines_feed(lines, at, bytes, agent_run_line, run);
	if (rc)
		run->no_memory = true;
	if (run->bytes > run->limits.bytes_max)
		reach(run, AGENT_CLASS_LIMIT_OUTPUT);
	return rc;
}
