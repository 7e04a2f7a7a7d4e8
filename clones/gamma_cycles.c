/* SPDX-License-Identifier: MIT
 *
 * Cycles of modules. For each, edges are taken out one by one and the components computed anew; the one that leaves least for
 * the fewest places to change is proposed, and again for what is left, until no cycle is.
 *
 * Hubs, modules that most others need, are left out of the search: with them nearly everything is one cycle, which says one
 * thing only, and says it once.
 */
#include "clones/gamma.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX       4000u
#define CYCLES_MAX      40u
#define CYCLE_NODES_MAX 64u
#define TITLE_BYTES     1200u

struct cut {
	struct graph_edge edge;
	uint32_t cyclic, largest; /* left afterwards in the component */
};

struct cycle {
	uint32_t component, size;
	struct cut cuts[GAMMA_CUTS_MAX];
	size_t cut_count;
	uint32_t still_cyclic;          /* after all cuts */
	uint32_t path[CYCLE_NODES_MAX]; /* a shortest cycle through the first cut */
	size_t path_length;
	bool lazy;    /* gone if imports inside functions do not count */
	bool folders; /* over more than one folder */
};

const struct module *gamma_module(const struct gamma *gamma, uint32_t node)
{
	return &gamma->modules.at[gamma->modules.module_at[node]];
}

const char *gamma_path(const struct gamma *gamma, uint32_t file)
{
	const char *path = json_string_value(json_object_get(json_array_get(gamma->modules.files, file), "path"));

	return path ? path : "";
}

static bool same_folder(const char *a, const char *b)
{
	return folder_bytes(a) == folder_bytes(b) && strncmp(a, b, folder_bytes(a)) == 0;
}

/* What is left of a component while edges are being cut. */
struct rest {
	uint32_t *now; /* components by node */
	uint32_t cyclic, largest;
	uint32_t worst; /* the largest one's number */
};

static int look(const struct graph *graph, const struct cycle *cycle, const uint32_t *component, struct rest *rest)
{
	uint32_t count = 0;
	int rc = graph_components(graph, rest->now, &count);
	uint32_t *size = rc ? NULL : calloc((size_t)count + 1, sizeof(*size));

	rest->cyclic = rest->largest = rest->worst = 0;
	if (!size)
		return ERR_MEMORY;
	for (uint32_t i = 0; i < graph->nodes; i++)
		size[rest->now[i]] += component[i] == cycle->component;
	for (uint32_t c = 0; c < count; c++) {
		rest->cyclic += size[c] > 1 ? size[c] : 0;
		if (size[c] > rest->largest) {
			rest->largest = size[c];
			rest->worst = c;
		}
	}
	free(size);
	return 0;
}

/* Cuts in the graph itself; whoever calls restores it. */
static int take_cuts(struct graph *graph, struct cycle *cycle, const uint32_t *component)
{
	struct rest rest = {.now = malloc(((size_t)graph->nodes + 1) * sizeof(uint32_t))};
	int rc = rest.now ? look(graph, cycle, component, &rest) : ERR_MEMORY;

	while (!rc && rest.cyclic > 0 && cycle->cut_count < GAMMA_CUTS_MAX) {
		struct graph_break found;

		if (!graph_cheapest_break(graph, rest.now, rest.worst, TRIES_MAX, &found))
			break;
		graph->edge[found.edge].cut = true;
		rc = look(graph, cycle, component, &rest);
		cycle->cuts[cycle->cut_count++] =
			(struct cut){.edge = graph->edge[found.edge], .cyclic = rest.cyclic, .largest = rest.largest};
	}
	cycle->still_cyclic = rest.cyclic;
	free(rest.now);
	return rc;
}

static void restore(struct graph *graph)
{
	for (size_t i = 0; i < graph->edges; i++)
		graph->edge[i].cut = false;
}

