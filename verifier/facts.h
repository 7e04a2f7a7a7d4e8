/* SPDX-License-Identifier: MIT
 *
 * The facts of the few records that a verifier must understand: an array in MessagePack, one element after the other.
 */
#ifndef VERIFIER_FACTS_H
#define VERIFIER_FACTS_H

#include "verifier/span.h"

/* Erased, code 0x68. */
struct facts_erased {
	uint64_t task_number; /* 0: by age */
	uint64_t through_seq;
};
bool facts_erased_read(struct span facts, struct facts_erased *out);

/* Counted, code 0x66. */
struct facts_counted {
	struct span peer;
	uint64_t type;
	uint64_t count;
	uint64_t error;
};
bool facts_counted_read(struct span facts, struct facts_counted *out);

#endif
