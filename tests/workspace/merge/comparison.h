/* SPDX-License-Identifier: MIT
 *
 * What git came to and what we come to, merge by merge.
 */
#ifndef TESTS_WORKSPACE_MERGE_COMPARISON_H
#define TESTS_WORKSPACE_MERGE_COMPARISON_H

#include <stdio.h>

#include "repository.h"

struct tally {
	uint64_t cases, clean, conflicts, different;
	uint64_t given_up; /* one of git's own assertions fails */
	uint64_t damaged;  /* git writes a tree that it would not read */
};

/* Merge it, and say on stderr what differs; `seed` is printed with it. The two commits are in the store. */
void compare(struct workspace_agent *agent, struct merge_case *one, uint64_t seed, struct tally *tally);

void tally_print(const struct tally *tally, FILE *out);

#endif
