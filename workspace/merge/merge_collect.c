/* SPDX-License-Identifier: MIT
 *
 * All paths that may matter.
 *
 * A folder that one side left alone becomes what the other made of it, unless a file that went away elsewhere came back in it. So such folders are put
 * off to the end, and taken as they are if by then every file that went away is accounted for.
 */
#include "workspace/merge/merge_rows.h"

#define FOLDERS_DEEP 2048u /* of folders within folders; a path of 4,095 bytes has no more */
#define RESTART_AT   3u    /* paths after opening the folders over those before, from which starting anew pays */

static int collect_folder(struct tree_merge *merge, const char *folder, const struct tree *const trees[SIDES], unsigned deep);

static int info_add(struct tree_merge *merge, const char *path, const struct tree_row *row, struct path_info **out_info)
{
	struct path_map_entry *entry = path_map_put(&merge->paths, merge->pool, path);
	struct path_info *info = merge_pool_take(merge->pool, sizeof(*info));
	if (!entry || !info)
		return merge_memory(merge);
	entry->value = info;
	info->folder = merge->folder;
	info->name_at = (uint32_t)(strlen(path) - row->name_bytes);
	*out_info = info;
	return 0;
}

static int add_settled(struct tree_merge *merge, const char *path, const struct tree_row *row, const struct version *result)
{
	struct path_info *info;
	int rc = info_add(merge, path, row, &info);
	if (rc)
		return rc;
	info->settled = true;
	info->result = *result;
	return 0;
}

static int add_open(struct tree_merge *merge, const char *path, const struct tree_row *row, struct path_info **out_info)
{
	struct path_info *info;
	int rc = info_add(merge, path, row, &info);
	if (rc)
		return rc;
	for (unsigned side = 0; side < SIDES; side++) {
		info->stages[side] = row->versions[side];
		info->paths[side] = path;
	}
	info->files = row->files;
	info->folders = row->folders;
	info->same = row->same;
	info->folder_file = row->files && row->folders;
	info->gone = row->folders != 0; /* until something was found to stand in it */
	*out_info = info;
	return 0;
}

static int number_set(struct tree_merge *merge, struct path_map *map, const char *path, int number)
{
	struct path_map_entry *entry = path_map_put(map, merge->pool, path);
	if (!entry)
		return merge_memory(merge);
	entry->number = number;
	return 0;
}

/* ---- what may be part of a rename ---- */

static int pair_added(struct tree_merge *merge, enum side side, const char *path, const struct tree_row *row)
{
	struct merge_side *it = &merge->sides[side];
	if (path_map_find(&it->known_targets, path))
		return 0;
	return rename_pairs_add(merge, &it->pairs,
				(struct rename_pair){.status = 'A', .from = path, .to = path, .new = row->versions[side]});
}

/* A file that went away matters if the other side changed it (or removed it too), and if it can tell where its folder went. */
static int pair_removed(struct tree_merge *merge, enum side side, const char *path, const struct tree_row *row)
{
	struct merge_side *it = &merge->sides[side];
	bool content = !(row->same & row->files);
	bool place = merge->folder_mask == MASK_ALL;
	if (content)
		path_map_remove(&it->known_irrelevant, path);
	if (content || place) {
		int rc = number_set(merge, &it->sources, path, content ? RENAME_NEED_CONTENT : RENAME_NEED_PLACE);
		if (rc)
			return rc;
	}
	if (path_map_find(&it->known, path) || path_map_find(&it->known_irrelevant, path))
		return 0;
	return rename_pairs_add(merge, &it->pairs,
				(struct rename_pair){.status = 'D', .from = path, .to = path, .old = row->versions[SIDE_BASE]});
}

