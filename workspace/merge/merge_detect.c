/* SPDX-License-Identifier: MIT
 *
 * What came back under another name, on each side; then the names that follow from folders that moved; then all of them in the order of the
 * old names.
 */
#include "workspace/merge/merge_inner.h"

#include <stdlib.h>

int merge_memory(struct tree_merge *merge)
{
	return agent_fail(merge->agent, ERR_MEMORY, "there is no memory for this merge");
}

int rename_pairs_add(struct tree_merge *merge, struct rename_pairs *pairs, struct rename_pair pair)
{
	if (pairs->count == pairs->capacity) {
		size_t capacity = pairs->capacity ? pairs->capacity * 2 : 64;
		struct rename_pair *at = merge_pool_take(merge->pool, capacity * sizeof(*at));
		if (!at)
			return merge_memory(merge);
		if (pairs->count)
			memcpy(at, pairs->at, pairs->count * sizeof(*at));
		pairs->at = at;
		pairs->capacity = capacity;
	}
	pairs->at[pairs->count++] = pair;
	return 0;
}

/* ---- what is known already ---- */

static void forget_known_sources(struct merge_side *it)
{
	const struct path_map *maps[] = {&it->known, &it->known_irrelevant};
	for (size_t i = 0; i < 2; i++) {
		for (struct path_map_entry *entry = NULL; (entry = path_map_next(maps[i], entry)) != NULL;)
			path_map_remove(&it->sources, entry->path);
	}
}

static int known_put(struct tree_merge *merge, struct merge_side *it, const char *from, const char *to)
{
	struct path_map_entry *entry = path_map_put(&it->known, merge->pool, from);
	if (!entry || (to && !path_map_put(&it->known_targets, merge->pool, to)))
		return merge_memory(merge);
	entry->value = (void *)(uintptr_t)to;
	return 0;
}

/* Remember a pair for starting anew; `moved` is the name that it got because its folder moved, or NULL. */
static int remember(struct tree_merge *merge, enum side side, const struct rename_pair *pair, const char *moved)
{
	struct merge_side *it = &merge->sides[side], *other = &merge->sides[SIDES - side];
	if (!moved) {
		const struct path_map_entry *source = path_map_find(&it->sources, pair->from);
		if (source && source->number == RENAME_NEED_NO_MORE &&
		    !path_map_put(&it->known_irrelevant, merge->pool, pair->from))
			return merge_memory(merge);
		if (!source || source->number <= 0)
			return 0;
	}
	int rc = 0;
	if (pair->status == 'D')
		return known_put(merge, it, pair->from, NULL);
	if (moved)
		rc = known_put(merge, other, pair->to, moved);
	if (!rc && pair->status == 'R')
		rc = known_put(merge, it, pair->from, moved ? moved : pair->to);
	return rc;
}

static int use_known(struct tree_merge *merge, enum side side)
{
	struct merge_side *it = &merge->sides[side];
	int rc = 0;
	for (struct path_map_entry *known = NULL; !rc && (known = path_map_next(&it->known, known)) != NULL;)
		rc = rename_pairs_add(merge, &it->pairs,
				      (struct rename_pair){.status = known->value ? 'R' : 'D',
							   .from = known->path,
							   .to = known->value ? known->value : known->path});
	return rc;
}

/* ---- the search ---- */

/* What renames_find takes and gives, of one side. */
struct search {
	struct rename_source *sources;
	struct rename_target *targets;
	size_t *pair_of_source;
	bool *used; /* by source */
	size_t source_count, target_count;
	struct rename_options options;
	struct renames found;
};

static struct bytes data_of(const struct version *version)
{
	const struct blob *blob = object_as_blob(version->object);
	return blob ? blob_bytes(blob) : (struct bytes){0};
}

static void search_pair(struct search *search, const struct merge_side *it, size_t index)
{
	const struct rename_pair *pair = &it->pairs.at[index];
	if (pair->status == 'A') {
		search->targets[search->target_count++] = (struct rename_target){.path = pair->to,
										 .mode = pair->new.mode,
										 .id = pair->new.object->id,
										 .data = data_of(&pair->new),
										 .source = RENAME_NONE};
		return;
	}
	const struct path_map_entry *source = path_map_find(&it->sources, pair->from);
	search->pair_of_source[search->source_count] = index;
	search->sources[search->source_count++] =
		(struct rename_source){.path = pair->from,
				       .mode = pair->old.mode,
				       .id = pair->old.object->id,
				       .data = data_of(&pair->old),
				       .need = source ? (enum rename_need)source->number : RENAME_NEED_NOTHING};
}

