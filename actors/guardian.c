/* SPDX-License-Identifier: MIT
 *
 * The outer process of the supervisor, and what is done from outside: starting in the background, stopping, reloading.
 *
 * The lock is an open file description lock: guardian and supervisor share it, so it is free only when both are gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/fresh.h"
#include "actors/supervisor_inner.h"

#define LOCK_POLL_MS 10

static int fail(char *out_sentence, const char *what)
{
	snprintf(out_sentence, SENTENCE_BYTES, "%s: %s", what, strerror(errno));
	return ERR_SYSTEM;
}

/* The folder's identity: the same for every spelling of its path. */
static void network_tag(const struct state_folder *state, char out_tag[TAG_BYTES])
{
	struct stat status = {.st_ino = 0};

	if (stat(state->root, &status))
		snprintf(out_tag, TAG_BYTES, "bunshin-none");
	else
		snprintf(out_tag, TAG_BYTES, "bunshin-%llx-%llx", (unsigned long long)status.st_dev, (unsigned long long)status.st_ino);
}

/* ---- the lock ---- */

struct holder {
	pid_t pid;
	uint64_t start_ticks;
};

static int lock_open(const struct state_folder *state, int flags)
{
	char path[PATH_BYTES];

	if (state_path(state, STATE_LOCK, path))
		return -1;
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static bool lock_take(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return !fcntl(fd, F_OFD_SETLK, &lock);
}

static bool lock_is_held(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

static struct holder lock_holder(int fd)
{
	char text[64] = "";
	int pid = 0;
	unsigned long long ticks = 0;

	if (pread(fd, text, sizeof(text) - 1, 0) > 0 && sscanf(text, "%d %llu", &pid, &ticks) == 2)
		return (struct holder){.pid = pid, .start_ticks = ticks};
	return (struct holder){.pid = 0};
}

static void lock_sign(int fd)
{
	char text[64];
	int bytes = snprintf(text, sizeof(text), "%d %llu\n", (int)getpid(), (unsigned long long)process_start_ticks(getpid()));
	ssize_t ignored = ftruncate(fd, 0) ? 0 : pwrite(fd, text, (size_t)bytes, 0);
	(void)ignored;
}

static int lock_acquire(const struct state_folder *state, int *out_fd, char *out_sentence)
{
	int fd = lock_open(state, O_RDWR | O_CREAT);

	if (fd < 0)
		return fail(out_sentence, "cannot open the lock of the state folder");
	if (!lock_take(fd)) {
		snprintf(out_sentence, SENTENCE_BYTES, "a network runs already in %.200s (process %d); see: bunshin status", state->root,
			 (int)lock_holder(fd).pid);
		close(fd);
		return ERR_LOCKED;
	}
	lock_sign(fd);
	*out_fd = fd;
	return 0;
}

/* ---- the guardian ---- */

struct guardian {
	const struct supervisor_options *options;
	char tag[TAG_BYTES];
	int lock;
	int signals;
	sigset_t old_mask;
	int lifeline[2]; /* the supervisor holds the reading end */
	int report[2];   /* the supervisor holds the writing end */
	pid_t pid;       /* of the supervisor */
	int pidfd;
	void (*started)(const char *problem, void *user);
	void *user;
	bool ended; /* it has said how */
	int rc;
	char *sentence;
};

static void close_both(int pair[2])
{
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
	pair[0] = pair[1] = -1;
}

static void __attribute__((noreturn)) inner_run(struct guardian *guardian)
{
	struct supervisor supervisor = {.options = guardian->options,
					.guardian_pid = getppid(),
					.guardian = guardian->lifeline[0],
					.report = guardian->report[1]};

	close(guardian->lifeline[1]);
	close(guardian->report[0]);
	close(guardian->signals);
	setsid(); /* Ctrl-C is for the guardian, who passes it on */
	snprintf(supervisor.tag, sizeof(supervisor.tag), "%s", guardian->tag);
	_exit(supervisor_supervise(&supervisor) ? 1 : 0);
}

static int inner_start(struct guardian *guardian)
{
	if (pipe2(guardian->lifeline, O_CLOEXEC) || pipe2(guardian->report, O_CLOEXEC))
		return fail(guardian->sentence, "cannot make a pipe");
	fflush(NULL);
	guardian->pid = fork();
	if (guardian->pid < 0)
		return fail(guardian->sentence, "cannot start the supervisor");
	if (!guardian->pid)
		inner_run(guardian);
	close(guardian->lifeline[0]);
	close(guardian->report[1]);
	guardian->lifeline[0] = guardian->report[1] = -1;
	guardian->pidfd = (int)syscall(SYS_pidfd_open, guardian->pid, 0);
	return guardian->pidfd < 0 ? fail(guardian->sentence, "cannot watch the supervisor") : 0;
}

static int signals_block(struct guardian *guardian)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &guardian->old_mask);
	guardian->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return guardian->signals < 0 ? fail(guardian->sentence, "cannot receive signals") : 0;
}

