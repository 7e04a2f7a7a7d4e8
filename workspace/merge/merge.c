/* SPDX-License-Identifier: MIT
 *
 * Two commits become a tree. If they have several bases, those are merged first, oldest with next, each with markers for what conflicts
 * ("recursive"): the base is then what both sides could know.
 */
#include "workspace/merge/merge.h"

#include <stdlib.h>

#include "workspace/merge/bases.h"
#include "workspace/merge/merge_inner.h"
#include "workspace/merge/merge_quick.h"

/* ---- one merge of three trees ---- */

/* Make ready for another walk. What is known of renames is kept if it is of this very merge. */
static void renew(struct tree_merge *merge)
{
	path_map_empty(&merge->paths);
	path_map_empty(&merge->conflicts);
	for (unsigned side = SIDE_OURS; side <= SIDE_THEIRS; side++) {
		struct merge_side *it = &merge->sides[side];
		path_map_empty(&it->folders_removed);
		path_map_empty(&it->folder_renames);
		path_map_empty(&it->sources);
		path_map_empty(&it->deferred);
		path_map_empty(&it->target_folders);
		it->may_defer = true;
		it->pairs = (struct rename_pairs){0};
		if (merge->known_both)
			continue;
		path_map_empty(&it->known);
		path_map_empty(&it->known_targets);
		path_map_empty(&it->known_irrelevant);
		it->count_count = 0;
	}
	merge->known_both = false;
	merge->folder_mask = 0;
}

static void merge_release(struct tree_merge *merge)
{
	path_map_release(&merge->paths);
	path_map_release(&merge->conflicts);
	path_map_release(&merge->remarks);
	path_map_release(&merge->favoured);
	for (unsigned side = SIDE_OURS; side <= SIDE_THEIRS; side++) {
		struct merge_side *it = &merge->sides[side];
		struct path_map *maps[] = {&it->folders_removed, &it->folder_renames, &it->sources,       &it->deferred,
					   &it->target_folders,  &it->known,          &it->known_targets, &it->known_irrelevant};
		for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
			path_map_release(maps[i]);
	}
}

static int merge_trees(struct tree_merge *merge, const struct tree *const trees[SIDES], const struct tree **out_tree)
{
	int rc;
	for (;;) {
		rc = merge_collect(merge, trees);
		if (!rc)
			rc = merge_detect(merge);
		if (rc || merge->restart != 2)
			break;
		renew(merge);
	}
	return rc ? rc : merge_settle(merge, trees, out_tree);
}

/* ---- bases that are merged themselves ---- */

static int merge_two(struct tree_merge *merge, const struct commit *ours, const struct commit *theirs,
		     const struct commit *const *bases, size_t base_count, const struct tree **out_tree);

int merge_bases_all(struct workspace_agent *agent, const struct commit *ours, const struct commit *theirs,
		    const struct commit **inline_bases, const struct commit ***out_bases, size_t *out_count)
{
	*out_bases = inline_bases;
	int rc = merge_bases_find(ours, theirs, inline_bases, MERGE_BASES_INLINE, out_count);
	if (!rc && *out_count > MERGE_BASES_INLINE) {
		size_t count = *out_count;
		*out_bases = malloc(count * sizeof(**out_bases));
		rc = *out_bases ? merge_bases_find(ours, theirs, *out_bases, count, out_count) : ERR_MEMORY;
	}
	return rc ? agent_fail(agent, rc, "there is no memory for finding where two histories met") : 0;
}

/* A commit that exists only for this merge. */
static const struct commit *virtual_commit(struct tree_merge *merge, const struct tree *tree, const struct commit *first,
					   const struct commit *second)
{
	struct commit *commit = merge_pool_take(merge->pool, sizeof(*commit) + 2 * sizeof(commit->parents[0]));
	if (!commit)
		return NULL;
	commit->object.type = OBJECT_COMMIT;
	commit->tree = tree;
	commit->generation = 1 + (first->generation > second->generation ? first->generation : second->generation);
	commit->parent_count = 2;
	commit->parents[0] = &first->object;
	commit->parents[1] = &second->object;
	return commit;
}

