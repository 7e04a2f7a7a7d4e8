/* SPDX-License-Identifier: MIT
 *
 * See the header. All words are little-endian.
 */
#include "workspace/store/journal_check.h"

#include <endian.h>
#include <string.h>

#define PRIME       ((UINT64_C(1) << 61) - 1)
#define MARK        (UINT64_C(5) << 61)
#define BLOCK_BYTES ((size_t)JOURNAL_KEY_WORDS * 8)

__extension__ typedef unsigned __int128 wide;

static uint64_t word_at(const uint8_t *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof(word));
	return le64toh(word);
}

/* hash * point + limb; `limb` is below 2^61, or a little above it. */
static uint64_t fold(uint64_t hash, uint64_t point, uint64_t limb)
{
	wide product = (wide)hash * point + limb;
	uint64_t sum = (uint64_t)(product & PRIME) + (uint64_t)(product >> 61);
	return (sum & PRIME) + (sum >> 61);
}

static uint64_t fold_word(uint64_t hash, uint64_t point, uint64_t word)
{
	return fold(fold(hash, point, word & PRIME), point, word >> 61);
}

/* The sum over one block; a single word at its end has 0 for a partner. */
static wide sum_of(const struct journal_key *key, const uint8_t *at, size_t bytes)
{
	wide even = 0, odd = 0;
	size_t words = bytes / 8, i = 0;
	for (; i + 4 <= words; i += 4, at += 32) {
		even += (wide)(word_at(at) + key->words[i]) * (word_at(at + 8) + key->words[i + 1]);
		odd += (wide)(word_at(at + 16) + key->words[i + 2]) * (word_at(at + 24) + key->words[i + 3]);
	}
	for (; i < words; i += 2, at += 16)
		even += (wide)(word_at(at) + key->words[i]) * ((i + 1 < words ? word_at(at + 8) : 0) + key->words[i + 1]);
	return even + odd;
}

uint64_t journal_check_body(const struct journal_key *key, uint64_t position, uint64_t word, const uint8_t *body, size_t bytes)
{
	uint64_t point = key->point & PRIME;
	uint64_t hash = fold_word(fold_word(1, point, position), point, word);
	while (bytes) {
		size_t now = bytes < BLOCK_BYTES ? bytes : BLOCK_BYTES;
		wide sum = sum_of(key, body, now);
		uint64_t low = (uint64_t)sum, high = (uint64_t)(sum >> 64);
		hash = fold(fold(fold(hash, point, low & PRIME), point, (low >> 61 | high << 3) & PRIME), point, high >> 58);
		body += now;
		bytes -= now;
	}
	return hash | MARK;
}

uint64_t journal_check_head(const struct journal_key *key, uint64_t position, uint64_t word, uint64_t body_check)
{
	uint64_t point = key->point & PRIME;
	return fold_word(fold_word(fold_word(2, point, position), point, word), point, body_check) | MARK;
}
