/* SPDX-License-Identifier: MIT
 *
 * Entries wait in one list, those of the folder that is being filled at its end; a stack knows where each folder begins.
 */
#include "workspace/merge/merge_write.h"

#include <stdlib.h>

static struct tree_writer *writer_of(struct tree_merge *merge)
{
	return &merge->writer;
}

int merge_write_begin(struct tree_merge *merge)
{
	merge->writer = (struct tree_writer){0};
	return 0;
}

static int folder_push(struct tree_merge *merge, const char *folder)
{
	struct tree_writer *writer = writer_of(merge);
	if (writer->folder_count == writer->folder_capacity) {
		size_t capacity = writer->folder_capacity ? writer->folder_capacity * 2 : 32;
		struct written_folder *folders = merge_pool_take(merge->pool, capacity * sizeof(*folders));
		if (!folders)
			return merge_memory(merge);
		if (writer->folder_count)
			memcpy(folders, writer->folders, writer->folder_count * sizeof(*folders));
		writer->folders = folders;
		writer->folder_capacity = capacity;
	}
	writer->folders[writer->folder_count++] = (struct written_folder){folder, writer->entry_count};
	return 0;
}

int merge_write_entry(struct tree_merge *merge, const char *path, const struct path_info *info)
{
	struct tree_writer *writer = writer_of(merge);
	if (info->gone)
		return 0;
	if (writer->entry_count == writer->entry_capacity) {
		size_t capacity = writer->entry_capacity ? writer->entry_capacity * 2 : 128;
		struct written_entry *entries = merge_pool_take(merge->pool, capacity * sizeof(*entries));
		if (!entries)
			return merge_memory(merge);
		if (writer->entry_count)
			memcpy(entries, writer->entries, writer->entry_count * sizeof(*entries));
		writer->entries = entries;
		writer->entry_capacity = capacity;
	}
	writer->entries[writer->entry_count++] = (struct written_entry){path + info->name_at, info};
	return 0;
}

/* By bytes, a folder as if '/' followed its name. */
static int git_order(const void *a, const void *b)
{
	const struct tree_entry *one = a, *two = b;
	size_t bytes = one->name_bytes < two->name_bytes ? one->name_bytes : two->name_bytes;
	int order = memcmp(one->name, two->name, bytes);
	if (order)
		return order;
	unsigned char first = one->name_bytes > bytes ? (unsigned char)one->name[bytes] : one->mode == MODE_FOLDER ? '/' : '\0';
	unsigned char second = two->name_bytes > bytes ? (unsigned char)two->name[bytes] : two->mode == MODE_FOLDER ? '/' : '\0';
	return first - second;
}

/* The entries from `first` on, as a tree. */
static int tree_of(struct tree_merge *merge, size_t first, const struct tree *like, const struct tree **out_tree)
{
	const struct tree_writer *writer = writer_of(merge);
	size_t count = writer->entry_count - first;
	struct tree_entry *entries = malloc((count + 1) * sizeof(*entries));
	if (!entries)
		return merge_memory(merge);
	int rc = 0;
	for (size_t i = 0; i < count && !rc; i++) {
		const struct written_entry *from = &writer->entries[first + i];
		const struct version *result = &from->info->result;
		entries[i] = (struct tree_entry){from->name, (uint32_t)strlen(from->name), result->mode, result->object};
		if (!result->object)
			rc = MERGE_LOST;
	}
	if (!rc) {
		qsort(entries, count, sizeof(*entries), git_order);
		rc = tree_make(merge->agent, like, entries, count, out_tree);
	}
	free(entries);
	return rc;
}

static const struct tree *like_of(const struct path_info *info)
{
	static const enum side order[SIDES] = {SIDE_OURS, SIDE_THEIRS, SIDE_BASE};
	for (size_t i = 0; i < SIDES; i++) {
		const struct tree *tree = object_as_tree(info->stages[order[i]].object);
		if (tree)
			return tree;
	}
	return NULL;
}

/* All of the last folder is there: its tree becomes the result of its path. */
static int folder_complete(struct tree_merge *merge)
{
	struct tree_writer *writer = writer_of(merge);
	struct written_folder last = writer->folders[--writer->folder_count];
	struct path_info *info = merge_path(merge, last.folder);
	const struct tree *tree;
	if (!info)
		return MERGE_LOST;
	info->gone = last.first == writer->entry_count;
	if (info->gone)
		return 0;
	int rc = tree_of(merge, last.first, like_of(info), &tree);
	if (rc)
		return rc;
	info->result = (struct version){MODE_FOLDER, &tree->object};
	writer->entry_count = last.first;
	return 0;
}

int merge_write_folder(struct tree_merge *merge, const char *folder)
{
	struct tree_writer *writer = writer_of(merge);
	const char *last = writer->folder_count ? writer->folders[writer->folder_count - 1].folder : NULL;
	if (last == folder)
		return 0;
	if (!last || !strncmp(folder, last, strlen(last)))
		return folder_push(merge, folder);
	int rc = folder_complete(merge);
	if (rc)
		return rc;
	bool there = writer->folder_count && writer->folders[writer->folder_count - 1].folder == folder;
	return there ? 0 : folder_push(merge, folder);
}

int merge_write_end(struct tree_merge *merge, const struct tree *like, const struct tree **out_tree)
{
	return tree_of(merge, 0, like, out_tree);
}
