/* SPDX-License-Identifier: MIT
 *
 * The graph against a naive reference on random graphs, and by hand on small ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "clones/graph.h"

#define NODES_MAX 12u
#define ROUNDS    3000

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % bound;
}

struct small {
	uint32_t nodes;
	uint32_t weight[NODES_MAX][NODES_MAX]; /* 0: no edge */
	bool reach[NODES_MAX][NODES_MAX];
};

/* Floyd and Warshall. */
static void reach(struct small *small)
{
	uint32_t n = small->nodes;

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < n; j++)
			small->reach[i][j] = i == j || small->weight[i][j];
	for (uint32_t k = 0; k < n; k++)
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t j = 0; j < n; j++)
				small->reach[i][j] |= small->reach[i][k] && small->reach[k][j];
}

static void small_random(struct small *small, struct graph *graph)
{
	struct graph_edge edges[NODES_MAX * NODES_MAX * 2];
	size_t count = 0;
	uint32_t density = 1 + random_below(30);

	memset(small, 0, sizeof(*small));
	small->nodes = 1 + random_below(NODES_MAX);
	for (uint32_t i = 0; i < small->nodes; i++)
		for (uint32_t j = 0; j < small->nodes; j++)
			for (int twice = 0; twice < 2; twice++) {
				if (random_below(100) >= density)
					continue;
				edges[count++] = (struct graph_edge){.from = i, .to = j, .weight = 1};
				small->weight[i][j] += i != j;
			}
	/* The order must not matter. */
	for (size_t i = count; i > 1; i--) {
		size_t other = random_below((uint32_t)i);
		struct graph_edge swap = edges[i - 1];

		edges[i - 1] = edges[other];
		edges[other] = swap;
	}
	assert_int_equal(graph_init(graph, small->nodes, edges, count), 0);
	reach(small);
}

static uint32_t cyclic_nodes(const struct small *small)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < small->nodes; i++)
		for (uint32_t j = 0; j < small->nodes; j++)
			if (i != j && small->reach[i][j] && small->reach[j][i]) {
				count++;
				break;
			}
	return count;
}

static void test_components_are_what_reaches_one_another(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct small small;
		struct graph graph;
		uint32_t component[NODES_MAX], count, cyclic, largest;

		random_state = (uint64_t)round;
		small_random(&small, &graph);
		assert_int_equal(graph_components(&graph, component, &count), 0);
		for (uint32_t i = 0; i < small.nodes; i++)
			for (uint32_t j = 0; j < small.nodes; j++)
				assert_int_equal(component[i] == component[j], small.reach[i][j] && small.reach[j][i]);
		/* Reverse topological order. */
		for (size_t i = 0; i < graph.edges; i++)
			assert_true(component[graph.edge[i].to] <= component[graph.edge[i].from]);
		graph_cyclic(component, small.nodes, count, &cyclic, &largest);
		assert_int_equal(cyclic, cyclic_nodes(&small));
		graph_release(&graph);
	}
}

static void test_propagation_is_the_share_of_pairs_that_reach(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct small small;
		struct graph graph;
		uint32_t pairs = 0;
		double cost;

		random_state = (uint64_t)round + 77;
		small_random(&small, &graph);
		for (uint32_t i = 0; i < small.nodes; i++)
			for (uint32_t j = 0; j < small.nodes; j++)
				pairs += small.reach[i][j];
		assert_int_equal(graph_propagation(&graph, &cost), 0);
		assert_true(fabs(cost - (double)pairs / (small.nodes * small.nodes)) < 1e-12);
		graph_release(&graph);
	}
}

/* Nodes of a component that are in a cycle once the edge is gone, by the reference. */
static uint32_t left_after(const struct small *small, uint32_t from, uint32_t to, const uint32_t *component)
{
	struct small cut = *small;
	uint32_t count = 0;

	cut.weight[from][to] = 0;
	reach(&cut);
	for (uint32_t i = 0; i < cut.nodes; i++)
		for (uint32_t j = 0; j < cut.nodes && component[i] == component[from]; j++)
			if (i != j && cut.reach[i][j] && cut.reach[j][i]) {
				count++;
				break;
			}
	return count;
}

static void assert_best(struct graph *graph, const struct small *small, const uint32_t *component, uint32_t which)
{
	struct graph_break found;
	uint32_t best = UINT32_MAX, best_weight = UINT32_MAX;

	for (uint32_t i = 0; i < small->nodes; i++)
		for (uint32_t j = 0; j < small->nodes; j++) {
			uint32_t left;

			if (!small->weight[i][j] || component[i] != which || component[j] != which)
				continue;
			left = left_after(small, i, j, component);
			if (left < best || (left == best && small->weight[i][j] < best_weight)) {
				best = left;
				best_weight = small->weight[i][j];
			}
		}
	assert_int_equal(graph_cheapest_break(graph, component, which, SIZE_MAX, &found), best != UINT32_MAX);
	if (best == UINT32_MAX)
		return;
	assert_int_equal(found.still_cyclic, best);
	assert_int_equal(found.weight, best_weight);
	assert_int_equal(left_after(small, graph->edge[found.edge].from, graph->edge[found.edge].to, component), best);
}

