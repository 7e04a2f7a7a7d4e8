/* SPDX-License-Identifier: MIT
 *
 * Folders that moved as a whole, and files that move along.
 *
 * A folder that is gone on one side moved to where most of its files went, if there is one such place. A file that the other side puts into the
 * old folder belongs into the new one then; since that is a guess, each is a conflict (merge.directoryRenames=conflict, git's default). A folder
 * that both sides moved moves nothing along, and a file does not go into a folder that its own side moved.
 */
#include "workspace/merge/merge_inner.h"

static struct merge_side *other_side(struct tree_merge *merge, enum side side)
{
	return &merge->sides[SIDES - side];
}

/* A conflict that is no version of a file; the first of a path counts. */
static int remark_path(struct tree_merge *merge, const char *path, enum conflict_kind kind)
{
	merge->unclean = true;
	struct path_map_entry *entry = path_map_put(&merge->remarks, merge->pool, path);
	if (!entry)
		return merge_memory(merge);
	if (entry->value)
		return 0;
	struct path_info *info = merge_pool_take(merge->pool, sizeof(*info));
	if (!info)
		return merge_memory(merge);
	info->kind = kind;
	info->kind_known = true;
	entry->value = info;
	return 0;
}

/* ---- where folders went ---- */

/* `counts` are those of one folder: the place with the most; NULL if two have as many. */
static const char *most(const struct rename_count *counts, size_t count)
{
	const struct rename_count *best = &counts[0];
	bool tie = false;
	for (size_t i = 1; i < count; i++) {
		if (counts[i].count == best->count)
			tie = true;
		else if (counts[i].count > best->count) {
			best = &counts[i];
			tie = false;
		}
	}
	return tie ? NULL : best->to;
}

static int folders_of(struct tree_merge *merge, struct merge_side *it)
{
	size_t next;
	int rc = 0;
	for (size_t i = 0; i < it->count_count && !rc; i = next) {
		for (next = i + 1; next < it->count_count && !strcmp(it->counts[next].from, it->counts[i].from);)
			next++;
		const char *to = most(&it->counts[i], next - i);
		if (!to) {
			rc = remark_path(merge, it->counts[i].from, CONFLICT_FOLDER_RENAME);
			continue;
		}
		struct path_map_entry *entry = path_map_put(&it->folder_renames, merge->pool, it->counts[i].from);
		if (!entry)
			return merge_memory(merge);
		entry->value = (void *)(uintptr_t)to;
	}
	return rc;
}

int merge_folders_moved(struct tree_merge *merge)
{
	struct path_map *ours = &merge->sides[SIDE_OURS].folder_renames, *theirs = &merge->sides[SIDE_THEIRS].folder_renames;
	int rc = folders_of(merge, &merge->sides[SIDE_OURS]);
	if (!rc)
		rc = folders_of(merge, &merge->sides[SIDE_THEIRS]);
	if (rc)
		return rc;
	struct path_map both = {0};
	for (struct path_map_entry *entry = NULL; (entry = path_map_next(ours, entry)) != NULL;) {
		if (path_map_find(theirs, entry->path) && !path_map_put(&both, merge->pool, entry->path))
			rc = merge_memory(merge);
	}
	for (struct path_map_entry *entry = NULL; (entry = path_map_next(&both, entry)) != NULL;) {
		path_map_remove(ours, entry->path);
		path_map_remove(theirs, entry->path);
	}
	path_map_release(&both);
	return rc;
}

/* ---- files that move along ---- */

/* The innermost folder above the path that moved, or NULL. */
static int folder_above(struct tree_merge *merge, const struct path_map *renames, const char *path,
			const struct path_map_entry **out_rename)
{
	*out_rename = NULL;
	if (!renames->count)
		return 0;
	size_t bytes = strlen(path);
	char *folder = merge_pool_text(merge->pool, path, bytes);
	if (!folder)
		return merge_memory(merge);
	while (bytes-- && !*out_rename) {
		if (folder[bytes] != '/')
			continue;
		folder[bytes] = '\0';
		*out_rename = path_map_find(renames, folder);
	}
	return 0;
}

static int moved_name(struct tree_merge *merge, const struct path_map_entry *rename, const char *path, const char **out_path)
{
	const char *rest = path + strlen(rename->path) + 1;
	*out_path = merge_pool_path(merge->pool, rename->value, rest, strlen(rest));
	return *out_path ? 0 : merge_memory(merge);
}

