/* SPDX-License-Identifier: MIT
 *
 * Bytes for a while: a stack of blocks, the newest of which is being used.
 */
#include "workspace/store/scratch.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define BLOCK_BYTES 65536u

struct scratch_block {
	struct scratch_block *below;
	size_t used, bytes;
	alignas(16) char data[];
};

static struct scratch_block *block_new(struct scratch *scratch, size_t bytes)
{
	size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
	struct scratch_block *block = malloc(sizeof(*block) + size);

	if (!block)
		return NULL;
	block->below = scratch->block;
	block->used = 0;
	block->bytes = size;
	scratch->block = block;
	return block;
}

void *scratch_take(struct scratch *scratch, size_t bytes)
{
	if (bytes > PTRDIFF_MAX / 2)
		return NULL;
	size_t rounded = (bytes + 15) & ~(size_t)15;
	struct scratch_block *block = scratch->block;
	if (!block || block->bytes - block->used < rounded)
		block = block_new(scratch, rounded);
	if (!block)
		return NULL;

	void *at = block->data + block->used;
	block->used += rounded;
	return at;
}

struct scratch_mark scratch_mark(const struct scratch *scratch)
{
	return (struct scratch_mark){scratch->block, scratch->block ? scratch->block->used : 0};
}

void scratch_reset(struct scratch *scratch, struct scratch_mark mark)
{
	while (scratch->block != mark.block && (mark.block || scratch->block->below)) {
		struct scratch_block *block = scratch->block;
		scratch->block = block->below;
		free(block);
	}
	if (scratch->block)
		scratch->block->used = mark.used;
}

void scratch_clear(struct scratch *scratch)
{
	scratch_reset(scratch, (struct scratch_mark){NULL, 0});
	if (scratch->block && scratch->block->bytes > BLOCK_BYTES)
		scratch_release(scratch);
}

void scratch_release(struct scratch *scratch)
{
	while (scratch->block) {
		struct scratch_block *block = scratch->block;
		scratch->block = block->below;
		free(block);
	}
}
