/* SPDX-License-Identifier: MIT
 *
 * Watches the committed records of a simulated trail and says which promise is broken: outcomes, leases, the order of
 * destinations, the number of attempts, the waits between them, cancels. It knows nothing of the core's state.
 */
#ifndef TESTS_CORE_WATCH_H
#define TESTS_CORE_WATCH_H

#include "routing/omega.h"

#define WATCH_TASKS 256u

/* What the trail knows of one task. */
struct watched {
	struct id id;
	struct id key_hash;
	struct id body_hash;
	struct id parent;
	char client[NAME_BYTES];
	char clone[NAME_BYTES]; /* that it was assigned to last */
	char task_type[TASK_TYPE_BYTES];
	uint64_t number;
	uint64_t outcome_seq;
	uint64_t not_before_ms; /* the scheduled retry may not be assigned earlier */
	uint32_t end_state;     /* 0: live */
	uint32_t outcomes;      /* since it was last made live */
	uint32_t attempts;
	uint32_t priority;
	uint32_t destination;
	uint32_t tried[DESTINATIONS_MAX + 1]; /* attempts at each destination that failed or timed out; the last: elsewhere */
	uint32_t lost;
	uint32_t last_lost_code;
	bool cancel_asked;
	bool named; /* an operator named the role */
	bool erased;
};

struct watch {
	struct table table;
	struct watched task[WATCH_TASKS];
	size_t count;
	uint64_t records;
	uint64_t accepted;
	uint64_t ended;
	uint64_t revived;
	uint64_t by_type[256];
	uint64_t erased_tasks;
	uint64_t erasing_seq; /* of the last accepted action that erases something, and what it asked for */
	uint32_t erasing_verb;
	char wrong[200]; /* what is broken; empty: nothing */
};

void watch_record(struct watch *watch, const struct record *record);
struct watched *watch_find(struct watch *watch, const struct id *task_id);
struct watched *watch_find_key(struct watch *watch, const struct id *key_hash);

#endif
