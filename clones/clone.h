/* SPDX-License-Identifier: MIT
 *
 * What a specialist is: it returns a plan (programs to run and their inputs) and concludes from the bytes they printed. It
 * runs nothing, reads no file and knows no clock, so it can be tested on recorded outputs.
 *
 * Somebody else (the attempt process in actors/) runs the steps of the plan in the sandbox, in order, within the time the
 * attempt has, and hands the outputs back. Programs that read the repository in process are steps too:
 * `bunshin tool NAME` (tools/), sandboxed like any other program.
 */
#ifndef CLONES_CLONE_H
#define CLONES_CLONE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/message.h"

#define PLAN_STEPS_MAX       32u
#define STEP_ARGS_MAX        64u
#define STEP_ENVIRONMENT_MAX 16u

/* One program of a plan. */
struct step {
	const char *name;                /* of the run, e.g. "bandit" */
	const char *argv[STEP_ARGS_MAX]; /* NULL-terminated; paths relative to the repository; owned by the plan */
	uint32_t tier;                   /* 0 in process, 1 fast tools, 2 deep */
	bool optional;                   /* a missing program lowers the result to partial instead of blocked */
	bool writes; /* needs a writable copy of the repository at /work instead of the read-only one; all such steps share it */
	bool after_success;                            /* only if the step before it ran and ended with 0 */
	const char *environment[STEP_ENVIRONMENT_MAX]; /* "NAME=value", NULL-terminated, besides what the sandbox gives */
	bool agent;        /* no program of its own: the agent that the parameters name, on that copy (actors/attempt_agent.h) */
	bool confidential; /* the output may quote credentials of the repository: it is concluded from and never kept */
	uint64_t output_bytes;   /* cap; 0: the default */
	uint32_t share_permille; /* of the attempt's time that this step may take; 0: what is left */
};

/* Memory of a plan or result: every pointer in it stays valid until arena_free. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *arena);
void *arena_take(struct arena *arena, size_t bytes); /* zeroed; NULL: out of memory */
char *arena_print(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct plan {
	struct step step[PLAN_STEPS_MAX];
	size_t count;
};

/* What came of one step. */
struct output {
	bool ran;        /* false: skipped, see why */
	const char *why; /* "bandit is not installed", "no time left"; NULL if it ran */
	int exit_status; /* -1: ended by a signal */
	int signal;
	bool timed_out; /* also if it did not run because no time was left */
	bool cut;       /* more was printed than kept */
	struct bytes out;
	struct bytes err;
	uint64_t wall_ms;
	uint64_t cpu_ms;
	uint64_t peak_rss_kb;
};

/* What the attempt knows about the target before planning; from `bunshin tool inventory`, run first (tools/inventory.c has every field); before work that hands in
 * files only {commit, tree, dirty, file_count}, as the workspace tells it. */
struct target {
	const char *repository; /* as the request named it */
	json_t *inventory; /* {commit, tree, branch, dirty, files: [{path, bytes, language, lines}], languages: {name: lines}, …} */
	json_t *parameters;  /* of the task, an object */
	const char *task_id; /* text */
	const char *started; /* RFC 3339, UTC */
	/* Of a specialist that hands in: what the workspace made of the folder (`harvest` in docs/workspace.md); NULL: nothing was handed in. */
	const json_t *harvest;
	/* Of a step that is an agent: what it was and came to, the members "agent" of docs/results.md; and what was not handed in, but kept. NULL: nothing. */
	const json_t *agent, *kept;
};

/* A specialist. Tables of these are all that actors/ and cli/ know about the work itself. */
struct specialist {
	const char *role;      /* "beta" */
	const char *task_type; /* "security-analysis" */
	const char *sentence;  /* what it does, for help */
	/* 0; ERR_INVALID_PARAMETERS with a sentence in `out_why`. */
	int (*plan)(const struct target *target, struct arena *arena, struct plan *out_plan, char out_why[256]);
	/* The common result (docs/results.md) as a JSON object owned by the caller; NULL: out of memory. Never fails on odd bytes: what
	 * could not be read is in the result. `outputs` has plan->count entries. */
	json_t *(*conclude)(const struct target *target, const struct plan *plan, const struct output *outputs);
	/* NULL for one that only looks. Else its steps write, in a checkout of the workspace: is what they have changed to be handed in as a
	 * commit? Asked before conclude. */
	bool (*hands_in)(const struct plan *plan, const struct output *outputs);
};

const struct specialist *specialist_at(size_t index); /* NULL past the end */
const struct specialist *specialist_for_type(const char *task_type);
const struct specialist *specialist_for_role(const char *role);

/* A result as a Markdown report for people. Owned by the caller (free). NULL: out of memory. */
char *report_markdown(const json_t *result);

#endif
