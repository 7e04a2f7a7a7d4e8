/* SPDX-License-Identifier: MIT
 *
 * `bunshin tool imports [--commit REV] [--budget-ms N]`: which file of a commit needs which other.
 *
 *   {"tool": "imports", "schema": 1, "commit",
 *    "files": [{"path", "language", "lines", "code_lines", "decisions"}],
 *    "edges": [[from, to, line, time]]   numbers in files, the first line that says so, 0 always, 1 inside a function,
 *                                        2 for the type checker only; one edge for a pair, the strongest time
 *    "external": [{"name", "files"}]     what lies outside the repository, and how many files need it
 *    "unresolved": [{"path", "line", "spec", "reason": "missing" or "ambiguous"}],
 *    "not_read": [{"path", "reason"}],
 *    "counts": {"files", "edges", "unresolved", "external"}, "left_out"}
 *
 * Read are C and C++ (#include), Python (import) and JavaScript and TypeScript (import, export … from, require). Comments and
 * strings are no code. "decisions" counts the keywords and operators that decide: the McCabe numbers of all functions, less one for each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/imports.h"
#include "tools/language.h"
#include "tools/reading.h"
#include "tools/source.h"
#include "tools/tool.h"

#define FILES_MAX      20000u
#define EDGES_MAX      200000u
#define UNRESOLVED_MAX 1000u
#define EXTERNAL_MAX   500u
#define NOT_READ_MAX   500u

struct file {
	const char *language; /* NULL: only needed by others */
	uint32_t lines, code_lines, decisions;
	uint32_t listed; /* number in the answer + 1; 0: not in it */
	bool read;
};

struct edge {
	uint32_t from, to, line;
	enum import_time time;
};

struct outside {
	uint32_t files;
	uint32_t last; /* file that was counted last + 1 */
};

struct map {
	struct reading reading;
	struct names *paths;
	struct file *files;
	uint32_t room;
	struct imports imports;
	struct tree_index *index;
	struct edge *edges;
	size_t edge_count;
	struct names *external;
	struct outside *outside; /* one per external */
	uint32_t outside_room;
	json_t *not_read;
	size_t unread;
};

static struct file *file_add(struct map *map, const char *path, uint32_t *out_number)
{
	uint32_t number = names_add(map->paths, path, strlen(path));

	if (number != NAMES_NONE && number >= map->room) {
		uint32_t room = map->room ? map->room * 2 : 1024;
		struct file *files = reallocarray(map->files, room, sizeof(*files));

		if (!files)
			number = NAMES_NONE;
		else
			memset(files + map->room, 0, (room - map->room) * sizeof(*files));
		map->files = files ? files : map->files;
		map->room = files ? room : map->room;
	}
	map->reading.no_memory |= number == NAMES_NONE;
	*out_number = number;
	return number == NAMES_NONE ? NULL : &map->files[number];
}

static void note_unread(struct map *map, const char *path, const char *reason)
{
	if (map->unread++ < NOT_READ_MAX)
		reading_append(&map->reading, map->not_read,
			       json_pack("{s:o, s:s}", "path", reading_text(path), "reason", reason));
}

static void read_source(struct map *map, struct file *file, uint32_t number, const struct source *source, enum lexed lexed)
{
	struct tokens tokens;

	tokens_init(&tokens, source->text, source->bytes);
	lex(lexed, &tokens);
	map->reading.no_memory |= tokens.no_memory;
	if (tokens.cut)
		note_unread(map, source->path, "it has more words than are read; what follows is not in the graph");
	file->read = true;
	file->lines = (uint32_t)content_lines(source->text, source->bytes);
	file->code_lines = tokens_code_lines(&tokens);
	file->decisions = tokens_decisions(lexed, &tokens);
	import_read(&map->imports, number, lexed, &tokens);
	tokens_release(&tokens);
}

static int visit(const struct source *source, void *context)
{
	struct map *map = context;
	const char *language = language_of_path(source->path);
	enum lexed lexed;
	uint32_t number;
	struct file *file = file_add(map, source->path, &number);

	if (!file)
		return 1;
	if (!language && source->text)
		language = language_of_shebang(source->text, source->bytes);
	lexed = lexed_of(language);
	if (lexed == LEXED_NONE || lexed == LEXED_SHELL)
		return 0;
	file->language = language;
	if (source->skipped)
		note_unread(map, source->path, source->skipped);
	else if (reading_spent(&map->reading))
		note_unread(map, source->path, "the time was over");
	else
		read_source(map, file, number, source, lexed);
	return map->reading.no_memory;
}

