/* SPDX-License-Identifier: MIT
 *
 * Watching and ending a child process. Starting one is in launch.c; what /proc tells about all the others is in sweep.c.
 */
#include "actors/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/fresh.h"
#include "actors/sweep.h"

#define LEADERS_MAX 1024u

/* ---- the leaders that were started here and not yet reaped: everything else that is our child is an orphan ---- */

static struct {
	pthread_mutex_t lock;
	struct leader {
		pid_t pid;
		char tag[TAG_BYTES];
	} leader[LEADERS_MAX];
	size_t count;
} leaders = {.lock = PTHREAD_MUTEX_INITIALIZER};

bool process_leader_add(pid_t pid, const char *tag)
{
	pthread_mutex_lock(&leaders.lock);
	bool fits = leaders.count < LEADERS_MAX;
	if (fits) {
		struct leader *leader = &leaders.leader[leaders.count++];
		leader->pid = pid;
		snprintf(leader->tag, sizeof(leader->tag), "%s", tag);
	}
	pthread_mutex_unlock(&leaders.lock);
	return fits;
}

void process_leader_remove(pid_t pid)
{
	pthread_mutex_lock(&leaders.lock);
	for (size_t i = 0; i < leaders.count; i++)
		if (leaders.leader[i].pid == pid) {
			leaders.leader[i] = leaders.leader[--leaders.count];
			break;
		}
	pthread_mutex_unlock(&leaders.lock);
}

bool process_is_leader(pid_t pid)
{
	bool found = false;

	pthread_mutex_lock(&leaders.lock);
	for (size_t i = 0; i < leaders.count && !found; i++)
		found = leaders.leader[i].pid == pid;
	pthread_mutex_unlock(&leaders.lock);
	return found;
}

bool process_owns_tag(const char *carried)
{
	bool found = false;

	pthread_mutex_lock(&leaders.lock);
	for (size_t i = 0; i < leaders.count && !found; i++)
		found = tag_contains(carried, leaders.leader[i].tag);
	pthread_mutex_unlock(&leaders.lock);
	return found;
}

/* ---- watching and ending ---- */

int process_adopt_orphans(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1) ? ERR_SYSTEM : 0;
}

static void close_and_forget(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static struct process_exit exit_of(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return (struct process_exit){.status = info->si_status};
	return (struct process_exit){.status = -1, .signal = info->si_status};
}

static bool reap(struct process *process, struct process_exit *out_exit, int options)
{
	siginfo_t info = {.si_pid = 0};

	if (!process->pid)
		return false;
	while (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED | options))
		if (errno != EINTR)
			return false;
	if (!info.si_pid)
		return false;
	process_leader_remove(process->pid);
	close_and_forget(&process->pidfd);
	process->pid = 0;
	*out_exit = exit_of(&info);
	return true;
}

bool process_reap(struct process *process, struct process_exit *out_exit)
{
	return reap(process, out_exit, WNOHANG);
}

void process_signal(const struct process *process, int signal)
{
	if (process->pid)
		syscall(SYS_pidfd_send_signal, process->pidfd, signal, NULL, 0);
}

void process_signal_group(const struct process *process, int signal)
{
	if (process->pid)
		kill(-process->pid, signal); /* not reaped, so the number is still its own */
}

void process_reap_orphans(void)
{
	siginfo_t info = {.si_pid = 0};

	while (!waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid && !process_is_leader(info.si_pid)) {
		waitpid(info.si_pid, NULL, WNOHANG);
		info.si_pid = 0;
	}
}

/* True if it ended in time. */
static bool wait_for_end(const struct process *process, uint32_t grace_ms)
{
	uint64_t until_ms = boottime_now_ms() + grace_ms;
	struct pollfd item = {.fd = process->pidfd, .events = POLLIN};

	for (;;) {
		uint64_t now_ms = boottime_now_ms();
		int rc = poll(&item, 1, now_ms < until_ms ? (int)(until_ms - now_ms) : 0);
		if (rc > 0)
			return true;
		if (!rc && boottime_now_ms() >= until_ms)
			return false;
	}
}

void process_end(struct process *process, uint32_t grace_ms, struct process_end *out_end)
{
	struct process_end end = {.exit = {.status = -1}};
	struct sweep sweep = {.tag = process->tag, .root = process->pid, .orphans = true, .not_before = process->start_ticks};

	if (process->pid && grace_ms) {
		process_signal_group(process, SIGTERM);
		wait_for_end(process, grace_ms);
	}
	/* The leader stays unreaped meanwhile: its number names the group and the session and can belong to nobody else. */
	sweep_run(&sweep, &end.ended, &end.left);
	if (process->pid && wait_for_end(process, 1000))
		reap(process, &end.exit, 0);
	close_and_forget(&process->in);
	close_and_forget(&process->out);
	close_and_forget(&process->err);
	*out_end = end;
}

/* ---- the child's side ---- */

static int descriptor_of(const char *variable)
{
	const char *text = getenv(variable);
	int fd = text ? atoi(text) : -1;

	if (fd < 3 || fcntl(fd, F_SETFD, FD_CLOEXEC))
		return -1;
	return fd;
}

void process_notify_ready(void)
{
	int fd = descriptor_of(NOTIFY_VARIABLE);

	if (fd < 0)
		return;
	ssize_t ignored = write(fd, "\n", 1);
	(void)ignored;
	close(fd);
	unsetenv(NOTIFY_VARIABLE);
}

int process_signals(int also)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	if (also)
		sigaddset(&signals, also);
	signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		return -1;
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

int process_lifeline_fd(void)
{
	return descriptor_of(LIFELINE_VARIABLE);
}
