/* SPDX-License-Identifier: MIT
 *
 * Every way out of the sandbox (tests/workspace/ways.h) is tried twice: inside, as an agent, where it must be refused and must leave no
 * trace outside; and bare, where it must succeed. A way that does not succeed bare would prove nothing; it is forgiven only where the
 * machine has not got what it is about, and those are counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/capability.h>
#include <mqueue.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/workspace/probe.h"
#include "tests/workspace/ways.h"

#define TEXT_BYTES   256
#define MOUNTS       2
#define WAYS_MIN     100
#define UNPROVEN_MAX 20 /* for root; others have to take the word of such a one */

struct variable {
	const char *name;
	char outside[TEXT_BYTES];
	char inside[TEXT_BYTES];
};

struct ground {
	char folder[64];
	struct variable variables[24];
	size_t count;
	pid_t victim;
	pid_t server; /* accepts on everything that listens */
	int relay_fd; /* O_PATH, as the first program inside has one */
	int leak_fd;
	int segment;
	char shared[64];
	char queue[64];
};

static struct ground ground;

/* ---- what the ways find ---- */

static void name(const char *variable, const char *inside, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* `inside` NULL: the same. */
static void name(const char *variable, const char *inside, const char *format, ...)
{
	struct variable *at = &ground.variables[ground.count++];
	va_list arguments;
	va_start(arguments, format);
	at->name = variable;
	vsnprintf(at->outside, TEXT_BYTES, format, arguments);
	snprintf(at->inside, TEXT_BYTES, "%s", inside ? inside : at->outside);
	va_end(arguments);
}

static const char *outside(const char *variable)
{
	for (size_t i = 0; i < ground.count; i++)
		if (strcmp(ground.variables[i].name, variable) == 0)
			return ground.variables[i].outside;
	return "";
}

static void file_make(const char *path, const char *content)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(content, file);
	fclose(file);
	chmod(path, 0600);
}

static void folder_make(const char *variable, const char *inside, const char *folder)
{
	name(variable, inside, "%s/%s", ground.folder, folder);
	assert_int_equal(mkdir(outside(variable), 0700), 0);
}

static char *below(const char *variable, const char *file)
{
	static char path[TEXT_BYTES + 64];
	snprintf(path, sizeof(path), "%s/%s", outside(variable), file);
	return path;
}

static int listen_unix(const char *path, bool abstract)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t bytes = strlen(path);
	memcpy(address.sun_path + abstract, path, bytes);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes + 1)),
			 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

/* On all addresses of the family, at a port of the system's choice. */
static int open_port(int family, int type, unsigned *out_port)
{
	struct sockaddr_in6 address = {.sin6_family = (sa_family_t)family};
	socklen_t bytes = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(address);
	int fd = socket(family, type | SOCK_CLOEXEC, 0);
	*out_port = 1;
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, bytes) != 0)
		return -1;
	if (type == SOCK_STREAM)
		listen(fd, 128);
	getsockname(fd, (struct sockaddr *)&address, &bytes);
	*out_port = ntohs(address.sin6_port); /* at the same place in both families */
	return fd;
}

static void name_an_address(void)
{
	struct ifaddrs *all = NULL;
	char text[INET_ADDRSTRLEN] = "none";
	if (getifaddrs(&all) == 0)
		for (const struct ifaddrs *at = all; at; at = at->ifa_next)
			if (at->ifa_addr && at->ifa_addr->sa_family == AF_INET && !(at->ifa_flags & IFF_LOOPBACK))
				inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr, text,
					  sizeof(text));
	freeifaddrs(all);
	name(WAY_ADDRESS, NULL, "%s", text);
}

/* Answers datagrams; connections wait in their queues, which is enough. */
__attribute__((noreturn)) static void server_run(int udp)
{
	struct sockaddr_in from;
	char question[64];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		socklen_t bytes = sizeof(from);
		if (recvfrom(udp, question, sizeof(question), 0, (struct sockaddr *)&from, &bytes) >= 0)
			sendto(udp, "here", 4, 0, (struct sockaddr *)&from, bytes);
	}
}

static void lay_network(void)
{
	unsigned port = 0;
	open_port(AF_INET, SOCK_STREAM, &port);
	name(WAY_TCP, NULL, "%u", port);
	open_port(AF_INET6, SOCK_STREAM, &port);
	name(WAY_TCP6, NULL, "%u", port);
	int udp = open_port(AF_INET, SOCK_DGRAM, &port);
	name(WAY_UDP, NULL, "%u", port);
	name_an_address();
	name(WAY_ABSTRACT, NULL, "bunshin-way-%d", (int)getpid());
	listen_unix(outside(WAY_ABSTRACT), true);
	name(WAY_SOCKET, NULL, "%s/socket", ground.folder);
	listen_unix(outside(WAY_SOCKET), false);
	name(WAY_RELAY, NULL, "%s/relay", ground.folder);
	listen_unix(outside(WAY_RELAY), false);
	ground.relay_fd = open(outside(WAY_RELAY), O_PATH | O_CLOEXEC);
	ground.server = fork();
	if (ground.server == 0)
		server_run(udp);
}

