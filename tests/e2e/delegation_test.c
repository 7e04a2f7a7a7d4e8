/* SPDX-License-Identifier: MIT
 *
 * A task goes from a client through Omega to a clone and back, over real sockets and a real trail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "protocol/id.h"
#include "tests/e2e/network.h"

#define LONG_MS 20000u

static struct network network;

static int open_network(void **state)
{
	(void)state;
	network_open(&network, NULL);
	network_start(&network);
	return 0;
}

static int close_network(void **state)
{
	(void)state;
	network_close(&network);
	return 0;
}

static void test_a_task_is_accepted_done_and_told_once(void **state)
{
	struct instant_clone clone = {0};
	struct client *client = network_client(&network, "client");
	struct request request = {.task_type = "echo", .parameters = "{\"n\":1}"};
	struct receipt receipt;
	struct refused refused;
	struct outcome outcome;

	(void)state;
	clone_start(&clone, &network, "echo/1", 4);
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	assert_false(receipt.duplicate);
	assert_true(receipt.trail_seq > 0);
	assert_int_equal(client_wait(client, &receipt.task_id, LONG_MS, &outcome), 0);
	assert_int_equal(outcome.state, STATE_COMPLETED);
	assert_string_equal(outcome.result, "{\"ok\":true}");
	assert_string_equal(outcome.summary, "done");
	assert_int_equal(client_open_tasks(client), 0);
	outcome_release(&outcome);
	client_close(client);
	clone_stop(&clone);
	assert_int_equal(atomic_load(&clone.answered), 1);
	assert_int_equal(network_stop(&network), 0);
	assert_true(network_verify(&network) > 8);
}

int main(int argc, char **argv)
{
	network_be_child(argc, argv);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_a_task_is_accepted_done_and_told_once, open_network, close_network),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
