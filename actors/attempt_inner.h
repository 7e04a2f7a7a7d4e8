/* SPDX-License-Identifier: MIT
 *
 * What the files of the attempt share.
 */
#ifndef ACTORS_ATTEMPT_INNER_H
#define ACTORS_ATTEMPT_INNER_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "clones/clone.h"
#include "workspace/sandbox.h"

#define SENTENCE_BYTES 512u

struct attempt {
	json_t *assignment;
	const char *task_id;
	const char *task_type;
	const char *work;       /* the folder for what is left behind */
	const char *requested;  /* the repository as requested */
	const char *repository; /* the folder that is looked at: that, or the checkout */
	const char *commit;     /* as requested, or NULL */
	json_t *parameters;
	const struct specialist *specialist;
	char started[32];
	uint64_t begin_ms;
	uint64_t end_ms; /* of the work, on the same clock */
	int cancel_fd;
	json_t *inventory;
	char git[PATH_MAX];      /* the repository's own git folder */
	char snapshot[PATH_MAX]; /* a commit that is not what the folder holds; empty: none */
	char copy[PATH_MAX];     /* writable; empty until a step wants it */
	char checkout[PATH_MAX]; /* a clone of its own from the workspace; empty: none */
	char base[64];           /* the commit in it */
	json_t *harvest;         /* what came of handing in; NULL: nothing was */
	json_t *agent;           /* what is said of the agent; NULL: none ran */
	json_t *kept;            /* the same as harvest, of what was not handed in */
	uint64_t tokens;
	uint64_t cost_microusd;
	bool salvage; /* what is in the checkout is nowhere else yet: it must not be removed */
	uint64_t cpu_ms;
	uint32_t processes_ended;
	uint32_t processes_left;
	bool cancelled;
	int code; /* ERROR_…, once it has failed */
	char sentence[SENTENCE_BYTES];
	json_t *artefacts;
};

/* Sets code and sentence, unless an earlier failure stands. Returns -1. */
int attempt_fail(struct attempt *attempt, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Milliseconds on a clock that does not stop while the machine sleeps. */
uint64_t attempt_now_ms(void);

/* Now, as RFC 3339 in UTC. */
void attempt_time_text(char out_text[32]);

/* One progress line. */
void attempt_progress(const struct attempt *attempt, const char *stage, uint32_t permille, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- running (attempt_steps.c) ---- */

/* Takes the inventory, and a snapshot if the commit is another than the folder holds. 0, or -1 after attempt_fail. */
MUST_CHECK int attempt_open(struct attempt *attempt);

/* Runs the steps of the plan. `outputs` has plan->count entries, zeroed; release them. 0, or -1 after attempt_fail. */
MUST_CHECK int attempt_steps(struct attempt *attempt, const struct plan *plan, struct output *outputs);
void attempt_release(struct output *outputs, size_t count);

/* Removes snapshot, copy and checkout, whatever stands in them; not a checkout that is to be salvaged. */
void attempt_clean(struct attempt *attempt);

/* A job with the limits that every job of an attempt has, and the variables that each should see, NULL last. */
struct sandbox_job attempt_job(const struct attempt *attempt, uint32_t wall_ms, uint64_t output_bytes);
extern const char *const attempt_environment[];
uint32_t attempt_time_left(const struct attempt *attempt);

/* Removes a folder in the sandbox: names that want to be elsewhere, and nesting without end, stay inside. */
void folder_remove(const char *folder);

/* ---- the workspace (attempt_workspace.c) ---- */

/* Gets a clone of the repository from the workspace, and works on that from then on. 0, or -1 after attempt_fail. */
MUST_CHECK int attempt_checkout(struct attempt *attempt);

/* Hands in what the steps have changed in it, while the lease is live as far as this process knows. 0, or -1 after attempt_fail. */
MUST_CHECK int attempt_harvest(struct attempt *attempt);

/* The same for what an agent has made, without what git ignores; or, `kept`, puts it where nothing takes it for a result, also when the attempt was cancelled. */
MUST_CHECK int attempt_harvest_agent(struct attempt *attempt, bool kept, json_t **out_result);

/* The request for that, for whoever sends it otherwise. */
json_t *attempt_harvest_request(const struct attempt *attempt);

/* The path of the repository that was asked for, where it is one on this machine; NULL: not known. */
const char *attempt_repository_path(const struct attempt *attempt);

/* ---- saying (attempt_result.c) ---- */

/* Leaves the long outputs, report and result as files, and prints the completion. 0, or -1 after attempt_fail. */
MUST_CHECK int attempt_complete(struct attempt *attempt, json_t *result, const struct plan *plan, const struct output *outputs);

/* Leaves a file in the work folder as an artefact. 0, or -1 after attempt_fail. */
MUST_CHECK int attempt_leave(struct attempt *attempt, const char *name, const char *media_type, const void *at, size_t bytes);

void attempt_print_failure(const struct attempt *attempt);

/* One JSON value as one line on stdout; takes it over. */
void attempt_print(json_t *line);

#endif
