/* SPDX-License-Identifier: MIT
 *
 * The routing table: defaults, look-up, the arithmetic of its worst case, and its canonical bytes.
 *
 * Canonical form: u32 layout number (1), then the fields of the structs in their order. Numbers are big-endian u32, text is one
 * byte of length and that many bytes, an array that has a count is the count and that many elements. Decoding refuses a byte
 * too many or too few, names that are empty or twice there and flags beside 0 and 1, so equal tables are equal bytes and the
 * other way round.
 *
 * Part of the deciding core: no clock, no file, no allocation; it imports memory functions only, which tests/guards proves.
 */
#include "routing/table.h"

#include <assert.h>

#include "routing/pack.h"

#define TABLE_LAYOUT 1u

/* ---- defaults ---- */

void table_init(struct table *table)
{
	memset(table, 0, sizeof(*table));
	table->weight[PRIORITY_URGENT] = 8;
	table->weight[PRIORITY_HIGH] = 4;
	table->weight[PRIORITY_MEDIUM] = 2;
	table->weight[PRIORITY_LOW] = 1;
	table->age_ms = 30000;
	table->lost_max = 3;
	table->cancel_grace_ms = 10000;
	table->breaker_failures = 5;
	table->breaker_open_ms = 30000;
	table->tasks_max = 200000;
	table->retry_after_ms = 1000;
}

/* ---- looking things up ---- */

static bool type_is(const struct route *route, const char *task_type, size_t type_bytes)
{
	if (type_bytes >= TASK_TYPE_BYTES || route->task_type[type_bytes] != '\0')
		return false;
	return memcmp(route->task_type, task_type, type_bytes) == 0;
}

int table_find(const struct table *table, const char *task_type, size_t type_bytes)
{
	for (uint32_t i = 0; i < table->route_count; i++)
		if (type_is(&table->route[i], task_type, type_bytes))
			return (int)i;
	return -1;
}

/* By nature: what errors.def says. A code that this version does not know may mean anything, and trying again might do harm. */
static bool code_is_retryable(uint32_t error_code)
{
	switch (error_code) {
#define ERROR(name, code, retryable, exit_code, sentence)                                                                        \
	case (code):                                                                                                             \
		return (retryable) != 0;
#include "protocol/errors.def"
	default:
		return false;
	}
}

bool route_is_final(const struct route *route, uint32_t error_code)
{
	for (uint32_t i = 0; i < route->non_retryable_count; i++)
		if (route->non_retryable[i] == error_code)
			return true;
	return !code_is_retryable(error_code);
}

/* The longest wait before retry `retry` (1, 2, …): jitter only ever lessens it. */
static uint64_t backoff_longest_ms(const struct backoff *backoff, uint32_t retry)
{
	uint64_t wait_ms = backoff->initial_ms;

	for (uint32_t i = 1; i < retry && wait_ms < backoff->maximum_ms; i++)
		wait_ms = wait_ms * backoff->factor_permille / 1000;
	return wait_ms < backoff->maximum_ms ? wait_ms : backoff->maximum_ms;
}

uint64_t route_worst_ms(const struct route *route)
{
	const uint64_t attempt_ms = (uint64_t)route->start_ms + route->timeout_ms;
	uint64_t worst_ms = 0;
	uint32_t waits = 0;

	for (uint32_t i = 0; i < route->destination_count; i++) {
		for (uint32_t attempt = 0; attempt <= route->retries; attempt++) {
			if (i || attempt)
				worst_ms += backoff_longest_ms(&route->backoff, ++waits);
			worst_ms += attempt_ms;
		}
	}
	return worst_ms;
}

/* ---- canonical bytes ---- */

static void route_pack(struct packer *packer, const struct route *route)
{
	assert(route->destination_count <= DESTINATIONS_MAX && route->non_retryable_count <= NON_RETRYABLE_MAX);
	pack_text(packer, route->task_type, sizeof(route->task_type));
	pack_u32(packer, route->destination_count);
	for (uint32_t i = 0; i < route->destination_count; i++)
		pack_text(packer, route->destination[i], sizeof(route->destination[i]));
	pack_u32(packer, route->priority);
	pack_u32(packer, route->retries);
	pack_u32(packer, route->start_ms);
	pack_u32(packer, route->timeout_ms);
	pack_u32(packer, route->timeout_max_ms);
	pack_u32(packer, route->heartbeat_ms);
	pack_u32(packer, route->deadline_ms);
	pack_u32(packer, route->backoff.initial_ms);
	pack_u32(packer, route->backoff.maximum_ms);
	pack_u32(packer, route->backoff.factor_permille);
	pack_u32(packer, route->backoff.jitter_permille);
	pack_u32(packer, route->queue_max);
	pack_u32(packer, route->non_retryable_count);
	for (uint32_t i = 0; i < route->non_retryable_count; i++)
		pack_u32(packer, route->non_retryable[i]);
	pack_text(packer, route->escalate_to, sizeof(route->escalate_to));
	pack_flag(packer, route->retired);
}

