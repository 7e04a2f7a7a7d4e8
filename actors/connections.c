/* SPDX-License-Identifier: MIT */
#include "actors/connections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_EVERY_MS 1000u

int connections_init(struct connections *connections)
{
	memset(connections, 0, sizeof(*connections));
	connections->slot = calloc(CONNECTION_SLOTS, sizeof(*connections->slot));
	return connections->slot ? 0 : ERR_MEMORY;
}

static uint32_t print_of(const void *at, size_t bytes)
{
	const uint8_t *byte = at;
	uint64_t print = 0xcbf29ce484222325u;

	for (size_t i = 0; i < bytes; i++)
		print = (print ^ byte[i]) * 0x100000001b3u;
	return (uint32_t)(print >> 32 ^ print);
}

static uint32_t routing_bucket(const uint8_t *routing, size_t bytes)
{
	return print_of(routing, bytes) % BUCKETS;
}

static uint32_t name_bucket(const char *peer)
{
	return print_of(peer, strlen(peer)) % BUCKETS;
}

uint32_t connection_find(const struct connections *connections, const uint8_t *routing, size_t routing_bytes)
{
	uint32_t index = connections->by_routing[routing_bucket(routing, routing_bytes)];

	while (index) {
		const struct connection *connection = &connections->slot[index];

		if (connection->routing_bytes == routing_bytes && memcmp(connection->routing, routing, routing_bytes) == 0)
			break;
		index = connection->next_by_routing;
	}
	return index;
}

uint32_t connection_named(const struct connections *connections, const char *peer)
{
	uint32_t index = connections->by_name[name_bucket(peer)];

	while (index && strcmp(connections->slot[index].peer, peer) != 0)
		index = connections->slot[index].next_by_name;
	return index;
}

static uint32_t oldest_stranger(const struct connections *connections)
{
	uint32_t oldest = 0;

	for (uint32_t i = 1; i <= connections->high; i++) {
		const struct connection *connection = &connections->slot[i];

		if (connection->used && !connection->joined &&
		    (!oldest || connection->heard_ms < connections->slot[oldest].heard_ms))
			oldest = i;
	}
	return oldest;
}

uint32_t connection_add(struct connections *connections, const uint8_t *routing, size_t routing_bytes, uint64_t now_ms)
{
	struct connection *connection;
	uint32_t *bucket = &connections->by_routing[routing_bucket(routing, routing_bytes)];
	uint32_t index;

	if (routing_bytes > ROUTING_BYTES)
		return 0;
	if (connections->stranger_count >= STRANGERS_MAX)
		connection_forget(connections, oldest_stranger(connections));
	index = connections->free;
	if (index)
		connections->free = connections->slot[index].next_free;
	else
		index = ++connections->high;
	connection = &connections->slot[index];
	memset(connection, 0, sizeof(*connection));
	connection->used = true;
	memcpy(connection->routing, routing, routing_bytes);
	connection->routing_bytes = (uint8_t)routing_bytes;
	connection->heard_ms = now_ms;
	connection->next_by_routing = *bucket;
	*bucket = index;
	connections->stranger_count++;
	return index;
}

void connection_join(struct connections *connections, uint32_t index)
{
	struct connection *connection = &connections->slot[index];
	uint32_t older = connection_named(connections, connection->peer);
	uint32_t *bucket = &connections->by_name[name_bucket(connection->peer)];

	if (older == index)
		return;
	if (older)
		connection_forget(connections, older);
	connection->joined = true;
	connection->next_by_name = *bucket;
	*bucket = index;
	connections->joined_count++;
	connections->stranger_count--;
}

static void unlink_name(struct connections *connections, uint32_t index)
{
	uint32_t *at = &connections->by_name[name_bucket(connections->slot[index].peer)];

	while (*at != index)
		at = &connections->slot[*at].next_by_name;
	*at = connections->slot[index].next_by_name;
}

static void connection_leave(struct connections *connections, uint32_t index)
{
	struct connection *connection = &connections->slot[index];

	if (!connection->joined)
		return;
	unlink_name(connections, index);
	connection->joined = false;
	connections->joined_count--;
	connections->stranger_count++;
}

static void drop_backlog(struct connections *connections, struct connection *connection)
{
	if (connection->backlog_first)
		connections->backlogged--;
	while (connection->backlog_first) {
		struct waiting_frame *frame = connection->backlog_first;

		connection->backlog_first = frame->next;
		free(frame);
	}
}

static void release_memory(struct connections *connections, struct connection *connection)
{
	drop_backlog(connections, connection);
	free(connection->pace);
	free(connection->outcome);
}

