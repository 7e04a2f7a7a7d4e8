/* SPDX-License-Identifier: MIT
 *
 * bunshin recover list, retry, reassign, replay, resolve, fail
 */
#include <stdlib.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/session.h"
#include "cli/story.h"
#include "protocol/id.h"

/* ---- what needs a person ---- */

static const struct column list_columns[] = {
	{"TASK", "task_id", COLUMN_TEXT, false},
	{"TYPE", "task_type", COLUMN_TEXT, false},
	{"STATE", "state", COLUMN_STATE, false},
	{"ERROR", "error", COLUMN_TEXT, false},
	{"TRIES", "attempts", COLUMN_NUMBER, false},
	{"CLONE", "clone", COLUMN_TEXT, false},
	{"ACCEPTED", "accepted_at", COLUMN_TIME, false},
	{"NEXT", "next", COLUMN_TEXT, true},
	{NULL, NULL, COLUMN_TEXT, false},
};

struct ids {
	struct id id[1000];
	size_t count;
};

static int keep_id(void *context, const struct trail_task *task)
{
	struct ids *ids = context;

	ids->id[ids->count++] = task->task_id;
	return 0;
}

static const char *next_of(const struct story *story)
{
	return state_is_end(story->state) ? "recover retry, recover reassign, or recover resolve"
					  : "recover resolve, or recover fail";
}

/* Failed tasks are dead letters, and some live ones wait for a person; either was escalated, and nobody has said since that it is
 * settled. */
static int collect(struct trail *trail, uint32_t state, uint32_t limit, json_t *rows)
{
	struct ids *ids = calloc(1, sizeof(*ids));
	int rc = ids ? trail_tasks(trail, state, limit < 1000 ? limit : 1000, keep_id, ids) : ERR_MEMORY;

	for (size_t i = 0; !rc && i < ids->count; i++) {
		struct story story;
		json_t *row;
		rc = story_read(trail, &ids->id[i], &story);
		if (rc || !story.escalated)
			continue;
		row = story_json(&story);
		json_object_set_new(row, "next", json_string(next_of(&story)));
		json_array_append_new(rows, row);
	}
	free(ids);
	return rc;
}

static int run_list(struct call *call)
{
	struct trail *trail = NULL;
	uint32_t limit = 100;
	json_t *rows;
	int rc = option_number(call, "limit", 1, 1000, &limit);

	if (!rc)
		rc = session_trail(call, &trail);
	if (rc)
		return rc;
	rows = json_array();
	rc = collect(trail, STATE_ACCEPTED, 1000, rows);
	if (!rc)
		rc = collect(trail, STATE_FAILED, limit, rows);
	if (rc) {
		rc = call_fail(call, rc, "`bunshin audit verify` checks the trail", "the trail cannot be read: %s",
			       trail_why(trail));
		json_decref(rows);
	} else {
		rc = listing_print(call, "tasks", rows, list_columns, "nothing needs a person");
	}
	trail_close(trail);
	return rc;
}

static const struct option_row list_options[] = {
	{"limit", "N", "at most so many failed tasks; 100 if not given"},
	{NULL, NULL, NULL},
};

const struct command command_recover_list = {
	.name = "recover list",
	.operands = "",
	.sentence = "Lists tasks that have failed for good (dead letters) or wait for a person",
	.example = "$ bunshin recover list",
	.notes = "Read from the trail; works without a running network.",
	.options = list_options,
	.run = run_list,
};

/* ---- putting it right ---- */

static const struct column change_columns[] = {
	{"TASK", "task_id", COLUMN_TEXT, false},
	{"RESULT", "result", COLUMN_STATE, false},
	{"", "sentence", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int change_one(struct call *call, struct client *client, enum verb verb, const char *text, json_t *rows)
{
	char sentence[CLIENT_SENTENCE_BYTES] = "";
	char id[ID_TEXT_BYTES];
	struct id task_id;
	int rc = session_task_id(call, text, &task_id);

	if (rc)
		return rc;
	rc = client_recover(client, verb, &task_id, option(call, "to"), option(call, "reason"), session_timeout_ms(call),
			    sentence);
	id_print(&task_id, id);
	json_array_append_new(
		rows, json_pack("{s:s, s:s, s:s}", "task_id", id, "result", rc ? error_name(rc) : "ok", "sentence", sentence));
	return rc ? error_exit_code(rc) : 0;
}

static int change(struct call *call, enum verb verb)
{
	struct client *client = NULL;
	json_t *rows;
	int worst;

	if (verb == VERB_REASSIGN && !option_set(call, "to"))
		return call_fail(call, ERR_USAGE, "`bunshin clone list` shows the roles", "--to ROLE is missing");
	worst = session_client(call, &client);
	if (worst)
		return worst;
	rows = json_array();
	for (size_t i = 0; i < call->operands; i++) {
		int rc = change_one(call, client, verb, call->operand[i], rows);
		worst = worst ? worst : rc;
	}
	listing_print(call, "tasks", rows, change_columns, NULL);
	client_close(client);
	return worst;
}

static const struct option_row change_options[] = {
	{"reason", "TEXT", "why, for whoever reads the trail"},
	{NULL, NULL, NULL},
};

static const struct option_row reassign_options[] = {
	{"to", "ROLE", "the role that shall have it"},
	{"reason", "TEXT", "why, for whoever reads the trail"},
	{NULL, NULL, NULL},
};

#define CHANGE(word, VERB, rows, text, shown)                                                                                    \
	static int run_##word(struct call *call)                                                                                 \
	{                                                                                                                        \
		return change(call, VERB_##VERB);                                                                                \
	}                                                                                                                        \
	const struct command command_recover_##word = {                                                                          \
		.name = "recover " #word,                                                                                        \
		.operands = "TASK...",                                                                                           \
		.sentence = text,                                                                                                \
		.example = shown,                                                                                                \
		.options = rows,                                                                                                 \
		.operands_least = 1,                                                                                             \
		.operands_most = OPERANDS_MAX,                                                                                   \
		.run = run_##word,                                                                                               \
	};

CHANGE(retry, RETRY, change_options, "Tries failed tasks again, or waiting ones at once", "$ bunshin recover retry 9d528f6a1b2c")
CHANGE(reassign, REASSIGN, reassign_options, "Gives tasks to another role", "$ bunshin recover reassign 9d528f6a1b2c --to gamma")
CHANGE(replay, REPLAY, change_options, "Takes dead letters up again", "$ bunshin recover replay 9d528f6a1b2c")
CHANGE(resolve, RESOLVE, change_options, "Says that what a task waited for is settled; it goes on",
       "$ bunshin recover resolve 9d528f6a1b2c --reason \"key renewed\"")
CHANGE(fail, FAIL, change_options, "Gives up tasks that wait for a person",
       "$ bunshin recover fail 9d528f6a1b2c --reason \"not worth it\"")
