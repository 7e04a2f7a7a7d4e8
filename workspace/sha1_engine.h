/* SPDX-License-Identifier: MIT
 *
 * The ways to compress blocks of SHA-1, for workspace/sha1.c and its tests. A chaining value is the five words of FIPS 180-4.
 */
#ifndef WORKSPACE_SHA1_ENGINE_H
#define WORKSPACE_SHA1_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_STEPS 80u

struct sha1_engine {
	/* Takes `count` blocks of 64 bytes into the chaining value. */
	void (*blocks)(uint32_t chain[5], const uint8_t *data, size_t count);
	/* The same for one block, and what became of it: the words of all steps. */
	void (*expand)(uint32_t chain[5], const uint8_t *block, uint32_t out_schedule[SHA1_STEPS]);
};

/* The processor's SHA instructions; NULL where there are none. */
const struct sha1_engine *sha1_processor(void);

/* libcrypto. */
const struct sha1_engine *sha1_library(void);

#endif
