/* SPDX-License-Identifier: MIT
 *
 * Memory in pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "workspace/store/agent_inner.h"
#include "workspace/store/poison.h"

#define RUN_BLOCKS_MIN   16u /* 64 KiB */
#define BATCH_BYTES      16384u
#define BATCH_PIECES_MAX 64u
#define PIECE_BYTES_MAX  ((size_t)1 << 40)
#define RETIRED_LOOK     64u
#define RESERVE_BYTES    (4u << 20)
#define SHORT_PERCENT    90u
#define SHORT_AGAIN_PART 64u /* of the cap: so much more must be taken before images are dropped again */

/* ---- sizes: multiples of 16 up to 256, then sixteen between two powers of two ---- */

static uint32_t size_number(size_t bytes)
{
	if (bytes <= 256)
		return bytes ? (uint32_t)(bytes - 1) / 16 : 0;
	uint32_t last = (uint32_t)bytes - 1;
	uint32_t power = 31 - (uint32_t)__builtin_clz(last);
	return 16 + (power - 8) * 16 + (last >> (power - 4) & 15);
}

static uint32_t size_bytes(uint32_t number)
{
	if (number < 16)
		return 16 * (number + 1);
	return (16 + (number & 15) + 1) << ((number - 16) / 16 + 4);
}

static uint32_t blocks_for(size_t bytes)
{
	return (uint32_t)((bytes + BLOCK_BYTES - 1) / BLOCK_BYTES);
}

/* The shortest run of which little is left over. */
static uint32_t run_blocks_for(uint32_t piece_bytes)
{
	uint32_t blocks = RUN_BLOCKS_MIN;

	while (blocks < 4 * RUN_BLOCKS_MIN && blocks * BLOCK_BYTES % piece_bytes * 32 > blocks * BLOCK_BYTES)
		blocks++;
	return blocks;
}

int memory_init(struct memory *memory, uint64_t max_bytes)
{
	int rc = chunks_init(&memory->chunks, max_bytes, RESERVE_BYTES);

	for (uint32_t i = 0; i < MEMORY_SIZES && !rc; i++) {
		struct memory_size *size = &memory->sizes[i];
		size->piece_bytes = size_bytes(i);
		size->run_blocks = run_blocks_for(size->piece_bytes);
		size->batch_pieces = BATCH_BYTES / size->piece_bytes;
		if (!size->batch_pieces)
			size->batch_pieces = 1;
		if (size->batch_pieces > BATCH_PIECES_MAX)
			size->batch_pieces = BATCH_PIECES_MAX;
		rc = pthread_mutex_init(&size->mutex, NULL) ? ERR_SYSTEM : 0;
	}
	return rc;
}

void memory_release(struct memory *memory)
{
	for (uint32_t i = 0; i < MEMORY_SIZES; i++)
		pthread_mutex_destroy(&memory->sizes[i].mutex);
	chunks_release(&memory->chunks);
}

/* ---- taking ---- */

static int fail_full(struct workspace_agent *agent, int rc, size_t bytes)
{
	struct chunks *chunks = &agent->workspace->memory.chunks;

	if (rc == ERR_FULL)
		return agent_fail(
			agent, rc,
			"%zu bytes more do not fit: %llu of %llu MiB are taken; deleting refs and collecting garbage helps",
			bytes, (unsigned long long)(atomic_load(&chunks->bytes) >> 20),
			(unsigned long long)(chunks->max_bytes >> 20));
	return agent_fail(agent, rc, "the system has no %zu bytes of memory", bytes);
}

/* At 90 % of the cap, images are to be dropped; and again if that did not help for long. */
static void look_at_cap(struct memory *memory)
{
	uint64_t bytes = atomic_load(&memory->chunks.bytes);
	uint64_t max = memory->chunks.max_bytes;

	if (bytes / SHORT_PERCENT * 100 >= max && bytes >= atomic_load(&memory->short_from)) {
		atomic_store(&memory->short_from, bytes + max / SHORT_AGAIN_PART);
		atomic_store(&memory->is_short, true);
	}
}

static void *run_new(struct workspace_agent *agent, uint32_t blocks, uint32_t number)
{
	struct memory *memory = &agent->workspace->memory;
	void *run = NULL;
	uint64_t before = atomic_load(&memory->chunks.bytes);
	int rc = chunks_take(&memory->chunks, blocks, (uint8_t)number, agent->memory.reserve, &run);

	if (atomic_load(&memory->chunks.bytes) != before || rc)
		look_at_cap(memory);
	if (rc)
		(void)fail_full(agent, rc, (size_t)blocks * BLOCK_BYTES);
	return run;
}

static bool take_batch(struct memory_size *size, struct memory_list *list)
{
	struct free_piece *batch = size->batches;

	if (!batch && size->loose) {
		list->free = size->loose;
		list->free_count = size->loose_count;
		size->loose = NULL;
		size->loose_count = 0;
		return true;
	}
	if (!batch)
		return false;
	poison_clear(batch, sizeof(*batch));
	size->batches = batch->next_batch;
	list->free = batch;
	list->free_count = size->batch_pieces;
	return true;
}

/* Some of the newest run, which all agents cut from. */
static bool take_fresh(struct workspace_agent *agent, uint32_t number, struct memory_list *list)
{
	struct memory_size *size = &agent->workspace->memory.sizes[number];
	size_t batch_bytes = (size_t)size->piece_bytes * size->batch_pieces;

	if (size->fresh == size->fresh_end) {
		char *run = run_new(agent, size->run_blocks, number);
		if (!run)
			return false;
		size->fresh = run;
		size->fresh_end = run + size->run_blocks * BLOCK_BYTES / size->piece_bytes * size->piece_bytes;
	}
	size_t left = (size_t)(size->fresh_end - size->fresh);
	list->fresh = size->fresh;
	list->fresh_end = size->fresh += left < batch_bytes ? left : batch_bytes;
	return true;
}

