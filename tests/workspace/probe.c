/* SPDX-License-Identifier: MIT
 *
 * What hostile and broken programs do, one small function each. A probe returns 0 if it got what it wanted, and the errno
 * (or another number that is not 0) if it was refused.
 */
#include "tests/workspace/probe.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct probe {
	const char *name;
	int (*run)(const char *argument);
};

static int refused(int rc)
{
	return rc >= 0 ? 0 : errno;
}

static int probe_connect(const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	return refused(connect(fd, (struct sockaddr *)&address, sizeof(address)));
}

/* Its own loopback works: test suites listen on it. */
static int probe_loopback(const char *argument)
{
	(void)argument;
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t bytes = sizeof(address);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, bytes) != 0 || listen(listener, 1) != 0)
		return errno;
	getsockname(listener, (struct sockaddr *)&address, &bytes);
	return refused(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, bytes));
}

static int probe_read(const char *path)
{
	return refused(open(path, O_RDONLY));
}

static int probe_write(const char *path)
{
	return refused(open(path, O_WRONLY | O_CREAT, 0600));
}

static int probe_unshare(const char *flags)
{
	return refused(unshare((int)strtol(flags, NULL, 0)));
}

static int probe_clone(const char *flags)
{
	return refused((int)syscall(SYS_clone, strtoul(flags, NULL, 0) | SIGCHLD, 0, 0, 0, 0));
}

static int probe_mount(const char *argument)
{
	(void)argument;
	return refused(mount("none", "/tmp", "tmpfs", 0, NULL));
}

