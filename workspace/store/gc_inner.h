/* SPDX-License-Identifier: MIT
 *
 * What the files of the collector share.
 */
#ifndef WORKSPACE_STORE_GC_INNER_H
#define WORKSPACE_STORE_GC_INNER_H

#include "workspace/store/agent_inner.h"

struct gc_list {
	const struct object **at;
	size_t count, capacity;
};

struct gc {
	struct workspace_agent *agent;
	struct workspace *workspace;
	bool now;
	uint16_t round;
	struct gc_list stack;  /* marked, and what they lead to is not yet */
	struct gc_list deltas; /* trees that stay, whose base has no mark until now */
	int rc;
	uint64_t kept, dropped;
	uint64_t kept_bytes, dropped_bytes; /* of journaled objects, as git has them */
	struct journal_rewrite *rewrite;
};

/* Marks what stays. Afterwards no tree that stays builds on one that goes. After an error some have marks. */
MUST_CHECK int gc_mark(struct gc *gc);

int gc_unmark(void *context, struct object *object); /* 0 */

static inline bool gc_has_mark(const struct object *object)
{
	return atomic_load_explicit(&object->flags, memory_order_relaxed) & FLAG_MARKED;
}

#endif
