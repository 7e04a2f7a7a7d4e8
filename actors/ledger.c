/* SPDX-License-Identifier: MIT
 *
 * Records become trail entries: the batch being filled, the batch being committed, and what both hold.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "actors/entry.h"
#include "actors/mask.h"
#include "actors/shell.h"

static struct bytes span_of(const struct buffer *buffer)
{
	return (struct bytes){buffer->at, (uint32_t)buffer->bytes};
}

/* ---- payloads ---- */

static struct bytes payload_in_batch(const struct shell *shell, unsigned which, uint64_t seq)
{
	const struct batch *batch = shell->batch[which];
	uint64_t first = shell->batch_first_seq[which];

	if (!batch_count(batch) || seq < first || seq >= first + batch_count(batch))
		return (struct bytes){0};
	return batch_entry(batch, (size_t)(seq - first))->payload;
}

struct bytes ledger_payload(struct shell *shell, uint64_t seq)
{
	struct bytes found;

	if (shell->event && seq == shell->event_seq)
		return shell->event->message->payload;
	found = payloads_find(&shell->payloads, seq);
	if (found.at)
		return found;
	found = payload_in_batch(shell, shell->filling, seq);
	if (!found.at && shell->committing)
		found = payload_in_batch(shell, !shell->filling, seq);
	shell->fetched.bytes = 0;
	/* Copied, since what is in a batch moves when the batch grows. */
	if (found.at ? buffer_append(&shell->fetched, found.at, found.bytes) : trail_payload(shell->reader, seq, &shell->fetched))
		shell->fetched.bytes = 0; /* erased: what is left of it is its commitment */
	return span_of(&shell->fetched);
}

static int note_masked(void *context, const struct trail_entry *entry)
{
	struct shell *shell = ((void **)context)[0];
	struct record record;

	if (entry_record(entry, &shell->message, &record) == 0)
		*(uint32_t *)((void **)context)[1] = record.message.header.masked;
	return 0;
}

uint32_t ledger_masked(struct shell *shell, uint64_t seq)
{
	uint32_t masked = 0;
	void *context[2] = {shell, &masked};

	if (shell->event && seq == shell->event_seq)
		return shell->event->message->header.masked;
	if (payloads_masked(&shell->payloads, seq, &masked))
		return masked;
	if (ledger_fetch(shell, seq, note_masked, context))
		shell_fail(shell, ERR_IO, "a record could not be read from the trail");
	return masked;
}

/* ---- records to entries ---- */

static void fill_entry(struct shell *shell, const struct record *record, struct bytes payload, struct trail_entry *entry)
{
	entry_fill(entry, record, span_of(&shell->header), span_of(&shell->facts), &shell->ended_number);
	entry->boot = shell->boot;
	entry->wall_ms = shell->wall_ms;
	entry->mono_ms = shell->mono_ms;
	if (entry->end_state)
		freshness_ended(&shell->freshness, &record->message.header.task_id);
	if (record->payload_seq == record->seq)
		entry->payload = payload;
}

static int encode_header_and_facts(struct shell *shell, const struct message *message)
{
	int rc;

	shell->header.bytes = 0;
	shell->facts.bytes = 0;
	rc = message_encode_header(message, &shell->header);
	return rc ? rc : message_encode_facts(message, &shell->facts);
}

static void add_entry(struct shell *shell, const struct record *record, struct bytes payload)
{
	struct batch *batch = shell->batch[shell->filling];
	struct trail_entry entry;

	if (!batch_count(batch))
		shell->batch_first_seq[shell->filling] = record->seq;
	fill_entry(shell, record, payload, &entry);
	if (batch_add(batch, &entry))
		shell_fail(shell, ERR_MEMORY, "out of memory for the batch of records");
}

/* ---- incoming and inner records ---- */

