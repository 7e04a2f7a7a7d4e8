/* SPDX-License-Identifier: MIT
 *
 * A walk from commits to their parents: what was seen is marked, what is next comes out of a queue.
 */
#ifndef WORKSPACE_MERGE_COMMIT_WALK_H
#define WORKSPACE_MERGE_COMMIT_WALK_H

#include "workspace/store/object.h"

#define COMMIT_WALK_INLINE 48u /* commits without taking memory */

enum commit_mark {
	MARK_ONE = 1,    /* reachable from the first */
	MARK_TWO = 2,    /* reachable from the second */
	MARK_STALE = 4,  /* below a common one */
	MARK_RESULT = 8, /* a common one */
};

struct commit_mark_entry {
	const struct commit *commit;
	uint32_t queued; /* how often it stands in the queue */
	uint8_t marks;
};

struct commit_queue_entry {
	int64_t order; /* the largest first */
	uint32_t turn; /* among those, the smallest */
	uint32_t entry;
};

struct commit_walk {
	bool by_date; /* else by generation, where a commit comes after all that lead to it */
	uint32_t turn;
	uint32_t fresh_queued; /* entries of the queue that are not stale */
	struct commit_mark_entry *entries;
	uint32_t entry_count, entry_capacity;
	uint32_t *table; /* 1 + index of an entry, or 0; twice the capacity of entries */
	struct commit_queue_entry *queue;
	uint32_t queue_count, queue_capacity;
	struct commit_mark_entry inline_entries[COMMIT_WALK_INLINE];
	struct commit_queue_entry inline_queue[COMMIT_WALK_INLINE];
	uint32_t inline_table[COMMIT_WALK_INLINE * 2 + 32];
};

void commit_walk_init(struct commit_walk *walk, bool by_date);
void commit_walk_release(struct commit_walk *walk);

/* Mark it, and put it into the queue. 0 or ERR_MEMORY. */
MUST_CHECK int commit_walk_put(struct commit_walk *walk, const struct commit *commit, unsigned marks);

/* The next one; NULL if the queue is empty. Valid until the next put. */
struct commit_mark_entry *commit_walk_get(struct commit_walk *walk);

/* Its marks so far; 0 if it was not seen. */
unsigned commit_walk_marks(const struct commit_walk *walk, const struct commit *commit);

#endif