static int probe_ptrace(const char *argument)
{
	(void)argument;
	return refused((int)ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int probe_syscall(const char *number)
{
	return refused((int)syscall(atol(number), 0, 0, 0, 0, 0, 0));
}

static int probe_socket(const char *family)
{
	return refused(socket(atoi(family), SOCK_DGRAM, 0));
}

static int probe_terminal(const char *argument)
{
	(void)argument;
	char key = 'x';
	return refused(ioctl(0, TIOCSTI, &key));
}

/* The inner step knows the real outcome; a program must not be able to speak in its place. */
static int probe_report(const char *argument)
{
	(void)argument;
	for (int fd = 3; fd < 64; fd++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/2/fd/%d", fd);
		if (open(path, O_WRONLY) >= 0)
			return 0;
	}
	return EACCES;
}

static int probe_kill_inner(const char *argument)
{
	(void)argument;
	int rc = kill(2, SIGKILL);
	pause();
	return refused(rc);
}

static int probe_descriptors(const char *argument)
{
	(void)argument;
	for (int fd = 3; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return fd;
	return 0;
}

static int probe_memory(const char *argument)
{
	size_t bytes = strtoull(argument, NULL, 10);
	char *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return errno;
	for (size_t i = 0; i < bytes; i += 4096)
		at[i] = 1;
	return 0;
}

static int probe_bomb(const char *argument)
{
	(void)argument;
	unsigned made = 0;
	for (; made < 100000; made++) {
		pid_t child = fork();
		if (child < 0)
			break;
		if (child == 0)
			for (;;)
				pause();
	}
	printf("%u\n", made);
	return 0;
}

static int probe_flood(const char *argument)
{
	static char chunk[65536];
	memset(chunk, 'x', sizeof(chunk));
	for (size_t left = strtoull(argument, NULL, 10); left > 0;) {
		ssize_t written = write(1, chunk, left < sizeof(chunk) ? left : sizeof(chunk));
		if (written <= 0)
			return errno;
		left -= (size_t)written;
	}
	return 0;
}

static int probe_big_file(const char *argument)
{
	signal(SIGXFSZ, SIG_IGN);
	int fd = open("/tmp/big", O_WRONLY | O_CREAT, 0600);
	return refused(ftruncate(fd, strtoll(argument, NULL, 10)));
}

static int probe_scratch(const char *argument)
{
	static char chunk[65536];
	int fd = open("/tmp/fill", O_WRONLY | O_CREAT, 0600);
	for (size_t left = strtoull(argument, NULL, 10); left > 0; left -= sizeof(chunk))
		if (write(fd, chunk, sizeof(chunk)) < 0)
			return errno;
	return 0;
}

static int probe_signal(const char *number)
{
	signal(atoi(number), SIG_DFL); /* also where a sanitizer listens */
	raise(atoi(number));
	return 0;
}

static int probe_sleep(const char *argument)
{
	(void)argument;
	pause();
	return 0;
}

/* ---- ten ways to get away ---- */

static void sleep_for_ever(void)
{
	for (;;)
		pause();
}

static void detach(void)
{
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	sleep_for_ever();
}

static void in_child(void (*what)(void))
{
	if (fork() == 0) {
		what();
		_exit(0);
	}
}

static void own_session(void)
{
	setsid();
	sleep_for_ever();
}

static void grandchild(void)
{
	in_child(sleep_for_ever);
}

static void daemonise(void)
{
	setsid();
	in_child(detach);
}

static void deaf(void)
{
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_IGN);
	sleep_for_ever();
}

static void own_group(void)
{
	setpgid(0, 0);
	in_child(sleep_for_ever);
	sleep_for_ever();
}

static void renamed(void)
{
	prctl(PR_SET_NAME, "kworker/0:1");
	clearenv();
	setsid();
	sleep_for_ever();
}

static void subreaper(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	in_child(grandchild);
	deaf();
}

static void stopped(void)
{
	raise(SIGSTOP);
	sleep_for_ever();
}

static void respawning(void)
{
	for (;;) {
		pid_t child = fork();
		if (child != 0)
			_exit(0);
		setsid();
		struct timespec pause_time = {0, 1000000};
		nanosleep(&pause_time, NULL);
	}
}

static void undying_thread(void)
{
	prctl(PR_SET_PDEATHSIG, 0);
	prctl(PR_SET_DUMPABLE, 0);
	deaf();
}

static int probe_escape(const char *style)
{
	static void (*const styles[])(void) = {own_session, grandchild, daemonise, deaf,       own_group,
					       renamed,     subreaper,  stopped,   respawning, undying_thread};
	in_child(styles[atoi(style) % 10]);
	if (strchr(style, 'x')) { /* the program itself ends, the rest stays */
		struct timespec pause_time = {0, 20000000};
		nanosleep(&pause_time, NULL);
		return 0;
	}
	puts("away");
	fflush(stdout);
	sleep_for_ever();
	return 0;
}

static const struct probe probes[] = {
	{"connect", probe_connect},
	{"loopback", probe_loopback},
	{"read", probe_read},
	{"write", probe_write},
	{"unshare", probe_unshare},
	{"clone", probe_clone},
	{"mount", probe_mount},
	{"ptrace", probe_ptrace},
	{"syscall", probe_syscall},
	{"socket", probe_socket},
	{"terminal", probe_terminal},
	{"report", probe_report},
	{"kill-inner", probe_kill_inner},
	{"descriptors", probe_descriptors},
	{"memory", probe_memory},
	{"bomb", probe_bomb},
	{"flood", probe_flood},
	{"big-file", probe_big_file},
	{"scratch", probe_scratch},
	{"signal", probe_signal},
	{"sleep", probe_sleep},
	{"escape", probe_escape},
};

bool probe_dispatch(int argc, char **argv, int *out_status)
{
	if (argc > 2 && strcmp(argv[1], "tool") == 0 && strcmp(argv[2], "sandbox-inner") == 0) {
		*out_status = sandbox_inner_main(argc - 2, argv + 2);
		return true;
	}
	if (argc < 3 || strcmp(argv[1], "probe") != 0)
		return false;
	*out_status = 255;
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
		if (strcmp(probes[i].name, argv[2]) == 0)
			*out_status = probes[i].run(argc > 3 ? argv[3] : "");
	return true;
}

struct sandbox_limits probe_limits(void)
{
	return (struct sandbox_limits){
		.wall_ms = 60000,
		.memory_bytes = 1ull << 30,
		.output_bytes = 1u << 20,
		.file_bytes = 64u << 20,
		.processes = 64,
		.scratch_bytes = 32u << 20,
	};
}

int probe_run(struct sandbox_job *job, const char *name, const char *argument, struct sandbox_result *out_result)
{
	const char *const argv[] = {SANDBOX_PROGRAM, "probe", name, argument, NULL};
	job->argv = argv;
	int rc = sandbox_run(job, out_result);
	job->argv = NULL;
	return rc;
}

static bool file_has(const char *pid, const char *name, const char *word)
{
	static char text[65536];
	char path[64];
	snprintf(path, sizeof(path), "/proc/%.20s/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t bytes = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
	if (fd >= 0)
		close(fd);
	return bytes > 0 && memmem(text, (size_t)bytes, word, strlen(word)) != NULL;
}

unsigned processes_with(const char *word)
{
	unsigned count = 0;
	DIR *proc = opendir("/proc");
	for (const struct dirent *entry; proc && (entry = readdir(proc)) != NULL;)
		count += isdigit((unsigned char)entry->d_name[0]) &&
			 (file_has(entry->d_name, "environ", word) || file_has(entry->d_name, "cmdline", word));
	if (proc)
		closedir(proc);
	return count;
}
