/* SPDX-License-Identifier: MIT
 *
 * The routing table: look-up, final errors, worst case, and bytes that are the same for the same table.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "routing/pack.h"
#include "routing/table.h"

/* ---- tables from a seed ---- */

static uint64_t seed_next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint32_t below(uint64_t *seed, uint32_t bound)
{
	return (uint32_t)(seed_next(seed) % bound);
}

static void name_make(uint64_t *seed, uint32_t number, char *out_name, uint32_t capacity)
{
	const uint32_t bytes = 2 + below(seed, capacity - 2);

	for (uint32_t i = 0; i + 1 < bytes; i++)
		out_name[i] = (char)('a' + below(seed, 26));
	out_name[0] = (char)('a' + number % 16);
	if (bytes > 2)
		out_name[1] = (char)('a' + number / 16);
}

static void route_make(uint64_t *seed, uint32_t number, struct route *route)
{
	name_make(seed, number, route->task_type, TASK_TYPE_BYTES);
	route->task_type[0] = (char)('a' + number % 16);
	route->task_type[1] = (char)('a' + number / 16);
	route->destination_count = 1 + below(seed, DESTINATIONS_MAX);
	for (uint32_t i = 0; i < route->destination_count; i++)
		name_make(seed, i, route->destination[i], ROLE_BYTES);
	route->priority = 1 + below(seed, 4);
	route->retries = below(seed, 21);
	route->start_ms = (uint32_t)seed_next(seed);
	route->timeout_ms = (uint32_t)seed_next(seed);
	route->timeout_max_ms = (uint32_t)seed_next(seed);
	route->heartbeat_ms = (uint32_t)seed_next(seed);
	route->deadline_ms = (uint32_t)seed_next(seed);
	route->backoff.initial_ms = (uint32_t)seed_next(seed);
	route->backoff.maximum_ms = (uint32_t)seed_next(seed);
	route->backoff.factor_permille = 1000 + below(seed, 100000);
	route->backoff.jitter_permille = below(seed, 1001);
	route->queue_max = (uint32_t)seed_next(seed);
	route->non_retryable_count = below(seed, NON_RETRYABLE_MAX + 1);
	for (uint32_t i = 0; i < route->non_retryable_count; i++)
		route->non_retryable[i] = (uint32_t)seed_next(seed);
	if (below(seed, 2))
		name_make(seed, 3, route->escalate_to, ROLE_BYTES);
	route->retired = below(seed, 2);
}

static struct table *table_make(uint64_t seed, uint32_t route_count)
{
	struct table *table = calloc(1, sizeof(*table));

	assert_non_null(table);
	table_init(table);
	table->version = (uint32_t)seed_next(&seed);
	for (uint32_t i = 1; i < PRIORITY_COUNT; i++)
		table->weight[i] = (uint32_t)seed_next(&seed);
	table->age_ms = (uint32_t)seed_next(&seed);
	table->tasks_max = (uint32_t)seed_next(&seed);
	table->route_count = route_count;
	for (uint32_t i = 0; i < route_count; i++)
		route_make(&seed, i, &table->route[i]);
	return table;
}

/* The canonical bytes in memory of exactly that size, so that a byte too many is seen by the sanitizer. */
static uint8_t *bytes_of(const struct table *table, size_t *out_bytes)
{
	uint8_t *at;

	assert_int_equal(table_encode(table, NULL, 0, out_bytes), ERR_FULL);
	assert_true(*out_bytes <= TABLE_BYTES_MAX);
	at = malloc(*out_bytes);
	assert_non_null(at);
	assert_int_equal(table_encode(table, at, *out_bytes, out_bytes), 0);
	return at;
}

/* ---- bytes ---- */

static void test_a_table_comes_back_from_its_bytes(void **state)
{
	struct table *back = malloc(sizeof(*back));

	(void)state;
	assert_non_null(back);
	for (uint64_t seed = 0; seed < 500; seed++) {
		struct table *table = table_make(seed, (uint32_t)(seed % (ROUTES_MAX + 1)));
		size_t bytes;
		uint8_t *at = bytes_of(table, &bytes);

		memset(back, 0xa5, sizeof(*back));
		assert_int_equal(table_decode(at, bytes, back), 0);
		assert_memory_equal(back->route, table->route, sizeof(table->route));
		assert_memory_equal(back->weight, table->weight, sizeof(table->weight));
		assert_int_equal(back->version, table->version);
		assert_int_equal(back->age_ms, table->age_ms);
		assert_int_equal(back->lost_max, table->lost_max);
		assert_int_equal(back->cancel_grace_ms, table->cancel_grace_ms);
		assert_int_equal(back->breaker_failures, table->breaker_failures);
		assert_int_equal(back->breaker_open_ms, table->breaker_open_ms);
		assert_int_equal(back->tasks_max, table->tasks_max);
		assert_int_equal(back->retry_after_ms, table->retry_after_ms);
		assert_int_equal(back->route_count, table->route_count);
		free(at);
		free(table);
	}
	free(back);
}

