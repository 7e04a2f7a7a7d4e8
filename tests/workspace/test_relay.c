/* SPDX-License-Identifier: MIT
 *
 * The way out of the sandbox: a port inside that leads to a Unix socket of the host. The server outside is a process with a thread for each
 * connection; the clients inside are threads of this program, run as `PROGRAM probe relay SERVICE CLIENTS BYTES`.
 *
 * A client says "SERVICE BYTES\n". Services: `take` (the client sends BYTES and half-closes; the answer is their number and sum),
 * `give` (the server sends BYTES and closes), `talk` (BYTES times: the server says a byte and waits for one), `cut` (the server sends half of
 * BYTES and drops the connection while it was still to read), `first` (the server half-closes at once, then takes BYTES).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/workspace/probe.h"

#define PORT  8099
#define CHUNK 50000u
#define SLOW  7u /* every so many clients there is one that reads slowly */

/* ---- bytes whose place can be told from their value ---- */

static void pattern(uint8_t *at, size_t bytes, uint64_t offset)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (uint8_t)((offset + i) * 31 >> 3 ^ (offset + i));
}

static bool pattern_is(const uint8_t *at, size_t bytes, uint64_t offset)
{
	static _Thread_local uint8_t expected[CHUNK];
	pattern(expected, bytes, offset);
	return memcmp(at, expected, bytes) == 0;
}

static bool send_all(int fd, const void *at, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t sent = send(fd, (const char *)at + done, bytes - done, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		done += (size_t)sent;
	}
	return true;
}

static bool give(int fd, uint64_t bytes)
{
	static _Thread_local uint8_t chunk[CHUNK];
	for (uint64_t done = 0; done < bytes;) {
		size_t part = bytes - done < CHUNK ? (size_t)(bytes - done) : CHUNK;
		pattern(chunk, part, done);
		if (!send_all(fd, chunk, part))
			return false;
		done += part;
	}
	return true;
}

/* Reads to the end. The number of bytes, or -1: a wrong byte, -2: broken. */
static int64_t take(int fd, unsigned pause_us)
{
	static _Thread_local uint8_t chunk[CHUNK];
	uint64_t done = 0;
	for (;;) {
		const struct timespec pause_time = {0, pause_us * 1000L};
		ssize_t got = recv(fd, chunk, sizeof(chunk), 0);
		if (got < 0)
			return -2;
		if (got == 0)
			return (int64_t)done;
		if (!pattern_is(chunk, (size_t)got, done))
			return -1;
		done += (uint64_t)got;
		if (pause_us)
			nanosleep(&pause_time, NULL);
	}
}

/* ---- the server ---- */

static bool line_read(int fd, char *line, size_t capacity)
{
	size_t bytes = 0;
	while (bytes + 1 < capacity && recv(fd, line + bytes, 1, 0) == 1 && line[bytes] != '\n')
		bytes++;
	line[bytes] = '\0';
	return bytes > 0;
}

static void server_take(int fd)
{
	char answer[32];
	int64_t bytes = take(fd, 0);
	snprintf(answer, sizeof(answer), "%lld\n", (long long)bytes);
	send_all(fd, answer, strlen(answer));
}

static void server_talk(int fd, uint64_t turns)
{
	char byte = 0;
	for (uint64_t i = 0; i < turns; i++)
		if (!send_all(fd, "?", 1) || recv(fd, &byte, 1, 0) != 1)
			return;
}

static void *server_serve(void *argument)
{
	int fd = (int)(intptr_t)argument;
	char line[64];
	char service[16] = "";
	unsigned long long bytes = 0;
	if (line_read(fd, line, sizeof(line)) && sscanf(line, "%15s %llu", service, &bytes) == 2) {
		if (strcmp(service, "take") == 0)
			server_take(fd);
		else if (strcmp(service, "give") == 0)
			give(fd, bytes);
		else if (strcmp(service, "talk") == 0)
			server_talk(fd, bytes);
		else if (strcmp(service, "cut") == 0 && recv(fd, line, 1, MSG_PEEK) == 1)
			give(fd, bytes / 2);
		else if (strcmp(service, "first") == 0 && shutdown(fd, SHUT_WR) == 0)
			take(fd, 0);
	}
	close(fd);
	return NULL;
}

