/* SPDX-License-Identifier: MIT
 *
 * SHA-256 (FIPS 180-4) of many short messages at once.
 *
 * Records do not depend on one another's hashing, since each row holds the chain value before it. So messages are prepared in
 * full, padding included, and hashed two at a time with the processor's SHA instructions where it has them: one alone waits
 * half of the time for its own last round. Elsewhere libcrypto does one after the other.
 */
#ifndef VERIFIER_SUMS_H
#define VERIFIER_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUM_BYTES     32u
#define SUM_PAD_BYTES 72u /* room that sum_pad may need behind a message */

/* A padded message of `blocks` times 64 bytes, and where its hash goes. */
struct sum_job {
	const uint8_t *at;
	uint32_t blocks;
	uint8_t *out;
};

/* Appends the padding of SHA-256 to `bytes` bytes at `at`, which has SUM_PAD_BYTES more of room; returns the number of blocks. */
uint32_t sum_pad(uint8_t *at, size_t bytes);

void sum_run(const struct sum_job *jobs, size_t count);

/* Hash of one message of any size. */
void sum_of(const void *at, size_t bytes, uint8_t out[SUM_BYTES]);

/* For tests and benchmarks: false makes sum_run use libcrypto whatever the processor can. Returns whether it has the instructions. */
bool sum_use_instructions(bool wanted);

#endif
