/* SPDX-License-Identifier: MIT
 *
 * Merging into a ref that others merge into as well: look, merge, and put the result there if nobody was first; else once more.
 */
#include "workspace/merge/merge.h"

#include <stdlib.h>

#include "workspace/store/edit.h"

/* Where the ref is to go from `ours`: `theirs`, a merge commit, or where it is. */
static int next_commit(struct workspace_agent *agent, const struct commit *ours, const struct commit *theirs,
		       const struct workspace_change *change, const struct merge_options *options,
		       struct merge_result *out_result, const struct commit **out_next)
{
	const struct commit *inline_bases[MERGE_BASES_INLINE], **bases;
	size_t count;
	int rc = merge_bases_all(agent, ours, theirs, inline_bases, &bases, &count);
	if (rc)
		goto out;
	if (count == 1 && (bases[0] == theirs || bases[0] == ours)) {
		*out_next = bases[0] == theirs ? ours : theirs;
		out_result->tree = (*out_next)->tree;
		goto out;
	}
	rc = merge_commits(agent, ours, theirs, bases, count, options, out_result);
	if (!rc && out_result->conflict_count)
		rc = agent_fail(agent, ERR_CONFLICT, "%zu paths are in conflict, the first is %s", out_result->conflict_count,
				out_result->conflicts[0].path);
	if (!rc) {
		const struct commit *const parents[] = {ours, theirs};
		rc = commit_build(agent, out_result->tree, parents, 2, change, out_next);
	}
out:
	if (bases != inline_bases)
		free(bases);
	return rc;
}

static int try_once(struct workspace_agent *agent, const char *ref, const struct commit *theirs,
		    const struct workspace_change *change, const struct merge_options *options, struct merge_result *out_result,
		    const struct commit **out_commit)
{
	const struct object *object;
	const struct commit *next;
	int rc = workspace_ref_get(agent, ref, &object);
	if (rc)
		return rc;
	const struct commit *ours = object_as_commit(object);
	if (!ours)
		return agent_fail(agent, ERR_STATE, "%s leads to no commit, so nothing can be merged into it", ref);
	rc = next_commit(agent, ours, theirs, change, options, out_result, &next);
	if (!rc && next != ours) {
		const struct ref_update update = {.ref = ref, .from = &ours->object, .to = &next->object};
		rc = workspace_refs_update(agent, &update, 1);
	}
	if (!rc)
		*out_commit = next;
	return rc;
}

int workspace_merge_into(struct workspace_agent *agent, const char *ref, const struct commit *theirs,
			 const struct workspace_change *change, const struct merge_options *options,
			 struct merge_result *out_result, const struct commit **out_commit)
{
	int rc;
	workspace_begin(agent);
	do {
		*out_result = (struct merge_result){0};
		rc = try_once(agent, ref, theirs, change, options, out_result, out_commit);
		if (rc && rc != ERR_CONFLICT)
			merge_result_release(out_result);
	} while (rc == ERR_MOVED);
	if (rc == ERR_CONFLICT) {
		/* The marked files are handed out, so they are written down as everything is that somebody has seen. */
		int published = agent_publish(agent, NULL, 0);
		if (published) {
			merge_result_release(out_result);
			rc = published;
		}
	}
	workspace_end(agent);
	return rc;
}
