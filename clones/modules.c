/* SPDX-License-Identifier: MIT
 *
 * Groups files into modules, joins what is known about them, and makes the graph.
 */
#include "clones/modules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clones/answer.h"
#include "clones/result.h"

#define HUB_LEAST   8u  /* modules that need it */
#define HUB_PERCENT 40u /* of all in the graph */

size_t folder_bytes(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

static const char *ending_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *dot = strrchr(slash ? slash : path, '.');

	return dot ? dot : "";
}

static bool one_of(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(*list, text) == 0)
			return true;
	return false;
}

static bool is_source(const char *path)
{
	static const char *const endings[] = {".c", ".cc", ".cpp", ".cxx", NULL};

	return one_of(ending_of(path), endings);
}

static bool is_header(const char *path)
{
	static const char *const endings[] = {".h", ".hh", ".hpp", ".hxx", NULL};

	return one_of(ending_of(path), endings);
}

static bool in_folder(const char *path, const char *const *list)
{
	char part[64];

	for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		if ((size_t)(slash - path) >= sizeof(part))
			continue;
		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = 0;
		if (one_of(part, list))
			return true;
	}
	return false;
}

const char *path_outside(const char *path, const json_t *about)
{
	static const char *const examples[] = {"example", "examples", "demo",      "demos",      "sample", "samples",
					       "docs",    "doc",      "benchmark", "benchmarks", NULL};

	if (json_is_true(json_object_get(about, "test")) || path_in_test(path))
		return "test";
	if (json_is_true(json_object_get(about, "vendored")) || path_vendored(path))
		return "vendored";
	if (json_is_true(json_object_get(about, "generated")) || path_generated(path))
		return "generated";
	return in_folder(path, examples) ? "example" : NULL;
}

static size_t stem_bytes(const char *path)
{
	return is_source(path) || is_header(path) ? strlen(path) - strlen(ending_of(path)) : strlen(path);
}

/* A header without a .c file beside it belongs to the one of its name that includes it, if only one does. */
static size_t find_partner(const struct modules *modules, const json_t *edges, const bool *has_source, uint32_t header)
{
	const char *path = json_text(json_array_get(modules->files, header), "path");
	const char *base = path + folder_bytes(path) + (folder_bytes(path) > 0);
	size_t stem = stem_bytes(base);
	size_t partner = SIZE_MAX;
	const json_t *edge;
	size_t i;

	if (has_source[modules->module_of[header]])
		return SIZE_MAX;
	json_array_foreach (edges, i, edge) {
		size_t from = (size_t)json_integer_value(json_array_get(edge, 0));
		const char *other = json_text(json_array_get(modules->files, from), "path");
		const char *other_base = other + folder_bytes(other) + (folder_bytes(other) > 0);

		if (json_integer_value(json_array_get(edge, 1)) != header || !is_source(other) ||
		    stem_bytes(other_base) != stem || strncmp(base, other_base, stem) != 0)
			continue;
		if (partner != SIZE_MAX && partner != from)
			return SIZE_MAX;
		partner = from;
	}
	return partner;
}

static int group_files(struct modules *modules)
{
	const json_t *file;
	size_t i;

	json_array_foreach (modules->files, i, file) {
		const char *path = json_text(file, "path");

		modules->module_of[i] = names_add(modules->names, path, stem_bytes(path));
		if (modules->module_of[i] == NAMES_NONE)
			return ERR_MEMORY;
	}
	return 0;
}

/* Edges are looked at once per header, so only the headers that need it are. */
static int join_far_headers(struct modules *modules, const json_t *edges)
{
	bool *has_source = calloc((size_t)names_count(modules->names) + 1, sizeof(*has_source));
	const json_t *file;
	size_t i;

	if (!has_source)
		return ERR_MEMORY;
	json_array_foreach (modules->files, i, file)
		if (is_source(json_text(file, "path")))
			has_source[modules->module_of[i]] = true;
	if (json_array_size(modules->files) <= 4000)
		json_array_foreach (modules->files, i, file) {
			size_t partner = is_header(json_text(file, "path"))
						 ? find_partner(modules, edges, has_source, (uint32_t)i)
						 : SIZE_MAX;

			if (partner < json_array_size(modules->files))
				modules->module_of[i] = modules->module_of[partner];
		}
	free(has_source);
	return 0;
}

json_t *inventory_by_path(const struct target *target)
{
	json_t *by_path = json_object();
	json_t *file;
	size_t i;

	json_array_foreach (json_object_get(target->inventory, "files"), i, file) {
		const char *path = json_string_value(json_object_get(file, "path"));

		if (path && json_object_set(by_path, path, file)) {
			json_decref(by_path);
			return NULL;
		}
	}
	return by_path;
}

