/* SPDX-License-Identifier: MIT
 *
 * bunshin audit routes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/period.h"
#include "cli/session.h"
#include "cli/story.h"
#include "cli/tables.h"
#include "cli/text.h"
#include "protocol/id.h"

static const struct column change_columns[] = {
	{"SEQ", "seq", COLUMN_NUMBER, false},
	{"TIME", "at", COLUMN_TIME, false},
	{"VERSION", "version", COLUMN_NUMBER, false},
	{"BY", "who", COLUMN_TEXT, false},
	{"OPTION", "field", COLUMN_TEXT, false},
	{"BEFORE", "before", COLUMN_TEXT, false},
	{"AFTER", "after", COLUMN_PROSE, false},
	{"REASON", "reason", COLUMN_TEXT, true},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column whole_columns[] = {
	{"OPTION", "field", COLUMN_TEXT, false},
	{"VALUE", "after", COLUMN_PROSE, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column head_columns[] = {
	{"version", "version", COLUMN_NUMBER, false},
	{"record", "seq", COLUMN_NUMBER, false},
	{"time", "at", COLUMN_TIME, false},
	{"by", "who", COLUMN_TEXT, false},
	{"reason", "reason", COLUMN_TEXT, false},
	{"file", "file_hash", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

struct changes {
	struct trail_query period;
	uint32_t version; /* 0: all */
	struct table *before;
	bool begun; /* `before` is a table */
	json_t *list;
};

static json_t *loaded_json(const struct loaded *loaded)
{
	char at[TIME_TEXT_BYTES], hash[65];

	time_print_utc(loaded->wall_ms, at);
	hex_print(loaded->file_hash.bytes, sizeof(loaded->file_hash.bytes), hash);
	return need(json_pack("{s:I, s:s, s:i, s:s, s:n, s:s, s:o}", "seq", (json_int_t)loaded->seq, "at", at, "version",
			      (int)loaded->version, "who", loaded->who, "reason", "file_hash", hash, "refused",
			      loaded->verdict ? json_string(error_name((int)loaded->verdict)) : json_null()));
}

static bool asked_for(const struct changes *changes, const struct loaded *loaded)
{
	if (changes->version)
		return loaded->version == changes->version && !loaded->verdict;
	return loaded->wall_ms >= changes->period.since_ms &&
	       (!changes->period.until_ms || loaded->wall_ms <= changes->period.until_ms);
}

/* Every table is compared with the one that was in force before it, also where that is outside of the period. */
static int take(void *context, const struct loaded *loaded)
{
	struct changes *changes = context;
	const struct table *before = changes->begun && !changes->version ? changes->before : NULL;

	if (!loaded->table)
		return ERR_CORRUPT;
	if (asked_for(changes, loaded)) {
		json_t *change = loaded_json(loaded);
		json_object_set_new(change, "first", json_boolean(!changes->begun));
		json_object_set_new(change, "differences", tables_differ(before, loaded->table));
		if (changes->version)
			json_object_set_new(change, "table", table_json(loaded->table));
		json_array_append_new(changes->list, change);
	}
	if (!loaded->verdict) {
		*changes->before = *loaded->table;
		changes->begun = true;
	}
	return 0;
}

/* ---- why ---- */

struct reasons {
	json_t *list;
	struct buffer buffer;
};

/* Who has a table loaded says why in the action that stands behind it. */
static int take_reason(void *context, const struct trail_entry *entry)
{
	struct reasons *reasons = context;
	const struct text *reason;
	struct message message;
	json_t *change = NULL;
	int rc = record_message(entry, &reasons->buffer, &message);

	if (rc || message.recovery_action.verb != VERB_RELOAD_ROUTES || entry->direction != TRAIL_IN)
		return rc;
	for (size_t i = json_array_size(reasons->list); i > 0 && !change; i--) {
		json_t *candidate = json_array_get(reasons->list, i - 1);
		if (json_integer_value(json_object_get(candidate, "seq")) < (json_int_t)entry->seq)
			change = candidate;
	}
	reason = &message.recovery_action.reason;
	if (change && reason->bytes && json_is_null(json_object_get(change, "reason")) &&
	    strcmp(json_string_value(json_object_get(change, "who")), entry->peer) == 0)
		json_object_set_new(change, "reason", json_stringn_nocheck(reason->at, reason->bytes));
	return 0;
}

