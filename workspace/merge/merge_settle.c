/* SPDX-License-Identifier: MIT
 *
 * Path by path, from the last to the first, so that a folder comes after all that is in it: then it is known whether anything is left of it, and
 * whether a file of its name has to go elsewhere.
 */
#include "workspace/merge/merge_write.h"

#include <stdio.h>
#include <stdlib.h>

void merge_remark(struct tree_merge *merge, struct path_info *info, enum conflict_kind kind)
{
	if (merge->depth || info->kind_known)
		return;
	info->kind = kind;
	info->kind_known = true;
}

/* "path~name" with '_' for '/', and a number behind it while that is taken. */
static int name_aside(struct tree_merge *merge, const char *path, enum side side, const char **out_path)
{
	const char *name = merge->names[side];
	size_t path_bytes = strlen(path), name_bytes = strlen(name);
	char *aside = merge_pool_take(merge->pool, path_bytes + 1 + name_bytes + 12);
	if (!aside)
		return merge_memory(merge);
	memcpy(aside, path, path_bytes);
	char *at = aside + path_bytes;
	*at++ = '~';
	for (size_t i = 0; i < name_bytes; i++)
		*at++ = name[i] == '/' ? '_' : name[i];
	for (unsigned number = 0; path_map_find(&merge->paths, aside); number++)
		snprintf(at, 12, "_%u", number);
	const char *slash = strrchr(aside, '/'), *last = slash ? slash + 1 : aside, *why;
	if (tree_name_check(last, strlen(last), MODE_FILE, &why))
		return agent_fail(merge->agent, ERR_MALFORMED, "%s would have to move aside to %s, but %s", path, last, why);
	*out_path = aside;
	return 0;
}

static int path_put(struct tree_merge *merge, struct path_map *map, const char *path, struct path_info *info)
{
	struct path_map_entry *entry = path_map_put(map, merge->pool, path);
	if (!entry)
		return merge_memory(merge);
	entry->value = info;
	return 0;
}

static struct path_info *info_copy(struct tree_merge *merge, const struct path_info *info)
{
	struct path_info *copy = merge_pool_take(merge->pool, sizeof(*copy));
	if (copy)
		*copy = *info;
	return copy;
}

/* Only the file is left of a path that was a folder too. */
static void forget_folder(struct path_info *info)
{
	info->same &= (uint8_t)~info->folders;
	info->folders = 0;
	for (unsigned side = 0; side < SIDES; side++) {
		if (!(info->files & (1u << side)))
			info->stages[side] = (struct version){0};
	}
}

/* The folder stays, so the file of that name moves aside. Gives NULL if there is no file any more. */
static int move_file_aside(struct tree_merge *merge, const char **path, struct path_info **info, enum side *out_side)
{
	struct path_info *folder = *info;
	*info = NULL;
	if (folder->files == MASK_BASE) {
		folder->files = 0;
		return 0;
	}
	struct path_info *file = info_copy(merge, folder);
	if (!file)
		return merge_memory(merge);
	forget_folder(file);
	enum side side = folder->folders & MASK_OURS ? SIDE_THEIRS : SIDE_OURS;
	int rc = name_aside(merge, *path, side, path);
	if (!rc)
		rc = path_put(merge, &merge->paths, *path, file);
	folder->files = 0;
	merge_remark(merge, file, CONFLICT_FOLDER_FILE);
	*info = file;
	*out_side = side;
	return rc;
}

/* ---- one path ---- */

static int settle_same(struct path_info *info)
{
	info->settled = !info->folder_file && !info->disputed;
	if (info->same == (MASK_OURS | MASK_THEIRS)) {
		info->result = info->stages[SIDE_OURS];
		return 0;
	}
	info->result = info->stages[info->same == (MASK_BASE | MASK_OURS) ? SIDE_THEIRS : SIDE_OURS];
	info->gone = !info->result.object;
	if (info->gone)
		info->settled = true;
	return info->gone == (info->files == info->same) ? 0 : MERGE_LOST;
}

/* The version of one side, without the other; the base only if it is of the same kind. */
static void keep_one(struct path_info *info, enum side side)
{
	enum side other = SIDES - side;
	info->result = info->stages[side];
	info->files = (uint8_t)(MASK_BASE | 1u << side);
	info->stages[other] = (struct version){0};
	if (!mode_same_kind(info->stages[SIDE_BASE].mode, info->stages[side].mode)) {
		info->stages[SIDE_BASE] = (struct version){0};
		info->files = (uint8_t)(1u << side);
	}
}

