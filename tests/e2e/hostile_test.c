/* SPDX-License-Identifier: MIT
 *
 * Peers that lie, babble, keep silent or have no key: nothing of it reaches the core, and everybody else goes on as before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/fresh.h"
#include "actors/keys.h"
#include "actors/state.h"
#include "tests/e2e/raw_peer.h"

#define LONG_MS  20000u
#define SHORT_MS 300u /* how long is waited for what must not come */

static struct network network;
static struct instant_clone honest;
static char local[NAME_BYTES];

static int open_network(void **state)
{
	(void)state;
	key_local_name(local);
	network_open(&network, NULL);
	network_start(&network);
	memset(&honest, 0, sizeof(honest));
	clone_start(&honest, &network, "echo/1", 4);
	return 0;
}

static int close_network(void **state)
{
	(void)state;
	clone_stop(&honest);
	network_close(&network);
	return 0;
}

/* ---- what must still work, and what the trail must not hold ---- */

static void check_usable(void)
{
	struct client *client = network_client(&network, "client");
	struct request request = {.task_type = "echo"};
	struct receipt receipt;
	struct refused refused;
	struct outcome outcome;

	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	assert_int_equal(client_wait(client, &receipt.task_id, LONG_MS, &outcome), 0);
	assert_int_equal(outcome.state, STATE_COMPLETED);
	outcome_release(&outcome);
	client_close(client);
}

struct wanted {
	const char *peer;
	uint32_t type; /* 0: any but Counted */
	uint32_t verdict;
	size_t count;
};

static int count_record(void *context, const struct trail_entry *entry)
{
	struct wanted *wanted = context;

	wanted->count += (!wanted->peer || strcmp(entry->peer, wanted->peer) == 0) &&
			 (!wanted->type || entry->type == wanted->type) &&
			 (wanted->verdict == UINT32_MAX || entry->verdict == wanted->verdict);
	return 0;
}

/* Incoming records of a peer with this verdict (UINT32_MAX: any). Omega must have stopped. */
static size_t count_in(const char *peer, uint32_t type, uint32_t verdict)
{
	struct wanted wanted = {.peer = peer, .type = type, .verdict = verdict};
	struct trail_query query = {0};
	struct trail *trail = NULL;
	char path[128];
	char why[256];

	snprintf(path, sizeof(path), "%s/trail.db", network.state);
	assert_int_equal(trail_open(path, TRAIL_READ, &trail, why), 0);
	assert_int_equal(trail_read(trail, &query, count_record, &wanted), 0);
	trail_close(trail);
	return wanted.count;
}

static void own_name(char out[NAME_BYTES], const char *role, const char *suffix)
{
	snprintf(out, NAME_BYTES, "%s/%.32s/%s", role, local, suffix);
}

static void join_as_client(struct raw_peer *peer, const char *suffix)
{
	char name[NAME_BYTES];
	struct message message;

	own_name(name, "client", suffix);
	raw_open(peer, &network, local);
	raw_hello(peer, "client", name, 0);
	assert_true(raw_hear(peer, MESSAGE_WELCOME, LONG_MS, &message));
}

/* ---- babble ---- */

static void test_garbage_is_counted_and_answered_but_never_an_event(void **state)
{
	static uint8_t large[FRAME_BYTES_MAX / 2];                    /* what CURVE adds counts too */
	static const uint8_t bomb[] = {0xdd, 0x00, 0x98, 0x96, 0x80}; /* an array of ten million, in five bytes */
	struct raw_peer peer;
	struct message message;

	(void)state;
	join_as_client(&peer, "babbler");
	raw_send(&peer, "", 0);
	raw_send(&peer, "garbage", 7);
	raw_send(&peer, bomb, sizeof(bomb));
	memset(large, 0x91, sizeof(large)); /* arrays in arrays in arrays */
	raw_send(&peer, large, sizeof(large));
	assert_true(raw_hear(&peer, MESSAGE_REFUSAL, LONG_MS, &message));
	assert_int_equal(message.refusal.code, ERROR_MALFORMED);
	check_usable();
	raw_close(&peer);
	assert_int_equal(network_stop(&network), 0);
	assert_int_equal(count_in(peer.name, MESSAGE_HELLO, 0), 1);
	assert_int_equal(count_in(peer.name, 0, UINT32_MAX), 2); /* Hello and Welcome */
	assert_true(count_in("", MESSAGE_COUNTED, 0) > 0);
	network_verify(&network);
}

