/* SPDX-License-Identifier: MIT
 *
 * Few names and few texts, so that they meet.
 */
#include "file_lists.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/workspace/merge/histories.h"
#include "workspace/store/object.h"

#define LINES_MAX 64u

static const char *const folder_names[] = {"a", "lib", "src", "a-b", "a.d", "core", "x", "b"};
static const char *const file_names[] = {"Makefile", "README", "main.c", "util.c", "a",  "b",  "x",  "lib",
					 "a.c",      "notes",  "f0",     "f1",     "f2", "f3", "f4", "f5"};

#define COUNT(list) ((unsigned)(sizeof(list) / sizeof((list)[0])))

void texts_release(struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->at[i]);
	free(texts->at);
	*texts = (struct texts){0};
}

static struct bytes text_keep(struct texts *texts, const void *at, size_t bytes)
{
	if (texts->count == texts->capacity) {
		texts->capacity = texts->capacity ? texts->capacity * 2 : 256;
		texts->at = realloc(texts->at, texts->capacity * sizeof(void *));
		assert_non_null(texts->at);
	}
	char *copy = malloc(bytes + 1);
	assert_non_null(copy);
	if (bytes)
		memcpy(copy, at, bytes);
	texts->at[texts->count++] = copy;
	return (struct bytes){(const uint8_t *)copy, (uint32_t)bytes};
}

/* ---- texts ---- */

struct lines {
	char at[LINES_MAX][40];
	unsigned count;
};

static void line_make(char line[40], unsigned kind, uint64_t *seed)
{
	static const char *const few[] = {"", "}", "{", "x", "return"};
	if (kind == 0)
		snprintf(line, 40, "%s", few[chance_below(seed, COUNT(few))]);
	else if (kind == 1)
		snprintf(line, 40, "value %u", chance_below(seed, 12));
	else
		snprintf(line, 40, "line %x of many words %x", chance_below(seed, 1u << 20), chance_below(seed, 1u << 20));
}

static struct bytes lines_text(struct texts *texts, const struct lines *lines, bool cut)
{
	char text[LINES_MAX * 41];
	size_t bytes = 0;
	for (unsigned i = 0; i < lines->count; i++)
		bytes += (size_t)snprintf(text + bytes, sizeof(text) - bytes, "%s\n", lines->at[i]);
	if (cut && bytes)
		bytes--;
	return text_keep(texts, text, bytes);
}

static struct bytes text_make(struct texts *texts, uint64_t *seed)
{
	unsigned what = chance_below(seed, 20);
	struct lines lines = {.count = 1 + chance_below(seed, what < 4 ? 40 : 14)};
	if (what == 0)
		return text_keep(texts, "", 0);
	if (what == 1) {
		uint8_t noise[60];
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)(i % 7 ? chance(seed) : 0);
		return text_keep(texts, noise, sizeof(noise));
	}
	unsigned kind = what < 6 ? chance_below(seed, 2) : 2;
	for (unsigned i = 0; i < lines.count; i++)
		line_make(lines.at[i], chance_below(seed, 6) ? kind : 0, seed);
	return lines_text(texts, &lines, what == 6);
}

static void lines_of(struct bytes text, struct lines *out_lines)
{
	out_lines->count = 0;
	for (size_t at = 0; at < text.bytes && out_lines->count < LINES_MAX - 4;) {
		const uint8_t *end = memchr(text.at + at, '\n', text.bytes - at);
		size_t bytes = end ? (size_t)(end - text.at) - at : text.bytes - at;
		size_t kept = bytes < 39 ? bytes : 39;
		memcpy(out_lines->at[out_lines->count], text.at + at, kept);
		out_lines->at[out_lines->count++][kept] = '\0';
		at += bytes + 1;
	}
}

static void line_insert(struct lines *lines, unsigned at, const char *line)
{
	if (lines->count == LINES_MAX)
		return;
	memmove(lines->at[at + 1], lines->at[at], (lines->count - at) * sizeof(lines->at[0]));
	snprintf(lines->at[at], 40, "%s", line);
	lines->count++;
}

