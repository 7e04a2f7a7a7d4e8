/* SPDX-License-Identifier: MIT
 *
 * The records as a table for spreadsheets and databases: CSV as in RFC 4180, UTF-8, lines end with CR LF, the first row holds names.
 *
 * A spreadsheet takes a field that begins with = + - @, a tab or a line end for a formula, and would carry out what a stranger wrote. So such a
 * field gets an apostrophe before it, and so does one that begins with an apostrophe: take one away, and it is what it was.
 * Control characters and marks that reorder text are escaped, in the JSON of `facts` and `payload` as JSON does it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/export.h"
#include "cli/story.h"
#include "cli/text.h"
#include "protocol/id.h"

static const char heading[] =
	"record,time,direction,peer,message,refused,task,task_number,attempt,ended,what_it_says,facts,payload,"
	"payload_state,sender_seq,message_id,boot,hash\r\n";

struct table {
	struct sink *sink;
	bool begun; /* of a row */
};

static void field(struct table *table, const char *text)
{
	bool quoted = strpbrk(text, ",\"\r\n") != NULL;

	if (table->begun)
		sink_text(table->sink, ",");
	table->begun = true;
	sink_text(table->sink, quoted ? "\"" : "");
	if (*text && strchr("=+-@\t\r\n'", *text))
		sink_text(table->sink, "'");
	for (const char *quote; quoted && (quote = strchr(text, '"')); text = quote + 1) {
		sink_write(table->sink, text, (size_t)(quote - text));
		sink_text(table->sink, "\"\"");
	}
	sink_text(table->sink, text);
	sink_text(table->sink, quoted ? "\"" : "");
}

static void field_safe(struct table *table, const char *text)
{
	char *safe = text_safe(text, strlen(text));

	field(table, safe);
	free(safe);
}

/* A number that is not 0, else nothing. */
static void field_number(struct table *table, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	field(table, value ? text : "");
}

static void field_id(struct table *table, const struct id *id)
{
	char text[ID_TEXT_BYTES];

	id_print(id, text);
	field(table, id_is_nil(id) ? "" : text);
}

static void field_time(struct table *table, uint64_t unix_ms)
{
	char text[TIME_TEXT_BYTES];

	time_print_utc(unix_ms, text);
	field(table, text);
}

static void field_json(struct table *table, const json_t *json)
{
	char *text = json && json_object_size(json) ? json_safe(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	field(table, text ? text : "");
	free(text);
}

static const char *direction_of(const struct trail_entry *entry)
{
	return entry->direction == TRAIL_IN ? "received" : entry->direction == TRAIL_OUT ? "sent" : "Omega's own";
}

static void field_payload_state(struct table *table, const struct export_row *row)
{
	char text[64] = "";

	switch (row->payload) {
	case PAYLOAD_NONE:
		break;
	case PAYLOAD_HERE:
		snprintf(text, sizeof(text), "stored");
		break;
	case PAYLOAD_ELSEWHERE:
		snprintf(text, sizeof(text), "that of record %" PRIu64, row->entry->payload_seq);
		break;
	case PAYLOAD_ERASED:
		snprintf(text, sizeof(text), row->erased_by ? "erased by record %" PRIu64 : "erased", row->erased_by);
		break;
	case PAYLOAD_LEFT_OUT:
		snprintf(text, sizeof(text), "left out");
		break;
	case PAYLOAD_MISSING:
		snprintf(text, sizeof(text), "missing");
		break;
	}
	field(table, text);
}

/* What the record says, as `audit log` notes it. */
static void field_note(struct table *table, const struct export_row *row)
{
	struct trail_entry entry = *row->entry;
	struct buffer buffer = {0};
	struct message message;
	char note[256] = "the stored bytes are no message";

	if (row->payload == PAYLOAD_HERE)
		entry.payload = row->body;
	if (record_message(&entry, &buffer, &message) == 0)
		record_note(&entry, &message, note, sizeof(note));
	field_safe(table, note);
	buffer_release(&buffer);
}

static void fields_of_message(struct table *table, const struct export_row *row)
{
	json_t *json = export_message(row);

	field_json(table, json_object_get(json, "facts"));
	field_json(table, json_object_get(json, "payload"));
	json_decref(json);
}

static int write_row(void *context, const struct export_row *row)
{
	struct table *table = context;
	const struct trail_entry *entry = row->entry;
	char hash[65];

	table->begun = false;
	hex_print(entry->chain.bytes, sizeof(entry->chain.bytes), hash);
	field_number(table, entry->seq);
	field_time(table, entry->wall_ms);
	field(table, direction_of(entry));
	field_safe(table, entry->peer);
	field(table, message_name((enum message_type)entry->type));
	field(table, entry->verdict ? error_name((int)entry->verdict) : "");
	field_id(table, &entry->task_id);
	field_number(table, entry->task_number);
	field_number(table, entry->attempt);
	field(table, entry->end_state ? state_name(entry->end_state) : "");
	field_note(table, row);
	fields_of_message(table, row);
	field_payload_state(table, row);
	field_number(table, entry->sender_seq);
	field_id(table, &entry->message_id);
	field_id(table, &entry->boot);
	field(table, hash);
	sink_text(table->sink, "\r\n");
	return sink_good(table->sink) ? 0 : ERR_STATE;
}

int export_csv(struct export *export, struct sink *sink)
{
	struct table table = {.sink = sink};

	sink_text(sink, heading);
	return export_each(export, write_row, &table);
}