static int own_payload(struct shell *shell, const struct record *record, struct bytes *out_payload)
{
	int rc;

	*out_payload = (struct bytes){0};
	if (record->payload_seq != record->seq)
		return 0;
	if (record->direction == DIRECTION_IN) {
		*out_payload = shell->event->message->payload;
		shell->event_seq = record->seq;
		return 0;
	}
	shell->payload.bytes = 0;
	rc = message_encode_payload(&record->message, &shell->payload);
	*out_payload = span_of(&shell->payload);
	return rc;
}

/* Whoever follows a task that has ended gets its outcome once more, as it stands on the trail. */
static int repeat_outcome(void *context, const struct trail_entry *entry)
{
	struct shell *shell = context;
	struct connection *connection = connection_at(shell, shell->current);
	struct parts parts;
	struct message message;
	struct bytes payload;

	shell->message.bytes = 0;
	if (message_join(entry->type, entry->header, entry->facts, (struct bytes){0}, &shell->message) ||
	    validate_message(shell->message.at, shell->message.bytes, &parts) || message_decode(&parts, &message))
		return 0;
	message.header.sender_seq = 0; /* its number was that of another connection */
	memcpy(message.header.recipient, connection->peer, NAME_BYTES);
	if (encode_header_and_facts(shell, &message))
		return 0;
	payload = entry->payload_seq ? ledger_payload(shell, entry->payload_seq) : (struct bytes){0};
	outbox_add(shell, shell->current, message.type, span_of(&shell->header), span_of(&shell->facts), payload);
	return 0;
}

static void take_side_effects(struct shell *shell, const struct record *record, struct bytes payload)
{
	const struct message *message = &record->message;

	if (record_makes_task(record))
		payloads_add(&shell->payloads, record->seq, payload, record->message.header.masked);
	if (record->direction == DIRECTION_IN && message->type == MESSAGE_TASK_FOLLOW && !record->verdict &&
	    message->task_follow.known_outcome && shell->current) {
		if (ledger_fetch(shell, message->task_follow.known_outcome, repeat_outcome, shell))
			shell_fail(shell, ERR_IO, "the outcome of a task could not be read from the trail");
	}
}

static void take_inward(struct shell *shell, const struct record *record)
{
	struct bytes payload;

	if (own_payload(shell, record, &payload) || encode_header_and_facts(shell, &record->message)) {
		shell_fail(shell, ERR_MEMORY, "a record could not be encoded");
		return;
	}
	add_entry(shell, record, payload);
	take_side_effects(shell, record, payload);
}

/* ---- outgoing records ---- */

static uint32_t recipient_of(struct shell *shell, const struct record *record)
{
	if (shell->current && strcmp(connection_at(shell, shell->current)->peer, record->peer) == 0)
		return shell->current;
	return connection_named(&shell->connections, record->peer);
}

static void number_message(struct shell *shell, struct record *record, uint32_t index)
{
	struct message *message = &record->message;

	message->header.sent_at_ms = shell->wall_ms;
	if (!index)
		return;
	message->header.sender_seq = ++connection_at(shell, index)->seq_out;
	if (record_is_outcome(record))
		outcome_sent(connection_at(shell, index), message->header.sender_seq);
	if (message->type == MESSAGE_WELCOME)
		message->welcome.heartbeat_ms = shell->conf.heartbeat_ms;
}

static int outgoing_payload(struct shell *shell, struct record *record, struct bytes *out_payload)
{
	int rc;

	*out_payload = (struct bytes){0};
	if (record->payload_seq != record->seq) {
		if (record->payload_seq) {
			record->message.header.masked = ledger_masked(shell, record->payload_seq);
			*out_payload = ledger_payload(shell, record->payload_seq);
		}
		return 0;
	}
	text_write(shell, record);
	shell->payload.bytes = 0;
	rc = message_encode_payload(&record->message, &shell->payload);
	if (!rc)
		record->message.header.masked =
			mask_payload(shell->vault, record->message.type, shell->payload.at, shell->payload.bytes);
	*out_payload = span_of(&shell->payload);
	return rc;
}

