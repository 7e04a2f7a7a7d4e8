/* SPDX-License-Identifier: MIT
 *
 * The proofs that audit/tree.h makes, for somebody else to compare: one line for each size of a tree, with the root, and a hash over the inclusion proofs
 * of all leaves and the consistency proofs from all smaller sizes. Leaf i is SHA-256(0x00, i as 4 bytes, big-endian).
 *
 *   print_proofs LARGEST
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/tree.h"

static struct hash(*levels[32]); /* [level][number]: full subtrees of all leaves */
static struct hasher hasher;

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "print_proofs: %s\n", what);
	exit(1);
}

static void levels_make(uint32_t count)
{
	levels[0] = calloc(count + 1, sizeof(struct hash));
	for (uint32_t i = 0; i < count; i++) {
		uint8_t leaf[5] = {0, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};

		crypto_hash_sha256(levels[0][i].bytes, leaf, sizeof(leaf));
	}
	for (uint32_t level = 1; count >> level; level++) {
		levels[level] = calloc((count >> level) + 1, sizeof(struct hash));
		for (uint32_t i = 0; i < count >> level; i++)
			if (tree_node(&hasher, &levels[level - 1][2 * i], &levels[level - 1][2 * i + 1], &levels[level][i]))
				stop("out of memory");
	}
}

static int level_read(void *context, uint32_t level, uint64_t number, struct hash *out_root)
{
	(void)context;
	*out_root = levels[level][number];
	return 0;
}

/* How many hashes, then the hashes. */
static void proof_add(crypto_hash_sha256_state *state, const struct proof *proof)
{
	uint8_t count = (uint8_t)proof->count;

	crypto_hash_sha256_update(state, &count, 1);
	for (uint32_t i = 0; i < proof->count; i++)
		crypto_hash_sha256_update(state, proof->hash[i].bytes, sizeof(proof->hash[i].bytes));
}

static void size_print(uint32_t size)
{
	crypto_hash_sha256_state state;
	struct proof proof;
	struct hash root, hash;
	char root_hex[65], hex[65];

	crypto_hash_sha256_init(&state);
	for (uint32_t i = 0; i < size; i++) {
		if (tree_inclusion(&hasher, level_read, NULL, i, size, &proof))
			stop("no inclusion proof");
		proof_add(&state, &proof);
	}
	for (uint32_t old = 1; old <= size; old++) {
		if (tree_consistency(&hasher, level_read, NULL, old, size, &proof))
			stop("no consistency proof");
		proof_add(&state, &proof);
	}
	crypto_hash_sha256_final(&state, hash.bytes);
	if (tree_root_of(&hasher, level_read, NULL, size, &root))
		stop("no root");
	sodium_bin2hex(root_hex, sizeof(root_hex), root.bytes, sizeof(root.bytes));
	sodium_bin2hex(hex, sizeof(hex), hash.bytes, sizeof(hash.bytes));
	printf("%u %s %s\n", size, root_hex, hex);
}

int main(int argc, char **argv)
{
	uint32_t largest = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1025;

	if (!hasher_init(&hasher))
		stop("out of memory");
	levels_make(largest);
	for (uint32_t size = 0; size <= largest; size++)
		size_print(size);
	for (size_t level = 0; level < 32; level++)
		free(levels[level]);
	hasher_release(&hasher);
	return 0;
}