static void line_remove(struct lines *lines, unsigned at)
{
	lines->count--;
	memmove(lines->at[at], lines->at[at + 1], (lines->count - at) * sizeof(lines->at[0]));
}

static void lines_change(struct lines *lines, uint64_t *seed)
{
	unsigned at = chance_below(seed, lines->count + 1), kind = chance_below(seed, 3);
	char line[40];
	line_make(line, kind, seed);
	switch (chance_below(seed, 5)) {
	case 0:
		line_insert(lines, at, line);
		break;
	case 1:
		if (at < lines->count)
			line_remove(lines, at);
		break;
	case 2:
		for (unsigned i = 0; i < 3 && at < lines->count; i++)
			line_remove(lines, at);
		break;
	case 3:
		if (at < lines->count && lines->count < LINES_MAX) {
			snprintf(line, 40, "%s", lines->at[at]);
			line_insert(lines, chance_below(seed, lines->count), line);
		}
		break;
	default:
		if (at < lines->count)
			snprintf(lines->at[at], 40, "%s", line);
		break;
	}
}

static struct bytes text_change(struct texts *texts, struct bytes text, uint64_t *seed)
{
	struct lines lines;
	if (memchr(text.at ? (const void *)text.at : "", 0, text.bytes) || !chance_below(seed, 12))
		return text_make(texts, seed);
	lines_of(text, &lines);
	unsigned changes = 1 + chance_below(seed, chance_below(seed, 3) ? 2 : 8);
	for (unsigned i = 0; i < changes; i++)
		lines_change(&lines, seed);
	return lines_text(texts, &lines, !chance_below(seed, 15));
}

/* ---- paths ---- */

static void folder_make_name(char out_folder[FILE_LIST_PATH_MAX], uint64_t *seed)
{
	size_t bytes = 0;
	unsigned deep = chance_below(seed, 4);
	out_folder[0] = '\0';
	for (unsigned i = 0; i < deep; i++)
		bytes += (size_t)snprintf(out_folder + bytes, FILE_LIST_PATH_MAX - bytes, "%s%s", i ? "/" : "",
					  folder_names[chance_below(seed, COUNT(folder_names))]);
}

static void path_join(char out_path[FILE_LIST_PATH_MAX], const char *folder, const char *rest)
{
	if (strlen(folder) + strlen(rest) + 2 > FILE_LIST_PATH_MAX)
		folder = "";
	snprintf(out_path, FILE_LIST_PATH_MAX, "%s%s%s", folder, *folder ? "/" : "", rest);
}

static void path_make(char out_path[FILE_LIST_PATH_MAX], uint64_t *seed)
{
	char folder[FILE_LIST_PATH_MAX];
	folder_make_name(folder, seed);
	path_join(out_path, folder, file_names[chance_below(seed, COUNT(file_names))]);
}

static bool is_below(const char *path, const char *folder)
{
	size_t bytes = strlen(folder);
	return !strncmp(path, folder, bytes) && path[bytes] == '/';
}

/* ---- lists of files ---- */

void file_list_remove(struct file_list *list, size_t index)
{
	list->count--;
	memmove(&list->files[index], &list->files[index + 1], (list->count - index) * sizeof(list->files[0]));
}

void file_list_put(struct file_list *list, const struct listed_file *file)
{
	struct listed_file copy = *file;
	for (size_t i = list->count; i-- > 0;) {
		const char *path = list->files[i].path;
		if (!strcmp(path, copy.path) || is_below(path, copy.path) || is_below(copy.path, path))
			file_list_remove(list, i);
	}
	if (list->count < FILE_LIST_FILES_MAX)
		list->files[list->count++] = copy;
}

