/* SPDX-License-Identifier: MIT
 *
 * A network under its supervisor, as `bunshin up` starts it: soon ready, small and quiet while idle; and a thousand tasks during
 * which SIGKILL hits the supervisor, Omega and clones. The program's path is the first argument.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "actors/state.h"
#include "tests/e2e/tally.h"

#define TASKS         1000u
#define PROCESSES_MAX 64u

static const char *program;
static char self[PATH_BYTES];
static struct network network;

/* ---- a clone under the supervisor: this program again ---- */

static int be_supervised(void)
{
	static atomic_bool stop;
	struct clone_run_options options = {.state_folder = getenv("BUNSHIN_STATE"),
					    .name = getenv("BUNSHIN_PEER"),
					    .slots = 8,
					    .handler = clone_echo,
					    .stop = &stop};
	const char *notify = getenv("BUNSHIN_NOTIFY_FD");

	if (notify && write(atoi(notify), "\n", 1) != 1)
		return 1;
	return clone_run(&options) ? 1 : 0;
}

/* ---- the command line ---- */

static int bunshin(const char *command)
{
	char line[3 * PATH_BYTES];

	snprintf(line, sizeof(line), "exec %s %s --state %s --routes %s >/dev/null", program, command, network.state,
		 network.routes);
	int status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The pid of a process of the network, from the supervisor's status; 0 if there is none. */
static pid_t pid_of(const char *name)
{
	char path[PATH_BYTES];
	size_t index;
	json_t *child;
	pid_t pid = 0;

	snprintf(path, sizeof(path), "%s/run/supervisor.json", network.state);
	json_t *status = json_load_file(path, 0, NULL);
	if (strcmp(name, "supervisor") == 0)
		pid = (pid_t)json_integer_value(json_object_get(status, "pid"));
	json_array_foreach (json_object_get(status, "children"), index, child)
		if (strcmp(json_string_value(json_object_get(child, "name")), name) == 0)
			pid = (pid_t)json_integer_value(json_object_get(child, "pid"));
	json_decref(status);
	return pid;
}

/* Processes that have this network's state folder in their environment or arguments. */
static size_t find_processes(pid_t out_pids[PROCESSES_MAX])
{
	static const char *const files[] = {"environ", "cmdline"};
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	assert_non_null(proc);
	while ((entry = readdir(proc))) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		bool ours = false;
		for (size_t i = 0; pid > 0 && pid != getpid() && i < 2; i++) {
			char path[64], text[16384];
			snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, files[i]);
			FILE *file = fopen(path, "r");
			size_t bytes = file ? fread(text, 1, sizeof(text), file) : 0;
			ours |= bytes && memmem(text, bytes, network.folder, strlen(network.folder));
			if (file)
				fclose(file);
		}
		if (ours && count < PROCESSES_MAX)
			out_pids[count++] = pid;
	}
	closedir(proc);
	return count;
}

static bool nothing_left(unsigned wait_ms)
{
	pid_t pids[PROCESSES_MAX];
	uint64_t until = tally_now_us() + wait_ms * 1000u;

	while (find_processes(pids) && tally_now_us() < until)
		poll(NULL, 0, 20);
	return find_processes(pids) == 0;
}

static void start(const char *conf)
{
	network_open(&network, conf);
	assert_int_equal(bunshin("up"), 0);
}

static void finish(void)
{
	assert_int_equal(bunshin("down"), 0);
	assert_true(nothing_left(5000));
}

/* ---- idle ---- */

static uint64_t field_of(pid_t pid, const char *file, const char *name)
{
	char path[64], line[256];
	uint64_t value = 0;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	FILE *status = fopen(path, "r");
	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtoull(line + strlen(name), NULL, 10);
	if (status)
		fclose(status);
	return value;
}

/* CPU time so far, in clock ticks. */
static uint64_t ticks_of(pid_t pid)
{
	char path[64], text[1024];
	unsigned long long user = 0, kernel = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "r");
	size_t bytes = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	text[bytes] = 0;
	if (file)
		fclose(file);
	const char *rest = strrchr(text, ')');
	if (rest)
		(void)!sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &kernel);
	return user + kernel;
}

static bool sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#else
	return false;
#endif
}

