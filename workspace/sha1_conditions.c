/* SPDX-License-Identifier: MIT
 *
 * The conditions of sha1_conditions.def over the words of one block, four steps at a time in the vectors of whatever processor.
 */
#include <string.h>

#include "workspace/sha1_attack.h"

typedef uint32_t four __attribute__((vector_size(16)));
typedef int32_t four_signed __attribute__((vector_size(16)));

enum vector_number {
#define VECTOR(type, first, bit) NUMBER_##type##_##first##_##bit,
#include "workspace/sha1_vectors.def"
	NUMBERS
};
_Static_assert(NUMBERS == SHA1_VECTORS, "a bit for each vector");

enum vector_bit {
#define VECTOR(type, first, bit) type##_##first##_##bit = 1u << NUMBER_##type##_##first##_##bit,
#include "workspace/sha1_vectors.def"
};

/* Bit `bit` of four steps' words on top, and below it nothing that matters. */
__attribute__((always_inline)) static inline four on_top(const uint32_t *words, unsigned bit)
{
	four lanes;
	memcpy(&lanes, words, sizeof(lanes));
	return lanes << (31 - bit);
}

/* All ones for each of four steps in which the two bits differ. */
__attribute__((always_inline)) static inline four differing(const uint32_t *words, unsigned bit, unsigned gap, unsigned other)
{
	return (four)((four_signed)(on_top(words, bit) ^ on_top(words + gap, other)) < 0);
}

uint32_t sha1_conditions(const uint32_t schedule[SHA1_STEPS])
{
	four missed = {0, 0, 0, 0};
#define BITS_EQUAL(step, bit, gap, other, v0, v1, v2, v3)                                                                        \
	_Static_assert((step) + (gap) + 3 < SHA1_STEPS, "the last word that is looked at");                                      \
	missed |= differing(schedule + (step), (bit), (gap), (other)) & (four){v0, v1, v2, v3};
#define BITS_DIFFER(step, bit, gap, other, v0, v1, v2, v3)                                                                       \
	_Static_assert((step) + (gap) + 3 < SHA1_STEPS, "the last word that is looked at");                                      \
	missed |= ~differing(schedule + (step), (bit), (gap), (other)) & (four){v0, v1, v2, v3};
#include "workspace/sha1_conditions.def"
	return ~(missed[0] | missed[1] | missed[2] | missed[3]);
}
