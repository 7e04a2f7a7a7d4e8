/* SPDX-License-Identifier: MIT
 *
 * The check for collisions: published attacks, honest messages, and for every disturbance vector each of its parts by itself, since
 * published attacks exist for one vector only. Where libgit2 is there as an archive, the SHA-1 in it (Marc Stevens and Dan Shumow's own) says
 * what is right; without it, the tests that need it are skipped and say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/workspace/collisions.h"
#include "workspace/sha1.h"
#include "workspace/sha1_attack.h"

#ifdef WITH_ORACLE
/* From the archive of libgit2, which installs no headers for them. */
struct oracle_vector {
	int type, first, bit, meet, word, mask_bit;
	uint32_t difference[SHA1_STEPS];
};
extern struct oracle_vector sha1_dvs[];
void ubc_check(const uint32_t words[SHA1_STEPS], uint32_t mask[1]);
void SHA1DCInit(void *hash);
void SHA1DCUpdate(void *hash, const char *data, size_t bytes);
int SHA1DCFinal(unsigned char out[SHA1_BYTES], void *hash);

static bool oracle_attacked(const uint8_t *data, size_t bytes)
{
	static _Alignas(16) uint8_t hash[16384]; /* larger than theirs */
	uint8_t out[SHA1_BYTES];
	SHA1DCInit(hash);
	SHA1DCUpdate(hash, (const char *)data, bytes);
	return SHA1DCFinal(out, hash);
}
#endif

struct message {
	uint8_t data[1024];
	size_t bytes;
};

static struct message shattered[2], shambles[2];

static struct message from_hex(const char *hex)
{
	struct message message = {.bytes = strlen(hex) / 2};
	for (size_t i = 0; i < message.bytes; i++) {
		unsigned byte;
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		message.data[i] = (uint8_t)byte;
	}
	return message;
}

static bool attacked(const uint8_t *data, size_t bytes)
{
	uint8_t hash[SHA1_BYTES], plain[SHA1_BYTES];
	struct sha1_span span = {data, bytes};
	sha1_of(&span, 1, plain);
	bool found = sha1_attacked(&span, 1, hash);
	assert_memory_equal(hash, plain, SHA1_BYTES);
	return found;
}

static bool attacked_in_pieces(const struct message *message, size_t first)
{
	struct sha1 hash;
	uint8_t out[SHA1_BYTES];
	sha1_init_checked(&hash);
	sha1_update(&hash, message->data, first);
	for (size_t i = first; i < message->bytes; i++)
		sha1_update(&hash, message->data + i, 1);
	sha1_final(&hash, out);
	return hash.attacked;
}

static void assert_pair_is_noticed(const struct message pair[2])
{
	uint8_t hashes[2][SHA1_BYTES];
	assert_memory_not_equal(pair[0].data, pair[1].data, pair[0].bytes);
	for (unsigned i = 0; i < 2; i++) {
		struct message longer = pair[i];
		sha1_of(&(struct sha1_span){pair[i].data, pair[i].bytes}, 1, hashes[i]);
		assert_true(attacked(pair[i].data, pair[i].bytes));
		assert_true(attacked_in_pieces(&pair[i], 0));
		assert_true(attacked_in_pieces(&pair[i], 100));
		memset(longer.data + longer.bytes, 'x', 200);
		assert_true(attacked(longer.data, longer.bytes + 200));
		/* Before the last block there is no collision yet. */
		assert_false(attacked(pair[i].data, pair[i].bytes - 64));
	}
	assert_memory_equal(hashes[0], hashes[1], SHA1_BYTES);
}

static void test_both_halves_of_the_published_collisions_are_noticed(void **state)
{
	(void)state;
	for (unsigned choice = SHA1_BEST; choice <= SHA1_LIBRARY; choice++) {
		if (!sha1_choose(choice))
			continue;
		assert_pair_is_noticed(shattered);
		assert_pair_is_noticed(shambles);
	}
	assert_true(sha1_choose(SHA1_BEST));
}

static void test_an_unchecked_hash_says_nothing(void **state)
{
	(void)state;
	struct sha1 hash;
	uint8_t out[SHA1_BYTES];
	sha1_init(&hash);
	sha1_update(&hash, shattered[0].data, shattered[0].bytes);
	sha1_final(&hash, out);
	assert_false(hash.attacked);
}

