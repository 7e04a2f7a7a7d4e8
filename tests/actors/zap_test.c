/* SPDX-License-Identifier: MIT
 *
 * Real sockets over ipc and tcp: who gets in, who does not, and that nobody does when the handler is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <zmq.h>

#include "actors/zap.h"
#include "tests/actors/scratch.h"

#define PATIENCE_MS  20000
#define UNTOLD_MS    4000 /* after which a refusal will not be told any more */
#define TRIES_MORE   5
#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define REFUSED                                                                                                                  \
	(ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |          \
	 ZMQ_EVENT_DISCONNECTED)

struct fixture {
	char *scratch;
	struct state_folder state;
	char sentence[SENTENCE_BYTES];
	void *context;
	void *clients; /* a context of their own, as in other processes */
	struct keypair omega, alice, stranger;
	struct peers *peers;
	struct zap *zap;
	void *server;
	char endpoint[ENDPOINT_TEXT_BYTES];
	void *open[64]; /* other sockets, so that a test that fails does not hang at its end */
	size_t open_count;
};

static void pair_make(struct keypair *keys)
{
	assert_int_equal(zmq_curve_keypair(keys->public_key, keys->secret_key), 0);
}

static int setup(void **context)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	char path[PATH_BYTES];

	*context = fixture;
	fixture->scratch = scratch_make();
	snprintf(path, sizeof(path), "%s/state", fixture->scratch);
	assert_int_equal(state_open(path, &fixture->state, fixture->sentence), 0);
	pair_make(&fixture->omega);
	pair_make(&fixture->alice);
	pair_make(&fixture->stranger);
	assert_int_equal(peer_add(&fixture->state, "alice", "client", fixture->alice.public_key, fixture->sentence), 0);
	assert_int_equal(peers_new(&fixture->state, &fixture->peers), 0);
	fixture->context = zmq_ctx_new();
	fixture->clients = zmq_ctx_new();
	assert_int_equal(zap_start(fixture->context, fixture->peers, &fixture->zap), 0);
	return 0;
}

static int teardown(void **context)
{
	struct fixture *fixture = *context;

	for (size_t i = 0; i < fixture->open_count; i++)
		zmq_close(fixture->open[i]);
	if (fixture->server)
		zmq_close(fixture->server);
	zmq_ctx_term(fixture->clients);
	zap_stop(fixture->zap);
	zmq_ctx_term(fixture->context);
	peers_free(fixture->peers);
	scratch_remove(fixture->scratch);
	free(fixture);
	return 0;
}

static void serve(struct fixture *fixture, const char *transport)
{
	char endpoint[ENDPOINT_TEXT_BYTES];

	if (fixture->server)
		zmq_close(fixture->server);
	fixture->server = zmq_socket(fixture->context, ZMQ_ROUTER);
	assert_int_equal(socket_limit(fixture->server, 1000), 0);
	assert_int_equal(socket_secure_server(fixture->server, &fixture->omega), 0);
	if (!strcmp(transport, "tcp"))
		snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:*");
	else
		assert_int_equal(state_endpoint_default(&fixture->state, endpoint, fixture->sentence), 0);
	assert_int_equal(socket_listen(fixture->server, endpoint, fixture->endpoint, fixture->sentence), 0);
}

/* ---- clients ---- */

struct client {
	void *socket, *monitor;
	const struct keypair *keys; /* or NULL */
	const char *server_key;     /* that it believes in */
};

static void client_open(struct fixture *fixture, struct client *client)
{
	static unsigned number;
	char address[64];
	int none = 0;

	client->socket = zmq_socket(fixture->clients, ZMQ_DEALER);
	zmq_setsockopt(client->socket, ZMQ_LINGER, &none, sizeof(none));
	snprintf(address, sizeof(address), "inproc://monitor-%u", ++number);
	assert_int_equal(zmq_socket_monitor(client->socket, address, REFUSED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED), 0);
	client->monitor = zmq_socket(fixture->clients, ZMQ_PAIR);
	zmq_setsockopt(client->monitor, ZMQ_LINGER, &none, sizeof(none));
	assert_int_equal(zmq_connect(client->monitor, address), 0);
	fixture->open[fixture->open_count++] = client->socket;
	fixture->open[fixture->open_count++] = client->monitor;
}

