/* SPDX-License-Identifier: MIT
 *
 * The inner process of the supervisor: it owns the children. One thread, one poll loop; when to start whom again is decided in
 * restart.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "actors/fresh.h"
#include "actors/supervisor_inner.h"

#define READY_TIMEOUT_MS 30000u
#define STOP_GRACE_MS 5000u
#define LOG_BYTES_MAX (4u * 1024u * 1024u)
#define LOG_READ_BYTES 65536u
#define LOG_DRAIN_READS 64 /* of a child that has ended: what a pipe can hold, and a little more */

static uint32_t or_default(uint32_t value, uint32_t otherwise)
{
	return value ? value : otherwise;
}

/* ---- telling ---- */

static void __attribute__((format(printf, 2, 3))) say(struct supervisor *supervisor, const char *format, ...)
{
	char text[SENTENCE_BYTES + 64], line[SENTENCE_BYTES + 128];
	time_t now = time(NULL);
	struct tm utc;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	gmtime_r(&now, &utc);
	size_t bytes = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%SZ ", &utc);
	bytes += (size_t)snprintf(line + bytes, sizeof(line) - bytes, "%s\n", text);
	child_log_write(&supervisor->log, line, bytes);
	if (supervisor->options->loud)
		fprintf(stderr, "bunshin: %s\n", text);
}

static void report(struct supervisor *supervisor, enum report_kind kind, int rc, const char *sentence)
{
	struct report report = {.kind = kind, .rc = rc};

	snprintf(report.sentence, sizeof(report.sentence), "%s", sentence);
	ssize_t ignored = write(supervisor->report, &report, sizeof(report)); /* nobody reads any more: nobody needs to know */
	(void)ignored;
}

static void child_enter(struct supervisor *supervisor, struct child *child, enum child_state state)
{
	child->state = state;
	child->since_ms = wall_now_ms();
	supervisor->changed = true;
}

static void stop_begin(struct supervisor *supervisor, const char *why)
{
	if (supervisor->stopping)
		return;
	say(supervisor, "stopping: %s", why);
	supervisor->stopping = true;
	supervisor->changed = true;
}

/* ---- a child's life ---- */

static void child_give_up(struct supervisor *supervisor, struct child *child, const char *why)
{
	char sentence[SENTENCE_BYTES], how[80] = "was never started";

	snprintf(child->why, sizeof(child->why), "%s", why);
	if (child->starts)
		exit_print(&child->last_exit, how, sizeof(how));
	snprintf(sentence, sizeof(sentence), "%s was given up: %s; it %s%s%s%s; see %.160s", child->spec->name, why, how,
		 *child->log.last_line ? ", and its last words were \"" : "", child->log.last_line, *child->log.last_line ? "\"" : "",
		 child->log.path);
	child_enter(supervisor, child, CHILD_GIVEN_UP);
	child->settled = true;
	say(supervisor, "%s", sentence);
	if (child->spec->critical && !supervisor->stopping) {
		supervisor->rc = ERR_STATE;
		snprintf(supervisor->sentence, sizeof(supervisor->sentence), "%s", sentence);
		stop_begin(supervisor, "the network cannot be without it");
	}
}

static uint32_t random_bits(void)
{
	uint32_t bits = 0;

	if (getrandom(&bits, sizeof(bits), 0) != (ssize_t)sizeof(bits))
		bits = (uint32_t)boottime_now_ms();
	return bits;
}

static void child_decide(struct supervisor *supervisor, struct child *child, int status)
{
	uint64_t now_ms = boottime_now_ms();
	struct restart_decision decision =
		restart_exited(&child->history, &supervisor->options->policy, now_ms, status, random_bits());

	if (decision.verdict == RESTART_GIVE_UP) {
		child_give_up(supervisor, child, decision.why);
		return;
	}
	child->deadline_ms = decision.at_ms;
	child_enter(supervisor, child, CHILD_BACKOFF);
	say(supervisor, "%s starts again in %llu ms", child->spec->name, (unsigned long long)(decision.at_ms - now_ms));
}

static void notify_close(struct child *child)
{
	if (child->notify >= 0)
		close(child->notify);
	child->notify = -1;
}

static void log_read(struct child *child, int reads)
{
	char bytes[LOG_READ_BYTES];
	ssize_t got = 0;

	for (int i = 0; i < reads && child->process.out >= 0; i++) {
		got = read(child->process.out, bytes, sizeof(bytes));
		if (got <= 0)
			break;
		child_log_write(&child->log, bytes, (size_t)got);
	}
	if (!got && child->process.out >= 0) {
		close(child->process.out);
		child->process.out = -1;
	}
}

/* Also ends what it has left behind, and itself if it runs. */
static void child_collect(struct supervisor *supervisor, struct child *child)
{
	struct process_end end;
	char how[80];

	log_read(child, LOG_DRAIN_READS);
	process_end(&child->process, 0, &end);
	notify_close(child);
	child->last_exit = end.exit;
	exit_print(&end.exit, how, sizeof(how));
	say(supervisor, "%s %s%s", child->spec->name, how, end.left ? "; some of its processes cannot be ended" : "");
	if (end.ended)
		say(supervisor, "%s: %u of its processes had to be ended", child->spec->name, end.ended);
}

