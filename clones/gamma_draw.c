/* SPDX-License-Identifier: MIT
 *
 * The graph as text that Graphviz and Mermaid draw. A picture of more than a few hundred edges shows nothing and takes minutes
 * to lay out, so a large graph is drawn by folder, and if even that is too large, with its heaviest edges only.
 */
#include "clones/gamma.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct drawing {
	struct names *names; /* what stands in the boxes */
	struct graph graph;
	uint32_t *group; /* by node of the modules */
	bool *marked;    /* by box: in a cycle */
	size_t left_out;
	const char *level;
};

struct sheet {
	char *text;
	size_t used, room;
	bool no_memory;
};

static void put(struct sheet *sheet, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct sheet *sheet, const char *format, ...)
{
	va_list args;
	int bytes;

	if (sheet->room - sheet->used < 4096) {
		size_t room = sheet->room * 2 + 8192;
		char *text = realloc(sheet->text, room);

		sheet->no_memory |= !text;
		if (!text)
			return;
		sheet->text = text;
		sheet->room = room;
	}
	va_start(args, format);
	bytes = vsnprintf(sheet->text + sheet->used, sheet->room - sheet->used, format, args);
	va_end(args);
	if (bytes > 0 && (size_t)bytes < sheet->room - sheet->used)
		sheet->used += (size_t)bytes;
}

/* A name between double quotes. Mermaid knows no backslash, but entities. */
static void put_label(struct sheet *sheet, const char *name, bool mermaid)
{
	put(sheet, "\"");
	for (size_t i = 0; name[i] && i < 300; i++) {
		if (name[i] == '"')
			put(sheet, "%s", mermaid ? "#quot;" : "\\\"");
		else if (name[i] == '\\' || (mermaid && (name[i] == '#' || name[i] == '<' || name[i] == '`')))
			put(sheet, mermaid ? "#%d;" : "\\\\", name[i]);
		else
			put(sheet, "%c", (unsigned char)name[i] < ' ' ? ' ' : name[i]);
	}
	put(sheet, "\"");
}

/* The first `depth` folders of a path, "." at the root. */
static size_t folder_prefix(const char *path, uint32_t depth)
{
	size_t whole = folder_bytes(path), bytes = 0;

	while (depth-- > 0 && bytes < whole) {
		bytes += bytes > 0;
		while (bytes < whole && path[bytes] != '/')
			bytes++;
	}
	return bytes;
}

static void drawing_release(struct drawing *drawing)
{
	names_free(drawing->names);
	graph_release(&drawing->graph);
	free(drawing->group);
	free(drawing->marked);
}

static uint32_t group_of(struct drawing *drawing, const struct module *module, uint32_t depth)
{
	size_t bytes = folder_prefix(module->path, depth);

	if (depth == UINT32_MAX)
		return names_add(drawing->names, module->name, strlen(module->name));
	return bytes ? names_add(drawing->names, module->path, bytes) : names_add(drawing->names, ".", 1);
}

/* Boxes are modules (depth UINT32_MAX) or folders down to a depth. */
static int drawing_init(struct drawing *drawing, const struct gamma *gamma, uint32_t depth)
{
	const struct graph *graph = &gamma->modules.graph;
	struct graph_edge *edges = calloc(graph->edges + 1, sizeof(*edges));
	int rc = ERR_MEMORY;

	*drawing = (struct drawing){.names = names_new(), .level = depth == UINT32_MAX ? "module" : "folder"};
	drawing->group = calloc((size_t)graph->nodes + 1, sizeof(drawing->group[0]));
	drawing->marked = calloc((size_t)graph->nodes + 1, sizeof(drawing->marked[0]));
	if (!edges || !drawing->names || !drawing->group || !drawing->marked)
		goto out;
	for (uint32_t i = 0; i < graph->nodes; i++) {
		drawing->group[i] = group_of(drawing, gamma_module(gamma, i), depth);
		if (drawing->group[i] == NAMES_NONE)
			goto out;
	}
	for (size_t i = 0; i < graph->edges; i++)
		edges[i] = (struct graph_edge){.from = drawing->group[graph->edge[i].from],
					       .to = drawing->group[graph->edge[i].to],
					       .weight = graph->edge[i].weight};
	rc = graph_init(&drawing->graph, names_count(drawing->names), edges, graph->edges);
out:
	free(edges);
	return rc;
}

static int mark_cycles(struct drawing *drawing)
{
	uint32_t nodes = drawing->graph.nodes;
	uint32_t *component = calloc(2 * ((size_t)nodes + 1), sizeof(*component));
	uint32_t *size = component + nodes;
	uint32_t count;
	int rc = component ? graph_components(&drawing->graph, component, &count) : ERR_MEMORY;

	for (uint32_t i = 0; !rc && i < nodes; i++)
		size[component[i]]++;
	for (uint32_t i = 0; !rc && i < nodes; i++)
		drawing->marked[i] = size[component[i]] > 1;
	free(component);
	return rc;
}

static int by_weight(const void *left, const void *right)
{
	const struct graph_edge *a = left, *b = right;

	return (a->weight < b->weight) - (a->weight > b->weight);
}

