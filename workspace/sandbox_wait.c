/* SPDX-License-Identifier: MIT
 *
 * Waits for the end of a run of the sandbox, or brings it about.
 *
 * A run ends when bwrap has ended. bwrap ends when the inner step does, and the reaper inside dies with bwrap; the kernel
 * then ends everything in the PID namespace. To end a run early, the runner kills the reaper. Where nobody watches, no SIGTERM goes
 * first: what runs there has only throw-away copies, so there is nothing to save. A watched run is stopped in stages, by way of the inner
 * step: bwrap would take any signal as its own end, and what is inside with it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workspace/census.h"
#include "workspace/sandbox_run.h"

#define READ_BYTES 65536u
#define END_MS     1000u  /* after a kill */
#define DRAIN_MS   20000u /* for output that is still in pipes: on a machine that is very busy */

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
		run_shut(&stream->fd);
	else if (live_output(run, stream, chunk, (size_t)bytes))
		stream->total += (uint64_t)bytes;
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
		run_shut(fd);
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
		run_shut(fd);
}

bool run_reported(const struct run *run)
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

/* Begins the next stage. Where the inner step does not listen any more there is nobody to obey. */
static void stage_next(struct run *run)
{
	static const uint8_t signals[] = {[STAGE_INTERRUPT] = SIGINT, [STAGE_TERMINATE] = SIGTERM};
	if (run->stage == STAGE_TERMINATE) {
		kill_all(run);
		return;
	}
	run->stage++;
	run->stage_end_ms = run_now_ms() + enclosure_stage_ms(run->job);
	if (run_write(run->enclosure.control_pipe[1], &signals[run->stage], 1) != 1)
		kill_all(run);
}

void run_end(struct run *run, bool *flag, bool at_once, const char *format, ...)
{
	va_list arguments;
	if (run->killed)
		return;
	if (!run->ending) {
		va_start(arguments, format);
		vsnprintf(run->result->why, sizeof(run->result->why), format, arguments);
		va_end(arguments);
		if (flag)
			*flag = true;
	}
	if (at_once)
		kill_all(run);
	else if (!run->ending)
		stage_next(run);
	run->ending = true;
}

static bool sudden(const struct run *run)
{
	return !run->job->watch || run->job->watch->sudden;
}

/* Where no control group counts, the runner does. What takes too much cannot be asked to take less. */
static void watch_processes(struct run *run)
{
	const struct sandbox_limits *limits = &run->job->limits;
	struct census census = census_take(run->pid_namespace);
	if (census.processes > limits->processes)
		run_end(run, &run->result->limit_reached, true, "ended because it had more than %u processes", limits->processes);
	else if (!cgroup_keeps_memory(&run->cgroup) && census.memory_bytes > limits->memory_bytes)
		run_end(run, &run->result->limit_reached, true, "ended because it took more than %llu bytes of memory",
			(unsigned long long)limits->memory_bytes);
}

static bool counted(const struct run *run)
{
	return cgroup_keeps_memory(&run->cgroup) && cgroup_keeps_processes(&run->cgroup);
}

static void watch(struct run *run)
{
	if (!run->pid_namespace || run->killed)
		return;
	if (!counted(run))
		watch_processes(run);
	if (!run->killed)
		disk_watch(run);
}

static bool watched(const struct run *run)
{
	return !counted(run) || disk_watched(run);
}

/* ---- the loop ---- */

enum { WAIT_BWRAP, WAIT_OUT, WAIT_ERR, WAIT_STATUS, WAIT_REPORT, WAIT_CANCEL, WAIT_INPUT, WAIT_COUNT };

static int time_left(const struct run *run, uint64_t deadline_ms)
{
	uint64_t now = run_now_ms();
	uint64_t left = deadline_ms > now ? deadline_ms - now : 0;
	uint64_t tick = live_next_ms(run);
	if (watched(run) && !run->ended && left > SANDBOX_WATCH_MS)
		left = SANDBOX_WATCH_MS;
	if (!run->ended && tick != UINT64_MAX && left > (tick > now ? tick - now : 0))
		left = tick > now ? tick - now : 0;
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
	if (polled[WAIT_INPUT].revents)
		live_write(run);
	if (polled[WAIT_CANCEL].revents)
		run_end(run, &run->result->cancelled, sudden(run), "ended because it was cancelled");
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
		[WAIT_CANCEL] = {run->ending || run->ended ? -1 : run->job->cancel_fd, POLLIN, 0},
		[WAIT_INPUT] = {live_wants_to_write(run) ? run->live.input_fd : -1, POLLOUT, 0},
	};
	if (poll(polled, WAIT_COUNT, time_left(run, deadline_ms)) > 0)
		take_events(run, polled);
}

static uint64_t deadline_of(const struct run *run)
{
	return run->ending ? run->stage_end_ms : run->started_ms + run->job->limits.wall_ms;
}

/* What the clock brings about. */
static void run_pass_time(struct run *run, uint64_t *next_watch_ms)
{
	live_tick(run);
	if (run->live.stop_asked)
		run_end(run, NULL, false, "ended because it was asked to stop");
	if (run_now_ms() >= deadline_of(run)) {
		if (run->ending)
			stage_next(run);
		else
			run_end(run, &run->result->timed_out, sudden(run), "ended because its %u ms were over",
				run->job->limits.wall_ms);
	}
	if (watched(run) && run_now_ms() >= *next_watch_ms) {
		*next_watch_ms = run_now_ms() + SANDBOX_WATCH_MS;
		watch(run);
	}
}

static void run_until_end(struct run *run)
{
	uint64_t next_watch = run->started_ms;
	live_tick(run);
	while (!run->ended && !run->killed) {
		wait_once(run, deadline_of(run));
		if (run->out_of_memory)
			kill_all(run);
		if (!run->ended && !run->killed)
			run_pass_time(run, &next_watch);
	}
	for (uint64_t last = run_now_ms() + END_MS; !run->ended && run_now_ms() < last;)
		wait_once(run, last);
	if (!run->ended)
		kill(-run->bwrap, SIGKILL);
	run->result->wall_ms = run_now_ms() - run->started_ms;
}

static bool streams_open(const struct run *run)
{
	return run->out.fd >= 0 || run->err.fd >= 0 || run->enclosure.status_pipe[0] >= 0 || run->enclosure.report_pipe[0] >= 0;
}

/* All writers are dead by now, so every pipe comes to its end. If the kernel left one alive there is no end to wait for. */
static void drain(struct run *run)
{
	for (uint64_t last = run_now_ms() + (run->result->processes_left ? END_MS : DRAIN_MS);
	     streams_open(run) && run_now_ms() < last;)
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
	run_dismiss_guardian(run);
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

void run_wait(struct run *run)
{
	run_until_end(run);
	reap(run);
	drain(run);
}
