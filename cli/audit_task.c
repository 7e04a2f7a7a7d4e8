/* SPDX-License-Identifier: MIT
 *
 * bunshin audit task
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/keys.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/tale.h"
#include "cli/text.h"

static const struct column head_columns[] = {
	{"task", "task.task_id", COLUMN_TEXT, false},
	{"type", "task.task_type", COLUMN_TEXT, false},
	{"state", "task.state", COLUMN_STATE, false},
	{"error", "task.error", COLUMN_TEXT, false},
	{"asked by", "asked_by.peer", COLUMN_TEXT, false},
	{"joined as", "asked_by.joined.role", COLUMN_TEXT, false},
	{"with", "asked_by.joined.software", COLUMN_TEXT, false},
	{"key allows now", "asked_by.key_allows", COLUMN_TEXT, false},
	{"parameters", "parameters", COLUMN_TEXT, false},
	{"parent", "parent", COLUMN_TEXT, false},
	{"goes to", "routes_text", COLUMN_TEXT, false},
	{"attempts", "task.attempts", COLUMN_NUMBER, false},
	{"accepted", "task.accepted_at", COLUMN_TIME, false},
	{"ended", "task.ended_at", COLUMN_TIME, false},
	{"took", "task.took_ms", COLUMN_SPAN, false},
	{"sealed", "sealed_text", COLUMN_TEXT, false},
	{"erased", "texts_text", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column event_columns[] = {
	{"SEQ", "seq", COLUMN_NUMBER, false}, {"AFTER", "after_ms", COLUMN_SPAN, false},
	{"WHO", "who", COLUMN_TEXT, false},   {"WHAT HAPPENED", "text", COLUMN_PROSE, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column attempt_columns[] = {
	{"ATTEMPT", "attempt", COLUMN_NUMBER, false},
	{"CLONE", "clone", COLUMN_TEXT, false},
	{"RESULT", "result", COLUMN_STATE, false},
	{"ERROR", "error", COLUMN_TEXT, false},
	{"TOOK", "took_ms", COLUMN_SPAN, false},
	{"CPU", "cpu_ms", COLUMN_SPAN, false},
	{"TOKENS", "tokens", COLUMN_NUMBER, false},
	{"MICRO-USD", "cost_microusd", COLUMN_NUMBER, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column evidence_columns[] = {
	{"SEQ", "seq", COLUMN_NUMBER, false}, {"EVIDENCE", "kind", COLUMN_TEXT, false}, {"NAME", "name", COLUMN_TEXT, true},
	{"", "text", COLUMN_TEXT, true},      {"BYTES", "bytes", COLUMN_NUMBER, false}, {"SHA-256", "sha256", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column child_columns[] = {
	{"CHILD", "task_id", COLUMN_TEXT, false}, {"TYPE", "task_type", COLUMN_TEXT, false},
	{"STATE", "state", COLUMN_STATE, false},  {"CLONE", "clone", COLUMN_TEXT, false},
	{"TOOK", "took_ms", COLUMN_SPAN, false},  {NULL, NULL, COLUMN_TEXT, false},
};

/* ---- what stands beside the trail ---- */

/* What the key of whoever asked allows today; null if it is not registered any more, or the registry cannot be read. */
static json_t *key_allows(const struct call *call, const char *client)
{
	const char *name = strchr(client, '/') ? strchr(client, '/') + 1 : client;
	char roles[ROLES_TEXT_BYTES], sentence[SENTENCE_BYTES];
	size_t bytes = strcspn(name, "/"), count = 0;
	json_t *found = NULL;
	struct peer *peers = NULL;
	struct state_folder state;

	if (session_state(call, &state) || peer_list(&state, &peers, &count, sentence))
		count = 0;
	for (size_t i = 0; i < count && !found; i++) {
		bool person = strlen(peers[i].name) == bytes && memcmp(peers[i].name, name, bytes) == 0;
		if (!person && strcmp(peers[i].name, client) != 0)
			continue;
		roles_print(&peers[i], roles);
		found = json_string(roles);
	}
	free(peers);
	return found ? found : json_null();
}

/* ---- for people ---- */

