/* SPDX-License-Identifier: MIT
 *
 * The parts of Omega's shell that can be looked at alone: who is connected, payloads at hand, which ids are new, what is JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/connections.h"
#include "actors/freshness.h"
#include "actors/json_check.h"
#include "actors/payloads.h"

/* ---- connections ---- */

static uint32_t connect_as(struct connections *connections, uint32_t routing, const char *peer, uint64_t now_ms)
{
	uint32_t index = connection_add(connections, (const uint8_t *)&routing, sizeof(routing), now_ms);

	assert_true(index > 0);
	snprintf(connections->slot[index].peer, NAME_BYTES, "%s", peer);
	return index;
}

static void test_a_newer_connection_takes_the_name(void **state)
{
	struct connections connections;
	uint32_t old;
	uint32_t young;
	uint32_t routing = 1;

	(void)state;
	assert_int_equal(connections_init(&connections), 0);
	old = connect_as(&connections, 1, "beta/1", 0);
	connection_join(&connections, old);
	young = connect_as(&connections, 2, "beta/1", 1);
	assert_int_equal(connection_named(&connections, "beta/1"), old); /* who has not been taken in has no name */
	connection_join(&connections, young);
	assert_int_equal(connection_named(&connections, "beta/1"), young);
	assert_int_equal(connection_find(&connections, (const uint8_t *)&routing, sizeof(routing)), 0);
	assert_int_equal(connections.joined_count, 1);
	assert_int_equal(connections.stranger_count, 0);
	connections_release(&connections);
}

static void test_strangers_make_room_for_each_other_but_not_at_the_cost_of_members(void **state)
{
	struct connections connections;
	uint32_t member;

	(void)state;
	assert_int_equal(connections_init(&connections), 0);
	member = connect_as(&connections, 1, "beta/1", 0);
	connection_join(&connections, member);
	for (uint32_t i = 0; i < 10 * STRANGERS_MAX; i++)
		connect_as(&connections, 100 + i, "?", i);
	assert_int_equal(connections.stranger_count, STRANGERS_MAX);
	assert_int_equal(connection_named(&connections, "beta/1"), member);
	connections_release(&connections);
}

static void test_a_new_epoch_forgets_all_numbers(void **state)
{
	struct connections connections;
	struct connection *connection;
	uint32_t index;

	(void)state;
	assert_int_equal(connections_init(&connections), 0);
	index = connect_as(&connections, 1, "beta/1", 0);
	connection_join(&connections, index);
	connection = &connections.slot[index];
	connection->seq_in = connection->seq_whole = connection->durable = connection->through[0] = 17;
	connection_renew(&connections, index);
	assert_false(connection->joined);
	assert_int_equal(connection->durable, 0);
	assert_int_equal(connection->through[0], 0); /* else the old epoch's batch would cover the new one's messages */
	connections_release(&connections);
}

static void test_progress_is_let_through_once_in_a_while(void **state)
{
	struct connection connection = {0};
	struct id lease = {{1}};

	(void)state;
	assert_false(pace_known(&connection, &lease));
	pace_begin(&connection, &lease, false, 2000, 1000); /* a quarter of the heartbeat */
	assert_false(pace_allows(&connection, &lease, false, 1499));
	assert_true(pace_allows(&connection, &lease, false, 1500));
	assert_false(pace_allows(&connection, &lease, false, 1501));
	assert_true(pace_allows(&connection, &lease, true, 1502)); /* that it waits now is news */
	pace_end(&connection, &lease);
	assert_false(pace_known(&connection, &lease));
	free(connection.pace);
}

static void test_outcomes_are_counted_when_they_are_acknowledged(void **state)
{
	struct connection connection = {0};

	(void)state;
	for (uint64_t seq = 1; seq <= 1000; seq++)
		outcome_sent(&connection, seq * 2);
	assert_int_equal(outcomes_covered(&connection, 1), 0);
	assert_int_equal(outcomes_covered(&connection, 2), 1);
	assert_int_equal(outcomes_covered(&connection, 1001), 499);
	assert_int_equal(outcomes_covered(&connection, UINT64_MAX), 500);
	assert_int_equal(outcomes_covered(&connection, UINT64_MAX), 0);
	free(connection.outcome);
}

/* ---- payloads ---- */

