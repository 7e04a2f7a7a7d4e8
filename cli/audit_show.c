/* SPDX-License-Identifier: MIT
 *
 * bunshin audit show
 */
#include <stdlib.h>
#include <string.h>

#include "cli/erasing.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/story.h"
#include "cli/text.h"

static int show_record(struct call *call, struct trail *trail, uint64_t seq)
{
	json_t *json = NULL;
	int rc = record_fetch(trail, seq, &json);

	if (rc == ERR_NOT_FOUND)
		return call_fail(call, rc, "`bunshin audit log --limit 20` shows the last ones", "there is no record %llu",
				 (unsigned long long)seq);
	if (rc)
		return call_fail(call, rc, "`bunshin audit verify` checks the trail", "the trail cannot be read: %s",
				 trail_why(trail));
	return print_json(json);
}

static const struct column task_columns[] = {
	{"task", "task_id", COLUMN_TEXT, false},
	{"type", "task_type", COLUMN_TEXT, false},
	{"state", "state", COLUMN_STATE, false},
	{"error", "error", COLUMN_TEXT, false},
	{"priority", "priority", COLUMN_TEXT, false},
	{"from", "client", COLUMN_TEXT, false},
	{"clone", "clone", COLUMN_TEXT, false},
	{"attempts", "attempts", COLUMN_NUMBER, false},
	{"accepted", "accepted_at", COLUMN_TIME, false},
	{"took", "took_ms", COLUMN_SPAN, false},
	{"masked", "masked", COLUMN_NUMBER, false},
	{"texts", "texts", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column line_columns[] = {
	{"SEQ", "seq", COLUMN_NUMBER, false}, {"AFTER", "after_ms", COLUMN_SPAN, false}, {"", "direction", COLUMN_TEXT, false},
	{"PEER", "peer", COLUMN_TEXT, false}, {"MESSAGE", "type", COLUMN_TEXT, false},   {"TRY", "attempt", COLUMN_NUMBER, false},
	{"NOTE", "note", COLUMN_TEXT, true},  {NULL, NULL, COLUMN_TEXT, false},
};

struct timeline {
	json_t *rows;
	uint64_t first_ms;
	bool whole;
};

static int keep_line(void *context, const struct trail_entry *entry)
{
	struct timeline *timeline = context;
	json_t *row = record_json(entry, timeline->whole);

	if (timeline->first_ms == 0)
		timeline->first_ms = entry->wall_ms;
	if (entry->payload_seq && !entry->payload.bytes && json_is_null(json_object_get(row, "note")))
		json_object_set_new(row, "note", json_string("(erased)"));
	json_object_set_new(
		row, "after_ms",
		json_integer(entry->wall_ms > timeline->first_ms ? (json_int_t)(entry->wall_ms - timeline->first_ms) : 0));
	json_array_append_new(timeline->rows, row);
	return 0;
}

static int show_task(struct call *call, struct trail *trail, const struct id *task_id)
{
	struct trail_query query = {.task_id = *task_id, .with_payload = true};
	struct timeline timeline = {.rows = json_array(), .whole = call->json};
	struct story story;
	char erased[ERASED_TEXT_BYTES];
	json_t *facts;
	int rc = story_read(trail, task_id, &story);

	if (!rc)
		rc = trail_read(trail, &query, keep_line, &timeline);
	if (rc) {
		json_decref(timeline.rows);
		return call_fail(call, rc, "`bunshin task list` shows the tasks", "%s",
				 rc == ERR_NOT_FOUND ? "the trail knows no such task" : trail_why(trail));
	}
	facts = story_json(&story);
	if (call->json)
		return print_json(json_pack("{s:o, s:o}", "task", facts, "records", timeline.rows));
	if (story.erased_seq) {
		erased_print(story.erased_ms, story.erased_seq, erased);
		json_object_set_new(facts, "texts", json_string(erased));
	}
	print_facts(call, facts, task_columns);
	putchar('\n');
	json_decref(facts);
	return listing_print(call, "records", timeline.rows, line_columns, NULL);
}

static bool is_number(const char *text, uint64_t *out)
{
	char *end;

	if (strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
		return false;
	*out = strtoull(text, &end, 10);
	return *out > 0;
}

static int run(struct call *call)
{
	struct trail *trail = NULL;
	struct id task_id;
	uint64_t seq;
	int rc = session_trail(call, &trail);

	if (rc)
		return rc;
	if (is_number(call->operand[0], &seq)) {
		rc = show_record(call, trail, seq);
	} else {
		rc = session_task(call, trail, call->operand[0], &task_id);
		if (!rc)
			rc = show_task(call, trail, &task_id);
	}
	trail_close(trail);
	return rc;
}

const struct command command_audit_show = {
	.name = "audit show",
	.operands = "SEQ|TASK",
	.sentence = "Shows one record with its message, or the whole story of a task",
	.example = "$ bunshin audit show 4711\n$ bunshin audit show 01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d4e",
	.notes = "A number is the sequence of a record; its message is printed as JSON. Anything else is the id of a task, or at "
		 "least\n"
		 "four digits of its beginning or end. Works without a running network.",
	.operands_least = 1,
	.operands_most = 1,
	.run = run,
};