__attribute__((noreturn)) static void server_run(int listener)
{
	pthread_attr_t small;
	pthread_attr_init(&small);
	pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		pthread_t thread;
		int fd = accept(listener, NULL, NULL);
		if (fd >= 0 && pthread_create(&thread, &small, server_serve, (void *)(intptr_t)fd) != 0)
			close(fd);
	}
}

struct server {
	char folder[64];
	char path[96];
	int listener;
	pid_t pid;
};

static void server_open(struct server *server, int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(server->folder, sizeof(server->folder), "/tmp/relay-XXXXXX");
	assert_non_null(mkdtemp(server->folder));
	snprintf(server->path, sizeof(server->path), "%s/model", server->folder);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(chmod(server->path, 0600), 0);
	assert_int_equal(listen(server->listener, backlog), 0);
	server->pid = 0;
}

static void server_start(struct server *server)
{
	server->pid = fork();
	if (server->pid == 0)
		server_run(server->listener);
}

static void server_stop(struct server *server)
{
	if (server->pid > 0) {
		kill(server->pid, SIGKILL);
		while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(server->listener);
	unlink(server->path);
	rmdir(server->folder);
}

/* ---- the clients ---- */

struct client {
	pthread_t thread;
	const char *service;
	uint64_t bytes;
	unsigned number;
	int failed;
};

static int relay_connect(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool client_take(int fd, uint64_t bytes)
{
	char expected[32];
	char line[32];
	snprintf(expected, sizeof(expected), "%llu", (unsigned long long)bytes);
	return give(fd, bytes) && shutdown(fd, SHUT_WR) == 0 && line_read(fd, line, sizeof(line)) && strcmp(line, expected) == 0;
}

static bool client_talk(int fd, uint64_t turns)
{
	char byte = 0;
	for (uint64_t i = 0; i < turns; i++)
		if (recv(fd, &byte, 1, 0) != 1 || byte != '?' || !send_all(fd, "!", 1))
			return false;
	return recv(fd, &byte, 1, 0) == 0;
}

/* What was cut must not look whole: the end is an error, after no more than was sent. */
static bool client_cut(int fd)
{
	return send_all(fd, "unread", 6) && take(fd, 0) == -2;
}

static bool client_first(int fd, uint64_t bytes)
{
	char byte = 0;
	return recv(fd, &byte, 1, 0) == 0 && give(fd, bytes);
}

static void *client_run(void *argument)
{
	struct client *client = argument;
	char line[64];
	int fd = relay_connect();
	snprintf(line, sizeof(line), "%s %llu\n", client->service, (unsigned long long)client->bytes);
	bool well = fd >= 0 && send_all(fd, line, strlen(line));
	if (well && strcmp(client->service, "take") == 0)
		well = client_take(fd, client->bytes);
	else if (well && strcmp(client->service, "give") == 0)
		well = take(fd, client->number % SLOW == SLOW - 1 ? 2000 : 0) == (int64_t)client->bytes;
	else if (well && strcmp(client->service, "talk") == 0)
		well = client_talk(fd, client->bytes);
	else if (well && strcmp(client->service, "cut") == 0)
		well = client_cut(fd);
	else if (well && strcmp(client->service, "first") == 0)
		well = client_first(fd, client->bytes);
	if (fd >= 0)
		close(fd);
	client->failed = !well;
	return NULL;
}

/* The number of clients that did not get what they should. `leave` drops its connection in the middle. */
static int clients_run(const char *service, unsigned count, uint64_t bytes)
{
	struct client *clients = calloc(count, sizeof(*clients));
	int failed = 0;
	for (unsigned i = 0; i < count; i++) {
		clients[i] = (struct client){.service = service, .bytes = bytes, .number = i};
		if (pthread_create(&clients[i].thread, NULL, client_run, &clients[i]) != 0)
			return 100;
	}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(clients[i].thread, NULL);
		failed += clients[i].failed;
	}
	free(clients);
	return failed;
}

static int leave_run(unsigned count, uint64_t bytes)
{
	uint8_t some[1000];
	for (unsigned i = 0; i < count; i++) {
		char line[64];
		int fd = relay_connect();
		snprintf(line, sizeof(line), "give %llu\n", (unsigned long long)bytes);
		if (fd < 0 || !send_all(fd, line, strlen(line)) || recv(fd, some, sizeof(some), 0) <= 0)
			return 1;
		close(fd);
	}
	return clients_run("give", 1, 100000); /* and all is well */
}

static int client_main(char **argv)
{
	unsigned count = (unsigned)atoi(argv[1]);
	uint64_t bytes = strtoull(argv[2], NULL, 10);
	return strcmp(argv[0], "leave") == 0 ? leave_run(count, bytes) : clients_run(argv[0], count, bytes);
}

/* ---- the tests ---- */

static struct sandbox_job relayed(const struct server *server)
{
	struct sandbox_job job = {.limits = probe_limits(), .cancel_fd = -1};
	job.relay = (struct sandbox_relay){PORT, server->path};
	job.limits.processes = 400;
	return job;
}

static int clients_inside(const struct server *server, const char *service, const char *count, const char *bytes)
{
	const char *const argv[] = {SANDBOX_PROGRAM, "probe", "relay", service, count, bytes, NULL};
	struct sandbox_job job = relayed(server);
	struct sandbox_result result;
	job.argv = argv;
	int rc = sandbox_run(&job, &result);
	if (rc)
		fail_msg("%s", result.why);
	if (result.why[0])
		fail_msg("%s", result.why);
	int failed = result.exit_status;
	sandbox_release(&result);
	return failed;
}

static int serve_clients(const char *service, const char *count, const char *bytes)
{
	struct server server;
	server_open(&server, 8);
	server_start(&server);
	int failed = clients_inside(&server, service, count, bytes);
	server_stop(&server);
	return failed;
}

static void test_large_bodies_go_both_ways_whole(void **state)
{
	(void)state;
	assert_int_equal(serve_clients("take", "1", "67108864"), 0);
	assert_int_equal(serve_clients("give", "1", "67108864"), 0);
}

static void test_fifty_streams_at_once_with_slow_readers_among_them(void **state)
{
	(void)state;
	assert_int_equal(serve_clients("give", "50", "1000000"), 0);
	assert_int_equal(serve_clients("take", "50", "300000"), 0);
}

static void test_small_pieces_are_not_held_back(void **state)
{
	(void)state;
	assert_int_equal(serve_clients("talk", "50", "40"), 0);
}

static void test_either_side_may_end_its_half_first(void **state)
{
	(void)state;
	assert_int_equal(serve_clients("take", "3", "0"), 0);
	assert_int_equal(serve_clients("first", "3", "300000"), 0);
	assert_int_equal(serve_clients("give", "3", "0"), 0);
}

static void test_a_cut_answer_never_looks_whole(void **state)
{
	(void)state;
	assert_int_equal(serve_clients("cut", "5", "100000"), 0);
}

static void test_clients_that_leave_in_the_middle_take_nothing_with_them(void **state)
{
	(void)state;
	assert_int_equal(serve_clients("leave", "300", "3000000"), 0);
}

static void test_more_clients_than_places_wait_for_their_turn(void **state)
{
	(void)state;
	assert_int_equal(serve_clients("give", "300", "20000"), 0);
}

static struct sandbox_result shell(struct sandbox_job *job, const char *script)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	struct sandbox_result result;
	job->argv = argv;
	int rc = sandbox_run(job, &result);
	if (rc)
		fail_msg("%s", result.why);
	job->argv = NULL;
	return result;
}

