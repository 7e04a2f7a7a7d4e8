/* SPDX-License-Identifier: MIT
 *
 * Random folders of files, before and after somebody moved, edited, removed and added some.
 */
#ifndef TESTS_WORKSPACE_MERGE_RENAME_CASES_H
#define TESTS_WORKSPACE_MERGE_RENAME_CASES_H

#include <stdint.h>

#include "workspace/workspace.h"

#define CASE_FILES_MAX 64u

/* From this number on, with names, lines and kinds of files as they come up more rarely. */
#define CASES_ODD ((uint64_t)1 << 40)

struct case_file {
	char path[80];
	enum file_mode mode;
	struct bytes data; /* for free(); of a submodule its id */
};

/* In the order of paths. */
struct case_tree {
	struct case_file files[CASE_FILES_MAX];
	size_t count;
};

/* The same number, the same trees. Release both. */
void rename_case_new(uint64_t number, struct case_tree *old, struct case_tree *new);
void case_tree_release(struct case_tree *tree);

#endif
