/* SPDX-License-Identifier: MIT
 *
 * The lines of an export: canonical JSON (RFC 8785), a header, the records, the checkpoints, an end. docs/trail-format.md has the form.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/export.h"
#include "protocol/canonical.h"
#include "protocol/id.h"

/* A line that is put together; the first error stays. Members are written in the order of their names. */
struct line {
	struct buffer text;
	struct buffer digits; /* of one value */
	bool begun;
	int rc;
};

static void put(struct line *line, const void *at, size_t bytes)
{
	if (!line->rc)
		line->rc = buffer_append(&line->text, at, bytes);
}

static void put_text(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

static void put_name(struct line *line, const char *name)
{
	put_text(line, line->begun ? ",\"" : "\"");
	put_text(line, name);
	put_text(line, "\":");
	line->begun = true;
}

static void put_number(struct line *line, const char *name, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	put_name(line, name);
	put_text(line, text);
}

static void put_flag(struct line *line, const char *name, bool value)
{
	put_name(line, name);
	put_text(line, value ? "true" : "false");
}

static void put_string(struct line *line, const char *name, const char *value)
{
	put_name(line, name);
	if (!line->rc)
		line->rc = canonical_string(value, strlen(value), &line->text);
}

/* Room for the digits of a value. NULL: there is no memory for it. */
static char *digits_room(struct line *line, size_t bytes)
{
	static const char nothing[4096];

	line->digits.bytes = 0;
	while (!line->rc && line->digits.bytes < bytes)
		line->rc = buffer_append(&line->digits, nothing, sizeof(nothing));
	return line->rc ? NULL : (char *)line->digits.at;
}

static void put_base64(struct line *line, const void *at, size_t bytes)
{
	size_t room = sodium_base64_ENCODED_LEN(bytes, sodium_base64_VARIANT_ORIGINAL);
	char *digits = digits_room(line, room);

	if (!digits)
		return;
	sodium_bin2base64(digits, room, at, bytes, sodium_base64_VARIANT_ORIGINAL);
	put_text(line, "\"");
	put(line, digits, room - 1);
	put_text(line, "\"");
}

static bool all_zero(const uint8_t *at, size_t bytes)
{
	while (bytes > 0 && at[bytes - 1] == 0)
		bytes--;
	return bytes == 0;
}

static void put_hex(struct line *line, const char *name, const uint8_t *at, size_t bytes, bool may_be_absent)
{
	char digits[65];

	put_name(line, name);
	if (may_be_absent && all_zero(at, bytes)) {
		put_text(line, "null");
		return;
	}
	hex_print(at, bytes, digits);
	put_text(line, "\"");
	put_text(line, digits);
	put_text(line, "\"");
}

static void put_id(struct line *line, const char *name, const struct id *id)
{
	put_hex(line, name, id->bytes, sizeof(id->bytes), true);
}

static void put_span(struct line *line, const char *name, struct bytes span)
{
	put_name(line, name);
	put_base64(line, span.at, span.bytes);
}

static void put_message(struct line *line, const struct export_row *row)
{
	json_t *json = export_message(row);

	put_name(line, "message");
	if (!line->rc)
		line->rc = canonical_json(json, &line->text);
	json_decref(json);
}

static void put_payload(struct line *line, const struct export_row *row)
{
	put_name(line, "payload");
	if (row->payload != PAYLOAD_HERE) {
		put_text(line, "null");
		return;
	}
	put_text(line, "{\"body\":");
	put_base64(line, row->body.at, row->body.bytes);
	put_text(line, ",\"salt\":");
	put_base64(line, row->salt, 32);
	put_text(line, "}");
}

static void put_proof(struct line *line, const struct export_row *row, const struct proof *proof)
{
	put_hex(line, "previous", row->previous.bytes, sizeof(row->previous.bytes), false);
	put_name(line, "proof");
	for (uint32_t i = 0; i < proof->count; i++) {
		put_text(line, i ? "," : "[");
		put_base64(line, proof->hash[i].bytes, sizeof(proof->hash[i].bytes));
	}
	put_text(line, proof->count ? "]" : "[]");
}

/* `proof` NULL: the export is whole. */
static void put_record(struct line *line, const struct export_row *row, const struct proof *proof)
{
	const struct trail_entry *entry = row->entry;
	char sender_seq[24];

	snprintf(sender_seq, sizeof(sender_seq), "%" PRIu64, entry->sender_seq);
	put_number(line, "attempt", entry->attempt);
	put_id(line, "body_hash", &entry->body_hash);
	put_id(line, "boot", &entry->boot);
	put_hex(line, "chain", entry->chain.bytes, sizeof(entry->chain.bytes), false);
	put_hex(line, "commitment", entry->commitment.bytes, sizeof(entry->commitment.bytes), true);
	put_number(line, "direction", entry->direction);
	put_number(line, "end_state", entry->end_state);
	put_span(line, "facts", entry->facts);
	put_span(line, "header", entry->header);
	put_id(line, "key_hash", &entry->key_hash);
	put_message(line, row);
	put_id(line, "message_id", &entry->message_id);
	put_number(line, "mono_ms", entry->mono_ms);
	put_number(line, "now_ms", entry->now_ms);
	put_payload(line, row);
	put_number(line, "payload_seq", entry->payload_seq);
	put_string(line, "peer", entry->peer);
	if (proof)
		put_proof(line, row, proof);
	put_number(line, "revives", entry->revives);
	put_string(line, "sender_seq", sender_seq);
	put_number(line, "seq", entry->seq);
	put_id(line, "task_id", &entry->task_id);
	put_number(line, "task_number", entry->task_number);
	put_number(line, "type", entry->type);
	put_number(line, "verdict", entry->verdict);
	put_number(line, "wall_ms", entry->wall_ms);
}

/* ---- the lines ---- */

struct lines {
	struct export *export;
	int (*each)(void *context, const uint8_t *at, size_t bytes);
	void *context;
	struct line line;
	uint64_t count;
};

static void begin(struct lines *lines)
{
	lines->line.text.bytes = 0;
	lines->line.begun = false;
	put_text(&lines->line, "{");
}

static int finish(struct lines *lines)
{
	put_text(&lines->line, "}\n");
	lines->count++;
	return lines->line.rc ? lines->line.rc : lines->each(lines->context, lines->line.text.at, lines->line.text.bytes);
}

static void put_keys(struct line *line, const char *keys)
{
	put_name(line, "keys");
	put_text(line, "[");
	for (const char *at = keys; *at && !line->rc; at += strcspn(at, "\n") + 1) {
		put_text(line, at == keys ? "" : ",");
		if (!line->rc)
			line->rc = canonical_string(at, strcspn(at, "\n"), &line->text);
	}
	put_text(line, "]");
}

static int header_line(struct lines *lines)
{
	const struct export *export = lines->export;
	struct line *line = &lines->line;

	begin(lines);
	put_number(line, "checkpoints", export->whole ? export->checkpoint.number : 1);
	put_number(line, "first", export->first);
	put_string(line, "format", "bunshin-export/1");
	put_keys(line, export->keys);
	put_number(line, "last", export->last);
	if (!export->payloads)
		put_flag(line, "payloads", false);
	put_number(line, "records", export->records);
	put_flag(line, "whole", export->whole);
	return finish(lines);
}

static int prove(struct export *export, uint64_t seq, struct proof *out_proof)
{
	int rc = trail_inclusion(export->trail, seq, export->checkpoint.size, out_proof);

	if (rc)
		snprintf(export->why, sizeof(export->why), "record %" PRIu64 " cannot be proved: %s", seq,
			 trail_why(export->trail));
	return rc;
}

static int record_line(void *context, const struct export_row *row)
{
	struct lines *lines = context;
	struct proof proof;
	int rc = lines->export->whole ? 0 : prove(lines->export, row->entry->seq, &proof);

	if (rc)
		return rc;
	begin(lines);
	put_record(&lines->line, row, lines->export->whole ? NULL : &proof);
	return finish(lines);
}

static int checkpoint_line(void *context, const struct trail_checkpoint *checkpoint)
{
	struct lines *lines = context;

	if (checkpoint->number > lines->export->checkpoint.number)
		return 0;
	begin(lines);
	put_string(&lines->line, "checkpoint", checkpoint->note);
	put_number(&lines->line, "number", checkpoint->number);
	return finish(lines);
}

static int checkpoint_lines(struct lines *lines)
{
	struct export *export = lines->export;
	uint64_t before = lines->count;
	int rc;

	if (!export->whole)
		return checkpoint_line(lines, &export->checkpoint);
	rc = trail_checkpoints(export->trail, 0, checkpoint_line, lines);
	if (!rc && lines->count - before != export->checkpoint.number) {
		snprintf(export->why, sizeof(export->why),
			 "there are %" PRIu64 " checkpoints in the trail, and the last one has the number %" PRIu64,
			 lines->count - before, export->checkpoint.number);
		return ERR_CORRUPT;
	}
	return rc;
}

static int end_line(struct lines *lines)
{
	uint64_t count = lines->count;

	begin(lines);
	put_flag(&lines->line, "end", true);
	put_number(&lines->line, "lines", count);
	return finish(lines);
}

int export_lines(struct export *export, int (*line)(void *context, const uint8_t *at, size_t bytes), void *context)
{
	struct lines lines = {.export = export, .each = line, .context = context};
	int rc = header_line(&lines);

	if (!rc)
		rc = export_each(export, record_line, &lines);
	if (!rc)
		rc = checkpoint_lines(&lines);
	if (!rc)
		rc = end_line(&lines);
	if (rc && !export->why[0])
		snprintf(export->why, sizeof(export->why), "%s", rc == ERR_MEMORY ? "out of memory" : trail_why(export->trail));
	buffer_release(&lines.line.text);
	buffer_release(&lines.line.digits);
	return rc;
}

static int write_line(void *context, const uint8_t *at, size_t bytes)
{
	struct sink *sink = context;

	sink_write(sink, at, bytes);
	return sink_good(sink) ? 0 : ERR_STATE;
}

int export_jsonl(struct export *export, struct sink *sink)
{
	return export_lines(export, write_line, sink);
}
