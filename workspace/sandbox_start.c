/* SPDX-License-Identifier: MIT
 *
 * Starts a run of the sandbox.
 *
 *	runner --fork--> bwrap (outside) --clone--> bwrap (1 inside) --fork--> inner step (2) --fork--> the program
 *
 * Beside them stands a guardian, for one gap: if the runner dies while bwrap is still making the namespaces, bwrap dies
 * too, but its reaper has not yet asked to follow. The guardian then ends their process group. That is also why bwrap does
 * not get --new-session: the reaper would leave that group too early. The session is new all the same, and the inner step
 * makes one more, so that nothing inside can signal the group.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workspace/chroot.h"
#include "workspace/sandbox_run.h"

/* ---- the child that becomes bwrap; only async-signal-safe calls ---- */

struct child {
	const struct run *run;
	int stdin_fd;
	int stdout_fd;
	int stderr_fd;
	int join_fds[2];
	int go_fd; /* a byte: the guardian is there */
	pid_t runner;
};

static void child_say(const char *sentence)
{
	if (write(2, sentence, strlen(sentence)) < 0)
		_exit(126);
}

static void signals_reset(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void group_join(int fd)
{
	if (fd >= 0 && write(fd, "0", 1) != 1)
		child_say("bwrap: the control group could not be joined\n");
}

__attribute__((noreturn)) static void child_run(const struct child *child)
{
	const struct rlimit no_core = {0, 0};
	char *const nothing[] = {NULL};
	/* The runner may have died before this line took effect; then nobody waits, and nothing may start. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != child->runner)
		_exit(126);
	setsid();
	signals_reset();
	setrlimit(RLIMIT_CORE, &no_core);
	if (dup2(child->stdin_fd, 0) < 0 || dup2(child->stdout_fd, 1) < 0 || dup2(child->stderr_fd, 2) < 0)
		_exit(126);
	group_join(child->join_fds[0]);
	group_join(child->join_fds[1]);
	char go = 0;
	if (read(child->go_fd, &go, 1) != 1)
		_exit(126);
	if (chroot_leave() != 0)
		child_say("bwrap: the root folder of this chroot could not be made the root of a mount namespace\n");
	enclosure_keep_descriptors(&child->run->enclosure);
	/* The reaper inside is a copy of bwrap, and whatever bwrap is started with can be read there in /proc/1/environ: nothing. */
	execve(child->run->enclosure.bwrap, child->run->enclosure.argv, nothing);
	child_say("bwrap: could not be started\n");
	_exit(126);
}

/* ---- the guardian ---- */

/* Reads until the runner's end of the pipe closes, which only its death does. Async-signal-safe. */
__attribute__((noreturn)) static void guardian_run(pid_t bwrap, int alive_fd)
{
	char nothing;
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	if (dup2(alive_fd, 0) == 0)
		close_range(1, ~0u, 0);
	while (read(0, &nothing, 1) < 0 && errno == EINTR)
		;
	kill(-bwrap, SIGKILL);
	_exit(0);
}

static int guardian_start(struct run *run)
{
	int alive[2];
	if (pipe2(alive, O_CLOEXEC) != 0)
		return ERR_SYSTEM;
	run->guardian = fork();
	if (run->guardian == 0) {
		close(alive[1]);
		guardian_run(run->bwrap, alive[0]);
	}
	close(alive[0]);
	run->alive_fd = alive[1];
	return run->guardian > 0 ? 0 : ERR_SYSTEM;
}

/* Before bwrap is reaped: until then its number cannot name another group. */
void run_dismiss_guardian(struct run *run)
{
	if (run->guardian > 0) {
		kill(run->guardian, SIGKILL);
		while (waitpid(run->guardian, NULL, 0) < 0 && errno == EINTR)
			;
	}
	run->guardian = -1;
	run_shut(&run->alive_fd);
}

/* ---- starting ---- */

static int input_open(const struct sandbox_job *job)
{
	if (!job->input || job->input_bytes == 0)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fd = memfd_create("input", MFD_CLOEXEC);
	for (size_t done = 0; fd >= 0 && done < job->input_bytes;) {
		ssize_t written = write(fd, job->input + done, job->input_bytes - done);
		if (written <= 0)
			run_shut(&fd);
		else
			done += (size_t)written;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

static void pipe_shut(int ends[2])
{
	run_shut(&ends[0]);
	run_shut(&ends[1]);
}

/* The child waits until everything that could fail here has not. */
static int let_go(struct run *run, int go_fd)
{
	run->bwrap_pidfd = (int)syscall(SYS_pidfd_open, run->bwrap, 0);
	if (run->bwrap_pidfd >= 0 && guardian_start(run) == 0 && write(go_fd, "x", 1) == 1)
		return 0;
	int reason = errno;
	kill(run->bwrap, SIGKILL);
	run_dismiss_guardian(run);
	waitpid(run->bwrap, NULL, 0);
	errno = reason;
	return ERR_SYSTEM;
}

int run_start(struct run *run)
{
	int out[2] = {-1, -1};
	int err[2] = {-1, -1};
	int go[2] = {-1, -1};
	struct child child = {.run = run, .stdin_fd = -1, .join_fds = {-1, -1}, .runner = getpid()};
	int rc = live_open(run, &child.stdin_fd);
	if (rc)
		goto out;
	rc = ERR_SYSTEM;
	if (child.stdin_fd < 0)
		child.stdin_fd = input_open(run->job);
	if (child.stdin_fd < 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0 || pipe2(go, O_CLOEXEC) != 0)
		goto out;
	child.stdout_fd = out[1];
	child.stderr_fd = err[1];
	child.go_fd = go[0];
	cgroup_join_files(&run->cgroup, child.join_fds);
	run->started_ms = run_now_ms();
	run->bwrap = fork();
	if (run->bwrap == 0)
		child_run(&child);
	if (run->bwrap > 0)
		rc = let_go(run, go[1]);
	if (rc)
		goto out;
	run->out.fd = out[0];
	run->err.fd = err[0];
	out[0] = err[0] = -1;
out:
	if (rc)
		snprintf(run->result->why, sizeof(run->result->why), "bwrap could not be started: %s", strerror(errno));
	pipe_shut(out);
	pipe_shut(err);
	pipe_shut(go);
	pipe_shut(child.join_fds);
	run_shut(&child.stdin_fd);
	run_shut(&run->enclosure.status_pipe[1]);
	run_shut(&run->enclosure.report_pipe[1]);
	run_shut(&run->enclosure.control_pipe[0]);
	return rc;
}