static int search_init(struct tree_merge *merge, const struct merge_side *it, struct search *search)
{
	size_t count = it->pairs.count;
	struct rename_folder *folders = merge_pool_take(merge->pool, it->folders_removed.count * sizeof(*folders));
	struct rename_known *known = merge_pool_take(merge->pool, it->known.count * sizeof(*known));
	*search = (struct search){
		.sources = merge_pool_take(merge->pool, count * sizeof(struct rename_source)),
		.targets = merge_pool_take(merge->pool, count * sizeof(struct rename_target)),
		.pair_of_source = merge_pool_take(merge->pool, count * sizeof(size_t)),
		.used = merge_pool_take(merge->pool, count * sizeof(bool)),
		.options = {.limit = RENAME_LIMIT_MERGE, .skip_empty = true, .merging = true, .folders = folders, .known = known},
	};
	if (!folders || !known || !search->sources || !search->targets || !search->pair_of_source || !search->used)
		return merge_memory(merge);
	for (size_t i = 0; i < count; i++)
		search_pair(search, it, i);
	for (struct path_map_entry *entry = NULL; (entry = path_map_next(&it->folders_removed, entry)) != NULL;)
		folders[search->options.folder_count++] =
			(struct rename_folder){entry->path, (enum rename_folder_need)entry->number};
	for (struct path_map_entry *entry = NULL; (entry = path_map_next(&it->known, entry)) != NULL;) {
		if (entry->value)
			known[search->options.known_count++] = (struct rename_known){entry->path, entry->value};
	}
	return 0;
}

/* Put what was found into the pairs: those added that came from somewhere are renames now, and what they came from is no longer removed. */
static void search_apply(const struct search *search, struct merge_side *it)
{
	size_t target = 0, source = 0, count = 0;
	for (size_t i = 0; i < search->target_count; i++) {
		if (search->targets[i].source != RENAME_NONE)
			search->used[search->targets[i].source] = true;
	}
	struct rename_pair *found = it->pairs.at; /* shorter than before, in place; renames read their source from the search */
	for (size_t i = 0; i < it->pairs.count; i++) {
		struct rename_pair pair = it->pairs.at[i];
		if (pair.status == 'D') {
			if (!search->used[source++])
				found[count++] = pair;
			continue;
		}
		size_t from = search->targets[target++].source;
		if (from != RENAME_NONE) {
			pair.status = 'R';
			pair.from = search->sources[from].path;
		}
		found[count++] = pair;
	}
	it->pairs.count = count;
}

static int search_counts(struct tree_merge *merge, struct merge_side *it, const struct renames *found)
{
	struct rename_count *counts = merge_pool_take(merge->pool, found->count_count * sizeof(*counts));
	if (!counts)
		return merge_memory(merge);
	for (size_t i = 0; i < found->count_count; i++) {
		counts[i] = found->counts[i];
		counts[i].from = merge_pool_text(merge->pool, counts[i].from, strlen(counts[i].from));
		counts[i].to = merge_pool_text(merge->pool, counts[i].to, strlen(counts[i].to));
		if (!counts[i].from || !counts[i].to)
			return merge_memory(merge);
	}
	it->counts = counts;
	it->count_count = found->count_count;
	return 0;
}

static bool search_worth(const struct merge_side *it)
{
	return it->pairs.count && it->sources.count;
}

static int search_side(struct tree_merge *merge, enum side side, bool *out_run)
{
	struct merge_side *it = &merge->sides[side];
	struct search search;
	forget_known_sources(it);
	if (!search_worth(it))
		return 0;
	*out_run = true;
	int rc = search_init(merge, it, &search);
	if (rc)
		return rc;
	rc = renames_find(&search.options, search.sources, search.source_count, search.targets, search.target_count,
			  &search.found);
	if (rc) {
		rc = agent_fail(merge->agent, rc, "there is no memory for finding renames");
		goto out;
	}
	for (size_t i = 0; i < search.source_count; i++) {
		struct path_map_entry *source = path_map_find(&it->sources, search.sources[i].path);
		if (source)
			source->number = search.sources[i].need;
	}
	search_apply(&search, it);
	if (search.found.limit_needed) {
		merge->restart = 0;
		merge->limit_met = true;
	}
	rc = search_counts(merge, it, &search.found);
out:
	renames_release(&search.found);
	return rc;
}