static void test_the_newest_payloads_are_at_hand_and_whole(void **state)
{
	struct payloads payloads = {0};
	uint8_t content[300];
	uint64_t oldest = 0;

	(void)state;
	assert_int_equal(payloads_init(&payloads, 65536), 0);
	for (uint64_t seq = 1; seq <= 5000; seq++) {
		uint32_t bytes = 1 + (uint32_t)(seq * 7919 % sizeof(content));

		memset(content, (int)seq, bytes);
		payloads_add(&payloads, seq * 3, (struct bytes){content, bytes}, 0);
		if (seq % 100)
			continue;
		for (uint64_t at = 1; at <= seq; at++) { /* those that are there are the newest, without a gap */
			struct bytes found = payloads_find(&payloads, at * 3);

			if (!found.at) {
				oldest = at;
				continue;
			}
			assert_true(at > oldest);
			assert_int_equal(found.bytes, 1 + at * 7919 % sizeof(content));
			for (uint32_t i = 0; i < found.bytes; i++)
				assert_int_equal(found.at[i], (uint8_t)at);
		}
		assert_true(seq - oldest >= 100 || seq == 100);
	}
	assert_null(payloads_find(&payloads, 4).at);
	/* What was erased must not be said again from memory. */
	payloads_clear(&payloads);
	assert_null(payloads_find(&payloads, 15000).at);
	for (uint32_t i = 0; i < payloads.capacity; i++)
		assert_int_equal(payloads.bytes[i], 0);
	payloads_add(&payloads, 15001, (struct bytes){(const uint8_t *)"new", 3}, 0);
	assert_memory_equal(payloads_find(&payloads, 15001).at, "new", 3);
	payloads_release(&payloads);
}

/* ---- freshness ---- */

static struct id made_at(uint64_t ms)
{
	struct id id = {{0}};

	for (unsigned i = 0; i < 6; i++)
		id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
	return id;
}

static void test_an_id_is_certainly_new_only_if_nothing_forgotten_is_as_young(void **state)
{
	enum { RECENT = 100 };
	struct freshness freshness;
	uint64_t ended[10000];
	uint64_t youngest_forgotten = 0;
	struct id start = made_at(500);
	struct id probe;

	(void)state;
	freshness_init(&freshness, RECENT, &start);
	probe = made_at(500);
	assert_false(freshness_certain(&freshness, &probe)); /* it is the one in the trail */
	for (uint64_t n = 0; n < 10000; n++) {
		struct id id;

		ended[n] = 501 + n * 7919 % 3000 + n; /* not in order */
		id = made_at(ended[n]);
		freshness_ended(&freshness, &id);
		if (n >= RECENT && ended[n - RECENT] > youngest_forgotten)
			youngest_forgotten = ended[n - RECENT];
		probe = made_at(youngest_forgotten);
		assert_false(freshness_certain(&freshness, &probe));
	}
	probe = made_at(1000000);
	assert_true(freshness_certain(&freshness, &probe));
}

/* ---- JSON ---- */

static bool is_object(const char *text)
{
	return json_check((struct text){text, (uint32_t)strlen(text)}, '{');
}

static void test_only_json_objects_are_objects(void **state)
{
	static const char *const good[] = {"{}", " { } ", "{\"a\":[1,-0.5e+3,true,null,\"\\u00ff\\\"\"],\"b\":{\"c\":{}}}"};
	static const char *const bad[] = {"",
					  "[]",
					  "{",
					  "{}}",
					  "{\"a\"}",
					  "{\"a\":}",
					  "{\"a\":1,}",
					  "{a:1}",
					  "{'a':1}",
					  "{\"a\":01}",
					  "{\"a\":1.}",
					  "{\"a\":+1}",
					  "{\"a\":tru}",
					  "{\"a\":\"\n\"}",
					  "{\"a\":\"\\x\"}",
					  "{} {}",
					  "{\"a\":1 \"b\":2}",
					  "{\"a\":[1,]}",
					  "{\"a\":[}]",
					  "nul"};
	char deep[2 * 80 + 8];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(is_object(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(is_object(bad[i]));
	memset(deep, '[', 80);
	memcpy(deep, "{\"a\":", 5);
	memset(deep + 80, ']', 75);
	memcpy(deep + 155, "}", 2);
	assert_false(is_object(deep)); /* well-formed, but nested too deeply */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_newer_connection_takes_the_name),
		cmocka_unit_test(test_strangers_make_room_for_each_other_but_not_at_the_cost_of_members),
		cmocka_unit_test(test_a_new_epoch_forgets_all_numbers),
		cmocka_unit_test(test_progress_is_let_through_once_in_a_while),
		cmocka_unit_test(test_outcomes_are_counted_when_they_are_acknowledged),
		cmocka_unit_test(test_the_newest_payloads_are_at_hand_and_whole),
		cmocka_unit_test(test_an_id_is_certainly_new_only_if_nothing_forgotten_is_as_young),
		cmocka_unit_test(test_only_json_objects_are_objects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