int table_encode(const struct table *table, uint8_t *out, size_t capacity, size_t *out_bytes)
{
	struct packer packer = packer_of(out, capacity);

	assert(table->route_count <= ROUTES_MAX);
	pack_u32(&packer, TABLE_LAYOUT);
	pack_u32(&packer, table->version);
	for (uint32_t i = 1; i < PRIORITY_COUNT; i++)
		pack_u32(&packer, table->weight[i]);
	pack_u32(&packer, table->age_ms);
	pack_u32(&packer, table->lost_max);
	pack_u32(&packer, table->cancel_grace_ms);
	pack_u32(&packer, table->breaker_failures);
	pack_u32(&packer, table->breaker_open_ms);
	pack_u32(&packer, table->tasks_max);
	pack_u32(&packer, table->retry_after_ms);
	pack_u32(&packer, table->route_count);
	for (uint32_t i = 0; i < table->route_count; i++)
		route_pack(&packer, &table->route[i]);
	*out_bytes = packer.bytes;
	return packer_fits(&packer) ? 0 : ERR_FULL;
}

/* A number in low … high; anything else is bad. */
static uint32_t unpack_within(struct unpacker *unpacker, uint32_t low, uint32_t high)
{
	const uint32_t value = unpack_u32(unpacker);

	if (value < low || value > high)
		unpacker->bad = true;
	return unpacker->bad ? 0 : value;
}

static void name_unpack(struct unpacker *unpacker, char *out_name, size_t capacity)
{
	unpack_text(unpacker, out_name, capacity);
	if (!out_name[0])
		unpacker->bad = true;
}

static void route_unpack(struct unpacker *unpacker, struct route *out_route)
{
	name_unpack(unpacker, out_route->task_type, sizeof(out_route->task_type));
	out_route->destination_count = unpack_within(unpacker, 1, DESTINATIONS_MAX);
	for (uint32_t i = 0; i < out_route->destination_count; i++)
		name_unpack(unpacker, out_route->destination[i], sizeof(out_route->destination[i]));
	out_route->priority = unpack_within(unpacker, PRIORITY_LOW, PRIORITY_URGENT);
	out_route->retries = unpack_u32(unpacker);
	out_route->start_ms = unpack_u32(unpacker);
	out_route->timeout_ms = unpack_u32(unpacker);
	out_route->timeout_max_ms = unpack_u32(unpacker);
	out_route->heartbeat_ms = unpack_u32(unpacker);
	out_route->deadline_ms = unpack_u32(unpacker);
	out_route->backoff.initial_ms = unpack_u32(unpacker);
	out_route->backoff.maximum_ms = unpack_u32(unpacker);
	out_route->backoff.factor_permille = unpack_within(unpacker, 1000, UINT32_MAX);
	out_route->backoff.jitter_permille = unpack_within(unpacker, 0, 1000);
	out_route->queue_max = unpack_u32(unpacker);
	out_route->non_retryable_count = unpack_within(unpacker, 0, NON_RETRYABLE_MAX);
	for (uint32_t i = 0; i < out_route->non_retryable_count; i++)
		out_route->non_retryable[i] = unpack_u32(unpacker);
	unpack_text(unpacker, out_route->escalate_to, sizeof(out_route->escalate_to));
	out_route->retired = unpack_flag(unpacker);
}

static bool type_is_new(const struct table *table, const char *task_type)
{
	size_t bytes = 0;

	while (task_type[bytes])
		bytes++;
	return table_find(table, task_type, bytes) < 0;
}

static void table_unpack(struct unpacker *unpacker, struct table *table)
{
	uint32_t count;

	unpack_within(unpacker, TABLE_LAYOUT, TABLE_LAYOUT);
	table->version = unpack_u32(unpacker);
	for (uint32_t i = 1; i < PRIORITY_COUNT; i++)
		table->weight[i] = unpack_u32(unpacker);
	table->age_ms = unpack_u32(unpacker);
	table->lost_max = unpack_u32(unpacker);
	table->cancel_grace_ms = unpack_u32(unpacker);
	table->breaker_failures = unpack_u32(unpacker);
	table->breaker_open_ms = unpack_u32(unpacker);
	table->tasks_max = unpack_u32(unpacker);
	table->retry_after_ms = unpack_u32(unpacker);
	count = unpack_within(unpacker, 0, ROUTES_MAX);
	while (table->route_count < count && !unpacker->bad) {
		struct route *route = &table->route[table->route_count];

		route_unpack(unpacker, route);
		if (!unpacker->bad && !type_is_new(table, route->task_type))
			unpacker->bad = true;
		table->route_count++;
	}
}

int table_decode(const uint8_t *at, size_t bytes, struct table *out_table)
{
	struct unpacker unpacker = unpacker_of(at, bytes);
	struct table table = {0};

	table_unpack(&unpacker, &table);
	if (!unpacker_done(&unpacker))
		return ERR_MALFORMED;
	*out_table = table;
	return 0;
}
