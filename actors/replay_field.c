/* SPDX-License-Identifier: MIT
 *
 * What differs between a recorded row and the decided one, field by field, in words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "actors/replay_inner.h"
#include "protocol/id.h"
#include "protocol/json.h"
#include "protocol/schema.h"

void replay_tell(struct replay *replay, const struct trail_entry *entry, const char *field, const char *recorded,
		 const char *decided)
{
	struct replay_difference difference = {.seq = entry->seq, .type = entry->type, .task_id = entry->task_id};

	memcpy(difference.peer, entry->peer, NAME_BYTES);
	snprintf(difference.field, sizeof(difference.field), "%s", field);
	snprintf(difference.recorded, REPLAY_VALUE_BYTES, "%s", recorded);
	snprintf(difference.decided, REPLAY_VALUE_BYTES, "%s", decided);
	replay->counts.differences++;
	if (replay->options.each)
		replay->options.each(replay->options.context, &difference);
}

void replay_tell_number(struct replay *replay, const struct trail_entry *entry, const char *field, uint64_t recorded,
			uint64_t decided)
{
	char left[24], right[24];

	snprintf(left, sizeof(left), "%" PRIu64, recorded);
	snprintf(right, sizeof(right), "%" PRIu64, decided);
	if (recorded != decided)
		replay_tell(replay, entry, field, left, right);
}

void record_sketch(uint32_t direction, uint32_t type, const char *peer, char out[REPLAY_VALUE_BYTES])
{
	snprintf(out, REPLAY_VALUE_BYTES, "%s %s%s", message_name((enum message_type)type),
		 direction == TRAIL_IN    ? "from "
		 : direction == TRAIL_OUT ? "to "
					  : "of Omega's own",
		 peer);
}

/* ---- columns ---- */

static const char *verdict_text(uint32_t verdict)
{
	return verdict ? error_name((int)verdict) : "taken";
}

static const char *state_text(uint32_t state)
{
	return state ? state_name(state) : "none";
}

static const char *direction_text(uint32_t direction)
{
	return direction == TRAIL_IN ? "received" : direction == TRAIL_OUT ? "sent" : "Omega's own";
}

static void tell_text(struct replay *replay, const struct trail_entry *entry, const char *field, const char *recorded,
		      const char *decided)
{
	if (strcmp(recorded, decided) != 0)
		replay_tell(replay, entry, field, recorded, decided);
}

static void tell_id(struct replay *replay, const struct trail_entry *entry, const char *field, const struct id *recorded,
		    const struct id *decided)
{
	char left[ID_TEXT_BYTES], right[ID_TEXT_BYTES];

	id_print(recorded, left);
	id_print(decided, right);
	tell_text(replay, entry, field, left, right);
}

static void tell_columns(struct replay *replay, const struct trail_entry *a, const struct trail_entry *b)
{
	tell_text(replay, a, "type", message_name((enum message_type)a->type), message_name((enum message_type)b->type));
	tell_text(replay, a, "direction", direction_text(a->direction), direction_text(b->direction));
	tell_text(replay, a, "peer", a->peer, b->peer);
	tell_text(replay, a, "verdict", verdict_text(a->verdict), verdict_text(b->verdict));
	replay_tell_number(replay, a, "task_number", a->task_number, b->task_number);
	replay_tell_number(replay, a, "attempt", a->attempt, b->attempt);
	replay_tell_number(replay, a, "payload_seq", a->payload_seq, b->payload_seq);
	tell_text(replay, a, "end_state", state_text(a->end_state), state_text(b->end_state));
	replay_tell_number(replay, a, "revives", a->revives, b->revives);
	replay_tell_number(replay, a, "seq", a->seq, b->seq);
	replay_tell_number(replay, a, "now_ms", a->now_ms, b->now_ms);
	replay_tell_number(replay, a, "sender_seq", a->sender_seq, b->sender_seq);
	tell_id(replay, a, "boot", &a->boot, &b->boot);
	tell_id(replay, a, "message_id", &a->message_id, &b->message_id);
	tell_id(replay, a, "task_id", &a->task_id, &b->task_id);
	tell_id(replay, a, "key_hash", &a->key_hash, &b->key_hash);
	tell_id(replay, a, "body_hash", &a->body_hash, &b->body_hash);
}

/* ---- inside header and facts ---- */

/* A value on one line; "-" where there is none. Free it. NULL: out of memory. */
static char *value_text(const json_t *value)
{
	if (!value || json_is_null(value))
		return strdup("-");
	if (json_is_string(value))
		return strdup(json_string_value(value));
	return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
}

static void tell_values(struct replay *replay, const struct trail_entry *entry, const char *part, const json_t *recorded,
			const json_t *decided)
{
	const char *key;
	json_t *value;
	char field[64];

	json_object_foreach ((json_t *)(uintptr_t)decided, key, value) {
		char *left = value_text(json_object_get(recorded, key));
		char *right = value_text(value);

		snprintf(field, sizeof(field), "%s.%s", part, key);
		if (left && right && strcmp(left, right) != 0)
			replay_tell(replay, entry, field, left, right);
		free(left);
		free(right);
	}
}

static json_t *row_json(const struct trail_entry *row, struct buffer *scratch)
{
	struct record record;

	return entry_record(row, scratch, &record) ? NULL : message_to_json(&record.message);
}

static void tell_bytes(struct replay *replay, const struct trail_entry *entry, const char *part, struct bytes recorded,
		       struct bytes decided)
{
	char left[48], right[48];
	uint32_t at = 0;

	while (at < recorded.bytes && at < decided.bytes && recorded.at[at] == decided.at[at])
		at++;
	if (at == recorded.bytes && at == decided.bytes)
		return;
	snprintf(left, sizeof(left), "%u bytes", recorded.bytes);
	snprintf(right, sizeof(right), "%u bytes, others from byte %u on", decided.bytes, at);
	replay_tell(replay, entry, part, left, right);
}

int replay_tell_row(struct replay *replay, const struct trail_entry *recorded, const struct trail_entry *decided)
{
	struct buffer scratch = {0};
	json_t *left, *right;
	uint64_t before = replay->counts.differences;

	tell_columns(replay, recorded, decided);
	left = row_json(recorded, &replay->recorded_bytes);
	right = row_json(decided, &scratch);
	if (left && right && recorded->type == decided->type) {
		tell_values(replay, recorded, "header", json_object_get(left, "header"), json_object_get(right, "header"));
		tell_values(replay, recorded, "facts", json_object_get(left, "facts"), json_object_get(right, "facts"));
	}
	/* Bytes that mean the same, or nothing. */
	if (replay->counts.differences == before) {
		tell_bytes(replay, recorded, "header", recorded->header, decided->header);
		tell_bytes(replay, recorded, "facts", recorded->facts, decided->facts);
	}
	json_decref(left);
	json_decref(right);
	buffer_release(&scratch);
	return ERR_CONFLICT;
}
