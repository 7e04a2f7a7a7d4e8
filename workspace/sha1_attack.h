/* SPDX-License-Identifier: MIT
 *
 * Does a block of SHA-1 show a known attack? The parts of that question, for workspace/sha1.c and the tests.
 *
 * An attack makes two messages whose blocks differ by a pattern that is fixed by a *disturbance vector*: in the words of the steps by
 * `difference`, and not at all in the working state before step `meet`. So whoever has one block and guesses the vector can compute the
 * other block's steps from the common state, backwards to the chaining value it began with and forwards to its end; if both blocks
 * then give one chaining value, they collide, and no honest block does that. The 32 vectors worth an attack are tried only on blocks that
 * fulfil the vector's unavoidable conditions: one honest block in twenty or so, by chance, for one vector mostly.
 */
#ifndef WORKSPACE_SHA1_ATTACK_H
#define WORKSPACE_SHA1_ATTACK_H

#include <stdbool.h>
#include <stdint.h>

#include "workspace/sha1_engine.h"

#define SHA1_VECTORS 32u

struct sha1_vector {
	uint8_t type, first, bit; /* II(52,0) is 2, 52, 0 */
	uint8_t meet;             /* 58 to 71 */
	uint32_t difference[SHA1_STEPS];
};

/* All of them, computed when asked for the first time; in the order of sha1_vectors.def. */
const struct sha1_vector *sha1_vectors(void);

/* Bit i is set if the words fulfil the conditions of vector i. */
uint32_t sha1_conditions(const uint32_t schedule[SHA1_STEPS]);

/* The working state (a to e) after step 79 taken back to that before step `step`, with these words. */
void sha1_state_before(uint32_t step, const uint32_t schedule[SHA1_STEPS], const uint32_t end[5], uint32_t out_state[5]);

/* The block's other half under `vector`, from the state the two have in common before step `meet`: the chaining value the other one
 * begins with and its working state after step 79. */
void sha1_twin(const struct sha1_vector *vector, const uint32_t schedule[SHA1_STEPS], const uint32_t meet[5],
	       uint32_t out_before[5], uint32_t out_end[5]);

/* `end` is the working state after step 79, `after` the chaining value that the block gives. */
bool sha1_block_attacked(const uint32_t schedule[SHA1_STEPS], const uint32_t end[5], const uint32_t after[5]);

#endif
