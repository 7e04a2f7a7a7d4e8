/* SPDX-License-Identifier: MIT
 *
 * Graphs as sorted edges with an index by node.
 */
#include "clones/graph.h"

#include <stdlib.h>
#include <string.h>

#define UNSEEN UINT32_MAX

static int by_ends(const void *left, const void *right)
{
	const struct graph_edge *a = left, *b = right;

	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return (a->to > b->to) - (a->to < b->to);
}

static void join_equal(struct graph *graph)
{
	size_t kept = 0;

	for (size_t i = 0; i < graph->edges; i++) {
		struct graph_edge *last = kept ? &graph->edge[kept - 1] : NULL;

		if (last && last->from == graph->edge[i].from && last->to == graph->edge[i].to)
			last->weight += graph->edge[i].weight;
		else
			graph->edge[kept++] = graph->edge[i];
	}
	graph->edges = kept;
}

int graph_init(struct graph *graph, uint32_t nodes, const struct graph_edge *edges, size_t count)
{
	*graph = (struct graph){.nodes = nodes};
	graph->edge = calloc(count + 1, sizeof(graph->edge[0]));
	graph->first = calloc(nodes + (size_t)1, sizeof(graph->first[0]));
	if (!graph->edge || !graph->first) {
		graph_release(graph);
		return ERR_MEMORY;
	}
	for (size_t i = 0; i < count; i++)
		if (edges[i].from < nodes && edges[i].to < nodes && edges[i].from != edges[i].to)
			graph->edge[graph->edges++] = edges[i];
	qsort(graph->edge, graph->edges, sizeof(graph->edge[0]), by_ends);
	join_equal(graph);
	for (size_t i = 0; i < graph->edges; i++)
		graph->first[graph->edge[i].from + 1]++;
	for (uint32_t i = 0; i < nodes; i++)
		graph->first[i + 1] += graph->first[i];
	return 0;
}

void graph_release(struct graph *graph)
{
	free(graph->edge);
	free(graph->first);
	*graph = (struct graph){0};
}

size_t graph_find(const struct graph *graph, uint32_t from, uint32_t to)
{
	if (from < graph->nodes)
		for (size_t i = graph->first[from]; i < graph->first[from + 1]; i++)
			if (graph->edge[i].to == to)
				return i;
	return SIZE_MAX;
}

/* Tarjan's search with the call stack as an array: `next` is the edge at which a node carries on. */
struct search {
	const struct graph *graph;
	const uint32_t *within; /* look only at nodes of this component; NULL: all */
	uint32_t which;
	uint32_t *index, *low, *next, *path, *open;
	uint32_t seen, paths, opens;
	uint32_t *component;
	uint32_t components;
	bool *is_open;
};

static int search_init(struct search *search, uint32_t nodes)
{
	search->index = malloc(((size_t)nodes + 1) * 5 * sizeof(uint32_t));
	search->is_open = calloc((size_t)nodes + 1, sizeof(bool));
	if (!search->index || !search->is_open)
		return ERR_MEMORY;
	search->low = search->index + nodes;
	search->next = search->low + nodes;
	search->path = search->next + nodes;
	search->open = search->path + nodes;
	for (uint32_t i = 0; i < nodes; i++)
		search->index[i] = UNSEEN;
	return 0;
}

static void search_release(struct search *search)
{
	free(search->index);
	free(search->is_open);
}

static void enter(struct search *search, uint32_t node)
{
	search->index[node] = search->low[node] = search->seen++;
	search->next[node] = search->graph->first[node];
	search->path[search->paths++] = node;
	search->open[search->opens++] = node;
	search->is_open[node] = true;
}

static void leave(struct search *search, uint32_t node)
{
	uint32_t member;

	search->paths--;
	if (search->paths > 0) {
		uint32_t parent = search->path[search->paths - 1];

		if (search->low[node] < search->low[parent])
			search->low[parent] = search->low[node];
	}
	if (search->low[node] != search->index[node])
		return;
	do {
		member = search->open[--search->opens];
		search->is_open[member] = false;
		search->component[member] = search->components;
	} while (member != node);
	search->components++;
}

/* Follows the next edge of the node on top of the path. */
static void advance(struct search *search, uint32_t node)
{
	const struct graph_edge *edge = &search->graph->edge[search->next[node]++];

	if (edge->cut || (search->within && search->within[edge->to] != search->which))
		return;
	if (search->index[edge->to] == UNSEEN)
		enter(search, edge->to);
	else if (search->is_open[edge->to] && search->index[edge->to] < search->low[node])
		search->low[node] = search->index[edge->to];
}

