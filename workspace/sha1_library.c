/* SPDX-License-Identifier: MIT
 *
 * Blocks of SHA-1 by libcrypto: the context of SHA1_Init, with our chaining value in its public fields. The short way, SHA1(), looks the
 * algorithm up by name at each call. No header of ours with an ERR_STATE may be included here: OpenSSL's have one too.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the context is; its successor costs an allocation and a search for each message */
#include <openssl/sha.h>

#include "workspace/sha1_engine.h"

static void blocks(uint32_t chain[5], const uint8_t *data, size_t count)
{
	SHA_CTX context;
	SHA1_Init(&context);
	context.h0 = chain[0];
	context.h1 = chain[1];
	context.h2 = chain[2];
	context.h3 = chain[3];
	context.h4 = chain[4];
	SHA1_Update(&context, data, count * SHA_CBLOCK);
	chain[0] = context.h0;
	chain[1] = context.h1;
	chain[2] = context.h2;
	chain[3] = context.h3;
	chain[4] = context.h4;
}

static void expand(uint32_t chain[5], const uint8_t *block, uint32_t out_schedule[SHA1_STEPS])
{
	for (unsigned t = 0; t < 16; t++)
		out_schedule[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
				  (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
#pragma GCC unroll 64 /* then the words come out of registers and not out of the memory they were just written to */
	for (unsigned t = 16; t < SHA1_STEPS; t++) {
		uint32_t word = out_schedule[t - 3] ^ out_schedule[t - 8] ^ out_schedule[t - 14] ^ out_schedule[t - 16];
		out_schedule[t] = word << 1 | word >> 31;
	}
	blocks(chain, block, 1);
}

const struct sha1_engine *sha1_library(void)
{
	static const struct sha1_engine engine = {blocks, expand};
	return &engine;
}