/* Workspace packages are known by their package.json; it is small, and few of them there are. */
static int visit_package(const struct source *source, void *context)
{
	struct map *map = context;
	size_t length = strlen(source->path);

	if (source->text && length >= 12 && strcmp(source->path + length - 12, "package.json") == 0 &&
	    (length == 12 || source->path[length - 13] == '/'))
		tree_index_add_package(map->index, source->path, source->text, source->bytes);
	return 0;
}

static struct outside *outside_add(struct map *map, const char *name)
{
	uint32_t number = names_add(map->external, name, strlen(name));

	if (number != NAMES_NONE && number >= map->outside_room) {
		uint32_t room = map->outside_room ? map->outside_room * 2 : 256;
		struct outside *outside = reallocarray(map->outside, room, sizeof(*outside));

		if (!outside)
			return NULL;
		memset(outside + map->outside_room, 0, (room - map->outside_room) * sizeof(*outside));
		map->outside = outside;
		map->outside_room = room;
	}
	return number == NAMES_NONE ? NULL : &map->outside[number];
}

/* The imports of a file follow one another, so the last one counted tells whether it has been. */
static void count_external(struct map *map, const char *name, uint32_t file)
{
	struct outside *outside = outside_add(map, name);

	if (!outside) {
		map->reading.no_memory = true;
		return;
	}
	outside->files += outside->last != file + 1;
	outside->last = file + 1;
}

static void note_unresolved(struct map *map, json_t *list, const struct import *import, const char *reason)
{
	const char *spec = names_text(map->imports.specs, import->spec);

	if (json_array_size(list) < UNRESOLVED_MAX)
		reading_append(&map->reading, list,
			       json_pack("{s:o, s:i, s:o, s:s}", "path", reading_text(names_text(map->paths, import->file)),
					 "line", import->line, "spec", reading_text(spec), "reason", reason));
}

/* Whether a file belongs into the graph: code, or something that C code includes. */
static bool target_counts(const struct map *map, const struct import *import, uint32_t to)
{
	return to != import->file && (import->form == IMPORT_QUOTED || import->form == IMPORT_ANGLED || map->files[to].language);
}

static size_t resolve_all(struct map *map, json_t *unresolved)
{
	char external[IMPORT_SPEC_MAX];
	size_t missing = 0;

	for (size_t i = 0; i < map->imports.count; i++) {
		const struct import *import = &map->imports.at[i];
		uint32_t to = 0;
		enum resolution resolution = import_resolve(map->index, &map->imports, import, &to, external);

		if (resolution == EXTERNAL)
			count_external(map, external, import->file);
		else if (resolution == RESOLVED && target_counts(map, import, to))
			map->edges[map->edge_count++] =
				(struct edge){.from = import->file, .to = to, .line = import->line, .time = import->time};
		if (resolution != MISSING && resolution != AMBIGUOUS)
			continue;
		missing++;
		note_unresolved(map, unresolved, import, resolution == MISSING ? "missing" : "ambiguous");
	}
	return missing;
}