/* Leaves out the lightest edges. */
static int thin_out(struct drawing *drawing)
{
	struct graph heavy;
	struct graph_edge *edges = calloc(drawing->graph.edges, sizeof(*edges));
	int rc;

	if (!edges)
		return ERR_MEMORY;
	memcpy(edges, drawing->graph.edge, drawing->graph.edges * sizeof(*edges));
	qsort(edges, drawing->graph.edges, sizeof(*edges), by_weight);
	rc = graph_init(&heavy, drawing->graph.nodes, edges, GAMMA_DRAWN_EDGES_MAX);
	free(edges);
	if (rc)
		return rc;
	drawing->left_out = drawing->graph.edges - heavy.edges;
	graph_release(&drawing->graph);
	drawing->graph = heavy;
	return 0;
}

/* Modules, then folders from the deepest level up, until the edges fit. */
static int choose_level(struct drawing *drawing, const struct gamma *gamma)
{
	static const uint32_t depths[] = {UINT32_MAX, 8, 4, 3, 2, 1};
	int rc = 0;

	for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		rc = drawing_init(drawing, gamma, depths[i]);
		/* A graph of one or two folders shows less than a thinned one of modules. */
		if (rc || drawing->graph.edges <= GAMMA_DRAWN_EDGES_MAX)
			break;
		if (i + 1 < sizeof(depths) / sizeof(depths[0]))
			drawing_release(drawing);
	}
	if (!rc && drawing->graph.nodes < 4 && gamma->modules.nodes > 4) {
		drawing_release(drawing);
		rc = drawing_init(drawing, gamma, UINT32_MAX);
	}
	if (!rc)
		rc = mark_cycles(drawing);
	if (!rc && drawing->graph.edges > GAMMA_DRAWN_EDGES_MAX)
		rc = thin_out(drawing);
	return rc;
}

static bool drawn(const struct drawing *drawing, uint32_t box)
{
	for (size_t i = 0; i < drawing->graph.edges; i++)
		if (drawing->graph.edge[i].from == box || drawing->graph.edge[i].to == box)
			return true;
	return drawing->graph.nodes <= 60;
}

static void put_dot(struct sheet *sheet, const struct drawing *drawing)
{
	put(sheet, "digraph modules {\n\trankdir=LR;\n\tnode [shape=box, fontname=\"sans-serif\"];\n");
	for (uint32_t i = 0; i < drawing->graph.nodes; i++) {
		if (!drawn(drawing, i))
			continue;
		put(sheet, "\tn%u [label=", i);
		put_label(sheet, names_text(drawing->names, i), false);
		put(sheet, "%s];\n", drawing->marked[i] ? ", color=red" : "");
	}
	for (size_t i = 0; i < drawing->graph.edges; i++) {
		const struct graph_edge *edge = &drawing->graph.edge[i];

		put(sheet, "\tn%u -> n%u", edge->from, edge->to);
		if (edge->weight > 1)
			put(sheet, " [label=\"%u\"]", edge->weight);
		put(sheet, ";\n");
	}
	put(sheet, "}\n");
}

static void put_mermaid(struct sheet *sheet, const struct drawing *drawing)
{
	put(sheet, "flowchart LR\n");
	for (uint32_t i = 0; i < drawing->graph.nodes; i++) {
		if (!drawn(drawing, i))
			continue;
		put(sheet, "  n%u[", i);
		put_label(sheet, names_text(drawing->names, i), true);
		put(sheet, "]%s\n", drawing->marked[i] ? ":::cycle" : "");
	}
	for (size_t i = 0; i < drawing->graph.edges; i++)
		put(sheet, "  n%u --> n%u\n", drawing->graph.edge[i].from, drawing->graph.edge[i].to);
	put(sheet, "  classDef cycle stroke:#d33,stroke-width:2px\n");
}

static int attach(struct gamma *gamma, const struct drawing *drawing, const char *name, const char *media_type,
		  void (*draw)(struct sheet *, const struct drawing *))
{
	struct sheet sheet = {0};
	json_t *json;

	draw(&sheet, drawing);
	json = sheet.no_memory
		       ? NULL
		       : json_pack("{s:s, s:s, s:s#}", "name", name, "media_type", media_type, "text", sheet.text, sheet.used);
	free(sheet.text);
	return json_array_append_new(gamma->attachments, json) ? ERR_MEMORY : 0;
}

int gamma_draw(struct gamma *gamma)
{
	struct drawing drawing;
	int rc = choose_level(&drawing, gamma);

	if (!rc)
		rc = attach(gamma, &drawing, "modules.dot", "text/vnd.graphviz", put_dot);
	if (!rc)
		rc = attach(gamma, &drawing, "modules.mmd", "text/vnd.mermaid", put_mermaid);
	if (!rc)
		result_set(gamma->result, "graph",
			   json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "drawn_by", drawing.level, "boxes",
				     (json_int_t)drawing.graph.nodes, "edges", (json_int_t)drawing.graph.edges, "edges_left_out",
				     (json_int_t)drawing.left_out, "modules", (json_int_t)gamma->modules.nodes, "module_edges",
				     (json_int_t)gamma->modules.graph.edges));
	drawing_release(&drawing);
	return rc;
}
