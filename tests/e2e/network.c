/* SPDX-License-Identifier: MIT */
#include "tests/e2e/network.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "actors/keys.h"
#include "actors/omega_actor.h"
#include "actors/replay.h"
#include "actors/state.h"
#include "verifier/verify.h"

static const char default_conf[] = "network {\n\theartbeat = 500ms\n}\n"
				   "clone echo {\n\tinstances = 4\n\tslots = 64\n\texternal = yes\n}\n"
				   "route echo {\n\tdestination = echo\n\tpriority = high\n\ttimeout = 30s\n\tretries = 2\n}\n";

/* ---- children ---- */

static int be_omega(char **argv)
{
	struct omega_options options = {.state_folder = argv[2], .routing_file = argv[3], .ready_fd = atoi(argv[4])};

	return omega_main(&options);
}

static int be_instant(char **argv)
{
	static atomic_bool stop;
	struct clone_run_options options = {
		.state_folder = argv[2], .name = argv[3], .slots = (uint32_t)atoi(argv[4]), .handler = clone_echo, .stop = &stop};

	return clone_run(&options) ? 1 : 0;
}

static int be_clone(char **argv)
{
	static const char *const command[] = {"/proc/self/exe", "attempt", NULL};
	struct clone_options options = {.state_folder = argv[2],
					.name = argv[3],
					.slots = (uint32_t)atoi(argv[4]),
					.command = command,
					.ready_fd = atoi(argv[5])};

	return clone_main(&options);
}

void network_be_child(int argc, char **argv)
{
	if (argc < 2)
		return;
	if (strcmp(argv[1], "omega") == 0 && argc == 5)
		exit(be_omega(argv));
	if (strcmp(argv[1], "instant") == 0 && argc == 5)
		exit(be_instant(argv));
	if (strcmp(argv[1], "clone") == 0 && argc == 6)
		exit(be_clone(argv));
}