/* Whether the component falls apart when only what happens at load time counts. */
static bool lazy_only(struct gamma *gamma, const uint32_t *component, uint32_t which)
{
	struct graph *graph = &gamma->modules.calm;
	uint32_t *now = malloc(((size_t)graph->nodes + 1) * sizeof(*now));
	uint32_t count = 0, cyclic = 1, largest;

	for (size_t i = 0; i < graph->edges; i++) {
		size_t places;
		const struct place *place;

		if (component[graph->edge[i].from] != which)
			continue;
		place = modules_places(&gamma->modules, graph->edge[i].from, graph->edge[i].to, &places);
		graph->edge[i].cut = place && place->time != EDGE_ALWAYS;
	}
	if (now && graph_components(graph, now, &count) == 0) {
		for (uint32_t i = 0; i < graph->nodes; i++)
			now[i] = component[i] == which ? now[i] : count++;
		graph_cyclic(now, graph->nodes, count, &cyclic, &largest);
	}
	restore(graph);
	free(now);
	return cyclic == 0;
}

static bool over_folders(const struct gamma *gamma, const uint32_t *component, uint32_t which)
{
	const char *first = NULL;

	for (uint32_t i = 0; i < gamma->modules.nodes; i++) {
		const char *path = gamma_module(gamma, i)->path;

		if (component[i] != which)
			continue;
		if (first && !same_folder(first, path))
			return true;
		first = path;
	}
	return false;
}

static int examine(struct gamma *gamma, struct cycle *cycle, const uint32_t *component)
{
	struct graph *graph = &gamma->modules.calm;
	int rc = take_cuts(graph, cycle, component);
	size_t edge;

	restore(graph);
	if (rc || !cycle->cut_count)
		return rc;
	edge = graph_find(graph, cycle->cuts[0].edge.from, cycle->cuts[0].edge.to);
	cycle->path_length = graph_shortest_cycle(graph, edge, cycle->path, CYCLE_NODES_MAX);
	cycle->lazy = lazy_only(gamma, component, cycle->component);
	cycle->folders = over_folders(gamma, component, cycle->component);
	return 0;
}

static void append(char *text, size_t room, const char *more)
{
	size_t used = strlen(text);

	snprintf(text + used, room - used, "%s", more);
}

static void path_text(const struct gamma *gamma, const struct cycle *cycle, char *out, size_t room)
{
	out[0] = 0;
	for (size_t i = 0; i < cycle->path_length && i < 8; i++) {
		append(out, room, gamma_module(gamma, cycle->path[i])->name);
		append(out, room, " → ");
	}
	if (cycle->path_length > 8)
		append(out, room, "… → ");
	if (cycle->path_length)
		append(out, room, gamma_module(gamma, cycle->path[0])->name);
}

/* Where an edge is written: its first place. */
static json_t *cut_json(struct gamma *gamma, const struct cut *cut)
{
	size_t count;
	const struct place *place = modules_places(&gamma->modules, cut->edge.from, cut->edge.to, &count);

	return json_pack("{s:s, s:s, s:I, s:s, s:I, s:{s:I, s:I}}", "from", gamma_module(gamma, cut->edge.from)->name, "to",
			 gamma_module(gamma, cut->edge.to)->name, "places", (json_int_t)cut->edge.weight, "path",
			 place ? gamma_path(gamma, place->file) : "", "line", (json_int_t)(place ? place->line : 0), "leaves",
			 "modules_in_cycles", (json_int_t)cut->cyclic, "largest_cycle", (json_int_t)cut->largest);
}

static json_t *members_json(const struct gamma *gamma, const uint32_t *component, uint32_t which)
{
	json_t *members = json_array();

	for (uint32_t i = 0; i < gamma->modules.nodes; i++)
		if (component[i] == which)
			json_array_append_new(members, json_string(gamma_module(gamma, i)->name));
	return members;
}

static json_t *cuts_json(struct gamma *gamma, const struct cycle *cycle)
{
	json_t *cuts = json_array();

	for (size_t i = 0; i < cycle->cut_count; i++)
		json_array_append_new(cuts, cut_json(gamma, &cycle->cuts[i]));
	return cuts;
}

