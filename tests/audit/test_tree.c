/* SPDX-License-Identifier: MIT
 *
 * The tree against the published vectors of Certificate Transparency and against a second implementation: the recursive
 * definitions of RFC 6962, 2.1, taken word for word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit/tree.h"

#define SIZES 1025u /* trees of 0 … this many leaves */

static struct hasher hasher;
static uint64_t state = 71;

static uint64_t some(uint64_t below)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return (z ^ (z >> 31)) % below;
}

static void assert_hash(const struct hash *is, const struct hash *should)
{
	assert_memory_equal(is->bytes, should->bytes, sizeof(is->bytes));
}

/* ---- the second implementation ---- */

/* MTH(D[from:to]) of every part that was asked for. */
static struct naive {
	struct hash leaf[SIZES];
	struct hash (*root)[SIZES + 1];
	bool (*known)[SIZES + 1];
} naive;

static uint32_t naive_split(uint32_t count)
{
	uint32_t k = 1;
	while (2 * k < count)
		k *= 2;
	return k;
}

static struct hash mth(uint32_t from, uint32_t to)
{
	struct hash left, right, *root = &naive.root[from][to];
	if (from == to)
		return tree_empty;
	if (to - from == 1)
		return naive.leaf[from];
	if (naive.known[from][to])
		return *root;
	uint32_t k = naive_split(to - from);
	left = mth(from, from + k);
	right = mth(from + k, to);
	uint8_t bytes[1 + 2 * sizeof(struct hash)] = {1};
	memcpy(bytes + 1, &left, sizeof(left));
	memcpy(bytes + 1 + sizeof(left), &right, sizeof(right));
	assert_true(hasher_sum(&hasher, bytes, sizeof(bytes), NULL, 0, root->bytes));
	naive.known[from][to] = true;
	return *root;
}

static void push(struct proof *proof, struct hash hash)
{
	proof->hash[proof->count++] = hash;
}

/* PATH(m, D[from:to]), m counted from `from` */
static void path(uint32_t m, uint32_t from, uint32_t to, struct proof *proof)
{
	if (to - from == 1)
		return;
	uint32_t k = naive_split(to - from);
	if (m < k) {
		path(m, from, from + k, proof);
		push(proof, mth(from + k, to));
	} else {
		path(m - k, from + k, to, proof);
		push(proof, mth(from, from + k));
	}
}

/* SUBPROOF(m, D[from:to], b) */
static void subproof(uint32_t m, uint32_t from, uint32_t to, bool b, struct proof *proof)
{
	if (m == to - from) {
		if (!b)
			push(proof, mth(from, to));
		return;
	}
	uint32_t k = naive_split(to - from);
	if (m <= k) {
		subproof(m, from, from + k, b, proof);
		push(proof, mth(from + k, to));
	} else {
		subproof(m - k, from + k, to, false, proof);
		push(proof, mth(from, from + k));
	}
}

static int naive_read(void *context, uint32_t level, uint64_t number, struct hash *out_root)
{
	uint32_t *size = context;
	assert_true(((number + 1) << level) <= *size); /* nobody asks for what is not full */
	*out_root = mth((uint32_t)(number << level), (uint32_t)((number + 1) << level));
	return 0;
}

static int setup(void **unused)
{
	(void)unused;
	naive.root = calloc(SIZES + 1, sizeof(*naive.root));
	naive.known = calloc(SIZES + 1, sizeof(*naive.known));
	if (!naive.root || !naive.known || !hasher_init(&hasher))
		return -1;
	for (uint32_t i = 0; i < SIZES; i++) {
		uint8_t bytes[5] = {0, (uint8_t)(i >> 8), (uint8_t)i, 7, 7};
		if (!hasher_sum(&hasher, bytes, sizeof(bytes), NULL, 0, naive.leaf[i].bytes))
			return -1;
	}
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	free(naive.root);
	free(naive.known);
	hasher_release(&hasher);
	return 0;
}

/* ---- published vectors ---- */