static void describe(struct module *module, const json_t *file, const json_t *about)
{
	const char *path = json_text(file, "path");

	if (!module->files || (is_source(path) && !is_source(module->path))) {
		module->path = path;
		module->language = json_string_value(json_object_get(file, "language"));
		module->outside = path_outside(path, about);
	}
	module->files++;
	module->lines += json_number(file, "lines");
	module->code_lines += json_number(file, "code_lines");
	module->decisions += json_number(file, "decisions");
}

static int describe_all(struct modules *modules, const struct target *target)
{
	json_t *by_path = inventory_by_path(target);
	const json_t *file;
	size_t i;

	if (!by_path)
		return ERR_MEMORY;
	modules->count = names_count(modules->names);
	modules->at = calloc((size_t)modules->count + 1, sizeof(modules->at[0]));
	if (!modules->at) {
		json_decref(by_path);
		return ERR_MEMORY;
	}
	json_array_foreach (modules->files, i, file) {
		const char *path = json_text(file, "path");

		modules->at[modules->module_of[i]].name = names_text(modules->names, modules->module_of[i]);
		describe(&modules->at[modules->module_of[i]], file, json_object_get(by_path, path));
	}
	json_decref(by_path);
	return 0;
}

static void add_past(struct module *module, const json_t *past)
{
	uint32_t commits = json_number(past, "commits");
	int64_t first = json_time(past, "first"), last = json_time(past, "last");

	if (commits > module->file_commits) {
		module->file_commits = commits;
		module->owner = json_string_value(json_object_get(past, "owner"));
		module->owner_commits = json_number(past, "owner_commits");
		module->authors = json_number(past, "authors");
		module->bus_factor = json_number(past, "bus_factor");
	}
	/* The files of a pair mostly change together, so the larger count is nearer the truth than the sum. */
	if (commits > module->commits)
		module->commits = commits;
	if (json_number(past, "commits_365d") > module->commits_365d)
		module->commits_365d = json_number(past, "commits_365d");
	if (json_number(past, "small_commits") > module->small_commits)
		module->small_commits = json_number(past, "small_commits");
	module->first = !module->first || first < module->first ? first : module->first;
	module->last = last > module->last ? last : module->last;
}

static struct module *find(const struct modules *modules, const char *path)
{
	size_t bytes = stem_bytes(path);
	uint32_t number = names_find(modules->names, path, bytes);

	return number < modules->count && modules->at[number].files ? &modules->at[number] : NULL;
}

const struct module *modules_find(const struct modules *modules, const char *path)
{
	return find(modules, path);
}

static void add_history(struct modules *modules, const json_t *history)
{
	const json_t *past;
	size_t i;

	json_array_foreach (json_object_get(history, "files"), i, past) {
		struct module *module = find(modules, json_text(past, "path"));

		if (module)
			add_past(module, past);
	}
}

/* If all there is stands outside (a repository of examples, say), it is the graph after all. */
static int choose_nodes(struct modules *modules)
{
	uint32_t code = 0;

	modules->module_at = calloc((size_t)modules->count + 1, sizeof(modules->module_at[0]));
	if (!modules->module_at)
		return ERR_MEMORY;
	for (uint32_t i = 0; i < modules->count; i++)
		code += modules->at[i].files && !modules->at[i].outside;
	for (uint32_t i = 0; i < modules->count; i++) {
		struct module *module = &modules->at[i];

		if (!code)
			module->outside = NULL;
		module->node = UINT32_MAX;
		if (!module->files)
			continue;
		if (module->outside) {
			modules->outside++;
			continue;
		}
		module->node = modules->nodes;
		modules->module_at[modules->nodes++] = i;
	}
	return 0;
}

