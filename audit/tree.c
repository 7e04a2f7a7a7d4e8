/* SPDX-License-Identifier: MIT
 *
 * The tree never exists as a whole. What grows keeps the roots of its full subtrees, one for each bit of its size; what proves
 * asks for such roots, and each part of a tree that is not full is folded from them.
 *
 * A proof is found from the top: at each split the half that is not entered is one hash of the proof. Read backwards that is the
 * order of RFC 9162, from the leaf to the root.
 */
#include "audit/tree.h"

#include <string.h>

#define NODE_BYTES (1u + 2u * HASHER_BYTES)

const struct hash tree_empty = {{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
				 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}};

int tree_node(struct hasher *hasher, const struct hash *left, const struct hash *right, struct hash *out_node)
{
	uint8_t bytes[NODE_BYTES] = {0x01};
	memcpy(bytes + 1, left->bytes, HASHER_BYTES);
	memcpy(bytes + 1 + HASHER_BYTES, right->bytes, HASHER_BYTES);
	return hasher_sum(hasher, bytes, sizeof(bytes), NULL, 0, out_node->bytes) ? 0 : ERR_MEMORY;
}

/* ---- growing ---- */

static bool bit(uint64_t number, uint32_t at)
{
	return number >> at & 1;
}

int tree_add(struct tree *tree, struct hasher *hasher, const struct hash *leaf,
	     int (*each)(void *context, uint32_t level, uint64_t number, const struct hash *root), void *context)
{
	struct hash root = *leaf;
	uint32_t level = 0;
	int rc = 0;
	for (; rc == 0 && bit(tree->size, level); level++) {
		rc = tree_node(hasher, &tree->full[level], &root, &root);
		if (rc == 0 && each)
			rc = each(context, level + 1, tree->size >> (level + 1), &root);
	}
	if (rc)
		return rc;
	tree->full[level] = root;
	tree->size++;
	return 0;
}

int tree_root(const struct tree *tree, struct hasher *hasher, struct hash *out_root)
{
	bool any = false;
	struct hash root = tree_empty;
	int rc = 0;
	for (uint32_t level = 0; rc == 0 && level < TREE_LEVELS; level++) {
		if (!bit(tree->size, level))
			continue;
		if (any)
			rc = tree_node(hasher, &tree->full[level], &root, &root);
		else
			root = tree->full[level];
		any = true;
	}
	if (rc == 0)
		*out_root = root;
	return rc;
}

/* ---- proving ---- */

struct source {
	struct hasher *hasher;
	tree_read *read;
	void *context;
};

/* The largest power of two that is smaller than `width`, which is at least 2. */
static uint64_t split(uint64_t width)
{
	return (uint64_t)1 << (63 - __builtin_clzll(width - 1));
}

/* The root of `width` leaves after `start`, a place at which the tree splits: full subtrees from the right, smallest first. */
static int range_root(const struct source *source, uint64_t start, uint64_t width, struct hash *out_root)
{
	bool any = false;
	struct hash root = tree_empty, full;
	int rc = 0;
	for (uint32_t level = 0; rc == 0 && level < TREE_LEVELS; level++) {
		if (!bit(width, level))
			continue;
		uint64_t before = level == 63 ? 0 : width >> (level + 1) << (level + 1);
		rc = source->read(source->context, level, (start + before) >> level, &full);
		if (rc == 0 && any)
			rc = tree_node(source->hasher, &full, &root, &root);
		else if (rc == 0)
			root = full;
		any = true;
	}
	if (rc == 0)
		*out_root = root;
	return rc;
}

int tree_root_of(struct hasher *hasher, tree_read *read, void *context, uint64_t size, struct hash *out_root)
{
	struct source source = {.hasher = hasher, .read = read, .context = context};
	return range_root(&source, 0, size, out_root);
}

static void proof_turn(struct proof *proof)
{
	for (uint32_t i = 0; i < proof->count / 2; i++) {
		struct hash other = proof->hash[i];
		proof->hash[i] = proof->hash[proof->count - 1 - i];
		proof->hash[proof->count - 1 - i] = other;
	}
}

/* Enters the half that holds leaf `index`, and puts the other half's root into the proof. */
static int proof_descend(const struct source *source, uint64_t index, uint64_t *start, uint64_t *width, struct proof *proof)
{
	uint64_t half = split(*width);
	bool left = index - *start < half;
	int rc = range_root(source, left ? *start + half : *start, left ? *width - half : half, &proof->hash[proof->count]);
	if (rc)
		return rc;
	proof->count++;
	*start += left ? 0 : half;
	*width = left ? half : *width - half;
	return 0;
}

