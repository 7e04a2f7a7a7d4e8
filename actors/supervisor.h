/* SPDX-License-Identifier: MIT
 *
 * Keeps the processes of a network alive: starts them in order, restarts them within limits, stops them in reverse, and leaves
 * none behind.
 *
 * Two processes do it. The guardian is the outer one: it does nothing but wait, and when the supervisor inside it dies, however it
 * dies, it kills all that came from it. When the guardian dies, the supervisor stops everything in order. Both hold the lock of the state
 * folder until the last process is gone.
 *
 * Signals to the supervisor: SIGTERM and SIGINT stop the network; SIGHUP is passed to Omega (routes are read again) and gives children
 * that were given up another chance. run/supervisor.json tells what runs; it is replaced with every change.
 */
#ifndef ACTORS_SUPERVISOR_H
#define ACTORS_SUPERVISOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "actors/process.h"
#include "actors/restart.h"
#include "actors/state.h"
#include "routing/conf.h"

#define CHILD_NAME_OMEGA      "omega"
#define CHILD_NAME_WORKSPACE  "workspace"
#define CHILDREN_LIMIT        512u
#define CHILD_ARGV_MAX        64u
#define CHILD_ENVIRONMENT_MAX 8u
#define CHILD_TEXT_BYTES      1024u

/* ---- what to run ---- */

struct child_spec {
	char name[NAME_BYTES];                              /* "omega", "beta/1" */
	const char *argv[CHILD_ARGV_MAX + 1];               /* NULL-terminated */
	const char *environment[CHILD_ENVIRONMENT_MAX + 1]; /* "NAME=value" besides the supervisor's own, NULL-terminated */
	const char *folder;                                 /* working directory, or NULL for the supervisor's */
	uint32_t order;         /* children of one order start together, once all of the orders below are ready or given up */
	bool notifies;          /* ready when it says so (NOTIFY_VARIABLE); else as soon as it runs */
	bool critical;          /* without it there is no network: when it is given up, everything stops */
	uint32_t reload_signal; /* what SIGHUP to the supervisor makes it send; 0: nothing */
};

struct child_list {
	struct child_spec *child;
	size_t count;
	char *texts; /* what the specs point to */
};

/* The children of a network: `PROGRAM omega`, then `PROGRAM workspace serve`, then for each clone that is not external and each instance `PROGRAM clone ROLE/N` or its
 * command. Environment: BUNSHIN_STATE, BUNSHIN_ROUTES (the file; NULL: not set) and for clones BUNSHIN_PEER=ROLE/N and BUNSHIN_KEY=path of
 * its key pair. A clone with a command of its own runs in the folder of the routes file, and counts as ready as soon as it runs. 0; ERR_CONFIG (a command that cannot be
 * split), ERR_MEMORY; with a sentence. */
MUST_CHECK int children_build(const struct conf *conf, const struct state_folder *state, const char *program,
			      const char *routes_path, struct child_list *out_list, char out_sentence[SENTENCE_BYTES]);
void children_release(struct child_list *list);

/* Splits a command as a shell would without expanding anything: white space, '…', "…", backslash. The words are written one after
 * the other into `text`, and out_argv points there. 0 or ERR_CONFIG with a sentence. */
MUST_CHECK int command_split(const char *command, char *text, size_t text_bytes, const char **out_argv, size_t argv_max,
			     char out_sentence[SENTENCE_BYTES]);

/* ---- running it ---- */

struct supervisor_options {
	const struct state_folder *state;
	const struct child_list *children;
	struct restart_policy policy;
	uint32_t ready_timeout_ms; /* a child that is not ready by then is ended and counts as failed; 0: 30 s */
	uint32_t stop_grace_ms;    /* SIGTERM to SIGKILL, each child; 0: 5 s */
	uint32_t log_bytes_max;    /* per log file before it becomes NAME.log.1; 0: 4 MiB */
	bool loud;                 /* say on stderr, too, what goes into log/supervisor.log */
};

/* What routing.conf says about restarting. */
struct restart_policy supervisor_policy(const struct conf *conf);

/* Runs the network in the foreground until it is stopped. `started` (may be NULL) is called once everything is ready or given up, with "" or a
 * sentence naming what was given up. Returns 0 after an orderly stop; ERR_LOCKED (a network runs already; the sentence has its process
 * id), ERR_STATE (a critical child was given up), ERR_SYSTEM, ERR_IO; with a sentence. The calling process should have one thread and
 * no children. */
MUST_CHECK int supervisor_run(const struct supervisor_options *options, void (*started)(const char *problem, void *user),
			      void *user, char out_sentence[SENTENCE_BYTES]);

/* The same in the background. Returns once everything is ready: 0, and out_sentence is empty or names what was given up; or, when
 * it could not be started, the error and the reason, and nothing is left running. */
MUST_CHECK int supervisor_start(const struct supervisor_options *options, char out_sentence[SENTENCE_BYTES]);

/* Stops the network of a state folder and waits up to timeout_ms until every process of it is gone (then it is killed). 0;
 * ERR_NOT_FOUND (nothing runs, and nothing was left over); ERR_TIMEOUT if processes survive even that; with a sentence. */
MUST_CHECK int supervisor_stop(const struct state_folder *state, uint32_t timeout_ms, char out_sentence[SENTENCE_BYTES]);

/* Sends SIGHUP. 0 or ERR_NOT_FOUND with a sentence. */
MUST_CHECK int supervisor_reload(const struct state_folder *state, char out_sentence[SENTENCE_BYTES]);

/* ---- looking at it ---- */

enum child_state { CHILD_WAITING = 1, CHILD_STARTING, CHILD_READY, CHILD_BACKOFF, CHILD_GIVEN_UP, CHILD_STOPPING, CHILD_STOPPED };

const char *child_state_name(enum child_state state); /* "ready" */

struct child_view {
	char name[NAME_BYTES];
	enum child_state state;
	pid_t pid; /* 0: none */
	uint32_t starts;
	struct process_exit last_exit; /* meaningful when starts > 1 or it does not run */
	uint64_t since_ms;             /* UTC, of the last change of state */
	char why[128];                 /* why it was given up, or empty */
};

struct supervisor_view {
	pid_t pid;
	pid_t guardian_pid;
	uint64_t started_at_ms; /* UTC */
	char phase[16];         /* "starting", "running", "stopping" */
	size_t count;
	struct child_view child[CHILDREN_LIMIT];
};

/* What runs, from run/supervisor.json; ERR_NOT_FOUND if no supervisor is alive. */
MUST_CHECK int supervisor_look(const struct state_folder *state, struct supervisor_view *out_view,
			       char out_sentence[SENTENCE_BYTES]);

#endif