void connection_renew(struct connections *connections, uint32_t index)
{
	struct connection *connection = &connections->slot[index];
	struct connection fresh = {.used = true};

	connection_leave(connections, index);
	release_memory(connections, connection);
	memcpy(fresh.routing, connection->routing, ROUTING_BYTES);
	fresh.routing_bytes = connection->routing_bytes;
	memcpy(fresh.public_key, connection->public_key, KEY_TEXT_BYTES);
	fresh.next_by_routing = connection->next_by_routing;
	fresh.heard_ms = connection->heard_ms;
	fresh.said_ms = connection->said_ms;
	fresh.refusal_window_ms = connection->refusal_window_ms;
	fresh.refusals = connection->refusals;
	*connection = fresh;
}

void connection_forget(struct connections *connections, uint32_t index)
{
	struct connection *connection = &connections->slot[index];
	uint32_t *at;

	if (!index || !connection->used)
		return;
	connection_leave(connections, index);
	at = &connections->by_routing[routing_bucket(connection->routing, connection->routing_bytes)];
	while (*at != index)
		at = &connections->slot[*at].next_by_routing;
	*at = connection->next_by_routing;
	release_memory(connections, connection);
	memset(connection, 0, sizeof(*connection));
	connection->next_free = connections->free;
	connections->free = index;
	connections->stranger_count--;
}

void connections_release(struct connections *connections)
{
	for (uint32_t i = 1; connections->slot && i <= connections->high; i++)
		connection_forget(connections, i);
	free(connections->slot);
	connections->slot = NULL;
}

/* ---- outcomes ---- */

static void outcomes_grow(struct connection *connection)
{
	uint32_t larger = connection->outcome_max ? connection->outcome_max * 2 : 64;
	uint64_t *ring = larger <= OUTCOMES_WAITING_MAX ? malloc(larger * sizeof(*ring)) : NULL;

	if (!ring)
		return;
	for (uint32_t i = connection->outcome_first; i != connection->outcome_next; i++)
		ring[i & (larger - 1)] = connection->outcome[i & (connection->outcome_max - 1)];
	free(connection->outcome);
	connection->outcome = ring;
	connection->outcome_max = larger;
}

void outcome_sent(struct connection *connection, uint64_t seq)
{
	if (connection->outcome_next - connection->outcome_first == connection->outcome_max)
		outcomes_grow(connection);
	if (!connection->outcome_max)
		return;
	if (connection->outcome_next - connection->outcome_first == connection->outcome_max)
		connection->outcome_first++; /* never acknowledged, as far as the trail will know */
	connection->outcome[connection->outcome_next++ & (connection->outcome_max - 1)] = seq;
}

uint32_t outcomes_covered(struct connection *connection, uint64_t through)
{
	uint32_t count = 0;

	while (connection->outcome_first != connection->outcome_next &&
	       connection->outcome[connection->outcome_first & (connection->outcome_max - 1)] <= through) {
		connection->outcome_first++;
		count++;
	}
	return count;
}

/* ---- pacing ---- */

static struct pace *pace_find(struct connection *connection, const struct id *lease)
{
	for (uint32_t i = 0; i < connection->pace_count; i++)
		if (id_equal(&connection->pace[i].lease, lease))
			return &connection->pace[i];
	return NULL;
}

bool pace_allows(struct connection *connection, const struct id *lease, bool waiting, uint64_t now_ms)
{
	struct pace *pace = pace_find(connection, lease);

	if (!pace) /* not known here: the core says what it is worth */
		return true;
	if (waiting == pace->waiting && now_ms - pace->passed_ms < pace->every_ms)
		return false;
	pace->passed_ms = now_ms;
	pace->waiting = waiting;
	return true;
}

bool pace_known(struct connection *connection, const struct id *lease)
{
	return pace_find(connection, lease) != NULL;
}

void pace_begin(struct connection *connection, const struct id *lease, bool waiting, uint32_t heartbeat_ms, uint64_t now_ms)
{
	uint32_t every_ms = heartbeat_ms / 4 < PROGRESS_EVERY_MS ? heartbeat_ms / 4 : PROGRESS_EVERY_MS;

	if (!connection->pace)
		connection->pace = calloc(SLOTS_MAX, sizeof(*connection->pace));
	if (!connection->pace || connection->pace_count == SLOTS_MAX)
		return;
	connection->pace[connection->pace_count++] =
		(struct pace){.lease = *lease, .passed_ms = now_ms, .every_ms = every_ms, .waiting = waiting};
}

void pace_end(struct connection *connection, const struct id *lease)
{
	struct pace *pace = pace_find(connection, lease);

	if (pace)
		*pace = connection->pace[--connection->pace_count];
}