int tree_inclusion(struct hasher *hasher, tree_read *read, void *context, uint64_t index, uint64_t size, struct proof *out_proof)
{
	struct source source = {.hasher = hasher, .read = read, .context = context};
	uint64_t start = 0, width = size;
	if (index >= size)
		return ERR_STATE;
	out_proof->count = 0;
	while (width > 1) {
		int rc = proof_descend(&source, index, &start, &width, out_proof);
		if (rc)
			return rc;
	}
	proof_turn(out_proof);
	return 0;
}

/* Down to the subtree that ends with the last leaf of the old tree. If that is the whole old tree, its root is known to whoever
 * checks; else it is the first hash of the proof. */
int tree_consistency(struct hasher *hasher, tree_read *read, void *context, uint64_t old_size, uint64_t size,
		     struct proof *out_proof)
{
	struct source source = {.hasher = hasher, .read = read, .context = context};
	uint64_t start = 0, width = size;
	int rc = 0;
	if (old_size == 0 || old_size > size)
		return ERR_STATE;
	out_proof->count = 0;
	while (rc == 0 && old_size - start != width)
		rc = proof_descend(&source, old_size - 1, &start, &width, out_proof);
	if (rc == 0 && start > 0) {
		rc = range_root(&source, start, width, &out_proof->hash[out_proof->count]);
		out_proof->count += rc == 0;
	}
	if (rc == 0)
		proof_turn(out_proof);
	return rc;
}

/* ---- checking: RFC 9162, 2.1.3.2 and 2.1.4.2 ---- */

static bool same(const struct hash *a, const struct hash *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Where a walk from a leaf to the root stands: the number of the node, and that of the last one, on its level. */
struct walk {
	uint64_t at;
	uint64_t last;
};

/* Does the next hash stand to the left? Then the levels on which there is nothing to the right are left behind too. */
static bool walk_up(struct walk *walk)
{
	bool left = walk->at & 1 || walk->at == walk->last;
	while (left && !(walk->at & 1) && walk->at) {
		walk->at >>= 1;
		walk->last >>= 1;
	}
	walk->at >>= 1;
	walk->last >>= 1;
	return left;
}

int tree_check_inclusion(struct hasher *hasher, const struct hash *leaf, uint64_t index, uint64_t size, const struct proof *proof,
			 const struct hash *root)
{
	struct walk walk = {.at = index, .last = size - 1};
	struct hash found = *leaf;
	if (index >= size || proof->count > PROOF_MAX)
		return ERR_CORRUPT;
	for (uint32_t i = 0; i < proof->count; i++) {
		const struct hash *other = &proof->hash[i];
		if (!walk.last)
			return ERR_CORRUPT;
		bool left = walk_up(&walk);
		int rc = tree_node(hasher, left ? other : &found, left ? &found : other, &found);
		if (rc)
			return rc;
	}
	return !walk.last && same(&found, root) ? 0 : ERR_CORRUPT;
}

int tree_check_consistency(struct hasher *hasher, uint64_t old_size, const struct hash *old_root, uint64_t size,
			   const struct hash *root, const struct proof *proof)
{
	bool whole = (old_size & (old_size - 1)) == 0; /* the old tree is one full subtree: its root begins the walk */
	if (old_size == 0 || old_size > size || proof->count > PROOF_MAX)
		return ERR_CORRUPT;
	if (old_size == size)
		return !proof->count && same(old_root, root) ? 0 : ERR_CORRUPT;
	if (!whole && !proof->count)
		return ERR_CORRUPT;
	struct walk walk = {.at = old_size - 1, .last = size - 1};
	struct hash found_old = whole ? *old_root : proof->hash[0], found = found_old;
	for (; walk.at & 1; walk.last >>= 1)
		walk.at >>= 1;
	int rc = 0;
	for (uint32_t i = whole ? 0 : 1; rc == 0 && i < proof->count; i++) {
		const struct hash *other = &proof->hash[i];
		if (!walk.last)
			return ERR_CORRUPT;
		bool left = walk_up(&walk);
		if (left)
			rc = tree_node(hasher, other, &found_old, &found_old);
		if (rc == 0)
			rc = tree_node(hasher, left ? other : &found, left ? &found : other, &found);
	}
	if (rc)
		return rc;
	return !walk.last && same(&found_old, old_root) && same(&found, root) ? 0 : ERR_CORRUPT;
}