/* Where folders went has to be known if one side removed a folder in which the other added a file; then all that was in it and below matters. */
static int note_folders(struct tree_merge *merge, const char *path, const struct tree_row *row)
{
	unsigned folders = row->folders;
	if (merge->folder_mask != MASK_ALL && (folders == (MASK_BASE | MASK_OURS) || folders == (MASK_BASE | MASK_THEIRS)))
		merge->folder_mask = folders & ~MASK_BASE;
	if (!(folders & MASK_BASE) || folders == MASK_ALL)
		return 0;
	int need = merge->folder_mask == MASK_ALL ? RENAME_FOLDER_FOR_PARENT : RENAME_FOLDER_NOTHING;
	int rc = 0;
	if (!(folders & MASK_OURS))
		rc = number_set(merge, &merge->sides[SIDE_OURS].folders_removed, path, need);
	if (!rc && !(folders & MASK_THEIRS))
		rc = number_set(merge, &merge->sides[SIDE_THEIRS].folders_removed, path, need);
	return rc;
}

static int note_renames(struct tree_merge *merge, const char *path, const struct tree_row *row)
{
	int rc = note_folders(merge, path, row);
	if (!rc && merge->folder_mask == MASK_ALL && (row->files == MASK_OURS || row->files == MASK_THEIRS)) {
		enum side other = row->files == MASK_OURS ? SIDE_THEIRS : SIDE_OURS;
		rc = number_set(merge, &merge->sides[other].folders_removed, merge->folder, RENAME_FOLDER_FOR_SELF);
	}
	if (row->files == 0 || row->files == MASK_ALL)
		return rc;
	for (unsigned side = SIDE_OURS; side <= SIDE_THEIRS && !rc; side++) {
		bool before = row->files & MASK_BASE, after = row->files & (1u << side);
		if (before && !after)
			rc = pair_removed(merge, side, path, row);
		else if (!before && after)
			rc = pair_added(merge, side, path, row);
	}
	return rc;
}

/* ---- the walk ---- */

/* Whose version of a file stands without further ado; NULL: that is to be seen. */
static const struct version *plain_result(const struct tree_row *row)
{
	if (row->same == MASK_ALL)
		return &row->versions[SIDE_BASE];
	if (row->files != MASK_ALL || !row->same)
		return NULL;
	return &row->versions[row->same == (MASK_BASE | MASK_OURS) ? SIDE_THEIRS : SIDE_OURS];
}

/* Whether a folder can be put off: one side left it alone, or only one has it at all. */
static bool defer(struct tree_merge *merge, const char *path, struct path_info *info, int *out_rc)
{
	unsigned side = info->same == (MASK_BASE | MASK_OURS)     ? SIDE_THEIRS
			: info->same == (MASK_BASE | MASK_THEIRS) ? SIDE_OURS
								  : SIDE_BASE;
	if (!info->files && (info->folders == MASK_OURS || info->folders == MASK_THEIRS)) {
		info->same = MASK_ALL & (uint8_t)~info->folders;
		side = info->folders == MASK_OURS ? SIDE_OURS : SIDE_THEIRS;
	}
	if (merge->folder_mask == MASK_ALL || side == SIDE_BASE)
		return false;
	struct merge_side *it = &merge->sides[side];
	if (!it->may_defer || path_map_find(&it->target_folders, path))
		return false;
	*out_rc = number_set(merge, &it->deferred, path, (int)merge->folder_mask);
	return true;
}

static int open_folder(struct tree_merge *merge, const char *path, struct path_info *info, unsigned deep)
{
	const struct tree *trees[SIDES];
	for (unsigned side = 0; side < SIDES; side++)
		trees[side] = info->folders & (1u << side) ? object_as_tree(info->stages[side].object) : NULL;
	info->same &= info->files;
	return collect_folder(merge, path, trees, deep + 1);
}

static int collect_row(struct tree_merge *merge, const struct tree_row *row, unsigned deep)
{
	unsigned mask_before = merge->folder_mask;
	const char *path = merge_pool_path(merge->pool, merge->folder, row->name, row->name_bytes);
	if (!path)
		return merge_memory(merge);
	const struct version *plain = plain_result(row);
	if (plain)
		return add_settled(merge, path, row, plain);
	int rc = note_renames(merge, path, row);
	struct path_info *info;
	if (!rc)
		rc = add_open(merge, path, row, &info);
	if (rc || !row->folders)
		return rc;
	if (!defer(merge, path, info, &rc))
		rc = open_folder(merge, path, info, deep);
	merge->folder_mask = mask_before;
	return rc;
}

