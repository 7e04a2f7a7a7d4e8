/* SPDX-License-Identifier: MIT
 *
 * Memory from the system. Runs are looked for from the oldest chunk on, so that the youngest become empty.
 */
#include "workspace/store/chunks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "workspace/store/poison.h"

_Static_assert(sizeof(struct chunk) <= BLOCK_BYTES, "what a chunk knows of itself fits its first block");

int chunks_init(struct chunks *chunks, uint64_t max_bytes, uint64_t reserve_bytes)
{
	chunks->max_bytes = max_bytes;
	chunks->reserve_bytes = reserve_bytes;
	return pthread_mutex_init(&chunks->mutex, NULL) ? ERR_SYSTEM : 0;
}

static void chunk_unmap(struct chunk *chunk)
{
	poison_clear(chunk, CHUNK_BYTES);
	munmap(chunk, CHUNK_BYTES);
}

void chunks_release(struct chunks *chunks)
{
	for (uint32_t i = 0; i < chunks->count; i++)
		chunk_unmap(chunks->list[i]);
	free(chunks->list);
	free(chunks->longest);
	pthread_mutex_destroy(&chunks->mutex);
}

/* ---- from the system ---- */

static int count_more(struct chunks *chunks, uint64_t bytes, bool reserve)
{
	uint64_t max = chunks->max_bytes + (reserve ? chunks->reserve_bytes : 0);
	uint64_t before = atomic_load(&chunks->bytes);

	do {
		if (before + bytes > max)
			return ERR_FULL;
	} while (!atomic_compare_exchange_weak(&chunks->bytes, &before, before + bytes));
	return 0;
}

static void *map_bytes(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return at == MAP_FAILED ? NULL : at;
}

/* At a multiple of its size, whatever the system likes to give. */
static struct chunk *map_chunk(void)
{
	char *wide = map_bytes(2 * CHUNK_BYTES);
	if (!wide)
		return NULL;

	size_t before = (CHUNK_BYTES - ((uintptr_t)wide & (CHUNK_BYTES - 1))) & (CHUNK_BYTES - 1);
	char *at = wide + before;
	if (before)
		munmap(wide, before);
	if (before < CHUNK_BYTES)
		munmap(at + CHUNK_BYTES, CHUNK_BYTES - before);
	return (struct chunk *)at;
}

static void touch(void *from, size_t bytes)
{
	if (madvise(from, bytes, MADV_POPULATE_WRITE))
		for (size_t at = 0; at < bytes; at += BLOCK_BYTES)
			((volatile char *)from)[at] = 0;
}

static int list_grow(struct chunks *chunks)
{
	uint32_t capacity = chunks->capacity ? 2 * chunks->capacity : 64;

	void *list = realloc(chunks->list, capacity * sizeof(*chunks->list));
	if (!list)
		return ERR_MEMORY;
	chunks->list = list;
	void *longest = realloc(chunks->longest, capacity * sizeof(*chunks->longest));
	if (!longest)
		return ERR_MEMORY;
	chunks->longest = longest;
	chunks->capacity = capacity;
	return 0;
}

/* One more chunk at the end of the list. */
static int chunk_add(struct chunks *chunks, bool reserve)
{
	int rc = chunks->count == chunks->capacity ? list_grow(chunks) : 0;
	if (!rc)
		rc = count_more(chunks, CHUNK_BYTES, reserve);
	if (rc)
		return rc;

	struct chunk *chunk = map_chunk();
	if (!chunk) {
		atomic_fetch_sub(&chunks->bytes, CHUNK_BYTES);
		return ERR_MEMORY;
	}
	madvise(chunk, CHUNK_BYTES, MADV_HUGEPAGE);
	touch(chunk, CHUNK_BYTES);
	memset(chunk->backed, 0xff, sizeof(chunk->backed));
	chunk->used[0] = 1;
	chunk->free_blocks = CHUNK_BLOCKS - 1;
	chunk->number = chunks->count;
	poison_set((char *)chunk + BLOCK_BYTES, CHUNK_BYTES - BLOCK_BYTES);
	chunks->longest[chunks->count] = CHUNK_BLOCKS - 1;
	chunks->list[chunks->count++] = chunk;
	return 0;
}

