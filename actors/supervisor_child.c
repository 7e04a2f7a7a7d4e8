/* SPDX-License-Identifier: MIT
 *
 * The life of one child of the supervisor: started, ready, ended, started again or given up. Who calls when is in supervisor.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "actors/fresh.h"
#include "actors/supervisor_inner.h"

#define LOG_READ_BYTES  65536u
#define LOG_DRAIN_READS 64 /* of a child that has ended: what a pipe can hold, and a little more */

/* ---- telling ---- */

void supervisor_say(struct supervisor *supervisor, const char *format, ...)
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

void supervisor_report(struct supervisor *supervisor, enum report_kind kind, int rc, const char *sentence)
{
	struct report report = {.kind = kind, .rc = rc};

	snprintf(report.sentence, sizeof(report.sentence), "%s", sentence);
	ssize_t ignored = write(supervisor->report, &report, sizeof(report)); /* nobody reads any more: nobody needs to know */
	(void)ignored;
}

void child_enter(struct supervisor *supervisor, struct child *child, enum child_state state)
{
	child->state = state;
	child->since_ms = wall_now_ms();
	supervisor->changed = true;
}

void supervisor_stop_begin(struct supervisor *supervisor, const char *why)
{
	if (supervisor->stopping)
		return;
	supervisor_say(supervisor, "stopping: %s", why);
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
		 *child->log.last_line ? ", and its last words were \"" : "", child->log.last_line,
		 *child->log.last_line ? "\"" : "", child->log.path);
	child_enter(supervisor, child, CHILD_GIVEN_UP);
	child->settled = true;
	supervisor_say(supervisor, "%s", sentence);
	if (child->spec->critical && !supervisor->stopping) {
		supervisor->rc = ERR_STATE;
		snprintf(supervisor->sentence, sizeof(supervisor->sentence), "%s", sentence);
		supervisor_stop_begin(supervisor, "the network cannot be without it");
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
	supervisor_say(supervisor, "%s starts again in %llu ms", child->spec->name,
		       (unsigned long long)(decision.at_ms - now_ms));
}

static void notify_close(struct child *child)
{
	if (child->notify >= 0)
		close(child->notify);
	child->notify = -1;
}

void child_log_read(struct child *child, int reads)
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

	child_log_read(child, LOG_DRAIN_READS);
	child_log_settle(&child->log);
	process_end(&child->process, 0, &end);
	notify_close(child);
	child->last_exit = end.exit;
	exit_print(&end.exit, how, sizeof(how));
	supervisor_say(supervisor, "%s %s%s", child->spec->name, how, end.left ? "; some of its processes cannot be ended" : "");
	if (end.ended)
		supervisor_say(supervisor, "%s: %u of its processes had to be ended", child->spec->name, end.ended);
}

void child_ended(struct supervisor *supervisor, struct child *child)
{
	child_collect(supervisor, child);
	if (supervisor->stopping)
		child_enter(supervisor, child, CHILD_STOPPED);
	else
		child_decide(supervisor, child, child->last_exit.status);
}

void child_late(struct supervisor *supervisor, struct child *child)
{
	supervisor_say(supervisor, "%s was not ready within %u ms", child->spec->name, supervisor->ready_timeout_ms);
	child_collect(supervisor, child);
	child_decide(supervisor, child, -1);
}

static void child_ready(struct supervisor *supervisor, struct child *child)
{
	restart_ready(&child->history, boottime_now_ms());
	child->settled = true;
	child_enter(supervisor, child, CHILD_READY);
	supervisor_say(supervisor, "%s is ready", child->spec->name);
}

void child_notify_read(struct supervisor *supervisor, struct child *child)
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

void child_start(struct supervisor *supervisor, struct child *child)
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
	supervisor_say(supervisor, "%s started as process %d", child->spec->name, (int)child->process.pid);
	child->deadline_ms = now_ms + supervisor->ready_timeout_ms;
	child_enter(supervisor, child, CHILD_STARTING);
	if (!child->spec->notifies)
		child_ready(supervisor, child);
}
