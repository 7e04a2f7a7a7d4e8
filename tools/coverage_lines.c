/* SPDX-License-Identifier: MIT
 *
 * Lines of files, and how they were executed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/coverage.h"

#define PATH_BYTES 4096u

struct file {
	char *path;    /* below the root */
	uint8_t *line; /* [lines], from line 1 */
	size_t lines;
};

struct coverage {
	struct file *file;
	size_t count, capacity;
	json_t *index; /* path: number */
};

struct coverage *coverage_new(void)
{
	struct coverage *coverage = calloc(1, sizeof(*coverage));

	if (coverage)
		coverage->index = json_object();
	if (coverage && !coverage->index) {
		free(coverage);
		coverage = NULL;
	}
	return coverage;
}

void coverage_free(struct coverage *coverage)
{
	if (!coverage)
		return;
	for (size_t i = 0; i < coverage->count; i++) {
		free(coverage->file[i].path);
		free(coverage->file[i].line);
	}
	free(coverage->file);
	json_decref(coverage->index);
	free(coverage);
}

/* Without "." and "..", below the root; false: it is not. */
static bool path_below(const char *folder, const char *path, char out_path[PATH_BYTES])
{
	char whole[PATH_BYTES], *part, *rest = NULL;
	size_t used = 0;

	if (path[0] == '/')
		folder = "";
	else if (!folder)
		folder = COVERAGE_ROOT;
	if (snprintf(whole, sizeof(whole), "%s/%s", folder, path) >= (int)sizeof(whole))
		return false;
	for (part = strtok_r(whole, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			while (used > 0 && out_path[--used] != '/')
				;
			continue;
		}
		used += (size_t)snprintf(out_path + used, PATH_BYTES - used, "/%s", part);
		if (used >= PATH_BYTES)
			return false;
	}
	out_path[used] = '\0';
	if (strncmp(out_path, COVERAGE_ROOT, sizeof(COVERAGE_ROOT) - 1) != 0)
		return false;
	memmove(out_path, out_path + sizeof(COVERAGE_ROOT) - 1, used - sizeof(COVERAGE_ROOT) + 2);
	return out_path[0] && strncmp(out_path, COVERAGE_OWN, sizeof(COVERAGE_OWN) - 1) != 0;
}

/* 0, and `*out_file` NULL where there is room for no more. */
static int file_of(struct coverage *coverage, const char *path, struct file **out_file)
{
	const json_t *known = json_object_get(coverage->index, path);

	*out_file = NULL;
	if (known) {
		*out_file = &coverage->file[json_integer_value(known)];
		return 0;
	}
	if (coverage->count >= COVERAGE_FILES_MAX)
		return 0;
	if (coverage->count == coverage->capacity) {
		size_t more = coverage->capacity ? 2 * coverage->capacity : 64;
		struct file *larger = realloc(coverage->file, more * sizeof(*larger));
		if (!larger)
			return ERR_MEMORY;
		coverage->file = larger;
		coverage->capacity = more;
	}
	struct file *file = &coverage->file[coverage->count];
	*file = (struct file){.path = strdup(path)};
	if (!file->path)
		return ERR_MEMORY;
	if (json_object_set_new(coverage->index, path, json_integer((json_int_t)coverage->count)) != 0) {
		free(file->path); /* no UTF-8: no result could name it */
		return 0;
	}
	coverage->count++;
	*out_file = file;
	return 0;
}

static int room_for(struct file *file, size_t line)
{
	if (line <= file->lines)
		return 0;
	size_t lines = line < 256 ? 256 : line + line / 2;
	uint8_t *larger = realloc(file->line, lines);
	if (!larger)
		return ERR_MEMORY;
	memset(larger + file->lines, 0, lines - file->lines);
	file->line = larger;
	file->lines = lines;
	return 0;
}

int coverage_line(struct coverage *coverage, const char *folder, const char *path, uint64_t line, enum line_state state)
{
	char below[PATH_BYTES];
	struct file *file;

	if (line == 0 || line > COVERAGE_LINES_MAX || state == LINE_NOTHING || !path_below(folder, path, below))
		return 0;
	int rc = file_of(coverage, below, &file);
	if (rc || !file)
		return rc;
	rc = room_for(file, line);
	if (rc == 0 && file->line[line - 1] < state)
		file->line[line - 1] = (uint8_t)state;
	return rc;
}

/* Lines of no state between two of the same one belong to neither; a range ends at each. */
static json_t *ranges_json(const struct file *file, enum line_state state, uint64_t *counted)
{
	json_t *ranges = json_array();

	for (size_t i = 0; i < file->lines; i++) {
		size_t from = i;
		while (i < file->lines && file->line[i] == state)
			i++;
		if (i > from)
			json_array_append_new(ranges, json_pack("[I, I]", (json_int_t)from + 1, (json_int_t)i));
		*counted += i - from;
	}
	return ranges;
}

static int by_path(const void *left, const void *right)
{
	return strcmp((*(const struct file *const *)left)->path, (*(const struct file *const *)right)->path);
}

json_t *coverage_json(const struct coverage *coverage)
{
	const struct file **order = calloc(coverage->count + 1, sizeof(const struct file *));
	json_t *files = json_array();
	uint64_t covered = 0, missed = 0;

	for (size_t i = 0; order && i < coverage->count; i++)
		order[i] = &coverage->file[i];
	if (order)
		qsort(order, coverage->count, sizeof(*order), by_path);
	for (size_t i = 0; order && i < coverage->count; i++)
		json_array_append_new(files, json_pack("{s:s, s:o, s:o}", "path", order[i]->path, "covered",
						       ranges_json(order[i], LINE_COVERED, &covered), "missed",
						       ranges_json(order[i], LINE_MISSED, &missed)));
	bool whole = order && json_array_size(files) == coverage->count;
	free(order);
	if (!whole) {
		json_decref(files);
		return NULL;
	}
	return json_pack("{s:o, s:I, s:I}", "files", files, "covered", (json_int_t)covered, "missed", (json_int_t)missed);
}