static pid_t spawn(char *const argv[])
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0) {
		/* Whoever outlives its test would wait for a network that is gone. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
			_exit(127);
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	assert_true(pid > 0);
	return pid;
}

/* ---- the network ---- */

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void network_open(struct network *network, const char *conf)
{
	struct state_folder state;
	struct conf *parsed = malloc(sizeof(*parsed));
	char why[SENTENCE_BYTES] = "";

	memset(network, 0, sizeof(*network));
	snprintf(network->folder, sizeof(network->folder), "/tmp/bunshin-test-XXXXXX");
	assert_non_null(mkdtemp(network->folder));
	snprintf(network->state, sizeof(network->state), "%s/state", network->folder);
	snprintf(network->routes, sizeof(network->routes), "%s/routing.conf", network->folder);
	if (!conf)
		conf = default_conf;
	write_file(network->routes, conf);
	assert_non_null(parsed);
	if (conf_parse(conf, network->routes, parsed, why) || state_open(network->state, &state, why) ||
	    keys_prepare(&state, parsed, why))
		fail_msg("%s", why);
	free(parsed);
}

void network_start(struct network *network)
{
	int ready[2];
	char fd[16];
	char line[8] = "";
	char *argv[] = {(char[]){"test"}, (char[]){"omega"}, network->state, network->routes, fd, NULL};

	assert_int_equal(pipe(ready), 0);
	snprintf(fd, sizeof(fd), "%d", ready[1]);
	network->omega = spawn(argv);
	close(ready[1]);
	if (read(ready[0], line, sizeof(line)) != 6)
		fail_msg("Omega did not become ready");
	close(ready[0]);
}

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void network_kill(struct network *network)
{
	if (!network->omega)
		return;
	kill(network->omega, SIGKILL);
	wait_for(network->omega);
	network->omega = 0;
}

int network_stop(struct network *network)
{
	int status;

	kill(network->omega, SIGTERM);
	status = wait_for(network->omega);
	network->omega = 0;
	return status;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
	(void)stat;
	(void)kind;
	(void)place;
	return remove(path);
}

void network_close(struct network *network)
{
	network_kill(network);
	assert_int_equal(nftw(network->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* ---- clones ---- */

void clone_echo(void *context, const struct assignment *assignment, struct answer *out_answer)
{
	(void)context;
	(void)assignment;
	out_answer->summary = "done";
	out_answer->result = "{\"ok\":true}";
}

static void count_and_answer(void *context, const struct assignment *assignment, struct answer *out_answer)
{
	struct instant_clone *clone = context;

	atomic_fetch_add(&clone->answered, 1);
	clone->handler(clone->context, assignment, out_answer);
}

static void *run_clone(void *argument)
{
	struct instant_clone *clone = argument;
	struct clone_run_options options = {.state_folder = clone->network->state,
					    .name = clone->name,
					    .slots = clone->slots,
					    .handler = count_and_answer,
					    .context = clone,
					    .stop = &clone->stop,
					    .joined = &clone->joined};

	clone->result = clone_run(&options);
	return NULL;
}

void clone_start(struct instant_clone *clone, struct network *network, const char *name, uint32_t slots)
{
	clone->network = network;
	snprintf(clone->name, sizeof(clone->name), "%s", name);
	clone->slots = slots;
	if (!clone->handler)
		clone->handler = clone_echo;
	atomic_init(&clone->stop, false);
	atomic_init(&clone->joined, false);
	assert_int_equal(pthread_create(&clone->thread, NULL, run_clone, clone), 0);
}

void clone_stop(struct instant_clone *clone)
{
	atomic_store(&clone->stop, true);
	pthread_join(clone->thread, NULL);
}

pid_t clone_spawn(struct network *network, const char *name, uint32_t slots)
{
	char count[16];
	char peer[NAME_BYTES];
	char *argv[] = {(char[]){"test"}, (char[]){"instant"}, network->state, peer, count, NULL};

	snprintf(count, sizeof(count), "%u", slots);
	snprintf(peer, sizeof(peer), "%s", name);
	return spawn(argv);
}

pid_t clone_spawn_real(struct network *network, const char *name, uint32_t slots)
{
	int ready[2];
	char count[16];
	char peer[NAME_BYTES];
	char fd[16];
	char line[8] = "";
	char *argv[] = {(char[]){"test"}, (char[]){"clone"}, network->state, peer, count, fd, NULL};
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	snprintf(fd, sizeof(fd), "%d", ready[1]);
	snprintf(count, sizeof(count), "%u", slots);
	snprintf(peer, sizeof(peer), "%s", name);
	pid = spawn(argv);
	close(ready[1]);
	if (read(ready[0], line, sizeof(line)) != 6)
		fail_msg("%s did not become ready", name);
	close(ready[0]);
	return pid;
}

int process_stop(pid_t pid, int signal)
{
	kill(pid, signal);
	return wait_for(pid);
}

/* ---- clients and the trail ---- */

struct client *network_client(struct network *network, const char *role)
{
	struct client_options options = {.state_folder = network->state, .role = role};
	struct client *client = NULL;
	char why[CLIENT_SENTENCE_BYTES];

	if (client_open(&options, &client, why))
		fail_msg("%s", why);
	return client;
}

static void tell_difference(void *context, const struct replay_difference *difference)
{
	(void)context;
	fprintf(stderr, "record %llu, %s, %s: recorded \"%s\", decided again \"%s\"\n", (unsigned long long)difference->seq,
		message_name((enum message_type)difference->type), difference->field, difference->recorded, difference->decided);
}

/* Whatever a network has been through, each of its decisions can be made again. */
static void replay_all(struct trail *trail, uint64_t records)
{
	struct replay_options options = {.each = tell_difference};
	struct replay_counts counts;
	char why[256];

	if (replay_trail(trail, &options, &counts, why))
		fail_msg("the trail does not come out again: %s", why);
	assert_int_equal(counts.compared, records);
}

/* What somebody says who knows the format and the public key alone. */
static void verify_elsewhere(struct network *network, const char *path)
{
	struct public_keys keys;
	struct verdict verdict;
	char file[128];
	char why[512];

	snprintf(file, sizeof(file), "%s/keys/log.pub", network->state);
	if (!keys_of_file(file, &keys, why))
		fail_msg("%s", why);
	verify_path(path, &(struct verify_options){.keys = &keys}, &verdict);
	if (verdict.code == VERDICT_HOLES && network->loses_messages)
		verdict.code = VERDICT_VERIFIED;
	if (verdict.code != VERDICT_VERIFIED) {
		verdict_print(&verdict, path, &(struct verify_options){.keys = &keys});
		fail_msg("the separate verifier says %d", verdict.code);
	}
	verdict_release(&verdict);
}

uint64_t network_verify(struct network *network)
{
	struct trail *trail = NULL;
	struct trail_verdict verdict;
	char path[128];
	char why[256];

	snprintf(path, sizeof(path), "%s/trail.db", network->state);
	if (trail_open(path, TRAIL_READ, &trail, why))
		fail_msg("%s", why);
	if (trail_verify(trail, 0, &verdict))
		fail_msg("record %llu: %s", (unsigned long long)verdict.bad_seq, verdict.why);
	replay_all(trail, verdict.records);
	trail_close(trail);
	verify_elsewhere(network, path);
	return verdict.records;
}