static void test_every_cut_of_an_encoded_table_is_refused_and_leaves_the_old_one(void **state)
{
	struct table *table = table_make(7, 3), *back = table_make(8, 2), *before = table_make(8, 2);
	size_t bytes;
	uint8_t *at = bytes_of(table, &bytes);

	(void)state;
	for (size_t cut = 0; cut < bytes; cut++) {
		uint8_t *part = malloc(cut ? cut : 1);

		assert_non_null(part);
		memcpy(part, at, cut);
		assert_int_equal(table_decode(part, cut, back), ERR_MALFORMED);
		assert_memory_equal(back, before, sizeof(*back));
		free(part);
	}
	free(at);
	free(table);
	free(back);
	free(before);
}

static void test_every_buffer_that_is_too_small_is_told_the_size_it_needs(void **state)
{
	struct table *table = table_make(9, 2);
	size_t bytes, told;
	uint8_t *at = bytes_of(table, &bytes);

	(void)state;
	for (size_t capacity = 0; capacity < bytes; capacity++) {
		uint8_t *part = malloc(capacity ? capacity : 1);

		assert_non_null(part);
		assert_int_equal(table_encode(table, part, capacity, &told), ERR_FULL);
		assert_int_equal(told, bytes);
		free(part);
	}
	free(at);
	free(table);
}

static void test_a_byte_too_many_is_refused(void **state)
{
	struct table *table = table_make(10, 1), *back = malloc(sizeof(*back));
	uint8_t at[TABLE_BYTES_MAX] = {0};
	size_t bytes;

	(void)state;
	assert_non_null(back);
	assert_int_equal(table_encode(table, at, sizeof(at), &bytes), 0);
	assert_int_equal(table_decode(at, bytes, back), 0);
	assert_int_equal(table_decode(at, bytes + 1, back), ERR_MALFORMED);
	free(table);
	free(back);
}

