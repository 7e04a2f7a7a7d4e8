/* SPDX-License-Identifier: MIT
 *
 * Memory that is freed all at once: a chain of blocks, each block's bytes handed out from its start.
 */
#include "clones/clone.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_BYTES 16384u

struct block {
	struct block *next;
	size_t used;
	size_t bytes;
	alignas(max_align_t) unsigned char at[];
};

struct arena {
	struct block *blocks;
};

struct arena *arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	while (arena->blocks) {
		struct block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
	free(arena);
}

static struct block *block_new(struct arena *arena, size_t bytes)
{
	size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
	struct block *block = calloc(1, sizeof(*block) + size);

	if (!block)
		return NULL;
	block->bytes = size;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_take(struct arena *arena, size_t bytes)
{
	const size_t alignment = alignof(max_align_t);
	struct block *block = arena->blocks;
	void *taken;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (bytes + alignment - 1) / alignment * alignment;
	if (!block || block->bytes - block->used < bytes)
		block = block_new(arena, bytes);
	if (!block)
		return NULL;
	taken = block->at + block->used;
	block->used += bytes;
	return taken;
}

char *arena_print(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	char *text = NULL;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	if (length >= 0)
		text = arena_take(arena, (size_t)length + 1);
	if (text)
		vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	va_end(args);
	return text;
}