static bool list_fill(struct workspace_agent *agent, uint32_t number, struct memory_list *list)
{
	struct memory_size *size = &agent->workspace->memory.sizes[number];

	if (list->full) {
		list->free = list->full;
		list->full = NULL;
		list->free_count = size->batch_pieces;
		return true;
	}
	pthread_mutex_lock(&size->mutex);
	bool filled = take_batch(size, list) || take_fresh(agent, number, list);
	pthread_mutex_unlock(&size->mutex);
	return filled;
}

static void *list_pop(struct memory_list *list)
{
	struct free_piece *piece = list->free;

	poison_clear(piece, sizeof(piece->next));
	list->free = piece->next;
	list->free_count--;
	return piece;
}

static void *take_once(struct workspace_agent *agent, size_t bytes)
{
	if (bytes > MEMORY_PIECE_MAX)
		return run_new(agent, blocks_for(bytes), 0);

	uint32_t number = size_number(bytes);
	struct memory_list *list = &agent->memory.lists[number];
	if (!list->free && list->fresh == list->fresh_end && !list_fill(agent, number, list))
		return NULL;
	if (list->free)
		return list_pop(list);
	void *piece = list->fresh;
	list->fresh += size_bytes(number);
	return piece;
}

/* The cap is reached. Pieces of other sizes may lie about in runs that nobody uses. */
static void *take_at_cap(struct workspace_agent *agent, size_t bytes)
{
	struct memory *memory = &agent->workspace->memory;

	if (agent->rc != ERR_FULL)
		return NULL;
	memory_scavenge(memory);
	return take_once(agent, bytes);
}

void *memory_take(struct workspace_agent *agent, size_t bytes)
{
	if (bytes > PIECE_BYTES_MAX) {
		(void)agent_fail(agent, ERR_FULL, "%zu bytes are too many for one object", bytes);
		return NULL;
	}
	void *piece = take_once(agent, bytes);
	if (!piece)
		piece = take_at_cap(agent, bytes);
	if (piece)
		poison_clear(piece, bytes);
	return piece;
}

/* ---- giving ---- */

static void give_batch(struct memory_size *size, struct free_piece *batch)
{
	pthread_mutex_lock(&size->mutex);
	poison_clear(batch, sizeof(*batch));
	batch->next_batch = size->batches;
	size->batches = batch;
	poison_set(batch, sizeof(*batch));
	pthread_mutex_unlock(&size->mutex);
}

static void list_is_full(struct workspace_agent *agent, uint32_t number, struct memory_list *list)
{
	if (list->full)
		give_batch(&agent->workspace->memory.sizes[number], list->full);
	list->full = list->free;
	list->free = NULL;
	list->free_count = 0;
}

void memory_give(struct workspace_agent *agent, void *memory, size_t bytes)
{
	if (bytes > MEMORY_PIECE_MAX) {
		chunks_give(&agent->workspace->memory.chunks, memory, blocks_for(bytes));
		return;
	}
	uint32_t number = size_number(bytes);
	struct memory_list *list = &agent->memory.lists[number];
	struct free_piece *piece = memory;
	poison_clear(piece, sizeof(piece->next));
	piece->next = list->free;
	poison_set(piece, size_bytes(number));
	list->free = piece;
	if (++list->free_count == agent->workspace->memory.sizes[number].batch_pieces)
		list_is_full(agent, number, list);
}

/* ---- retiring ---- */

static bool ring_grow(struct memory_cache *cache)
{
	size_t capacity = cache->retired_capacity ? 2 * cache->retired_capacity : 4 * RETIRED_LOOK;
	struct memory_retired *ring = malloc(capacity * sizeof(*ring));

	if (!ring)
		return false;
	for (size_t i = 0; i < cache->retired_count; i++)
		ring[i] = cache->retired[(cache->retired_first + i) & (cache->retired_capacity - 1)];
	free(cache->retired);
	cache->retired = ring;
	cache->retired_first = 0;
	cache->retired_capacity = capacity;
	return true;
}

/* Without memory to remember it by, a piece is not used again until the workspace is closed; that is not worth failing for. */
static void retire_until(struct workspace_agent *agent, void *piece, size_t bytes, uint64_t from)
{
	struct memory_cache *cache = &agent->memory;

	if (cache->retired_count == cache->retired_capacity && !ring_grow(cache))
		return;
	size_t at = (cache->retired_first + cache->retired_count++) & (cache->retired_capacity - 1);
	cache->retired[at] = (struct memory_retired){piece, bytes, from};
}

void memory_retire(struct workspace_agent *agent, void *piece, size_t bytes)
{
	retire_until(agent, piece, bytes, atomic_load(&agent->workspace->epoch.now) + 2);
}

void memory_retire_late(struct workspace_agent *agent, void *piece, size_t bytes)
{
	retire_until(agent, piece, bytes, atomic_load(&agent->workspace->epoch.now) + 3);
}

void memory_reclaim(struct workspace_agent *agent, bool all)
{
	struct memory_cache *cache = &agent->memory;

	if (!all)
		epoch_advance(&agent->workspace->epoch);
	uint64_t now = atomic_load(&agent->workspace->epoch.now);
	while (cache->retired_count) {
		struct memory_retired *oldest = &cache->retired[cache->retired_first];
		if (!all && oldest->from > now)
			break;
		cache->retired_first = (cache->retired_first + 1) & (cache->retired_capacity - 1);
		cache->retired_count--;
		memory_give(agent, oldest->piece, oldest->bytes);
	}
	cache->retired_look = cache->retired_count + RETIRED_LOOK;
}