/* A hang-up from the kernel means that the terminal is gone; from anybody else it means reload. */
static void signals_pass_on(struct guardian *guardian)
{
	struct signalfd_siginfo info;

	while (read(guardian->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		int number = (int)info.ssi_signo;
		if (number == SIGHUP && info.ssi_code == SI_KERNEL)
			number = SIGTERM;
		syscall(SYS_pidfd_send_signal, guardian->pidfd, number, NULL, 0);
	}
}

static void report_read(struct guardian *guardian)
{
	struct report report;

	if (read(guardian->report[0], &report, sizeof(report)) != (ssize_t)sizeof(report)) {
		close(guardian->report[0]);
		guardian->report[0] = -1;
		return;
	}
	if (report.kind == REPORT_STARTED && guardian->started)
		guardian->started(report.sentence, guardian->user);
	if (report.kind == REPORT_ENDED) {
		guardian->ended = true;
		guardian->rc = report.rc;
		snprintf(guardian->sentence, SENTENCE_BYTES, "%s", report.sentence);
	}
}

static void watch(struct guardian *guardian)
{
	for (;;) {
		struct pollfd items[] = {{.fd = guardian->signals, .events = POLLIN},
					 {.fd = guardian->report[0], .events = POLLIN},
					 {.fd = guardian->pidfd, .events = POLLIN}};
		if (poll(items, 3, -1) < 0)
			continue;
		if (items[0].revents)
			signals_pass_on(guardian);
		if (items[1].revents)
			report_read(guardian);
		else if (items[2].revents) /* after the last report */
			return;
	}
}

/* Whatever the supervisor could not do any more. */
static void clean_up(struct guardian *guardian)
{
	int status = 0;

	waitpid(guardian->pid, &status, 0); /* before the sweep, which reaps whoever is nobody's */
	uint32_t ended = process_sweep_descendants(NULL);
	ended += process_sweep_tag(guardian->tag, NULL);
	status_remove(guardian->options->state);
	state_endpoint_remove(guardian->options->state);
	if (guardian->ended)
		return;
	guardian->rc = ERR_SYSTEM;
	snprintf(guardian->sentence, SENTENCE_BYTES, "the supervisor was ended by signal %d; the %u processes of its network were ended",
		 WIFSIGNALED(status) ? WTERMSIG(status) : 0, ended);
}

static void guardian_release(struct guardian *guardian)
{
	close_both(guardian->lifeline);
	close_both(guardian->report);
	if (guardian->pidfd >= 0)
		close(guardian->pidfd);
	if (guardian->signals >= 0) {
		close(guardian->signals);
		sigprocmask(SIG_SETMASK, &guardian->old_mask, NULL);
	}
	close(guardian->lock);
}

int supervisor_run(const struct supervisor_options *options, void (*started)(const char *problem, void *user), void *user,
		   char out_sentence[SENTENCE_BYTES])
{
	struct guardian guardian = {.options = options,
				    .signals = -1,
				    .lifeline = {-1, -1},
				    .report = {-1, -1},
				    .pidfd = -1,
				    .started = started,
				    .user = user,
				    .sentence = out_sentence};

	*out_sentence = '\0';
	network_tag(options->state, guardian.tag);
	int rc = lock_acquire(options->state, &guardian.lock, out_sentence);
	if (rc)
		return rc;
	process_sweep_tag(guardian.tag, NULL); /* left over from an earlier life: nobody holds the lock */
	state_endpoint_remove(options->state);
	rc = signals_block(&guardian);
	if (!rc && process_adopt_orphans())
		rc = fail(out_sentence, "cannot adopt orphans");
	if (!rc)
		rc = inner_start(&guardian);
	if (!rc) {
		watch(&guardian);
		clean_up(&guardian);
		rc = guardian.rc;
	}
	guardian_release(&guardian);
	return rc;
}

/* ---- in the background ---- */

static void daemon_started(const char *problem, void *user)
{
	struct report report = {.kind = REPORT_STARTED};
	int *fd = user;

	snprintf(report.sentence, sizeof(report.sentence), "%s", problem);
	ssize_t ignored = write(*fd, &report, sizeof(report));
	(void)ignored;
	close(*fd);
	*fd = -1;
}

/* Nothing of the terminal's and of the caller's is kept but where to report. */
static int daemon_detach(const struct state_folder *state, int report)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || dup2(report, 3) < 0)
		return -1;
	fcntl(3, F_SETFD, FD_CLOEXEC);
	return syscall(SYS_close_range, 4, ~0U, 0) || chdir(state->root) ? -1 : 0;
}

