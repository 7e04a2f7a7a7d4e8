/* SPDX-License-Identifier: MIT
 *
 * Sequences on trails of real networks: what is only counted is no hole, whoever comes back, is killed or floods; what a peer never sent
 * is one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/fresh.h"
#include "tests/e2e/raw_peer.h"
#include "verifier/verify.h"

#define WAIT_MS 20000u
#define FLOOD   3000

static struct network network;

static int setup(void **state)
{
	(void)state;
	network_open(&network, NULL);
	network_start(&network);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	network_close(&network);
	return 0;
}

/* Whoever has just flooded is not let in before a second is over: ask until it is. */
static void join(struct raw_peer *peer, const char *name)
{
	struct message message;

	for (int i = 0; i < 100; i++) {
		raw_hello(peer, "operator", name, 0);
		if (raw_hear(peer, MESSAGE_WELCOME, 200, &message))
			return;
	}
	fail_msg("%s is not let in", name);
}

static void ask(struct raw_peer *peer)
{
	struct message query = {.type = MESSAGE_STATUS_QUERY};
	struct message message;

	query.status_query.subject = SUBJECT_NETWORK;
	raw_say(peer, &query);
	assert_true(raw_hear(peer, MESSAGE_STATUS_RESPONSE, WAIT_MS, &message));
}

/* Says what no operator may say, far beyond the rate at which refusals are recorded, and waits until all of it was read. */
static void flood(struct raw_peer *peer)
{
	for (int i = 0; i < FLOOD; i++) {
		struct message message = {.type = MESSAGE_TASK_STARTED};

		raw_say(peer, &message);
	}
	ask(peer);
}

static void verify(struct verdict *verdict)
{
	struct public_keys keys;
	char path[128], why[512];

	snprintf(path, sizeof(path), "%s/keys/log.pub", network.state);
	assert_true(keys_of_file(path, &keys, why));
	snprintf(path, sizeof(path), "%s/trail.db", network.state);
	verify_path(path, &(struct verify_options){.keys = &keys}, verdict);
	if (verdict->code != VERDICT_VERIFIED && verdict->code != VERDICT_HOLES)
		fail_msg("%d, record %llu: %s%s", verdict->code, (unsigned long long)verdict->finding.first,
			 verdict->finding.sentence, verdict->why);
	verdict_release(verdict);
}

static void test_a_flood_is_counted_when_its_peer_says_hello_again(void **state)
{
	struct raw_peer peer, other;
	struct verdict verdict;

	(void)state;
	raw_open(&peer, &network, "root");
	join(&peer, "operator/root/flood");
	flood(&peer);
	join(&peer, "operator/root/flood"); /* on the same connection */
	flood(&peer);
	raw_open(&other, &network, "root");
	join(&other, "operator/root/flood"); /* on another one, which takes the name over */
	ask(&other);
	raw_close(&peer);
	raw_close(&other);
	assert_int_equal(network_stop(&network), 0);
	verify(&verdict);
	assert_int_equal(verdict.hole_count, 0);
	assert_int_equal(verdict.uncounted, 0);
	assert_true(verdict.counted > FLOOD);
}

static void test_a_flood_before_a_kill_is_no_sign_of_anything(void **state)
{
	struct raw_peer peer;
	struct verdict verdict;

	(void)state;
	raw_open(&peer, &network, "root");
	join(&peer, "operator/root/flood");
	flood(&peer);
	network_kill(&network);
	raw_close(&peer);
	verify(&verdict);
	assert_int_equal(verdict.hole_count, 0);
	assert_true(verdict.uncounted > FLOOD / 2);
	network_start(&network);
	raw_open(&peer, &network, "root");
	join(&peer, "operator/root/flood");
	raw_close(&peer);
	assert_int_equal(network_stop(&network), 0);
	verify(&verdict);
	assert_int_equal(verdict.hole_count, 0);
	assert_true(verdict.uncounted > FLOOD / 2);
}

static void test_what_a_peer_says_it_sent_and_nobody_has_is_missed(void **state)
{
	struct raw_peer peer;
	struct verdict verdict;

	(void)state;
	raw_open(&peer, &network, "root");
	join(&peer, "operator/root/gap");
	ask(&peer);
	peer.seq += 5;
	ask(&peer);
	join(&peer, "operator/root/gap");
	raw_close(&peer);
	assert_int_equal(network_stop(&network), 0);
	verify(&verdict);
	assert_int_equal(verdict.code, VERDICT_HOLES);
	assert_int_equal(verdict.hole_count, 5);
	assert_string_equal(verdict.hole[0].peer, "operator/root/gap");
	assert_false(verdict.hole[0].sent);
	assert_int_equal(verdict.hole[0].first, 3);
	assert_int_equal(verdict.hole[0].last, 7);
}

static void test_whoever_has_not_joined_makes_no_hole(void **state)
{
	struct raw_peer peer, stranger;
	struct message query = {.type = MESSAGE_STATUS_QUERY}, message;
	struct verdict verdict;

	(void)state;
	raw_open(&peer, &network, "root");
	join(&peer, "operator/root/one");
	raw_open(&stranger, &network, "root");
	snprintf(stranger.name, NAME_BYTES, "operator/root/one");
	stranger.seq = 70;
	query.status_query.subject = SUBJECT_NETWORK;
	raw_say(&stranger, &query);
	assert_true(raw_hear(&stranger, MESSAGE_REFUSAL, WAIT_MS, &message));
	ask(&peer);
	raw_close(&stranger);
	raw_close(&peer);
	assert_int_equal(network_stop(&network), 0);
	verify(&verdict);
	assert_int_equal(verdict.code, VERDICT_VERIFIED);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)
		TEST(a_flood_is_counted_when_its_peer_says_hello_again),
		TEST(a_flood_before_a_kill_is_no_sign_of_anything),
		TEST(what_a_peer_says_it_sent_and_nobody_has_is_missed),
		TEST(whoever_has_not_joined_makes_no_hole),
	};

	network_be_child(argc, argv);
	return cmocka_run_group_tests_name("network", tests, NULL, NULL);
}
