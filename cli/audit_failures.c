/* SPDX-License-Identifier: MIT
 *
 * bunshin audit failures
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/kinds.h"
#include "cli/listing.h"
#include "cli/period.h"
#include "cli/session.h"
#include "cli/story.h"
#include "cli/text.h"

#define ROWS_SHOWN 1000u

static const struct column count_columns[] = {
	{"WHAT", "kind", COLUMN_TEXT, false},
	{"WHY", "reason", COLUMN_TEXT, false},
	{"HOW OFTEN", "count", COLUMN_NUMBER, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column row_columns[] = {
	{"SEQ", "seq", COLUMN_NUMBER, false},      {"TIME", "at", COLUMN_TIME, false},
	{"WHAT", "kind", COLUMN_TEXT, false},      {"WHY", "reason", COLUMN_TEXT, false},
	{"PEER", "peer", COLUMN_TEXT, false},      {"TASK", "task_id", COLUMN_ID, false},
	{"TYPE", "task_type", COLUMN_TEXT, false}, {"TRY", "attempt", COLUMN_NUMBER, false},
	{"NOTE", "note", COLUMN_TEXT, true},       {NULL, NULL, COLUMN_TEXT, false},
};

struct failures {
	const char *type; /* NULL: any */
	const char *role;
	struct buffer buffer;
	json_t *rows; /* each with what is known from its record alone */
	json_t *counts;
	uint64_t total;
};

/* The first pass keeps what each record says by itself; which type and role its task had is asked later, task by task. */
static int take(void *context, const struct trail_entry *entry)
{
	struct failures *failures = context;
	struct message message;
	const char *kind, *reason;
	char peer[NAME_BYTES];
	json_t *row;
	int rc = record_message(entry, &failures->buffer, &message);

	if (rc)
		return rc;
	kind = failure_kind(entry, &message, &reason);
	if (!kind)
		return 0;
	row = record_json(entry, false);
	if (failure_peer(&message, peer))
		json_object_set_new(row, "peer", json_string(peer));
	json_object_set_new(row, "kind", json_string(kind));
	json_object_set_new(row, "reason", json_string(reason));
	json_array_append_new(failures->rows, row);
	return 0;
}

/* ---- whose failure it was ---- */

static int add_task(struct trail *trail, json_t *row, json_t *tasks, json_t **out_task)
{
	const char *id = json_string_value(json_object_get(row, "task_id"));
	json_t *task = id ? json_object_get(tasks, id) : NULL;
	int rc = 0;

	if (id && !task) {
		rc = handled_read(trail, id, &task);
		if (!rc)
			json_object_set_new(tasks, id, task);
	}
	*out_task = task;
	return rc;
}

static bool fits(const struct failures *failures, json_t *row, const json_t *task)
{
	const char *type = json_string_value(json_object_get(task, "task_type"));
	const char *role = handled_role(task, row);

	json_object_set_new(row, "task_type", type ? json_string(type) : json_null());
	json_object_set_new(row, "role", role ? json_string(role) : json_null());
	return (!failures->type || (type && strcmp(type, failures->type) == 0)) &&
	       (!failures->role || (role && strcmp(role, failures->role) == 0));
}

static void count(struct failures *failures, const json_t *row)
{
	const char *kind = json_string_value(json_object_get(row, "kind"));
	const char *reason = json_string_value(json_object_get(row, "reason"));
	json_t *known;
	size_t i;

	failures->total++;
	json_array_foreach (failures->counts, i, known) {
		if (strcmp(kind, json_string_value(json_object_get(known, "kind"))) == 0 &&
		    strcmp(reason, json_string_value(json_object_get(known, "reason"))) == 0) {
			json_object_set_new(known, "count",
					    json_integer(json_integer_value(json_object_get(known, "count")) + 1));
			return;
		}
	}
	json_array_append_new(failures->counts,
			      json_pack("{s:s, s:s, s:I}", "kind", kind, "reason", reason, "count", (json_int_t)1));
}