/* A file on one side, a link or a submodule on the other: the file moves aside, or both if there is none. */
static int settle_kinds(struct tree_merge *merge, const char **path, struct path_info *info)
{
	info->settled = false;
	if (merge->depth) {
		info->result = info->stages[SIDE_BASE];
		info->gone = !info->result.object;
		return 0;
	}
	bool ours_moves = mode_is_file(info->stages[SIDE_OURS].mode);
	bool theirs_moves = !ours_moves;
	if (theirs_moves && !mode_is_file(info->stages[SIDE_THEIRS].mode))
		ours_moves = true;
	const char *ours_path = *path, *theirs_path = *path;
	struct path_info *theirs = info_copy(merge, info);
	int rc = theirs ? 0 : merge_memory(merge);
	if (!rc && ours_moves)
		rc = name_aside(merge, *path, SIDE_OURS, &ours_path);
	if (!rc && theirs_moves)
		rc = name_aside(merge, *path, SIDE_THEIRS, &theirs_path);
	if (rc)
		return rc;
	keep_one(info, SIDE_OURS);
	keep_one(theirs, SIDE_THEIRS);
	merge_remark(merge, info, CONFLICT_KIND);
	merge_remark(merge, theirs, CONFLICT_KIND);
	if (ours_moves)
		rc = path_put(merge, &merge->paths, ours_path, info);
	if (!rc)
		rc = path_put(merge, &merge->paths, theirs_path, theirs);
	if (!rc && ours_moves && theirs_moves)
		path_map_remove(&merge->paths, *path);
	if (!rc)
		rc = path_put(merge, &merge->conflicts, theirs_path, theirs);
	if (!rc)
		rc = merge_write_entry(merge, theirs_path, theirs);
	*path = ours_path;
	return rc;
}

static int settle_content(struct tree_merge *merge, struct path_info *info, enum side aside)
{
	bool clean;
	enum conflict_kind kind;
	int rc = merge_content(merge, info->stages, info->paths, merge->depth * 2, &info->result, &clean, &kind, &info->places);
	if (rc)
		return rc;
	info->settled = clean && !info->folder_file && !info->disputed;
	info->gone = !info->result.object;
	if (clean && info->folder_file) {
		info->files = (uint8_t)(1u << aside);
		info->stages[aside] = info->result;
	}
	if (!clean)
		merge_remark(merge, info,
			     info->files == (MASK_OURS | MASK_THEIRS) && kind == CONFLICT_CONTENT ? CONFLICT_ADD_ADD : kind);
	return 0;
}

static int settle_file(struct tree_merge *merge, const char **path, struct path_info *info, enum side aside)
{
	const struct version *stages = info->stages;
	if (info->same)
		return settle_same(info);
	switch (info->files) {
	case MASK_OURS | MASK_THEIRS:
	case MASK_ALL:
		if (!mode_same_kind(stages[SIDE_OURS].mode, stages[SIDE_THEIRS].mode))
			return settle_kinds(merge, path, info);
		return settle_content(merge, info, aside);
	case MASK_BASE | MASK_OURS:
	case MASK_BASE | MASK_THEIRS:
		info->result = stages[merge->depth                             ? SIDE_BASE
				      : info->files == (MASK_BASE | MASK_OURS) ? SIDE_OURS
									       : SIDE_THEIRS];
		info->settled = false;
		merge_remark(merge, info, CONFLICT_MODIFY_DELETE);
		break;
	case MASK_OURS:
	case MASK_THEIRS:
		info->result = stages[info->files == MASK_OURS ? SIDE_OURS : SIDE_THEIRS];
		info->settled = !info->folder_file && !info->disputed;
		break;
	case MASK_BASE:
		info->result = (struct version){0};
		info->gone = true;
		info->settled = !info->disputed;
		break;
	default:
		break;
	}
	return 0;
}

static int settle_path(struct tree_merge *merge, const char *path, struct path_info *info)
{
	enum side aside = SIDE_BASE;
	int rc = 0;
	if (info->folders) {
		rc = merge_write_entry(merge, path, info);
		if (rc || !info->files)
			return rc;
	}
	if (info->folder_file && info->result.mode == MODE_NONE) {
		info->folder_file = false;
		info->settled = false;
		info->gone = false;
		forget_folder(info);
	} else if (info->folder_file) {
		rc = move_file_aside(merge, &path, &info, &aside);
		if (rc || !info)
			return rc;
		info->gone = false;
	}
	rc = settle_file(merge, &path, info, aside);
	if (!rc && !info->settled)
		rc = path_put(merge, &merge->conflicts, path, info);
	return rc ? rc : merge_write_entry(merge, path, info);
}

/* ---- all of them ---- */

/* A folder stands before what is in it: as if every name ended with '/'. */
static int folders_first(const void *a, const void *b)
{
	const unsigned char *one = (const unsigned char *)(*(const struct path_map_entry *const *)a)->path;
	const unsigned char *two = (const unsigned char *)(*(const struct path_map_entry *const *)b)->path;
	while (*one && *one == *two) {
		one++;
		two++;
	}
	int first = *one ? *one : '/', second = *two ? *two : '/';
	return first != second ? first - second : *one ? 1 : -1;
}

int merge_settle(struct tree_merge *merge, const struct tree *const trees[SIDES], const struct tree **out_tree)
{
	size_t count = 0;
	struct path_map_entry **entries =
		merge_pool_take(merge->pool, (merge->paths.count + 1) * sizeof(struct path_map_entry *));
	if (!entries)
		return merge_memory(merge);
	for (struct path_map_entry *entry = NULL; (entry = path_map_next(&merge->paths, entry)) != NULL;)
		entries[count++] = entry;
	qsort(entries, count, sizeof(entries[0]), folders_first);
	int rc = merge_write_begin(merge);
	for (size_t i = count; i-- && !rc;) {
		struct path_info *info = entries[i]->value;
		rc = merge_write_folder(merge, info->folder);
		if (!rc)
			rc = info->settled ? merge_write_entry(merge, entries[i]->path, info)
					   : settle_path(merge, entries[i]->path, info);
	}
	return rc ? rc : merge_write_end(merge, trees[SIDE_OURS], out_tree);
}