static int by_pair(const void *left, const void *right)
{
	const struct edge *a = left, *b = right;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	if (a->to != b->to)
		return a->to < b->to ? -1 : 1;
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

/* One edge for a pair; the sort put the strongest first. */
static void merge_edges(struct map *map)
{
	size_t kept = 0;

	qsort(map->edges, map->edge_count, sizeof(map->edges[0]), by_pair);
	for (size_t i = 0; i < map->edge_count; i++) {
		const struct edge *last = kept ? &map->edges[kept - 1] : NULL;

		if (!last || last->from != map->edges[i].from || last->to != map->edges[i].to)
			map->edges[kept++] = map->edges[i];
	}
	map->edge_count = kept;
}

static void list_files(struct map *map)
{
	json_t *list = reading_array(&map->reading, "files");
	uint32_t count = 0;
	size_t over = 0;

	for (size_t i = 0; i < map->edge_count; i++)
		map->files[map->edges[i].to].listed = 1;
	for (uint32_t i = 0; i < names_count(map->paths); i++) {
		struct file *file = &map->files[i];

		if (!file->read && !file->listed)
			continue;
		file->listed = 0;
		if (count >= FILES_MAX) {
			over++;
			continue;
		}
		file->listed = ++count;
		reading_append(&map->reading, list,
			       json_pack("{s:o, s:s?, s:I, s:I, s:I}", "path", reading_text(names_text(map->paths, i)),
					 "language", file->language, "lines", (json_int_t)file->lines, "code_lines",
					 (json_int_t)file->code_lines, "decisions", (json_int_t)file->decisions));
	}
	if (over)
		reading_left_out(&map->reading, "%zu files are not listed: the list ends at %u.", over, FILES_MAX);
}

static void list_edges(struct map *map)
{
	json_t *list = reading_array(&map->reading, "edges");
	size_t over = 0;

	for (size_t i = 0; i < map->edge_count; i++) {
		const struct edge *edge = &map->edges[i];
		uint32_t from = map->files[edge->from].listed, to = map->files[edge->to].listed;

		if (!from || !to || json_array_size(list) >= EDGES_MAX)
			over++;
		else
			reading_append(&map->reading, list,
				       json_pack("[I, I, I, i]", (json_int_t)from - 1, (json_int_t)to - 1, (json_int_t)edge->line,
						 (int)edge->time));
	}
	if (over)
		reading_left_out(&map->reading, "%zu edges are not listed.", over);
}

static void list_external(struct map *map)
{
	json_t *list = reading_array(&map->reading, "external");
	uint32_t count = names_count(map->external);

	for (uint32_t i = 0; i < count && i < EXTERNAL_MAX; i++)
		reading_append(&map->reading, list,
			       json_pack("{s:o, s:I}", "name", reading_text(names_text(map->external, i)), "files",
					 (json_int_t)map->outside[i].files));
	if (count > EXTERNAL_MAX)
		reading_left_out(&map->reading, "%u outside names are not listed: the list ends at %u.", count - EXTERNAL_MAX,
				 EXTERNAL_MAX);
}

static void say_unread(struct map *map)
{
	if (map->unread)
		reading_left_out(&map->reading, "%zu source files were not read.", map->unread);
}

static int take_graph(struct map *map)
{
	json_t *unresolved = reading_array(&map->reading, "unresolved");
	size_t missing;
	int rc;

	map->not_read = reading_array(&map->reading, "not_read");
	rc = source_each(map->reading.repository, map->reading.commit, false, visit, map);
	if (rc)
		return map->reading.no_memory ? tool_fail("imports", "out of memory") : rc;
	map->index = tree_index_new(map->paths);
	map->edges = calloc(map->imports.count + 1, sizeof(map->edges[0]));
	if (!map->index || !map->edges || map->imports.no_memory)
		return tool_fail("imports", "out of memory");
	rc = source_each(map->reading.repository, map->reading.commit, false, visit_package, map);
	if (rc)
		return rc;
	missing = resolve_all(map, unresolved);
	merge_edges(map);
	list_files(map);
	list_edges(map);
	list_external(map);
	say_unread(map);
	reading_set(&map->reading, map->reading.answer, "counts",
		    json_pack("{s:I, s:I, s:I, s:I}", "files", (json_int_t)names_count(map->paths), "edges",
			      (json_int_t)map->edge_count, "unresolved", (json_int_t)missing, "external",
			      (json_int_t)names_count(map->external)));
	return reading_print(&map->reading);
}

int tool_imports(int argc, char **argv)
{
	struct map map = {.paths = names_new(), .external = names_new(), .imports = {.specs = names_new()}};
	int rc = reading_open(&map.reading, argc, argv);

	if (!rc && (!map.paths || !map.external || !map.imports.specs))
		rc = tool_fail("imports", "out of memory");
	if (!rc)
		rc = take_graph(&map);
	reading_close(&map.reading);
	tree_index_free(map.index);
	names_free(map.paths);
	names_free(map.external);
	names_free(map.imports.specs);
	free(map.imports.at);
	free(map.files);
	free(map.edges);
	free(map.outside);
	return rc;
}
