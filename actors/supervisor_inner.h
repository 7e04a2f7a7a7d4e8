/* SPDX-License-Identifier: MIT
 *
 * What the files of the supervisor share: guardian.c (the outer process, and starting and stopping from outside), supervisor.c (the inner one,
 * which owns the children) and supervisor_status.c (what is told about them).
 */
#ifndef ACTORS_SUPERVISOR_INNER_H
#define ACTORS_SUPERVISOR_INNER_H

#include "actors/child_log.h"
#include "actors/supervisor.h"

/* What the inner process tells the outer one, and the background the foreground: written whole, in one piece. */
enum report_kind { REPORT_STARTED = 1, REPORT_ENDED };

struct report {
	enum report_kind kind;
	int rc;
	char sentence[SENTENCE_BYTES];
};

_Static_assert(sizeof(struct report) <= 4096, "a pipe takes it in one piece");

struct child {
	const struct child_spec *spec;
	struct process process;
	enum child_state state;
	struct restart_history history;
	uint64_t deadline_ms; /* STARTING: to be ready; BACKOFF: to start; STOPPING: to be gone; else unused */
	int notify;           /* where it says that it is ready, or -1 */
	bool settled;         /* was ready once, or was given up: the next order need not wait */
	uint32_t starts;
	struct process_exit last_exit;
	uint64_t since_ms; /* UTC */
	char why[128];
	struct child_log log;
};

struct supervisor {
	const struct supervisor_options *options;
	uint32_t ready_timeout_ms, stop_grace_ms, log_bytes_max; /* of the options, or the defaults */
	char tag[TAG_BYTES];                                     /* of the network */
	pid_t guardian_pid;
	uint64_t started_at_ms; /* UTC */
	int signals;            /* signalfd */
	int guardian;           /* readable when the guardian is gone */
	int report;
	int lifeline[2]; /* children hold the reading end */
	struct child *child;
	size_t count;
	bool started; /* everything was settled, and reported */
	bool stopping;
	bool hurry;   /* no grace any more */
	bool changed; /* since the status was written */
	int rc;
	char sentence[SENTENCE_BYTES];
	struct child_log log;
	struct vault *vault; /* secrets that must not stand in a log; NULL: they could not be read */
};

/* The inner process: everything between the fork and its exit. Returns what the guardian is to return. */
int supervisor_supervise(struct supervisor *supervisor);

/* run/supervisor.json */
void supervisor_status_write(const struct supervisor *supervisor);
void status_remove(const struct state_folder *state);

/* ---- supervisor_child.c ---- */

/* A line in log/supervisor.log; and a report to the guardian. */
void supervisor_say(struct supervisor *supervisor, const char *format, ...) __attribute__((format(printf, 2, 3)));
void supervisor_report(struct supervisor *supervisor, enum report_kind kind, int rc, const char *sentence);

/* From now on everything is stopped; without effect when that has begun. */
void supervisor_stop_begin(struct supervisor *supervisor, const char *why);

void child_enter(struct supervisor *supervisor, struct child *child, enum child_state state);
void child_start(struct supervisor *supervisor, struct child *child);
void child_late(struct supervisor *supervisor, struct child *child);  /* it was not ready in time */
void child_ended(struct supervisor *supervisor, struct child *child); /* or is to be: what runs of it is killed */
void child_notify_read(struct supervisor *supervisor, struct child *child);
void child_log_read(struct child *child, int reads);

/* "exited with status 3" or "was ended by signal 9 (Killed)" */
void exit_print(const struct process_exit *exit, char *out, size_t out_bytes);

#endif
