/* SPDX-License-Identifier: MIT
 *
 * Waiting.
 */
#include "cli/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "cli/text.h"
#include "protocol/id.h"

#define TURN_MS 200u /* between two looks at the signals */

static volatile sig_atomic_t caught;

static void catch (int signal)
{
	caught = signal;
}

void watch_signals(void)
{
	struct sigaction action = {.sa_handler = catch};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool watch_interrupted(void)
{
	return caught != 0;
}

int watch_exit_code(void)
{
	return caught == SIGTERM ? 143 : 130;
}

int watch_open(const char *folder)
{
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (watch >= 0)
		inotify_add_watch(watch, folder, IN_MODIFY);
	return watch;
}

void watch_wait(int watch)
{
	struct pollfd poll_fd = {.fd = watch, .events = POLLIN};
	char events[4096];

	if (poll(&poll_fd, 1, 1000) > 0) {
		while (read(watch, events, sizeof(events)) > 0)
			;
	}
}

/* ---- a task ---- */

struct view {
	const struct call *call;
	bool rewrite; /* one line that is written over */
	bool drawn;
};

static void clear_line(struct view *view)
{
	if (view->drawn)
		fputs("\r\033[K", stderr);
	view->drawn = false;
}

static void show_progress(void *context, const struct id *task_id, const struct task_progress *progress)
{
	struct view *view = context;
	char *stage = text_safe(progress->stage.bytes ? progress->stage.at : "", progress->stage.bytes);
	char *line = text_safe(progress->line.bytes ? progress->line.at : "", progress->line.bytes);
	char done[8] = "";

	(void)task_id;
	if (progress->permille)
		snprintf(done, sizeof(done), "%3u %% ", progress->permille / 10 % 1000);
	if (!view->call->json) {
		clear_line(view);
		fprintf(stderr, "%s%s%s%s%s", done, stage, *stage && *line ? ": " : "", line, view->rewrite ? "" : "\n");
		view->drawn = view->rewrite;
	}
	free(stage);
	free(line);
}

static void show_connection(void *context, bool connected)
{
	struct view *view = context;

	clear_line(view);
	call_note(view->call, connected ? "connected" : "the connection to Omega is lost; trying again (the task goes on)");
}

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int detach(const struct call *call, const struct id *task_id)
{
	char text[ID_TEXT_BYTES];

	id_print(task_id, text);
	call_note(call, "detached; the task goes on. `bunshin task wait %s` attaches again, `bunshin task cancel %s` cancels it",
		  text, text);
	return watch_exit_code();
}

static int wait_for(const struct call *call, struct client *client, const struct id *task_id, uint32_t limit_ms,
		    struct outcome *out_outcome)
{
	uint64_t end_ms = limit_ms ? clock_ms() + limit_ms : UINT64_MAX;

	for (;;) {
		int rc = client_wait(client, task_id, TURN_MS, out_outcome);
		if (rc != ERR_TIMEOUT && rc != ERR_UNREACHABLE)
			return rc;
		if (watch_interrupted())
			return detach(call, task_id);
		if (clock_ms() >= end_ms)
			return call_fail(call, ERR_TIMEOUT, "the task goes on; `bunshin task wait` waits longer",
					 "the task has not ended in this time");
	}
}

int watch_task(const struct call *call, struct client *client, const struct id *task_id, uint32_t limit_ms,
	       struct outcome *out_outcome)
{
	struct view view = {.call = call, .rewrite = isatty(STDERR_FILENO) && !call->json};
	struct client_events events = {.context = &view, .progress = show_progress, .connected = show_connection};
	int rc;

	watch_signals();
	client_listen(client, &events);
	rc = wait_for(call, client, task_id, limit_ms, out_outcome);
	clear_line(&view);
	if (rc < 0)
		return session_refused(call, rc, NULL);
	return rc;
}
