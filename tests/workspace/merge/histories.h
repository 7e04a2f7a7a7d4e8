/* SPDX-License-Identifier: MIT
 *
 * Histories by chance, from a seed, in which everything happens that makes merges hard: files that look alike, and move, alone and by the
 * folder; names that are a file here and a folder there; links, submodules, modes; branches that are merged into one another crosswise.
 */
#ifndef TESTS_WORKSPACE_MERGE_HISTORIES_H
#define TESTS_WORKSPACE_MERGE_HISTORIES_H

#include "workspace/workspace.h"

#define HISTORY_COMMITS_MAX 24u

struct history {
	const struct commit *commits[HISTORY_COMMITS_MAX];
	size_t count;
};

/* The caller has a bracket open for as long as the commits are to be used. */
void history_make(struct workspace_agent *agent, uint64_t seed, struct history *out_history);

/* The next number of a seed; the upper half of the state is as good as chance for this (Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", 2014). */
uint64_t chance(uint64_t *seed);
unsigned chance_below(uint64_t *seed, unsigned count);

#endif