static int collect_folder(struct tree_merge *merge, const char *folder, const struct tree *const trees[SIDES], unsigned deep)
{
	struct tree_row *rows;
	size_t count;
	if (deep > FOLDERS_DEEP)
		return agent_fail(merge->agent, ERR_TOO_LARGE, "folders are nested more than %u deep", FOLDERS_DEEP);
	int rc = merge_rows(merge, trees, &rows, &count);
	if (rc)
		return rc;
	const char *folder_before = merge->folder;
	merge->folder = folder;
	if (merge->folder_mask == MASK_OURS || merge->folder_mask == MASK_THEIRS) {
		for (size_t i = 0; i < count; i++) {
			if (rows[i].files == merge->folder_mask)
				merge->folder_mask = MASK_ALL;
		}
	}
	for (size_t i = 0; i < count && !rc; i++)
		rc = collect_row(merge, &rows[i], deep);
	merge->folder = folder_before;
	return rc;
}

/* ---- what was put off ---- */

/* Remember the folders above a new name: they have to be opened for it. */
static int target_above(struct tree_merge *merge, struct merge_side *it, const char *path)
{
	for (size_t bytes = strlen(path); bytes--;) {
		if (path[bytes] != '/')
			continue;
		const char *folder = merge_pool_text(merge->pool, path, bytes);
		if (!folder)
			return merge_memory(merge);
		if (path_map_find(&it->target_folders, folder))
			return 0;
		if (!path_map_put(&it->target_folders, merge->pool, folder))
			return merge_memory(merge);
	}
	return 0;
}

/* Whether it is known of each file that matters where it went. */
static int all_known(struct tree_merge *merge, struct merge_side *it, bool *out_known)
{
	*out_known = true;
	for (struct path_map_entry *source = NULL; (source = path_map_next(&it->sources, source)) != NULL;) {
		if (path_map_find(&it->known_irrelevant, source->path))
			continue;
		const struct path_map_entry *known = path_map_find(&it->known, source->path);
		if (!known) {
			*out_known = false;
			return 0;
		}
		if (!known->value || merge_path(merge, known->value))
			continue;
		int rc = target_above(merge, it, known->value);
		if (rc)
			return rc;
	}
	return 0;
}

static void settle_deferred(struct path_info *info, enum side side)
{
	info->result = info->stages[side];
	info->gone = !info->stages[side].object;
	info->same = 0;
	info->settled = true;
}

/* Those put off so far; opening one can put off others. */
static int open_deferred(struct tree_merge *merge, enum side side)
{
	struct merge_side *it = &merge->sides[side];
	struct path_map deferred = it->deferred;
	it->deferred = (struct path_map){0};
	int rc = 0;
	for (struct path_map_entry *entry = NULL; !rc && (entry = path_map_next(&deferred, entry)) != NULL;) {
		struct path_info *info = merge_path(merge, entry->path);
		if (it->may_defer && !path_map_find(&it->target_folders, entry->path)) {
			settle_deferred(info, side);
			continue;
		}
		merge->folder_mask = (unsigned)entry->number;
		rc = open_folder(merge, entry->path, info, 0);
	}
	path_map_release(&deferred);
	for (struct path_map_entry *entry = NULL; !rc && (entry = path_map_next(&it->deferred, entry)) != NULL;)
		settle_deferred(merge_path(merge, entry->path), side);
	return rc;
}

static int collect_deferred(struct tree_merge *merge)
{
	uint32_t count_before = merge->paths.count, count_after = 0;
	for (unsigned side = SIDE_OURS; side <= SIDE_THEIRS; side++) {
		struct merge_side *it = &merge->sides[side];
		int rc = all_known(merge, it, &it->may_defer);
		if (!rc)
			rc = open_deferred(merge, side);
		if (rc)
			return rc;
		if (!it->may_defer || count_after)
			count_after = merge->paths.count;
	}
	if (merge->restart == 2) {
		merge->restart = 0;
	} else if (count_before && count_after / count_before >= RESTART_AT) {
		merge->restart = 1;
		merge->known_both = true;
	}
	return 0;
}

int merge_collect(struct tree_merge *merge, const struct tree *const trees[SIDES])
{
	int rc = collect_folder(merge, "", trees, 0);
	return rc ? rc : collect_deferred(merge);
}
