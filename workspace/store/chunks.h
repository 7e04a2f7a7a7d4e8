/* SPDX-License-Identifier: MIT
 *
 * Memory from the system, in chunks of 2 MiB (a huge page, where there are any) that are touched before they are used, and counted.
 *
 * A chunk consists of blocks of a page; the first is about the others. What is taken is a run of blocks. Runs of more than half a chunk come
 * from the system directly, and go back there at once. Chunks in which nothing is used go back when they are trimmed, and so do free blocks of chunks
 * that are half empty: these are not backed by memory until they are taken again.
 */
#ifndef WORKSPACE_STORE_CHUNKS_H
#define WORKSPACE_STORE_CHUNKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

#define CHUNK_BYTES    (2u << 20)
#define BLOCK_BYTES    4096u
#define CHUNK_BLOCKS   (CHUNK_BYTES / BLOCK_BYTES)
#define RUN_BLOCKS_MAX (CHUNK_BLOCKS / 2) /* larger ones are no part of a chunk */

struct chunk { /* at its beginning */
	uint64_t used[CHUNK_BLOCKS / 64];
	uint64_t backed[CHUNK_BLOCKS / 64];
	uint32_t free_blocks;
	uint32_t number;              /* in the list */
	uint16_t first[CHUNK_BLOCKS]; /* of the run that a block belongs to */
	uint8_t kind[CHUNK_BLOCKS];   /* what the taker of the run said, by its first block */
	uint32_t tally[CHUNK_BLOCKS]; /* for who counts what is free in a run, by its first block; 0 otherwise */
};

struct chunks {
	pthread_mutex_t mutex;
	struct chunk **list;
	uint16_t *longest; /* no longer run of free blocks is in that chunk */
	uint32_t count, capacity;
	_Atomic uint64_t bytes; /* taken from the system */
	uint64_t max_bytes;
	uint64_t reserve_bytes; /* beyond max_bytes, for what has to happen all the same */
};

MUST_CHECK int chunks_init(struct chunks *chunks, uint64_t max_bytes, uint64_t reserve_bytes); /* on zeroed memory */
void chunks_release(struct chunks *chunks);                                                    /* everything goes back */

/* 0, ERR_FULL or ERR_MEMORY. `kind` is the caller's; `reserve`: it may go beyond the cap. */
MUST_CHECK int chunks_take(struct chunks *chunks, uint32_t blocks, uint8_t kind, bool reserve, void **out_run);
void chunks_give(struct chunks *chunks, void *run, uint32_t blocks);

/* Give what is not used back to the system. */
void chunks_trim(struct chunks *chunks);

static inline struct chunk *chunk_of(const void *piece)
{
	return (struct chunk *)((uintptr_t)piece & ~(uintptr_t)(CHUNK_BYTES - 1));
}

static inline uint32_t chunk_block(const void *piece)
{
	return (uint32_t)((uintptr_t)piece & (CHUNK_BYTES - 1)) / BLOCK_BYTES;
}

#endif
