/* SPDX-License-Identifier: MIT
 *
 * bunshin audit actions
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/period.h"
#include "cli/session.h"
#include "cli/story.h"
#include "cli/text.h"

static const struct column count_columns[] = {
	{"MESSAGE", "type", COLUMN_TEXT, false},
	{"TAKEN", "taken", COLUMN_NUMBER, false},
	{"REFUSED", "refused", COLUMN_NUMBER, false},
	{"COUNTED ONLY", "counted", COLUMN_NUMBER, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column row_columns[] = {
	{"SEQ", "seq", COLUMN_NUMBER, false}, {"TIME", "at", COLUMN_TIME, false},         {"AS", "identity", COLUMN_TEXT, false},
	{"DID", "type", COLUMN_TEXT, false},  {"REFUSED", "verdict", COLUMN_TEXT, false}, {"TASK", "task_id", COLUMN_ID, false},
	{"NOTE", "note", COLUMN_TEXT, true},  {NULL, NULL, COLUMN_TEXT, false},
};

struct actions {
	struct trail_query query;
	struct stream *stream;
	struct buffer buffer;
	json_t *counts; /* "TYPE" to {taken, refused, counted} */
	uint64_t found;
	bool counting; /* the first pass */
};

/* ---- whom the question is about ---- */

/* An identity as the trail writes it, role first, is itself; a bare name is the person of that name in every role, or the clone. */
static int take_identity(struct call *call, struct trail_query *query)
{
	static const char *const before[] = {"", "client/", "operator/", "auditor/"};
	const char *name = call->operand[0];
	size_t bytes = strlen(name);

	while (bytes && (name[bytes - 1] == '/' || name[bytes - 1] == '*'))
		bytes--;
	if (!bytes || bytes + strlen("operator/") >= NAME_BYTES)
		return call_fail(call, ERR_USAGE, "`bunshin peer list` shows who may speak",
				 "\"%s\" is no identity; alice, client/alice, operator/, beta and beta/1 would be", name);
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]) && (i == 0 || !memchr(name, '/', bytes)); i++)
		snprintf(query->any_who[i], NAME_BYTES, "%s%.*s", before[i], (int)bytes, name);
	return 0;
}

static bool is_one(const struct trail_query *query, const struct text *name)
{
	for (unsigned i = 0; i < TRAIL_WHO_MAX && query->any_who[i][0]; i++) {
		size_t bytes = strlen(query->any_who[i]);
		if (name->bytes >= bytes && memcmp(name->at, query->any_who[i], bytes) == 0 &&
		    (name->bytes == bytes || name->at[bytes] == '/'))
			return true;
	}
	return false;
}

/* What Omega notes about what somebody did: a table that was loaded, texts that were erased, a backup that was put back, messages that were only counted. */
static const struct text *noted_about(const struct message *message)
{
	switch (message->type) {
	case MESSAGE_ROUTES_LOADED:
		return &message->routes_loaded.who;
	case MESSAGE_ERASED:
		return &message->erased.who;
	case MESSAGE_RESTORED:
		return &message->restored.who;
	case MESSAGE_COUNTED:
		return &message->counted.peer;
	default:
		return NULL;
	}
}

/* ---- reading ---- */

static void count(struct actions *actions, const char *type, const char *column, uint32_t more)
{
	json_t *known = json_object_get(actions->counts, type);

	if (!known) {
		known = json_pack("{s:s, s:i, s:i, s:i}", "type", type, "taken", 0, "refused", 0, "counted", 0);
		json_object_set_new(actions->counts, type, known);
	}
	json_object_set_new(known, column, json_integer(json_integer_value(json_object_get(known, column)) + more));
}

static void count_record(struct actions *actions, const struct trail_entry *entry, const struct message *message)
{
	if (message->type == MESSAGE_COUNTED)
		count(actions, message_name((enum message_type)message->counted.counted_type), "counted", message->counted.count);
	else
		count(actions, message_name(message->type), entry->verdict ? "refused" : "taken", 1);
}

static int take(void *context, const struct trail_entry *entry)
{
	struct actions *actions = context;
	const struct text *about;
	struct message message;
	json_t *row;
	int rc = record_message(entry, &actions->buffer, &message);

	if (rc)
		return rc;
	about = entry->direction == TRAIL_INNER ? noted_about(&message) : NULL;
	if (entry->direction == TRAIL_INNER && (!about || !is_one(&actions->query, about)))
		return 0;
	actions->found++;
	if (actions->counting) {
		count_record(actions, entry, &message);
		return 0;
	}
	row = record_json(entry, false);
	json_object_set_new(row, "identity",
			    about ? json_stringn_nocheck(about->bytes ? about->at : "", about->bytes) : json_string(entry->peer));
	stream_row(actions->stream, row);
	return 0;
}

static int print_counts(struct call *call, struct actions *actions)
{
	json_t *rows = json_array();
	const char *type;
	json_t *row;

	json_object_foreach (actions->counts, type, row)
		json_array_append(rows, row);
	if (!json_array_size(rows)) {
		json_decref(rows);
		call_note(call, "the trail holds nothing that \"%s\" did in this time", call->operand[0]);
		return 0;
	}
	listing_print(call, "counts", rows, count_columns, NULL);
	putchar('\n');
	return 0;
}

/* Counted first, then told: the second pass ends where the first did. */
static int tell(struct call *call, struct trail *trail, struct actions *actions)
{
	int rc = 0;

	actions->query.through_seq = trail_last_seq(trail);
	if (!call->json) {
		actions->counting = true;
		rc = trail_read(trail, &actions->query, take, actions);
		actions->counting = false;
		if (!rc)
			print_counts(call, actions);
	}
	actions->stream = stream_new(call, row_columns);
	if (!rc)
		rc = trail_read(trail, &actions->query, take, actions);
	stream_free(actions->stream);
	return rc;
}

static int run(struct call *call)
{
	struct actions actions = {
		.query = {.any_type = {MESSAGE_ROUTES_LOADED, MESSAGE_ERASED, MESSAGE_RESTORED, MESSAGE_COUNTED},
			  .with_payload = true}};
	struct trail *trail = NULL;
	int rc = take_identity(call, &actions.query);

	if (!rc)
		rc = period_take(call, &actions.query);
	if (!rc)
		rc = session_trail(call, &trail);
	if (rc)
		return rc;
	actions.counts = need(json_object());
	rc = tell(call, trail, &actions);
	if (rc)
		rc = session_unreadable(call, rc, trail);
	buffer_release(&actions.buffer);
	json_decref(actions.counts);
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	PERIOD_OPTIONS,
	{NULL, NULL, NULL},
};

const struct command command_audit_actions = {
	.name = "audit actions",
	.operands = "IDENTITY",
	.sentence = "Lists all that one identity did, what was refused included, with counts first",
	.example = "$ bunshin audit actions client/alice --since yesterday\n$ bunshin audit actions beta/1",
	.notes = "IDENTITY is a name as the trail has it (client/alice/3f9c2e10, beta/1), what it begins with up to a slash\n"
		 "(client/alice, operator, beta), or a person's name: alice in every role. A key proves each identity; what it "
		 "writes is\n"
		 "its own claim. COUNTED ONLY are heartbeats, and messages that came too fast to be recorded one by one. With "
		 "--json\n"
		 "each record is one object on a line of its own. Works without a running network.",
	.options = options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run,
};