static void __attribute__((noreturn)) daemon_run(const struct supervisor_options *options, int report_fd)
{
	struct report report = {.kind = REPORT_ENDED};
	int fd = 3;

	if (daemon_detach(options->state, report_fd))
		_exit(1);
	report.rc = supervisor_run(options, daemon_started, &fd, report.sentence);
	if (fd >= 0 && write(fd, &report, sizeof(report)) < 0)
		_exit(1);
	_exit(report.rc ? 1 : 0);
}

/* Twice forked, so that it is nobody's child but init's. */
static int daemon_fork(const struct supervisor_options *options, int report[2], char *out_sentence)
{
	fflush(NULL);
	pid_t pid = fork();

	if (pid < 0)
		return fail(out_sentence, "cannot go into the background");
	if (!pid) {
		pid = fork();
		if (!pid)
			daemon_run(options, report[1]);
		_exit(pid < 0 ? 1 : 0);
	}
	int status = 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!status)
		return 0;
	snprintf(out_sentence, SENTENCE_BYTES, "cannot go into the background");
	return ERR_SYSTEM;
}

int supervisor_start(const struct supervisor_options *options, char out_sentence[SENTENCE_BYTES])
{
	int pipe_ends[2];
	struct report report;
	ssize_t got;

	*out_sentence = '\0';
	if (pipe2(pipe_ends, O_CLOEXEC))
		return fail(out_sentence, "cannot make a pipe");
	int rc = daemon_fork(options, pipe_ends, out_sentence);
	close(pipe_ends[1]);
	if (!rc) {
		do
			got = read(pipe_ends[0], &report, sizeof(report));
		while (got < 0 && errno == EINTR);
		bool told = got == (ssize_t)sizeof(report);
		rc = told ? report.rc : ERR_SYSTEM;
		snprintf(out_sentence, SENTENCE_BYTES, "%s", told ? report.sentence : "the supervisor ended without saying why");
		if (told && report.kind == REPORT_ENDED && !rc) {
			rc = ERR_STATE;
			snprintf(out_sentence, SENTENCE_BYTES, "the network was stopped before it was up");
		}
	}
	close(pipe_ends[0]);
	return rc;
}

