/* SPDX-License-Identifier: MIT
 *
 * The outer process of the supervisor, in the foreground and in the background.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actors/network_lock.h"
#include "actors/supervisor_inner.h"

static int fail(char *out_sentence, const char *what)
{
	snprintf(out_sentence, SENTENCE_BYTES, "%s: %s", what, strerror(errno));
	return ERR_SYSTEM;
}

static int lock_acquire(const struct state_folder *state, int *out_fd, char *out_sentence)
{
	int fd = network_lock_open(state, O_RDWR | O_CREAT);

	if (fd < 0)
		return fail(out_sentence, "cannot open the lock of the state folder");
	if (!network_lock_take(fd)) {
		snprintf(out_sentence, SENTENCE_BYTES, "a network runs already in %.200s (process %d); see: bunshin status",
			 state->root, (int)network_lock_holder(fd).pid);
		close(fd);
		return ERR_LOCKED;
	}
	network_lock_sign(fd);
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
	state_workspace_remove(guardian->options->state);
	if (guardian->ended)
		return;
	guardian->rc = ERR_SYSTEM;
	snprintf(guardian->sentence, SENTENCE_BYTES,
		 "the supervisor was ended by signal %d; the %u processes of its network were ended",
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
	state_workspace_remove(options->state);
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
