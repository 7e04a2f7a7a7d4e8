/* SPDX-License-Identifier: MIT
 *
 * The names of a folder in up to three trees, each once.
 */
#ifndef WORKSPACE_MERGE_MERGE_ROWS_H
#define WORKSPACE_MERGE_MERGE_ROWS_H

#include "workspace/merge/merge_inner.h"

struct tree_row {
	const char *name; /* not ended by NUL */
	uint32_t name_bytes;
	uint8_t files, folders; /* masks */
	uint8_t same;           /* mask of sides with the same version, at least two; or 0 */
	struct version versions[SIDES];
};

/* By name, and each tree in its own order as far as that allows: a folder stands in a tree as if a '/' followed its name, so that `a.c` comes before the
 * folder `a`; but where `a` is a file in another tree, both are one row, which comes first (traverse_trees of git). Trees may be NULL. */
MUST_CHECK int merge_rows(struct tree_merge *merge, const struct tree *const trees[SIDES], struct tree_row **out_rows,
			  size_t *out_count);

#endif
