/* SPDX-License-Identifier: MIT */
#define OPENSSL_SUPPRESS_DEPRECATED /* the interface that hashes one block after the other, without asking for memory */
#include "verifier/sums.h"

#include <openssl/sha.h>
#include <sodium.h>
#include <string.h>

#define BLOCK_BYTES 64u
#define WORDS       8u

static const uint32_t first_state[WORDS] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

uint32_t sum_pad(uint8_t *at, size_t bytes)
{
	size_t blocks = (bytes + 9 + BLOCK_BYTES - 1) / BLOCK_BYTES;
	uint64_t bits = __builtin_bswap64((uint64_t)bytes * 8);

	at[bytes] = 0x80;
	memset(at + bytes + 1, 0, blocks * BLOCK_BYTES - bytes - 1);
	memcpy(at + blocks * BLOCK_BYTES - sizeof(bits), &bits, sizeof(bits));
	return (uint32_t)blocks;
}

void sum_of(const void *at, size_t bytes, uint8_t out[SUM_BYTES])
{
	crypto_hash_sha256(out, at, bytes);
}

/* ---- libcrypto ---- */

static void run_plain(const struct sum_job *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		SHA256_CTX context = {.md_len = SUM_BYTES};

		memcpy(context.h, first_state, sizeof(first_state));
		for (uint32_t block = 0; block < jobs[i].blocks; block++)
			SHA256_Transform(&context, jobs[i].at + block * BLOCK_BYTES);
		for (size_t word = 0; word < WORDS; word++) {
			uint32_t big_endian = __builtin_bswap32((uint32_t)context.h[word]);

			memcpy(jobs[i].out + 4 * word, &big_endian, sizeof(big_endian));
		}
	}
}

/* ---- the processor's instructions ---- */

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define WITH_SHA __attribute__((target("sha,sse4.1,ssse3")))

static const uint32_t round_constants[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
	0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
	0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
	0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
	0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/* A message under way. The two halves of the state are as the instructions want them: words A B E F and C D G H. */
struct lane {
	__m128i abef;
	__m128i cdgh;
	const uint8_t *at;
	uint32_t blocks;
	uint8_t *out;
};

WITH_SHA static inline __m128i words_swapped(__m128i words)
{
	return _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

WITH_SHA static inline void block_load(const uint8_t *at, __m128i words[4])
{
	for (int i = 0; i < 4; i++)
		words[i] = words_swapped(_mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i)));
}

/* Four rounds with the words that `words[group % 4]` holds, which become those of four groups later. */
#define FOUR_ROUNDS(words, abef, cdgh, group)                                                                                    \
	do {                                                                                                                     \
		__m128i sum = _mm_add_epi32(words[(group)&3],                                                                    \
					    _mm_load_si128((const __m128i *)(const void *)(round_constants + 4 * (group))));     \
		cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);                                                                   \
		abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));                                          \
		if ((group) < 12)                                                                                                \
			words[(group)&3] = _mm_sha256msg2_epu32(                                                                 \
				_mm_add_epi32(_mm_sha256msg1_epu32(words[(group)&3], words[((group) + 1) & 3]),                  \
					      _mm_alignr_epi8(words[((group) + 3) & 3], words[((group) + 2) & 3], 4)),           \
				words[((group) + 3) & 3]);                                                                       \
	} while (0)