/* ---- runs in chunks ---- */

static bool has_bit(const uint64_t *bits, uint32_t block)
{
	return bits[block / 64] >> block % 64 & 1;
}

static void set_bits(uint64_t *bits, uint32_t first, uint32_t count, bool set)
{
	for (uint32_t i = first; i < first + count; i++) {
		uint64_t bit = (uint64_t)1 << i % 64;
		bits[i / 64] = set ? bits[i / 64] | bit : bits[i / 64] & ~bit;
	}
}

static void *block_at(struct chunk *chunk, uint32_t block)
{
	return (char *)chunk + (size_t)block * BLOCK_BYTES;
}

/* The first run of that many free blocks; 0 if there is none. */
static uint32_t run_find(const struct chunk *chunk, uint32_t blocks)
{
	uint32_t length = 0;

	for (uint32_t i = 1; i < CHUNK_BLOCKS; i++) {
		if (!(i % 64) && chunk->used[i / 64] == UINT64_MAX) {
			length = 0;
			i += 63;
			continue;
		}
		length = has_bit(chunk->used, i) ? 0 : length + 1;
		if (length == blocks)
			return i + 1 - blocks;
	}
	return 0;
}

/* Blocks that went back to the system are taken from it again, and counted. */
static int run_back(struct chunks *chunks, struct chunk *chunk, uint32_t first, uint32_t blocks, bool reserve)
{
	uint32_t missing = 0;

	for (uint32_t i = first; i < first + blocks; i++)
		missing += !has_bit(chunk->backed, i);
	if (!missing)
		return 0;
	int rc = count_more(chunks, (uint64_t)missing * BLOCK_BYTES, reserve);
	if (rc)
		return rc;
	poison_clear(block_at(chunk, first), (size_t)blocks * BLOCK_BYTES);
	touch(block_at(chunk, first), (size_t)blocks * BLOCK_BYTES);
	poison_set(block_at(chunk, first), (size_t)blocks * BLOCK_BYTES);
	set_bits(chunk->backed, first, blocks, true);
	return 0;
}

static void *run_take(struct chunk *chunk, uint32_t first, uint32_t blocks, uint8_t kind)
{
	set_bits(chunk->used, first, blocks, true);
	for (uint32_t i = first; i < first + blocks; i++)
		chunk->first[i] = (uint16_t)first;
	chunk->kind[first] = kind;
	chunk->free_blocks -= blocks;
	return block_at(chunk, first);
}

/* NULL if it has no such run, or the cap does not allow to have one backed. */
static void *take_in(struct chunks *chunks, uint32_t number, uint32_t blocks, uint8_t kind, bool reserve)
{
	struct chunk *chunk = chunks->list[number];
	uint32_t first = chunk->free_blocks < blocks ? 0 : run_find(chunk, blocks);

	if (!first)
		chunks->longest[number] = (uint16_t)(blocks - 1);
	return first && !run_back(chunks, chunk, first, blocks, reserve) ? run_take(chunk, first, blocks, kind) : NULL;
}

static int take_locked(struct chunks *chunks, uint32_t blocks, uint8_t kind, bool reserve, void **out_run)
{
	for (uint32_t i = 0; i < chunks->count; i++) {
		void *run = chunks->longest[i] < blocks ? NULL : take_in(chunks, i, blocks, kind, reserve);
		if (run) {
			*out_run = run;
			return 0;
		}
	}
	int rc = chunk_add(chunks, reserve);
	if (!rc)
		*out_run = take_in(chunks, chunks->count - 1, blocks, kind, reserve);
	return rc;
}