static int merge_bases(struct tree_merge *merge, const struct commit *first, const struct commit *second,
		       const struct commit **out_commit)
{
	const char *const names[SIDES] = {merge->names[SIDE_BASE], merge->names[SIDE_OURS], merge->names[SIDE_THEIRS]};
	const struct commit *inline_bases[MERGE_BASES_INLINE], **bases;
	const struct tree *tree;
	size_t count;
	merge->depth++;
	merge->names[SIDE_OURS] = "Temporary merge branch 1";
	merge->names[SIDE_THEIRS] = "Temporary merge branch 2";
	int rc = merge_bases_all(merge->agent, first, second, inline_bases, &bases, &count);
	if (!rc)
		rc = merge_two(merge, first, second, bases, count, &tree);
	if (bases != inline_bases)
		free(bases);
	merge->depth--;
	memcpy(merge->names, names, sizeof(names));
	if (rc)
		return rc;
	*out_commit = virtual_commit(merge, tree, first, second);
	renew(merge);
	return *out_commit ? 0 : merge_memory(merge);
}

static int merge_two(struct tree_merge *merge, const struct commit *ours, const struct commit *theirs,
		     const struct commit *const *bases, size_t base_count, const struct tree **out_tree)
{
	const struct commit *base = base_count ? bases[base_count - 1] : NULL;
	int rc = 0;
	for (size_t i = base_count; i-- > 1 && !rc;)
		rc = merge_bases(merge, base, bases[i - 1], &base);
	if (rc)
		return rc;
	const struct tree *const trees[SIDES] = {base ? base->tree : NULL, ours->tree, theirs->tree};
	return merge_trees(merge, trees, out_tree);
}

/* ---- what came of it ---- */

static struct conflict_side side_of(const struct path_info *info, enum side side)
{
	const struct version *version = &info->stages[side];
	if (!(info->files & (1u << side)) || !version->object)
		return (struct conflict_side){0};
	return (struct conflict_side){version->mode, version->object->id, info->paths[side]};
}

static struct merge_conflict conflict_of(const struct path_map_entry *entry)
{
	const struct path_info *info = entry->value;
	return (struct merge_conflict){
		.kind = info->kind,
		.path = entry->path,
		.base = side_of(info, SIDE_BASE),
		.ours = side_of(info, SIDE_OURS),
		.theirs = side_of(info, SIDE_THEIRS),
		.places = info->places.at,
		.place_count = info->places.count,
	};
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct merge_conflict *)a)->path, ((const struct merge_conflict *)b)->path);
}

static int result_fill(struct tree_merge *merge, struct merge_result *out_result)
{
	const struct path_map *maps[] = {&merge->conflicts, &merge->remarks};
	size_t count = 0;
	struct merge_conflict *conflicts =
		merge_pool_take(merge->pool, (merge->conflicts.count + merge->remarks.count) * sizeof(*conflicts));
	if (!conflicts)
		return merge_memory(merge);
	for (size_t i = 0; i < 2; i++) {
		for (struct path_map_entry *entry = NULL; (entry = path_map_next(maps[i], entry)) != NULL;) {
			if (i == 0 || !path_map_find(&merge->conflicts, entry->path))
				conflicts[count++] = conflict_of(entry);
		}
	}
	qsort(conflicts, count, sizeof(*conflicts), by_path);
	out_result->conflicts = conflicts;
	out_result->conflict_count = count;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct merge_favoured *)a)->path, ((const struct merge_favoured *)b)->path);
}