static json_t *path_flow(struct gamma *gamma, const struct cycle *cycle)
{
	json_t *flow = json_array();

	for (size_t i = 0; i < cycle->path_length; i++) {
		size_t count;
		const struct place *place =
			modules_places(&gamma->modules, cycle->path[i], cycle->path[(i + 1) % cycle->path_length], &count);

		if (place)
			json_array_append_new(flow, json_pack("{s:s, s:I, s:s, s:o}", "path", gamma_path(gamma, place->file),
							      "line", (json_int_t)place->line, "event", "import", "msg",
							      json_sprintf("needs %s", gamma_path(gamma, place->target))));
	}
	return flow;
}

static const char *severity_of(const struct cycle *cycle)
{
	if (cycle->lazy)
		return "info";
	if (cycle->size > 10)
		return "high";
	return cycle->size > 3 || cycle->folders ? "medium" : "low";
}

static void cut_text(const struct gamma *gamma, const struct cycle *cycle, char *out, size_t room)
{
	const struct cut *cut = &cycle->cuts[0];

	snprintf(out, room, "Taking out %s → %s (%u place%s) leaves %s", gamma_module(gamma, cut->edge.from)->name,
		 gamma_module(gamma, cut->edge.to)->name, cut->edge.weight, cut->edge.weight == 1 ? "" : "s",
		 cut->cyclic ? "" : "no cycle.");
	if (!cut->cyclic)
		return;
	snprintf(out + strlen(out), room - strlen(out), "%u of %u modules in a cycle", cut->cyclic, cycle->size);
	if (cycle->still_cyclic)
		snprintf(out + strlen(out), room - strlen(out), "; %zu such edges leave %u.", cycle->cut_count,
			 cycle->still_cyclic);
	else
		snprintf(out + strlen(out), room - strlen(out), "; %zu such edges leave none.", cycle->cut_count);
}

static void report(struct gamma *gamma, struct cycle *cycle, const uint32_t *component)
{
	char title[TITLE_BYTES], path[TITLE_BYTES - 100], hint[TITLE_BYTES];
	size_t count = 0;
	const struct place *place;
	struct finding finding = {.rule = "import-cycle", .title = title, .fix_hint = hint, .confidence = 0.95};

	place = modules_places(&gamma->modules, cycle->cuts[0].edge.from, cycle->cuts[0].edge.to, &count);
	path_text(gamma, cycle, path, sizeof(path));
	snprintf(title, sizeof(title), "%u modules need one another in a circle%s: %s", cycle->size,
		 cycle->lazy ? ", though only when functions run" : "", path);
	cut_text(gamma, cycle, hint, sizeof(hint));
	finding.help = "Modules in a circle can only be understood, tested and reused together.";
	finding.severity = severity_of(cycle);
	finding.path = place ? gamma_path(gamma, place->file) : NULL;
	finding.line = place ? place->line : 0;
	finding.snippet = place ? gamma_path(gamma, place->target) : NULL;
	finding.confidence_basis = "computed from the imports";
	finding.flow = path_flow(gamma, cycle);
	result_add_finding(gamma->result, &finding);
	result_add_entity(gamma->result, "cycle",
			  json_pack("{s:I, s:o, s:o, s:I, s:b, s:b}", "size", (json_int_t)cycle->size, "modules",
				    members_json(gamma, component, cycle->component), "breaks", cuts_json(gamma, cycle),
				    "left_after_breaks", (json_int_t)cycle->still_cyclic, "lazy", cycle->lazy, "over_folders",
				    cycle->folders));
}

