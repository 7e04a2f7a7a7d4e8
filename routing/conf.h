/* SPDX-License-Identifier: MIT
 *
 * routing.conf as text: who is in the network and who receives what. Parsing only; the caller reads the file.
 * Syntax: libConfuse, with sections `network`, `clone ROLE`, `agent NAME` and `route TASK-TYPE`; docs/routing.md explains every option.
 */
#ifndef ROUTING_CONF_H
#define ROUTING_CONF_H

#include "routing/table.h"

#define CLONES_MAX          64u
#define COMMAND_BYTES       512u
#define ENDPOINT_BYTES      108u
#define PLACE_BYTES         512u
#define PLACE_NONE          "none"
#define CONF_SENTENCE_BYTES 512u

/* A section `clone`: processes that the supervisor starts and keeps alive. */
struct clone_conf {
	char role[ROLE_BYTES];
	uint32_t instances;          /* beta/1 … beta/instances */
	uint32_t slots;              /* attempts at once, each */
	char command[COMMAND_BYTES]; /* argv as a shell would split it; empty: the specialist built into bunshin */
	bool external;               /* started by somebody else; the supervisor leaves it alone */
};

#define AGENTS_MAX            32u
#define AGENT_LABEL_BYTES     33u
#define AGENT_WORD_BYTES      16u
#define AGENT_TITLE_BYTES     64u
#define AGENT_MODEL_BYTES     128u
#define AGENT_KEY_BYTES       512u
#define AGENT_URL_BYTES       256u
#define AGENT_POINTER_BYTES   160u
#define AGENT_MOUNTS_MAX      8u
#define AGENT_VARIABLES_MAX   12u
#define AGENT_VARIABLE_BYTES  256u
#define AGENT_LEVEL_DEFAULT   2u
#define AGENT_TEMPERATURE_OWN UINT32_MAX /* whatever the program or the server does by itself */

/* A section `agent`: a program that changes a repository because it is asked to. Agents that are built in (agent_builtin_at) exist without one. */
struct agent_conf {
	char name[AGENT_LABEL_BYTES];
	char adapter[AGENT_WORD_BYTES]; /* which reader and command line; one of agent_builtin_at, "acp" or "jsonl" */
	char title[AGENT_TITLE_BYTES];  /* empty: the adapter's */
	char program[PLACE_BYTES];      /* a path, or a name that is looked up in PATH; empty: the adapter's */
	char arguments[COMMAND_BYTES];  /* further words, as a shell would split them */
	char command[COMMAND_BYTES];    /* of acp and jsonl: argv as a shell would split it, with placeholders */
	char environment[AGENT_VARIABLES_MAX]
			[AGENT_VARIABLE_BYTES]; /* NAME=VALUE, with placeholders; those not given are empty */
	char model[AGENT_MODEL_BYTES];          /* empty: the program's own default */
	char endpoint[AGENT_URL_BYTES];         /* of the model server; empty: the vendor's */
	char wire[AGENT_WORD_BYTES];            /* what is spoken there; empty: what the adapter speaks */
	char key[AGENT_KEY_BYTES];              /* secret:NAME, file:/path, variable:NAME, none; empty: none was said */
	bool priced;                            /* at least price_in and price_out were given */
	uint64_t price_in;                      /* of a million tokens, in millionths of a dollar */
	uint64_t price_cached;
	uint64_t price_cache_write;
	uint64_t price_out;
	uint32_t slots;                   /* attempts of this agent at once */
	char fallback[AGENT_LABEL_BYTES]; /* which agent takes its place when its server is busy; empty: none */
	uint32_t level;                   /* 1 simple, 2 usual, 3 hard work */
	uint32_t turns;                   /* 0: no limit of the program's own */
	uint32_t idle_ms;
	uint32_t first_ms;
	uint32_t temperature_permille;
	char mounts[AGENT_MOUNTS_MAX][PLACE_BYTES]; /* folders that it sees besides, read-only; those not given are empty */
	/* Of jsonl: pointers into the lines that it prints, as "/path" or "when:/type=result /path". */
	char session[AGENT_POINTER_BYTES], reported_model[AGENT_POINTER_BYTES], text[AGENT_POINTER_BYTES],
		tool[AGENT_POINTER_BYTES], path[AGENT_POINTER_BYTES];
	bool text_pieces;
	char usage_in[AGENT_POINTER_BYTES], usage_cached[AGENT_POINTER_BYTES], usage_out[AGENT_POINTER_BYTES];
	bool usage_excludes_cached;
	char usage_counts[AGENT_WORD_BYTES]; /* step, run, thread; empty: run */
	char cost[AGENT_POINTER_BYTES], error[AGENT_POINTER_BYTES], status[AGENT_POINTER_BYTES];
	char final[AGENT_POINTER_BYTES], final_ok[AGENT_POINTER_BYTES]; /* conditions: "/type=result", or a pointer alone */
};

struct conf {
	char endpoint[ENDPOINT_BYTES]; /* ipc:// or tcp://; empty: ipc in the state folder */
	uint32_t heartbeat_ms;         /* of every connection */
	uint32_t restart_max;          /* restarts of one child within restart_window_ms before it is given up */
	uint32_t restart_window_ms;
	uint32_t memory_max_mb; /* resident memory that Omega plans with */
	uint64_t retention_ms;  /* texts of tasks that have ended are erased when they are this old; 0: never */
	/* Where checkpoints of the trail go besides the trail. */
	char mirror_file[PLACE_BYTES];      /* empty: mirror/log.checkpoints in the state folder; PLACE_NONE: no file */
	char mirror_git[PLACE_BYTES];       /* a repository; empty or PLACE_NONE: none */
	char mirror_command[COMMAND_BYTES]; /* argv as a shell would split it; empty: none */
	struct clone_conf clone[CLONES_MAX];
	uint32_t clone_count;
	struct agent_conf agent[AGENTS_MAX];
	uint32_t agent_count;
	struct table table; /* version 0; whoever loads it numbers it */
};

/* Parses and checks `text`. `file_name` is only for messages. Returns 0; or ERR_CONFIG or ERR_MEMORY, and then `*out_conf` is
 * untouched and `out_sentence` says "FILE:LINE: what was found; what would have been accepted". Reads neither files nor the
 * environment. One thread of a process at a time: libConfuse's scanner is shared. */
MUST_CHECK int conf_parse(const char *text, const char *file_name, struct conf *out_conf, char out_sentence[CONF_SENTENCE_BYTES]);

/* The agents that are there without a section, by name, with everything else at its default: NULL past the end. Static. */
const struct agent_conf *agent_builtin_at(size_t index);

/* An agent as the file has it, or else one that is built in, by its name or another name it goes by ("claude_code", "vllm"). `conf` may be
 * NULL. NULL: there is none. */
const struct agent_conf *conf_agent(const struct conf *conf, const char *name);

/* Reads "30s", "1500ms", "2m", "1h", "1d" or bare milliseconds. 0 or ERR_MALFORMED (also when it exceeds 49 days). */
MUST_CHECK int duration_parse(const char *text, uint32_t *out_ms);

/* Reads "90d", "12h", "30m", "20s" or "0"; a number without a unit is not taken, since somebody may have meant days. 0 or ERR_MALFORMED (also when
 * it exceeds a hundred years). */
MUST_CHECK int age_parse(const char *text, uint64_t *out_ms);

#endif
