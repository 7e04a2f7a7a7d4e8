/* SPDX-License-Identifier: MIT
 *
 * The Merkle tree of RFC 9162, section 2.1, as whoever only adds leaves and compares roots needs it.
 *
 * Leaves are hashed 256 at a time, level by level, so that there is always a second hash to do beside the first.
 */
#ifndef VERIFIER_MERKLE_H
#define VERIFIER_MERKLE_H

#include "verifier/sums.h"

#define MERKLE_BLOCK_LEVEL 8u
#define MERKLE_BLOCK       (1u << MERKLE_BLOCK_LEVEL)
#define MERKLE_LEVELS      64u

struct merkle {
	uint64_t size;
	uint8_t leaf[MERKLE_BLOCK][SUM_BYTES];  /* of the last block, size % 256 of them */
	uint8_t full[MERKLE_LEVELS][SUM_BYTES]; /* root of 2^level leaves where bit `level` of size is set, from level 8 */
};

/* Adds a leaf. When it completes subtrees of 256 leaves and more, `each` (may be NULL) hears of them, smallest first: the number-th,
 * from 0, of 2^level leaves. */
void merkle_add(struct merkle *tree, const uint8_t leaf[SUM_BYTES],
		void (*each)(void *context, unsigned level, uint64_t number, const uint8_t root[SUM_BYTES]), void *context);

void merkle_root(const struct merkle *tree, uint8_t out_root[SUM_BYTES]);

void merkle_node(const uint8_t left[SUM_BYTES], const uint8_t right[SUM_BYTES], uint8_t out_node[SUM_BYTES]);

/* Is `leaf` the index-th of `size` under `root`? The proof is `count` hashes, from the leaf upwards (RFC 9162, 2.1.3.2). */
bool merkle_included(const uint8_t leaf[SUM_BYTES], uint64_t index, uint64_t size, const uint8_t (*proof)[SUM_BYTES],
		     size_t count, const uint8_t root[SUM_BYTES]);

#endif