static void test_the_cheapest_break_leaves_least(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS / 5; round++) {
		struct small small;
		struct graph graph;
		uint32_t component[NODES_MAX], count;

		random_state = (uint64_t)round + 4242;
		small_random(&small, &graph);
		assert_int_equal(graph_components(&graph, component, &count), 0);
		for (uint32_t c = 0; c < count; c++)
			assert_best(&graph, &small, component, c);
		for (size_t i = 0; i < graph.edges; i++)
			assert_false(graph.edge[i].cut); /* nothing stays cut */
		graph_release(&graph);
	}
}

/* Steps of the shortest way, by the reference; 0: there is none. */
static uint32_t distance(const struct small *small, uint32_t from, uint32_t to)
{
	bool seen[NODES_MAX] = {false}, now[NODES_MAX] = {false};

	now[from] = seen[from] = true;
	for (uint32_t steps = 1; steps <= small->nodes; steps++) {
		bool next[NODES_MAX] = {false};

		for (uint32_t i = 0; i < small->nodes; i++)
			for (uint32_t j = 0; j < small->nodes; j++)
				next[j] |= now[i] && small->weight[i][j];
		if (next[to])
			return steps;
		memcpy(now, next, sizeof(now));
	}
	return 0;
}

static void test_the_shortest_cycle_is_a_cycle_and_shortest(void **state)
{
	(void)state;
	for (int round = 0; round < ROUNDS / 3; round++) {
		struct small small;
		struct graph graph;
		uint32_t nodes[NODES_MAX];

		random_state = (uint64_t)round + 99999;
		small_random(&small, &graph);
		for (size_t i = 0; i < graph.edges; i++) {
			uint32_t back = distance(&small, graph.edge[i].to, graph.edge[i].from);
			size_t length = graph_shortest_cycle(&graph, i, nodes, NODES_MAX);

			assert_int_equal(length, back ? back + 1 : 0);
			for (size_t at = 0; at < length; at++)
				assert_true(small.weight[nodes[at]][nodes[(at + 1) % length]] > 0);
			if (length) {
				assert_int_equal(nodes[0], graph.edge[i].from);
				assert_int_equal(nodes[1], graph.edge[i].to);
			}
		}
		graph_release(&graph);
	}
}

static void test_a_chain_of_a_hundred_thousand_needs_no_deep_stack(void **state)
{
	uint32_t nodes = 100000, count;
	struct graph_edge *edges = calloc(nodes, sizeof(*edges));
	uint32_t *component = calloc(nodes, sizeof(*component));
	struct graph graph;

	(void)state;
	assert_non_null(edges);
	assert_non_null(component);
	for (uint32_t i = 0; i < nodes; i++)
		edges[i] = (struct graph_edge){.from = i, .to = (i + 1) % nodes, .weight = 1};
	assert_int_equal(graph_init(&graph, nodes, edges, nodes), 0);
	assert_int_equal(graph_components(&graph, component, &count), 0);
	assert_int_equal(count, 1);
	graph_release(&graph);
	assert_int_equal(graph_init(&graph, nodes, edges, nodes - 1), 0);
	assert_int_equal(graph_components(&graph, component, &count), 0);
	assert_int_equal(count, nodes);
	graph_release(&graph);
	free(edges);
	free(component);
}

static void test_odd_edges_are_left_out_and_an_empty_graph_is_one(void **state)
{
	const struct graph_edge edges[] = {
		{.from = 0, .to = 0, .weight = 1}, {.from = 7, .to = 0, .weight = 1}, {.from = 0, .to = 9, .weight = 1}};
	struct graph graph;
	uint32_t component[2], count;
	double cost;

	(void)state;
	assert_int_equal(graph_init(&graph, 2, edges, 3), 0);
	assert_int_equal(graph.edges, 0);
	graph_release(&graph);
	assert_int_equal(graph_init(&graph, 0, NULL, 0), 0);
	assert_int_equal(graph_components(&graph, component, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(graph_propagation(&graph, &cost), 0);
	assert_true(cost == 0);
	graph_release(&graph);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_components_are_what_reaches_one_another),
		cmocka_unit_test(test_propagation_is_the_share_of_pairs_that_reach),
		cmocka_unit_test(test_the_cheapest_break_leaves_least),
		cmocka_unit_test(test_the_shortest_cycle_is_a_cycle_and_shortest),
		cmocka_unit_test(test_a_chain_of_a_hundred_thousand_needs_no_deep_stack),
		cmocka_unit_test(test_odd_edges_are_left_out_and_an_empty_graph_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