static void file_fill(struct listed_file *file, const struct file_list *list, struct texts *texts, uint64_t *seed)
{
	file->mode = MODE_FILE;
	unsigned what = chance_below(seed, 24);
	if (what == 0) {
		file->mode = MODE_SYMLINK;
		file->data = text_keep(texts, "target", 1 + chance_below(seed, 6));
	} else if (what == 1) {
		file->mode = MODE_SUBMODULE;
		memset(file->link.bytes, (int)(1 + chance_below(seed, 4)), OID_BYTES);
	} else if (what < 7 && list->count) {
		const struct listed_file *like = &list->files[chance_below(seed, (unsigned)list->count)];
		file->mode = like->mode;
		file->link = like->link;
		file->data = like->data;
		if (what < 4 && like->mode == MODE_FILE)
			file->data = text_change(texts, like->data, seed);
	} else {
		file->data = text_make(texts, seed);
		if (what == 7)
			file->mode = MODE_EXECUTABLE;
	}
}

static void file_add(struct file_list *list, struct texts *texts, uint64_t *seed)
{
	struct listed_file file = {0};
	if (list->count + 1 >= FILE_LIST_FILES_MAX)
		return;
	if (list->count && chance_below(seed, 2)) {
		/* Beside another one, so that folders have more than one file. */
		snprintf(file.path, sizeof(file.path), "%s", list->files[chance_below(seed, (unsigned)list->count)].path);
		char *slash = strrchr(file.path, '/');
		char folder[FILE_LIST_PATH_MAX];
		if (slash)
			*slash = '\0';
		snprintf(folder, sizeof(folder), "%s", slash ? file.path : "");
		path_join(file.path, folder, file_names[chance_below(seed, COUNT(file_names))]);
	} else {
		path_make(file.path, seed);
	}
	file_fill(&file, list, texts, seed);
	file_list_put(list, &file);
}

/* Files deep in many folders, most of which no side will touch: where a walk that starts anew pays. */
static void grow_bushy(struct file_list *list, struct texts *texts, uint64_t *seed)
{
	unsigned count = 40 + chance_below(seed, 70);
	for (unsigned i = 0; i < count; i++) {
		struct listed_file file = {.mode = MODE_FILE, .data = text_make(texts, seed)};
		size_t bytes = 0;
		for (unsigned deep = 2 + chance_below(seed, 2); deep--;)
			bytes += (size_t)snprintf(file.path + bytes, sizeof(file.path) - bytes, "%s/",
						  folder_names[chance_below(seed, COUNT(folder_names))]);
		snprintf(file.path + bytes, sizeof(file.path) - bytes, "%s", file_names[chance_below(seed, COUNT(file_names))]);
		file_list_put(list, &file);
	}
}

void file_list_begin(struct file_list *list, struct texts *texts, uint64_t *seed)
{
	list->count = 0;
	if (!chance_below(seed, 6))
		grow_bushy(list, texts, seed);
	unsigned count = 3 + chance_below(seed, chance_below(seed, 3) ? 14 : 40);
	for (unsigned i = 0; i < count; i++)
		file_add(list, texts, seed);
}

/* The folder of some file, or one above it; false if there is none. */
static bool folder_pick(const struct file_list *list, char out_folder[FILE_LIST_PATH_MAX], uint64_t *seed)
{
	snprintf(out_folder, FILE_LIST_PATH_MAX, "%s", list->files[chance_below(seed, (unsigned)list->count)].path);
	do {
		char *slash = strrchr(out_folder, '/');
		if (!slash)
			return false;
		*slash = '\0';
	} while (!chance_below(seed, 3) && strchr(out_folder, '/'));
	return true;
}

static void file_move(struct file_list *list, struct texts *texts, size_t index, const char *path, bool edit, uint64_t *seed)
{
	struct listed_file file = list->files[index];
	snprintf(file.path, sizeof(file.path), "%s", path);
	if (edit && (file.mode == MODE_FILE || file.mode == MODE_EXECUTABLE))
		file.data = text_change(texts, file.data, seed);
	file_list_remove(list, index);
	file_list_put(list, &file);
}

