/* SPDX-License-Identifier: MIT
 *
 * Runs one program in a bubblewrap sandbox.
 *
 *	runner --fork--> bwrap (outside) --clone--> bwrap (1 inside) --fork--> inner step (2) --fork--> the program
 *
 * Beside them stands a guardian, for one gap: if the runner dies while bwrap is still making the namespaces, bwrap dies
 * too, but its reaper has not yet asked to follow. The guardian then ends their process group. That is also why bwrap does
 * not get --new-session: the reaper would leave that group too early. The session is new all the same, and the inner step
 * makes one more, so that nothing inside can signal the group.
 *
 * A run ends when bwrap has ended. bwrap ends when the inner step does, and the reaper inside dies with bwrap; the kernel
 * then ends everything in the PID namespace. To end a run early, the runner kills the reaper. No SIGTERM goes first: what
 * runs here has only throw-away copies, so there is nothing to save.
 */
#include "workspace/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "workspace/census.h"
#include "workspace/cgroup.h"
#include "workspace/chroot.h"
#include "workspace/enclosure.h"
#include "workspace/inner.h"

#define READ_BYTES 65536u
#define STATUS_BYTES 1024u
#define OVERHEAD_PROCESSES 4u /* bwrap twice, the inner step, and one to spare */
#define END_MS 1000u          /* after a kill, or for output that is still in pipes */

struct stream {
	int fd;
	uint8_t *at;
	size_t bytes;
	size_t capacity;
	uint64_t total;
	size_t most;
};

struct run {
	const struct sandbox_job *job;
	struct sandbox_result *result;
	struct enclosure enclosure;
	struct cgroup cgroup;
	pid_t bwrap;
	int bwrap_pidfd;
	pid_t guardian;
	int alive_fd;
	int reaper_pidfd; /* -1 until bwrap has told it */
	pid_t reaper;
	uint64_t pid_namespace;
	struct stream out;
	struct stream err;
	char status[STATUS_BYTES];
	size_t status_bytes;
	struct inner_report report;
	size_t report_bytes;
	uint64_t started_ms;
	bool ended;
	bool killed;
	bool out_of_memory;
	int wait_status;
};

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

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
	execv(child->run->enclosure.bwrap, child->run->enclosure.argv);
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
static void guardian_stop(struct run *run)
{
	if (run->guardian > 0) {
		kill(run->guardian, SIGKILL);
		while (waitpid(run->guardian, NULL, 0) < 0 && errno == EINTR)
			;
	}
	run->guardian = -1;
	shut(&run->alive_fd);
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
			shut(&fd);
		else
			done += (size_t)written;
	}
	if (fd >= 0)
		lseek(fd, 0, SEEK_SET);
	return fd;
}

static void pipe_shut(int ends[2])
{
	shut(&ends[0]);
	shut(&ends[1]);
}

/* The child waits until everything that could fail here has not. */
static int let_go(struct run *run, int go_fd)
{
	run->bwrap_pidfd = (int)syscall(SYS_pidfd_open, run->bwrap, 0);
	if (run->bwrap_pidfd >= 0 && guardian_start(run) == 0 && write(go_fd, "x", 1) == 1)
		return 0;
	int reason = errno;
	kill(run->bwrap, SIGKILL);
	guardian_stop(run);
	waitpid(run->bwrap, NULL, 0);
	errno = reason;
	return ERR_SYSTEM;
}

static int start(struct run *run)
{
	int out[2] = {-1, -1};
	int err[2] = {-1, -1};
	int go[2] = {-1, -1};
	struct child child = {.run = run, .stdin_fd = input_open(run->job), .join_fds = {-1, -1}, .runner = getpid()};
	int rc = ERR_SYSTEM;
	if (child.stdin_fd < 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0 || pipe2(go, O_CLOEXEC) != 0)
		goto out;
	child.stdout_fd = out[1];
	child.stderr_fd = err[1];
	child.go_fd = go[0];
	cgroup_join_files(&run->cgroup, child.join_fds);
	run->started_ms = now_ms();
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
	shut(&child.stdin_fd);
	shut(&run->enclosure.status_pipe[1]);
	shut(&run->enclosure.report_pipe[1]);
	return rc;
}

/* ---- what comes out ---- */

static bool stream_keep(struct stream *stream, const uint8_t *at, size_t bytes)
{
	size_t room = stream->most - stream->bytes;
	size_t keep = bytes < room ? bytes : room;
	stream->total += bytes;
	if (stream->bytes + keep + 1 > stream->capacity) {
		size_t capacity = 2 * (stream->bytes + keep) + 4096;
		uint8_t *bigger = realloc(stream->at, capacity);
		if (!bigger)
			return false;
		stream->at = bigger;
		stream->capacity = capacity;
	}
	memcpy(stream->at + stream->bytes, at, keep);
	stream->bytes += keep;
	stream->at[stream->bytes] = '\0';
	return true;
}

