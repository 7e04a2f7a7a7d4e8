/* SPDX-License-Identifier: MIT
 *
 * Small commits written down in a test.
 */
#ifndef TESTS_WORKSPACE_MERGE_CASES_H
#define TESTS_WORKSPACE_MERGE_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workspace/workspace.h"

/* A workspace with one agent, in a bracket. */
struct place {
	struct workspace *workspace;
	struct workspace_agent *agent;
	int64_t seconds;
};
void place_open(struct place *place, uint64_t memory_max_bytes);
void place_close(struct place *place);

/* Files one after the other: "path\0content\0", ended by an empty path. A path that begins with '*' is executable, with '@' a link, with '!' a submodule
 * whose id is made of the content's first byte. */
#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})
const struct commit *commit_of(struct place *place, const struct commit *parent, const char *const *files);
const struct commit *commit_of_two(struct place *place, const struct commit *one, const struct commit *two,
				   const struct tree *tree);

/* Merge with the names "one" and "two". */
void merge(struct place *place, const struct commit *ours, const struct commit *theirs, struct merge_result *out_result);

/* The conflict at a path; NULL if there is none. */
const struct merge_conflict *conflict_at(const struct merge_result *result, const char *path);

/* Each fails the test. */
void assert_file(struct place *place, const struct tree *tree, const char *path, const char *content);
void assert_nothing(struct place *place, const struct tree *tree, const char *path);
void assert_conflict(const struct merge_result *result, const char *path, enum conflict_kind kind, const char *sides);

#endif