static int take_alone(struct chunks *chunks, size_t bytes, bool reserve, void **out_run)
{
	int rc = count_more(chunks, bytes, reserve);
	if (rc)
		return rc;
	void *run = map_bytes(bytes);
	if (!run) {
		atomic_fetch_sub(&chunks->bytes, bytes);
		return ERR_MEMORY;
	}
	madvise(run, bytes, MADV_HUGEPAGE);
	*out_run = run;
	return 0;
}

int chunks_take(struct chunks *chunks, uint32_t blocks, uint8_t kind, bool reserve, void **out_run)
{
	if (blocks > RUN_BLOCKS_MAX)
		return take_alone(chunks, (size_t)blocks * BLOCK_BYTES, reserve, out_run);
	pthread_mutex_lock(&chunks->mutex);
	int rc = take_locked(chunks, blocks, kind, reserve, out_run);
	pthread_mutex_unlock(&chunks->mutex);
	return rc;
}

static void give_locked(struct chunks *chunks, char *run, uint32_t blocks)
{
	struct chunk *chunk = chunk_of(run);
	uint32_t first = chunk_block(run);

	set_bits(chunk->used, first, blocks, false);
	chunk->free_blocks += blocks;
	poison_set(run, (size_t)blocks * BLOCK_BYTES);
	chunks->longest[chunk->number] = CHUNK_BLOCKS;
}

void chunks_give(struct chunks *chunks, void *run, uint32_t blocks)
{
	size_t bytes = (size_t)blocks * BLOCK_BYTES;

	if (blocks > RUN_BLOCKS_MAX) {
		munmap(run, bytes);
		atomic_fetch_sub(&chunks->bytes, bytes);
		return;
	}
	pthread_mutex_lock(&chunks->mutex);
	give_locked(chunks, run, blocks);
	pthread_mutex_unlock(&chunks->mutex);
}

/* Free blocks go back to the system, in runs. How many. */
static uint32_t chunk_unback(struct chunk *chunk)
{
	uint32_t count = 0;

	for (uint32_t first = 1, end; first < CHUNK_BLOCKS; first = end) {
		for (end = first; end < CHUNK_BLOCKS && !has_bit(chunk->used, end) && has_bit(chunk->backed, end);)
			end++;
		if (end == first || madvise(block_at(chunk, first), (end - first) * (size_t)BLOCK_BYTES, MADV_DONTNEED)) {
			end += end == first;
			continue;
		}
		set_bits(chunk->backed, first, end - first, false);
		count += end - first;
	}
	return count;
}

static uint32_t backed_count(const struct chunk *chunk)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < CHUNK_BLOCKS / 64; i++)
		count += (uint32_t)__builtin_popcountll(chunk->backed[i]);
	return count;
}

/* How many blocks went back; `*out_gone` if all of it did. */
static uint32_t chunk_trim(struct chunk *chunk, bool *out_gone)
{
	*out_gone = chunk->free_blocks == CHUNK_BLOCKS - 1;
	if (!*out_gone)
		return chunk->free_blocks < CHUNK_BLOCKS / 2 ? 0 : chunk_unback(chunk);
	uint32_t count = backed_count(chunk);
	chunk_unmap(chunk);
	return count;
}

void chunks_trim(struct chunks *chunks)
{
	uint32_t kept = 0;
	bool gone;

	pthread_mutex_lock(&chunks->mutex);
	for (uint32_t i = 0; i < chunks->count; i++) {
		struct chunk *chunk = chunks->list[i];
		atomic_fetch_sub(&chunks->bytes, chunk_trim(chunk, &gone) * (uint64_t)BLOCK_BYTES);
		if (gone)
			continue;
		chunks->longest[kept] = chunks->longest[i];
		chunks->list[kept] = chunk;
		chunk->number = kept++;
	}
	chunks->count = kept;
	pthread_mutex_unlock(&chunks->mutex);
}
