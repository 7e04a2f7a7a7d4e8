/* SPDX-License-Identifier: MIT
 *
 * Blocks of SHA-1 by the SHA extensions of x86 (Intel, Software Developer's Manual, volume 2: SHA1RNDS4, SHA1NEXTE, SHA1MSG1, SHA1MSG2).
 *
 * The instructions hold four words in a register, the earliest in the highest lane: a b c d of the state, or four steps' words of the
 * message. `e` travels apart, in a highest lane, already added to the words it goes with. Only the functions that use the
 * instructions are compiled for them, so the program starts on every processor.
 */
#include "workspace/sha1_engine.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <stdbool.h>

#define WITH_SHA __attribute__((target("sha,sse4.1")))

/* Four words of a block, turned around. */
#define FOUR_WORDS(block, i) _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)((block) + 16 * (i))), turn)

/* Steps 4g to 4g+3 with the words `now`. `state` holds a to d; `other` is the state four steps ago, whose a has become the e of today. */
#define STEPS(g, now)                                                                                                            \
	do {                                                                                                                     \
		if (out_schedule)                                                                                                \
			_mm_storeu_si128((__m128i *)(void *)(out_schedule + 4 * (g)),                                            \
					 _mm_shuffle_epi32((now), _MM_SHUFFLE(0, 1, 2, 3)));                                     \
		__m128i e = (g) ? _mm_sha1nexte_epu32(other, (now)) : _mm_add_epi32(other, (now));                               \
		other = state;                                                                                                   \
		state = _mm_sha1rnds4_epu32(state, e, (g) / 5);                                                                  \
	} while (0)

/* Into `oldest`, whose words are spent: the four that follow after `c`. */
#define NEXT_WORDS(oldest, a, b, c) ((oldest) = _mm_sha1msg2_epu32(_mm_xor_si128(_mm_sha1msg1_epu32((oldest), (a)), (b)), (c)))

/* Sixteen steps, in which each word is replaced as soon as it is used. */
#define SIXTEEN(g)                                                                                                               \
	do {                                                                                                                     \
		STEPS((g), w0);                                                                                                  \
		NEXT_WORDS(w0, w1, w2, w3);                                                                                      \
		STEPS((g) + 1, w1);                                                                                              \
		NEXT_WORDS(w1, w2, w3, w0);                                                                                      \
		STEPS((g) + 2, w2);                                                                                              \
		NEXT_WORDS(w2, w3, w0, w1);                                                                                      \
		STEPS((g) + 3, w3);                                                                                              \
		NEXT_WORDS(w3, w0, w1, w2);                                                                                      \
	} while (0)

WITH_SHA __attribute__((always_inline)) static inline void compress(uint32_t chain[5], const uint8_t *data, size_t count,
								    uint32_t *out_schedule)
{
	const __m128i turn = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
	__m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)chain), _MM_SHUFFLE(0, 1, 2, 3));
	__m128i last = _mm_set_epi32((int)chain[4], 0, 0, 0);
	for (; count; count--, data += 64) {
		__m128i w0 = FOUR_WORDS(data, 0), w1 = FOUR_WORDS(data, 1), w2 = FOUR_WORDS(data, 2), w3 = FOUR_WORDS(data, 3);
		__m128i state = abcd, other = last;
		SIXTEEN(0);
		SIXTEEN(4);
		SIXTEEN(8);
		SIXTEEN(12);
		STEPS(16, w0);
		STEPS(17, w1);
		STEPS(18, w2);
		STEPS(19, w3);
		last = _mm_sha1nexte_epu32(other, last);
		abcd = _mm_add_epi32(abcd, state);
	}
	_mm_storeu_si128((__m128i *)(void *)chain, _mm_shuffle_epi32(abcd, _MM_SHUFFLE(0, 1, 2, 3)));
	chain[4] = (uint32_t)_mm_extract_epi32(last, 3);
}

/* Whoever used the wide registers before us and left something in their upper halves makes each of the instructions below wait for it:
 * the loop then takes many times as long. */
static void forget_upper_halves(void)
{
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroupper" ::
					 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
					   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

WITH_SHA static void blocks(uint32_t chain[5], const uint8_t *data, size_t count)
{
	forget_upper_halves();
	compress(chain, data, count, NULL);
}

WITH_SHA static void expand(uint32_t chain[5], const uint8_t *block, uint32_t out_schedule[SHA1_STEPS])
{
	forget_upper_halves();
	compress(chain, block, 1, out_schedule);
}

/* CPUID leaf 7 says it; the others have been there longer on every processor that has it, but a virtual one may hide them. */
static bool has_sha(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_SHA))
		return false;
	return __builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.1");
}

const struct sha1_engine *sha1_processor(void)
{
	static const struct sha1_engine engine = {blocks, expand};
	if (!has_sha())
		return NULL;
	return &engine;
}
#else
const struct sha1_engine *sha1_processor(void)
{
	return NULL;
}
#endif