static void file_rename(struct file_list *list, struct texts *texts, uint64_t *seed)
{
	size_t index = chance_below(seed, (unsigned)list->count);
	char path[FILE_LIST_PATH_MAX], folder[FILE_LIST_PATH_MAX];
	const char *slash = strrchr(list->files[index].path, '/');
	const char *name = slash ? slash + 1 : list->files[index].path;
	if (chance_below(seed, 2)) {
		path_make(path, seed);
	} else {
		folder_make_name(folder, seed);
		path_join(path, folder, name);
	}
	file_move(list, texts, index, path, chance_below(seed, 2), seed);
}

/* All files of a folder, or most of them, and what is below it too, to another place; some of them changed. */
static void folder_rename(struct file_list *list, struct texts *texts, uint64_t *seed)
{
	char from[FILE_LIST_PATH_MAX], to[FILE_LIST_PATH_MAX], path[FILE_LIST_PATH_MAX];
	if (!folder_pick(list, from, seed))
		return;
	folder_make_name(to, seed);
	if (chance_below(seed, 4) == 0 && !folder_pick(list, to, seed))
		return;
	if (!strcmp(from, to) || is_below(to, from))
		return;
	bool all = chance_below(seed, 4) != 0, edits = !chance_below(seed, 3);
	struct file_list before = *list;
	for (size_t i = 0; i < before.count; i++) {
		if (!is_below(before.files[i].path, from) || (!all && !chance_below(seed, 3)))
			continue;
		path_join(path, to, before.files[i].path + strlen(from) + 1);
		for (size_t at = 0; at < list->count; at++) {
			if (strcmp(list->files[at].path, before.files[i].path) != 0)
				continue;
			file_move(list, texts, at, path, edits && !chance_below(seed, 2), seed);
			break;
		}
	}
}

static void folder_remove_files(struct file_list *list, uint64_t *seed)
{
	char folder[FILE_LIST_PATH_MAX];
	if (!folder_pick(list, folder, seed))
		return;
	for (size_t i = list->count; i-- > 0;) {
		if (is_below(list->files[i].path, folder))
			file_list_remove(list, i);
	}
}

static void file_change(struct file_list *list, struct texts *texts, uint64_t *seed)
{
	struct listed_file *file = &list->files[chance_below(seed, (unsigned)list->count)];
	if (file->mode == MODE_SUBMODULE)
		memset(file->link.bytes, (int)(1 + chance_below(seed, 4)), OID_BYTES);
	else if (file->mode == MODE_SYMLINK)
		file->data = text_keep(texts, "target", 1 + chance_below(seed, 6));
	else
		file->data = text_change(texts, file->data, seed);
}

static void file_change_mode(struct file_list *list, struct texts *texts, uint64_t *seed)
{
	struct listed_file *file = &list->files[chance_below(seed, (unsigned)list->count)];
	if (file->mode == MODE_FILE)
		file->mode = MODE_EXECUTABLE;
	else if (file->mode == MODE_EXECUTABLE)
		file->mode = MODE_FILE;
	if (chance_below(seed, 3) == 0)
		file_fill(file, list, texts, seed);
}

/* A folder becomes a file, or a file a folder with itself in it. */
static void kind_change(struct file_list *list, struct texts *texts, uint64_t *seed)
{
	size_t index = chance_below(seed, (unsigned)list->count);
	char path[FILE_LIST_PATH_MAX];
	if (chance_below(seed, 2)) {
		path_join(path, list->files[index].path, file_names[chance_below(seed, COUNT(file_names))]);
		file_move(list, texts, index, path, chance_below(seed, 2), seed);
	} else if (folder_pick(list, path, seed)) {
		file_move(list, texts, index, path, chance_below(seed, 2), seed);
	}
}

void file_list_change(struct file_list *list, struct texts *texts, uint64_t *seed)
{
	unsigned count = 1 + chance_below(seed, chance_below(seed, 3) ? 3 : 9);
	for (unsigned i = 0; i < count; i++) {
		unsigned what = chance_below(seed, 32);
		if (!list->count || what < 5)
			file_add(list, texts, seed);
		else if (what < 15)
			file_change(list, texts, seed);
		else if (what < 20)
			file_rename(list, texts, seed);
		else if (what < 24)
			folder_rename(list, texts, seed);
		else if (what < 27)
			file_list_remove(list, chance_below(seed, (unsigned)list->count));
		else if (what == 27)
			folder_remove_files(list, seed);
		else if (what < 30)
			file_change_mode(list, texts, seed);
		else
			kind_change(list, texts, seed);
	}
}