static int sift(struct trail *trail, struct failures *failures)
{
	json_t *tasks = need(json_object()), *kept = need(json_array());
	json_t *row, *task;
	size_t i;
	int rc = 0;

	json_array_foreach (failures->rows, i, row) {
		rc = add_task(trail, row, tasks, &task);
		if (rc)
			break;
		if (!fits(failures, row, task))
			continue;
		count(failures, row);
		json_array_append(kept, row);
	}
	json_decref(tasks);
	json_decref(failures->rows);
	failures->rows = kept;
	return rc;
}

/* ---- printing ---- */

static int by_count(const void *a, const void *b)
{
	const json_t *const *x = a, *const *y = b;
	json_int_t more = json_integer_value(json_object_get(*y, "count")) - json_integer_value(json_object_get(*x, "count"));

	return more > 0 ? 1 : more < 0 ? -1 : 0;
}

static json_t *sorted(json_t *counts)
{
	size_t size = json_array_size(counts);
	json_t **items = need(calloc(size + 1, sizeof(*items)));
	json_t *list = need(json_array());

	for (size_t i = 0; i < size; i++)
		items[i] = json_array_get(counts, i);
	qsort(items, size, sizeof(*items), by_count);
	for (size_t i = 0; i < size; i++)
		json_array_append(list, items[i]);
	free(items);
	return list;
}

/* The last `limit` of them. */
static json_t *last_rows(const json_t *rows, uint32_t limit)
{
	size_t size = json_array_size(rows), first = size > limit ? size - limit : 0;
	json_t *last = need(json_array());

	for (size_t i = first; i < size; i++)
		json_array_append(last, json_array_get(rows, i));
	return last;
}

static int print(struct call *call, const struct failures *failures, const struct trail_query *period, uint32_t limit)
{
	json_t *counts = sorted(failures->counts), *rows = last_rows(failures->rows, limit);
	char text[96];

	if (call->json)
		return print_json(
			json_pack("{s:I, s:o, s:o}", "total", (json_int_t)failures->total, "counts", counts, "failures", rows));
	period_print(period, text);
	if (!failures->total) {
		json_decref(counts);
		json_decref(rows);
		call_note(call, "nothing failed and nothing was refused %s", text);
		return 0;
	}
	listing_print(call, "counts", counts, count_columns, NULL);
	putchar('\n');
	if (json_array_size(rows) < failures->total)
		call_note(call, "the last %zu of %llu; --limit shows more", json_array_size(rows),
			  (unsigned long long)failures->total);
	return listing_print(call, "failures", rows, row_columns, NULL);
}

static int run(struct call *call)
{
	struct trail_query query = {.any_refused = true, .with_payload = true};
	struct failures failures = {.type = option(call, "type"), .role = option(call, "role")};
	struct trail *trail = NULL;
	uint32_t limit = ROWS_SHOWN;
	int rc = period_take(call, &query);

	if (!rc)
		rc = option_number(call, "limit", 1, 1000000000, &limit);
	if (!rc)
		rc = session_trail(call, &trail);
	if (rc)
		return rc;
	failure_types(query.any_type);
	failures.rows = need(json_array());
	failures.counts = need(json_array());
	rc = trail_read(trail, &query, take, &failures);
	if (!rc)
		rc = sift(trail, &failures);
	rc = rc ? session_unreadable(call, rc, trail) : print(call, &failures, &query, limit);
	buffer_release(&failures.buffer);
	json_decref(failures.rows);
	json_decref(failures.counts);
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	PERIOD_OPTIONS,
	{"type", "TYPE", "only of tasks of this type"},
	{"role", "ROLE", "only where a clone of this role had the task"},
	{"limit", "N", "list at most the last N; all are counted; 1000 if not given"},
	{NULL, NULL, NULL},
};

const struct command command_audit_failures = {
	.name = "audit failures",
	.operands = "",
	.sentence = "Lists what failed, was tried again, needed a person or was refused in a period, with counts first",
	.example = "$ bunshin audit failures --since yesterday\n$ bunshin audit failures --type security-analysis --role beta",
	.notes = "attempt failed: a clone said so. goes on: Omega tries again, or elsewhere. needs a person: the operators were "
		 "told.\n"
		 "task failed, expired, cancelled: the end of a task. clone lost: its connection is gone. refused: somebody's "
		 "message,\n"
		 "with why. counted: refused messages that came too fast to be recorded one by one. Works without a running "
		 "network.",
	.options = options,
	.run = run,
};
