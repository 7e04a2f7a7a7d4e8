/* SPDX-License-Identifier: MIT
 *
 * Runs a program and watches its system calls: which programs it starts, and, if that is wished, only up to the N-th call that changes a file system, which it does
 * not live to make.
 *
 *   traced FILE N PROGRAM ARGUMENT…      N 0: to its end
 *                                        with TRACED_FROM and TRACED_TO one is renamed to the other instead, and the program goes on
 *   traced FILE watch PID                a process that runs, until stdin ends; says "watching"
 *
 * FILE gets "changes COUNT" and a line "exec PROGRAM" for each that it, or what it started, has executed. Exit code: the program's; 137 if it was killed here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define OPTIONS                                                                                                                  \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |           \
	 PTRACE_O_EXITKILL)

static FILE *out;
static long changes;

static bool changes_files(const struct ptrace_syscall_info *info)
{
	switch (info->entry.nr) {
	case SYS_openat:
		return info->entry.args[2] & (O_CREAT | O_TRUNC);
	case SYS_write:
	case SYS_pwrite64:
		return info->entry.args[0] > 2;
	case SYS_renameat2:
	case SYS_renameat:
	case SYS_linkat:
	case SYS_unlinkat:
	case SYS_mkdirat:
	case SYS_symlinkat:
	case SYS_fchmodat:
	case SYS_ftruncate:
	case SYS_fsync:
	case SYS_fdatasync:
	case SYS_syncfs:
#ifdef SYS_rename
	case SYS_rename:
	case SYS_link:
	case SYS_unlink:
	case SYS_mkdir:
	case SYS_rmdir:
	case SYS_symlink:
	case SYS_chmod:
#endif
#ifdef SYS_open
		return info->entry.nr != SYS_open || (info->entry.args[1] & (O_CREAT | O_TRUNC));
	case SYS_open:
		return info->entry.args[1] & (O_CREAT | O_TRUNC);
#else
		return true;
#endif
	default:
		return false;
	}
}

static void note_exec(pid_t pid)
{
	char link[64], program[4096];
	ssize_t bytes;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	bytes = readlink(link, program, sizeof(program) - 1);
	fprintf(out, "exec %.*s\n", bytes > 0 ? (int)bytes : 1, bytes > 0 ? program : "?");
}

/* True: this call is not to be made. */
static bool is_the_end(pid_t pid, long last)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0 || info.op != PTRACE_SYSCALL_INFO_ENTRY ||
	    !changes_files(&info))
		return false;
	return ++changes == last;
}

/* What somebody else does at that moment. */
static bool interfere(void)
{
	const char *from = getenv("TRACED_FROM"), *to = getenv("TRACED_TO");

	return from && to && rename(from, to) == 0;
}

static int follow(pid_t first, long last)
{
	int status, code = 1;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		int signal = 0;
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (pid == first)
				code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			continue;
		}
		if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8))
			note_exec(pid);
		else if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (is_the_end(pid, last) && !interfere())
				kill(first, SIGKILL);
		} else if (status >> 16 == 0 && WSTOPSIG(status) != SIGSTOP && WSTOPSIG(status) != SIGTRAP)
			signal = WSTOPSIG(status);
		(void)!ptrace(PTRACE_SYSCALL, pid, 0, signal);
	}
	return code;
}

/* ---- one that runs ---- */

static void seize_all(pid_t pid)
{
	char path[64];
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	threads = opendir(path);
	for (const struct dirent *entry; threads && (entry = readdir(threads)) != NULL;)
		if (atoi(entry->d_name) > 0 &&
		    ptrace(PTRACE_SEIZE, atoi(entry->d_name), 0,
			   PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE))
			fprintf(out, "not seen %s\n", entry->d_name);
	if (threads)
		closedir(threads);
}

static void watch_one(pid_t pid, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);

	if (event == PTRACE_EVENT_EXEC)
		note_exec(pid);
	if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK)
		fprintf(out, "fork\n");
	(void)!ptrace(PTRACE_CONT, pid, 0, event || signal == SIGTRAP ? 0 : signal);
}

static int watch(pid_t pid)
{
	struct pollfd end = {.fd = 0, .events = POLLIN};
	int status;
	pid_t stopped;

	seize_all(pid);
	puts("watching");
	fflush(stdout);
	while (poll(&end, 1, 5) == 0)
		while ((stopped = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
			if (WIFSTOPPED(status))
				watch_one(stopped, status);
	fclose(out);
	return 0;
}

int main(int count, char **words)
{
	pid_t child;
	int status;

	if (count < 4 || !(out = fopen(words[1], "we")))
		return 2;
	if (strcmp(words[2], "watch") == 0)
		return watch(atoi(words[3]));
	child = fork();
	if (child == 0) {
		setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* LeakSanitizer cannot do its work beside us */
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		execv(words[3], words + 3);
		_exit(126);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || ptrace(PTRACE_SETOPTIONS, child, 0, OPTIONS))
		return 2;
	(void)!ptrace(PTRACE_SYSCALL, child, 0, 0);
	status = follow(child, atol(words[2]));
	fprintf(out, "changes %ld\n", changes);
	fclose(out);
	return status;
}