void file_list_mix(struct file_list *list, const struct file_list *other, uint64_t *seed)
{
	for (size_t i = list->count; i-- > 0;) {
		if (!chance_below(seed, 6))
			file_list_remove(list, i);
	}
	for (size_t i = 0; i < other->count; i++) {
		if (chance_below(seed, 2))
			file_list_put(list, &other->files[i]);
	}
}

/* ---- to and from trees ---- */

static void read_folder(struct workspace_agent *agent, const struct tree *tree, const char *folder, struct file_list *list)
{
	struct tree_view view;
	assert_int_equal(tree_view(agent, tree, &view), 0);
	for (uint32_t i = 0; i < view.shape->count; i++) {
		struct listed_file file = {0};
		struct tree_entry entry;
		char name[FILE_LIST_PATH_MAX];
		tree_view_entry(&view, i, &entry);
		if (entry.name_bytes + strlen(folder) + 2 > FILE_LIST_PATH_MAX || list->count == FILE_LIST_FILES_MAX)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)entry.name_bytes, entry.name);
		path_join(file.path, folder, name);
		if (entry.mode == MODE_FOLDER) {
			read_folder(agent, object_as_tree(entry.child), file.path, list);
			continue;
		}
		file.mode = entry.mode;
		if (entry.mode == MODE_SUBMODULE)
			file.link = entry.child->id;
		else
			file.data = blob_bytes(object_as_blob(entry.child));
		list->files[list->count++] = file;
	}
}

void file_list_read(struct workspace_agent *agent, const struct tree *tree, struct file_list *out_snapshot)
{
	out_snapshot->count = 0;
	read_folder(agent, tree, "", out_snapshot);
}

static struct workspace_edit edit_of(const struct listed_file *file)
{
	struct workspace_edit edit = {.path = file->path, .mode = file->mode, .data = file->data};
	if (file->mode == MODE_SUBMODULE)
		edit.id = &file->link;
	return edit;
}

static bool file_same(const struct listed_file *a, const struct listed_file *b)
{
	return a->mode == b->mode && !memcmp(&a->link, &b->link, sizeof(a->link)) && a->data.bytes == b->data.bytes &&
	       (!a->data.bytes || !memcmp(a->data.at, b->data.at, a->data.bytes));
}

static const struct listed_file *find(const struct file_list *list, const char *path)
{
	for (size_t i = 0; i < list->count; i++) {
		if (!strcmp(list->files[i].path, path))
			return &list->files[i];
	}
	return NULL;
}

/* What stands at the path, or above or below it. */
static bool touches(const struct file_list *list, const char *path)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *other = list->files[i].path;
		if (!strcmp(other, path) || is_below(other, path) || is_below(path, other))
			return true;
	}
	return false;
}

const struct tree *file_list_tree(struct workspace_agent *agent, const struct file_list *list, const struct file_list *before,
				  const struct tree *before_tree)
{
	struct workspace_edit edits[2 * FILE_LIST_FILES_MAX];
	const struct tree *tree;
	size_t count = 0;
	for (size_t i = 0; i < list->count; i++) {
		const struct listed_file *old = before ? find(before, list->files[i].path) : NULL;
		if (!old || !file_same(old, &list->files[i]))
			edits[count++] = edit_of(&list->files[i]);
	}
	for (size_t i = 0; before && i < before->count; i++) {
		/* What gives way to something new goes by itself. */
		if (!touches(list, before->files[i].path))
			edits[count++] = (struct workspace_edit){.path = before->files[i].path, .mode = MODE_NONE};
	}
	assert_int_equal(workspace_tree_edit(agent, before ? before_tree : NULL, edits, count, &tree), 0);
	return tree;
}
