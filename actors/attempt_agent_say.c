/* SPDX-License-Identifier: MIT
 *
 * What is said of an agent: progress while it runs, the member "agent" of the result afterwards. Nothing of it holds a secret.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/attempt_agent_inner.h"
#include "clones/result.h"

#define SAY_MS      1000u
#define ALIVE_MS    4000u /* nothing new: that it is there */
#define CLAIM_BYTES 2000u
#define LINE_BYTES  400u

/* ---- masking ---- */

void agent_mask(const struct agent_attempt *agent, char *at, size_t bytes)
{
	size_t key = strlen(agent->key);

	vault_mask(agent->vault, at, bytes);
	if (key < SECRET_BYTES_MIN)
		return;
	for (char *found = at; (found = memmem(found, bytes - (size_t)(found - at), agent->key, key)); found += key)
		memset(found, '*', key);
}

/* A text of its own for JSON: masked, cut, valid UTF-8. */
static json_t *said_json(const struct agent_attempt *agent, const char *text, size_t bytes, size_t most)
{
	char *copy = malloc(bytes + 1);
	json_t *json;

	if (!copy)
		return json_null();
	memcpy(copy, text, bytes);
	agent_mask(agent, copy, bytes);
	json = text_json(copy, bytes, most);
	free(copy);
	return json ? json : json_null();
}

/* ---- what it is doing ---- */

/* Control characters become spaces; the end is cut. */
static size_t put_plain(char *out, size_t used, size_t room, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes && used + 1 < room; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte == '\n' && used)
			break;
		out[used++] = byte < 0x20 || byte == 0x7F ? ' ' : (char)byte;
	}
	out[used] = '\0';
	return used;
}

/* /work/src/a.c is src/a.c for people. */
static struct text short_path(struct text path)
{
	size_t bytes = sizeof(AGENT_WORK "/") - 1;

	if (path.bytes > bytes && memcmp(path.at, AGENT_WORK "/", bytes) == 0)
		return (struct text){path.at + bytes, path.bytes - (uint32_t)bytes};
	return path;
}

static void set_doing(struct agent_attempt *agent, struct text what, struct text about)
{
	size_t used = put_plain(agent->doing, 0, sizeof(agent->doing), what.at, what.bytes);

	if (about.bytes && used) {
		used = put_plain(agent->doing, used, sizeof(agent->doing), " ", 1);
		put_plain(agent->doing, used, sizeof(agent->doing), about.at, about.bytes);
	}
}

static void add_path(struct agent_attempt *agent, struct text path)
{
	uint64_t hash = 1469598103934665603ull;

	for (uint32_t i = 0; i < path.bytes; i++)
		hash = (hash ^ (unsigned char)path.at[i]) * 1099511628211ull;
	for (size_t i = 0; i < agent->path_count; i++)
		if (agent->paths[i] == hash)
			return;
	if (path.bytes && agent->path_count < AGENT_PATHS_MAX)
		agent->paths[agent->path_count++] = hash;
}

void agent_note_event(struct agent_attempt *agent, const struct agent_event *event)
{
	static const struct text says = {"says:", 5}, changes = {"changes", 7}, waits = {"tries again:", 12};

	switch (event->kind) {
	case AGENT_TOOL_START:
		set_doing(agent, event->name, event->path.bytes ? short_path(event->path) : event->text);
		break;
	case AGENT_FILE:
		set_doing(agent, changes, short_path(event->path));
		add_path(agent, event->path);
		break;
	case AGENT_TEXT:
		if (!event->delta)
			set_doing(agent, says, event->text);
		break;
	case AGENT_RETRY:
		set_doing(agent, waits, event->text);
		break;
	default:
		break;
	}
}

/* ---- what it took ---- */

void agent_usage_of(const struct agent_attempt *agent, struct wire_usage *out_usage, const char **out_by)
{
	const struct agent_usage *said = &agent->run.usage;

	*out_by = "none";
	*out_usage = (struct wire_usage){0};
	if (agent->proxy && agent->count.requests) {
		*out_usage = agent->count.usage;
		*out_by = "proxy";
	} else if (agent->run.has_usage) {
		*out_usage = (struct wire_usage){.in = said->in,
						 .in_cached = said->in_cached,
						 .in_cache_write = said->in_cache_write,
						 .out = said->out,
						 .reasoning = said->reasoning};
		*out_by = "program";
	}
}

