/* SPDX-License-Identifier: MIT
 *
 * One attempt as a child process, from its start to the moment when nothing of it is left and all that came of it has been said.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <signal.h>

#include "actors/clone_inner.h"
#include "actors/salvage.h"
#include "protocol/id.h"

#define READ_BYTES        16384u
#define INPUT_BYTES_MOVED 65536u /* what was read is forgotten when it is so much, or all */
#define ANSWER_MARGIN_MS  500u   /* before the deadline, so that our answer is there before Omega's own clock */
#define EXIT_GRACE_MS     5000u  /* between its last word and its exit */

/* ---- starting ---- */

static const char *const *argv_of(const struct clone_actor *clone)
{
	static const char *const own[] = {"/proc/self/exe", "attempt", NULL};

	return clone->options->command ? clone->options->command : own;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void fill(struct clone_actor *clone, struct running *running, const struct message *assignment)
{
	const struct task_assignment *facts = &assignment->task_assignment;
	uint64_t time_ms = facts->timeout_ms;

	memset(running, 0, sizeof(*running));
	running->process = (struct process){.pidfd = -1, .in = -1, .out = -1, .err = -1};
	running->upload.fd = -1;
	running->task_id = assignment->header.task_id;
	running->assignment_id = assignment->header.message_id;
	memcpy(running->traceparent, assignment->header.traceparent, TRACEPARENT_BYTES);
	running->attempt = facts->attempt;
	running->lease = facts->lease;
	running->heartbeat_ms = facts->heartbeat_ms;
	if (facts->remaining_ms)
		time_ms = least(time_ms, facts->remaining_ms);
	running->deadline_ms = clone->now_ms + time_ms - least(ANSWER_MARGIN_MS, time_ms / 20);
	running->kill_ms = NEVER;
	running->renew_ms = clone->now_ms + facts->heartbeat_ms / 3;
	running->passed_ms = 0;
	running->artefacts = json_array();
}

static int spawn(struct clone_actor *clone, struct running *running)
{
	char tag[TAG_BYTES];
	char task[ID_TEXT_BYTES];
	char state[PATH_BYTES + 16];
	const char *environment[] = {state, NULL};
	struct process_job job = {.argv = argv_of(clone),
				  .environment = environment,
				  .folder = running->folder,
				  .tag = tag,
				  .in = STREAM_PIPE,
				  .out = STREAM_PIPE,
				  .err = STREAM_PIPE,
				  .notify_fd = -1,
				  .lifeline_fd = -1};

	snprintf(state, sizeof(state), "BUNSHIN_STATE=%s", clone->state.root); /* where the workspace is found */
	id_print(&running->task_id, task);
	snprintf(tag, sizeof(tag), "%.200s/%s.%u", clone->group, task, running->attempt);
	return process_spawn(&job, &running->process);
}

void running_start(struct clone_actor *clone, struct running *running, const struct message *assignment)
{
	int rc;

	fill(clone, running, assignment);
	rc = folder_make(clone, running);
	if (!rc)
		rc = words_assignment(assignment, running->folder, &running->input);
	if (!rc)
		rc = spawn(clone, running);
	if (rc) {
		words_say_refused(clone, assignment, running->attempt, &running->lease, (uint32_t)-rc);
		running_release(running);
		return;
	}
	running->phase = RUNNING_WORKING;
	words_say_started(clone, running);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void running_release(struct running *running)
{
	close_fd(&running->process.in);
	close_fd(&running->process.out);
	close_fd(&running->process.err);
	if (running->uploading)
		upload_close(&running->upload);
	if (!salvage_move(running->folder))
		work_folder_remove(running->folder);
	errands_release(running);
	buffer_release(&running->input);
	buffer_release(&running->line);
	json_decref(running->progress);
	json_decref(running->last);
	json_decref(running->artefacts);
	memset(running, 0, sizeof(*running));
}

/* ---- pipes ---- */

static void forget_sent(struct running *running)
{
	size_t left = running->input.bytes - running->input_sent;

	if (left && running->input_sent < INPUT_BYTES_MOVED)
		return;
	if (left)
		memmove(running->input.at, running->input.at + running->input_sent, left);
	running->input.bytes = left;
	running->input_sent = 0;
}

static void feed_input(struct running *running)
{
	while (running->process.in >= 0 && running->input_sent < running->input.bytes) {
		ssize_t sent = write(running->process.in, running->input.at + running->input_sent,
				     running->input.bytes - running->input_sent);

		if (sent < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (sent < 0) { /* it does not want to know */
			close_fd(&running->process.in);
			running->input_sent = running->input.bytes;
			break;
		}
		running->input_sent += (size_t)sent;
	}
	forget_sent(running);
}

static void take_output(struct clone_actor *clone, struct running *running, const char *at, size_t bytes)
{
	const char *end;

	while ((end = memchr(at, '\n', bytes))) {
		if (buffer_append(&running->line, at, (size_t)(end - at)))
			running->line_too_long = true;
		if (!running->line_too_long)
			words_take_line(clone, running, (const char *)running->line.at, running->line.bytes);
		running->line.bytes = 0;
		bytes -= (size_t)(end + 1 - at);
		at = end + 1;
	}
	if (running->line.bytes + bytes > ATTEMPT_LINE_BYTES || buffer_append(&running->line, at, bytes))
		running->line_too_long = true;
}

static void take_log(struct running *running, const char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		running->log[(running->log_bytes + i) % ATTEMPT_LOG_BYTES] = at[i];
	running->log_bytes += bytes;
}

/* Reads what is there, but not for ever: a child that never stops talking must not keep the others waiting. */
static void drain(struct clone_actor *clone, struct running *running, int *fd, bool output)
{
	char block[READ_BYTES];

	for (int i = 0; *fd >= 0 && i < 16 && !running->line_too_long; i++) {
		ssize_t got = read(*fd, block, sizeof(block));

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			close_fd(fd);
			return;
		}
		running->spoke = true;
		clone->spoke_ms = clone->now_ms;
		if (output)
			take_output(clone, running, block, (size_t)got);
		else
			take_log(running, block, (size_t)got);
	}
}

/* ---- ending ---- */

/* Everything that it started is ended too; both counts go into what is said. */
static void sweep(struct running *running, uint32_t grace_ms)
{
	struct process_end end = {0};

	process_end(&running->process, grace_ms, &end);
	running->processes_ended += end.ended;
	running->processes_left = end.left;
	if (running->exit.status == 0 && running->exit.signal == 0)
		running->exit = end.exit;
}

static void answer(struct clone_actor *clone, struct running *running)
{
	char sentence[128];

	if (running->end_code && running->end_code != ERROR_TIMED_OUT) {
		words_say_failure(clone, running, running->end_code, error_sentence((int)running->end_code));
	} else if (json_object_get(running->last, "failure")) {
		words_say_failure(clone, running, 0, NULL);
	} else if (running->end_code) {
		words_say_failure(clone, running, ERROR_TIMED_OUT, error_sentence(ERROR_TIMED_OUT));
	} else if (running->deaf) {
		words_say_failure(clone, running, ERROR_LIMIT, "the attempt does not read what becomes of its child tasks");
	} else if (running->line_too_long) {
		snprintf(sentence, sizeof(sentence), "the attempt printed a line of more than %u bytes", ATTEMPT_LINE_BYTES);
		words_say_failure(clone, running, ERROR_LIMIT, sentence);
	} else if (running->exit.signal) {
		snprintf(sentence, sizeof(sentence), "the attempt was ended by signal %d without a result", running->exit.signal);
		words_say_failure(clone, running, ERROR_TASK_FAILED, sentence);
	} else {
		snprintf(sentence, sizeof(sentence), "the attempt ended with status %d without a result", running->exit.status);
		words_say_failure(clone, running, ERROR_TASK_FAILED, sentence);
	}
	running_release(running);
}

static void finish_upload(struct clone_actor *clone, struct running *running)
{
	if (files_next(clone, running))
		return;
	words_say_completion(clone, running);
	running_release(running);
}

/* The child is gone. What it had printed before is still in the pipes. */
static void conclude(struct clone_actor *clone, struct running *running)
{
	drain(clone, running, &running->process.out, true);
	drain(clone, running, &running->process.err, false);
	if (running->line.bytes && !running->line_too_long)
		words_take_line(clone, running, (const char *)running->line.at, running->line.bytes);
	running->line.bytes = 0;
	sweep(running, 0);
	/* A completion that was printed in time counts even if the process then had to be ended for not going away. */
	if (json_object_get(running->last, "completion") && (!running->end_code || running->end_code == ERROR_TIMED_OUT)) {
		running->phase = RUNNING_UPLOADING;
		finish_upload(clone, running);
		return;
	}
	answer(clone, running);
}

void running_end(struct clone_actor *clone, struct running *running, uint32_t code)
{
	if (running->phase == RUNNING_UPLOADING) {
		running->end_code = code;
		answer(clone, running);
		return;
	}
	if (running->phase != RUNNING_WORKING)
		return;
	running->end_code = code;
	running->phase = RUNNING_ENDING;
	running->kill_ms = clone->now_ms + (running->grace_ms ? running->grace_ms : ATTEMPT_GRACE_MS);
	process_signal(&running->process, SIGTERM);
}

void running_kill(struct clone_actor *clone, struct running *running, uint32_t code)
{
	if (running->phase == RUNNING_UPLOADING) {
		running_end(clone, running, code);
		return;
	}
	if (!running->end_code)
		running->end_code = code;
	conclude(clone, running);
}

/* ---- clocks ---- */

/* A lease is renewed while the child speaks, or computes in silence. One that does neither is left to Omega's clock. */
static void renew(struct clone_actor *clone, struct running *running)
{
	uint64_t vital;

	if (running->spoke || running->progress || errands_open(running)) {
		words_say_progress(clone, running);
		return;
	}
	running->renew_ms = clone->now_ms + running->heartbeat_ms / 3;
	vital = vital_of(running->process.pid);
	if (vital != running->vital)
		words_say_progress(clone, running);
	running->vital = vital;
}

static void look_at_clocks(struct clone_actor *clone, struct running *running)
{
	if (running->phase == RUNNING_ENDING && clone->now_ms >= running->kill_ms) {
		conclude(clone, running);
		return;
	}
	if (running->phase != RUNNING_WORKING)
		return;
	if (clone->now_ms >= running->deadline_ms)
		running_end(clone, running, ERROR_TIMED_OUT);
	else if (running->line_too_long || running->deaf)
		running_kill(clone, running, 0);
	else if (clone->now_ms >= running->kill_ms) /* it has said its last word long ago */
		conclude(clone, running);
	else if (clone->now_ms >= running->renew_ms)
		renew(clone, running);
}

int running_poll(const struct running *running, zmq_pollitem_t *items, int count)
{
	if (running->phase == RUNNING_FREE)
		return count;
	if (running->process.in >= 0 && running->input_sent < running->input.bytes)
		items[count++] = (zmq_pollitem_t){.fd = running->process.in, .events = ZMQ_POLLOUT};
	if (running->process.out >= 0)
		items[count++] = (zmq_pollitem_t){.fd = running->process.out, .events = ZMQ_POLLIN};
	if (running->process.err >= 0)
		items[count++] = (zmq_pollitem_t){.fd = running->process.err, .events = ZMQ_POLLIN};
	if (running->process.pidfd >= 0)
		items[count++] = (zmq_pollitem_t){.fd = running->process.pidfd, .events = ZMQ_POLLIN};
	return count;
}

uint64_t running_wake_ms(const struct running *running)
{
	switch (running->phase) {
	case RUNNING_WORKING:
		return least(least(running->deadline_ms, errands_wake_ms(running)), least(running->renew_ms, running->kill_ms));
	case RUNNING_ENDING:
		return running->kill_ms;
	case RUNNING_UPLOADING:
		return running->renew_ms;
	default:
		return NEVER;
	}
}

void running_work(struct clone_actor *clone, struct running *running)
{
	if (running->phase == RUNNING_UPLOADING) {
		if (clone->now_ms >= running->renew_ms)
			words_say_progress(clone, running);
		finish_upload(clone, running);
		return;
	}
	drain(clone, running, &running->process.out, true);
	drain(clone, running, &running->process.err, false);
	feed_input(running);
	if (running->phase == RUNNING_WORKING)
		errands_look(clone, running);
	if (running->last && running->phase == RUNNING_WORKING && running->kill_ms == NEVER)
		running->kill_ms = clone->now_ms + EXIT_GRACE_MS;
	if (process_reap(&running->process, &running->exit))
		conclude(clone, running);
	else
		look_at_clocks(clone, running);
}