static void test_an_attack_spoilt_by_one_bit_is_none(void **state)
{
	(void)state;
	struct message message = shattered[0];
	for (size_t bit = 0; bit < 8 * message.bytes; bit++) {
		message.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(attacked(message.data, message.bytes));
		message.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(attacked(message.data, message.bytes));
	/* The published blocks begin with another chaining value than behind a header of git. */
	uint8_t hash[SHA1_BYTES];
	struct sha1_span spans[] = {{"blob 320", 9}, {message.data, message.bytes}};
	assert_false(sha1_attacked(spans, 2, hash));
}

static uint32_t some_word(void)
{
	return (uint32_t)random() << 16 ^ (uint32_t)random();
}

static void some_words(uint32_t *out_words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		out_words[i] = some_word();
}

/* The conditions spare nearly all honest blocks the second look, and none of them passes it. */
static void test_honest_blocks_are_seldom_looked_at_twice_and_never_accused(void **state)
{
	(void)state;
	unsigned looked_at = 0;
	for (unsigned i = 0; i < 10000; i++) {
		uint32_t block[16], words[SHA1_STEPS], chain[5] = {0};
		some_words(block, 16);
		sha1_library()->expand(chain, (const uint8_t *)block, words);
		looked_at += !!sha1_conditions(words);
		assert_false(attacked((const uint8_t *)block, sizeof(block)));
	}
	assert_in_range(looked_at, 200, 1000);
}

static uint32_t left(uint32_t word, unsigned bits)
{
	return word << bits | word >> (32 - bits);
}

static void test_every_difference_obeys_the_message_expansion(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SHA1_VECTORS; i++) {
		const struct sha1_vector *vector = &sha1_vectors()[i];
		const uint32_t *words = vector->difference;
		for (unsigned t = 16; t < SHA1_STEPS; t++)
			assert_int_equal(words[t], left(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1));
		/* After the long quiet comes one disturbance, of one bit. */
		assert_int_equal(words[vector->meet], 1u << vector->bit);
		assert_int_equal(words[vector->meet - 1], 0);
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(words, sha1_vectors()[j].difference, sizeof(vector->difference));
	}
}

/* FIPS 180-4, section 6.1.2, with all states kept: state t is the one before step t. */
static void reference(const uint32_t before[5], const uint32_t words[SHA1_STEPS], uint32_t states[SHA1_STEPS + 1][5])
{
	static const uint32_t constants[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
	memcpy(states[0], before, 5 * sizeof(*before));
	for (unsigned t = 0; t < SHA1_STEPS; t++) {
		const uint32_t *s = states[t];
		uint32_t f = t < 20   ? (s[1] & s[2]) ^ (~s[1] & s[3])
			     : t < 40 ? s[1] ^ s[2] ^ s[3]
			     : t < 60 ? (s[1] & s[2]) ^ (s[1] & s[3]) ^ (s[2] & s[3])
				      : s[1] ^ s[2] ^ s[3];
		uint32_t next = left(s[0], 5) + f + s[4] + constants[t / 20] + words[t];
		memcpy(states[t + 1], (uint32_t[5]){next, s[0], left(s[1], 30), s[2], s[3]}, sizeof(states[0]));
	}
}

static void test_a_twin_is_what_the_other_block_gives_and_meets_this_one_in_the_middle(void **state)
{
	(void)state;
	static uint32_t ours[SHA1_STEPS + 1][5], others[SHA1_STEPS + 1][5];
	for (unsigned i = 0; i < 20 * SHA1_VECTORS; i++) {
		const struct sha1_vector *vector = &sha1_vectors()[i % SHA1_VECTORS];
		uint32_t words[SHA1_STEPS], other_words[SHA1_STEPS], before[5], meet[5], twin_before[5], twin_end[5];
		some_words(words, SHA1_STEPS);
		some_words(before, 5);
		reference(before, words, ours);
		sha1_state_before(vector->meet, words, ours[SHA1_STEPS], meet);
		assert_memory_equal(meet, ours[vector->meet], sizeof(meet));
		sha1_twin(vector, words, meet, twin_before, twin_end);
		for (unsigned t = 0; t < SHA1_STEPS; t++)
			other_words[t] = words[t] ^ vector->difference[t];
		reference(twin_before, other_words, others);
		assert_memory_equal(others[vector->meet], meet, sizeof(meet));
		assert_memory_equal(others[SHA1_STEPS], twin_end, sizeof(twin_end));
	}
}

/* Words of an honest block that fulfil the conditions of vector `i`. */
static void fulfilling_words(unsigned i, uint32_t words[SHA1_STEPS])
{
	uint32_t block[16], chain[5] = {0};
	some_words(block, 16);
	do {
		block[random() % 16] = some_word();
		sha1_library()->expand(chain, (const uint8_t *)block, words);
	} while (!(sha1_conditions(words) >> i & 1));
}

/* As if the block with these words had ended in what its twin ends in. */
static void collide(const struct sha1_vector *vector, const uint32_t *words, const uint32_t end[5], uint32_t out_after[5])
{
	uint32_t meet[5], twin_before[5], twin_end[5];
	sha1_state_before(vector->meet, words, end, meet);
	sha1_twin(vector, words, meet, twin_before, twin_end);
	for (unsigned k = 0; k < 5; k++)
		out_after[k] = twin_before[k] + twin_end[k];
}

static void test_a_collision_by_any_vector_is_noticed_and_by_any_bit_less_is_none(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SHA1_VECTORS; i++) {
		uint32_t words[SHA1_STEPS], end[5], after[5];
		fulfilling_words(i, words);
		some_words(end, 5);
		collide(&sha1_vectors()[i], words, end, after);
		assert_true(sha1_block_attacked(words, end, after));
		for (unsigned bit = 0; bit < 160; bit++) {
			after[bit / 32] ^= 1u << bit % 32;
			assert_false(sha1_block_attacked(words, end, after));
			after[bit / 32] ^= 1u << bit % 32;
		}
	}
}