static void test_the_socket_itself_is_out_of_sight(void **state)
{
	(void)state;
	struct server server;
	char script[300];
	server_open(&server, 8);
	struct sandbox_job job = relayed(&server);
	snprintf(script, sizeof(script),
		 "ls -d %s %s; find / -type s 2>/dev/null; readlink /proc/[12]/fd/* | grep -v -e pipe: -e /dev/null -e eventfd; "
		 "grep model /proc/net/unix",
		 server.folder, server.path);
	struct sandbox_result result = shell(&job, script);
	if (result.out_bytes)
		fail_msg("%s", (const char *)result.out);
	sandbox_release(&result);
	server_stop(&server);
}

static void assert_refused(struct sandbox_job *job, const char *sentence)
{
	static const char *const argv[] = {"sh", "-c", "echo > /work/ran", NULL};
	char work[] = "/tmp/relay-work-XXXXXX";
	char ran[64];
	struct sandbox_result result;
	assert_non_null(mkdtemp(work));
	snprintf(ran, sizeof(ran), "%s/ran", work);
	job->argv = argv;
	job->work = work;
	assert_int_equal(sandbox_run(job, &result), ERR_SANDBOX);
	if (!strstr(result.why, sentence))
		fail_msg("not \"%s\" but \"%s\"", sentence, result.why);
	assert_int_not_equal(access(ran, F_OK), 0);
	assert_int_equal(rmdir(work), 0);
}

