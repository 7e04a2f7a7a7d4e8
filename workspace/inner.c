/* SPDX-License-Identifier: MIT
 *
 * The first program inside the sandbox.
 */
#include "workspace/inner.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workspace/relay.h"
#include "workspace/sandbox.h"

#define INNER_OPEN_FILES 1024u

struct inner {
	int report_fd;
	int control_fd;
	int relay_fd;
	uint16_t relay_port;
	rlim_t processes;
	rlim_t data_bytes;
	rlim_t file_bytes;
	rlim_t cpu_seconds;
	char **argv;
};

/* A hard limit may only be lowered, so the smaller of both stands. */
static void limit_set(int resource, rlim_t value)
{
	struct rlimit limit;
	if (value == 0 || getrlimit((__rlimit_resource_t)resource, &limit) != 0)
		return;
	limit.rlim_max = limit.rlim_max == RLIM_INFINITY || value < limit.rlim_max ? value : limit.rlim_max;
	limit.rlim_cur = limit.rlim_max;
	setrlimit((__rlimit_resource_t)resource, &limit);
}

static void limits_set(const struct inner *inner)
{
	const struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
	limit_set(RLIMIT_NOFILE, INNER_OPEN_FILES);
	limit_set(RLIMIT_FSIZE, inner->file_bytes);
	limit_set(RLIMIT_CPU, inner->cpu_seconds);
	limit_set(RLIMIT_DATA, inner->data_bytes);
	limit_set(RLIMIT_NPROC, inner->processes);
}

/* The pipe closes by itself when the program starts; otherwise it carries the errno. */
static pid_t start(const struct inner *inner, int *out_errno)
{
	int failure[2];
	*out_errno = 0;
	if (pipe2(failure, O_CLOEXEC) != 0) {
		*out_errno = errno;
		return -1;
	}
	pid_t child = fork();
	if (child == 0) {
		setsid(); /* signals for the program are for its group, in which this process must not be */
		limits_set(inner);
		execvp(inner->argv[0], inner->argv);
		int reason = errno;
		ssize_t written = write(failure[1], &reason, sizeof(reason));
		_exit(written == (ssize_t)sizeof(reason) ? 127 : 126);
	}
	if (child < 0)
		*out_errno = errno;
	close(failure[1]);
	int reason = 0;
	if (child > 0 && read(failure[0], &reason, sizeof(reason)) == (ssize_t)sizeof(reason))
		*out_errno = reason;
	close(failure[0]);
	return child;
}

