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

#include "actors/keys.h"
#include "protocol/id.h"
#include "tests/e2e/tally.h"

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

/* ---- once, and only once ---- */

static void test_the_same_key_names_the_same_task_for_ever(void **state)
{
	struct instant_clone clone = {0};
	struct request request = {.task_type = "echo", .idempotency_key = "monday", .parameters = "{\"n\":1}"};
	struct receipt first;
	struct receipt again;
	struct refused refused;
	struct outcome outcome;
	struct client *client = network_client(&network, "client");

	(void)state;
	clone_start(&clone, &network, "echo/1", 4);
	assert_int_equal(client_submit(client, &request, LONG_MS, &first, &refused), 0);
	assert_int_equal(client_submit(client, &request, LONG_MS, &again, &refused), 0);
	assert_true(again.duplicate);
	assert_true(id_equal(&first.task_id, &again.task_id));
	assert_int_equal(client_wait(client, &first.task_id, LONG_MS, &outcome), 0);
	outcome_release(&outcome);
	client_close(client);
	/* Another connection of the same client, another life of Omega: the key still stands for the task, and the task for its outcome. */
	assert_int_equal(network_stop(&network), 0);
	network_start(&network);
	client = network_client(&network, "client");
	assert_int_equal(client_submit(client, &request, LONG_MS, &again, &refused), 0);
	assert_true(again.duplicate);
	assert_int_equal(again.state, STATE_COMPLETED);
	assert_true(id_equal(&first.task_id, &again.task_id));
	assert_int_equal(client_wait(client, &again.task_id, LONG_MS, &outcome), 0);
	assert_string_equal(outcome.summary, "done");
	outcome_release(&outcome);
	request.parameters = "{\"n\":2}";
	assert_int_equal(client_submit(client, &request, LONG_MS, &again, &refused), ERR_CONFLICT);
	client_close(client);
	clone_stop(&clone);
	assert_int_equal(atomic_load(&clone.answered), 1);
}

static void test_an_outcome_can_be_asked_for_by_whoever_may_see_it(void **state)
{
	struct instant_clone clone = {0};
	struct client *client = network_client(&network, "client");
	struct client *operator= network_client(&network, "operator");
	struct client *stranger;
	struct client_options options = {.state_folder = network.state, .name = "eve", .role = "client"};
	struct request request = {.task_type = "echo"};
	struct receipt receipt;
	struct refused refused;
	struct outcome outcome;
	struct state_folder folder;
	char why[CLIENT_SENTENCE_BYTES];
	struct id unknown = {{1, 2, 3}};

	(void)state;
	clone_start(&clone, &network, "echo/1", 4);
	assert_int_equal(state_open_existing(network.state, &folder, why), 0);
	assert_int_equal(peer_add(&folder, "eve", "client", NULL, why), 0);
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	assert_int_equal(client_wait(client, &receipt.task_id, LONG_MS, &outcome), 0);
	outcome_release(&outcome);
	assert_int_equal(client_wait(operator, & receipt.task_id, LONG_MS, &outcome), 0);
	assert_string_equal(outcome.result, "{\"ok\":true}");
	outcome_release(&outcome);
	assert_int_equal(client_open(&options, &stranger, why), 0);
	assert_int_equal(client_wait(stranger, &receipt.task_id, LONG_MS, &outcome), ERR_NOT_ALLOWED);
	assert_int_equal(client_wait(stranger, &unknown, LONG_MS, &outcome), ERR_NOT_FOUND);
	client_close(stranger);
	client_close(operator);
	client_close(client);
	clone_stop(&clone);
}

/* ---- refusals ---- */

static void test_what_cannot_be_done_is_refused_in_words(void **state)
{
	struct client *client = network_client(&network, "client");
	struct request request = {.task_type = "dance"};
	struct receipt receipt;
	struct refused refused;

	(void)state;
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), ERR_UNKNOWN_TYPE);
	assert_non_null(strstr(refused.sentence, "dance"));
	assert_non_null(strstr(refused.sentence, "echo"));
	request.task_type = "echo";
	request.parameters = "[1,2]";
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), ERR_INVALID_PARAMETERS);
	assert_non_null(strstr(refused.sentence, "object"));
	request.parameters = "{\"a\":}";
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), ERR_INVALID_PARAMETERS);
	client_close(client);
}

static const char small_conf[] = "network {\n\theartbeat = 500ms\n\ttasks_max = 10\n\tretry_after = 700ms\n}\n"
				 "clone echo {\n\tinstances = 1\n\tslots = 4\n\texternal = yes\n}\n"
				 "route echo {\n\tdestination = echo\n\ttimeout = 30s\n}\n";

static int open_small(void **state)
{
	(void)state;
	network_open(&network, small_conf);
	network_start(&network);
	return 0;
}

