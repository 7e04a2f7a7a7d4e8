/* SPDX-License-Identifier: MIT */
#include "selftest/history.h"

#include <stdio.h>
#include <string.h>

#include "selftest/outage.h"

enum { STAGE_FREE, STAGE_ACCEPT, STAGE_ASSIGN, STAGE_START, STAGE_END, STAGE_TELL, STAGE_AFTER };

void history_init(struct history *history, uint64_t seed)
{
	*history = (struct history){.random = seed, .next_seq = 1};
}

void history_room_release(struct history_room *room)
{
	buffer_release(&room->header);
	buffer_release(&room->facts);
}

static uint64_t chance(struct history *history, uint64_t below)
{
	return random_below(&history->random, below);
}

static struct id id_of(uint64_t number, uint8_t kind)
{
	struct id id = {.bytes = {0x01, 0x92, kind}};
	for (unsigned i = 0; i < 8; i++)
		id.bytes[15 - i] = (uint8_t)((number * 0x2545f4914f6cdd1du + kind) >> (8 * i));
	return id;
}

static void payload_own(struct history *history, bool large, struct history_room *room, struct trail_entry *entry)
{
	uint64_t bytes = large ? 9000 + chance(history, HISTORY_PAYLOAD_BYTES - 9000) : 24 + chance(history, 400);
	for (uint64_t at = 0; at < bytes; at += sizeof(uint64_t)) {
		uint64_t word = chance(history, UINT64_MAX);
		memcpy(room->payload + at, &word, bytes - at < sizeof(word) ? (size_t)(bytes - at) : sizeof(word));
	}
	entry->payload_seq = entry->seq;
	entry->payload = (struct bytes){.at = room->payload, .bytes = (uint32_t)bytes};
}

/* ---- the life of a task ---- */

static void task_begin(struct history *history, struct history_task *task, struct trail_entry *entry)
{
	entry->direction = TRAIL_IN;
	entry->type = MESSAGE_TASK_REQUEST;
	entry->task_number = entry->seq;
	entry->task_id = id_of(entry->seq, 1);
	entry->body_hash = id_of(entry->seq, 2);
	if (chance(history, 3))
		entry->key_hash = id_of(entry->seq, 3);
	*task = (struct history_task){.number = entry->seq, .stage = STAGE_ACCEPT, .request_payload = entry->seq};
}

static void task_done(struct history *history, struct history_task *task)
{
	if (history->done_count == HISTORY_DONE)
		memmove(history->done, history->done + 1, --history->done_count * sizeof(history->done[0]));
	history->done[history->done_count++] = task->number;
	task->stage = STAGE_FREE;
}

static void task_after(struct history *history, struct history_task *task, struct trail_entry *entry)
{
	if (task->failed && chance(history, 2)) {
		entry->direction = TRAIL_IN;
		entry->type = MESSAGE_RECOVERY_ACTION;
		entry->revives = true;
		task->stage = STAGE_ASSIGN;
		return;
	}
	entry->direction = TRAIL_INNER;
	entry->type = MESSAGE_DELIVERED;
	task_done(history, task);
}

/* True: the record brings a payload of its own. */
static bool task_step(struct history *history, struct history_task *task, struct trail_entry *entry)
{
	entry->task_number = task->number;
	entry->task_id = id_of(task->number, 1);
	entry->attempt = 1;
	entry->direction = TRAIL_OUT;
	switch (task->stage++) {
	case STAGE_ACCEPT:
		entry->type = MESSAGE_TASK_ACCEPTED;
		return false;
	case STAGE_ASSIGN:
		entry->type = MESSAGE_TASK_ASSIGNMENT;
		entry->payload_seq = task->request_payload;
		return false;
	case STAGE_START:
		entry->direction = TRAIL_IN;
		entry->type = MESSAGE_TASK_STARTED;
		return false;
	case STAGE_END:
		task->failed = chance(history, 3) == 0;
		entry->direction = TRAIL_IN;
		entry->type = task->failed ? MESSAGE_TASK_FAILURE : MESSAGE_TASK_COMPLETION;
		entry->end_state = task->failed ? STATE_FAILED : STATE_COMPLETED;
		task->result_payload = entry->seq;
		return true;
	case STAGE_TELL:
		entry->type = task->failed ? MESSAGE_TASK_FAILURE : MESSAGE_TASK_COMPLETION;
		entry->end_state = task->failed ? STATE_FAILED : STATE_COMPLETED;
		entry->payload_seq = task->result_payload;
		return false;
	default:
		task_after(history, task, entry);
		return false;
	}
}