static void search_from(struct search *search, uint32_t root)
{
	if (search->index[root] != UNSEEN)
		return;
	enter(search, root);
	while (search->paths > 0) {
		uint32_t node = search->path[search->paths - 1];

		if (search->next[node] < search->graph->first[node + 1])
			advance(search, node);
		else
			leave(search, node);
	}
}

int graph_components(const struct graph *graph, uint32_t *out_component, uint32_t *out_count)
{
	struct search search = {.graph = graph, .component = out_component};
	int rc = search_init(&search, graph->nodes);

	for (uint32_t node = 0; !rc && node < graph->nodes; node++)
		search_from(&search, node);
	*out_count = search.components;
	search_release(&search);
	return rc;
}

/* Reach is computed per component, with one row of bits each, from the components that lead nowhere up. */
struct closure {
	uint64_t *bits;
	size_t words;
	uint32_t *size;
};

static void closure_row(struct closure *closure, uint32_t row, uint32_t other)
{
	for (size_t w = 0; w < closure->words; w++)
		closure->bits[row * closure->words + w] |= closure->bits[other * closure->words + w];
}

static uint64_t closure_weight(const struct closure *closure, uint32_t row)
{
	uint64_t sum = 0;

	for (size_t w = 0; w < closure->words; w++)
		for (uint64_t word = closure->bits[row * closure->words + w]; word; word &= word - 1)
			sum += closure->size[w * 64 + (size_t)__builtin_ctzll(word)];
	return sum;
}

struct link {
	uint32_t from, to; /* components */
};

static int by_from(const void *left, const void *right)
{
	const struct link *a = left, *b = right;

	return (a->from > b->from) - (a->from < b->from);
}

static size_t links_of(const struct graph *graph, const uint32_t *component, struct link *links)
{
	size_t count = 0;

	for (size_t i = 0; i < graph->edges; i++) {
		uint32_t from = component[graph->edge[i].from], to = component[graph->edge[i].to];

		if (!graph->edge[i].cut && from != to)
			links[count++] = (struct link){from, to};
	}
	qsort(links, count, sizeof(links[0]), by_from);
	return count;
}

static uint64_t closure_sum(struct closure *closure, const struct link *links, size_t count, uint32_t components)
{
	uint64_t sum = 0;
	size_t next = 0;

	for (uint32_t c = 0; c < components; c++) {
		closure->bits[c * closure->words + c / 64] |= 1ull << (c % 64);
		for (; next < count && links[next].from == c; next++)
			closure_row(closure, c, links[next].to);
		sum += closure_weight(closure, c) * closure->size[c];
	}
	return sum;
}

int graph_propagation(const struct graph *graph, double *out_cost)
{
	uint32_t *component = calloc((size_t)graph->nodes + 1, sizeof(*component));
	struct link *links = calloc(graph->edges + 1, sizeof(*links));
	struct closure closure = {0};
	uint32_t components = 0;
	int rc = component && links ? graph_components(graph, component, &components) : ERR_MEMORY;

	if (!rc && components > GRAPH_REACH_NODES_MAX)
		rc = ERR_LIMIT;
	if (rc)
		goto out;
	closure.words = components / 64 + 1;
	closure.bits = calloc(closure.words * (components + (size_t)1), sizeof(uint64_t));
	closure.size = calloc(closure.words * 64, sizeof(uint32_t));
	if (!closure.bits || !closure.size) {
		rc = ERR_MEMORY;
		goto out;
	}
	for (uint32_t i = 0; i < graph->nodes; i++)
		closure.size[component[i]]++;
	*out_cost = graph->nodes ? (double)closure_sum(&closure, links, links_of(graph, component, links), components) /
					   ((double)graph->nodes * graph->nodes)
				 : 0;
out:
	free(component);
	free(links);
	free(closure.bits);
	free(closure.size);
	return rc;
}

void graph_cyclic(const uint32_t *component, uint32_t nodes, uint32_t count, uint32_t *out_cyclic, uint32_t *out_largest)
{
	uint32_t *size = calloc((size_t)count + 1, sizeof(*size));

	*out_cyclic = *out_largest = 0;
	for (uint32_t i = 0; size && i < nodes; i++)
		size[component[i]]++;
	for (uint32_t c = 0; size && c < count; c++) {
		if (size[c] > 1)
			*out_cyclic += size[c];
		if (size[c] > *out_largest)
			*out_largest = size[c];
	}
	free(size);
}