static void test_overload_is_refused_with_a_time_to_try_again(void **state)
{
	struct client *client = network_client(&network, "client");
	struct instant_clone clone = {0};
	struct request request = {.task_type = "echo"};
	struct refused refused;
	struct receipt receipt;
	struct tally tally;

	(void)state;
	tally_init(&tally, client, 64);
	for (int i = 0; i < 10; i++)
		assert_int_equal(tally_send(&tally, &request), 0);
	while (client_open_tasks(client) == 10 && tally.task[9].accepted == 0)
		assert_true(client_pump(client, LONG_MS) >= 0);
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), ERR_OVERLOADED);
	assert_int_equal(refused.retry_after_ms, 700);
	assert_int_equal(tally.refused, 1); /* the events hear of it too */
	clone_start(&clone, &network, "echo/1", 4);
	while (tally.ended < 10)
		assert_true(client_pump(client, LONG_MS) >= 0);
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	client_close(client);
	clone_stop(&clone);
	tally_release(&tally);
}

/* ---- cancelling, recovering, looking ---- */

static void test_a_task_that_waits_can_be_cancelled(void **state)
{
	struct client *client = network_client(&network, "client");
	struct request request = {.task_type = "echo"};
	struct receipt receipt;
	struct refused refused;
	struct outcome outcome;

	(void)state;
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	assert_int_equal(client_cancel(client, &receipt.task_id, "changed my mind", LONG_MS, &refused), 0);
	assert_int_equal(client_wait(client, &receipt.task_id, LONG_MS, &outcome), 0);
	assert_int_equal(outcome.state, STATE_CANCELLED);
	assert_int_equal(outcome.code, ERROR_CANCELLED);
	assert_non_null(strstr(outcome.summary, "before any clone"));
	outcome_release(&outcome);
	assert_int_equal(client_cancel(client, &receipt.task_id, NULL, LONG_MS, &refused), ERR_STATE);
	client_close(client);
}

static void fail_always(void *context, const struct assignment *assignment, struct answer *out_answer)
{
	(void)context;
	(void)assignment;
	out_answer->code = ERROR_INVALID_PARAMETERS;
	out_answer->summary = "no";
}

static void test_a_failed_task_can_be_replayed_by_an_operator(void **state)
{
	struct instant_clone clone = {.handler = fail_always};
	struct client *client = network_client(&network, "client");
	struct client *operator= network_client(&network, "operator");
	struct request request = {.task_type = "echo"};
	struct receipt receipt;
	struct refused refused;
	struct outcome outcome;
	char sentence[CLIENT_SENTENCE_BYTES];

	(void)state;
	clone_start(&clone, &network, "echo/1", 4);
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	assert_int_equal(client_wait(client, &receipt.task_id, LONG_MS, &outcome), 0);
	assert_int_equal(outcome.state, STATE_FAILED);
	assert_string_equal(outcome.summary, "no");
	outcome_release(&outcome);
	clone_stop(&clone);
	clone = (struct instant_clone){0};
	clone_start(&clone, &network, "echo/2", 4);
	assert_int_equal(client_recover(operator, VERB_REPLAY, &receipt.task_id, NULL, NULL, LONG_MS, sentence), 0);
	assert_int_equal(client_wait(operator, & receipt.task_id, LONG_MS, &outcome), 0);
	assert_int_equal(outcome.state, STATE_COMPLETED);
	outcome_release(&outcome);
	assert_int_equal(client_recover(operator, VERB_REPLAY, &receipt.task_id, NULL, NULL, LONG_MS, sentence), ERR_STATE);
	assert_true(sentence[0] != 0);
	client_close(operator);
	client_close(client);
	clone_stop(&clone);
	assert_int_equal(network_stop(&network), 0);
	network_verify(&network);
}