/* By our prices alone: what a program reckons itself is noted, not believed. */
uint64_t agent_cost_of(const struct agent_attempt *agent)
{
	const struct agent_conf *conf = &agent->setup->conf;
	const struct price price = {conf->price_in, conf->price_cached, conf->price_cache_write, conf->price_out};
	struct wire_usage usage;
	const char *by;

	if (!conf->priced)
		return 0;
	if (agent->proxy && agent->count.requests)
		return agent->count.microusd;
	agent_usage_of(agent, &usage, &by);
	return price_of(&price, &usage);
}

/* ---- progress ---- */

static uint64_t events_of(const struct agent_attempt *agent)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < AGENT_EVENT_KINDS; i++)
		sum += agent->run.events[i];
	return sum;
}

static size_t files_of(const struct agent_attempt *agent)
{
	return agent->live.known ? agent->live.files : agent->path_count;
}

static void put_tokens(uint64_t tokens, char out[24])
{
	if (tokens < 1000)
		snprintf(out, 24, "%llu", (unsigned long long)tokens);
	else if (tokens < 10000000)
		snprintf(out, 24, "%lluk", (unsigned long long)(tokens / 1000));
	else
		snprintf(out, 24, "%lluM", (unsigned long long)(tokens / 1000000));
}

static size_t print_line(const struct agent_attempt *agent, uint64_t tokens, char line[LINE_BYTES])
{
	char short_tokens[24], cost[32] = "";
	uint64_t microusd = agent_cost_of(agent), events = events_of(agent);
	size_t files = files_of(agent);

	put_tokens(tokens, short_tokens);
	if (agent->setup->conf.priced)
		snprintf(cost, sizeof(cost), " · $%.2f", (double)microusd / 1e6);
	return (size_t)snprintf(line, LINE_BYTES, "%s: %s · %llu event%s · %s tokens%s · %zu file%s",
				agent->label ? agent->label : agent->setup->conf.name,
				agent->doing[0] ? agent->doing : "has begun", (unsigned long long)events, events == 1 ? "" : "s",
				short_tokens, cost, files, files == 1 ? "" : "s");
}

static uint32_t permille_of(const struct agent_attempt *agent, uint64_t now_ms)
{
	uint64_t all = agent->attempt->end_ms > agent->begin_ms ? agent->attempt->end_ms - agent->begin_ms : 1;
	uint64_t permille = 50 + 850 * (now_ms - agent->begin_ms) / all;

	return permille > 900 ? 900 : (uint32_t)permille;
}

void agent_say_progress(struct agent_attempt *agent, uint64_t now_ms, bool at_once)
{
	uint64_t events = events_of(agent), silence = now_ms - agent->said_ms;
	bool news = events != agent->said_events;
	struct wire_usage usage;
	const char *by;
	char line[LINE_BYTES];
	size_t bytes;

	if (!at_once && silence < (news ? SAY_MS : ALIVE_MS))
		return;
	agent->said_ms = now_ms;
	agent->said_events = events;
	agent_usage_of(agent, &usage, &by);
	bytes = print_line(agent, usage.in + usage.out, line);
	attempt_print(json_pack("{s:{s:s, s:o, s:i, s:i, s:{s:I, s:I, s:I, s:I, s:s?}}}", "progress", "stage", "agent", "line",
				said_json(agent, line, bytes < sizeof(line) ? bytes : sizeof(line) - 1, LINE_BYTES), "permille",
				(int)permille_of(agent, now_ms), "grace_ms", (int)(2 * agent->stage_ms + 4000), "facts", "events",
				(json_int_t)events, "tokens", (json_int_t)(usage.in + usage.out), "cost_microusd",
				(json_int_t)agent_cost_of(agent), "files", (json_int_t)files_of(agent), "live",
				agent->live.commit[0] ? agent->live.commit : NULL));
}

/* ---- the result ---- */

static json_t *verdict_json(const struct agent_attempt *agent)
{
	const struct agent_verdict *verdict = &agent->verdict;

	return json_pack("{s:b, s:s, s:b, s:I, s:o}", "ok", (int)verdict->ok, "class", agent_class_name(verdict->class), "retry",
			 (int)verdict->retry, "status", (json_int_t)verdict->status, "why",
			 said_json(agent, verdict->why, strlen(verdict->why), AGENT_WHY_BYTES));
}