/* Whatever a flipped bit makes of it: either it is refused, or it is the one encoding of another table. */
static void test_what_is_accepted_is_canonical(void **state)
{
	struct table *table = table_make(11, 4), *back = malloc(sizeof(*back));
	uint8_t again[TABLE_BYTES_MAX];
	size_t bytes, again_bytes, refused = 0;
	uint8_t *at = bytes_of(table, &bytes);

	(void)state;
	assert_non_null(back);
	for (size_t bit = 0; bit < bytes * 8; bit++) {
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (table_decode(at, bytes, back) == 0) {
			assert_int_equal(table_encode(back, again, sizeof(again), &again_bytes), 0);
			assert_int_equal(again_bytes, bytes);
			assert_memory_equal(again, at, bytes);
		} else {
			refused++;
		}
		at[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(refused > 100); /* layout, lengths, counts, priority and flag at least */
	free(at);
	free(table);
	free(back);
}

static void test_a_task_type_is_routed_once(void **state)
{
	struct table *table = table_make(12, 2), *back = malloc(sizeof(*back));
	size_t bytes;
	uint8_t *at;

	(void)state;
	assert_non_null(back);
	memcpy(table->route[1].task_type, table->route[0].task_type, TASK_TYPE_BYTES);
	at = bytes_of(table, &bytes);
	assert_int_equal(table_decode(at, bytes, back), ERR_MALFORMED);
	free(at);
	free(table);
	free(back);
}

static void no_destination(struct route *route)
{
	route->destination_count = 0;
}

static void empty_destination(struct route *route)
{
	route->destination[0][0] = '\0';
}

static void empty_type(struct route *route)
{
	route->task_type[0] = '\0';
}

static void no_priority(struct route *route)
{
	route->priority = PRIORITY_NONE;
}

static void unknown_priority(struct route *route)
{
	route->priority = PRIORITY_COUNT;
}

static void shrinking_backoff(struct route *route)
{
	route->backoff.factor_permille = 999;
}

static void more_jitter_than_wait(struct route *route)
{
	route->backoff.jitter_permille = 1001;
}

static void test_what_no_table_can_hold_is_refused(void **state)
{
	static void (*const spoil[])(struct route *) = {no_destination,   empty_destination, empty_type,           no_priority,
							unknown_priority, shrinking_backoff, more_jitter_than_wait};
	struct table *back = malloc(sizeof(*back));

	(void)state;
	assert_non_null(back);
	for (size_t i = 0; i < sizeof(spoil) / sizeof(spoil[0]); i++) {
		struct table *table = table_make(13, 1);
		size_t bytes;
		uint8_t *at;

		spoil[i](&table->route[0]);
		at = bytes_of(table, &bytes);
		if (table_decode(at, bytes, back) != ERR_MALFORMED)
			fail_msg("spoilt table %zu was accepted", i);
		free(at);
		free(table);
	}
	free(back);
}

/* Tables stand in trails: these bytes never change. */
static void test_the_layout_of_the_bytes_is_fixed(void **state)
{
	static const uint8_t expected[] = {
		0, 0,   0,    1,    0, 0, 0,    7, /* layout, version */
		0, 0,   0,    1,    0, 0, 0,    2,    0,   0, 0,    4,
		0, 0,   0,    8,                                          /* weights, low to urgent */
		0, 0,   0x75, 0x30, 0, 0, 0,    3,    0,   0, 0x27, 0x10, /* age, lost_max, cancel_grace */
		0, 0,   0,    5,    0, 0, 0x75, 0x30, 0,   3, 0x0d, 0x40,
		0, 0,   0x03, 0xe8,                        /* breaker, tasks_max, retry_after */
		0, 0,   0,    1,                           /* routes */
		1, 't', 0,    0,    0, 1, 2,    'a',  'b', /* type, destinations */
		0, 0,   0,    3,    0, 0, 0,    2,    0,   0, 0,    10,
		0, 0,   0,    20,                                       /* priority, retries, start, timeout */
		0, 0,   0,    30,   0, 0, 0,    40,   0,   0, 0,    50, /* timeout_max, heartbeat, deadline */
		0, 0,   0,    60,   0, 0, 0,    70,   0,   0, 0x07, 0xd0,
		0, 0,   0,    200, /* backoff */
		0, 0,   0,    80,   0, 0, 0,    1,    0,   0, 0,    66,
		1, 'c', 1, /* queue, non_retryable, escalate_to, retired */
	};
	struct table *table = calloc(1, sizeof(*table));
	struct route *route;
	size_t bytes;
	uint8_t *at;

	(void)state;
	assert_non_null(table);
	table_init(table);
	table->version = 7;
	table->route_count = 1;
	route = &table->route[0];
	*route = (struct route){.task_type = "t", .destination = {"ab"}, .destination_count = 1, .priority = 3, .retries = 2};
	route->start_ms = 10;
	route->timeout_ms = 20;
	route->timeout_max_ms = 30;
	route->heartbeat_ms = 40;
	route->deadline_ms = 50;
	route->backoff = (struct backoff){60, 70, 2000, 200};
	route->queue_max = 80;
	route->non_retryable[0] = 66;
	route->non_retryable_count = 1;
	route->escalate_to[0] = 'c';
	route->retired = true;
	at = bytes_of(table, &bytes);
	assert_int_equal(bytes, sizeof(expected));
	assert_memory_equal(at, expected, bytes);
	free(at);
	free(table);
}

/* ---- meaning ---- */

static void test_a_route_is_found_by_its_whole_name_only(void **state)
{
	struct table *table = calloc(1, sizeof(*table));

	(void)state;
	assert_non_null(table);
	table->route_count = 2;
	memcpy(table->route[0].task_type, "abc", 4);
	memcpy(table->route[1].task_type, "ab", 3);
	assert_int_equal(table_find(table, "abc", 3), 0);
	assert_int_equal(table_find(table, "abcd", 2), 1);
	assert_int_equal(table_find(table, "abcd", 4), -1);
	assert_int_equal(table_find(table, "a", 1), -1);
	assert_int_equal(table_find(table, "", 0), -1);
	table->route[1].retired = true;
	assert_int_equal(table_find(table, "ab", 2), 1);
	free(table);
}

static void test_a_name_that_fills_its_field_is_found_and_a_longer_one_is_not(void **state)
{
	struct table *table = calloc(1, sizeof(*table));
	char name[TASK_TYPE_BYTES + 1];

	(void)state;
	assert_non_null(table);
	memset(name, 'x', sizeof(name));
	table->route_count = 1;
	memset(table->route[0].task_type, 'x', TASK_TYPE_BYTES - 1);
	assert_int_equal(table_find(table, name, TASK_TYPE_BYTES - 1), 0);
	assert_int_equal(table_find(table, name, TASK_TYPE_BYTES), -1);
	assert_int_equal(table_find(table, name, TASK_TYPE_BYTES + 1), -1);
	free(table);
}

static void test_errors_are_final_by_nature_or_by_the_route(void **state)
{
	struct route route = {.non_retryable = {ERROR_TASK_FAILED, ERROR_BUSY}, .non_retryable_count = 1};

	(void)state;
	assert_true(route_is_final(&route, ERROR_INVALID_PARAMETERS));
	assert_true(route_is_final(&route, ERROR_TASK_FAILED));
	assert_false(route_is_final(&route, ERROR_TIMED_OUT));
	assert_false(route_is_final(&route, ERROR_LOST));
	assert_false(route_is_final(&route, ERROR_BUSY)); /* past the count */
	assert_true(route_is_final(&route, 999999));      /* of a newer version: trying again might do harm */
	route.non_retryable_count = 0;
	assert_false(route_is_final(&route, ERROR_TASK_FAILED));
}

static void test_the_worst_case_counts_every_attempt_and_every_wait(void **state)
{
	struct route route = {.destination_count = 2, .retries = 1, .start_ms = 10, .timeout_ms = 100};

	(void)state;
	route.backoff = (struct backoff){.initial_ms = 1000, .maximum_ms = 3000, .factor_permille = 2000, .jitter_permille = 500};
	assert_int_equal(route_worst_ms(&route), 4 * 110 + 1000 + 2000 + 3000);
	route.destination_count = 1;
	assert_int_equal(route_worst_ms(&route), 2 * 110 + 1000);
	route.retries = 2;
	route.backoff.factor_permille = 1500;
	assert_int_equal(route_worst_ms(&route), 3 * 110 + 1000 + 1500);
	route.retries = 0;
	assert_int_equal(route_worst_ms(&route), 110);
}

static void test_the_worst_case_does_not_overflow(void **state)
{
	struct route route = {.destination_count = 5, .retries = 1000, .start_ms = UINT32_MAX, .timeout_ms = UINT32_MAX};

	(void)state;
	route.backoff = (struct backoff){UINT32_MAX, UINT32_MAX, UINT32_MAX, 0};
	assert_true(route_worst_ms(&route) == 5005ull * 2 * UINT32_MAX + 5004ull * UINT32_MAX);
}

/* ---- the packer itself ---- */

static void test_numbers_come_back_big_endian(void **state)
{
	uint8_t at[32];
	struct packer packer = packer_of(at, sizeof(at));
	struct unpacker unpacker;

	(void)state;
	pack_u8(&packer, 0x12);
	pack_u16(&packer, 0x3456);
	pack_u64(&packer, 0x0123456789abcdefu);
	pack_flag(&packer, true);
	pack_text(&packer, "name", 8);
	assert_memory_equal(at, "\x12\x34\x56\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x04name", 17);
	unpacker = unpacker_of(at, packer.bytes);
	assert_int_equal(unpack_u8(&unpacker), 0x12);
	assert_int_equal(unpack_u16(&unpacker), 0x3456);
	assert_true(unpack_u64(&unpacker) == 0x0123456789abcdefu);
	assert_true(unpack_flag(&unpacker));
	assert_false(unpacker_done(&unpacker));
	assert_memory_equal(unpack_span(&unpacker, 5), "\4name", 5);
	assert_true(unpacker_done(&unpacker));
	assert_int_equal(unpack_u8(&unpacker), 0);
	assert_true(unpacker.bad);
}

static void test_a_text_that_does_not_fit_or_holds_a_nul_is_bad(void **state)
{
	struct unpacker good = unpacker_of((const uint8_t *)"\3abc", 4), tight = good,
			odd = unpacker_of((const uint8_t *)"\3a\0c", 4);
	char name[4];

	(void)state;
	unpack_text(&good, name, 4);
	assert_true(unpacker_done(&good));
	assert_string_equal(name, "abc");
	unpack_text(&tight, name, 3);
	assert_true(tight.bad);
	unpack_text(&odd, name, 4);
	assert_true(odd.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_table_comes_back_from_its_bytes),
		cmocka_unit_test(test_every_cut_of_an_encoded_table_is_refused_and_leaves_the_old_one),
		cmocka_unit_test(test_every_buffer_that_is_too_small_is_told_the_size_it_needs),
		cmocka_unit_test(test_a_byte_too_many_is_refused),
		cmocka_unit_test(test_what_is_accepted_is_canonical),
		cmocka_unit_test(test_a_task_type_is_routed_once),
		cmocka_unit_test(test_what_no_table_can_hold_is_refused),
		cmocka_unit_test(test_the_layout_of_the_bytes_is_fixed),
		cmocka_unit_test(test_a_route_is_found_by_its_whole_name_only),
		cmocka_unit_test(test_a_name_that_fills_its_field_is_found_and_a_longer_one_is_not),
		cmocka_unit_test(test_errors_are_final_by_nature_or_by_the_route),
		cmocka_unit_test(test_the_worst_case_counts_every_attempt_and_every_wait),
		cmocka_unit_test(test_the_worst_case_does_not_overflow),
		cmocka_unit_test(test_numbers_come_back_big_endian),
		cmocka_unit_test(test_a_text_that_does_not_fit_or_holds_a_nul_is_bad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
