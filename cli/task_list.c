/* SPDX-License-Identifier: MIT
 *
 * bunshin task list
 */
#include <stdlib.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/session.h"
#include "cli/story.h"

static const struct column columns[] = {
	{"TASK", "task_id", COLUMN_TEXT, false},         {"TYPE", "task_type", COLUMN_TEXT, false},
	{"STATE", "state", COLUMN_STATE, false},         {"PRIORITY", "priority", COLUMN_TEXT, false},
	{"TRIES", "attempts", COLUMN_NUMBER, false},     {"CLONE", "clone", COLUMN_TEXT, false},
	{"ACCEPTED", "accepted_at", COLUMN_TIME, false}, {"TOOK", "took_ms", COLUMN_SPAN, false},
	{"ERROR", "error", COLUMN_TEXT, true},           {NULL, NULL, COLUMN_TEXT, false},
};

/* Ids first, then their stories: a handle of the trail reads one thing at a time. */
struct ids {
	struct id *id;
	size_t count;
	size_t capacity;
};

static int keep_id(void *context, const struct trail_task *task)
{
	struct ids *ids = context;

	if (ids->count == ids->capacity)
		return 1;
	ids->id[ids->count++] = task->task_id;
	return 0;
}

static bool matches(const struct call *call, const struct story *story, uint32_t state)
{
	const char *type = option(call, "type");

	if (state && story->state != state)
		return false;
	return !type || strcmp(type, story->task_type) == 0;
}

static int collect(struct call *call, struct trail *trail, uint32_t state, uint32_t limit, json_t *rows)
{
	/* A type is known only from the story: look at more tasks than are shown. */
	struct ids ids = {.capacity = option(call, "type") || (state && !state_is_end(state)) ? 100000 : limit};
	uint32_t asked = state == 0 ? 0 : state_is_end(state) ? state : STATE_ACCEPTED;
	int rc;

	ids.id = calloc(ids.capacity, sizeof(*ids.id));
	if (!ids.id)
		return ERR_MEMORY;
	rc = trail_tasks(trail, asked, (uint32_t)ids.capacity, keep_id, &ids);
	for (size_t i = 0; rc >= 0 && i < ids.count && json_array_size(rows) < limit; i++) {
		struct story story;
		rc = story_read(trail, &ids.id[i], &story);
		if (!rc && matches(call, &story, state))
			json_array_append_new(rows, story_json(&story));
	}
	free(ids.id);
	return rc < 0 ? rc : 0;
}

static int run(struct call *call)
{
	const char *word = option(call, "only");
	uint32_t state = word ? state_find(word) : 0;
	uint32_t limit = 50;
	struct trail *trail = NULL;
	json_t *rows;
	int rc = option_number(call, "limit", 1, 100000, &limit);

	if (!rc && word && !state)
		rc = call_fail(call, ERR_USAGE, NULL,
			       "--only: \"%s\" is no state; accepted, assigned, running, waiting, cancelling, completed, failed, "
			       "cancelled and expired are",
			       word);
	if (!rc)
		rc = session_trail(call, &trail);
	if (rc)
		return rc;
	rows = json_array();
	rc = collect(call, trail, state, limit, rows);
	if (rc) {
		rc = call_fail(call, rc, "`bunshin audit verify` checks the trail", "the trail cannot be read: %s",
			       trail_why(trail));
		json_decref(rows);
	} else {
		rc = listing_print(call, "tasks", rows, columns, "no tasks");
	}
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	{"only", "STATE", "only tasks in this state"},
	{"type", "TYPE", "only tasks of this type"},
	{"limit", "N", "at most so many; 50 if not given"},
	{NULL, NULL, NULL},
};

const struct command command_task_list = {
	.name = "task list",
	.operands = "",
	.sentence = "Lists tasks, the newest first",
	.example = "$ bunshin task list --only running",
	.notes = "Read from the trail; works without a running network.",
	.options = options,
	.run = run,
};
