/* SPDX-License-Identifier: MIT
 *
 * bunshin task show
 */
#include <stdlib.h>

#include "cli/erasing.h"
#include "cli/listing.h"
#include "cli/outcome.h"
#include "cli/session.h"
#include "cli/story.h"
#include "cli/text.h"

static const struct column columns[] = {
	{"task", "task_id", COLUMN_TEXT, false},
	{"type", "task_type", COLUMN_TEXT, false},
	{"state", "state", COLUMN_STATE, false},
	{"error", "error", COLUMN_TEXT, false},
	{"priority", "priority", COLUMN_TEXT, false},
	{"from", "client", COLUMN_TEXT, false},
	{"clone", "clone", COLUMN_TEXT, false},
	{"attempts", "attempts", COLUMN_NUMBER, false},
	{"accepted", "accepted_at", COLUMN_TIME, false},
	{"ended", "ended_at", COLUMN_TIME, false},
	{"took", "took_ms", COLUMN_SPAN, false},
	{"masked", "masked", COLUMN_NUMBER, false},
	{"texts", "texts", COLUMN_TEXT, false},
	{"parameters", "parameters", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int keep_parameters(void *context, const struct trail_entry *entry)
{
	json_t *record = record_json(entry, true);
	json_t *payload = json_object_get(json_object_get(record, "message"), "payload");

	*(json_t **)context = json_incref(json_object_get(payload, "parameters"));
	json_decref(record);
	return 0;
}

static json_t *parameters_of(struct trail *trail, const struct story *story)
{
	struct trail_query query = {
		.after_seq = story->request_seq - 1, .through_seq = story->request_seq, .limit = 1, .with_payload = true};
	json_t *parameters = NULL;

	if (trail_read(trail, &query, keep_parameters, &parameters) || !parameters)
		return json_null();
	return parameters;
}

static int show(struct call *call, struct trail *trail, const struct story *story)
{
	struct outcome outcome = {0};
	int found = outcome_read(trail, story, &outcome);
	json_t *facts = story_json(story);
	char erased[ERASED_TEXT_BYTES];
	int rc = 0;

	json_object_set_new(facts, "parameters", parameters_of(trail, story));
	if (story->erased_seq && !call->json) {
		erased_print(story->erased_ms, story->erased_seq, erased);
		json_object_set_new(facts, "texts", json_string(erased));
	}
	if (found && found != ERR_NOT_FOUND)
		rc = call_fail(call, found, "`bunshin audit verify` checks the trail", "the outcome cannot be read");
	if (!rc && call->json) {
		print_json(json_pack("{s:O, s:o}", "task", facts, "outcome", found ? json_null() : outcome_json(&outcome)));
		rc = found ? 0 : outcome_write(call, &outcome);
	} else if (!rc) {
		print_facts(call, facts, columns);
		if (!found) {
			putchar('\n');
			outcome_show(call, &outcome); /* its exit code is that of the task, not of looking at it */
		}
	}
	json_decref(facts);
	outcome_release(&outcome);
	return rc;
}

static int run(struct call *call)
{
	struct trail *trail = NULL;
	struct story story;
	struct id task_id;
	int rc = session_trail(call, &trail);

	if (rc)
		return rc;
	rc = session_task(call, trail, call->operand[0], &task_id);
	if (!rc) {
		rc = story_read(trail, &task_id, &story);
		if (rc == ERR_NOT_FOUND)
			rc = call_fail(call, rc, "`bunshin task list` shows the tasks", "the trail knows no task %s",
				       call->operand[0]);
		else if (rc)
			rc = call_fail(call, rc, "`bunshin audit verify` checks the trail", "the trail cannot be read: %s",
				       trail_why(trail));
		else
			rc = show(call, trail, &story);
	}
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	{"report", "FILE.md", "write the result there as a report"},
	{NULL, NULL, NULL},
};

const struct command command_task_show = {
	.name = "task show",
	.operands = "TASK",
	.sentence = "Shows a task and, if it has ended, its result",
	.example = "$ bunshin task show 01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d4e",
	.notes = "TASK is an id, or at least four digits of its beginning or end. Works without a running network. `bunshin "
		 "audit show TASK` tells\n"
		 "its whole story, message by message.",
	.options = options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run,
};