static void client_close(struct fixture *fixture, struct client *client)
{
	for (size_t i = 0; i < fixture->open_count; i++)
		if (fixture->open[i] == client->socket || fixture->open[i] == client->monitor) {
			zmq_close(fixture->open[i]);
			fixture->open[i--] = fixture->open[--fixture->open_count];
		}
}

/* With what the client has. */
static void client_begin(struct fixture *fixture, struct client *client)
{
	client_open(fixture, client);
	if (client->keys) {
		assert_int_equal(socket_limit(client->socket, 1000), 0);
		assert_int_equal(socket_secure_client(client->socket, client->keys, client->server_key), 0);
	}
	assert_int_equal(zmq_connect(client->socket, fixture->endpoint), 0);
}

static void client_connect(struct fixture *fixture, struct client *client, const struct keypair *keys)
{
	*client = (struct client){.keys = keys, .server_key = fixture->omega.public_key};
	client_begin(fixture, client);
}

static bool await_ms(void *socket, short events, long ms)
{
	zmq_pollitem_t item = {.socket = socket, .events = events};
	return zmq_poll(&item, 1, ms) == 1;
}

static bool await(void *socket, short events)
{
	return await_ms(socket, events, PATIENCE_MS);
}

static int next_event(struct client *client)
{
	uint8_t data[6];
	uint16_t event;
	char address[256];

	assert_true(await(client->monitor, ZMQ_POLLIN));
	assert_int_equal(zmq_recv(client->monitor, data, sizeof(data), 0), 6);
	zmq_recv(client->monitor, address, sizeof(address), 0);
	memcpy(&event, data, sizeof(event));
	return event;
}

static bool nothing_arrived(struct fixture *fixture)
{
	zmq_pollitem_t item = {.socket = fixture->server, .events = ZMQ_POLLIN};
	return zmq_poll(&item, 1, 0) == 0;
}

/* What a refused client says does not reach the server, however often one comes with these keys. A connection of its own each time: whether
 * libzmq tries again by itself depends on how a handshake ended, and one that ended before it had begun is not told at all. */
static void assert_refused(struct fixture *fixture, struct client *client, int times)
{
	int told = 0;

	for (int tries = 0; told < times && tries < times + TRIES_MORE; tries++) {
		if (tries)
			client_begin(fixture, client);
		zmq_send(client->socket, "let me in", 9, ZMQ_DONTWAIT);
		if (await_ms(client->monitor, ZMQ_POLLIN, UNTOLD_MS)) {
			assert_true(next_event(client) & REFUSED);
			told++;
		}
		assert_true(nothing_arrived(fixture));
		client_close(fixture, client);
	}
	assert_int_equal(told, times);
}

/* Says something and returns who the server thinks it was. */
static void say(struct fixture *fixture, struct client *client, char out_user[KEY_TEXT_BYTES])
{
	zmq_msg_t part;

	assert_true(await(client->socket, ZMQ_POLLOUT));
	assert_int_equal(zmq_send(client->socket, "hello", 5, 0), 5);
	assert_true(await(fixture->server, ZMQ_POLLIN));
	zmq_msg_init(&part);
	assert_true(zmq_msg_recv(&part, fixture->server, 0) >= 0); /* routing id */
	assert_true(zmq_msg_recv(&part, fixture->server, 0) >= 0);
	assert_int_equal(zmq_msg_size(&part), 5);
	const char *user = zmq_msg_gets(&part, "User-Id");
	snprintf(out_user, KEY_TEXT_BYTES, "%s", user ? user : "nobody");
	zmq_msg_close(&part);
}

