/* SPDX-License-Identifier: MIT
 *
 * What a rename means for the old and the new path: the versions of the other side move over, so that they meet in one place.
 */
#include "workspace/merge/merge_inner.h"

static void gone(struct path_info *info)
{
	info->gone = true;
	info->settled = true;
}

/* Both sides gave it the same name. */
static void renamed_alike(struct path_info *old, struct path_info *new)
{
	new->stages[SIDE_BASE] = old->stages[SIDE_BASE];
	new->files |= MASK_BASE;
	gone(old);
}

/* Each side gave it another name: what both made of it goes to both, and all three paths are in conflict. */
static int renamed_apart(struct tree_merge *merge, const char *const paths[SIDES], struct path_info *const infos[SIDES])
{
	const struct version stages[SIDES] = {infos[SIDE_BASE]->stages[SIDE_BASE], infos[SIDE_OURS]->stages[SIDE_OURS],
					      infos[SIDE_THEIRS]->stages[SIDE_THEIRS]};
	struct version merged;
	bool clean;
	int rc = merge_content(merge, stages, paths, 1 + 2 * merge->depth, &merged, &clean, NULL, NULL);
	if (rc)
		return rc;
	bool chosen = !clean && version_same(&merged, &stages[SIDE_OURS]); /* could not be merged: each keeps its own */
	infos[SIDE_OURS]->stages[SIDE_OURS] = merged;
	if (!chosen)
		infos[SIDE_THEIRS]->stages[SIDE_THEIRS] = merged;
	for (unsigned side = 0; side < SIDES; side++) {
		infos[side]->disputed = true;
		merge_remark(merge, infos[side], CONFLICT_RENAME_RENAME);
	}
	return 0;
}

static int renamed_by_both(struct tree_merge *merge, const struct rename_pair *theirs, const char *from, const char *to)
{
	const char *const paths[SIDES] = {from, to, theirs->to};
	struct path_info *infos[SIDES];
	for (unsigned side = 0; side < SIDES; side++) {
		infos[side] = merge_path(merge, paths[side]);
		if (!infos[side] || infos[side]->settled)
			return MERGE_LOST;
	}
	if (infos[SIDE_OURS] == infos[SIDE_THEIRS]) {
		renamed_alike(infos[SIDE_BASE], infos[SIDE_OURS]);
		return 0;
	}
	return renamed_apart(merge, paths, infos);
}

/* The new name is taken on the other side too: what comes from the rename is merged first, and then meets what is there. */
static int renamed_into_other(struct tree_merge *merge, const struct rename_pair *pair, struct path_info *old,
			      struct path_info *new, const char *from, const char *to)
{
	enum side other = SIDES - pair->side;
	struct version stages[SIDES], merged;
	const char *paths[SIDES];
	paths[SIDE_BASE] = paths[other] = from;
	paths[pair->side] = to;
	stages[SIDE_BASE] = old->stages[SIDE_BASE];
	stages[other] = old->stages[other];
	stages[pair->side] = new->stages[pair->side];
	bool clean;
	int rc = merge_content(merge, stages, paths, 1 + 2 * merge->depth, &merged, &clean, NULL, NULL);
	if (rc)
		return rc;
	new->stages[pair->side] = merged;
	merge_remark(merge, new, CONFLICT_RENAME_ADD);
	return 0;
}

static int renamed_by_one(struct tree_merge *merge, const struct rename_pair *pair, struct path_info *old, struct path_info *new,
			  const char *from, const char *to)
{
	enum side other = SIDES - pair->side;
	uint8_t other_mask = (uint8_t)(1u << other);
	bool removed = old->files == MASK_BASE, taken = new->files &other_mask;
	bool kind_changed = !removed && mode_is_file(old->stages[other].mode) != mode_is_file(new->stages[pair->side].mode);
	if (!removed && !(old->files & other_mask))
		return MERGE_LOST;
	/* Then the other side renamed it too, and put something else in its place, which hides that. */
	if (kind_changed)
		taken = false;
	int rc = 0;
	if (taken && !removed) {
		rc = renamed_into_other(merge, pair, old, new, from, to);
	} else if (taken) {
		new->disputed = true;
		merge_remark(merge, new, CONFLICT_RENAME_DELETE);
	} else {
		new->stages[SIDE_BASE] = old->stages[SIDE_BASE];
		new->files |= MASK_BASE;
		new->paths[SIDE_BASE] = from;
		if (kind_changed) {
			old->stages[SIDE_BASE] = (struct version){0};
			old->files &= (uint8_t)~MASK_BASE;
		} else if (removed) {
			new->disputed = true;
			merge_remark(merge, new, CONFLICT_RENAME_DELETE);
		} else {
			new->stages[other] = old->stages[other];
			new->files |= other_mask;
			new->paths[other] = from;
		}
	}
	if (!kind_changed)
		gone(old);
	return rc;
}

int merge_apply_renames(struct tree_merge *merge, struct rename_pair *const *pairs, size_t count)
{
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		const struct rename_pair *pair = pairs[i];
		const struct path_map_entry *old = path_map_find(&merge->paths, pair->from);
		const struct path_map_entry *new = path_map_find(&merge->paths, pair->to);
		/* It moved along with its folder, or the other side left it alone. */
		if (!old || ((const struct path_info *)old->value)->settled)
			continue;
		if (i + 1 < count && !strcmp(pair->from, pairs[i + 1]->from)) {
			rc = renamed_by_both(merge, pairs[++i], old->path, new ? new->path : pair->to);
			continue;
		}
		if (!new || ((const struct path_info *)new->value)->settled)
			return MERGE_LOST;
		rc = renamed_by_one(merge, pair, old->value, new->value, old->path, new->path);
	}
	return rc;
}
