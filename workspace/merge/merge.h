/* SPDX-License-Identifier: MIT
 *
 * The merge of two commits, without the journal.
 */
#ifndef WORKSPACE_MERGE_MERGE_H
#define WORKSPACE_MERGE_MERGE_H

#include "workspace/store/agent.h"

/* As workspace_merge, within a bracket. Where git stops with a failed assertion, since renames contradict one another, renames are not followed.
 * Where git 2.39 loses a file (ours adds one in the place of a folder of the base that theirs moved), the file stays. `bases` as merge_bases_find gives them, all of them. What was made is fresh and not published. */
MUST_CHECK int merge_commits(struct workspace_agent *agent, const struct commit *ours, const struct commit *theirs,
			     const struct commit *const *bases, size_t base_count, const struct merge_options *options,
			     struct merge_result *out_result);

/* The same in all its cases, also where the short way would do. MERGE_LOST (merge_inner.h) where renames contradict one another. */
MUST_CHECK int merge_commits_in_full(struct workspace_agent *agent, const struct commit *ours, const struct commit *theirs,
				     const struct commit *const *bases, size_t base_count, const struct merge_options *options,
				     bool no_renames, struct merge_result *out_result);

/* The bases of two commits, in a bracket; `inline_bases` has room for MERGE_BASES_INLINE and is used if that is enough. Free what `out_bases` is if it is
 * not `inline_bases`. */
#define MERGE_BASES_INLINE 8u
MUST_CHECK int merge_bases_all(struct workspace_agent *agent, const struct commit *ours, const struct commit *theirs,
			       const struct commit **inline_bases, const struct commit ***out_bases, size_t *out_count);

#endif
