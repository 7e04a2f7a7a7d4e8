/* SPDX-License-Identifier: MIT
 *
 * Runs one program in a bubblewrap sandbox: what the run is given, and what its end means.
 */
#include "workspace/sandbox.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "workspace/sandbox_run.h"

#define OVERHEAD_PROCESSES 4u /* bwrap twice, the inner step, and one to spare */

uint64_t run_now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

ssize_t run_write(int fd, const void *at, size_t bytes)
{
	const struct timespec now = {0};
	sigset_t broken;
	sigset_t before;
	sigset_t pending;
	sigemptyset(&broken);
	sigaddset(&broken, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &broken, &before);
	ssize_t written = write(fd, at, bytes);
	int reason = errno;
	if (written < 0 && reason == EPIPE && !sigismember(&pending, SIGPIPE))
		while (sigtimedwait(&broken, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = reason;
	return written;
}

void run_shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* ---- what it means ---- */

static int conclude_bwrap_failure(struct run *run)
{
	const char *text = run->err.at ? (const char *)run->err.at : "";
	size_t bytes = strcspn(text, "\n");
	bool refused = strstr(text, "namespace") != NULL;
	snprintf(run->result->why, sizeof(run->result->why), "bubblewrap could not make the sandbox: %.*s%s",
		 bytes > 100 ? 100 : (int)bytes, bytes ? text : "it said nothing",
		 refused ? "; user namespaces are switched off, or this is a plain user inside a chroot or container: run as "
			   "root there"
			 : "");
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
	bool started = strstr(run->status, "\"exit-code\"") || run_reported(run) || run->killed;
	if (run->out_of_memory)
		return ERR_MEMORY;
	if (!started)
		return conclude_bwrap_failure(run);
	if (!run_reported(run)) { /* killed by us, or the inner step was killed by the program: never a success */
		result->exit_status = -1;
		result->signal = SIGKILL;
	} else if (run->report.kind == INNER_MISSING) {
		return conclude_missing(run);
	} else if (run->report.kind == INNER_NO_RELAY) {
		snprintf(result->why, sizeof(result->why), "port %u could not be opened in the sandbox: %s; nothing was started",
			 run->job->relay.port, strerror(run->report.status));
		return ERR_SANDBOX;
	} else {
		conclude_status(run, run->report.status);
		if (!run->killed)
			result->processes_ended = run->report.left;
		if (run->report.cpu_ms > result->cpu_ms)
			result->cpu_ms = run->report.cpu_ms;
		if (run->report.peak_rss_kb > result->peak_rss_kb)
			result->peak_rss_kb = run->report.peak_rss_kb;
	}
	if (run->live.cpu_ms > result->cpu_ms) /* of those that nobody waited for */
		result->cpu_ms = run->live.cpu_ms;
	if (!run->ending && cgroup_memory_exceeded(&run->cgroup)) {
		result->limit_reached = true;
		snprintf(result->why, sizeof(result->why),
			 "processes were ended because together they took more than %llu bytes of memory",
			 (unsigned long long)run->job->limits.memory_bytes);
	}
	if (!run->job->watch || !run->job->watch->output)
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
		rc = run_start(run);
	if (rc)
		return rc;
	run_wait(run);
	return conclude(run);
}

int sandbox_run(const struct sandbox_job *job, struct sandbox_result *out_result)
{
	struct sandbox_result result = {0};
	struct run run = {.job = job, .result = &result, .bwrap_pidfd = -1, .reaper_pidfd = -1, .alive_fd = -1};
	run.out = (struct stream){.fd = -1, .most = job->limits.output_bytes};
	run.err = run.out;
	run.live = (struct sandbox_live){.run = &run, .input_fd = -1};
	memset(out_result, 0, sizeof(*out_result));
	if (!limits_given(&job->limits)) {
		snprintf(out_result->why, sizeof(out_result->why), "every limit of the sandbox must be given");
		return ERR_SANDBOX;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	cgroup_open(job->limits.memory_bytes, job->limits.processes + OVERHEAD_PROCESSES, &run.cgroup);
	int rc = run_job(&run);
	live_close(&run);
	weigh_release(&run.weigh);
	enclosure_close(&run.enclosure);
	cgroup_close(&run.cgroup);
	run_shut(&run.out.fd);
	run_shut(&run.err.fd);
	run_shut(&run.bwrap_pidfd);
	run_shut(&run.reaper_pidfd);
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
		.limits = {.wall_ms = 10000,
			   .memory_bytes = 1u << 30,
			   .output_bytes = 4096,
			   .file_bytes = 4096,
			   .processes = 16,
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