static unsigned number_of(unsigned type, unsigned first, unsigned bit)
{
	for (unsigned i = 0; i < SHA1_VECTORS; i++) {
		const struct sha1_vector *vector = &sha1_vectors()[i];
		if (vector->type == type && vector->first == first && vector->bit == bit)
			return i;
	}
	fail_msg("no such vector");
	return SHA1_VECTORS;
}

/* In every block of an attack, not only in the last, and in both halves: an attacker could publish either. */
static void assert_fulfils(const struct message *message, size_t blocks, unsigned number)
{
	for (size_t i = 1; i <= blocks; i++) {
		uint32_t words[SHA1_STEPS], chain[5] = {0};
		sha1_library()->expand(chain, message->data + message->bytes - 64 * i, words);
		assert_true(sha1_conditions(words) >> number & 1);
	}
}

static void test_all_published_blocks_fulfil_the_conditions_of_their_vector(void **state)
{
	(void)state;
	unsigned number = number_of(2, 52, 0);
	for (unsigned half = 0; half < 2; half++) {
		assert_fulfils(&shattered[half], 2, number);
		assert_fulfils(&shambles[half], 9, number);
	}
}

#ifdef WITH_ORACLE
static void test_every_vector_is_as_in_libgit2(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SHA1_VECTORS; i++) {
		const struct sha1_vector *ours = &sha1_vectors()[i];
		const struct oracle_vector *theirs = &sha1_dvs[i];
		assert_int_equal(ours->type, theirs->type);
		assert_int_equal(ours->first, theirs->first);
		assert_int_equal(ours->bit, theirs->bit);
		assert_int_equal(i, theirs->mask_bit);
		assert_memory_equal(ours->difference, theirs->difference, sizeof(ours->difference));
		/* They meet at another step at times; between the two nothing differs, so it is the same. */
		for (int t = theirs->meet; t < ours->meet; t++)
			assert_int_equal(ours->difference[t], 0);
		for (int t = ours->meet; t < theirs->meet; t++)
			assert_int_equal(ours->difference[t], 0);
	}
	assert_int_equal(sha1_dvs[SHA1_VECTORS].type, 0);
}

static void assert_same_conditions(const uint32_t words[SHA1_STEPS])
{
	uint32_t theirs;
	ubc_check(words, &theirs);
	assert_int_equal(sha1_conditions(words), theirs);
}

static void test_the_conditions_are_those_of_libgit2_around_words_that_fulfil_them(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SHA1_VECTORS; i++) {
		uint32_t words[SHA1_STEPS];
		fulfilling_words(i, words);
		assert_same_conditions(words);
		for (unsigned bit = 0; bit < 32 * SHA1_STEPS; bit++) {
			words[bit / 32] ^= 1u << bit % 32;
			assert_same_conditions(words);
			words[bit / 32] ^= 1u << bit % 32;
		}
	}
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t words[SHA1_STEPS];
		some_words(words, SHA1_STEPS);
		assert_same_conditions(words);
	}
}

static void test_libgit2_accuses_the_same_messages(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_true(oracle_attacked(shattered[i].data, shattered[i].bytes));
		assert_true(oracle_attacked(shambles[i].data, shambles[i].bytes));
		assert_false(oracle_attacked(shattered[i].data, shattered[i].bytes - 64));
		assert_false(oracle_attacked(shambles[i].data, shambles[i].bytes - 64));
	}
}
#else
static void without_the_oracle(void **state)
{
	(void)state;
	print_message("no libgit2.a with its SHA-1 here: nothing to compare with\n");
	skip();
}
#define test_every_vector_is_as_in_libgit2                                     without_the_oracle
#define test_the_conditions_are_those_of_libgit2_around_words_that_fulfil_them without_the_oracle
#define test_libgit2_accuses_the_same_messages                                 without_the_oracle
#endif

int main(void)
{
	srandom(21);
	shattered[0] = from_hex(shattered_1);
	shattered[1] = from_hex(shattered_2);
	shambles[0] = from_hex(shambles_1);
	shambles[1] = from_hex(shambles_2);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_halves_of_the_published_collisions_are_noticed),
		cmocka_unit_test(test_an_unchecked_hash_says_nothing),
		cmocka_unit_test(test_an_attack_spoilt_by_one_bit_is_none),
		cmocka_unit_test(test_honest_blocks_are_seldom_looked_at_twice_and_never_accused),
		cmocka_unit_test(test_every_difference_obeys_the_message_expansion),
		cmocka_unit_test(test_a_twin_is_what_the_other_block_gives_and_meets_this_one_in_the_middle),
		cmocka_unit_test(test_a_collision_by_any_vector_is_noticed_and_by_any_bit_less_is_none),
		cmocka_unit_test(test_all_published_blocks_fulfil_the_conditions_of_their_vector),
		cmocka_unit_test(test_every_vector_is_as_in_libgit2),
		cmocka_unit_test(test_the_conditions_are_those_of_libgit2_around_words_that_fulfil_them),
		cmocka_unit_test(test_libgit2_accuses_the_same_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
