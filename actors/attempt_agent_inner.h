/* SPDX-License-Identifier: MIT
 *
 * What the files of an agent's attempt share.
 */
#ifndef ACTORS_ATTEMPT_AGENT_INNER_H
#define ACTORS_ATTEMPT_AGENT_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "actors/agent_choice.h"
#include "actors/agent_setup.h"
#include "actors/attempt_agent.h"
#include "actors/state.h"
#include "clones/agents/acp.h"
#include "clones/agents/command.h"
#include "clones/agents/run.h"
#include "models/proxy.h"

#define AGENT_HOME          "/home/agent" /* inside */
#define AGENT_WORK          "/work"
#define AGENT_PORT          8099u
#define AGENT_ENDPOINT      "http://127.0.0.1:8099"
#define AGENT_KEY_SHOWN     "the-proxy-has-the-key" /* what it presents instead of one */
#define AGENT_PROMPT_BYTES  (1u << 20)
#define AGENT_LOG_BYTES     (8u << 20) /* of its standard output */
#define AGENT_ERR_BYTES     65536u     /* the end of its standard error */
#define AGENT_DISK_BYTES    (8ull << 30)
#define AGENT_TICK_MS       250u
#define AGENT_LIVE_MS       10000u
#define AGENT_DOING_BYTES   120u
#define AGENT_PATHS_MAX     512u
#define AGENT_COPIES_MAX    1000u
#define AGENT_COPY_BYTES    (64ull << 20)
#define AGENT_SETUP_MAX     32u
#define AGENT_NOTE_BYTES    65536u
#define AGENT_LABEL_DEFAULT "agent"

/* A snapshot on its way; one thread at most. */
struct agent_live {
	pthread_t thread;
	bool started;
	atomic_bool done;
	json_t *request;
	json_t *result; /* of the thread until it is done */
	struct state_folder state;
	char commit[64]; /* the last one */
	size_t files;
	bool known; /* files is known */
	uint64_t at_ms;
	uint64_t bytes; /* that it had printed then */
};

struct agent_attempt {
	struct attempt *attempt;
	struct conf *conf;
	struct agent_setup *setup;
	struct state_folder state;
	struct vault *vault;
	char key[AGENT_KEY_VALUE_BYTES];

	/* As the parameters have it. */
	const char *name, *prompt, *model, *label, *race;
	unsigned level;             /* of the task: how hard it looks */
	struct agent_chosen chosen; /* of one that was not named */
	bool notes_wanted;
	char temperature[16];
	uint64_t budget_tokens, budget_microusd;
	uint32_t first_ms, idle_ms, stage_ms;

	/* Prepared. */
	char home[PATH_MAX], notes[PATH_MAX], context[PATH_MAX], log_path[PATH_MAX];
	char socket[PATH_MAX], socket_folder[PATH_MAX]; /* the folder is empty unless it is elsewhere */
	struct agent_command command;
	struct proxy *proxy;
	char *input;
	size_t input_bytes;
	struct acp *acp;
	json_t *copies, *copies_left; /* paths that were copied for it, and those that were not, with reasons */

	/* Running. */
	struct agent_run run;
	struct agent_lines lines;
	struct sandbox_result result;
	struct agent_live live;
	uint64_t begin_ms, first_event_ms, active_ms, cpu_ms, cpu_at_ms;
	uint64_t said_ms, said_events;
	const char *stop; /* "none", "wall", "idle", "first", "budget", "events", "cancelled", "disk" */
	char stop_why[256];
	bool input_closed;
	int log_fd;
	uint64_t log_bytes, log_total;
	char *err;
	uint64_t err_total;
	char doing[AGENT_DOING_BYTES];
	uint64_t paths[AGENT_PATHS_MAX]; /* hashes of those that it said it changed */
	size_t path_count;

	/* Afterwards. */
	bool ran;
	struct proxy_count count;
	struct agent_verdict verdict;
	size_t files;
	bool changed;
};

/* ---- attempt_agent_prepare.c ---- */

/* Reads the parameters, finds the agent. 0, or -1 after attempt_fail. A program or key that is missing is no failure: then the verdict says so and 1 is
 * returned. */
MUST_CHECK int agent_prepare(struct agent_attempt *agent);
/* Folders, files, prompt, command, proxy. As above. */
MUST_CHECK int agent_lay(struct agent_attempt *agent);
/* Runs the lines of "setup" in the clone. As above. */
MUST_CHECK int agent_set_up(struct agent_attempt *agent);
void agent_unlay(struct agent_attempt *agent);

/* The verdict without a run. Always 1. */
MUST_CHECK int agent_not_run(struct agent_attempt *agent, enum agent_class class, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ---- attempt_agent_copies.c ---- */

/* Copies what .worktreeinclude of the clone names and git ignores from the repository on the disk into the clone; and takes it away again. */
void agent_copies_bring(struct agent_attempt *agent);
void agent_copies_take_away(const struct agent_attempt *agent);

/* ---- attempt_agent_run.c ---- */

/* Runs it to its end. 0, or -1 after attempt_fail (the sandbox could not be had). */
MUST_CHECK int agent_execute(struct agent_attempt *agent);

/* ---- attempt_agent_live.c ---- */

void agent_live_look(struct agent_attempt *agent, uint64_t now_ms); /* begins or takes a snapshot when it is time */
void agent_live_end(struct agent_attempt *agent);                   /* waits for the one that is under way */
void agent_notes_publish(struct agent_attempt *agent);              /* its notes, for the others */

/* ---- attempt_agent_say.c ---- */

void agent_note_event(struct agent_attempt *agent, const struct agent_event *event);
void agent_say_progress(struct agent_attempt *agent, uint64_t now_ms, bool at_once);
json_t *agent_json(struct agent_attempt *agent); /* the member "agent" */
/* Writes '*' over every secret and the key. */
void agent_mask(const struct agent_attempt *agent, char *at, size_t bytes);
/* What it took: as the proxy counted, else as the program says. */
void agent_usage_of(const struct agent_attempt *agent, struct wire_usage *out_usage, const char **out_by);
uint64_t agent_cost_of(const struct agent_attempt *agent);

#endif
