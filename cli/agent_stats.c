/* SPDX-License-Identifier: MIT
 *
 * bunshin agent stats: what became of agents' work, from the trail alone.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/period.h"
#include "cli/session.h"
#include "cli/story.h"
#include "cli/text.h"
#include "protocol/id.h"

/* One agent with one model: what its attempts came to. */
struct stats {
	struct buffer buffer;
	json_t *rows;     /* {KEY: row}; a row has "times", too, until it is printed */
	json_t *attempts; /* {TASK: row}: the row of the task's last attempt, borrowed by name */
	json_t *verdicts; /* {TASK: true|false}: verified in a race */
	const char *only; /* an agent, or NULL */
};

/* ---- reading ---- */

static const char *text_in(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static void add_to(json_t *row, const char *name, json_int_t more)
{
	json_object_set_new(row, name, json_integer(json_integer_value(json_object_get(row, name)) + more));
}

static const char *work_of(const json_t *agent)
{
	static const char *const works[] = {"", "simple", "usual", "hard"};
	json_int_t level = json_integer_value(json_object_get(agent, "work"));

	return works[level >= 1 && level <= 3 ? level : 0];
}

/* Kinds of tasks are told apart by whether they were part of a race, and how hard they looked. */
static json_t *row_of(struct stats *stats, const json_t *agent)
{
	const char *name = text_in(agent, "name"), *model = text_in(agent, "model");
	const char *kind = json_is_string(json_object_get(agent, "label")) ? "race" : "task";
	const char *work = work_of(agent);
	json_t *key = need(json_sprintf("%s\n%s\n%s\n%s", name, model, kind, work)), *row;

	row = json_object_get(stats->rows, json_string_value(key));
	if (!row) {
		row = need(json_pack("{s:s, s:s?, s:s, s:s?, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:{}, s:[]}", "agent", name,
				     "model", *model ? model : NULL, "kind", kind, "work", *work ? work : NULL, "attempts", 0,
				     "handed_in", 0, "raced", 0, "verified", 0, "tokens", 0, "cost_microusd", 0, "rate_limited",
				     0, "failures", "times"));
		json_object_set_new(stats->rows, json_string_value(key), row);
	}
	json_decref(key);
	return row;
}

static void take_attempt(struct stats *stats, const char *task, const json_t *agent, bool handed_in)
{
	const json_t *usage = json_object_get(agent, "usage"), *verdict = json_object_get(agent, "verdict");
	json_t *row;

	if (stats->only && strcmp(stats->only, text_in(agent, "name")) != 0)
		return;
	row = row_of(stats, agent);
	add_to(row, "attempts", 1);
	add_to(row, "handed_in", handed_in);
	add_to(row, "tokens",
	       json_integer_value(json_object_get(usage, "in")) + json_integer_value(json_object_get(usage, "out")));
	add_to(row, "cost_microusd", json_integer_value(json_object_get(agent, "cost_microusd")));
	add_to(row, "rate_limited", json_integer_value(json_object_get(agent, "rate_limited")));
	if (json_is_integer(json_object_get(agent, "duration_ms")))
		json_array_append(json_object_get(row, "times"), json_object_get(agent, "duration_ms"));
	if (!json_is_true(json_object_get(verdict, "ok")))
		add_to(json_object_get(row, "failures"), text_in(verdict, "class"), 1);
	json_object_set(stats->attempts, task, row);
}

/* A race says of each of its attempts what came of judging it. */
static void take_race(struct stats *stats, const json_t *race)
{
	const json_t *attempt, *task, *verdict;
	size_t i;

	json_array_foreach (json_object_get(race, "attempts"), i, attempt) {
		task = json_object_get(attempt, "task");
		verdict = json_object_get(attempt, "verdict");
		if (json_is_string(task) && json_is_string(verdict))
			json_object_set_new(stats->verdicts, json_string_value(task),
					    json_boolean(strcmp(json_string_value(verdict), "verified") == 0));
	}
}

static void take_json(struct stats *stats, const struct trail_entry *entry, struct text text, bool failed)
{
	json_t *json = text.bytes ? json_loadb(text.at, text.bytes, JSON_ALLOW_NUL, NULL) : NULL;
	const json_t *race = json_object_get(json, "race"), *agent = json_object_get(json, "agent");
	char task[ID_TEXT_BYTES];

	id_print(&entry->task_id, task);
	if (json_is_object(agent))
		take_attempt(stats, task, agent, !failed && json_is_object(json_object_get(json, "change")));
	if (strncmp(text_in(race, "schema"), "bunshin-race/", 13) == 0)
		take_race(stats, race);
	else if (strncmp(text_in(json, "schema"), "bunshin-race/", 13) == 0)
		take_race(stats, json);
	json_decref(json);
}

static int take(void *context, const struct trail_entry *entry)
{
	struct stats *stats = context;
	struct message message;
	int rc;

	if (entry->direction != TRAIL_IN || entry->verdict || !entry->payload.bytes)
		return 0;
	rc = record_message(entry, &stats->buffer, &message);
	if (rc)
		return rc;
	if (message.type == MESSAGE_TASK_COMPLETION)
		take_json(stats, entry, message.task_completion.result, false);
	else
		take_json(stats, entry, message.task_failure.evidence, true);
	return 0;
}

/* ---- folding ---- */

static int by_number(const void *a, const void *b)
{
	const json_int_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static json_t *median(const json_t *times)
{
	size_t count = json_array_size(times);
	json_int_t *all = need(calloc(count + 1, sizeof(*all)));
	json_t *result;

	for (size_t i = 0; i < count; i++)
		all[i] = json_integer_value(json_array_get(times, i));
	qsort(all, count, sizeof(*all), by_number);
	result = count ? json_integer(count % 2 ? all[count / 2] : (all[count / 2 - 1] + all[count / 2]) / 2) : json_null();
	free(all);
	return result;
}

static json_t *failures_words(json_t *failures)
{
	json_t *words = need(json_string("")), *count;
	const char *class;

	json_object_foreach (failures, class, count) {
		json_t *longer = need(json_sprintf("%s%s%s %lld", json_string_value(words), *json_string_value(words) ? ", " : "",
						   class, (long long)json_integer_value(count)));
		json_decref(words);
		words = longer;
	}
	return words;
}

static json_t *finish(struct stats *stats)
{
	json_t *list = need(json_array()), *row, *verified;
	const char *key;

	json_object_foreach (stats->verdicts, key, verified) {
		row = json_object_get(stats->attempts, key);
		if (!row)
			continue;
		add_to(row, "raced", 1);
		add_to(row, "verified", json_is_true(verified));
	}
	json_object_foreach (stats->rows, key, row) {
		json_object_set_new(row, "median_ms", median(json_object_get(row, "times")));
		json_object_set_new(row, "cost_usd",
				    json_real((double)json_integer_value(json_object_get(row, "cost_microusd")) / 1e6));
		json_object_set_new(row, "failed", failures_words(json_object_get(row, "failures")));
		json_object_del(row, "times");
		json_array_append(list, row);
	}
	return list;
}

/* ---- printing ---- */

static const struct column columns[] = {
	{"AGENT", "agent", COLUMN_TEXT, false},
	{"MODEL", "model", COLUMN_TEXT, false},
	{"KIND", "kind", COLUMN_TEXT, false},
	{"WORK", "work", COLUMN_TEXT, false},
	{"ATTEMPTS", "attempts", COLUMN_NUMBER, false},
	{"HANDED IN", "handed_in", COLUMN_NUMBER, false},
	{"RACED", "raced", COLUMN_NUMBER, false},
	{"VERIFIED", "verified", COLUMN_NUMBER, false},
	{"TOKENS", "tokens", COLUMN_NUMBER, false},
	{"DOLLARS", "cost_usd", COLUMN_NUMBER, false},
	{"MEDIAN", "median_ms", COLUMN_SPAN, false},
	{"FAILED", "failed", COLUMN_TEXT, true},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int run(struct call *call)
{
	struct trail_query query = {.with_payload = true, .any_type = {MESSAGE_TASK_COMPLETION, MESSAGE_TASK_FAILURE}};
	struct stats stats = {.only = call->operands ? call->operand[0] : NULL};
	struct trail *trail = NULL;
	int rc = period_take(call, &query);

	if (!rc)
		rc = session_trail(call, &trail);
	if (rc)
		return rc;
	stats.rows = need(json_object());
	stats.attempts = need(json_object());
	stats.verdicts = need(json_object());
	rc = trail_read(trail, &query, take, &stats);
	rc = rc ? session_unreadable(call, rc, trail)
		: listing_print(call, "agents", finish(&stats), columns, "no agent has worked in this period");
	buffer_release(&stats.buffer);
	json_decref(stats.attempts);
	json_decref(stats.rows);
	json_decref(stats.verdicts);
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	PERIOD_OPTIONS,
	{NULL, NULL, NULL},
};

const struct command command_agent_stats = {
	.name = "agent stats",
	.operands = "[NAME]",
	.sentence = "Counts what became of agents' work: verified or not, tokens, cost, time, what went wrong",
	.example = "$ bunshin agent stats --since yesterday",
	.notes = "From the trail, which is only read; texts that were erased are not counted. KIND is race or task. WORK is how "
		 "hard the task looked.\n"
		 "FAILED counts by the class of what went wrong. Works without a running network.",
	.options = options,
	.operands_most = 1,
	.run = run,
};