static void copy_program(const char *to)
{
	static char bytes[65536];
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	for (ssize_t got; (got = read(from, bytes, sizeof(bytes))) > 0;)
		assert_int_equal(write(fd, bytes, (size_t)got), got);
	close(from);
	close(fd);
}

static void lay_folders(void)
{
	folder_make(WAY_OUTSIDE, NULL, "outside");
	folder_make(WAY_WORK, "/work", "clone");
	folder_make(WAY_HOME, "/home/agent", "home");
	folder_make(WAY_CONTEXT, "/context", "context");
	folder_make(WAY_GIT, "/git", "git");
	folder_make(WAY_OTHER, NULL, "other");
	file_make(below(WAY_CONTEXT, "status.json"), "{}");
	file_make(below(WAY_GIT, "config"), "");
	assert_int_equal(mkdir(below(WAY_GIT, "hooks"), 0700), 0);
	name(WAY_SSH, NULL, "%s/.ssh/id_ed25519", ground.folder);
	char ssh[128];
	snprintf(ssh, sizeof(ssh), "%s/.ssh", ground.folder);
	assert_int_equal(mkdir(ssh, 0700), 0);
	file_make(outside(WAY_SSH), "a private key\n");
	name(WAY_PROGRAM, SANDBOX_PROGRAM, "%s/program", ground.folder);
	copy_program(outside(WAY_PROGRAM));
	snprintf(ground.shared, sizeof(ground.shared), "/dev/shm/bunshin-way-%d", (int)getpid());
	file_make(ground.shared, "shared\n");
	name(WAY_SHARED, NULL, "%s", ground.shared);
}

static void lay_processes(void)
{
	char word[64];
	snprintf(word, sizeof(word), "%sof-the-victim", WAY_WORD);
	ground.victim = fork();
	if (ground.victim == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/proc/self/exe", "victim", "probe", "sleep", word, NULL);
		_exit(1);
	}
	name(WAY_VICTIM, NULL, "%d", (int)ground.victim);
	name(WAY_GROUP, NULL, "%d", (int)getpgrp());
	ground.segment = shmget(IPC_PRIVATE, 4096, 0600);
	struct shmid_ds status;
	assert_int_equal(shmctl(ground.segment, IPC_STAT, &status), 0);
	shmctl(ground.segment, IPC_RMID, NULL);
	key_t key = (key_t)(0x42000000 + getpid());
	ground.segment = shmget(key, 4096, IPC_CREAT | 0600);
	name(WAY_SEGMENT, NULL, "%ld", (long)key);
	snprintf(ground.queue, sizeof(ground.queue), "/bunshin-way-%d", (int)getpid());
	mq_open(ground.queue, O_RDWR | O_CREAT | O_CLOEXEC, 0600, NULL);
	name(WAY_QUEUE, NULL, "%s", ground.queue);
}

/* What a way may have changed is laid again before each. */
static void lay_again(void)
{
	chmod(outside(WAY_OUTSIDE), 0700);
	unlink(below(WAY_OUTSIDE, "new"));
	rmdir(below(WAY_OUTSIDE, "folder"));
	unlink(below(WAY_OUTSIDE, "canary"));
	file_make(below(WAY_OUTSIDE, "canary"), "canary\n");
	unlink(below(WAY_WORK, "hard"));
	unlink(below(WAY_WORK, "link"));
	unlink(below(WAY_HOME, "link"));
	rmdir(below(WAY_CONTEXT, "more"));
	unlink(below(WAY_GIT, "hooks/post-checkout"));
	if (access(below(WAY_WORK, "found-device"), F_OK) != 0 &&
	    mknod(below(WAY_WORK, "found-device"), S_IFCHR | 0666, makedev(1, 9)) == 0)
		chmod(below(WAY_WORK, "found-device"), 0666);
	if (access(below(WAY_WORK, "found-setuid"), F_OK) != 0) {
		copy_program(below(WAY_WORK, "found-setuid"));
		if (chown(below(WAY_WORK, "found-setuid"), 65534, 65534) == 0)
			chmod(below(WAY_WORK, "found-setuid"), 04755);
	}
}

