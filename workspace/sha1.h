/* SPDX-License-Identifier: MIT
 *
 * SHA-1 (FIPS 180-4) as names of git objects, and the question whether a message was made to collide.
 *
 * SHA-1 runs on the processor's own instructions where it has them, otherwise on libcrypto; which is found out once, at run time. It is a
 * name here and not a seal: two different messages with one SHA-1 can be made by who pays for it. All known ways of making them leave
 * traces in each of the two messages, and the checked functions look for these traces ("counter-cryptanalysis", Marc Stevens,
 * CRYPTO 2013; with the conditions of Stevens and Shumow, USENIX Security 2017). They give the same SHA-1 and an answer. The answer is
 * "no" for every honest message; a "yes" by accident has less than one chance in 2^160 a block. An attack of an unknown kind gets a "no".
 *
 * Nothing here allocates, fails or blocks; every function may be called from any thread, a struct sha1 from one at a time.
 */
#ifndef WORKSPACE_SHA1_H
#define WORKSPACE_SHA1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA1_BYTES       20u
#define SHA1_BLOCK_BYTES 64u

/* A piece of a message; `data` may be NULL if `bytes` is 0. */
struct sha1_span {
	const void *data;
	size_t bytes;
};

/* The SHA-1 of `count` pieces, one after the other: "blob 5\0" and "hello" is the name of a file that says hello. */
void sha1_of(const struct sha1_span *spans, size_t count, uint8_t out_hash[SHA1_BYTES]);

/* The same, and true if the message shows a known attack; `out_hash` is its SHA-1 in either case. */
__attribute__((warn_unused_result)) bool sha1_attacked(const struct sha1_span *spans, size_t count, uint8_t out_hash[SHA1_BYTES]);

/* The same for a message that comes bit by bit: init or init_checked, any number of updates, final. It owns nothing and may be copied
 * in the middle, to hash two messages with one beginning. */
struct sha1 {
	const struct sha1_engine *engine;
	uint32_t chain[5];
	bool checked;
	bool attacked; /* what was found until now; false unless checked */
	uint64_t bytes;
	uint8_t rest[SHA1_BLOCK_BYTES];
};

void sha1_init(struct sha1 *hash);
void sha1_init_checked(struct sha1 *hash);
void sha1_update(struct sha1 *hash, const void *data, size_t bytes);

/* Afterwards `attacked` has the answer about the whole message, and `hash` must be initialised before it is used again. */
void sha1_final(struct sha1 *hash, uint8_t out_hash[SHA1_BYTES]);

enum sha1_choice {
	SHA1_BEST,      /* what the processor can do */
	SHA1_PROCESSOR, /* its SHA instructions */
	SHA1_LIBRARY,   /* libcrypto */
};

/* For tests and measurements: from now on, messages are begun with this. False, with nothing changed, if the processor cannot. */
bool sha1_choose(enum sha1_choice choice);

#endif