/* "table 1: beta, then gamma; table 2: gamma" */
static json_t *routes_text(const json_t *tale)
{
	char text[512] = "";
	size_t used = 0, i, j;
	const json_t *kept, *role;

	json_array_foreach (json_object_get(tale, "routes"), i, kept) {
		json_t *roles = json_object_get(json_object_get(kept, "route"), "destinations");
		if (used > sizeof(text) / 2)
			break;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", i ? "; " : "");
		json_array_foreach (roles, j, role)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", j ? ", then " : "",
						 json_string_value(role));
		used += (size_t)snprintf(text + used, sizeof(text) - used, " (table %d, loaded by %.60s, record %d)",
					 (int)json_integer_value(json_object_get(kept, "version")),
					 json_string_value(json_object_get(kept, "who")),
					 (int)json_integer_value(json_object_get(kept, "seq")));
	}
	return used ? json_string(text) : json_null();
}

static json_t *sealed_text(const json_t *sealed)
{
	char at[TIME_TEXT_BYTES];

	if (!json_is_object(sealed))
		return json_string("not yet: no checkpoint covers its last record");
	time_print_local(time_read_utc(json_string_value(json_object_get(sealed, "at"))), at);
	return json_sprintf("by checkpoint %d of %s, which covers the records up to %d",
			    (int)json_integer_value(json_object_get(sealed, "checkpoint")), at,
			    (int)json_integer_value(json_object_get(sealed, "size")));
}

/* "the texts of records 15 and 27, by record 90 (operator/root)" */
static json_t *texts_text(const json_t *texts)
{
	const json_t *first = json_array_get(texts, 0), *by = json_object_get(first, "by");
	size_t count = json_array_size(texts);

	if (!count)
		return json_null();
	if (!by)
		return json_sprintf("%zu text%s, and no record says why", count, count == 1 ? "" : "s");
	return json_sprintf("%zu text%s, as record %d says (%s)", count, count == 1 ? "" : "s", (int)json_integer_value(by),
			    json_string_value(json_object_get(first, "who")));
}

static void print_part(struct call *call, json_t *tale, const char *name, const struct column *columns)
{
	json_t *rows = json_object_get(tale, name);

	if (json_array_size(rows) == 0)
		return;
	putchar('\n');
	listing_print(call, name, json_incref(rows), columns, NULL);
}

static int print_tale(struct call *call, json_t *tale)
{
	if (call->json)
		return print_json(tale);
	json_object_set_new(tale, "routes_text", routes_text(tale));
	json_object_set_new(tale, "sealed_text", sealed_text(json_object_get(tale, "sealed")));
	json_object_set_new(tale, "texts_text", texts_text(json_object_get(tale, "texts")));
	print_facts(call, tale, head_columns);
	print_part(call, tale, "events", event_columns);
	print_part(call, tale, "attempts", attempt_columns);
	print_part(call, tale, "evidence", evidence_columns);
	print_part(call, tale, "children", child_columns);
	json_decref(tale);
	return 0;
}

static int run(struct call *call)
{
	struct trail *trail = NULL;
	json_t *tale = NULL;
	struct id task_id;
	int rc = session_trail(call, &trail);

	if (rc)
		return rc;
	rc = session_task(call, trail, call->operand[0], &task_id);
	if (!rc) {
		rc = tale_read(trail, &task_id, &tale);
		if (rc == ERR_NOT_FOUND)
			rc = call_fail(call, rc, "`bunshin task list` shows the tasks", "the trail knows no task %s",
				       call->operand[0]);
		else if (rc)
			rc = session_unreadable(call, rc, trail);
	}
	if (!rc) {
		json_t *asked_by = json_object_get(tale, "asked_by");
		json_object_set_new(asked_by, "key_allows",
				    key_allows(call, json_string_value(json_object_get(asked_by, "peer"))));
		rc = print_tale(call, tale);
	}
	trail_close(trail);
	return rc;
}

const struct command command_audit_task = {
	.name = "audit task",
	.operands = "TASK",
	.sentence = "Tells all about one task: who asked, why it went where, what came of it, and the evidence",
	.example = "$ bunshin audit task 01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d4e",
	.notes =
		"SEQ is the record that says so: `bunshin audit show SEQ` prints it whole. What only hands on another record is "
		"left\n"
		"out. What clones and clients wrote is what they claim; the trail proves that they said it, when, and that "
		"nothing was\n"
		"changed since. TASK is an id, or at least four digits of its beginning or end. Works without a running network.",
	.operands_least = 1,
	.operands_most = 1,
	.run = run,
};