static void put_back(const char *variable)
{
	char moved[TEXT_BYTES + 16];
	snprintf(moved, sizeof(moved), "%s-moved", outside(variable));
	if (access(moved, F_OK) != 0)
		return;
	unlink(outside(variable));
	assert_int_equal(rename(moved, outside(variable)), 0);
}

/* What no way out may have done. */
static const char *trace(void)
{
	char content[16] = "";
	struct stat status;
	FILE *file = fopen(below(WAY_OUTSIDE, "canary"), "r");
	bool whole = file && fgets(content, sizeof(content), file) && strcmp(content, "canary\n") == 0;
	if (file)
		fclose(file);
	if (!whole)
		return "the canary is not what it was";
	if (stat(below(WAY_OUTSIDE, "canary"), &status) != 0 || status.st_nlink != 1 || (status.st_mode & 07777) != 0600)
		return "the canary has other links or another mode";
	if (access(below(WAY_OUTSIDE, "new"), F_OK) == 0 || access(below(WAY_OUTSIDE, "folder"), F_OK) == 0)
		return "there is something new outside";
	if (access(below(WAY_CONTEXT, "more"), F_OK) == 0 || access(below(WAY_GIT, "hooks/post-checkout"), F_OK) == 0)
		return "there is something new in what was to be read only";
	if (waitpid(ground.victim, NULL, WNOHANG) != 0)
		return "the victim has ended";
	return NULL;
}

static int ground_make(void **state)
{
	(void)state;
	snprintf(ground.folder, sizeof(ground.folder), "/tmp/ways-XXXXXX");
	if (!mkdtemp(ground.folder))
		return -1;
	lay_folders();
	lay_network();
	lay_processes();
	lay_again();
	ground.leak_fd = open(outside(WAY_OUTSIDE), O_RDONLY); /* on purpose without O_CLOEXEC */
	return 0;
}

static int ground_remove(void **state)
{
	(void)state;
	kill(ground.victim, SIGKILL);
	kill(ground.server, SIGKILL);
	waitpid(ground.victim, NULL, 0);
	waitpid(ground.server, NULL, 0);
	close(ground.leak_fd);
	shmctl(ground.segment, IPC_RMID, NULL);
	mq_unlink(ground.queue);
	unlink(ground.shared);
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", ground.folder);
	return system(command);
}

/* ---- trying a way ---- */

static void environment_of(bool inside, char text[24][2 * TEXT_BYTES], const char *out_environment[25])
{
	for (size_t i = 0; i < ground.count; i++) {
		const struct variable *at = &ground.variables[i];
		snprintf(text[i], 2 * TEXT_BYTES, "%s=%s", at->name, inside ? at->inside : at->outside);
		out_environment[i] = text[i];
	}
	out_environment[ground.count] = NULL;
}

/* As an agent is run. */
static struct sandbox_job agent(const struct sandbox_mount mounts[MOUNTS])
{
	struct sandbox_job job = {.limits = probe_limits(), .cancel_fd = -1, .in_work = true, .bare_environment = true};
	job.work = outside(WAY_WORK);
	job.git = outside(WAY_GIT);
	job.mounts = mounts;
	job.mount_count = MOUNTS;
	job.relay = (struct sandbox_relay){8099, outside(WAY_RELAY)};
	return job;
}

static struct sandbox_result try_inside(const char *way)
{
	static char text[24][2 * TEXT_BYTES];
	const char *environment[25];
	const char *const argv[] = {SANDBOX_PROGRAM, "way", way, NULL};
	const struct sandbox_mount mounts[MOUNTS] = {{outside(WAY_HOME), "/home/agent", true},
						     {outside(WAY_CONTEXT), "/context", false}};
	struct sandbox_job job = agent(mounts);
	struct sandbox_result result;
	environment_of(true, text, environment);
	job.argv = argv;
	job.environment = environment;
	if (sandbox_run(&job, &result) != 0)
		fail_msg("%s: %s", way, result.why);
	return result;
}