static void test_an_idle_network_is_small_and_quiet(void **state)
{
	pid_t pids[PROCESSES_MAX];
	uint64_t kilobytes = 0, before = 0, after = 0, start_us = tally_now_us();
	struct receipt receipt;
	struct refused refused;
	struct request request = {.task_type = "documentation", .parameters = "{\"repo\": \"/nowhere\"}"};

	(void)state;
	network_open(&network, NULL);
	snprintf(network.routes, sizeof(network.routes), "%s/shipped.conf", network.folder);
	assert_int_equal(symlink(SOURCE_DIR "/routing.conf", network.routes), 0);
	assert_int_equal(bunshin("up"), 0);
	struct client *client = network_client(&network, "client");
	assert_int_equal(client_submit(client, &request, 10000, &receipt, &refused), 0);
	print_message("           from `bunshin up` to the first accepted task: %llu ms\n",
		      (unsigned long long)(tally_now_us() - start_us) / 1000);
	client_close(client);
	poll(NULL, 0, 1000);
	size_t count = find_processes(pids);
	for (size_t i = 0; i < count; i++) {
		kilobytes += field_of(pids[i], "smaps_rollup", "Pss:");
		before += ticks_of(pids[i]);
	}
	poll(NULL, 0, 3000);
	for (size_t i = 0; i < count; i++)
		after += ticks_of(pids[i]);
	double share = (double)(after - before) / (3.0 * (double)sysconf(_SC_CLK_TCK));
	print_message("           %zu processes, %llu kB resident (pages that are shared counted once), %.1f %% of one CPU\n",
		      count, (unsigned long long)kilobytes, share * 100);
	assert_int_equal(count, 10); /* the supervisor's two, Omega, the workspace, six clones */
	if (!sanitized())
		assert_true(kilobytes < 60 * 1024);
	assert_true(share < 0.05);
	finish();
	network_close(&network);
}

/* ---- killed ---- */

static const char *const victims[] = {"supervisor", "omega", "workspace", "echo/1", "echo/2", "echo/3"};

struct killer {
	struct tally *tally;
	uint64_t random;
	size_t next;
	uint32_t kills[sizeof(victims) / sizeof(victims[0])];
};

static uint64_t draw(struct killer *killer)
{
	uint64_t x = killer->random += 0x9e3779b97f4a7c15u; /* splitmix64 */

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static void maybe_kill(void *context)
{
	struct killer *killer = context;
	size_t victim;

	if (killer->tally->ended < killer->next)
		return;
	killer->next = killer->tally->ended + 20 + draw(killer) % 60;
	victim = draw(killer) % (sizeof(victims) / sizeof(victims[0]));
	pid_t pid = pid_of(victims[victim]);
	if (pid <= 0 || kill(pid, SIGKILL))
		return;
	killer->kills[victim]++;
	if (victim != 0)
		return;
	assert_true(nothing_left(10000)); /* its children do not outlive it */
	assert_int_equal(bunshin("up"), 0);
}

static int check_task(void *context, const struct trail_task *task)
{
	size_t *ended = context;

	assert_int_equal(task->end_state, STATE_COMPLETED);
	++*ended;
	return 0;
}

static void check_trail(void)
{
	struct trail *trail = NULL;
	char path[128], why[256];
	size_t ended = 0;

	network_verify(&network);
	snprintf(path, sizeof(path), "%s/trail.db", network.state);
	assert_int_equal(trail_open(path, TRAIL_READ, &trail, why), 0);
	assert_int_equal(trail_tasks(trail, 0, 0, check_task, &ended), 0);
	trail_close(trail);
	assert_int_equal(ended, TASKS);
}

static void test_whoever_is_killed_every_accepted_task_ends_once(void **state)
{
	struct killer killer = {.random = getenv("BUNSHIN_SEED") ? strtoull(getenv("BUNSHIN_SEED"), NULL, 0)
								 : (uint64_t)time(NULL)};
	struct request request = {.task_type = "echo"};
	struct tally tally;
	char conf[2 * PATH_BYTES];

	(void)state;
	print_message("           BUNSHIN_SEED=%llu\n", (unsigned long long)killer.random);
	snprintf(conf, sizeof(conf),
		 "network { heartbeat = 500ms  lost_max = 100  restart_max = 1000 }\nclone echo { instances = 3  slots = 8  "
		 "command = \"%s supervised\" }\n"
		 "route echo { destination = echo  timeout = 30s  deadline = 10m }\n",
		 self);
	start(conf);
	tally_init(&tally, network_client(&network, "client"), TASKS);
	killer.tally = &tally;
	killer.next = 1 + draw(&killer) % 60;
	assert_int_equal(tally_run(&tally, &request, TASKS, 50, maybe_kill, &killer), 0);
	for (size_t i = 0; i < sizeof(victims) / sizeof(victims[0]); i++)
		print_message("           %s killed %u times\n", victims[i], killer.kills[i]);
	assert_int_equal(tally.strangers, 0);
	for (size_t i = 0; i < TASKS; i++) {
		assert_int_equal(tally.task[i].ended, 1);
		assert_int_equal(tally.task[i].state, STATE_COMPLETED);
	}
	client_close(tally.client);
	tally_release(&tally);
	finish();
	check_trail();
	network_close(&network);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "supervised") == 0)
		return be_supervised();
	network_be_child(argc, argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_idle_network_is_small_and_quiet),
		cmocka_unit_test(test_whoever_is_killed_every_accepted_task_ends_once),
	};
	if (argc != 2 || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
		fprintf(stderr, "usage: supervised_test BUNSHIN\n");
		return 2;
	}
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
