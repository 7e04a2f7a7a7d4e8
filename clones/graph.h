/* SPDX-License-Identifier: MIT
 *
 * A directed graph of modules, and what its shape tells: cycles, reach, and which edge to take out.
 *
 * No recursion, so a long chain of files cannot exhaust the stack.
 */
#ifndef CLONES_GRAPH_H
#define CLONES_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

#define GRAPH_REACH_NODES_MAX 12000u /* the closure takes nodes² / 8 bytes */

struct graph_edge {
	uint32_t from, to;
	uint32_t weight; /* places that make this edge */
	bool cut;        /* as if it were not there */
};

struct graph {
	uint32_t nodes;
	struct graph_edge *edge; /* sorted by from, then to */
	size_t edges;
	uint32_t *first; /* nodes + 1: where the edges of a node begin */
};

/* Sorts a copy of the edges and joins equal ones (weights add up). Edges to itself or out of range are left out.
 * 0 or ERR_MEMORY; release is harmless then. */
MUST_CHECK int graph_init(struct graph *graph, uint32_t nodes, const struct graph_edge *edges, size_t count);
void graph_release(struct graph *graph);

/* The number of the edge, or SIZE_MAX. */
size_t graph_find(const struct graph *graph, uint32_t from, uint32_t to);

/* Strongly connected components (Tarjan, Depth-first search and linear graph algorithms, 1972). `out_component` has room for
 * all nodes; the numbers run from 0 in reverse topological order: an edge leads to a number that is not higher. */
MUST_CHECK int graph_components(const struct graph *graph, uint32_t *out_component, uint32_t *out_count);

/* The share of all ordered pairs (a, b), a = b included, where a reaches b: what a change touches on average, "propagation cost"
 * (MacCormack, Rusnak, Baldwin, Exploring the Structure of Complex Software Designs, 2006). ERR_LIMIT: too many nodes. */
MUST_CHECK int graph_propagation(const struct graph *graph, double *out_cost);

/* What cutting one edge of a cycle does. */
struct graph_break {
	size_t edge;
	uint32_t weight;       /* places that would have to change */
	uint32_t still_cyclic; /* nodes of the component that are in a cycle afterwards */
	uint32_t largest;      /* of the components that are left of it */
};

/* The edge within component `which` whose cutting leaves the fewest nodes in a cycle for the fewest places to change, tried one
 * after the other. False: it has none, or memory ran out. At most `tries` edges are tried, those of least weight first. */
bool graph_cheapest_break(struct graph *graph, const uint32_t *component, uint32_t which, size_t tries,
			  struct graph_break *out_break);

/* Nodes in a component of two or more, and the size of the largest. */
void graph_cyclic(const uint32_t *component, uint32_t nodes, uint32_t count, uint32_t *out_cyclic, uint32_t *out_largest);

/* A shortest cycle through an edge that is not cut: nodes from edge->from over edge->to back, without repeating the first. Returns
 * their number, 0 if there is none or it does not fit into `room`. */
size_t graph_shortest_cycle(const struct graph *graph, size_t edge, uint32_t *out_nodes, size_t room);

#endif