static void test_a_frame_over_the_limit_ends_the_connection_only(void **state)
{
	uint8_t *large = calloc(1, FRAME_BYTES_MAX + 1);
	struct raw_peer peer;
	struct message message;

	(void)state;
	assert_non_null(large);
	join_as_client(&peer, "shouter");
	raw_send(&peer, large, FRAME_BYTES_MAX + 1);
	assert_false(raw_hear(&peer, MESSAGE_REFUSAL, SHORT_MS, &message));
	check_usable();
	raw_close(&peer);
	free(large);
}

static void test_a_flood_of_garbage_leaves_a_bounded_trail(void **state)
{
	struct raw_peer peer;
	struct message message = {0};

	(void)state;
	join_as_client(&peer, "flooder");
	for (int i = 0; i < 20000; i++) {
		message = (struct message){.type = MESSAGE_RECOVERY_ACTION};
		message.recovery_action.verb = VERB_DRAIN;
		raw_say(&peer, &message);
	}
	check_usable();
	raw_close(&peer);
	assert_int_equal(network_stop(&network), 0);
	assert_true(count_in(peer.name, MESSAGE_RECOVERY_ACTION, UINT32_MAX) < 2000);
	assert_int_equal(count_in(peer.name, MESSAGE_RECOVERY_ACTION, 0), 0);
}

/* ---- no key, no word ---- */

static void test_an_unknown_key_gets_no_answer_and_leaves_only_a_count(void **state)
{
	struct raw_peer peer;
	struct message message;

	(void)state;
	raw_open(&peer, &network, NULL);
	raw_hello(&peer, "client", "client/mallory/1", 0);
	assert_false(raw_hear(&peer, MESSAGE_WELCOME, SHORT_MS, &message));
	check_usable();
	raw_close(&peer);
	assert_int_equal(network_stop(&network), 0);
	assert_int_equal(count_in("client/mallory/1", 0, UINT32_MAX), 0);
	assert_true(count_in("", MESSAGE_COUNTED, 0) > 0);
}

static void ask_for_echo(struct raw_peer *peer)
{
	struct message request = {.type = MESSAGE_TASK_REQUEST};

	request.header.task_id = id_fresh();
	request.task_request.task_type = (struct text){"echo", 4};
	request.task_request.parameters = (struct text){"{}", 2};
	raw_say(peer, &request);
}

static void test_a_removed_key_is_mute_at_once(void **state)
{
	struct raw_peer peer;
	struct message message = {0};
	struct state_folder folder;
	char why[SENTENCE_BYTES];

	(void)state;
	assert_int_equal(state_open_existing(network.state, &folder, why), 0);
	assert_int_equal(peer_add(&folder, "bob", "client", NULL, why), 0);
	raw_open(&peer, &network, "bob");
	raw_hello(&peer, "client", "client/bob/1", 0);
	assert_true(raw_hear(&peer, MESSAGE_WELCOME, LONG_MS, &message));
	ask_for_echo(&peer);
	assert_true(raw_hear(&peer, MESSAGE_TASK_ACCEPTED, LONG_MS, &message));
	assert_int_equal(peer_remove(&folder, "bob", why), 0);
	memset(&message, 0, sizeof(message));
	for (int i = 0; i < 100; i++) { /* the folder is watched: the very next message may still be before that */
		ask_for_echo(&peer);
		if (raw_hear(&peer, MESSAGE_REFUSAL, SHORT_MS, &message))
			break;
	}
	assert_int_equal(message.type, MESSAGE_REFUSAL);
	assert_int_equal(message.refusal.code, ERROR_NOT_ALLOWED);
	raw_close(&peer);
	check_usable();
}

