/* SPDX-License-Identifier: MIT
 *
 * What is to be said once its batch is durable, per connection; and the sending, which never blocks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/fresh.h"
#include "actors/shell.h"

#define ACK_DELAY_MS 10u /* durable_through without anything else to say */

/* ---- holding back ---- */

void outbox_free(struct outbox *outbox)
{
	buffer_release(&outbox->bytes);
	free(outbox->item);
	memset(outbox, 0, sizeof(*outbox));
}

void outbox_touch(struct shell *shell, uint32_t index)
{
	struct connection *connection = connection_at(shell, index);
	struct outbox *outbox = &shell->outbox[shell->filling];

	if (connection->touched[shell->filling])
		return;
	connection->touched[shell->filling] = true;
	/* A slot may be listed twice when its connection is forgotten and another takes its place within one batch. */
	if (outbox->touched_count < CONNECTION_SLOTS)
		outbox->touched[outbox->touched_count++] = index;
	else
		outbox->all = true;
}

static int grow(struct outbox *outbox)
{
	uint32_t capacity = outbox->capacity ? outbox->capacity * 2 : 256;
	struct outgoing *item;

	if (outbox->count + 1 < outbox->capacity)
		return 0;
	item = realloc(outbox->item, capacity * sizeof(*item));
	if (!item)
		return ERR_MEMORY;
	outbox->item = item;
	outbox->capacity = capacity;
	return 0;
}

void outbox_add(struct shell *shell, uint32_t index, enum message_type type, struct bytes header, struct bytes facts,
		struct bytes payload)
{
	struct outbox *outbox = &shell->outbox[shell->filling];
	struct chain *chain = &connection_at(shell, index)->chain[shell->filling];
	size_t before = outbox->bytes.bytes;
	struct outgoing *item;

	if (grow(outbox) || message_join(type, header, facts, payload, &outbox->bytes)) {
		shell_fail(shell, ERR_MEMORY, "out of memory for messages that wait for their batch");
		return;
	}
	outbox_touch(shell, index);
	item = &outbox->item[++outbox->count];
	*item = (struct outgoing){index, 0, (uint32_t)before, (uint32_t)(outbox->bytes.bytes - before)};
	if (chain->last)
		outbox->item[chain->last].next = outbox->count;
	else
		chain->first = outbox->count;
	chain->last = outbox->count;
}

/* ---- sending ---- */

static bool send_now(struct shell *shell, struct connection *connection, const void *at, size_t bytes)
{
	int rc = zmq_send(shell->socket, connection->routing, connection->routing_bytes, ZMQ_DONTWAIT | ZMQ_SNDMORE);

	if (rc >= 0)
		rc = zmq_send(shell->socket, at, bytes, ZMQ_DONTWAIT);
	if (rc < 0 && errno != EAGAIN && !connection->unreachable) {
		connection->unreachable = true;
		shell->unreachable++;
	}
	return rc >= 0;
}

static void keep_frame(struct shell *shell, struct connection *connection, const void *at, size_t bytes)
{
	struct waiting_frame *frame = NULL;

	if (connection->backlog_bytes + bytes <= BACKLOG_BYTES_MAX)
		frame = malloc(sizeof(*frame) + bytes);
	if (!frame) { /* too slow for too long: what it misses now it gets by joining again */
		connection->unreachable = true;
		shell->unreachable++;
		return;
	}
	frame->next = NULL;
	frame->bytes = bytes;
	memcpy(frame->data, at, bytes);
	if (connection->backlog_last)
		connection->backlog_last->next = frame;
	else
		connection->backlog_first = frame;
	if (!connection->backlog_last)
		shell->connections.backlogged++;
	connection->backlog_last = frame;
	connection->backlog_bytes += bytes;
}

static void send_frame(struct shell *shell, struct connection *connection, const void *at, size_t bytes)
{
	if (connection->unreachable)
		return;
	connection->said_ms = shell->mono_ms;
	if (!connection->backlog_first && send_now(shell, connection, at, bytes))
		return;
	if (!connection->unreachable)
		keep_frame(shell, connection, at, bytes);
}

static void send_waiting(struct shell *shell, struct connection *connection)
{
	while (connection->backlog_first) {
		struct waiting_frame *frame = connection->backlog_first;

		if (!send_now(shell, connection, frame->data, frame->bytes))
			return;
		connection->backlog_first = frame->next;
		connection->backlog_bytes -= frame->bytes;
		free(frame);
	}
	connection->backlog_last = NULL;
	shell->connections.backlogged--;
}

void send_backlog(struct shell *shell)
{
	for (uint32_t i = 1; shell->connections.backlogged && i <= shell->connections.high; i++) {
		struct connection *connection = connection_at(shell, i);

		if (connection->used && connection->backlog_first && !connection->unreachable)
			send_waiting(shell, connection);
	}
}

/* ---- heartbeats and acknowledgements ---- */

static struct message heartbeat_for(const struct shell *shell, struct connection *connection)
{
	struct message message = {.type = MESSAGE_HEARTBEAT};