/* ---- from pairs to paths ---- */

/* Renames of one side, with the names that files get because the other side moved their folder. */
static int gather(struct tree_merge *merge, enum side side, const struct path_map collisions[SIDES], struct rename_pair **pairs,
		  size_t *count)
{
	struct merge_side *it = &merge->sides[side];
	for (size_t i = 0; i < it->pairs.count; i++) {
		struct rename_pair *pair = &it->pairs.at[i];
		const char *moved = NULL;
		int rc = 0;
		if (pair->status != 'D')
			rc = merge_moved_along(merge, pair->to, side, collisions, &moved);
		if (!rc)
			rc = remember(merge, side, pair, moved);
		if (!rc && moved)
			rc = merge_move_along(merge, pair, moved);
		if (rc)
			return rc;
		if (pair->status == 'R' || moved) {
			pair->side = (uint8_t)side;
			pairs[(*count)++] = pair;
		}
	}
	return 0;
}

/* By old names, those of our side first: what both sides renamed stands next to each other. */
static void sort_pairs(struct rename_pair **pairs, struct rename_pair **spare, size_t count)
{
	if (count < 2)
		return;
	size_t half = count / 2, left = 0, right = half;
	sort_pairs(pairs, spare, half);
	sort_pairs(pairs + half, spare, count - half);
	memcpy(spare, pairs, count * sizeof(*pairs));
	for (size_t i = 0; i < count; i++) {
		bool first = right == count || (left < half && strcmp(spare[left]->from, spare[right]->from) <= 0);
		pairs[i] = first ? spare[left++] : spare[right++];
	}
}

static int apply(struct tree_merge *merge)
{
	struct path_map collisions[SIDES] = {{0}};
	size_t most = merge->sides[SIDE_OURS].pairs.count + merge->sides[SIDE_THEIRS].pairs.count, count = 0;
	struct rename_pair **pairs = merge_pool_take(merge->pool, 2 * most * sizeof(struct rename_pair *));
	int rc = pairs ? 0 : merge_memory(merge);
	if (!rc && !merge->depth)
		rc = merge_folders_moved(merge);
	for (unsigned side = SIDE_OURS; side <= SIDE_THEIRS && !rc; side++)
		rc = merge_collisions(merge, side, &collisions[side]);
	for (unsigned side = SIDE_OURS; side <= SIDE_THEIRS && !rc; side++)
		rc = gather(merge, side, collisions, pairs, &count);
	if (!rc) {
		sort_pairs(pairs, pairs + most, count);
		rc = merge_apply_renames(merge, pairs, count);
	}
	path_map_release(&collisions[SIDE_OURS]);
	path_map_release(&collisions[SIDE_THEIRS]);
	return rc;
}

/* Remember what was found, so that the next walk can leave folders closed. */
static int prepare_restart(struct tree_merge *merge)
{
	merge->restart = 2;
	for (unsigned side = SIDE_OURS; side <= SIDE_THEIRS; side++) {
		struct merge_side *it = &merge->sides[side];
		for (size_t i = 0; i < it->pairs.count; i++) {
			int rc = remember(merge, side, &it->pairs.at[i], NULL);
			if (rc)
				return rc;
		}
	}
	return 0;
}

int merge_detect(struct tree_merge *merge)
{
	struct merge_side *ours = &merge->sides[SIDE_OURS], *theirs = &merge->sides[SIDE_THEIRS];
	if (merge->no_renames || (!search_worth(ours) && !search_worth(theirs) && !ours->known.count && !theirs->known.count))
		return 0;
	bool run = false;
	int rc = search_side(merge, SIDE_OURS, &run);
	if (!rc)
		rc = search_side(merge, SIDE_THEIRS, &run);
	if (rc)
		return rc;
	if (merge->limit_met) {
		merge->known_both = false;
		merge->restart = 0;
	}
	if (merge->restart && run)
		return prepare_restart(merge);
	rc = use_known(merge, SIDE_OURS);
	if (!rc)
		rc = use_known(merge, SIDE_THEIRS);
	return rc ? rc : apply(merge);
}
