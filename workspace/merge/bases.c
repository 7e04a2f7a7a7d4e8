/* SPDX-License-Identifier: MIT
 *
 * Both histories are walked at once, from the highest generation down, until only what lies below a common commit is left. In that order all that
 * leads to a commit has been looked at before itself, so a common one that is not below another is a best one at once, however wrong
 * the clocks of its authors were.
 *
 * git walks by date. The set is the same, and it gives them in the order of their dates; among equal ones, in the order in which it met them. Only
 * where that matters its walk is done too: agents that commit a thousand times in a second would make it long.
 */
#include "workspace/merge/bases.h"

#include <stdlib.h>

#include "workspace/merge/commit_walk.h"
#include "workspace/store/agent.h"

#define BASES_INLINE 16u

struct bases {
	const struct commit **at;
	size_t count;
	size_t capacity;
	const struct commit *inline_at[BASES_INLINE];
};

static void bases_init(struct bases *bases)
{
	bases->at = bases->inline_at;
	bases->count = 0;
	bases->capacity = BASES_INLINE;
}

static void bases_release(struct bases *bases)
{
	if (bases->at != bases->inline_at)
		free(bases->at);
}

/* Behind those of the same date. */
static int bases_insert(struct bases *bases, const struct commit *commit)
{
	if (bases->count == bases->capacity) {
		bool first = bases->at == bases->inline_at;
		const struct commit **at = realloc(first ? NULL : bases->at, bases->capacity * 2 * sizeof(*at));
		if (!at)
			return ERR_MEMORY;
		if (first)
			memcpy(at, bases->inline_at, sizeof(bases->inline_at));
		bases->at = at;
		bases->capacity *= 2;
	}
	size_t i = bases->count++;
	for (; i && bases->at[i - 1]->seconds < commit->seconds; i--)
		bases->at[i] = bases->at[i - 1];
	bases->at[i] = commit;
	return 0;
}

static int put_parents(struct commit_walk *walk, const struct commit *commit, unsigned marks)
{
	int rc = 0;
	for (uint32_t i = 0; i < commit->parent_count && !rc; i++) {
		const struct commit *parent = object_as_commit(commit->parents[i]);
		if (parent && (commit_walk_marks(walk, parent) & marks) != marks)
			rc = commit_walk_put(walk, parent, marks);
	}
	return rc;
}

/* Common commits that were not known to be below another when they were met. */
static int walk_to_common(struct commit_walk *walk, const struct commit *one, const struct commit *two, struct bases *bases)
{
	int rc = commit_walk_put(walk, one, MARK_ONE);
	if (!rc)
		rc = commit_walk_put(walk, two, MARK_TWO);
	while (!rc && walk->fresh_queued) {
		struct commit_mark_entry *entry = commit_walk_get(walk);
		const struct commit *commit = entry->commit;
		unsigned marks = entry->marks & (MARK_ONE | MARK_TWO | MARK_STALE);
		if (marks == (MARK_ONE | MARK_TWO)) {
			if (!(entry->marks & MARK_RESULT)) {
				entry->marks |= MARK_RESULT;
				rc = bases_insert(bases, commit);
			}
			marks |= MARK_STALE;
		}
		if (!rc)
			rc = put_parents(walk, commit, marks);
	}
	return rc;
}

static bool dates_differ(const struct bases *bases)
{
	for (size_t i = 1; i < bases->count; i++) {
		if (bases->at[i - 1]->seconds == bases->at[i]->seconds)
			return false;
	}
	return true;
}

static bool bases_have(const struct bases *bases, const struct commit *commit)
{
	for (size_t i = 0; i < bases->count; i++) {
		if (bases->at[i] == commit)
			return true;
	}
	return false;
}

/* Bring them into the order in which the walk by date meets them. */
static int order_as_met(const struct commit *one, const struct commit *two, struct bases *bases)
{
	struct commit_walk walk;
	struct bases met;
	commit_walk_init(&walk, true);
	bases_init(&met);
	int rc = walk_to_common(&walk, one, two, &met);
	size_t count = 0;
	for (size_t i = 0; i < met.count && !rc; i++) {
		if (bases_have(bases, met.at[i]))
			met.at[count++] = met.at[i];
	}
	if (!rc && count == bases->count)
		memcpy(bases->at, met.at, count * sizeof(met.at[0]));
	bases_release(&met);
	commit_walk_release(&walk);
	return rc;
}

static int find(const struct commit *one, const struct commit *two, struct bases *bases)
{
	struct commit_walk walk;
	commit_walk_init(&walk, false);
	int rc = walk_to_common(&walk, one, two, bases);
	commit_walk_release(&walk);
	if (rc || bases->count < 2 || dates_differ(bases))
		return rc;
	return order_as_met(one, two, bases);
}

int merge_bases_find(const struct commit *one, const struct commit *two, const struct commit **out_bases, size_t max,
		     size_t *out_count)
{
	struct bases bases;
	bases_init(&bases);
	int rc = one == two ? bases_insert(&bases, one) : find(one, two, &bases);
	if (!rc) {
		*out_count = bases.count;
		size_t count = bases.count < max ? bases.count : max;
		if (count)
			memcpy(out_bases, bases.at, count * sizeof(bases.at[0]));
	}
	bases_release(&bases);
	return rc;
}

int workspace_merge_bases(struct workspace_agent *agent, const struct commit *ours, const struct commit *theirs,
			  const struct commit **out_bases, size_t max, size_t *out_count)
{
	workspace_begin(agent);
	int rc = merge_bases_find(ours, theirs, out_bases, max, out_count);
	if (rc)
		rc = agent_fail(agent, rc, "there is no memory for walking the histories of two commits");
	workspace_end(agent);
	return rc;
}