static void test_without_its_server_nothing_runs(void **state)
{
	(void)state;
	struct server server;
	server_open(&server, 8);
	struct sandbox_job job = relayed(&server);
	close(server.listener); /* the file stays, and nobody accepts: "proxy down" */
	assert_refused(&job, "nobody answers on the way to the model");
	server.listener = -1;
	unlink(server.path);
	assert_refused(&job, "the way to the model is not there");
	FILE *file = fopen(server.path, "w");
	assert_non_null(file);
	fclose(file);
	assert_refused(&job, "the way to the model is not a socket");
	unlink(server.path);
	assert_int_equal(symlink("/run/other.sock", server.path), 0);
	assert_refused(&job, "the way to the model is not a socket");
	job.relay.socket = "model";
	assert_refused(&job, "must be an absolute path");
	job.relay.socket = NULL;
	assert_refused(&job, "none is named");
	server_stop(&server);
}

static void test_a_port_that_cannot_be_had_is_a_refusal(void **state)
{
	(void)state;
	struct server server;
	server_open(&server, 8);
	struct sandbox_job job = relayed(&server);
	job.relay.port = 80; /* of the privileged ones */
	assert_refused(&job, "port 80 could not be opened in the sandbox");
	server_stop(&server);
}

static void test_a_socket_in_a_folder_that_is_seen_is_refused(void **state)
{
	(void)state;
	struct server server;
	server_open(&server, 8);
	struct sandbox_job job = relayed(&server);
	const struct sandbox_mount mount = {server.folder, NULL, false};
	job.mounts = &mount;
	job.mount_count = 1;
	assert_refused(&job, "must not lie in a folder that the sandbox sees");
	job.mount_count = 0;
	job.home = server.folder;
	assert_refused(&job, "must not lie in a folder that the sandbox sees");
	job.home = NULL;
	job.repository = server.folder;
	assert_refused(&job, "must not lie in a folder that the sandbox sees");
	server_stop(&server);
}

/* The server dies while the program runs: connections are reset, and nothing else happens. */
static void test_a_server_that_dies_later_is_an_error_of_the_connection(void **state)
{
	(void)state;
	const char *const argv[] = {SANDBOX_PROGRAM, "probe", "relay", "give", "20", "1000", NULL};
	struct server server;
	server_open(&server, 128);
	struct sandbox_job job = relayed(&server);
	struct sandbox_result result;
	/* Whoever accepts ends with the first connection that says something; the check before the run says nothing. */
	server.pid = fork();
	if (server.pid == 0) {
		char byte = 0;
		for (;;) {
			int fd = accept(server.listener, NULL, NULL);
			if (recv(fd, &byte, 1, 0) == 1)
				_exit(0);
			close(fd);
		}
	}
	close(server.listener);
	server.listener = -1;
	job.argv = argv;
	assert_int_equal(sandbox_run(&job, &result), 0);
	assert_int_equal(result.exit_status, 20);
	sandbox_release(&result);
	server_stop(&server);
}

int main(int argc, char **argv)
{
	int status = 0;
	if (argc == 6 && strcmp(argv[1], "probe") == 0 && strcmp(argv[2], "relay") == 0)
		return client_main(argv + 3);
	if (probe_dispatch(argc, argv, &status))
		return status;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_large_bodies_go_both_ways_whole),
		cmocka_unit_test(test_fifty_streams_at_once_with_slow_readers_among_them),
		cmocka_unit_test(test_small_pieces_are_not_held_back),
		cmocka_unit_test(test_either_side_may_end_its_half_first),
		cmocka_unit_test(test_a_cut_answer_never_looks_whole),
		cmocka_unit_test(test_clients_that_leave_in_the_middle_take_nothing_with_them),
		cmocka_unit_test(test_more_clients_than_places_wait_for_their_turn),
		cmocka_unit_test(test_the_socket_itself_is_out_of_sight),
		cmocka_unit_test(test_without_its_server_nothing_runs),
		cmocka_unit_test(test_a_port_that_cannot_be_had_is_a_refusal),
		cmocka_unit_test(test_a_socket_in_a_folder_that_is_seen_is_refused),
		cmocka_unit_test(test_a_server_that_dies_later_is_an_error_of_the_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
