/* SPDX-License-Identifier: MIT
 *
 * The inner process of the supervisor: it owns the children. One thread, one poll loop; the life of a child is in supervisor_child.c, and
 * when to start whom again is decided in restart.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "actors/fresh.h"
#include "actors/supervisor_inner.h"

#define READY_TIMEOUT_MS 30000u
#define STOP_GRACE_MS    5000u
#define LOG_BYTES_MAX    (4u * 1024u * 1024u)

/* ---- starting in order, stopping in reverse ---- */

static bool order_reached(const struct supervisor *supervisor, uint32_t order)
{
	for (size_t i = 0; i < supervisor->count; i++)
		if (supervisor->child[i].spec->order < order && !supervisor->child[i].settled)
			return false;
	return true;
}

static void children_start(struct supervisor *supervisor, uint64_t now_ms)
{
	for (size_t i = 0; i < supervisor->count && !supervisor->stopping; i++) {
		struct child *child = &supervisor->child[i];
		if ((child->state == CHILD_WAITING && order_reached(supervisor, child->spec->order)) ||
		    (child->state == CHILD_BACKOFF && now_ms >= child->deadline_ms))
			child_start(supervisor, child);
		else if (child->state == CHILD_STARTING && now_ms >= child->deadline_ms)
			child_late(supervisor, child);
	}
}

static void children_settle(struct supervisor *supervisor)
{
	char problem[SENTENCE_BYTES] = "";
	size_t bytes = 0;

	for (size_t i = 0; i < supervisor->count; i++) {
		const struct child *child = &supervisor->child[i];
		if (!child->settled)
			return;
		if (child->state == CHILD_GIVEN_UP && bytes < sizeof(problem))
			bytes += (size_t)snprintf(problem + bytes, sizeof(problem) - bytes, "%s%s was given up: %s (log: %.120s)",
						  bytes ? "; " : "", child->spec->name, child->why, child->log.path);
	}
	supervisor->started = true;
	supervisor_status_write(supervisor); /* first: whoever hears that it is up may look at once */
	supervisor_report(supervisor, REPORT_STARTED, 0, problem);
	supervisor_say(supervisor, "the network is up");
}

static bool runs(const struct child *child)
{
	return child->process.pid != 0;
}

/* The highest order of which something still runs; false if nothing does. */
static bool order_to_stop(const struct supervisor *supervisor, uint32_t *out_order)
{
	bool any = false;

	for (size_t i = 0; i < supervisor->count; i++)
		if (runs(&supervisor->child[i]) && (!any || supervisor->child[i].spec->order > *out_order)) {
			*out_order = supervisor->child[i].spec->order;
			any = true;
		}
	return any;
}

static void child_stop(struct supervisor *supervisor, struct child *child, uint64_t now_ms)
{
	if (child->state != CHILD_STOPPING) {
		process_signal_group(&child->process, SIGTERM);
		child->deadline_ms = now_ms + supervisor->stop_grace_ms;
		child_enter(supervisor, child, CHILD_STOPPING);
	}
	if (supervisor->hurry || now_ms >= child->deadline_ms)
		child_ended(supervisor, child);
}

/* True while there is something to wait for. */
static bool children_stop(struct supervisor *supervisor, uint64_t now_ms)
{
	uint32_t order = 0;

	for (size_t i = 0; i < supervisor->count; i++)
		if (!runs(&supervisor->child[i]) && supervisor->child[i].state != CHILD_GIVEN_UP &&
		    supervisor->child[i].state != CHILD_STOPPED)
			child_enter(supervisor, &supervisor->child[i], CHILD_STOPPED);
	if (!order_to_stop(supervisor, &order))
		return false;
	for (size_t i = 0; i < supervisor->count; i++)
		if (runs(&supervisor->child[i]) && supervisor->child[i].spec->order == order)
			child_stop(supervisor, &supervisor->child[i], now_ms);
	return true;
}

/* ---- events ---- */

static void reload(struct supervisor *supervisor)
{
	supervisor_say(supervisor, "told to reload");
	for (size_t i = 0; i < supervisor->count; i++) {
		struct child *child = &supervisor->child[i];
		if (child->state == CHILD_READY && child->spec->reload_signal)
			process_signal(&child->process, (int)child->spec->reload_signal);
		if (child->state == CHILD_GIVEN_UP && !supervisor->stopping) {
			memset(&child->history, 0, sizeof(child->history));
			*child->why = '\0';
			child_enter(supervisor, child, CHILD_WAITING);
		}
	}
}

static void signals_read(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			reload(supervisor);
		if (info.ssi_signo == SIGINT || info.ssi_signo == SIGTERM) {
			supervisor->hurry = supervisor->stopping && info.ssi_signo == SIGINT; /* a second Ctrl-C */
			supervisor_stop_begin(supervisor, info.ssi_signo == SIGINT ? "interrupted" : "told to");
		}
	}
	process_reap_orphans();
}

struct waiting {
	struct pollfd item[3 + 3 * CHILDREN_LIMIT];
	struct child *child[3 + 3 * CHILDREN_LIMIT]; /* whose it is */
	nfds_t count;
};

static void wait_for(struct waiting *waiting, int fd, struct child *child)
{
	if (fd < 0)
		return;
	waiting->item[waiting->count] = (struct pollfd){.fd = fd, .events = POLLIN};
	waiting->child[waiting->count++] = child;
}

