/* SPDX-License-Identifier: MIT
 *
 * The merge that is asked for nearly always: different files changed, or the same ones in different places. Folders that only one side changed are
 * taken as they are, unopened.
 */
#ifndef WORKSPACE_MERGE_MERGE_QUICK_H
#define WORKSPACE_MERGE_MERGE_QUICK_H

#include "workspace/store/agent.h"

/* Sets `*out_tree` to what the merge in all its cases would come to, or to NULL if it takes that one to know. That is so as soon as
 *
 *   - there is a conflict, a file on one side and a folder on another, or a change of kind,
 *   - a file went away that the other side changed or removed too: it could have come back under another name,
 *   - a folder went away that the other side changed: what is in it could have moved,
 *   - a folder would be left empty.
 *
 * Where none of these is met no rename can matter (git's ort then does not search either), and paths merge one by one.
 * 0, ERR_MEMORY, ERR_FULL. */
MUST_CHECK int merge_quick(struct workspace_agent *agent, const struct tree *base, const struct tree *ours,
			   const struct tree *theirs, const struct tree **out_tree);

#endif
