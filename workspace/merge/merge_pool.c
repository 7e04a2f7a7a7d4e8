/* SPDX-License-Identifier: MIT
 *
 * Blocks that grow with what was taken so far.
 */
#include "workspace/merge/merge_pool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_FIRST_BYTES (16u * 1024)
#define BLOCK_MAX_BYTES   (1024u * 1024)

struct merge_pool_block {
	struct merge_pool_block *next;
	size_t capacity;
	alignas(16) unsigned char bytes[];
};

void merge_pool_release(struct merge_pool *pool)
{
	while (pool->blocks) {
		struct merge_pool_block *next = pool->blocks->next;
		free(pool->blocks);
		pool->blocks = next;
	}
	pool->used = 0;
}

static struct merge_pool_block *grow(struct merge_pool *pool, size_t bytes)
{
	size_t capacity = pool->blocks ? pool->blocks->capacity * 2 : BLOCK_FIRST_BYTES;
	if (capacity > BLOCK_MAX_BYTES)
		capacity = BLOCK_MAX_BYTES;
	if (capacity < bytes)
		capacity = bytes;
	struct merge_pool_block *block = malloc(sizeof(*block) + capacity);
	if (!block)
		return NULL;
	block->next = pool->blocks;
	block->capacity = capacity;
	pool->blocks = block;
	pool->used = 0;
	return block;
}

void *merge_pool_take(struct merge_pool *pool, size_t bytes)
{
	if (bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (bytes + 15) & ~(size_t)15;
	struct merge_pool_block *block = pool->blocks;
	if (!block || block->capacity - pool->used < bytes) {
		block = grow(pool, bytes);
		if (!block)
			return NULL;
	}
	void *piece = block->bytes + pool->used;
	pool->used += bytes;
	return memset(piece, 0, bytes);
}

char *merge_pool_text(struct merge_pool *pool, const char *text, size_t bytes)
{
	char *copy = merge_pool_take(pool, bytes + 1);
	if (copy)
		memcpy(copy, text, bytes);
	return copy;
}

char *merge_pool_path(struct merge_pool *pool, const char *folder, const char *name, size_t name_bytes)
{
	size_t folder_bytes = strlen(folder);
	if (!folder_bytes)
		return merge_pool_text(pool, name, name_bytes);
	char *path = merge_pool_take(pool, folder_bytes + 1 + name_bytes + 1);
	if (!path)
		return NULL;
	memcpy(path, folder, folder_bytes);
	path[folder_bytes] = '/';
	memcpy(path + folder_bytes + 1, name, name_bytes);
	return path;
}
