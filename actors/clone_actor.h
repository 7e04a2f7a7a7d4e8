/* SPDX-License-Identifier: MIT
 *
 * A clone as a process: it joins Omega, takes assignments into its slots, runs each as a child process of its own, and answers.
 *
 * What it has to say about an attempt is kept until Omega says that it is durable, and is said again, with the same message
 * id, after every new Hello. Omega may vanish and come back: the clone and its attempts go on meanwhile.
 *
 * clone_main is the program behind `bunshin clone`; clone_run is the same connection around a function of the caller, for
 * tests, benchmarks and clones that need no process.
 */
#ifndef ACTORS_CLONE_ACTOR_H
#define ACTORS_CLONE_ACTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/message.h"

#define ATTEMPT_LINE_BYTES   (1u << 20) /* longest line an attempt may print on stdout; a longer one fails the attempt */
#define ATTEMPT_LOG_BYTES    8192u      /* end of its stderr that goes into the evidence of a failure */
#define ERRAND_KEY_BYTES     128u       /* key of a child task, with its NUL */
#define ATTEMPT_GRACE_MS     2000u      /* between asking the processes of an attempt to end and ending them … */
#define ATTEMPT_GRACE_MS_MAX 9000u /* … and if it asks for more with "grace_ms": less than what Omega waits for by default */

struct clone_options {
	const char *state_folder;
	const char *name;           /* beta/1: also the name of its key */
	const char *task_types;     /* separated by commas; NULL: whatever is routed to the role */
	uint32_t slots;             /* 1 … SLOTS_MAX */
	const char *const *command; /* argv of an attempt, NULL-terminated; NULL: this program with the argument `attempt` */
	int ready_fd;               /* gets "ready\n" after the first Welcome; -1: nobody waits for it */
};

/* What an attempt reads on stdin, one JSON object:
 *   {"task_id", "task_type", "attempt", "timeout_ms", "remaining_ms", "budget_tokens", "depth", "priority", "work", "parameters": {…}}
 * and a newline, with its own empty work folder as `work` and as the current directory. Its stdin stays open. On stdout it prints JSON lines:
 *   {"progress": {"permille", "stage", "line", "grace_ms", "waiting"}}                       any number
 *   {"completion": {"completeness", "summary", "result", "artefacts", "tokens", "cost_microusd", "cpu_ms"}}   once, at the end, or
 *   {"failure": {"code": "name as in errors.def", "sentence", "evidence"}}
 * An entry of artefacts is {"name", "path", "media_type"}, a file in the work folder; it is uploaded before the completion is said.
 * Ending without either line is a failure. Its deadline is the assignment's timeout_ms.
 *
 * It may ask others for help, with lines of the kinds
 *   {"request": {"key", "task_type", "parameters": {…}, "budget_tokens", "timeout_ms", "deadline_ms", "priority"}}   all but key and task_type optional
 *   {"cancel": {"key", "reason"}}
 * and is told on stdin, a JSON object a line, in the order in which it happens:
 *   {"accepted": {"key", "task_id", "duplicate"}}
 *   {"refused": {"key", "code": "name as in errors.def", "sentence", "retry_after_ms"}}      nothing more will be said of that request
 *   {"progress": {"key", "permille", "stage", "line"}}                                       some may be left out
 *   {"outcome": {"key", "task_id", "state", "code", "sentence", "completeness", "result", "artefacts", "evidence", "tokens", "cost_microusd", "attempts"}}
 * `key` is the attempt's own name for the child, up to 127 bytes. The same key of the same parent is the same child for ever: a later attempt of the
 * parent, on whatever instance of the role, that asks with the same key is told what becomes, or became, of the child that is there already, also if it asks in
 * other words. At most CHILDREN_MAX (routing/omega.h) are open at once. They go on when an attempt is lost and end with the parent.
 * While some are open the attempt counts as waiting and takes no slot; a progress line with the member "waiting" settles that otherwise, from then on.
 * An attempt that reads so slowly that 24 MiB are waiting for it is ended. */

/* Runs until SIGTERM or SIGINT: then it drains for at most five seconds, ends what is left, and says Goodbye. A RecoveryAction
 * `restart` ends it likewise with exit code 0, so that the supervisor starts it anew. Returns the exit code. */
int clone_main(const struct clone_options *options);

struct assignment {
	struct id task_id;
	const struct task_assignment *facts; /* with parameters; borrowed until the handler returns */
};

/* What a handler says: a completion (code 0) or a failure (code an ERROR_…). Text is borrowed until the handler is called again. */
struct answer {
	uint32_t code;
	uint32_t completeness;
	const char *summary;  /* or the sentence of a failure; NULL: none */
	const char *result;   /* JSON object; NULL: none */
	const char *evidence; /* JSON object; NULL: none */
	bool silent;          /* say nothing at all: what a hung clone does (tests) */
	bool unstarted;       /* leave out TaskStarted (tests) */
};

typedef void clone_handler(void *context, const struct assignment *assignment, struct answer *out_answer);

struct clone_run_options {
	const char *state_folder;
	const char *name;
	uint32_t slots;
	clone_handler *handler;
	void *context;
	atomic_bool *stop;   /* ends the run within 100 ms */
	atomic_bool *joined; /* set after the first Welcome; or NULL */
};

/* Takes assignments and answers each at once, with what belongs together in one frame. Blocks until `*stop` is true.
 * Returns 0, or an error that makes joining impossible. The caller's thread owns everything. */
MUST_CHECK int clone_run(const struct clone_run_options *options);

#endif