static void child_ended(struct supervisor *supervisor, struct child *child)
{
	child_collect(supervisor, child);
	if (supervisor->stopping)
		child_enter(supervisor, child, CHILD_STOPPED);
	else
		child_decide(supervisor, child, child->last_exit.status);
}

static void child_late(struct supervisor *supervisor, struct child *child)
{
	say(supervisor, "%s was not ready within %u ms", child->spec->name,
	    or_default(supervisor->options->ready_timeout_ms, READY_TIMEOUT_MS));
	child_collect(supervisor, child);
	child_decide(supervisor, child, -1);
}

static void child_ready(struct supervisor *supervisor, struct child *child)
{
	restart_ready(&child->history, boottime_now_ms());
	child->settled = true;
	child_enter(supervisor, child, CHILD_READY);
	say(supervisor, "%s is ready", child->spec->name);
}

static void notify_read(struct supervisor *supervisor, struct child *child)
{
	char bytes[64];
	ssize_t got = read(child->notify, bytes, sizeof(bytes));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got > 0 && !memchr(bytes, '\n', (size_t)got))
		return;
	notify_close(child);
	if (got > 0 && child->state == CHILD_STARTING)
		child_ready(supervisor, child);
}

static int child_spawn(struct supervisor *supervisor, struct child *child)
{
	char part[NAME_BYTES], tag[TAG_BYTES];
	int notify[2] = {-1, -1};

	if (child->spec->notifies && pipe2(notify, O_CLOEXEC | O_NONBLOCK))
		return ERR_SYSTEM;
	state_name_encode(child->spec->name, part);
	snprintf(tag, sizeof(tag), "%.128s/%s", supervisor->tag, part);
	struct process_job job = {.argv = child->spec->argv,
				  .environment = child->spec->environment,
				  .folder = child->spec->folder,
				  .tag = tag,
				  .in = STREAM_NULL,
				  .out = STREAM_PIPE,
				  .err = STREAM_OUT,
				  .notify_fd = notify[1],
				  .lifeline_fd = supervisor->lifeline[0]};
	int rc = process_spawn(&job, &child->process);
	int error = errno;
	if (notify[1] >= 0)
		close(notify[1]);
	child->notify = notify[0];
	if (rc)
		notify_close(child);
	errno = error;
	return rc;
}

static void child_start(struct supervisor *supervisor, struct child *child)
{
	uint64_t now_ms = boottime_now_ms();

	restart_started(&child->history, now_ms);
	child->starts++;
	int rc = child_spawn(supervisor, child);
	if (rc) {
		char why[128];
		snprintf(why, sizeof(why), "%.60s cannot be run: %.50s", child->spec->argv[0], strerror(errno));
		child->last_exit = (struct process_exit){.status = 127};
		if (rc == ERR_TOOL_MISSING)
			child_give_up(supervisor, child, why);
		else
			child_decide(supervisor, child, -1);
		return;
	}
	say(supervisor, "%s started as process %d", child->spec->name, (int)child->process.pid);
	child->deadline_ms = now_ms + or_default(supervisor->options->ready_timeout_ms, READY_TIMEOUT_MS);
	child_enter(supervisor, child, CHILD_STARTING);
	if (!child->spec->notifies)
		child_ready(supervisor, child);
}

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
	report(supervisor, REPORT_STARTED, 0, problem);
	say(supervisor, "the network is up");
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
		child->deadline_ms = now_ms + or_default(supervisor->options->stop_grace_ms, STOP_GRACE_MS);
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
	say(supervisor, "told to reload");
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
			stop_begin(supervisor, info.ssi_signo == SIGINT ? "interrupted" : "told to");
		}
	}
	process_reap_orphans();
}

struct waiting {
	struct pollfd item[2 + 3 * CHILDREN_LIMIT];
	struct child *child[2 + 3 * CHILDREN_LIMIT]; /* whose it is */
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
			stop_begin(supervisor, "the guardian is gone");
		else if (fd == child->notify)
			notify_read(supervisor, child);
		else if (fd == child->process.out)
			log_read(child, 1);
		else if (fd == child->process.pidfd && runs(child))
			child_ended(supervisor, child);
	}
}

static void wait_and_dispatch(struct supervisor *supervisor, struct waiting *waiting)
{
	waiting->count = 0;
	wait_for(waiting, supervisor->signals, NULL);
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
	uint32_t log_bytes_max = or_default(options->log_bytes_max, LOG_BYTES_MAX);

	child_log_open(&supervisor->log, options->state, "supervisor", log_bytes_max);
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
		child_log_open(&child->log, options->state, child->spec->name, log_bytes_max);
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
		report(supervisor, REPORT_ENDED, rc, strerror(errno));
		return rc;
	}
	supervisor_status_write(supervisor); /* before anybody runs who could look */
	loop(supervisor, waiting);
	process_sweep_descendants(NULL);
	status_remove(supervisor->options->state);
	state_endpoint_remove(supervisor->options->state);
	say(supervisor, "everything is stopped");
	report(supervisor, REPORT_ENDED, supervisor->rc, supervisor->sentence);
	free(waiting);
	return supervisor->rc;
}
