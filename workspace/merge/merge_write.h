/* SPDX-License-Identifier: MIT
 *
 * Trees out of paths that come from the last to the first, so that all that is in a folder comes together, and before the folder.
 */
#ifndef WORKSPACE_MERGE_MERGE_WRITE_H
#define WORKSPACE_MERGE_MERGE_WRITE_H

#include "workspace/merge/merge_inner.h"

MUST_CHECK int merge_write_begin(struct tree_merge *merge);

/* The next entries are in this folder (a key of merge->paths, or ""). Writes those that are complete by that. */
MUST_CHECK int merge_write_folder(struct tree_merge *merge, const char *folder);

/* The result of a path, if it is not gone; the info may change until its folder is written. */
MUST_CHECK int merge_write_entry(struct tree_merge *merge, const char *path, const struct path_info *info);

/* The tree of all; `like` is one that it resembles, or NULL. */
MUST_CHECK int merge_write_end(struct tree_merge *merge, const struct tree *like, const struct tree **out_tree);

#endif