int merge_collisions(struct tree_merge *merge, enum side side, struct path_map *out_collisions)
{
	const struct path_map *renames = &other_side(merge, side)->folder_renames;
	const struct rename_pairs *pairs = &merge->sides[side].pairs;
	for (size_t i = 0; i < pairs->count && renames->count; i++) {
		const struct path_map_entry *rename;
		const char *moved;
		if (pairs->at[i].status == 'D')
			continue;
		int rc = folder_above(merge, renames, pairs->at[i].to, &rename);
		if (rc || !rename) {
			if (rc)
				return rc;
			continue;
		}
		rc = moved_name(merge, rename, pairs->at[i].to, &moved);
		if (rc)
			return rc;
		struct path_map_entry *entry = path_map_put(out_collisions, merge->pool, moved);
		if (entry && !entry->value)
			entry->value = merge_pool_take(merge->pool, sizeof(struct collision));
		if (!entry || !entry->value)
			return merge_memory(merge);
		((struct collision *)entry->value)->count++;
	}
	return 0;
}

static bool in_the_way(const struct tree_merge *merge, const char *path, enum side side)
{
	const struct path_info *info = merge_path(merge, path);
	return info && (info->settled || ((info->files | info->folders) & (1u << side)));
}

int merge_moved_along(struct tree_merge *merge, const char *path, enum side side, const struct path_map collisions[SIDES],
		      const char **out_path)
{
	const struct path_map *renames = &other_side(merge, side)->folder_renames;
	const struct path_map_entry *rename;
	*out_path = NULL;
	if (!renames->count || path_map_find(&collisions[SIDES - side], path))
		return 0;
	int rc = folder_above(merge, renames, path, &rename);
	if (rc || !rename || path_map_find(&merge->sides[side].folder_renames, rename->value))
		return rc;
	const char *moved;
	rc = moved_name(merge, rename, path, &moved);
	if (rc)
		return rc;
	struct collision *collision = path_map_find(&collisions[side], moved)->value;
	if (collision->told) {
		merge->unclean = true;
		return 0;
	}
	if (in_the_way(merge, moved, side) || collision->count > 1) {
		collision->told = true;
		return remark_path(merge, moved, CONFLICT_FOLDER_RENAME);
	}
	*out_path = moved;
	return 0;
}

/* The key of the folder above a path, made with all above it if it is not there yet; `mask` is the side that has it. */
static int folder_make(struct tree_merge *merge, const char *path, uint8_t mask, const char **out_folder)
{
	const char *slash = strrchr(path, '/');
	if (!slash) {
		*out_folder = "";
		return 0;
	}
	const char *folder = merge_pool_text(merge->pool, path, (size_t)(slash - path));
	if (!folder)
		return merge_memory(merge);
	struct path_map_entry *entry = path_map_find(&merge->paths, folder);
	if (entry) {
		*out_folder = entry->path;
		return 0;
	}
	struct path_info *info = merge_pool_take(merge->pool, sizeof(*info));
	if (!info)
		return merge_memory(merge);
	int rc = folder_make(merge, folder, mask, &info->folder);
	if (rc)
		return rc;
	info->name_at = *info->folder ? (uint32_t)strlen(info->folder) + 1 : 0;
	info->folders = mask;
	info->gone = true;
	entry = path_map_put(&merge->paths, merge->pool, folder);
	if (!entry)
		return merge_memory(merge);
	entry->value = info;
	*out_folder = folder;
	return 0;
}

/* The base has a folder where the file stands: it stays until all below it is settled, without the file, which goes into a new one. */
static struct path_info *split_off(struct tree_merge *merge, struct path_info *info)
{
	struct path_info *file = merge_pool_take(merge->pool, sizeof(*file));
	if (!file)
		return NULL;
	*file = *info;
	file->folders = 0;
	file->stages[SIDE_BASE] = (struct version){0};
	info->files = 0;
	info->settled = true;
	for (unsigned side = 0; side < SIDES; side++) {
		if (!(info->folders & (1u << side)))
			info->stages[side] = (struct version){0};
	}
	return file;
}

int merge_move_along(struct tree_merge *merge, struct rename_pair *pair, const char *to)
{
	struct path_info *info = merge_path(merge, pair->to);
	if (!info || info->settled || (info->files != MASK_OURS && info->files != MASK_THEIRS) || info->folders > MASK_BASE)
		return MERGE_LOST;
	const char *folder;
	int rc = folder_make(merge, to, info->files, &folder);
	if (rc)
		return rc;
	if (info->folders)
		info = split_off(merge, info);
	else
		path_map_remove(&merge->paths, pair->to);
	if (!info)
		return merge_memory(merge);
	info->folder = folder;
	info->name_at = *folder ? (uint32_t)strlen(folder) + 1 : 0;
	struct path_map_entry *entry = path_map_put(&merge->paths, merge->pool, to);
	if (!entry)
		return merge_memory(merge);
	struct path_info *there = entry->value;
	if (!there) {
		entry->value = there = info;
	} else {
		enum side side = info->files == MASK_OURS ? SIDE_OURS : SIDE_THEIRS;
		there->files |= info->files;
		there->folder_file |= there->folders != 0;
		there->paths[side] = info->paths[side];
		there->stages[side] = info->stages[side];
	}
	there->disputed = true;
	merge_remark(merge, there, CONFLICT_FOLDER_RENAME);
	pair->to = entry->path;
	return 0;
}
