/* SPDX-License-Identifier: MIT
 *
 * History in the order of dates, never a parent before its children: `git rev-list --date-order FROM ^WITHOUT`.
 *
 * A commit may be told when all its children were, so it is counted how many it has. Those are known once every commit of a higher generation was looked
 * at, which goes on only as far as the telling needs it: the first lines of a long history come at once.
 */
#include <stdlib.h>

#include "workspace/merge/commit_walk.h"
#include "workspace/store/agent.h"

/* How many children a commit has of which none was told yet. */
struct untold {
	const struct commit *commit; /* NULL: free */
	size_t children;
};

struct history {
	struct commit_walk walk;  /* by generation; MARK_ONE is wanted, MARK_TWO is not */
	struct commit_walk ready; /* by date */
	struct untold *untold;
	size_t untold_count, untold_size; /* a power of two, or 0 */
};

/* ---- children ---- */

static struct untold *untold_of(const struct history *history, const struct commit *commit)
{
	size_t mask = history->untold_size - 1, at = ((uintptr_t)commit >> 4) * 0x9e3779b97f4a7c15u >> 20 & mask;

	while (history->untold[at].commit && history->untold[at].commit != commit)
		at = (at + 1) & mask;
	return &history->untold[at];
}

static int untold_grow(struct history *history)
{
	struct history larger = {.untold_size = history->untold_size ? 2 * history->untold_size : 256};

	larger.untold = calloc(larger.untold_size, sizeof(*larger.untold));
	if (!larger.untold)
		return ERR_MEMORY;
	for (size_t i = 0; i < history->untold_size; i++)
		if (history->untold[i].commit)
			*untold_of(&larger, history->untold[i].commit) = history->untold[i];
	free(history->untold);
	history->untold = larger.untold;
	history->untold_size = larger.untold_size;
	return 0;
}

static int add_child(struct history *history, const struct commit *parent)
{
	struct untold *untold;

	if (2 * (history->untold_count + 1) > history->untold_size && untold_grow(history))
		return ERR_MEMORY;
	untold = untold_of(history, parent);
	history->untold_count += !untold->commit;
	untold->commit = parent;
	untold->children++;
	return 0;
}

/* ---- looking ahead ---- */

static bool is_wanted(unsigned marks)
{
	return (marks & MARK_ONE) && !(marks & MARK_TWO);
}

static int look_at_parents(struct history *history, const struct commit *commit, unsigned marks)
{
	int rc = 0;

	for (uint32_t i = 0; i < commit->parent_count && !rc; i++) {
		const struct commit *parent = object_as_commit(commit->parents[i]);
		if (!parent)
			continue;
		rc = commit_walk_put(&history->walk, parent, marks);
		if (!rc && is_wanted(marks))
			rc = add_child(history, parent);
	}
	return rc;
}

/* All commits of this generation and above. */
static int look_down_to(struct history *history, uint32_t generation)
{
	int rc = 0;

	while (!rc && history->walk.queue_count > 0 && history->walk.queue[0].order >= generation) {
		const struct commit_mark_entry *entry = commit_walk_get(&history->walk);
		if (entry->queued == 0)
			rc = look_at_parents(history, entry->commit, entry->marks);
	}
	return rc;
}

/* ---- telling ---- */

static int child_told(struct history *history, const struct commit *parent)
{
	int rc = look_down_to(history, parent->generation);

	if (rc || !is_wanted(commit_walk_marks(&history->walk, parent)))
		return rc;
	return --untold_of(history, parent)->children > 0 ? 0 : commit_walk_put(&history->ready, parent, MARK_ONE);
}

static int begin(struct history *history, const struct commit *from, const struct commit *without)
{
	int rc = commit_walk_put(&history->walk, from, MARK_ONE);

	if (!rc && without)
		rc = commit_walk_put(&history->walk, without, MARK_TWO);
	if (!rc)
		rc = look_down_to(history, from->generation);
	if (!rc && is_wanted(commit_walk_marks(&history->walk, from)))
		rc = commit_walk_put(&history->ready, from, MARK_ONE);
	return rc;
}

static int tell(struct history *history, workspace_log_seen *seen, void *context, int *out_answer)
{
	struct commit_mark_entry *entry;
	int rc = 0;

	while (!rc && (entry = commit_walk_get(&history->ready)) != NULL) {
		const struct commit *commit = entry->commit;
		*out_answer = seen(context, commit);
		if (*out_answer)
			return 0;
		for (uint32_t i = 0; i < commit->parent_count && !rc; i++) {
			const struct commit *parent = object_as_commit(commit->parents[i]);
			if (parent)
				rc = child_told(history, parent);
		}
	}
	return rc;
}

int workspace_log(struct workspace_agent *agent, const struct commit *from, const struct commit *without,
		  workspace_log_seen *seen, void *context)
{
	struct history history = {0};
	int rc, answer = 0;

	workspace_begin(agent);
	commit_walk_init(&history.walk, false);
	commit_walk_init(&history.ready, true);
	rc = begin(&history, from, without);
	if (!rc)
		rc = tell(&history, seen, context, &answer);
	if (rc)
		rc = agent_fail(agent, rc, "there is no memory for walking this history");
	commit_walk_release(&history.walk);
	commit_walk_release(&history.ready);
	free(history.untold);
	workspace_end(agent);
	return rc ? rc : answer;
}