static int favoured_fill(struct tree_merge *merge, struct merge_result *out_result)
{
	struct merge_favoured *favoured = merge_pool_take(merge->pool, merge->favoured.count * sizeof(*favoured));
	size_t count = 0;
	if (!favoured)
		return merge_memory(merge);
	for (struct path_map_entry *entry = NULL; (entry = path_map_next(&merge->favoured, entry)) != NULL;)
		favoured[count++] = (struct merge_favoured){entry->path, (size_t)entry->number};
	qsort(favoured, count, sizeof(*favoured), by_name);
	out_result->favoured = favoured;
	out_result->favoured_count = count;
	return 0;
}

void merge_result_release(struct merge_result *result)
{
	if (result->memory)
		merge_pool_release(result->memory);
	free(result->memory);
	*result = (struct merge_result){0};
}

/* ---- two commits ---- */

int merge_commits_in_full(struct workspace_agent *agent, const struct commit *ours, const struct commit *theirs,
			  const struct commit *const *bases, size_t base_count, const struct merge_options *options,
			  bool no_renames, struct merge_result *out_result)
{
	char ours_hex[OID_HEX_BYTES], theirs_hex[OID_HEX_BYTES];
	struct merge_pool *pool = calloc(1, sizeof(*pool));
	if (!pool)
		return agent_fail(agent, ERR_MEMORY, "there is no memory for this merge");
	oid_print(&ours->object.id, ours_hex);
	oid_print(&theirs->object.id, theirs_hex);
	struct tree_merge merge = {
		.agent = agent,
		.pool = pool,
		.no_renames = no_renames,
		.favour_theirs = options && options->favour_theirs,
		.names = {[SIDE_BASE] = "",
			  [SIDE_OURS] = options && options->ours_name ? options->ours_name : ours_hex,
			  [SIDE_THEIRS] = options && options->theirs_name ? options->theirs_name : theirs_hex},
	};
	renew(&merge);
	int rc = merge_two(&merge, ours, theirs, bases, base_count, &out_result->tree);
	if (!rc && (merge.conflicts.count || merge.remarks.count))
		rc = result_fill(&merge, out_result);
	if (!rc && merge.favoured.count)
		rc = favoured_fill(&merge, out_result);
	merge_release(&merge);
	if (!rc && (out_result->conflict_count || out_result->favoured_count)) {
		out_result->memory = pool;
		return 0;
	}
	merge_pool_release(pool);
	free(pool);
	return rc;
}

int merge_commits(struct workspace_agent *agent, const struct commit *ours, const struct commit *theirs,
		  const struct commit *const *bases, size_t base_count, const struct merge_options *options,
		  struct merge_result *out_result)
{
	if (base_count == 1) {
		int rc = merge_quick(agent, bases[0]->tree, ours->tree, theirs->tree, &out_result->tree);
		if (rc || out_result->tree)
			return rc;
	}
	bool no_renames = options && options->no_renames;
	int rc = merge_commits_in_full(agent, ours, theirs, bases, base_count, options, no_renames, out_result);
	if (rc == MERGE_LOST)
		rc = merge_commits_in_full(agent, ours, theirs, bases, base_count, options, true, out_result);
	if (rc == MERGE_LOST)
		rc = agent_fail(agent, ERR_INTERNAL, "two sides contradict one another in a way that has no name");
	return rc;
}

int workspace_merge(struct workspace_agent *agent, const struct commit *ours, const struct commit *theirs,
		    const struct merge_options *options, struct merge_result *out_result)
{
	const struct commit *inline_bases[MERGE_BASES_INLINE], **bases;
	size_t count;
	*out_result = (struct merge_result){0};
	workspace_begin(agent);
	int rc = 0;
	if (options && options->base) {
		inline_bases[0] = options->base;
		bases = inline_bases;
		count = 1;
	} else {
		rc = merge_bases_all(agent, ours, theirs, inline_bases, &bases, &count);
	}
	if (!rc)
		rc = merge_commits(agent, ours, theirs, bases, count, options, out_result);
	if (!rc && !(options && options->only_look))
		rc = agent_publish(agent, NULL, 0);
	if (rc)
		merge_result_release(out_result);
	if (bases != inline_bases)
		free(bases);
	workspace_end(agent);
	return rc;
}