static int by_ends(const void *left, const void *right)
{
	const struct place *a = left, *b = right;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	if (a->to != b->to)
		return a->to < b->to ? -1 : 1;
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

/* False: not an edge within the graph. */
static bool place_of(const struct modules *modules, const json_t *edge, struct place *place)
{
	json_int_t from = json_integer_value(json_array_get(edge, 0)), to = json_integer_value(json_array_get(edge, 1));
	json_int_t files = (json_int_t)json_array_size(modules->files);
	json_int_t line = json_integer_value(json_array_get(edge, 2)), time = json_integer_value(json_array_get(edge, 3));

	if (json_array_size(edge) < 4 || from < 0 || to < 0 || from >= files || to >= files)
		return false;
	*place = (struct place){.from = modules->at[modules->module_of[from]].node,
				.to = modules->at[modules->module_of[to]].node,
				.file = (uint32_t)from,
				.target = (uint32_t)to,
				.line = line > 0 && line < UINT32_MAX ? (uint32_t)line : 0,
				.time = time == EDGE_LAZY   ? EDGE_LAZY
					: time == EDGE_TYPE ? EDGE_TYPE
							    : EDGE_ALWAYS};
	return place->from != UINT32_MAX && place->to != UINT32_MAX && place->from != place->to;
}

static int take_places(struct modules *modules, const json_t *edges)
{
	const json_t *edge;
	size_t i;

	modules->places = calloc(json_array_size(edges) + 1, sizeof(modules->places[0]));
	if (!modules->places)
		return ERR_MEMORY;
	json_array_foreach (edges, i, edge)
		if (place_of(modules, edge, &modules->places[modules->place_count]))
			modules->place_count++;
	qsort(modules->places, modules->place_count, sizeof(modules->places[0]), by_ends);
	return 0;
}

static int make_graph(struct modules *modules, struct graph *graph, bool with_hubs)
{
	struct graph_edge *edges = calloc(modules->place_count + 1, sizeof(*edges));
	size_t count = 0;
	int rc;

	if (!edges)
		return ERR_MEMORY;
	for (size_t i = 0; i < modules->place_count; i++) {
		const struct place *place = &modules->places[i];

		if (place->time == EDGE_TYPE)
			continue;
		if (!with_hubs &&
		    (modules->at[modules->module_at[place->from]].hub || modules->at[modules->module_at[place->to]].hub))
			continue;
		edges[count++] = (struct graph_edge){.from = place->from, .to = place->to, .weight = 1};
	}
	rc = graph_init(graph, modules->nodes, edges, count);
	free(edges);
	return rc;
}

static void measure(struct modules *modules)
{
	const struct graph *graph = &modules->graph;

	for (size_t i = 0; i < graph->edges; i++) {
		modules->at[modules->module_at[graph->edge[i].from]].out++;
		modules->at[modules->module_at[graph->edge[i].to]].in++;
	}
	for (uint32_t i = 0; i < modules->count; i++)
		modules->at[i].hub = modules->at[i].in >= HUB_LEAST && modules->at[i].in * 100 >= modules->nodes * HUB_PERCENT;
	for (size_t i = 0; i < modules->place_count; i++)
		modules->type_edges += modules->places[i].time == EDGE_TYPE;
}

static bool files_valid(const json_t *files)
{
	const json_t *file;
	size_t i;

	json_array_foreach (files, i, file)
		if (!*json_text(file, "path"))
			return false;
	return json_array_size(files) <= MODULES_MAX;
}

int modules_init(struct modules *modules, const struct target *target, const json_t *imports, const json_t *history)
{
	const json_t *edges = json_object_get(imports, "edges");
	int rc = 0;

	*modules = (struct modules){.files = json_object_get(imports, "files"), .names = names_new()};
	if (!files_valid(modules->files))
		return ERR_LIMIT;
	modules->module_of = calloc(json_array_size(modules->files) + 1, sizeof(modules->module_of[0]));
	if (!modules->names || !modules->module_of)
		return ERR_MEMORY;
	rc = group_files(modules);
	if (!rc)
		rc = join_far_headers(modules, edges);
	if (!rc)
		rc = describe_all(modules, target);
	if (!rc)
		rc = choose_nodes(modules);
	if (!rc)
		rc = take_places(modules, edges);
	if (!rc)
		rc = make_graph(modules, &modules->graph, true);
	if (rc)
		return rc;
	measure(modules);
	add_history(modules, history);
	return make_graph(modules, &modules->calm, false);
}

void modules_release(struct modules *modules)
{
	graph_release(&modules->graph);
	graph_release(&modules->calm);
	names_free(modules->names);
	free(modules->module_of);
	free(modules->at);
	free(modules->module_at);
	free(modules->places);
	*modules = (struct modules){0};
}

const struct place *modules_places(const struct modules *modules, uint32_t from, uint32_t to, size_t *out_count)
{
	const struct place *first = NULL;

	*out_count = 0;
	for (size_t i = 0; i < modules->place_count; i++) {
		const struct place *place = &modules->places[i];

		if (place->from != from || place->to != to)
			continue;
		first = first ? first : place;
		(*out_count)++;
	}
	return first;
}

double module_instability(const struct module *module)
{
	uint32_t all = module->in + module->out;

	return all ? (double)module->out / all : 0;
}