static void rewrite_routes(const char *text)
{
	FILE *file = fopen(network.routes, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_a_bad_table_is_refused_in_words_and_the_old_one_stays(void **state)
{
	struct client *operator= network_client(&network, "operator");
	struct refused refused;
	char sentence[CLIENT_SENTENCE_BYTES];
	char *json = NULL;

	(void)state;
	rewrite_routes("route echo {\n\tdestination = \n}\n");
	assert_int_equal(client_recover(operator, VERB_RELOAD_ROUTES, NULL, NULL, NULL, LONG_MS, sentence), ERR_CONFIG);
	assert_non_null(strstr(sentence, "routing.conf:"));
	rewrite_routes("clone echo {\n\tinstances = 4\n\tslots = 4\n\texternal = yes\n}\n"
		       "route echo {\n\tdestination = echo\n}\nroute dance {\n\tdestination = echo\n}\n");
	assert_int_equal(client_recover(operator, VERB_RELOAD_ROUTES, NULL, NULL, NULL, LONG_MS, sentence), 0);
	assert_non_null(strstr(sentence, "version 2"));
	assert_int_equal(client_status(operator, SUBJECT_ROUTE, "dance", NULL, LONG_MS, &json, &refused), 0);
	assert_non_null(strstr(json, "\"dance\""));
	free(json);
	client_close(operator);
}

static void test_the_network_tells_how_it_is(void **state)
{
	struct instant_clone clone = {0};
	struct client *client = network_client(&network, "auditor");
	struct refused refused;
	char *json = NULL;

	(void)state;
	clone_start(&clone, &network, "echo/3", 7);
	while (!atomic_load(&clone.joined))
		assert_true(client_pump(client, 10) >= 0);
	assert_int_equal(client_status(client, SUBJECT_NETWORK, NULL, NULL, LONG_MS, &json, &refused), 0);
	assert_non_null(strstr(json, "\"live\":0"));
	assert_non_null(strstr(json, "\"echo/3\""));
	free(json);
	assert_int_equal(client_status(client, SUBJECT_CLONE, "echo/3", NULL, LONG_MS, &json, &refused), 0);
	assert_non_null(strstr(json, "\"slots\":7"));
	free(json);
	client_close(client);
	clone_stop(&clone);
}

/* ---- artefacts ---- */

static void write_bytes(const char *path, size_t bytes)
{
	FILE *file = fopen(path, "w");
	uint32_t word = 1;

	assert_non_null(file);
	for (size_t i = 0; i < bytes; i++) {
		word = word * 1664525u + 1013904223u;
		assert_true(fputc((int)(word >> 24), file) >= 0);
	}
	assert_int_equal(fclose(file), 0);
}

static bool same_file(const char *a, const char *b)
{
	char command[512];

	snprintf(command, sizeof(command), "cmp -s %s %s", a, b);
	return system(command) == 0;
}

static void test_an_artefact_comes_back_as_it_was(void **state)
{
	static const size_t sizes[] = {0, 1, 49152, 49153, 3000000};
	struct client *client = network_client(&network, "client");
	char from[128];
	char to[128];
	struct hash hash;
	struct hash unknown = {{7}};
	uint64_t bytes;

	(void)state;
	snprintf(from, sizeof(from), "%s/from", network.folder);
	snprintf(to, sizeof(to), "%s/to", network.folder);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		write_bytes(from, sizes[i]);
		assert_int_equal(client_put_artefact(client, from, LONG_MS, &hash, &bytes), 0);
		assert_int_equal(bytes, sizes[i]);
		assert_int_equal(client_put_artefact(client, from, LONG_MS, &hash, &bytes),
				 0); /* it is there: no piece is sent */
		assert_int_equal(client_get_artefact(client, &hash, LONG_MS, to), 0);
		assert_true(same_file(from, to));
	}
	assert_int_equal(client_get_artefact(client, &unknown, LONG_MS, to), ERR_NOT_FOUND);
	client_close(client);
	assert_int_equal(network_stop(&network), 0);
	network_verify(&network);
}

/* ---- connections ---- */

static void test_a_client_goes_on_when_omega_comes_back(void **state)
{
	struct instant_clone clone = {0};
	struct client *client = network_client(&network, "client");
	struct request request = {.task_type = "echo"};
	struct receipt receipt;
	struct refused refused;
	struct outcome outcome;

	(void)state;
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	network_kill(&network);
	assert_int_equal(client_wait(client, &receipt.task_id, 300, &outcome), ERR_UNREACHABLE);
	network_start(&network);
	clone_start(&clone, &network, "echo/1", 4);
	assert_int_equal(client_wait(client, &receipt.task_id, LONG_MS, &outcome), 0);
	assert_int_equal(outcome.state, STATE_COMPLETED);
	outcome_release(&outcome);
	client_close(client);
	clone_stop(&clone);
}

static void test_without_a_network_the_client_says_so(void **state)
{
	struct client_options options = {.state_folder = network.state, .timeout_ms = 300};
	struct client *client = NULL;
	char why[CLIENT_SENTENCE_BYTES] = "";

	(void)state;
	assert_int_equal(network_stop(&network), 0);
	assert_int_equal(client_open(&options, &client, why), ERR_UNREACHABLE);
	assert_true(why[0] != 0);
	assert_null(client);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_network, close_network)

int main(int argc, char **argv)
{
	network_be_child(argc, argv);
	const struct CMUnitTest tests[] = {
		CASE(test_a_task_is_accepted_done_and_told_once),
		CASE(test_the_same_key_names_the_same_task_for_ever),
		CASE(test_an_outcome_can_be_asked_for_by_whoever_may_see_it),
		CASE(test_what_cannot_be_done_is_refused_in_words),
		cmocka_unit_test_setup_teardown(test_overload_is_refused_with_a_time_to_try_again, open_small, close_network),
		CASE(test_a_task_that_waits_can_be_cancelled),
		CASE(test_a_failed_task_can_be_replayed_by_an_operator),
		CASE(test_a_bad_table_is_refused_in_words_and_the_old_one_stays),
		CASE(test_the_network_tells_how_it_is),
		CASE(test_an_artefact_comes_back_as_it_was),
		CASE(test_a_client_goes_on_when_omega_comes_back),
		CASE(test_without_a_network_the_client_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