static void connect_silently(int fds[], size_t count)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct state_folder folder;
	char endpoint[ENDPOINT_TEXT_BYTES];
	char why[SENTENCE_BYTES];

	assert_int_equal(state_open_existing(network.state, &folder, why), 0);
	assert_int_equal(state_endpoint_read(&folder, endpoint, why), 0);
	assert_true(strncmp(endpoint, "ipc://", 6) == 0 && strlen(endpoint) - 6 < sizeof(address.sun_path));
	memcpy(address.sun_path, endpoint + 6, strlen(endpoint) - 5);
	for (size_t i = 0; i < count; i++) {
		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(fds[i] >= 0);
		if (connect(fds[i], (struct sockaddr *)&address, sizeof(address)) == 0 && i % 2)
			assert_true(send(fds[i], "\xff\0\0\0", 4, MSG_NOSIGNAL) >= -1); /* some begin, and never go on */
	}
}

static void test_silent_connections_keep_nobody_out(void **state)
{
	int fds[100];

	(void)state;
	connect_silently(fds, 100);
	check_usable();
	for (size_t i = 0; i < 100; i++)
		close(fds[i]);
	check_usable();
}

/* ---- lies ---- */

static void test_a_name_that_the_key_does_not_allow_is_refused(void **state)
{
	struct raw_peer peer;
	struct message message;

	(void)state;
	raw_open(&peer, &network, "echo/2");
	raw_hello(&peer, "echo", "echo/1", 4);
	assert_true(raw_hear(&peer, MESSAGE_REFUSAL, LONG_MS, &message));
	assert_int_equal(message.refusal.code, ERROR_NOT_ALLOWED);
	raw_hello(&peer, "operator", "operator/echo/2", 4);
	assert_true(raw_hear(&peer, MESSAGE_REFUSAL, LONG_MS, &message));
	assert_int_equal(message.refusal.code, ERROR_NOT_ALLOWED);
	check_usable(); /* echo/1 is still who it was */
	raw_close(&peer);
}

static void test_nobody_speaks_before_hello(void **state)
{
	struct raw_peer peer;
	struct message message = {.type = MESSAGE_TASK_REQUEST};

	(void)state;
	raw_open(&peer, &network, local);
	own_name(peer.name, "client", "rude");
	message.header.task_id = id_fresh();
	message.task_request.task_type = (struct text){"echo", 4};
	message.task_request.parameters = (struct text){"{}", 2};
	raw_say(&peer, &message);
	assert_true(raw_hear(&peer, MESSAGE_REFUSAL, LONG_MS, &message));
	assert_int_equal(message.refusal.code, ERROR_UNKNOWN_PEER);
	raw_close(&peer);
	check_usable();
	assert_int_equal(network_stop(&network), 0);
	assert_int_equal(count_in(NULL, MESSAGE_TASK_REQUEST, 0), 1); /* that of check_usable */
}

static void test_nobody_speaks_for_somebody_else(void **state)
{
	struct raw_peer peer;
	struct message message = {.type = MESSAGE_TASK_REQUEST};

	(void)state;
	join_as_client(&peer, "liar");
	snprintf(message.header.sender, NAME_BYTES, "client/alice/1");
	message.header.task_id = id_fresh();
	message.task_request.task_type = (struct text){"echo", 4};
	message.task_request.parameters = (struct text){"{}", 2};
	raw_say(&peer, &message);
	assert_true(raw_hear(&peer, MESSAGE_REFUSAL, LONG_MS, &message));
	assert_int_equal(message.refusal.code, ERROR_NOT_ALLOWED);
	raw_close(&peer);
}