	message.header.message_id = shell->boot;
	message.header.sent_at_ms = shell->wall_ms;
	snprintf(message.header.sender, NAME_BYTES, "omega");
	memcpy(message.header.recipient, connection->peer, NAME_BYTES);
	message.heartbeat.durable_through = connection->durable;
	return message;
}

static void close_frame(struct shell *shell, struct connection *connection)
{
	struct message message = heartbeat_for(shell, connection);

	if (message_encode(&message, &shell->frame)) {
		shell_fail(shell, ERR_MEMORY, "out of memory for a frame");
		return;
	}
	connection->durable_said = connection->durable;
	send_frame(shell, connection, shell->frame.at, shell->frame.bytes);
	shell->frame.bytes = 0;
}

void send_heartbeat(struct shell *shell, uint32_t index)
{
	shell->frame.bytes = 0;
	close_frame(shell, connection_at(shell, index));
}

void send_loose(struct shell *shell, uint32_t index, struct message *message)
{
	struct connection *connection = connection_at(shell, index);

	message->header.message_id = id_fresh();
	message->header.sent_at_ms = shell->wall_ms;
	message->header.sender_seq = 0;
	snprintf(message->header.sender, NAME_BYTES, "omega");
	memcpy(message->header.recipient, connection->peer, NAME_BYTES);
	shell->frame.bytes = 0;
	if (message_encode(message, &shell->frame)) {
		shell_fail(shell, ERR_MEMORY, "out of memory for a frame");
		return;
	}
	send_frame(shell, connection, shell->frame.at, shell->frame.bytes);
	shell->frame.bytes = 0;
}

static void ack_later(struct shell *shell, uint32_t index)
{
	struct connection *connection = connection_at(shell, index);

	if (connection->ack_due || connection->durable == connection->durable_said || shell->ack_count == CONNECTION_SLOTS)
		return;
	connection->ack_due = true;
	shell->ack_due[shell->ack_count++] = index;
	if (shell->next_ack_ms == NEVER)
		shell->next_ack_ms = shell->mono_ms + ACK_DELAY_MS;
}

void send_acks(struct shell *shell)
{
	for (uint32_t i = 0; i < shell->ack_count; i++) {
		struct connection *connection = connection_at(shell, shell->ack_due[i]);

		if (!connection->used || !connection->ack_due)
			continue;
		connection->ack_due = false;
		if (connection->durable != connection->durable_said)
			send_heartbeat(shell, shell->ack_due[i]);
	}
	shell->ack_count = 0;
	shell->next_ack_ms = NEVER;
}

/* ---- releasing ---- */

static void close_connection(struct shell *shell, unsigned which, uint32_t index)
{
	struct connection *connection = connection_at(shell, index);

	connection->through[which] = connection->seq_whole;
}

void outbox_close(struct shell *shell, unsigned which)
{
	const struct outbox *outbox = &shell->outbox[which];

	for (uint32_t i = 0; i < outbox->touched_count; i++)
		close_connection(shell, which, outbox->touched[i]);
	for (uint32_t i = 1; outbox->all && i <= shell->connections.high; i++)
		close_connection(shell, which, i);
}

/* As many frames as it takes. Only the last one says what is durable: by then every answer has been sent. */
static void release_chain(struct shell *shell, struct connection *connection, const struct outbox *outbox, uint32_t first)
{
	uint32_t count = 0;

	shell->frame.bytes = 0;
	for (uint32_t i = first; i; i = outbox->item[i].next) {
		const struct outgoing *item = &outbox->item[i];

		if (count == FRAME_MESSAGES_MAX - 1 || (count && shell->frame.bytes + item->bytes > FRAME_TARGET_BYTES)) {
			send_frame(shell, connection, shell->frame.at, shell->frame.bytes);
			shell->frame.bytes = 0;
			count = 0;
		}
		if (buffer_append(&shell->frame, outbox->bytes.at + item->offset, item->bytes)) {
			shell_fail(shell, ERR_MEMORY, "out of memory for a frame");
			return;
		}
		count++;
	}
}

static void release_connection(struct shell *shell, unsigned which, uint32_t index)
{
	struct connection *connection = connection_at(shell, index);
	uint32_t first = connection->chain[which].first;

	if (!connection->used || !connection->touched[which])
		return;
	connection->touched[which] = false;
	connection->chain[which] = (struct chain){0};
	if (connection->through[which] > connection->durable)
		connection->durable = connection->through[which];
	if (!first && !connection->leaving) {
		ack_later(shell, index);
		return;
	}
	release_chain(shell, connection, &shell->outbox[which], first);
	close_frame(shell, connection);
	if (connection->leaving && !connection->unreachable) {
		connection->unreachable = true;
		shell->unreachable++;
	}
}

void outbox_release(struct shell *shell, unsigned which)
{
	struct outbox *outbox = &shell->outbox[which];

	for (uint32_t i = 0; i < outbox->touched_count; i++)
		release_connection(shell, which, outbox->touched[i]);
	for (uint32_t i = 1; outbox->all && i <= shell->connections.high; i++)
		release_connection(shell, which, i);
	outbox->all = false;
	outbox->touched_count = 0;
	outbox->count = 0;
	outbox->bytes.bytes = 0;
}