static void stream_read(struct run *run, struct stream *stream)
{
	uint8_t chunk[READ_BYTES];
	ssize_t bytes = read(stream->fd, chunk, sizeof(chunk));
	if (bytes < 0 && errno == EINTR)
		return;
	if (bytes <= 0)
		shut(&stream->fd);
	else if (!stream_keep(stream, chunk, (size_t)bytes))
		run->out_of_memory = true;
}

static uint64_t status_number(const struct run *run, const char *name)
{
	const char *at = strstr(run->status, name);
	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void status_read(struct run *run)
{
	int *fd = &run->enclosure.status_pipe[0];
	ssize_t bytes = read(*fd, run->status + run->status_bytes, STATUS_BYTES - 1 - run->status_bytes);
	if (bytes <= 0) {
		shut(fd);
		return;
	}
	run->status_bytes += (size_t)bytes;
	run->status[run->status_bytes] = '\0';
	if (run->reaper_pidfd >= 0 || !strchr(run->status, '\n'))
		return;
	run->reaper = (pid_t)status_number(run, "\"child-pid\": ");
	run->pid_namespace = status_number(run, "\"pid-namespace\": ");
	if (run->reaper > 1)
		run->reaper_pidfd = (int)syscall(SYS_pidfd_open, run->reaper, 0);
}

static void report_read(struct run *run)
{
	int *fd = &run->enclosure.report_pipe[0];
	uint8_t *at = (uint8_t *)&run->report + run->report_bytes;
	ssize_t bytes = read(*fd, at, sizeof(run->report) - run->report_bytes);
	if (bytes > 0)
		run->report_bytes += (size_t)bytes;
	if (bytes <= 0 || run->report_bytes == sizeof(run->report))
		shut(fd);
}

static bool reported(const struct run *run)
{
	return run->report_bytes == sizeof(run->report) && run->report.magic == INNER_MAGIC;
}

/* ---- ending it ---- */

static void kill_all(struct run *run)
{
	run->killed = true;
	if (run->pid_namespace)
		run->result->processes_ended = census_take(run->pid_namespace).processes;
	cgroup_kill(&run->cgroup);
	if (run->reaper_pidfd >= 0)
		syscall(SYS_pidfd_send_signal, run->reaper_pidfd, SIGKILL, NULL, 0);
	/* Both are in this group from the first moment; the program inside is not, once it runs. */
	if (run->reaper_pidfd < 0 || !run->pid_namespace)
		kill(-run->bwrap, SIGKILL);
}

/* The first reason stands. */
__attribute__((format(printf, 3, 4))) static void end_because(struct run *run, bool *flag, const char *format, ...)
{
	va_list arguments;
	if (run->killed)
		return;
	*flag = true;
	va_start(arguments, format);
	vsnprintf(run->result->why, sizeof(run->result->why), format, arguments);
	va_end(arguments);
	kill_all(run);
}

/* Where no control group counts, the runner does. */
static void watch(struct run *run)
{
	const struct sandbox_limits *limits = &run->job->limits;
	if (!run->pid_namespace || run->killed)
		return;
	struct census census = census_take(run->pid_namespace);
	if (census.processes > limits->processes)
		end_because(run, &run->result->limit_reached, "ended because it had more than %u processes", limits->processes);
	else if (!cgroup_keeps_memory(&run->cgroup) && census.memory_bytes > limits->memory_bytes)
		end_because(run, &run->result->limit_reached, "ended because it took more than %llu bytes of memory",
			    (unsigned long long)limits->memory_bytes);
}

static bool watched(const struct run *run)
{
	return !cgroup_keeps_memory(&run->cgroup) || !cgroup_keeps_processes(&run->cgroup);
}

/* ---- the loop ---- */

enum { WAIT_BWRAP, WAIT_OUT, WAIT_ERR, WAIT_STATUS, WAIT_REPORT, WAIT_CANCEL, WAIT_COUNT };

static int time_left(const struct run *run, uint64_t deadline_ms)
{
	uint64_t now = now_ms();
	uint64_t left = deadline_ms > now ? deadline_ms - now : 0;
	if (watched(run) && !run->ended && left > SANDBOX_WATCH_MS)
		left = SANDBOX_WATCH_MS;
	return left > 60000 ? 60000 : (int)left;
}

static void take_events(struct run *run, const struct pollfd *polled)
{
	if (polled[WAIT_STATUS].revents)
		status_read(run);
	if (polled[WAIT_REPORT].revents)
		report_read(run);
	if (polled[WAIT_OUT].revents)
		stream_read(run, &run->out);
	if (polled[WAIT_ERR].revents)
		stream_read(run, &run->err);
	if (polled[WAIT_CANCEL].revents)
		end_because(run, &run->result->cancelled, "ended because it was cancelled");
	if (polled[WAIT_BWRAP].revents)
		run->ended = true;
}

/* One wait. A descriptor of -1 is ignored by poll; one that has been served stays away. */
static void wait_once(struct run *run, uint64_t deadline_ms)
{
	struct pollfd polled[WAIT_COUNT] = {
		[WAIT_BWRAP] = {run->ended ? -1 : run->bwrap_pidfd, POLLIN, 0},
		[WAIT_OUT] = {run->out.fd, POLLIN, 0},
		[WAIT_ERR] = {run->err.fd, POLLIN, 0},
		[WAIT_STATUS] = {run->enclosure.status_pipe[0], POLLIN, 0},
		[WAIT_REPORT] = {run->enclosure.report_pipe[0], POLLIN, 0},
		[WAIT_CANCEL] = {run->killed || run->ended ? -1 : run->job->cancel_fd, POLLIN, 0},
	};
	if (poll(polled, WAIT_COUNT, time_left(run, deadline_ms)) > 0)
		take_events(run, polled);
}

static void run_until_end(struct run *run)
{
	uint64_t deadline = run->started_ms + run->job->limits.wall_ms;
	uint64_t next_watch = run->started_ms;
	while (!run->ended && !run->killed) {
		wait_once(run, deadline);
		if (run->out_of_memory)
			kill_all(run);
		if (!run->ended && now_ms() >= deadline)
			end_because(run, &run->result->timed_out, "ended because its %u ms were over",
				    run->job->limits.wall_ms);
		if (watched(run) && now_ms() >= next_watch) {
			next_watch = now_ms() + SANDBOX_WATCH_MS;
			watch(run);
		}
	}
	for (uint64_t last = now_ms() + END_MS; !run->ended && now_ms() < last;)
		wait_once(run, last);
	if (!run->ended)
		kill(-run->bwrap, SIGKILL);
	run->result->wall_ms = now_ms() - run->started_ms;
}

static bool streams_open(const struct run *run)
{
	return run->out.fd >= 0 || run->err.fd >= 0 || run->enclosure.status_pipe[0] >= 0 || run->enclosure.report_pipe[0] >= 0;
}

/* All writers are dead by now, so every pipe comes to its end. */
static void drain(struct run *run)
{
	for (uint64_t last = now_ms() + END_MS; streams_open(run) && now_ms() < last;)
		wait_once(run, last);
}

/* ---- reaping ---- */

static uint64_t usage_ms(const struct rusage *usage)
{
	return (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000 +
	       (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1000;
}

static void add_usage(struct run *run, const struct rusage *usage)
{
	run->result->cpu_ms += usage_ms(usage);
	if ((uint64_t)usage->ru_maxrss > run->result->peak_rss_kb)
		run->result->peak_rss_kb = (uint64_t)usage->ru_maxrss;
}

static void reap(struct run *run)
{
	struct rusage usage = {0};
	guardian_stop(run);
	while (wait4(run->bwrap, &run->wait_status, 0, &usage) < 0 && errno == EINTR)
		;
	add_usage(run, &usage);
	if (run->reaper_pidfd < 0)
		return;
	syscall(SYS_pidfd_send_signal, run->reaper_pidfd, SIGKILL, NULL, 0);
	struct pollfd reaper = {run->reaper_pidfd, POLLIN, 0};
	poll(&reaper, 1, (int)END_MS);
	/* The reaper became our child when bwrap ended. If a caller above us is the subreaper, it is theirs. */
	if (wait4(run->reaper, NULL, WNOHANG, &usage) == run->reaper)
		add_usage(run, &usage);
	if (run->pid_namespace)
		run->result->processes_left = census_left(run->pid_namespace);
}

/* ---- what it means ---- */

static int conclude_bwrap_failure(struct run *run)
{
	const char *text = run->err.at ? (const char *)run->err.at : "";
	size_t bytes = strcspn(text, "\n");
	snprintf(run->result->why, sizeof(run->result->why), "bubblewrap could not make the sandbox: %.*s",
		 bytes > 160 ? 160 : (int)bytes, bytes ? text : "it said nothing");
	return ERR_SANDBOX;
}

static void conclude_status(struct run *run, int status)
{
	run->result->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	run->result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static int conclude_missing(struct run *run)
{
	int reason = run->report.status;
	snprintf(run->result->why, sizeof(run->result->why), "%.100s %s", run->job->argv[0],
		 reason == ENOENT ? "is not installed" : "cannot be started there");
	if (reason != ENOENT)
		snprintf(run->result->why + strlen(run->result->why), 64, ": %.60s", strerror(reason));
	return reason == ENOENT || reason == EACCES || reason == ENOEXEC ? ERR_TOOL_MISSING : ERR_SYSTEM;
}

static int conclude(struct run *run)
{
	struct sandbox_result *result = run->result;
	bool started = strstr(run->status, "\"exit-code\"") || reported(run) || run->killed;
	if (run->out_of_memory)
		return ERR_MEMORY;
	if (!started)
		return conclude_bwrap_failure(run);
	if (!reported(run)) { /* killed by us, or the inner step was killed by the program: never a success */
		result->exit_status = -1;
		result->signal = SIGKILL;
	} else if (run->report.kind == INNER_MISSING) {
		return conclude_missing(run);
	} else {
		conclude_status(run, run->report.status);
		if (!run->killed)
			result->processes_ended = run->report.left;
		if (run->report.cpu_ms > result->cpu_ms)
			result->cpu_ms = run->report.cpu_ms;
		if (run->report.peak_rss_kb > result->peak_rss_kb)
			result->peak_rss_kb = run->report.peak_rss_kb;
	}
	if (!run->killed && cgroup_memory_exceeded(&run->cgroup)) {
		result->limit_reached = true;
		snprintf(result->why, sizeof(result->why), "processes were ended because together they took more than %llu bytes of memory",
			 (unsigned long long)run->job->limits.memory_bytes);
	}
	result->output_cut = run->out.total > run->out.bytes || run->err.total > run->err.bytes;
	return 0;
}

static void hand_over(struct stream *stream, uint8_t **out_at, size_t *out_bytes, uint64_t *out_total)
{
	*out_at = stream->at;
	*out_bytes = stream->bytes;
	*out_total = stream->total;
	stream->at = NULL;
}

static uint64_t data_limit(const struct run *run)
{
	return cgroup_keeps_memory(&run->cgroup) || ENCLOSURE_SANITIZED ? 0 : run->job->limits.memory_bytes;
}

static bool limits_given(const struct sandbox_limits *limits)
{
	return limits->wall_ms && limits->memory_bytes && limits->output_bytes && limits->file_bytes && limits->processes &&
	       limits->scratch_bytes;
}

static int run_job(struct run *run)
{
	int rc = enclosure_open(run->job, data_limit(run), &run->enclosure, run->result->why);
	if (rc == 0)
		rc = start(run);
	if (rc)
		return rc;
	run_until_end(run);
	reap(run);
	drain(run);
	return conclude(run);
}

int sandbox_run(const struct sandbox_job *job, struct sandbox_result *out_result)
{
	struct sandbox_result result = {0};
	struct run run = {.job = job, .result = &result, .bwrap_pidfd = -1, .reaper_pidfd = -1, .alive_fd = -1};
	run.out = (struct stream){.fd = -1, .most = job->limits.output_bytes};
	run.err = run.out;
	memset(out_result, 0, sizeof(*out_result));
	if (!limits_given(&job->limits)) {
		snprintf(out_result->why, sizeof(out_result->why), "every limit of the sandbox must be given");
		return ERR_SANDBOX;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	cgroup_open(job->limits.memory_bytes, job->limits.processes + OVERHEAD_PROCESSES, &run.cgroup);
	int rc = run_job(&run);
	enclosure_close(&run.enclosure);
	cgroup_close(&run.cgroup);
	shut(&run.out.fd);
	shut(&run.err.fd);
	shut(&run.bwrap_pidfd);
	shut(&run.reaper_pidfd);
	if (rc == 0) {
		hand_over(&run.out, &result.out, &result.out_bytes, &result.out_total);
		hand_over(&run.err, &result.err, &result.err_bytes, &result.err_total);
		*out_result = result;
	} else {
		memcpy(out_result->why, result.why, sizeof(result.why));
	}
	free(run.out.at);
	free(run.err.at);
	return rc;
}

void sandbox_release(struct sandbox_result *result)
{
	free(result->out);
	free(result->err);
	memset(result, 0, sizeof(*result));
}

int sandbox_check(char out_why[256])
{
	static const char *const argv[] = {"true", NULL};
	const struct sandbox_job job = {
		.argv = argv,
		.limits = {.wall_ms = 10000, .memory_bytes = 1u << 30, .output_bytes = 4096, .file_bytes = 4096, .processes = 16,
			   .scratch_bytes = 1u << 20},
		.cancel_fd = -1,
	};
	struct sandbox_result result;
	int rc = sandbox_run(&job, &result);
	memcpy(out_why, result.why, sizeof(result.why));
	bool worked = rc == 0 && result.exit_status == 0;
	sandbox_release(&result);
	return worked ? 0 : ERR_SANDBOX;
}