static const char *const transports[] = {"ipc", "tcp"};

static void test_a_registered_key_gets_in_and_is_known_by_it(void **context)
{
	struct fixture *fixture = *context;
	struct client client;
	struct peer peer;
	char user[KEY_TEXT_BYTES];
	struct zap_counts counts;

	for (size_t i = 0; i < 2; i++) {
		serve(fixture, transports[i]);
		client_open(fixture, &client);
		assert_int_equal(zmq_setsockopt(client.socket, ZMQ_ROUTING_ID, "omega", 5), 0); /* a lie */
		assert_int_equal(socket_secure_client(client.socket, &fixture->alice, fixture->omega.public_key), 0);
		assert_int_equal(zmq_connect(client.socket, fixture->endpoint), 0);
		say(fixture, &client, user);
		assert_string_equal(user, fixture->alice.public_key);
		assert_int_equal(peers_find(fixture->peers, user, &peer), 0);
		assert_string_equal(peer.name, "alice");
		client_close(fixture, &client);
	}
	zap_count(fixture->zap, &counts);
	assert_int_equal(counts.accepted, 2);
}

static void test_an_unknown_key_is_refused(void **context)
{
	struct fixture *fixture = *context;
	struct client client;
	struct zap_counts counts;
	char user[KEY_TEXT_BYTES];

	for (size_t i = 0; i < 2; i++) {
		serve(fixture, transports[i]);
		client_connect(fixture, &client, &fixture->stranger);
		zmq_send(client.socket, "let me in", 9, ZMQ_DONTWAIT);
		assert_int_equal(next_event(&client), ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
		assert_true(nothing_arrived(fixture));
		client_close(fixture, &client);
		client_connect(fixture, &client, &fixture->alice); /* and who is registered still gets in */
		say(fixture, &client, user);
		client_close(fixture, &client);
	}
	zap_count(fixture->zap, &counts);
	assert_true(counts.unknown_key >= 2);
}

static void test_a_peer_without_encryption_is_refused(void **context)
{
	struct fixture *fixture = *context;
	struct client client;

	for (size_t i = 0; i < 2; i++) {
		serve(fixture, transports[i]);
		client_connect(fixture, &client, NULL);
		assert_refused(fixture, &client, 1);
		client_open(fixture, &client);
		zmq_setsockopt(client.socket, ZMQ_PLAIN_USERNAME, "alice", 5);
		zmq_setsockopt(client.socket, ZMQ_PLAIN_PASSWORD, "secret", 6);
		assert_int_equal(zmq_connect(client.socket, fixture->endpoint), 0);
		assert_refused(fixture, &client, 1);
	}
}

static void test_a_wrong_server_key_gets_nothing(void **context)
{
	struct fixture *fixture = *context;
	struct client client = {.keys = &fixture->alice, .server_key = fixture->stranger.public_key};

	serve(fixture, "tcp");
	client_begin(fixture, &client);
	assert_refused(fixture, &client, 3);
}

static void test_without_a_handler_nobody_gets_in(void **context)
{
	struct fixture *fixture = *context;
	struct client client;

	for (size_t i = 0; i < 2; i++) {
		if (!fixture->zap)
			assert_int_equal(zap_start(fixture->context, fixture->peers, &fixture->zap), 0);
		serve(fixture, transports[i]);
		zap_stop(fixture->zap);
		fixture->zap = NULL;
		client_connect(fixture, &client, &fixture->stranger);
		assert_refused(fixture, &client, 3);
		client_connect(fixture, &client, &fixture->alice);
		assert_refused(fixture, &client, 3);
	}
}

static void test_while_the_handler_hangs_nobody_gets_in(void **context)
{
	struct fixture *fixture = *context;
	struct client client;
	int none = 0;

	serve(fixture, "tcp");
	zap_stop(fixture->zap);
	fixture->zap = NULL;
	void *deaf = zmq_socket(fixture->context, ZMQ_REP); /* takes the questions and never answers */
	zmq_setsockopt(deaf, ZMQ_LINGER, &none, sizeof(none));
	fixture->open[fixture->open_count++] = deaf;
	assert_int_equal(zmq_bind(deaf, ZAP_ENDPOINT), 0);
	client_connect(fixture, &client, &fixture->stranger);
	assert_true(await(deaf, ZMQ_POLLIN));
	zmq_send(client.socket, "let me in", 9, ZMQ_DONTWAIT);
	assert_true(next_event(&client) & REFUSED); /* after the time for a handshake */
	assert_true(nothing_arrived(fixture));
	client_close(fixture, &client);
}

static void test_connections_that_stand_outlive_the_handler(void **context)
{
	struct fixture *fixture = *context;
	struct client client;
	char user[KEY_TEXT_BYTES];

	serve(fixture, "ipc");
	client_connect(fixture, &client, &fixture->alice);
	say(fixture, &client, user);
	zap_stop(fixture->zap);
	fixture->zap = NULL;
	say(fixture, &client, user);
	assert_string_equal(user, fixture->alice.public_key);
	client_close(fixture, &client);
}

static void test_a_removed_peer_is_mute_at_once(void **context)
{
	struct fixture *fixture = *context;
	struct client client;
	struct peer peer;
	char user[KEY_TEXT_BYTES];

	serve(fixture, "ipc");
	client_connect(fixture, &client, &fixture->alice);
	say(fixture, &client, user);
	uint64_t generation = peers_generation(fixture->peers);
	assert_int_equal(peer_remove(&fixture->state, "alice", fixture->sentence), 0);
	for (int i = 0; i < PATIENCE_MS && peers_generation(fixture->peers) == generation; i++)
		poll(NULL, 0, 1);    /* the handler's thread watches the folder; it tells nobody */
	say(fixture, &client, user); /* the connection stands, */
	assert_int_equal(peers_find(fixture->peers, user, &peer), ERR_NOT_FOUND); /* but nobody stands behind it */
	client_close(fixture, &client);
	client_connect(fixture, &client, &fixture->alice);
	assert_int_equal(next_event(&client), ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
	client_close(fixture, &client);
}

static void test_a_peer_gets_in_right_after_it_was_added(void **context)
{
	struct fixture *fixture = *context;
	struct client client;
	char user[KEY_TEXT_BYTES];

	serve(fixture, "ipc");
	assert_int_equal(peer_add(&fixture->state, "bob", "client", fixture->stranger.public_key, fixture->sentence), 0);
	client_connect(fixture, &client, &fixture->stranger);
	assert_int_equal(next_event(&client), ZMQ_EVENT_HANDSHAKE_SUCCEEDED); /* at the first try */
	say(fixture, &client, user);
	assert_string_equal(user, fixture->stranger.public_key);
	client_close(fixture, &client);
}

static void test_a_routing_id_cannot_be_taken_over(void **context)
{
	struct fixture *fixture = *context;
	struct client first, second;
	char user[KEY_TEXT_BYTES], text[16];

	serve(fixture, "tcp");
	assert_int_equal(peer_add(&fixture->state, "bob", "client", fixture->stranger.public_key, fixture->sentence), 0);
	client_open(fixture, &first);
	zmq_setsockopt(first.socket, ZMQ_ROUTING_ID, "beta", 4);
	assert_int_equal(socket_secure_client(first.socket, &fixture->alice, fixture->omega.public_key), 0);
	assert_int_equal(zmq_connect(first.socket, fixture->endpoint), 0);
	say(fixture, &first, user);
	client_open(fixture, &second);
	zmq_setsockopt(second.socket, ZMQ_ROUTING_ID, "beta", 4);
	assert_int_equal(socket_secure_client(second.socket, &fixture->stranger, fixture->omega.public_key), 0);
	assert_int_equal(zmq_connect(second.socket, fixture->endpoint), 0);
	assert_int_equal(next_event(&second), ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
	zmq_send(second.socket, "hello", 5, 0);
	assert_int_equal(zmq_send(fixture->server, "beta", 4, ZMQ_SNDMORE), 4);
	assert_int_equal(zmq_send(fixture->server, "task", 4, 0), 4);
	assert_true(await(first.socket, ZMQ_POLLIN));
	assert_int_equal(zmq_recv(first.socket, text, sizeof(text), 0), 4);
	assert_int_equal(zmq_send(fixture->server, "nobody", 6, ZMQ_SNDMORE | ZMQ_DONTWAIT), -1);
	assert_int_equal(zmq_errno(), EHOSTUNREACH);
	client_close(fixture, &first);
	client_close(fixture, &second);
}

/* ---- the handler itself ---- */

static void ask(struct fixture *fixture, const char *const *frames, const size_t *bytes, size_t count, char out_code[8],
		char out_user[KEY_TEXT_BYTES])
{
	int none = 0, more;
	char text[256];
	void *socket = zmq_socket(fixture->context, ZMQ_REQ);

	zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof(none));
	assert_int_equal(zmq_connect(socket, ZAP_ENDPOINT), 0);
	for (size_t i = 0; i < count; i++)
		assert_true(zmq_send(socket, frames[i], bytes[i], i + 1 < count ? ZMQ_SNDMORE : 0) >= 0);
	assert_true(await(socket, ZMQ_POLLIN));
	for (int i = 0; i < 6; i++) {
		size_t more_bytes = sizeof(more);
		int got = zmq_recv(socket, text, sizeof(text) - 1, 0);
		assert_true(got >= 0);
		text[got < (int)sizeof(text) ? got : 0] = '\0';
		if (i == 0)
			assert_string_equal(text, "1.0");
		if (i == 1 && count > 1 && bytes[1] < sizeof(text))
			assert_memory_equal(text, frames[1], bytes[1]);
		if (i == 2)
			snprintf(out_code, 8, "%.7s", text);
		if (i == 4)
			snprintf(out_user, KEY_TEXT_BYTES, "%.40s", text);
		zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_bytes);
		assert_int_equal(more, i < 5);
	}
	zmq_close(socket);
}

static void test_requests_are_judged_by_every_field(void **context)
{
	struct fixture *fixture = *context;
	char known[32], unknown[32], huge[100000], code[8], user[KEY_TEXT_BYTES];
	zmq_z85_decode((uint8_t *)known, fixture->alice.public_key);
	zmq_z85_decode((uint8_t *)unknown, fixture->stranger.public_key);
	memset(huge, 'x', sizeof(huge));
	const struct {
		const char *code;
		size_t count;
		const char *frame[9];
		size_t last_bytes; /* of frame 6; the others end with NUL */
	} cases[] = {
		{"200", 7, {"1.0", "1", "omega", "127.0.0.1", "", "CURVE", known}, 32},
		{"400", 7, {"1.0", "2", "omega", "127.0.0.1", "", "CURVE", unknown}, 32},
		{"500", 7, {"1.1", "3", "omega", "127.0.0.1", "", "CURVE", known}, 32},
		{"500", 7, {"1.0", "4", "other", "127.0.0.1", "", "CURVE", known}, 32},
		{"500", 7, {"1.0", "5", "", "127.0.0.1", "", "CURVE", known}, 32},
		{"400", 6, {"1.0", "6", "omega", "127.0.0.1", "", "NULL"}, 0},
		{"400", 8, {"1.0", "7", "omega", "127.0.0.1", "", "PLAIN", "alice", "secret"}, 5},
		{"500", 7, {"1.0", "8", "omega", "127.0.0.1", "", "CURVE", known}, 31},
		{"500", 7, {"1.0", "9", "omega", "127.0.0.1", "", "CURVE", huge}, sizeof(huge)},
		{"500", 6, {"1.0", "10", "omega", "127.0.0.1", "", "CURVE"}, 0},
		{"500", 8, {"1.0", "11", "omega", "127.0.0.1", "", "CURVE", known, "more"}, 32},
		{"500", 1, {"1.0"}, 0},
		{"500", 1, {""}, 0},
		{"500", 3, {"1.0", huge, "omega"}, 0},
	};

	huge[sizeof(huge) - 1] = '\0';
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t bytes[9];
		for (size_t f = 0; f < cases[i].count; f++)
			bytes[f] = f == 6 ? cases[i].last_bytes : strlen(cases[i].frame[f]);
		ask(fixture, cases[i].frame, bytes, cases[i].count, code, user);
		assert_string_equal(code, cases[i].code);
		assert_string_equal(user, i == 0 ? fixture->alice.public_key : "");
	}
	struct zap_counts counts;
	zap_count(fixture->zap, &counts);
	assert_int_equal(counts.accepted, 1);
	assert_int_equal(counts.unknown_key, 1);
	assert_int_equal(counts.mechanism, 2);
	assert_int_equal(counts.malformed, 10);
}

