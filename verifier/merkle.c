/* SPDX-License-Identifier: MIT */
#include "verifier/merkle.h"

#include <string.h>

#define NODE_BLOCKS 2u /* 65 bytes and their padding */
#define NODE_BYTES  (NODE_BLOCKS * 64u)
#define AT_ONCE     32u

/* The parents of `count` pairs. `out` may be where `children` begin: each pair was read before its parent is written. */
static void pairs_hash(const uint8_t (*children)[SUM_BYTES], size_t count, uint8_t (*out)[SUM_BYTES])
{
	uint8_t message[AT_ONCE][NODE_BYTES];
	struct sum_job jobs[AT_ONCE];

	for (size_t done = 0; done < count; done += AT_ONCE) {
		size_t now = count - done < AT_ONCE ? count - done : AT_ONCE;

		for (size_t i = 0; i < now; i++) {
			message[i][0] = 0x01;
			memcpy(message[i] + 1, children[2 * (done + i)], 2 * SUM_BYTES);
			sum_pad(message[i], 1 + 2 * SUM_BYTES);
			jobs[i] = (struct sum_job){message[i], NODE_BLOCKS, out[done + i]};
		}
		sum_run(jobs, now);
	}
}

void merkle_node(const uint8_t left[SUM_BYTES], const uint8_t right[SUM_BYTES], uint8_t out_node[SUM_BYTES])
{
	uint8_t pair[2][SUM_BYTES];

	memcpy(pair[0], left, SUM_BYTES);
	memcpy(pair[1], right, SUM_BYTES);
	pairs_hash((const uint8_t(*)[SUM_BYTES])pair, 1, (uint8_t(*)[SUM_BYTES])out_node);
}

/* The root of `count` leaves, which are overwritten. Where a level has an odd number, the last one rises as it is: that is where RFC 9162
 * splits, too. */
static void block_root(uint8_t (*leaves)[SUM_BYTES], size_t count, uint8_t out_root[SUM_BYTES])
{
	while (count > 1) {
		pairs_hash((const uint8_t(*)[SUM_BYTES])leaves, count / 2, leaves);
		if (count % 2)
			memcpy(leaves[count / 2], leaves[count - 1], SUM_BYTES);
		count = (count + 1) / 2;
	}
	memcpy(out_root, leaves[0], SUM_BYTES);
}

void merkle_add(struct merkle *tree, const uint8_t leaf[SUM_BYTES],
		void (*each)(void *context, unsigned level, uint64_t number, const uint8_t root[SUM_BYTES]), void *context)
{
	uint8_t root[SUM_BYTES];
	unsigned level = MERKLE_BLOCK_LEVEL;

	memcpy(tree->leaf[tree->size++ % MERKLE_BLOCK], leaf, SUM_BYTES);
	if (tree->size % MERKLE_BLOCK)
		return;
	block_root(tree->leaf, MERKLE_BLOCK, root);
	for (;; level++) {
		if (each)
			each(context, level, (tree->size >> level) - 1, root);
		if (tree->size >> level & 1)
			break;
		merkle_node(tree->full[level], root, root);
	}
	memcpy(tree->full[level], root, SUM_BYTES);
}

void merkle_root(const struct merkle *tree, uint8_t out_root[SUM_BYTES])
{
	uint8_t leaves[MERKLE_BLOCK][SUM_BYTES];
	size_t count = tree->size % MERKLE_BLOCK;
	bool any = count > 0;

	if (!tree->size)
		sum_of("", 0, out_root);
	memcpy(leaves, tree->leaf, count * SUM_BYTES);
	if (any)
		block_root(leaves, count, out_root);
	for (unsigned level = MERKLE_BLOCK_LEVEL; level < MERKLE_LEVELS && tree->size >> level; level++) {
		if (!(tree->size >> level & 1))
			continue;
		if (any)
			merkle_node(tree->full[level], out_root, out_root);
		else
			memcpy(out_root, tree->full[level], SUM_BYTES);
		any = true;
	}
}

bool merkle_included(const uint8_t leaf[SUM_BYTES], uint64_t index, uint64_t size, const uint8_t (*proof)[SUM_BYTES],
		     size_t count, const uint8_t root[SUM_BYTES])
{
	uint8_t hash[SUM_BYTES];
	uint64_t at = index, last = size - 1;

	if (index >= size)
		return false;
	memcpy(hash, leaf, SUM_BYTES);
	for (size_t i = 0; i < count; i++) {
		if (!last)
			return false;
		if (at & 1 || at == last) {
			merkle_node(proof[i], hash, hash);
			while (!(at & 1) && at) {
				at >>= 1;
				last >>= 1;
			}
		} else {
			merkle_node(hash, proof[i], hash);
		}
		at >>= 1;
		last >>= 1;
	}
	return !last && memcmp(hash, root, SUM_BYTES) == 0;
}
