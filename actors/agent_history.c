/* SPDX-License-Identifier: MIT
 *
 * Newest first, so that what a race says of its attempts is known before they come.
 */
#include "actors/agent_history.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "actors/fresh.h"
#include "audit/trail.h"
#include "protocol/id.h"
#include "protocol/message.h"
#include "protocol/validate.h"

#define READ_MS   1000u
#define HALT      1 /* enough was read */
#define NAME_MOST 65u
#define USUAL     2u

struct agent_sample {
	char agent[NAME_MOST], model[NAME_MOST];
	unsigned level;
	bool counts, good; /* for success */
	bool whole;        /* it ended by itself: what it took is what such work takes */
	uint64_t tokens, microusd;
};

struct agent_history {
	struct agent_sample *sample;
	size_t count;
	/* While it is read. */
	struct buffer scratch;
	json_t *verdicts; /* {TASK: true|false}: the work was good */
	uint64_t end_ms;
};

/* ---- one attempt ---- */

static const char *text_in(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static uint64_t number_in(const json_t *object, const char *name)
{
	json_int_t number = json_integer_value(json_object_get(object, name));

	return number > 0 ? (uint64_t)number : 0;
}

static bool one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

/* No fault and no merit of the agent's. */
static bool by_others(const char *class)
{
	static const char *const classes[] = {
		"rate_limit",    "overloaded", "server",        "network",      "auth",      "quota", "config",
		"not_installed", "trust",      "model_unknown", "limit_budget", "cancelled", NULL};

	return one_of(class, classes);
}

static void take_attempt(struct agent_history *history, const char *task, const json_t *agent, bool handed_in)
{
	const json_t *usage = json_object_get(agent, "usage"), *verdict = json_object_get(agent, "verdict");
	const json_t *judged = json_object_get(history->verdicts, task);
	struct agent_sample *sample = &history->sample[history->count];
	uint64_t level = number_in(agent, "work");
	bool raced = json_is_string(json_object_get(agent, "label"));

	if (history->count == AGENT_HISTORY_RUNS || strlen(text_in(agent, "name")) >= NAME_MOST || !text_in(agent, "name")[0])
		return;
	*sample = (struct agent_sample){.level = level >= 1 && level <= 3 ? (unsigned)level : USUAL};
	strcpy(sample->agent, text_in(agent, "name"));
	memcpy(sample->model, text_in(agent, "model"), strnlen(text_in(agent, "model"), NAME_MOST - 1));
	sample->tokens = number_in(usage, "in") + number_in(usage, "out");
	sample->microusd = number_in(agent, "cost_microusd");
	sample->whole = strcmp(text_in(agent, "stop"), "none") == 0 && sample->tokens && !by_others(text_in(verdict, "class"));
	sample->counts = handed_in ? judged || !raced : !by_others(text_in(verdict, "class"));
	sample->good = handed_in && (judged ? json_is_true(judged) : !raced);
	history->count++;
}

static void take_race(struct agent_history *history, const json_t *race)
{
	const json_t *attempt;
	size_t i;

	json_array_foreach (json_object_get(race, "attempts"), i, attempt) {
		const char *verdict = text_in(attempt, "verdict");
		bool good = strcmp(verdict, "verified") == 0 ||
			    (strcmp(verdict, "with gaps") == 0 && !json_is_true(json_object_get(attempt, "lied")));

		if (text_in(attempt, "task")[0] && verdict[0])
			json_object_set_new(history->verdicts, text_in(attempt, "task"), json_boolean(good));
	}
}

/* ---- reading ---- */

static bool is_race(const json_t *json)
{
	return strncmp(text_in(json, "schema"), "bunshin-race/", 13) == 0;
}

static void take_json(struct agent_history *history, const struct trail_entry *entry, struct text text, bool failed)
{
	json_t *json = text.bytes ? json_loadb(text.at, text.bytes, JSON_ALLOW_NUL, NULL) : NULL;
	const json_t *agent = json_object_get(json, "agent"), *race = json_object_get(json, "race");
	char task[ID_TEXT_BYTES];

	id_print(&entry->task_id, task);
	if (json_is_object(agent))
		take_attempt(history, task, agent, !failed && json_is_object(json_object_get(json, "change")));
	if (is_race(race) || is_race(json))
		take_race(history, is_race(race) ? race : json);
	json_decref(json);
}

/* Most results are of specialists: they need not be taken apart to see that. */
static bool may_tell(const struct bytes *payload)
{
	return memmem(payload->at, payload->bytes, "\"agent\"", 7) != NULL;
}

static int take(void *context, const struct trail_entry *entry)
{
	struct agent_history *history = context;
	struct message message;
	struct parts parts;

	if (history->count == AGENT_HISTORY_RUNS || boottime_now_ms() > history->end_ms)
		return HALT;
	if (entry->direction != TRAIL_IN || entry->verdict || !entry->payload.bytes || !may_tell(&entry->payload))
		return 0;
	history->scratch.bytes = 0;
	if (message_join((enum message_type)entry->type, entry->header, entry->facts, entry->payload, &history->scratch) ||
	    validate_message(history->scratch.at, history->scratch.bytes, &parts) || message_decode(&parts, &message) ||
	    message_decode_payload(&message))
		return 0; /* whether the trail is whole is asked elsewhere */
	if (message.type == MESSAGE_TASK_COMPLETION)
		take_json(history, entry, message.task_completion.result, false);
	else
		take_json(history, entry, message.task_failure.evidence, true);
	return 0;
}

static void read_trail(struct agent_history *history, const struct state_folder *state)
{
	struct trail_query query = {
		.with_payload = true, .newest_first = true, .any_type = {MESSAGE_TASK_COMPLETION, MESSAGE_TASK_FAILURE}};
	struct trail *trail = NULL;
	char path[PATH_BYTES], why[256];

	if (state_path(state, STATE_TRAIL, path) || trail_open(path, TRAIL_READ, &trail, why))
		return;
	history->end_ms = boottime_now_ms() + READ_MS;
	if (trail_read(trail, &query, take, history) < 0)
		history->count = 0;
	trail_close(trail);
}

int agent_history_read(const struct state_folder *state, struct agent_history **out_history)
{
	struct agent_history *history = calloc(1, sizeof(*history));

	if (history)
		history->sample = calloc(AGENT_HISTORY_RUNS, sizeof(*history->sample));
	if (history)
		history->verdicts = json_object();
	if (!history || !history->sample || !history->verdicts) {
		agent_history_free(history);
		return ERR_MEMORY;
	}
	read_trail(history, state);
	buffer_release(&history->scratch);
	*out_history = history;
	return 0;
}

void agent_history_free(struct agent_history *history)
{
	if (!history)
		return;
	json_decref(history->verdicts);
	buffer_release(&history->scratch);
	free(history->sample);
	free(history);
}

/* ---- counting ---- */

static bool same_model(const char *a, const char *b)
{
	size_t shorter = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return strncmp(a, b, shorter) == 0;
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What nine in ten stayed at or below. */
static void summarize(uint64_t *all, size_t count, uint64_t *out_mean, uint64_t *out_p90)
{
	double sum = 0;

	if (!count)
		return;
	for (size_t i = 0; i < count; i++)
		sum += (double)all[i];
	qsort(all, count, sizeof(*all), by_number);
	*out_mean = (uint64_t)(sum / (double)count + 0.5);
	*out_p90 = all[(9 * count + 9) / 10 - 1];
}

void agent_history_of(const struct agent_history *history, const char *agent, const char *model, unsigned level,
		      struct agent_tally *out_tally)
{
	uint64_t tokens[AGENT_HISTORY_RUNS], microusd[AGENT_HISTORY_RUNS];
	struct agent_tally tally = {0};

	for (size_t i = 0; i < history->count; i++) {
		const struct agent_sample *sample = &history->sample[i];

		if (strcmp(sample->agent, agent) != 0 || sample->level != level || !same_model(sample->model, model ? model : ""))
			continue;
		tally.attempts += sample->counts;
		tally.good += sample->counts && sample->good;
		if (!sample->whole)
			continue;
		tokens[tally.past.runs] = sample->tokens;
		microusd[tally.past.runs++] = sample->microusd;
	}
	summarize(tokens, tally.past.runs, &tally.past.tokens_mean, &tally.past.tokens_p90);
	summarize(microusd, tally.past.runs, &tally.past.microusd_mean, &tally.past.microusd_p90);
	*out_tally = tally;
}