static void test_a_context_has_one_handler(void **context)
{
	struct fixture *fixture = *context;
	struct zap *second = NULL;

	assert_int_equal(zap_start(fixture->context, fixture->peers, &second), ERR_STATE);
	assert_null(second);
	zap_stop(fixture->zap);
	fixture->zap = NULL;
	assert_int_equal(zap_start(fixture->context, fixture->peers, &fixture->zap), 0);
}

/* ---- hostile connections ---- */

static int connect_raw(const struct fixture *fixture)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_port = htons((uint16_t)atoi(strrchr(fixture->endpoint, ':') + 1));
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* True once the other end has closed, whatever it said before. */
static bool closed_by_server(int fd)
{
	char bytes[256];

	for (;;) {
		struct pollfd item = {.fd = fd, .events = POLLIN};
		if (poll(&item, 1, PATIENCE_MS) != 1)
			return false;
		if (read(fd, bytes, sizeof(bytes)) <= 0)
			return true;
	}
}

static void test_a_frame_that_declares_eight_gigabytes_ends_the_connection(void **context)
{
	/* Greeting of ZMTP 3.0 with CURVE, then the header of a long command. */
	uint8_t bytes[64 + 9] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'C', 'U', 'R', 'V', 'E', [64] = 0x06, [68] = 2};
	struct fixture *fixture = *context;
	struct client client;
	char user[KEY_TEXT_BYTES];

	serve(fixture, "tcp");
	int fd = connect_raw(fixture);
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	assert_true(closed_by_server(fd));
	close(fd);
	client_connect(fixture, &client, &fixture->alice);
	say(fixture, &client, user);
	client_close(fixture, &client);
}

