/* SPDX-License-Identifier: MIT */
#include "actors/entry.h"

#include <string.h>

bool record_is_outcome(const struct record *record)
{
	return record->direction == DIRECTION_OUT &&
	       (record->message.type == MESSAGE_TASK_COMPLETION || record->message.type == MESSAGE_TASK_FAILURE);
}

bool record_makes_task(const struct record *record)
{
	return record->direction == DIRECTION_IN && record->message.type == MESSAGE_TASK_REQUEST && !record->verdict &&
	       record->task_number == record->seq;
}

static bool revives_task(const struct record *record)
{
	const struct recovery_action *action = &record->message.recovery_action;

	return record->direction == DIRECTION_IN && record->message.type == MESSAGE_RECOVERY_ACTION && !record->verdict &&
	       state_is_end(action->known_state) && action->verb <= VERB_REPLAY;
}

static uint32_t end_state(const struct record *record, uint64_t *ended_number)
{
	if (!record_is_outcome(record) || !record->task_number || record->task_number == *ended_number)
		return 0;
	*ended_number = record->task_number;
	return record->message.type == MESSAGE_TASK_COMPLETION ? STATE_COMPLETED : record->message.task_failure.state;
}

void entry_fill(struct trail_entry *out_entry, const struct record *record, struct bytes header, struct bytes facts,
		uint64_t *ended_number)
{
	const struct message *message = &record->message;

	*out_entry = (struct trail_entry){
		.seq = record->seq,
		.now_ms = record->now_ms,
		.direction = record->direction,
		.type = message->type,
		.verdict = record->verdict,
		.message_id = message->header.message_id,
		.task_id = message->header.task_id,
		.task_number = record->task_number,
		.attempt = record->attempt,
		.sender_seq = message->header.sender_seq,
		.payload_seq = record->payload_seq,
		.header = header,
		.facts = facts,
		.end_state = end_state(record, ended_number),
		.revives = revives_task(record),
	};
	memcpy(out_entry->peer, record->peer, NAME_BYTES);
	if (record_makes_task(record)) {
		out_entry->key_hash = message->task_request.key_hash;
		out_entry->body_hash = message->task_request.body_hash;
	}
}

int entry_record(const struct trail_entry *entry, struct buffer *scratch, struct record *out_record)
{
	struct parts parts;
	int rc;

	scratch->bytes = 0;
	rc = message_join(entry->type, entry->header, entry->facts, (struct bytes){0}, scratch);
	if (!rc)
		rc = validate_message(scratch->at, scratch->bytes, &parts);
	memset(out_record, 0, sizeof(*out_record));
	if (!rc)
		rc = message_decode(&parts, &out_record->message);
	if (rc)
		return rc;
	out_record->seq = entry->seq;
	out_record->now_ms = entry->now_ms;
	out_record->direction = (enum direction)entry->direction;
	out_record->verdict = entry->verdict;
	out_record->task_number = entry->task_number;
	out_record->attempt = entry->attempt;
	out_record->payload_seq = entry->payload_seq;
	memcpy(out_record->peer, entry->peer, NAME_BYTES);
	if (entry->type != MESSAGE_SNAPSHOT)
		return 0;
	out_record->message.payload = entry->payload;
	return message_decode_payload(&out_record->message);
}
