/* SPDX-License-Identifier: MIT
 *
 * The Merkle tree of RFC 6962 and RFC 9162 (section 2.1), in memory only.
 *
 * A leaf is SHA-256(0x00 || record), which is the chain value of the record; a node is SHA-256(0x01 || left || right). A tree of
 * n leaves splits at the largest power of two smaller than n.
 */
#ifndef AUDIT_TREE_H
#define AUDIT_TREE_H

#include "audit/hasher.h"
#include "protocol/message.h"

#define TREE_LEVELS 64u
#define PROOF_MAX   128u /* hashes in a proof; far more than a tree of 2^63 leaves needs */

/* What a tree that only grows must remember: the root of each full subtree, one for each bit of size that is set. Zero is empty. */
struct tree {
	uint64_t size;
	struct hash full[TREE_LEVELS]; /* of 2^i leaves, where bit i of size is set */
};

struct proof {
	uint32_t count;
	struct hash hash[PROOF_MAX];
};

/* The hash of the empty tree: SHA-256 of nothing. */
extern const struct hash tree_empty;

MUST_CHECK int tree_node(struct hasher *hasher, const struct hash *left, const struct hash *right,
			 struct hash *out_node); /* 0 or ERR_MEMORY */

/* Adds a leaf. `each`, if given, is told of every full subtree of two leaves or more that this completes, smallest first: 2^level
 * leaves, the number-th of that size from 0. Returns 0; ERR_MEMORY or what `each` returned, and then the tree has not changed. */
MUST_CHECK int tree_add(struct tree *tree, struct hasher *hasher, const struct hash *leaf,
			int (*each)(void *context, uint32_t level, uint64_t number, const struct hash *root), void *context);
MUST_CHECK int tree_root(const struct tree *tree, struct hasher *hasher, struct hash *out_root); /* 0 or ERR_MEMORY */

/* Where proofs come from: the root of the full subtree number * 2^level … in a tree. Returns 0 or an error, handed on. */
typedef int tree_read(void *context, uint32_t level, uint64_t number, struct hash *out_root);

/* Root of the first `size` leaves; inclusion of leaf `index` among `size`; consistency of the first `old_size` with the first `size`
 * (RFC 9162, 2.1.3 and 2.1.4). ERR_STATE if index >= size or old_size > size, or old_size is 0. */
MUST_CHECK int tree_root_of(struct hasher *hasher, tree_read *read, void *context, uint64_t size, struct hash *out_root);
MUST_CHECK int tree_inclusion(struct hasher *hasher, tree_read *read, void *context, uint64_t index, uint64_t size,
			      struct proof *out_proof);
MUST_CHECK int tree_consistency(struct hasher *hasher, tree_read *read, void *context, uint64_t old_size, uint64_t size,
				struct proof *out_proof);

/* 0; ERR_CORRUPT if the proof does not prove it; ERR_MEMORY. */
MUST_CHECK int tree_check_inclusion(struct hasher *hasher, const struct hash *leaf, uint64_t index, uint64_t size,
				    const struct proof *proof, const struct hash *root);
MUST_CHECK int tree_check_consistency(struct hasher *hasher, uint64_t old_size, const struct hash *old_root, uint64_t size,
				      const struct hash *root, const struct proof *proof);

#endif