static json_t *usage_json(const struct agent_attempt *agent)
{
	struct wire_usage usage;
	const char *by;

	agent_usage_of(agent, &usage, &by);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:s}", "in", (json_int_t)usage.in, "in_cached", (json_int_t)usage.in_cached,
			 "in_cache_write", (json_int_t)usage.in_cache_write, "out", (json_int_t)usage.out, "reasoning",
			 (json_int_t)usage.reasoning, "by", by);
}

static json_t *reported_cost(const struct agent_attempt *agent)
{
	if (agent->run.cost < 0 || (agent->setup->cli.prices_unknown && !agent->setup->conf.priced))
		return json_null();
	return json_integer((json_int_t)(agent->run.cost * 1e6 + 0.5));
}

static json_t *note_json(const struct agent_attempt *agent, const struct agent_note *note)
{
	return note->bytes ? said_json(agent, note->at, note->bytes, AGENT_NAME_BYTES) : json_null();
}

static json_t *model_json(const struct agent_attempt *agent)
{
	if (agent->run.model.bytes)
		return note_json(agent, &agent->run.model);
	if (agent->count.model[0])
		return said_json(agent, agent->count.model, strlen(agent->count.model), AGENT_NAME_BYTES);
	return agent->model ? said_json(agent, agent->model, strlen(agent->model), AGENT_NAME_BYTES) : json_null();
}

static json_t *version_json(const struct agent_attempt *agent)
{
	return agent->setup->version[0] ? json_string(agent->setup->version) : note_json(agent, &agent->run.version);
}

static json_t *claim_json(const struct agent_attempt *agent)
{
	return json_pack("{s:b, s:o}", "ok", agent->run.final && agent->run.final_ok ? 1 : 0, "text",
			 said_json(agent, agent->run.words.at, agent->run.words.bytes, CLAIM_BYTES));
}

json_t *agent_json(struct agent_attempt *agent)
{
	json_t *json = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "name", agent->setup->conf.name,
				 "adapter", agent->setup->conf.adapter, "program",
				 agent->setup->own ? json_string("bunshin")
						   : text_json(agent->setup->program, strlen(agent->setup->program), PATH_MAX),
				 "version", version_json(agent), "model", model_json(agent), "session",
				 note_json(agent, &agent->run.session), "claim", claim_json(agent), "verdict",
				 verdict_json(agent), "usage", usage_json(agent), "cost_microusd",
				 (json_int_t)agent_cost_of(agent), "reported_cost_microusd", reported_cost(agent));

	json_object_set_new(json, "chosen",
			    agent->chosen.name[0] ? text_json(agent->chosen.why, strlen(agent->chosen.why), AGENT_WHY_CHOSEN)
						  : json_null());
	json_object_set_new(json, "work", json_integer(agent->level));
	json_object_set_new(json, "priced", json_boolean(agent->setup->conf.priced));
	json_object_set_new(json, "label", agent->label ? json_string(agent->label) : json_null());
	json_object_set_new(json, "turns",
			    json_integer(agent->run.reported_turns ? agent->run.reported_turns : agent->run.turns));
	json_object_set_new(json, "requests", json_integer(agent->count.requests));
	json_object_set_new(json, "rate_limited", json_integer(agent->count.rate_limited));
	json_object_set_new(json, "retry_after_ms", json_integer(agent->count.retry_after_ms));
	json_object_set_new(json, "duration_ms", json_integer((json_int_t)agent->result.wall_ms));
	json_object_set_new(json, "first_event_ms",
			    agent->first_event_ms ? json_integer((json_int_t)(agent->first_event_ms - agent->begin_ms))
						  : json_null());
	json_object_set_new(json, "stop", json_string(agent->stop));
	json_object_set_new(json, "denied", note_json(agent, &agent->run.denied));
	json_object_set_new(json, "events", json_integer((json_int_t)events_of(agent)));
	json_object_set_new(json, "printed_bytes", json_integer((json_int_t)agent->log_total));
	json_object_set(json, "copied", agent->copies);
	json_object_set(json, "not_copied", agent->copies_left);
	return json;
}
