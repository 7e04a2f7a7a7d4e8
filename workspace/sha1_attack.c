/* SPDX-License-Identifier: MIT
 *
 * The message differences that follow from the disturbance vectors, and the step function of SHA-1 (FIPS 180-4) in both directions.
 *
 * A disturbance vector obeys the message expansion of SHA-1, so sixteen words in a row fix all of it. Class I(K,b) has zeros from word K on
 * and 2^b in word K+15. Class II(K,b) has 2^b in word K+15, 2^(b+31) in words K+1 and K+3, and zeros between. Each of its bits starts a
 * local collision: a disturbed step, and corrections in the five steps after it at the places where the bit meets the message again.
 * The zeros end with word K+14, so before step K+15 every local collision is over and the two working states are one.
 */
#include "workspace/sha1_attack.h"

#include <pthread.h>
#include <string.h>

/* A local collision that began before step 0 is corrected after it. */
#define BEFORE 5u

static uint32_t left(uint32_t word, unsigned bits)
{
	return word << bits | word >> ((32 - bits) & 31);
}

static void disturb(const struct sha1_vector *vector, uint32_t out_words[BEFORE + SHA1_STEPS])
{
	uint32_t *at = out_words + BEFORE, *from = at + vector->first;
	memset(out_words, 0, sizeof(*out_words) * (BEFORE + SHA1_STEPS));
	from[15] = left(1, vector->bit);
	if (vector->type == 2)
		from[1] = from[3] = left(1, (vector->bit + 31u) % 32);
	for (uint32_t *word = from + 16; word < at + SHA1_STEPS; word++)
		*word = left(word[-3] ^ word[-8] ^ word[-14] ^ word[-16], 1);
	for (uint32_t *word = from - 1; word >= out_words; word--)
		*word = left(word[16], 31) ^ word[13] ^ word[8] ^ word[2];
}

static void settle(struct sha1_vector *vector)
{
	uint32_t words[BEFORE + SHA1_STEPS];
	disturb(vector, words);
	for (uint32_t t = 0; t < SHA1_STEPS; t++) {
		const uint32_t *word = words + BEFORE + t;
		vector->difference[t] = word[0] ^ left(word[-1], 5) ^ word[-2] ^ left(word[-3] ^ word[-4] ^ word[-5], 30);
	}
	vector->meet = (uint8_t)(vector->first + 15);
}

static struct sha1_vector vectors[SHA1_VECTORS] = {
#define I                        1
#define II                       2
#define VECTOR(class, from, low) {.type = class, .first = from, .bit = low},
#include "workspace/sha1_vectors.def"
};

static void settle_all(void)
{
	for (unsigned i = 0; i < SHA1_VECTORS; i++)
		settle(&vectors[i]);
}

const struct sha1_vector *sha1_vectors(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, settle_all);
	return vectors;
}

/* f and K of a round of twenty steps. */
__attribute__((always_inline)) static inline uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
	switch (round) {
	case 0:
		return (d ^ (b & (c ^ d))) + 0x5a827999;
	case 1:
		return (b ^ c ^ d) + 0x6ed9eba1;
	case 2:
		return ((b & c) | (d & (b | c))) + 0x8f1bbcdc;
	default:
		return (b ^ c ^ d) + 0xca62c1d6;
	}
}

/* Steps `from` to `to` - 1; the words are those of `schedule` with `difference`. */
__attribute__((always_inline)) static inline void forwards(unsigned round, unsigned from, unsigned to, const uint32_t *schedule,
							   const uint32_t *difference, uint32_t state[5])
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
	for (unsigned t = from; t < to; t++) {
		uint32_t next = left(a, 5) + mix(round, b, c, d) + e + (schedule[t] ^ difference[t]);
		e = d;
		d = c;
		c = left(b, 30);
		b = a;
		a = next;
	}
	memcpy(state, (uint32_t[5]){a, b, c, d, e}, 5 * sizeof(*state));
}

/* Takes back steps `to` - 1 to `from`. */
__attribute__((always_inline)) static inline void backwards(unsigned round, unsigned from, unsigned to, const uint32_t *schedule,
							    const uint32_t *difference, uint32_t state[5])
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
	for (unsigned t = to; t-- > from;) {
		uint32_t later = a;
		a = b;
		b = left(c, 2);
		c = d;
		d = e;
		e = later - left(a, 5) - mix(round, b, c, d) - (schedule[t] ^ difference[t]);
	}
	memcpy(state, (uint32_t[5]){a, b, c, d, e}, 5 * sizeof(*state));
}

static const uint32_t unchanged[SHA1_STEPS];

static unsigned within(unsigned step, unsigned low, unsigned high)
{
	return step < low ? low : step > high ? high : step;
}

static void run_back(unsigned from, unsigned to, const uint32_t *schedule, const uint32_t *difference, uint32_t state[5])
{
	backwards(3, within(from, 60, 80), within(to, 60, 80), schedule, difference, state);
	backwards(2, within(from, 40, 60), within(to, 40, 60), schedule, difference, state);
	backwards(1, within(from, 20, 40), within(to, 20, 40), schedule, difference, state);
	backwards(0, within(from, 0, 20), within(to, 0, 20), schedule, difference, state);
}

static void run_on(unsigned from, const uint32_t *schedule, const uint32_t *difference, uint32_t state[5])
{
	forwards(0, within(from, 0, 20), 20, schedule, difference, state);
	forwards(1, within(from, 20, 40), 40, schedule, difference, state);
	forwards(2, within(from, 40, 60), 60, schedule, difference, state);
	forwards(3, within(from, 60, 80), 80, schedule, difference, state);
}

void sha1_state_before(uint32_t step, const uint32_t schedule[SHA1_STEPS], const uint32_t end[5], uint32_t out_state[5])
{
	memcpy(out_state, end, 5 * sizeof(*end));
	run_back(step, SHA1_STEPS, schedule, unchanged, out_state);
}

void sha1_twin(const struct sha1_vector *vector, const uint32_t schedule[SHA1_STEPS], const uint32_t meet[5],
	       uint32_t out_before[5], uint32_t out_end[5])
{
	memcpy(out_before, meet, 5 * sizeof(*meet));
	memcpy(out_end, meet, 5 * sizeof(*meet));
	run_back(0, vector->meet, schedule, vector->difference, out_before);
	run_on(vector->meet, schedule, vector->difference, out_end);
}

static bool collides(const struct sha1_vector *vector, const uint32_t *schedule, const uint32_t end[5], const uint32_t after[5])
{
	uint32_t meet[5], other_before[5], other_end[5];
	sha1_state_before(vector->meet, schedule, end, meet);
	sha1_twin(vector, schedule, meet, other_before, other_end);
	for (unsigned i = 0; i < 5; i++)
		if (other_before[i] + other_end[i] != after[i])
			return false;
	return true;
}

bool sha1_block_attacked(const uint32_t schedule[SHA1_STEPS], const uint32_t end[5], const uint32_t after[5])
{
	for (uint32_t left_over = sha1_conditions(schedule); left_over; left_over &= left_over - 1)
		if (collides(&sha1_vectors()[__builtin_ctz(left_over)], schedule, end, after))
			return true;
	return false;
}