/* The figures of the whole calm graph, with the edges of the cycle's cuts taken out if `cut`. */
static json_t *figures(struct gamma *gamma, const struct cycle *cycle, bool cut)
{
	struct graph *graph = &gamma->modules.calm;
	uint32_t *component = malloc(((size_t)graph->nodes + 1) * sizeof(*component));
	uint32_t count = 0, cyclic = 0, largest = 0;
	double cost = -1;
	json_t *json;

	for (size_t i = 0; cut && i < cycle->cut_count; i++) {
		size_t edge = graph_find(graph, cycle->cuts[i].edge.from, cycle->cuts[i].edge.to);

		if (edge != SIZE_MAX)
			graph->edge[edge].cut = true;
	}
	if (component && graph_components(graph, component, &count) == 0)
		graph_cyclic(component, graph->nodes, count, &cyclic, &largest);
	if (graph_propagation(graph, &cost))
		cost = -1;
	restore(graph);
	free(component);
	json = json_pack("{s:I, s:I}", "modules_in_cycles", (json_int_t)cyclic, "largest_cycle", (json_int_t)largest);
	if (cost >= 0)
		json_object_set_new(json, "propagation_cost", json_real(cost));
	return json;
}

static void recommend(struct gamma *gamma, const struct cycle *cycle)
{
	char title[TITLE_BYTES], context[TITLE_BYTES], path[TITLE_BYTES - 200], outcome[TITLE_BYTES];

	path_text(gamma, cycle, path, sizeof(path));
	snprintf(title, sizeof(title), "Take %s out of the circle of %u modules",
		 cycle->cut_count == 1 ? "one edge" : "a few edges", cycle->size);
	snprintf(context, sizeof(context), "%u modules need one another in a circle, for instance %s.", cycle->size, path);
	cut_text(gamma, cycle, outcome, sizeof(outcome));
	gamma_recommend(gamma, title, context, cuts_json(gamma, cycle), outcome, figures(gamma, cycle, false),
			figures(gamma, cycle, true));
}

static int by_size(const void *left, const void *right)
{
	const struct cycle *a = left, *b = right;

	if (a->size != b->size)
		return a->size > b->size ? -1 : 1;
	return (a->component > b->component) - (a->component < b->component);
}

/* The components of two or more, the largest first. NULL: out of memory. */
static struct cycle *find_cycles(struct gamma *gamma, const uint32_t *component, uint32_t count)
{
	struct cycle *cycles = calloc((size_t)count + 1, sizeof(*cycles));
	uint32_t found = 0;

	for (uint32_t c = 0; cycles && c < count; c++)
		cycles[c].component = c;
	for (uint32_t i = 0; cycles && i < gamma->modules.nodes; i++)
		cycles[component[i]].size++;
	for (uint32_t c = 0; cycles && c < count; c++)
		if (cycles[c].size > 1)
			cycles[found++] = cycles[c];
	if (cycles)
		qsort(cycles, found, sizeof(*cycles), by_size);
	gamma->cycles = found;
	return cycles;
}

static int report_all(struct gamma *gamma, const uint32_t *component, uint32_t count)
{
	struct cycle *cycles = find_cycles(gamma, component, count);
	int rc = cycles ? 0 : ERR_MEMORY;

	for (uint32_t i = 0; !rc && i < gamma->cycles && i < CYCLES_MAX; i++) {
		rc = examine(gamma, &cycles[i], component);
		if (rc || !cycles[i].cut_count)
			continue;
		report(gamma, &cycles[i], component);
		if (i < 3 && !cycles[i].lazy)
			recommend(gamma, &cycles[i]);
	}
	if (gamma->cycles > CYCLES_MAX)
		result_status(gamma->result, PARTIAL, "Of %u cycles, the %u largest are described.", gamma->cycles, CYCLES_MAX);
	free(cycles);
	return rc;
}

int gamma_cycles(struct gamma *gamma)
{
	struct graph *graph = &gamma->modules.calm;
	uint32_t *component = malloc(((size_t)graph->nodes + 1) * sizeof(*component));
	uint32_t count;
	int rc = component ? graph_components(graph, component, &count) : ERR_MEMORY;

	if (!rc) {
		graph_cyclic(component, graph->nodes, count, &gamma->cyclic_modules, &gamma->largest_cycle);
		rc = report_all(gamma, component, count);
	}
	free(component);
	return rc;
}