static struct hash unhex(const char *hex)
{
	struct hash hash;
	for (size_t i = 0; i < sizeof(hash.bytes); i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
		hash.bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return hash;
}

static struct hash ct_leaf[8];

static int ct_read(void *context, uint32_t level, uint64_t number, struct hash *out_root)
{
	struct hash left, right;
	if (level == 0) {
		*out_root = ct_leaf[number];
		return 0;
	}
	assert_int_equal(ct_read(context, level - 1, number * 2, &left), 0);
	assert_int_equal(ct_read(context, level - 1, number * 2 + 1, &right), 0);
	return tree_node(&hasher, &left, &right, out_root);
}

static const char *const ct_root[] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static void ct_leaves(void)
{
	static const uint8_t zero;
	static const struct {
		size_t bytes;
		const char *at;
	} data[8] = {{0, ""},
		     {1, "\0"},
		     {1, "\x10"},
		     {2, "\x20\x21"},
		     {2, "\x30\x31"},
		     {4, "\x40\x41\x42\x43"},
		     {8, "\x50\x51\x52\x53\x54\x55\x56\x57"},
		     {16, "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"}};
	for (size_t i = 0; i < 8; i++)
		assert_true(hasher_sum(&hasher, &zero, 1, (const uint8_t *)data[i].at, data[i].bytes, ct_leaf[i].bytes));
}

static void test_the_roots_are_those_of_certificate_transparency(void **unused)
{
	(void)unused;
	struct tree tree = {0};
	struct hash root, should;
	ct_leaves();
	for (uint64_t size = 0; size <= 8; size++) {
		should = unhex(ct_root[size]);
		assert_int_equal(tree_root(&tree, &hasher, &root), 0);
		assert_hash(&root, &should);
		assert_int_equal(tree_root_of(&hasher, ct_read, NULL, size, &root), 0);
		assert_hash(&root, &should);
		if (size < 8)
			assert_int_equal(tree_add(&tree, &hasher, &ct_leaf[size], NULL, NULL), 0);
	}
}

#define A1  "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
#define A23 "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
#define A47 "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
#define A4  "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
#define A67 "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
#define A03 "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
#define A01 "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
#define A0  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
#define A45 "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
#define A6  "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"

static void assert_proof(const struct proof *is, const char *const should[4])
{
	uint32_t count = 0;
	for (; count < 4 && should[count]; count++) {
		struct hash hash = unhex(should[count]);
		assert_true(count < is->count);
		assert_hash(&is->hash[count], &hash);
	}
	assert_int_equal(is->count, count);
}

static void test_the_proofs_are_those_of_certificate_transparency(void **unused)
{
	(void)unused;
	static const struct {
		uint64_t first;
		uint64_t size;
		const char *proof[4];
	} inclusion[] = {{0, 1, {0}}, {0, 8, {A1, A23, A47}}, {5, 8, {A4, A67, A03}}, {2, 3, {A01}}, {1, 5, {A0, A23, A4}}},
	  consistency[] = {
		  {1, 1, {0}}, {1, 8, {A1, A23, A47}}, {6, 8, {A45, A67, A03}}, {2, 5, {A23, A4}}, {6, 7, {A45, A6, A03}}};
	struct proof proof;
	ct_leaves();
	for (size_t i = 0; i < 5; i++) {
		struct hash root = unhex(ct_root[inclusion[i].size]), old_root = unhex(ct_root[consistency[i].first]);
		assert_int_equal(tree_inclusion(&hasher, ct_read, NULL, inclusion[i].first, inclusion[i].size, &proof), 0);
		assert_proof(&proof, inclusion[i].proof);
		assert_int_equal(tree_check_inclusion(&hasher, &ct_leaf[inclusion[i].first], inclusion[i].first,
						      inclusion[i].size, &proof, &root),
				 0);
		root = unhex(ct_root[consistency[i].size]);
		assert_int_equal(tree_consistency(&hasher, ct_read, NULL, consistency[i].first, consistency[i].size, &proof), 0);
		assert_proof(&proof, consistency[i].proof);
		assert_int_equal(
			tree_check_consistency(&hasher, consistency[i].first, &old_root, consistency[i].size, &root, &proof), 0);
	}
}

/* ---- against the second implementation ---- */

struct completed {
	uint64_t size; /* of the tree before the leaf */
	uint32_t level;
};

static int compare_completed(void *context, uint32_t level, uint64_t number, const struct hash *root)
{
	struct completed *completed = context;
	struct hash should = mth((uint32_t)(number << level), (uint32_t)((number + 1) << level));
	assert_int_equal(level, ++completed->level);
	assert_int_equal((number + 1) << level, completed->size + 1);
	assert_hash(root, &should);
	return 0;
}

static void test_a_growing_tree_has_the_root_of_its_definition_and_tells_what_is_full(void **unused)
{
	(void)unused;
	struct tree tree = {0};
	struct hash root, should;
	for (uint32_t size = 0; size <= SIZES; size++) {
		should = mth(0, size);
		assert_int_equal(tree_root(&tree, &hasher, &root), 0);
		assert_hash(&root, &should);
		assert_int_equal(tree_root_of(&hasher, naive_read, &size, size, &root), 0);
		assert_hash(&root, &should);
		if (size == SIZES)
			break;
		struct completed completed = {.size = size};
		assert_int_equal(tree_add(&tree, &hasher, &naive.leaf[size], compare_completed, &completed), 0);
		assert_int_equal(completed.level, __builtin_ctz(size + 1));
	}
}

static int refuse(void *context, uint32_t level, uint64_t number, const struct hash *root)
{
	(void)context;
	(void)number;
	(void)root;
	return level == 3 ? 42 : 0;
}

static void test_a_leaf_that_is_refused_changes_nothing(void **unused)
{
	(void)unused;
	struct tree tree = {0}, before;
	for (uint32_t i = 0; i < 7; i++)
		assert_int_equal(tree_add(&tree, &hasher, &naive.leaf[i], refuse, NULL), 0);
	before = tree;
	assert_int_equal(tree_add(&tree, &hasher, &naive.leaf[7], refuse, NULL), 42);
	assert_memory_equal(&tree, &before, sizeof(tree));
}

static void assert_same_proof(const struct proof *is, const struct proof *should)
{
	assert_int_equal(is->count, should->count);
	assert_memory_equal(is->hash, should->hash, is->count * sizeof(is->hash[0]));
}

static void bit_flip(struct hash *hash, uint64_t bit)
{
	hash->bytes[bit / 8 % sizeof(hash->bytes)] ^= (uint8_t)(1u << bit % 8);
}

/* Whatever is given instead of what is right. */
struct claim {
	bool consistency;
	struct hash first; /* leaf, or root of the old tree */
	uint64_t number;   /* index, or size of the old tree */
	uint64_t size;
	struct proof proof;
	struct hash root;
};

static int claim_check(const struct claim *claim)
{
	if (claim->consistency)
		return tree_check_consistency(&hasher, claim->number, &claim->first, claim->size, &claim->root, &claim->proof);
	return tree_check_inclusion(&hasher, &claim->first, claim->number, claim->size, &claim->proof, &claim->root);
}

static void assert_refused(const struct claim *claim, const char *what)
{
	int rc = claim_check(claim);
	if (rc != ERR_CORRUPT)
		fail_msg("%s of %llu in %llu: %s was taken (%d)", claim->consistency ? "consistency" : "inclusion",
			 (unsigned long long)claim->number, (unsigned long long)claim->size, what, rc);
}

/* Lengths and hashes: one less, one more, two exchanged, one bit of one. */
static void assert_proof_mutants_refused(const struct claim *right, bool every_bit)
{
	struct claim claim = *right;
	uint32_t count = right->proof.count;
	for (uint32_t i = 0; i < count; i++) {
		for (uint64_t turn = 0; turn < (every_bit ? 256 : 1); turn++) {
			uint64_t bit = every_bit ? turn : some(256);
			bit_flip(&claim.proof.hash[i], bit);
			assert_refused(&claim, "a flipped bit");
			bit_flip(&claim.proof.hash[i], bit);
		}
	}
	claim.proof.hash[count] = right->root;
	claim.proof.count = count + 1;
	assert_refused(&claim, "a longer proof");
	claim = *right;
	if (count) {
		claim.proof.count--;
		assert_refused(&claim, "a shorter proof");
		memmove(claim.proof.hash, right->proof.hash + 1, (count - 1) * sizeof(struct hash));
		assert_refused(&claim, "a proof without its first hash");
	}
	claim = *right;
	if (count > 1) {
		uint32_t i = (uint32_t)some(count - 1);
		claim.proof.hash[i] = right->proof.hash[i + 1];
		claim.proof.hash[i + 1] = right->proof.hash[i];
		assert_refused(&claim, "two hashes exchanged");
	}
}

static void assert_mutants_refused(const struct claim *right, bool every_bit)
{
	struct claim claim = *right;
	assert_proof_mutants_refused(right, every_bit);
	for (uint64_t turn = 0; turn < (every_bit ? 256 : 1); turn++) {
		uint64_t bit = every_bit ? turn : some(256);
		bit_flip(&claim.first, bit);
		assert_refused(&claim, "another leaf or old root");
		claim = *right;
		bit_flip(&claim.root, bit);
		assert_refused(&claim, "another root");
		claim = *right;
	}
	claim.number++;
	assert_refused(&claim, "the next number");
	claim.number = right->number - 1; /* of 0: the largest there is */
	assert_refused(&claim, "the number before");
	claim = *right;
	claim.size = 0;
	assert_refused(&claim, "no tree");
	claim.size = right->number;
	if (claim.size != right->size)
		assert_refused(&claim, "a tree that ends before");
	claim = *right;
	claim.proof.count = UINT32_MAX;
	assert_refused(&claim, "a proof longer than memory");
}

static struct claim inclusion_claim(uint32_t index, uint32_t size)
{
	struct claim claim = {.number = index, .size = size, .first = naive.leaf[index], .root = mth(0, size)};
	struct proof should = {0};
	path(index, 0, size, &should);
	assert_int_equal(tree_inclusion(&hasher, naive_read, &size, index, size, &claim.proof), 0);
	assert_same_proof(&claim.proof, &should);
	if (claim_check(&claim))
		fail_msg("inclusion of %u in %u is not taken", index, size);
	return claim;
}

static struct claim consistency_claim(uint32_t old_size, uint32_t size)
{
	struct claim claim = {.consistency = true, .number = old_size, .size = size};
	struct proof should = {0};
	claim.first = mth(0, old_size);
	claim.root = mth(0, size);
	subproof(old_size, 0, size, true, &should);
	assert_int_equal(tree_consistency(&hasher, naive_read, &size, old_size, size, &claim.proof), 0);
	assert_same_proof(&claim.proof, &should);
	if (claim_check(&claim))
		fail_msg("consistency of %u with %u is not taken", old_size, size);
	return claim;
}

static void test_every_inclusion_up_to_1025_leaves(void **unused)
{
	(void)unused;
	uint64_t proofs = 0, mutated = 0;
	for (uint32_t size = 1; size <= SIZES; size++) {
		for (uint32_t index = 0; index < size; index++, proofs++) {
			struct claim claim = inclusion_claim(index, size);
			if (size > 64 && some(size) > 4)
				continue;
			assert_mutants_refused(&claim, size <= 17);
			mutated++;
		}
	}
	print_message("%llu proofs of inclusion, %llu of them changed in every way\n", (unsigned long long)proofs,
		      (unsigned long long)mutated);
	assert_int_equal(proofs, SIZES * (SIZES + 1) / 2);
}

static void test_every_consistency_up_to_256_leaves_and_some_up_to_1025(void **unused)
{
	(void)unused;
	uint64_t proofs = 0, mutated = 0;
	for (uint32_t size = 1; size <= SIZES; size++) {
		for (uint32_t old_size = 1; old_size <= size; old_size++) {
			if (size > 256 && some(size) > 60 && old_size < size - 2)
				continue;
			struct claim claim = consistency_claim(old_size, size);
			proofs++;
			if (size > 64 && some(size) > 4)
				continue;
			/* A tree is consistent with itself by an empty proof: then the roots alone speak. */
			if (old_size < size)
				assert_mutants_refused(&claim, size <= 17);
			mutated++;
		}
	}
	print_message("%llu proofs of consistency, %llu of them changed in every way\n", (unsigned long long)proofs,
		      (unsigned long long)mutated);
	assert_true(proofs > 256 * 257 / 2 + 768 * 30);
}

static void test_a_tree_is_consistent_with_itself_and_with_no_other_of_its_size(void **unused)
{
	(void)unused;
	struct claim claim = consistency_claim(77, 77);
	assert_int_equal(claim.proof.count, 0);
	bit_flip(&claim.root, 9);
	assert_refused(&claim, "another root");
	claim = consistency_claim(77, 77);
	claim.proof.hash[0] = claim.root;
	claim.proof.count = 1;
	assert_refused(&claim, "a proof of what needs none");
}

/* ---- trees that fit nowhere ---- */

/* All leaves are the same, so a full subtree depends on its level alone. */
static int same_read(void *context, uint32_t level, uint64_t number, struct hash *out_root)
{
	const struct hash *full = context;
	(void)number;
	*out_root = full[level];
	return 0;
}

static void test_proofs_hold_in_trees_of_any_size(void **unused)
{
	(void)unused;
	struct hash full[TREE_LEVELS] = {{{1, 2, 3}}}, root, old_root;
	struct proof proof;
	uint32_t longest = 0;
	for (uint32_t level = 1; level < TREE_LEVELS; level++)
		assert_int_equal(tree_node(&hasher, &full[level - 1], &full[level - 1], &full[level]), 0);
	for (unsigned i = 0; i < 4000; i++) {
		uint64_t size = 1 + (some(UINT64_MAX) >> some(64));
		uint64_t index = some(size), old_size = 1 + some(size);
		if (i < 8) {
			size = i & 1 ? UINT64_MAX : (uint64_t)1 << 63;
			index = i & 2 ? size - 1 : 0;
			old_size = i & 4 ? size : 1;
		}
		assert_int_equal(tree_root_of(&hasher, same_read, full, size, &root), 0);
		assert_int_equal(tree_inclusion(&hasher, same_read, full, index, size, &proof), 0);
		assert_int_equal(tree_check_inclusion(&hasher, &full[0], index, size, &proof, &root), 0);
		longest = proof.count > longest ? proof.count : longest;
		assert_int_equal(tree_root_of(&hasher, same_read, full, old_size, &old_root), 0);
		assert_int_equal(tree_consistency(&hasher, same_read, full, old_size, size, &proof), 0);
		assert_int_equal(tree_check_consistency(&hasher, old_size, &old_root, size, &root, &proof), 0);
		longest = proof.count > longest ? proof.count : longest;
	}
	print_message("the longest proof has %u hashes\n", longest);
	assert_true(longest > 60 && longest <= PROOF_MAX);
}

static int cannot_read(void *context, uint32_t level, uint64_t number, struct hash *out_root)
{
	int *left = context;
	(void)level;
	(void)number;
	*out_root = tree_empty;
	return (*left)-- > 0 ? 0 : ERR_IO;
}

static void test_what_cannot_be_asked_is_refused_and_what_cannot_be_read_is_handed_on(void **unused)
{
	(void)unused;
	struct proof proof;
	struct hash root;
	uint32_t size = 9;
	assert_int_equal(tree_inclusion(&hasher, naive_read, &size, 9, 9, &proof), ERR_STATE);
	assert_int_equal(tree_inclusion(&hasher, naive_read, &size, 0, 0, &proof), ERR_STATE);
	assert_int_equal(tree_consistency(&hasher, naive_read, &size, 0, 9, &proof), ERR_STATE);
	assert_int_equal(tree_consistency(&hasher, naive_read, &size, 10, 9, &proof), ERR_STATE);
	for (int reads = 0; reads < 3; reads++) {
		int left = reads;
		assert_int_equal(tree_inclusion(&hasher, cannot_read, &left, 3, 100, &proof), ERR_IO);
		left = reads;
		assert_int_equal(tree_consistency(&hasher, cannot_read, &left, 3, 100, &proof), ERR_IO);
		left = reads ? reads - 1 : 0;
		assert_int_equal(tree_root_of(&hasher, cannot_read, &left, 100, &root), ERR_IO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_roots_are_those_of_certificate_transparency),
		cmocka_unit_test(test_the_proofs_are_those_of_certificate_transparency),
		cmocka_unit_test(test_a_growing_tree_has_the_root_of_its_definition_and_tells_what_is_full),
		cmocka_unit_test(test_a_leaf_that_is_refused_changes_nothing),
		cmocka_unit_test(test_every_inclusion_up_to_1025_leaves),
		cmocka_unit_test(test_every_consistency_up_to_256_leaves_and_some_up_to_1025),
		cmocka_unit_test(test_a_tree_is_consistent_with_itself_and_with_no_other_of_its_size),
		cmocka_unit_test(test_proofs_hold_in_trees_of_any_size),
		cmocka_unit_test(test_what_cannot_be_asked_is_refused_and_what_cannot_be_read_is_handed_on),
	};
	return cmocka_run_group_tests_name("tree", tests, setup, teardown);
}