/* ---- from outside ---- */

/* A pidfd of whoever holds the lock, or -1. */
static int holder_open(int lock)
{
	struct holder holder = lock_holder(lock);
	return holder.pid ? process_open(holder.pid, holder.start_ticks) : -1;
}

static void pidfd_signal(int pidfd, int number)
{
	if (pidfd >= 0)
		syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0);
}

/* The lock says when both processes are gone; the pidfd only when to look. */
static bool wait_for_release(int lock, int pidfd, uint64_t until_ms)
{
	while (lock_is_held(lock)) {
		struct pollfd item = {.fd = pidfd, .events = POLLIN};
		uint64_t now_ms = boottime_now_ms();
		if (now_ms >= until_ms)
			return false;
		if (pidfd < 0 || poll(&item, 1, (int)(until_ms - now_ms)) > 0) {
			poll(NULL, 0, LOCK_POLL_MS); /* the supervisor ends after the guardian, when that one was killed */
		}
	}
	return true;
}

static int leftovers_end(const struct state_folder *state, bool was_running, char *out_sentence)
{
	char tag[TAG_BYTES];
	uint32_t left;

	network_tag(state, tag);
	uint32_t ended = process_sweep_tag(tag, &left);
	if (left) {
		snprintf(out_sentence, SENTENCE_BYTES, "%u processes of the network cannot be ended", left);
		return ERR_TIMEOUT;
	}
	if (was_running)
		return 0;
	if (ended)
		snprintf(out_sentence, SENTENCE_BYTES, "no network ran, but %u of its processes were left over, and were ended", ended);
	else
		snprintf(out_sentence, SENTENCE_BYTES, "no network runs in %.300s", state->root);
	return ended ? 0 : ERR_NOT_FOUND;
}

/* Not even the guardian is to be waited for any longer. */
static void kill_both(const struct state_folder *state, int pidfd)
{
	struct supervisor_view *view = calloc(1, sizeof(*view));
	char ignored[SENTENCE_BYTES];
	int inner = -1;

	if (view && !supervisor_look(state, view, ignored))
		inner = process_open(view->pid, process_start_ticks(view->pid));
	pidfd_signal(inner, SIGKILL);
	pidfd_signal(pidfd, SIGKILL);
	if (inner >= 0)
		close(inner);
	free(view);
}

static void stop_running(const struct state_folder *state, int lock, uint32_t timeout_ms)
{
	int pidfd = holder_open(lock);

	pidfd_signal(pidfd, SIGTERM);
	if (!wait_for_release(lock, pidfd, boottime_now_ms() + timeout_ms)) {
		kill_both(state, pidfd);
		if (!wait_for_release(lock, pidfd, boottime_now_ms() + 2000))
			status_remove(state);
	}
	if (pidfd >= 0)
		close(pidfd);
}

int supervisor_stop(const struct state_folder *state, uint32_t timeout_ms, char out_sentence[SENTENCE_BYTES])
{
	int lock = lock_open(state, O_RDWR);
	bool running = lock >= 0 && lock_is_held(lock);

	*out_sentence = '\0';
	if (running)
		stop_running(state, lock, timeout_ms);
	if (lock >= 0)
		close(lock);
	return leftovers_end(state, running, out_sentence);
}

int supervisor_reload(const struct state_folder *state, char out_sentence[SENTENCE_BYTES])
{
	int lock = lock_open(state, O_RDWR);
	int pidfd = lock >= 0 && lock_is_held(lock) ? holder_open(lock) : -1;

	*out_sentence = '\0';
	pidfd_signal(pidfd, SIGHUP);
	if (pidfd < 0)
		snprintf(out_sentence, SENTENCE_BYTES, "no network runs in %.300s", state->root);
	int rc = pidfd < 0 ? ERR_NOT_FOUND : 0;
	if (pidfd >= 0)
		close(pidfd);
	if (lock >= 0)
		close(lock);
	return rc;
}
