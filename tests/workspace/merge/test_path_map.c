/* SPDX-License-Identifier: MIT
 *
 * The order of a map, as a program in another language gives it that knows the rule in path_map.h only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "workspace/merge/path_map.h"

/* Of lib/0, lib/1, … put one after the other: as many as fit into the first chains, and some more. */
static const unsigned order_51[] = {50, 9,  8,  18, 19, 16, 3,  17, 2,  14, 1,  15, 0,  12, 7,  13, 6,
				    10, 5,  11, 4,  29, 28, 23, 22, 21, 20, 27, 26, 25, 24, 38, 39, 49,
				    48, 45, 30, 44, 31, 47, 32, 46, 33, 41, 34, 40, 35, 43, 36, 42, 37};
static const unsigned order_60[] = {29, 28, 23, 22, 21, 20, 27, 26, 25, 24, 9,  8,  3,  2,  1,  0,  7,  6,  5,  4,
				    18, 19, 16, 17, 14, 15, 12, 13, 10, 11, 38, 39, 49, 48, 30, 45, 31, 44, 32, 47,
				    33, 46, 34, 41, 35, 40, 36, 43, 37, 42, 58, 59, 52, 53, 50, 51, 56, 57, 54, 55};

static void put(struct path_map *map, struct merge_pool *pool, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		char path[20];
		int bytes = snprintf(path, sizeof(path), "lib/%u", i);
		const char *kept = merge_pool_text(pool, path, (size_t)bytes);
		assert_non_null(kept);
		struct path_map_entry *entry = path_map_put(map, pool, kept);
		assert_non_null(entry);
		entry->number = (int)i;
	}
}

static void assert_order(const struct path_map *map, const unsigned *order, unsigned count)
{
	const struct path_map_entry *entry = NULL;
	for (unsigned i = 0; i < count; i++) {
		entry = path_map_next(map, entry);
		assert_non_null(entry);
		assert_int_equal(entry->number, order[i]);
	}
	assert_null(path_map_next(map, entry));
	assert_int_equal(map->count, count);
}

static void test_entries_come_in_the_order_that_git_has(void **state)
{
	(void)state;
	struct merge_pool pool = {0};
	struct path_map map = {0};
	assert_null(path_map_next(&map, NULL));
	put(&map, &pool, 0, 51);
	assert_order(&map, order_51, 51);
	put(&map, &pool, 0, 51);
	assert_order(&map, order_51, 51);
	put(&map, &pool, 51, 60);
	assert_order(&map, order_60, 60);
	path_map_release(&map);
	merge_pool_release(&pool);
}

static void test_an_emptied_map_keeps_its_chains(void **state)
{
	(void)state;
	struct merge_pool pool = {0};
	struct path_map map = {0}, fresh = {0};
	put(&map, &pool, 0, 60);
	path_map_empty(&map);
	assert_null(path_map_find(&map, "lib/7"));
	put(&map, &pool, 0, 60);
	put(&fresh, &pool, 0, 60);
	assert_int_equal(map.chain_count, 256);
	/* Entries that did not move from smaller chains stand the other way round where they share one. */
	const struct path_map_entry *one = NULL, *two = NULL;
	bool differ = false;
	for (unsigned i = 0; i < 60; i++) {
		one = path_map_next(&map, one);
		two = path_map_next(&fresh, two);
		differ |= one->number != two->number;
	}
	assert_true(differ);
	path_map_release(&map);
	path_map_release(&fresh);
	merge_pool_release(&pool);
}

static void test_what_is_removed_is_gone_and_the_rest_stays(void **state)
{
	(void)state;
	struct merge_pool pool = {0};
	struct path_map map = {0};
	path_map_remove(&map, "lib/1");
	put(&map, &pool, 0, 60);
	for (unsigned i = 0; i < 60; i += 2) {
		char path[20];
		snprintf(path, sizeof(path), "lib/%u", i);
		path_map_remove(&map, path);
		assert_null(path_map_find(&map, path));
	}
	assert_int_equal(map.count, 30);
	assert_int_equal(path_map_find(&map, "lib/31")->number, 31);
	path_map_release(&map);
	merge_pool_release(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries_come_in_the_order_that_git_has),
		cmocka_unit_test(test_an_emptied_map_keeps_its_chains),
		cmocka_unit_test(test_what_is_removed_is_gone_and_the_rest_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