static int wait_ms(const struct supervisor *supervisor, uint64_t now_ms)
{
	uint64_t until_ms = UINT64_MAX;

	for (size_t i = 0; i < supervisor->count; i++) {
		const struct child *child = &supervisor->child[i];
		bool timed = child->state == CHILD_STARTING || child->state == CHILD_BACKOFF || child->state == CHILD_STOPPING;
		if (timed && child->deadline_ms < until_ms)
			until_ms = child->deadline_ms;
	}
	if (until_ms == UINT64_MAX)
		return -1;
	return until_ms <= now_ms ? 0 : until_ms - now_ms > 60000 ? 60000 : (int)(until_ms - now_ms);
}

static void dispatch(struct supervisor *supervisor, const struct waiting *waiting)
{
	for (nfds_t i = 0; i < waiting->count; i++) {
		struct child *child = waiting->child[i];
		int fd = waiting->item[i].fd;
		if (!waiting->item[i].revents)
			continue;
		if (fd == supervisor->signals)
			signals_read(supervisor);
		else if (fd == supervisor->guardian)
			supervisor_stop_begin(supervisor, "the guardian is gone");
		else if (!child)
			vault_refresh(supervisor->vault);
		else if (fd == child->notify)
			child_notify_read(supervisor, child);
		else if (fd == child->process.out)
			child_log_read(child, 1);
		else if (fd == child->process.pidfd && runs(child))
			child_ended(supervisor, child);
	}
}

static void wait_and_dispatch(struct supervisor *supervisor, struct waiting *waiting)
{
	waiting->count = 0;
	wait_for(waiting, supervisor->signals, NULL);
	if (supervisor->vault)
		wait_for(waiting, vault_fd(supervisor->vault), NULL);
	if (!supervisor->stopping)
		wait_for(waiting, supervisor->guardian, NULL);
	for (size_t i = 0; i < supervisor->count; i++) {
		struct child *child = &supervisor->child[i];
		wait_for(waiting, child->notify, child); /* before its end: it may say "ready" and end in one go */
		if (runs(child)) {
			wait_for(waiting, child->process.out, child);
			wait_for(waiting, child->process.pidfd, child);
		}
	}
	if (poll(waiting->item, waiting->count, wait_ms(supervisor, boottime_now_ms())) > 0)
		dispatch(supervisor, waiting);
}

static void loop(struct supervisor *supervisor, struct waiting *waiting)
{
	for (;;) {
		children_start(supervisor, boottime_now_ms());
		if (!supervisor->started && !supervisor->stopping)
			children_settle(supervisor);
		bool more = !supervisor->stopping || children_stop(supervisor, boottime_now_ms());
		if (supervisor->changed)
			supervisor_status_write(supervisor);
		supervisor->changed = false;
		if (!more)
			return;
		wait_and_dispatch(supervisor, waiting);
	}
}

/* ---- the process ---- */

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int prepare(struct supervisor *supervisor)
{
	const struct supervisor_options *options = supervisor->options;

	supervisor->ready_timeout_ms = options->ready_timeout_ms ? options->ready_timeout_ms : READY_TIMEOUT_MS;
	supervisor->stop_grace_ms = options->stop_grace_ms ? options->stop_grace_ms : STOP_GRACE_MS;
	supervisor->log_bytes_max = options->log_bytes_max ? options->log_bytes_max : LOG_BYTES_MAX;
	if (vault_new(options->state, &supervisor->vault))
		return ERR_IO; /* a log that might hold secrets is not begun */
	child_log_open(&supervisor->log, options->state, "supervisor", supervisor->log_bytes_max, supervisor->vault);
	supervisor->started_at_ms = wall_now_ms();
	supervisor->changed = true;
	supervisor->count = options->children->count;
	supervisor->child = calloc(supervisor->count + 1, sizeof(*supervisor->child));
	if (!supervisor->child)
		return ERR_MEMORY;
	for (size_t i = 0; i < supervisor->count; i++) {
		struct child *child = &supervisor->child[i];
		child->spec = &options->children->child[i];
		child->process = (struct process){.pidfd = -1, .in = -1, .out = -1, .err = -1};
		child->notify = -1;
		child_log_open(&child->log, options->state, child->spec->name, supervisor->log_bytes_max, supervisor->vault);
		child_enter(supervisor, child, CHILD_WAITING);
	}
	supervisor->signals = signals_open();
	if (supervisor->signals < 0 || pipe2(supervisor->lifeline, O_CLOEXEC) || process_adopt_orphans())
		return ERR_SYSTEM;
	return 0;
}

int supervisor_supervise(struct supervisor *supervisor)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));

	int rc = waiting ? prepare(supervisor) : ERR_MEMORY;
	if (rc) {
		supervisor_report(supervisor, REPORT_ENDED, rc, strerror(errno));
		return rc;
	}
	supervisor_status_write(supervisor); /* before anybody runs who could look */
	loop(supervisor, waiting);
	process_sweep_descendants(NULL);
	status_remove(supervisor->options->state);
	state_endpoint_remove(supervisor->options->state);
	state_workspace_remove(supervisor->options->state);
	supervisor_say(supervisor, "everything is stopped");
	supervisor_report(supervisor, REPORT_ENDED, supervisor->rc, supervisor->sentence);
	vault_free(supervisor->vault);
	free(waiting);
	return supervisor->rc;
}