/* What belongs to no task. True: with a payload. */
static bool other(struct history *history, struct trail_entry *entry)
{
	switch (chance(history, 3)) {
	case 0:
		entry->direction = TRAIL_INNER;
		entry->type = MESSAGE_SNAPSHOT;
		return true;
	case 1: /* a request that was refused makes no task */
		entry->direction = TRAIL_IN;
		entry->type = MESSAGE_TASK_REQUEST;
		entry->verdict = ERROR_UNKNOWN_TYPE;
		entry->task_id = id_of(entry->seq, 1);
		return true;
	default:
		entry->direction = TRAIL_INNER;
		entry->type = MESSAGE_PRESENCE;
		return false;
	}
}

/* ---- records ---- */

static void entry_begin(struct history *history, struct trail_entry *entry)
{
	uint64_t seq = history->next_seq++;
	*entry = (struct trail_entry){.seq = seq, .boot = {{0xb0, 0x07}}, .sender_seq = seq};
	entry->now_ms = seq * 3;
	entry->wall_ms = 1800000000000u + seq * 5;
	entry->mono_ms = 77000 + seq * 5;
	entry->message_id = id_of(seq ^ chance(history, 1u << 30) << 32, 4);
}

static int span_fill(struct history *history, struct buffer *buffer, uint64_t bytes, struct bytes *out_span)
{
	buffer->bytes = 0;
	for (uint64_t i = 0; i < bytes; i += sizeof(uint64_t)) {
		uint64_t word = chance(history, UINT64_MAX);
		if (buffer_append(buffer, &word, sizeof(word)))
			return ERR_MEMORY;
	}
	*out_span = (struct bytes){.at = buffer->at, .bytes = (uint32_t)buffer->bytes};
	return 0;
}

/* As a network encodes it: what erases reads that. */
static int message_put(const struct message *message, struct history_room *room, struct trail_entry *entry)
{
	room->header.bytes = room->facts.bytes = 0;
	int rc = message_encode_header(message, &room->header);
	if (rc == 0)
		rc = message_encode_facts(message, &room->facts);
	entry->header = (struct bytes){.at = room->header.at, .bytes = (uint32_t)room->header.bytes};
	entry->facts = (struct bytes){.at = room->facts.at, .bytes = (uint32_t)room->facts.bytes};
	return rc;
}

static int request_put(struct history_room *room, struct trail_entry *entry)
{
	struct message message = {.type = MESSAGE_TASK_REQUEST};
	message.header.message_id = entry->message_id;
	message.header.task_id = entry->task_id;
	message.task_request.task_type = (struct text){.at = "review", .bytes = 6};
	return message_put(&message, room, entry);
}

int history_next(struct history *history, bool large, struct history_room *room, struct trail_entry *out_entry)
{
	struct history_task *task = &history->live[chance(history, HISTORY_LIVE)];
	bool owner = true;
	entry_begin(history, out_entry);
	if (chance(history, 8) == 0)
		owner = other(history, out_entry);
	else if (task->stage == STAGE_FREE)
		task_begin(history, task, out_entry);
	else
		owner = task_step(history, task, out_entry);
	if (owner)
		payload_own(history, large, room, out_entry);
	if (out_entry->direction != TRAIL_INNER)
		snprintf(out_entry->peer, sizeof(out_entry->peer), "client/%u", (unsigned)chance(history, 3));
	if (out_entry->type == MESSAGE_TASK_REQUEST)
		return request_put(room, out_entry);
	int rc = span_fill(history, &room->header, 20 + chance(history, 90), &out_entry->header);
	return rc ? rc : span_fill(history, &room->facts, chance(history, 70), &out_entry->facts);
}

int history_erase(struct history *history, bool by_age, struct history_room *room, struct trail_entry *out_entry)
{
	struct message message = {.type = MESSAGE_ERASED};
	uint64_t number = history->done[0];
	if (!history->done_count)
		return ERR_NOT_FOUND;
	memmove(history->done, history->done + 1, --history->done_count * sizeof(history->done[0]));
	if (by_age)
		history->done_count = 0;
	entry_begin(history, out_entry);
	out_entry->direction = TRAIL_INNER;
	out_entry->type = MESSAGE_ERASED;
	message.header.message_id = out_entry->message_id;
	message.erased.through_seq = out_entry->seq - 1;
	message.erased.who = (struct text){.at = "selftest", .bytes = 8};
	if (!by_age) {
		message.erased.task_number = out_entry->task_number = number;
		message.header.task_id = out_entry->task_id = id_of(number, 1);
	}
	return message_put(&message, room, out_entry);
}