WITH_SHA static void compress_one(struct lane *lane, uint32_t blocks)
{
	__m128i abef = lane->abef, cdgh = lane->cdgh, words[4];

	for (; blocks; blocks--, lane->at += BLOCK_BYTES, lane->blocks--) {
		__m128i abef_before = abef, cdgh_before = cdgh;

		block_load(lane->at, words);
#pragma GCC unroll 16
		for (int group = 0; group < 16; group++)
			FOUR_ROUNDS(words, abef, cdgh, group);
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	lane->abef = abef;
	lane->cdgh = cdgh;
}

WITH_SHA static void compress_two(struct lane *one, struct lane *two, uint32_t blocks)
{
	__m128i abef = one->abef, cdgh = one->cdgh, words[4];
	__m128i other_abef = two->abef, other_cdgh = two->cdgh, other_words[4];

	for (uint32_t i = 0; i < blocks; i++) {
		__m128i abef_before = abef, cdgh_before = cdgh, other_abef_before = other_abef, other_cdgh_before = other_cdgh;

		block_load(one->at + i * BLOCK_BYTES, words);
		block_load(two->at + i * BLOCK_BYTES, other_words);
#pragma GCC unroll 16
		for (int group = 0; group < 16; group++) {
			FOUR_ROUNDS(words, abef, cdgh, group);
			FOUR_ROUNDS(other_words, other_abef, other_cdgh, group);
		}
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
		other_abef = _mm_add_epi32(other_abef, other_abef_before);
		other_cdgh = _mm_add_epi32(other_cdgh, other_cdgh_before);
	}
	*one = (struct lane){abef, cdgh, one->at + blocks * BLOCK_BYTES, one->blocks - blocks, one->out};
	*two = (struct lane){other_abef, other_cdgh, two->at + blocks * BLOCK_BYTES, two->blocks - blocks, two->out};
}

WITH_SHA static struct lane lane_of(const struct sum_job *job)
{
	return (struct lane){_mm_set_epi32((int)first_state[0], (int)first_state[1], (int)first_state[4], (int)first_state[5]),
			     _mm_set_epi32((int)first_state[2], (int)first_state[3], (int)first_state[6], (int)first_state[7]),
			     job->at, job->blocks, job->out};
}

WITH_SHA static void lane_end(const struct lane *lane)
{
	/* From F E B A and H G D C, lowest first, to A B C D and E F G H. */
	__m128i feba = _mm_shuffle_epi32(lane->abef, 0x1b), hgdc = _mm_shuffle_epi32(lane->cdgh, 0x1b);

	_mm_storeu_si128((__m128i *)(void *)lane->out, words_swapped(_mm_unpacklo_epi64(feba, hgdc)));
	_mm_storeu_si128((__m128i *)(void *)(lane->out + 16), words_swapped(_mm_unpackhi_epi64(feba, hgdc)));
}

WITH_SHA static void run_paired(const struct sum_job *jobs, size_t count)
{
	struct lane lanes[2];
	size_t next = 2;

	if (count == 0)
		return;
	lanes[0] = lane_of(&jobs[0]);
	lanes[1] = count > 1 ? lane_of(&jobs[1]) : (struct lane){0};
	while (lanes[0].blocks && lanes[1].blocks) {
		compress_two(&lanes[0], &lanes[1], lanes[0].blocks < lanes[1].blocks ? lanes[0].blocks : lanes[1].blocks);
		for (int i = 0; i < 2; i++) {
			if (lanes[i].blocks)
				continue;
			lane_end(&lanes[i]);
			lanes[i].out = NULL;
			if (next < count)
				lanes[i] = lane_of(&jobs[next++]);
		}
	}
	for (int i = 0; i < 2; i++) {
		if (!lanes[i].blocks)
			continue;
		compress_one(&lanes[i], lanes[i].blocks);
		lane_end(&lanes[i]);
	}
}

static bool has_instructions(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
		return false;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA);
}
#else
static void run_paired(const struct sum_job *jobs, size_t count)
{
	run_plain(jobs, count);
}

static bool has_instructions(void)
{
	return false;
}
#endif

static bool refused;

bool sum_use_instructions(bool wanted)
{
	refused = !wanted;
	return has_instructions();
}

void sum_run(const struct sum_job *jobs, size_t count)
{
	static int able; /* 0: not asked yet; the answer is always the same */
	int now = __atomic_load_n(&able, __ATOMIC_RELAXED);

	if (!now) {
		now = has_instructions() ? 1 : -1;
		__atomic_store_n(&able, now, __ATOMIC_RELAXED);
	}
	if (now > 0 && !refused)
		run_paired(jobs, count);
	else
		run_plain(jobs, count);
}
