/* SPDX-License-Identifier: MIT
 *
 * The table below the index and the refs, against a list; with hashes that are all different and hashes that nearly all collide.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#include "tests/workspace/store/world.h"

#define NODES 3000

struct node {
	_Alignas(16) uint64_t key;
	bool stays;
	unsigned seen;
};

static struct node nodes[NODES];

static bool is_same(const void *key, const void *node)
{
	return *(const uint64_t *)key == ((const struct node *)node)->key;
}

typedef uint64_t hash_of(uint64_t key);

static uint64_t spread(uint64_t key)
{
	return key * 0x9e3779b97f4a7c15u;
}

/* A few places, at the end of the table, so that it goes round. */
static uint64_t crowded(uint64_t key)
{
	return UINT64_MAX << 43 | (key % 3) << 43;
}

static struct node *get(struct hash_table *table, hash_of *hash, uint64_t key)
{
	return hash_table_get(table, hash(key), is_same, &key);
}

static void put(struct world *world, struct hash_table *table, hash_of *hash, struct node *node, void *expected)
{
	void *winner = NULL;
	assert_int_equal(hash_table_put(world->agents[0], table, hash(node->key), is_same, &node->key, node, &winner), 0);
	assert_ptr_equal(winner, expected);
}

static int see(void *context, void *node)
{
	(void)context;
	((struct node *)node)->seen++;
	return 0;
}

static void check_each(struct hash_table *table, unsigned count)
{
	for (unsigned i = 0; i < NODES; i++)
		nodes[i].seen = 0;
	assert_int_equal(hash_table_each(table, see, NULL), 0);
	for (unsigned i = 0; i < NODES; i++)
		assert_int_equal(nodes[i].seen, i < count);
}

static bool stays(void *context, void *node)
{
	(void)context;
	return ((struct node *)node)->stays;
}

static void sweep(struct world *world, struct hash_table *table, hash_of *hash, unsigned keep_each)
{
	for (unsigned i = 0; i < NODES; i++)
		nodes[i].stays = i % keep_each == 0;
	assert_int_equal(hash_table_settle(world->agents[0], table), 0);
	hash_table_sweep(world->agents[0], table, stays, NULL);
	for (unsigned i = 0; i < NODES; i++)
		assert_ptr_equal(get(table, hash, nodes[i].key), nodes[i].stays ? &nodes[i] : NULL);
}

static void fill_and_sweep(hash_of *hash, unsigned count)
{
	struct world world;
	struct hash_table table = {NULL};
	struct node double_of = {0};

	world_open(&world, 1, 0, false);
	workspace_begin(world.agents[0]);
	assert_int_equal(hash_table_init(world.agents[0], &table), 0);
	for (unsigned i = 0; i < count; i++) {
		nodes[i] = (struct node){.key = i + 1};
		assert_null(get(&table, hash, i + 1));
		put(&world, &table, hash, &nodes[i], &nodes[i]);
		double_of.key = i / 2 + 1;
		put(&world, &table, hash, &double_of, &nodes[i / 2]);
		if (i % 97 == 0)
			check_each(&table, i + 1); /* while it grows, too */
	}
	for (unsigned i = 0; i < count; i++)
		assert_ptr_equal(get(&table, hash, i + 1), &nodes[i]);
	for (unsigned i = count; i < NODES; i++)
		nodes[i] = (struct node){.key = UINT64_MAX - i};
	if (count == NODES) {
		sweep(&world, &table, hash, 3);
		for (unsigned i = 0; i < NODES; i++)
			put(&world, &table, hash, &nodes[i], &nodes[i]);
		check_each(&table, NODES);
		sweep(&world, &table, hash, NODES);
	}
	hash_table_release(world.agents[0], &table);
	workspace_end(world.agents[0]);
	world_close(&world);
}

static void test_a_table_has_what_was_put_there_once(void **state)
{
	(void)state;
	fill_and_sweep(spread, NODES);
}

static void test_a_table_bears_hashes_that_collide(void **state)
{
	(void)state;
	fill_and_sweep(crowded, 500);
}

static void test_a_table_without_memory_says_so_and_loses_nothing(void **state)
{
	static void *pieces[4000000];
	struct world world;
	struct hash_table table = {NULL};
	unsigned count = 0, piece_count = 0;
	void *winner;

	(void)state;
	world_open(&world, 1, (uint64_t)8 << 20, false);
	struct workspace_agent *agent = world.agents[0];
	workspace_begin(agent);
	assert_int_equal(hash_table_init(agent, &table), 0);
	for (size_t bytes = 32768; bytes >= 512; bytes = bytes * 31 / 32 / 16 * 16)
		while (piece_count < 4000000 && (pieces[piece_count] = memory_take(agent, bytes)))
			piece_count++;
	for (unsigned i = 0; i < NODES; i++)
		nodes[i] = (struct node){.key = i + 1};
	while (count < NODES &&
	       !hash_table_put(agent, &table, spread(count + 1), is_same, &nodes[count].key, &nodes[count], &winner))
		count++;
	assert_in_range(count, 56, NODES - 1);
	assert_int_equal(agent->rc, ERR_FULL);
	check_each(&table, count);
	for (unsigned i = 0; i < NODES; i++)
		assert_ptr_equal(get(&table, spread, i + 1), i < count ? &nodes[i] : NULL);
	workspace_end(agent);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_table_has_what_was_put_there_once),
		cmocka_unit_test(test_a_table_bears_hashes_that_collide),
		cmocka_unit_test(test_a_table_without_memory_says_so_and_loses_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