static void send_to_operators(struct shell *shell, const struct record *record, struct bytes payload)
{
	for (uint32_t i = 1; i <= shell->connections.high; i++) {
		const struct connection *connection = connection_at(shell, i);

		if (connection->joined && connection->role_rights == OPERATOR)
			outbox_add(shell, i, record->message.type, span_of(&shell->header), span_of(&shell->facts), payload);
	}
}

static void take_outward(struct shell *shell, struct record *record)
{
	uint32_t index = recipient_of(shell, record);
	struct bytes payload;

	number_message(shell, record, index);
	if (outgoing_payload(shell, record, &payload) || encode_header_and_facts(shell, &record->message)) {
		shell_fail(shell, ERR_MEMORY, "a record could not be encoded");
		return;
	}
	add_entry(shell, record, payload);
	if (index)
		outbox_add(shell, index, record->message.type, span_of(&shell->header), span_of(&shell->facts), payload);
	else if (strcmp(record->peer, "operators") == 0)
		send_to_operators(shell, record, payload);
}

void ledger_take(struct shell *shell, struct record *record)
{
	if (record->direction == DIRECTION_OUT)
		take_outward(shell, record);
	else
		take_inward(shell, record);
}

/* ---- batches ---- */

static uint64_t microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

bool ledger_room(const struct shell *shell)
{
	const struct batch *batch = shell->batch[shell->filling];

	return batch_count(batch) + STEP_RECORDS_MAX <= BATCH_RECORDS_MAX && batch_bytes(batch) < BATCH_BYTES_MAX &&
	       shell->outbox[shell->filling].bytes.bytes < OUTBOX_BYTES_MAX;
}

void ledger_submit(struct shell *shell)
{
	unsigned which = shell->filling;

	if (shell->committing || !batch_count(shell->batch[which]))
		return;
	outbox_close(shell, which);
	shell->committing = true;
	shell->filling = !which;
	shell->submit_us = microseconds();
	writer_submit(shell->writer, shell->batch[which]);
}

void ledger_done(struct shell *shell)
{
	unsigned which = !shell->filling;
	struct batch *batch;
	int result;

	batch = writer_take(shell->writer, &result);
	if (!batch)
		return;
	if (result) {
		shell_fail(shell, result, "the trail could not be written");
		return;
	}
	shell->commit_us = microseconds() - shell->submit_us;
	shell->durable_seq = shell->batch_first_seq[which] + batch_count(batch) - 1;
	batch_clear(batch);
	shell->committing = false;
	/* The next batch goes to the disk while this one's messages are sent. */
	ledger_submit(shell);
	outbox_release(shell, which);
	courier_durable(shell);
}

int ledger_drain(struct shell *shell)
{
	while (!shell->failed && (shell->committing || batch_count(shell->batch[shell->filling]))) {
		struct pollfd item = {.fd = writer_fd(shell->writer), .events = POLLIN};

		ledger_submit(shell);
		poll(&item, 1, 1000);
		ledger_done(shell);
	}
	return shell->failed;
}

/* ---- reading back ---- */

static const struct trail_entry *entry_in_batch(const struct shell *shell, unsigned which, uint64_t seq)
{
	const struct batch *batch = shell->batch[which];
	uint64_t first = shell->batch_first_seq[which];

	if (!batch_count(batch) || seq < first || seq >= first + batch_count(batch))
		return NULL;
	return batch_entry(batch, (size_t)(seq - first));
}

int ledger_fetch(struct shell *shell, uint64_t seq, int (*each)(void *context, const struct trail_entry *entry), void *context)
{
	struct trail_query query = {.after_seq = seq - 1, .through_seq = seq, .limit = 1};
	const struct trail_entry *entry = entry_in_batch(shell, shell->filling, seq);

	if (!entry && shell->committing)
		entry = entry_in_batch(shell, !shell->filling, seq);
	if (entry)
		return each(context, entry);
	return trail_read(shell->reader, &query, each, context);
}
