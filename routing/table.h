/* SPDX-License-Identifier: MIT
 *
 * The routing table as the core knows it: plain data without pointers, with a canonical form in bytes.
 */
#ifndef ROUTING_TABLE_H
#define ROUTING_TABLE_H

#include <stddef.h>

#include "protocol/message.h"

#define ROUTES_MAX        128u
#define DESTINATIONS_MAX  5u /* the destination and up to four fallbacks */
#define NON_RETRYABLE_MAX 8u

/* Wait before the n-th retry of a task: initial × factor^(n-1), at most `maximum`, then lessened by up to `jitter` of itself. */
struct backoff {
	uint32_t initial_ms;
	uint32_t maximum_ms;
	uint32_t factor_permille; /* 1000 or more */
	uint32_t jitter_permille; /* 0 … 1000 */
};

struct route {
	char task_type[TASK_TYPE_BYTES];
	char destination[DESTINATIONS_MAX][ROLE_BYTES]; /* in the order they are tried */
	uint32_t destination_count;
	uint32_t priority;       /* enum priority, if the request names none */
	uint32_t retries;        /* further attempts at each destination after the first */
	uint32_t start_ms;       /* longest wait for a clone */
	uint32_t timeout_ms;     /* start to close of one attempt */
	uint32_t timeout_max_ms; /* what a request may ask for */
	uint32_t heartbeat_ms;   /* longest silence of a running attempt */
	uint32_t deadline_ms;    /* overall, unless the request sets less */
	struct backoff backoff;
	uint32_t queue_max; /* tasks of this route waiting for a clone */
	uint32_t
		non_retryable[NON_RETRYABLE_MAX]; /* error codes that end the task at once, besides those that are so by nature */
	uint32_t non_retryable_count;
	char escalate_to[ROLE_BYTES]; /* role that is told besides the operators; empty: none */
	bool retired;                 /* left the file while tasks of it were live: takes no new ones */
};

struct table {
	uint32_t version;
	uint32_t weight[PRIORITY_COUNT]; /* share of dispatches, by enum priority; [0] unused */
	uint32_t age_ms;                 /* a task that has waited this long counts one priority higher */
	uint32_t lost_max;               /* attempts that may be lost before the task is a dead letter */
	uint32_t cancel_grace_ms;        /* how long a clone may take to confirm a cancel */
	uint32_t breaker_failures;       /* failures in a row that open a clone's circuit breaker */
	uint32_t breaker_open_ms;        /* how long it stays open before one attempt is let through */
	uint32_t tasks_max;              /* live tasks; more are refused as overloaded */
	uint32_t retry_after_ms;         /* what a refusal for overload advises */
	struct route route[ROUTES_MAX];
	uint32_t route_count;
};

#define TABLE_BYTES_MAX (64u + ROUTES_MAX * 320u)

/* The table with its defaults and no routes. */
void table_init(struct table *table);

/* Index of the route of a task type, or -1. Retired routes are found too. */
int table_find(const struct table *table, const char *task_type, size_t type_bytes);

/* True if the code ends a task of this route at once. */
bool route_is_final(const struct route *route, uint32_t error_code);

/* Longest time a task of this route can take if everything fails: every attempt at every destination and the waits between. */
uint64_t route_worst_ms(const struct route *route);

/* Canonical bytes and back: big-endian fields in the order of the structs. encode returns 0 or ERR_FULL; decode 0 or
 * ERR_MALFORMED, and then `*out_table` is untouched. */
MUST_CHECK int table_encode(const struct table *table, uint8_t *out, size_t capacity, size_t *out_bytes);
MUST_CHECK int table_decode(const uint8_t *at, size_t bytes, struct table *out_table);

#endif