/* Components within one component of before, with the edges as they are now. */
static int try_break(const struct graph *graph, const uint32_t *component, uint32_t which, struct search *search, uint32_t *sizes,
		     struct graph_break *result)
{
	search->seen = search->paths = search->opens = search->components = 0;
	for (uint32_t i = 0; i < graph->nodes; i++)
		if (component[i] == which)
			search->index[i] = UNSEEN;
	for (uint32_t i = 0; i < graph->nodes; i++)
		if (component[i] == which)
			search_from(search, i);
	memset(sizes, 0, ((size_t)search->components + 1) * sizeof(*sizes));
	for (uint32_t i = 0; i < graph->nodes; i++)
		if (component[i] == which)
			sizes[search->component[i]]++;
	result->still_cyclic = result->largest = 0;
	for (uint32_t c = 0; c < search->components; c++) {
		result->still_cyclic += sizes[c] > 1 ? sizes[c] : 0;
		result->largest = sizes[c] > result->largest ? sizes[c] : result->largest;
	}
	return 0;
}

static bool better(const struct graph_break *a, const struct graph_break *b)
{
	if (a->still_cyclic != b->still_cyclic)
		return a->still_cyclic < b->still_cyclic;
	if (a->weight != b->weight)
		return a->weight < b->weight;
	return a->largest < b->largest;
}

struct candidate {
	size_t edge;
	uint32_t weight;
};

static int by_weight(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->weight != b->weight)
		return a->weight < b->weight ? -1 : 1;
	return (a->edge > b->edge) - (a->edge < b->edge);
}

static size_t candidates_of(const struct graph *graph, const uint32_t *component, uint32_t which, struct candidate *candidates)
{
	size_t count = 0;

	for (size_t i = 0; i < graph->edges; i++)
		if (!graph->edge[i].cut && component[graph->edge[i].from] == which && component[graph->edge[i].to] == which)
			candidates[count++] = (struct candidate){.edge = i, .weight = graph->edge[i].weight};
	qsort(candidates, count, sizeof(candidates[0]), by_weight);
	return count;
}

bool graph_cheapest_break(struct graph *graph, const uint32_t *component, uint32_t which, size_t tries,
			  struct graph_break *out_break)
{
	struct candidate *candidates = calloc(graph->edges + 1, sizeof(*candidates));
	uint32_t *after = calloc(2 * ((size_t)graph->nodes + 1), sizeof(*after));
	struct search search = {.graph = graph, .within = component, .which = which, .component = after};
	bool found = false;

	if (candidates && after && !search_init(&search, graph->nodes)) {
		size_t count = candidates_of(graph, component, which, candidates);

		for (size_t i = 0; i < count && i < tries; i++) {
			struct graph_break result = {.edge = candidates[i].edge, .weight = candidates[i].weight};

			graph->edge[result.edge].cut = true;
			try_break(graph, component, which, &search, after + graph->nodes + 1, &result);
			graph->edge[result.edge].cut = false;
			if (!found || better(&result, out_break))
				*out_break = result;
			found = true;
		}
	}
	search_release(&search);
	free(candidates);
	free(after);
	return found;
}

/* Breadth first from the end of the edge back to its start. */
size_t graph_shortest_cycle(const struct graph *graph, size_t edge, uint32_t *out_nodes, size_t room)
{
	uint32_t from = graph->edge[edge].from, to = graph->edge[edge].to;
	uint32_t *parent = malloc(2 * ((size_t)graph->nodes + 1) * sizeof(*parent));
	uint32_t *queue = parent ? parent + graph->nodes : NULL;
	size_t head = 0, tail = 0, count = 0;

	if (!parent)
		return 0;
	memset(parent, 0xff, graph->nodes * sizeof(*parent));
	parent[to] = to;
	queue[tail++] = to;
	while (head < tail && parent[from] == UNSEEN) {
		uint32_t node = queue[head++];

		for (size_t i = graph->first[node]; i < graph->first[node + 1]; i++) {
			if (graph->edge[i].cut || parent[graph->edge[i].to] != UNSEEN)
				continue;
			parent[graph->edge[i].to] = node;
			queue[tail++] = graph->edge[i].to;
		}
	}
	if (parent[from] != UNSEEN)
		for (uint32_t node = from; node != to; node = parent[node])
			count++;
	if (parent[from] != UNSEEN && count + 1 <= room) {
		out_nodes[0] = from;
		for (uint32_t node = parent[from], at = (uint32_t)count; at > 0; node = parent[node])
			out_nodes[at--] = node;
		/* parent[] runs from `from` back to `to`, so it was filled from the end: to stands behind from. */
		count++;
	} else {
		count = 0;
	}
	free(parent);
	return count;
}
