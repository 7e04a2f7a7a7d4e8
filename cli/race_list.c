/* SPDX-License-Identifier: MIT
 *
 * bunshin race list
 */
#include <stdlib.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/race_find.h"
#include "cli/race_view.h"
#include "cli/session.h"
#include "cli/text.h"

#define TASKS_SEARCHED 100000u

static const struct column columns[] = {
	{"RACE", "race", COLUMN_ID, false},           {"STATE", "state", COLUMN_STATE, false},
	{"BEST", "best", COLUMN_TEXT, false},         {"VERDICT", "verdict", COLUMN_TEXT, false},
	{"MERGING", "merging", COLUMN_TEXT, false},   {"ATTEMPTS", "attempts", COLUMN_NUMBER, false},
	{"BEGUN", "accepted_at", COLUMN_TIME, false}, {"TOOK", "took_ms", COLUMN_SPAN, false},
	{"PROMPT", "prompt", COLUMN_TEXT, true},      {NULL, NULL, COLUMN_TEXT, false},
};

/* Ids first: a handle of the trail reads one thing at a time. */
struct ids {
	struct id *id;
	size_t count;
};

static int keep_id(void *context, const struct trail_task *task)
{
	struct ids *ids = context;

	if (ids->count == TASKS_SEARCHED)
		return 1;
	ids->id[ids->count++] = task->task_id;
	return 0;
}

static json_t *first_line(const char *text)
{
	return json_stringn_nocheck(text, strcspn(text, "\n"));
}

static json_t *text_or_null(const char *text)
{
	return *text ? json_string_nocheck(text) : json_null();
}

static json_t *row_of(const struct found_race *race)
{
	json_t *facts = story_json(&race->story), *row;
	const char *best = text_at(race->race, "choice.label");
	size_t attempts = json_array_size(json_object_get(race->parameters, "agents")) +
			  json_array_size(json_object_get(race->parameters, "candidates"));

	row = need(json_pack("{s:s, s:O, s:o, s:o, s:o, s:I, s:O, s:O, s:o}", "race", race->text, "state",
			     json_object_get(facts, "state"), "best", text_or_null(best), "verdict",
			     text_or_null(text_at(race_attempt(race->race, best), "verdict")), "merging",
			     text_or_null(text_at(race->race, "merging.state")), "attempts", (json_int_t)attempts, "accepted_at",
			     json_object_get(facts, "accepted_at"), "took_ms", json_object_get(facts, "took_ms"), "prompt",
			     first_line(text_at(race->parameters, "prompt"))));
	json_decref(facts);
	return row;
}

static int collect(const struct call *call, struct trail *trail, uint32_t limit, json_t *rows)
{
	struct ids ids = {.id = need(calloc(TASKS_SEARCHED, sizeof(struct id)))};
	int rc = trail_tasks(trail, 0, TASKS_SEARCHED, keep_id, &ids);

	for (size_t i = 0; rc >= 0 && i < ids.count && json_array_size(rows) < limit; i++) {
		struct story story;
		struct found_race race;
		char text[ID_TEXT_BYTES];
		rc = story_read(trail, &ids.id[i], &story);
		if (rc || strcmp(story.task_type, "race") != 0)
			continue;
		id_print(&ids.id[i], text);
		rc = race_find(call, text, &race);
		if (!rc)
			json_array_append_new(rows, row_of(&race));
		race_release(&race);
	}
	free(ids.id);
	return rc < 0 ? session_unreadable(call, rc, trail) : rc == 1 ? 0 : rc;
}

static int run(struct call *call)
{
	struct trail *trail = NULL;
	uint32_t limit = 20;
	json_t *rows;
	int rc = option_number(call, "limit", 1, 10000, &limit);

	if (!rc)
		rc = session_trail(call, &trail);
	if (rc)
		return rc;
	rows = json_array();
	rc = collect(call, trail, limit, rows);
	trail_close(trail);
	if (rc) {
		json_decref(rows);
		return rc;
	}
	return listing_print(call, "races", rows, columns, "no races");
}

static const struct option_row options[] = {
	{"limit", "N", "at most so many; 20 if not given"},
	{NULL, NULL, NULL},
};

const struct command command_race_list = {
	.name = "race list",
	.operands = "",
	.sentence = "Lists races, the newest first",
	.example = "$ bunshin race list",
	.notes = "Read from the trail; works without a running network.",
	.options = options,
	.run = run,
};
