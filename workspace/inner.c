/* SPDX-License-Identifier: MIT
 *
 * The first program inside the sandbox.
 */
#include "workspace/inner.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workspace/sandbox.h"

#define INNER_OPEN_FILES 1024u

struct inner {
	int report_fd;
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

static int inner_run(const struct inner *inner)
{
	int reason = 0;
	int status = 0;
	pid_t child = start(inner, &reason);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (reason)
		report(inner->report_fd, INNER_MISSING, reason);
	else
		report(inner->report_fd, INNER_ENDED, status);
	return 0;
}

int sandbox_inner_main(int argc, char **argv)
{
	if (argc < 8 || strcmp(argv[6], "--") != 0) {
		fputs("sandbox-inner is started by the sandbox, not by hand\n", stderr);
		return 2;
	}
	struct inner inner = {
		.report_fd = atoi(argv[1]),
		.processes = strtoull(argv[2], NULL, 10),
		.data_bytes = strtoull(argv[3], NULL, 10),
		.file_bytes = strtoull(argv[4], NULL, 10),
		.cpu_seconds = strtoull(argv[5], NULL, 10),
		.argv = argv + 7,
	};
	/* The program has the same user as this process. It must get at the report neither by inheritance nor through /proc. */
	if (fcntl(inner.report_fd, F_SETFD, FD_CLOEXEC) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0) {
		fputs("sandbox-inner: the descriptor of the report cannot be protected\n", stderr);
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
