/* SPDX-License-Identifier: MIT
 *
 * How memory is kept: pieces of 128 sizes, in runs of blocks that hold one size each.
 *
 * Free pieces lie in lists, linked through their first word. An agent has for each size a list that it takes from and gives to, one more
 * that is complete, and pieces that were never used; complete lists (batches) go from agent to agent through the workspace.
 */
#ifndef WORKSPACE_STORE_MEMORY_INNER_H
#define WORKSPACE_STORE_MEMORY_INNER_H

#include "workspace/store/chunks.h"
#include "workspace/store/memory.h"

#define MEMORY_SIZES     128u
#define MEMORY_PIECE_MAX 32768u /* larger ones are runs of blocks */

/* A free piece. In a batch that waits for an agent, its first piece links the batches too. */
struct free_piece {
	struct free_piece *next;
	struct free_piece *next_batch;
};

struct memory_size { /* what all agents share */
	pthread_mutex_t mutex;
	void *batches;
	void *loose; /* less than a batch */
	uint32_t loose_count;
	char *fresh, *fresh_end; /* of the newest run */
	uint32_t piece_bytes;
	uint32_t batch_pieces;
	uint32_t run_blocks;
};

struct memory {
	struct chunks chunks;
	struct memory_size sizes[MEMORY_SIZES];
	_Atomic bool is_short;       /* 90 % of the cap were reached since somebody looked */
	_Atomic uint64_t short_from; /* bytes */
};

struct memory_list { /* of one agent and size */
	void *free;
	void *full; /* a batch or NULL */
	char *fresh, *fresh_end;
	uint32_t free_count;
};

struct memory_retired {
	void *piece;
	size_t bytes;
	uint64_t from; /* reused when the epoch is this */
};

struct memory_cache {
	struct memory_list lists[MEMORY_SIZES];
	struct memory_retired *retired;                        /* a ring */
	size_t retired_first, retired_count, retired_capacity; /* the last a power of two */
	size_t retired_look;                                   /* how many there must be for a look at the epoch */
	bool reserve;                                          /* what is taken now may go beyond the cap */
};

MUST_CHECK int memory_init(struct memory *memory, uint64_t max_bytes); /* on zeroed memory */
void memory_release(struct memory *memory);

/* What the agent has goes back to the workspace; what is retired waits there. */
void memory_leave(struct workspace_agent *agent);

/* As memory_retire, for what one who was already looking may for a moment show to others once more. */
void memory_retire_late(struct workspace_agent *agent, void *piece, size_t bytes);

/* Reuse what was retired long enough ago. `all`: nobody is inside, so everything. */
void memory_reclaim(struct workspace_agent *agent, bool all);

static inline bool memory_has_much_retired(const struct memory_cache *cache)
{
	return cache->retired_count >= cache->retired_look;
}

/* While nobody is inside: runs in which nothing is used become blocks again, and chunks go back to the system. */
void memory_compact(struct workspace *workspace);

/* The same with what no agent has in its lists, at any time. */
void memory_scavenge(struct memory *memory);

#endif