static void test_silent_connections_are_closed_and_do_not_keep_others_out(void **context)
{
	struct fixture *fixture = *context;
	struct client client;
	char user[KEY_TEXT_BYTES];
	int fd[100];

	serve(fixture, "tcp");
	for (int i = 0; i < 100; i++)
		fd[i] = connect_raw(fixture);
	client_connect(fixture, &client, &fixture->alice);
	say(fixture, &client, user);
	for (int i = 0; i < 100; i++) {
		assert_true(closed_by_server(fd[i]));
		close(fd[i]);
	}
	say(fixture, &client, user);
	client_close(fixture, &client);
}

static void test_a_frame_over_the_limit_does_not_arrive(void **context)
{
	struct fixture *fixture = *context;
	struct client client;
	char user[KEY_TEXT_BYTES];
	void *big = calloc(1, FRAME_BYTES_MAX + 1);

	serve(fixture, "tcp");
	client_connect(fixture, &client, &fixture->alice);
	say(fixture, &client, user);
	assert_int_equal(next_event(&client), ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
	assert_true(zmq_send(client.socket, big, FRAME_BYTES_MAX + 1, 0) > 0);
	assert_int_equal(next_event(&client), ZMQ_EVENT_DISCONNECTED);
	assert_true(nothing_arrived(fixture));
	free(big);
	client_close(fixture, &client);
}

/* ---- binding ---- */

static void test_a_living_socket_is_not_taken_and_a_dead_one_is_replaced(void **context)
{
	struct fixture *fixture = *context;
	char endpoint[ENDPOINT_TEXT_BYTES];
	void *second = zmq_socket(fixture->context, ZMQ_ROUTER);

	fixture->open[fixture->open_count++] = second;
	for (size_t i = 0; i < 2; i++) {
		serve(fixture, transports[i]);
		assert_int_equal(socket_listen(second, fixture->endpoint, endpoint, fixture->sentence), ERR_LOCKED);
	}
	/* A file that nobody listens at any more, as a killed process leaves it. */
	char path[PATH_BYTES];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	assert_int_equal(state_path(&fixture->state, "run/dead.sock", path), 0);
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	char dead[ENDPOINT_TEXT_BYTES];
	snprintf(dead, sizeof(dead), "ipc://%.107s", path);
	assert_int_equal(socket_listen(second, dead, endpoint, fixture->sentence), 0);
	assert_string_equal(endpoint, dead);
}

static void test_an_ordinary_file_in_the_way_is_not_removed(void **context)
{
	struct fixture *fixture = *context;
	char path[PATH_BYTES], endpoint[ENDPOINT_TEXT_BYTES], bound[ENDPOINT_TEXT_BYTES];
	void *server = zmq_socket(fixture->context, ZMQ_ROUTER);

	fixture->open[fixture->open_count++] = server;
	assert_int_equal(state_path(&fixture->state, "run/precious", path), 0);
	assert_int_equal(file_replace(path, "data", 4, 0600), 0);
	snprintf(endpoint, sizeof(endpoint), "ipc://%.107s", path);
	assert_int_equal(socket_listen(server, endpoint, bound, fixture->sentence), ERR_CONFIG);
	assert_int_equal(access(path, F_OK), 0);
}

static void test_the_system_chooses_a_port(void **context)
{
	struct fixture *fixture = *context;

	serve(fixture, "tcp");
	assert_true(atoi(strrchr(fixture->endpoint, ':') + 1) > 0);
	assert_int_equal(strncmp(fixture->endpoint, "tcp://127.0.0.1:", 16), 0);
}

static void test_the_limit_of_open_files_is_raised(void **context)
{
	(void)context;
	uint64_t now = files_limit_raise(1);
	assert_true(now > 1); /* never lowered */
	assert_true(files_limit_raise(now) == now);
	assert_true(files_limit_raise(8192) >= now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_registered_key_gets_in_and_is_known_by_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_unknown_key_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_peer_without_encryption_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_wrong_server_key_gets_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_a_handler_nobody_gets_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_while_the_handler_hangs_nobody_gets_in, setup, teardown),
		cmocka_unit_test_setup_teardown(test_connections_that_stand_outlive_the_handler, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_removed_peer_is_mute_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_peer_gets_in_right_after_it_was_added, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_routing_id_cannot_be_taken_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_requests_are_judged_by_every_field, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_context_has_one_handler, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_frame_that_declares_eight_gigabytes_ends_the_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent_connections_are_closed_and_do_not_keep_others_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_frame_over_the_limit_does_not_arrive, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_living_socket_is_not_taken_and_a_dead_one_is_replaced, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_ordinary_file_in_the_way_is_not_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_system_chooses_a_port, setup, teardown),
		cmocka_unit_test(test_the_limit_of_open_files_is_raised),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