static void test_a_client_has_no_rights_of_an_operator(void **state)
{
	struct raw_peer peer;
	struct message message = {.type = MESSAGE_RECOVERY_ACTION};

	(void)state;
	join_as_client(&peer, "climber");
	message.recovery_action.verb = VERB_QUARANTINE;
	message.recovery_action.target = (struct text){"echo", 4};
	raw_say(&peer, &message);
	assert_true(raw_hear(&peer, MESSAGE_REFUSAL, LONG_MS, &message));
	assert_int_equal(message.refusal.code, ERROR_NOT_ALLOWED);
	raw_close(&peer);
	check_usable();
}

/* A clone that has been given a task lets another one answer for it. */
static void test_only_the_holder_of_the_lease_is_believed(void **state)
{
	struct raw_peer holder;
	struct raw_peer thief;
	struct client *client;
	struct message assignment;
	struct message answer = {.type = MESSAGE_TASK_COMPLETION};
	struct message heard;
	struct request request = {.task_type = "echo"};
	struct receipt receipt;
	struct refused refused;
	struct outcome outcome;

	(void)state;
	clone_stop(&honest);
	raw_open(&holder, &network, "echo/2");
	raw_hello(&holder, "echo", "echo/2", 1);
	assert_true(raw_hear(&holder, MESSAGE_WELCOME, LONG_MS, &heard));
	raw_open(&thief, &network, "echo/3");
	client = network_client(&network, "client");
	assert_int_equal(client_submit(client, &request, LONG_MS, &receipt, &refused), 0);
	assert_true(raw_hear(&holder, MESSAGE_TASK_ASSIGNMENT, LONG_MS, &assignment));
	raw_hello(&thief, "echo", "echo/3", 1);
	assert_true(raw_hear(&thief, MESSAGE_WELCOME, LONG_MS, &heard));
	answer.header.task_id = receipt.task_id;
	answer.task_completion.attempt = assignment.task_assignment.attempt;
	answer.task_completion.lease = assignment.task_assignment.lease;
	answer.task_completion.summary = (struct text){"stolen", 6};
	raw_say(&thief, &answer); /* the right lease, the wrong key */
	assert_true(raw_hear(&thief, MESSAGE_REFUSAL, LONG_MS, &heard));
	assert_int_equal(heard.refusal.code, ERROR_SUPERSEDED);
	answer.header = (struct header){.task_id = receipt.task_id};
	answer.task_completion.lease.bytes[0] ^= 1;
	raw_say(&holder, &answer); /* the right key, the wrong lease */
	assert_true(raw_hear(&holder, MESSAGE_REFUSAL, LONG_MS, &heard));
	assert_int_equal(heard.refusal.code, ERROR_SUPERSEDED);
	answer.header = (struct header){.task_id = receipt.task_id};
	answer.task_completion.lease.bytes[0] ^= 1;
	answer.task_completion.summary = (struct text){"earned", 6};
	raw_say(&holder, &answer);
	assert_int_equal(client_wait(client, &receipt.task_id, LONG_MS, &outcome), 0);
	assert_int_equal(outcome.state, STATE_COMPLETED);
	assert_string_equal(outcome.summary, "earned");
	outcome_release(&outcome);
	client_close(client);
	raw_close(&holder);
	raw_close(&thief);
	memset(&honest, 0, sizeof(honest));
	clone_start(&honest, &network, "echo/1", 4);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_network, close_network)

int main(int argc, char **argv)
{
	network_be_child(argc, argv);
	const struct CMUnitTest tests[] = {
		CASE(test_garbage_is_counted_and_answered_but_never_an_event),
		CASE(test_a_frame_over_the_limit_ends_the_connection_only),
		CASE(test_a_flood_of_garbage_leaves_a_bounded_trail),
		CASE(test_an_unknown_key_gets_no_answer_and_leaves_only_a_count),
		CASE(test_a_removed_key_is_mute_at_once),
		CASE(test_silent_connections_keep_nobody_out),
		CASE(test_a_name_that_the_key_does_not_allow_is_refused),
		CASE(test_nobody_speaks_before_hello),
		CASE(test_nobody_speaks_for_somebody_else),
		CASE(test_a_client_has_no_rights_of_an_operator),
		CASE(test_only_the_holder_of_the_lease_is_believed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