/* Everybody here but the reaper (1), this process and those that have already ended. */
static uint32_t count_left(void)
{
	uint32_t left = 0;
	DIR *proc = opendir("/proc");
	for (const struct dirent *entry; proc && (entry = readdir(proc)) != NULL;) {
		char path[64];
		char line[256] = "";
		if (!isdigit((unsigned char)entry->d_name[0]) || atol(entry->d_name) == 1 || atol(entry->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/stat", entry->d_name);
		FILE *stat = fopen(path, "re");
		if (!stat)
			continue;
		const char *name_end = fgets(line, sizeof(line), stat) ? strrchr(line, ')') : NULL;
		left += name_end && name_end[1] == ' ' && name_end[2] != 'Z' && name_end[2] != 'X';
		fclose(stat);
	}
	if (proc)
		closedir(proc);
	return left;
}

static void report(int fd, enum inner_kind kind, int status)
{
	struct rusage usage = {0};
	getrusage(RUSAGE_CHILDREN, &usage);
	struct inner_report report = {
		.magic = INNER_MAGIC,
		.kind = kind,
		.status = status,
		.left = kind == INNER_ENDED ? count_left() : 0,
		.cpu_ms = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
			  (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000,
		.peak_rss_kb = (uint64_t)usage.ru_maxrss,
	};
	if (write(fd, &report, sizeof(report)) != (ssize_t)sizeof(report))
		_exit(125); /* nobody listens: then nobody can be told otherwise */
}

/* ---- while it runs ---- */

enum { WAIT_PROGRAM, WAIT_CONTROL, WAIT_RELAY };

/* A program that was stopped would not notice. */
static void control_read(struct inner *inner, pid_t child)
{
	uint8_t number = 0;
	ssize_t bytes = read(inner->control_fd, &number, 1);
	if (bytes == 1 && number > 0 && number < NSIG) {
		kill(-child, number);
		kill(-child, SIGCONT);
	} else if (bytes == 0 || errno != EINTR) {
		inner->control_fd = -1;
	}
}

/* Until the program ends: passes signals on, and carries what goes through the relay. */
static void attend(struct inner *inner, pid_t child, struct relay *relay)
{
	struct pollfd polled[WAIT_RELAY + RELAY_POLLS];
	int child_fd = (int)syscall(SYS_pidfd_open, child, 0);
	for (bool ended = child_fd < 0; !ended;) {
		size_t relayed = 0;
		polled[WAIT_PROGRAM] = (struct pollfd){child_fd, POLLIN, 0};
		polled[WAIT_CONTROL] = (struct pollfd){inner->control_fd, POLLIN, 0};
		int timeout = relay ? relay_polls(relay, polled + WAIT_RELAY, &relayed) : -1;
		if (poll(polled, WAIT_RELAY + relayed, timeout) < 0)
			continue;
		if (polled[WAIT_CONTROL].revents)
			control_read(inner, child);
		if (relay)
			relay_serve(relay, polled + WAIT_RELAY, relayed);
		ended = polled[WAIT_PROGRAM].revents != 0;
	}
	if (child_fd >= 0)
		close(child_fd);
}

static int inner_run(struct inner *inner)
{
	int reason = 0;
	int status = 0;
	struct relay *relay = NULL;
	if (inner->relay_port && relay_start(inner->relay_port, inner->relay_fd, &relay) != 0) {
		report(inner->report_fd, INNER_NO_RELAY, errno);
		return 0;
	}
	pid_t child = start(inner, &reason);
	if (child > 0 && !reason)
		attend(inner, child, relay);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (reason)
		report(inner->report_fd, INNER_MISSING, reason);
	else
		report(inner->report_fd, INNER_ENDED, status);
	relay_free(relay);
	return 0;
}

/* The program must not inherit what this process was given. */
static bool keep_to_oneself(const struct inner *inner)
{
	return fcntl(inner->report_fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(inner->control_fd, F_SETFD, FD_CLOEXEC) == 0 &&
	       (!inner->relay_port || fcntl(inner->relay_fd, F_SETFD, FD_CLOEXEC) == 0) && prctl(PR_SET_DUMPABLE, 0) == 0;
}

int sandbox_inner_main(int argc, char **argv)
{
	if (argc < 11 || strcmp(argv[9], "--") != 0) {
		fputs("sandbox-inner is started by the sandbox, not by hand\n", stderr);
		return 2;
	}
	struct inner inner = {
		.report_fd = atoi(argv[1]),
		.control_fd = atoi(argv[2]),
		.relay_fd = atoi(argv[3]),
		.relay_port = (uint16_t)atoi(argv[4]),
		.processes = strtoull(argv[5], NULL, 10),
		.data_bytes = strtoull(argv[6], NULL, 10),
		.file_bytes = strtoull(argv[7], NULL, 10),
		.cpu_seconds = strtoull(argv[8], NULL, 10),
		.argv = argv + 10,
	};
	/* The program has the same user as this process. It must get at its descriptors neither by inheritance nor through /proc. */
	if (!keep_to_oneself(&inner)) {
		fputs("sandbox-inner: its descriptors cannot be protected\n", stderr);
		return 2;
	}
	/* Away from bwrap's process group, part of which is outside, and from any terminal. */
	if (setsid() < 0) {
		fputs("sandbox-inner: no session of its own\n", stderr);
		return 2;
	}
	/* No exit handlers: a leak checker would want to trace, which nobody may here. */
	_exit(inner_run(&inner));
}