static int try_bare(const char *way)
{
	static char text[24][2 * TEXT_BYTES];
	const char *environment[25];
	int status = 0;
	environment_of(false, text, environment);
	pid_t child = fork();
	if (child == 0) {
		for (size_t i = 0; environment[i]; i++)
			putenv(text[i]);
		execl("/proc/self/exe", "way", "way", way, NULL);
		_exit(255);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 255;
	return WEXITSTATUS(status);
}

/* What a machine may lack: a protocol, a kernel option, a device, an interface. */
static bool machine_has_not(int reason)
{
	return reason == ENOSYS || reason == EAFNOSUPPORT || reason == EPROTONOSUPPORT || reason == ESOCKTNOSUPPORT ||
	       reason == ENODEV || reason == ENOENT || reason == EOPNOTSUPP || reason == EADDRNOTAVAIL || reason == EIO;
}

/* Root of the machine itself, not of a user namespace. */
static bool has_capability(unsigned number)
{
	unsigned long long effective = 0;
	unsigned long long users = 0;
	char line[128];
	FILE *file = fopen("/proc/self/status", "r");
	while (file && fgets(line, sizeof(line), file))
		sscanf(line, "CapEff: %llx", &effective);
	if (file)
		fclose(file);
	file = fopen("/proc/self/uid_map", "r");
	if (!file || fscanf(file, "%*u %*u %llu", &users) != 1)
		users = 0;
	if (file)
		fclose(file);
	return geteuid() == 0 && users == 0xffffffffull && (effective >> number & 1);
}

static bool must_succeed_bare(enum proof proof)
{
	return proof == PROOF_ANYONE || (proof == PROOF_ROOT && has_capability(CAP_SYS_ADMIN)) ||
	       (proof == PROOF_RESOURCE && has_capability(CAP_SYS_RESOURCE));
}

static unsigned tried;
static unsigned failures;
static unsigned unproven;

static void complain(const char *way, const char *what, int number)
{
	print_error("%s: %s (%d)\n", way, what, number);
	failures++;
}

static void try_one(const struct way *way)
{
	tried++;
	lay_again();
	struct sandbox_result result = try_inside(way->name);
	const char *left = trace();
	/* SIGSYS: the filter ends whoever calls by the numbers of another architecture. */
	if (result.signal != SIGSYS && (result.exit_status < 1 || result.exit_status > WAY_REFUSED_MAX))
		complain(way->name, result.exit_status == 0 ? "it got out" : "it ended otherwise than refused",
			 result.exit_status);
	if (left)
		complain(way->name, left, 0);
	sandbox_release(&result);
	int bare = try_bare(way->name);
	put_back(WAY_WORK);
	put_back(WAY_HOME);
	if (bare == 0)
		return;
	unproven++;
	print_message("not shown here: %s, bare: %s\n", way->name, strerror(bare));
	if (!machine_has_not(bare) && must_succeed_bare(way->proof))
		complain(way->name, "it does not even succeed bare, so it proves nothing", bare);
}

static void try_all(const struct way *ways)
{
	failures = 0;
	for (; ways->name; ways++)
		try_one(ways);
	assert_int_equal(failures, 0);
}

static void test_no_way_out_by_files(void **state)
{
	(void)state;
	try_all(ways_by_files);
}

static void test_no_way_out_by_reaching_something(void **state)
{
	(void)state;
	try_all(ways_by_reaching);
}

static void test_no_way_out_by_the_kernel(void **state)
{
	(void)state;
	try_all(ways_by_the_kernel);
}

static void test_the_ways_were_many_and_nearly_all_lead_out_where_there_is_no_sandbox(void **state)
{
	(void)state;
	print_message("%u ways, %u of them not shown here\n", tried, unproven);
	assert_true(tried >= WAYS_MIN);
	if (has_capability(CAP_SYS_ADMIN))
		assert_true(unproven <= UNPROVEN_MAX);
}

const char *way_text(const char *name_of_it)
{
	const char *text = getenv(name_of_it);
	return text ? text : "/unnamed";
}

long way_number(const char *name_of_it)
{
	return atol(way_text(name_of_it));
}

int way_result(long rc)
{
	return rc >= 0 ? 0 : errno;
}

static int way_run(const char *which)
{
	const struct way *const lists[] = {ways_by_files, ways_by_reaching, ways_by_the_kernel};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct way *way = lists[i]; way->name; way++)
			if (strcmp(way->name, which) == 0)
				return way->run();
	return strcmp(which, "who-am-i") == 0 ? way_who_am_i() : 254;
}

int main(int argc, char **argv)
{
	int status = 0;
	if (argc == 3 && strcmp(argv[1], "way") == 0)
		_exit(way_run(argv[2])); /* no exit handlers: a leak checker would speak, and want to trace */
	if (probe_dispatch(argc, argv, &status))
		return status;
	/* Its own key, where every process of this user can read it: in the environment that it was started with. */
	if (!getenv("RUNNER")) {
		setenv("RUNNER", WAY_WORD "secret", 1);
		execv("/proc/self/exe", argv);
		return 1;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_way_out_by_files),
		cmocka_unit_test(test_no_way_out_by_reaching_something),
		cmocka_unit_test(test_no_way_out_by_the_kernel),
		cmocka_unit_test(test_the_ways_were_many_and_nearly_all_lead_out_where_there_is_no_sandbox),
	};
	return cmocka_run_group_tests(tests, ground_make, ground_remove);
}