static int add_reasons(struct trail *trail, json_t *list)
{
	struct trail_query query = {.any_type = {MESSAGE_RECOVERY_ACTION}, .with_payload = true};
	struct reasons reasons = {.list = list};
	int rc = trail_read(trail, &query, take_reason, &reasons);

	buffer_release(&reasons.buffer);
	return rc;
}

/* ---- the list ---- */

/* One row for each difference; the first table, and one that is as the one before, have one row. */
static void add_row(json_t *rows, json_t *change, json_t *difference, const char *field)
{
	json_t *row = need(json_copy(change));

	if (difference)
		json_object_update(row, difference);
	else
		json_object_set_new(row, "field", json_string(field));
	json_array_append_new(rows, row);
}

static void add_rows(json_t *rows, json_t *change)
{
	json_t *differences = json_object_get(change, "differences");
	json_t *difference;
	size_t i;

	if (json_is_true(json_object_get(change, "first"))) {
		add_row(rows, change, NULL, "(the first table)");
		return;
	}
	if (json_array_size(differences) == 0)
		add_row(rows, change, NULL, "(nothing has changed)");
	json_array_foreach (differences, i, difference)
		add_row(rows, change, difference, NULL);
}

static int print_changes(struct call *call, json_t *list)
{
	json_t *rows;
	json_t *change;
	size_t i;

	if (call->json)
		return print_json(json_pack("{s:o}", "tables", list));
	rows = json_array();
	json_array_foreach (list, i, change)
		add_rows(rows, change);
	json_decref(list);
	return listing_print(call, "tables", rows, change_columns, "no table came into force in this time");
}

static int print_whole(struct call *call, json_t *list, uint32_t version)
{
	json_t *found = json_array_get(list, 0);
	int rc;

	if (!found) {
		json_decref(list);
		return call_fail(call, ERR_NOT_FOUND, "`bunshin audit routes` shows which there were",
				 "the trail knows no table of version %u", version);
	}
	if (call->json) {
		json_object_del(found, "differences");
		json_object_del(found, "first");
		rc = print_json(json_incref(found));
	} else {
		print_facts(call, found, head_columns);
		putchar('\n');
		rc = listing_print(call, "table", json_incref(json_object_get(found, "differences")), whole_columns, NULL);
	}
	json_decref(list);
	return rc;
}

static int run(struct call *call)
{
	struct changes changes = {0};
	struct trail *trail = NULL;
	int rc = period_take(call, &changes.period);

	if (!rc)
		rc = option_number(call, "version", 1, UINT32_MAX, &changes.version);
	if (!rc)
		rc = session_trail(call, &trail);
	if (rc)
		return rc;
	changes.list = need(json_array());
	changes.before = need(malloc(sizeof(*changes.before)));
	rc = tables_read(trail, take, &changes);
	free(changes.before);
	if (!rc)
		rc = add_reasons(trail, changes.list);
	if (rc) {
		json_decref(changes.list);
		rc = session_unreadable(call, rc, trail);
	} else {
		rc = changes.version ? print_whole(call, changes.list, changes.version) : print_changes(call, changes.list);
	}
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	PERIOD_OPTIONS,
	{"version", "N", "print this table whole, as routing.conf would say it"},
	{NULL, NULL, NULL},
};

const struct command command_audit_routes = {
	.name = "audit routes",
	.operands = "",
	.sentence = "Lists every change of the routing table: when, by whom, and each option that differs from before",
	.example = "$ bunshin audit routes --since yesterday\n$ bunshin audit routes --version 3",
	.notes = "One row for each option that changed, in the words of routing.conf; an empty BEFORE or AFTER means that there\n"
		 "was no such route. Each start of Omega that finds another file loads it too. --version N and --json tell the\n"
		 "SHA-256 of the routing.conf that a table came from: compare it with `sha256sum`. Works without a running\n"
		 "network.",
	.options = options,
	.run = run,
};
