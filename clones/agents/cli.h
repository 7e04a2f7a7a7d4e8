/* SPDX-License-Identifier: MIT
 *
 * The AI coding CLIs that are known: one row each, with how it is started, how it is configured, what its exit statuses mean and which parser
 * reads it. A program that is not here and prints JSON lines is described by a struct agent_pointers instead.
 *
 * All of it was measured on real programs: Claude Code 2.1, Codex 0.169, Gemini CLI 0.61, opencode 1.18, Qwen Code 0.15.
 */
#ifndef CLONES_AGENTS_CLI_H
#define CLONES_AGENTS_CLI_H

#include "clones/agents/run.h"

#define AGENT_ARGUMENTS_MAX   32u
#define AGENT_ENVIRONMENT_MAX 24u
#define AGENT_STATUSES_MAX    8u

/* How the values that are put into a template are written there. */
enum agent_quoting {
	AGENT_PLAIN,
	AGENT_QUOTED /* inside a string of JSON or TOML, which share the escapes that are used */
};

/* A text with placeholders: {endpoint} {key} {model} {home} {worktree} {turns} {budget} {retries} {attempts} {idle_ms} {timeout_ms} {temperature},
 * and {turns_or_all}, which is -1 without a limit. Braces around anything else are text. `needs`: the setting ("model", "turns", "budget",
 * "temperature") without which it is left out; NULL: it always stands. */
struct agent_template {
	const char *text;
	enum agent_quoting quoting;
	const char *needs;
};

struct agent_variable {
	const char *name;
	struct agent_template value;
};

struct agent_status {
	int exit_status;
	enum agent_class class;
};

/* What has to hold of a line: the pointer leads to this string, or to true, false or a whole number that is written so; without a value, to anything
 * but null; without a pointer, always. */
struct agent_when {
	const char *pointer, *value;
};

/* RFC 6901 pointers into each line (NULL: there is no such thing), read where their `when` holds. */
struct agent_pointers {
	struct agent_when session_when, text_when, usage_when, error_when;
	const char *session, *model; /* strings; the first that is found is kept */
	const char *text;            /* string: what the agent says */
	bool text_is_delta;
	const char *in, *in_cached, *out; /* numbers: tokens */
	bool in_excludes_cached;
	enum agent_scope scope; /* of the numbers and the cost */
	const char *cost;       /* number: dollars */
	struct agent_when tool_when;
	const char *tool, *path;    /* strings: a tool that is called, and the file it is about */
	const char *error;          /* string, or object with a message: the run has failed. null, false and "" are none */
	const char *status;         /* number: the HTTP status that belongs to it */
	struct agent_when final;    /* the line that ends the run; required */
	struct agent_when final_ok; /* and has to hold of it for a success */
};

struct agent_cli {
	const char *name;       /* "claude" */
	const char *aliases[5]; /* other names it is accepted by */
	const char *title;      /* "Claude Code" */
	const char *program;    /* looked up in PATH */
	const char *package;    /* of npm, for the hint when it is missing; NULL: none */
	/* Without the program itself. The prompt never stands here: it goes to the standard input (command.h). */
	struct agent_template arguments[AGENT_ARGUMENTS_MAX];
	struct agent_variable environment[AGENT_ENVIRONMENT_MAX]; /* all there is, besides what the sandbox gives */
	struct agent_variable config;                             /* name: its path, with placeholders; NULL: none */
	const char *folder;                                       /* has to be there, with placeholders; NULL: none */
	struct agent_status statuses[AGENT_STATUSES_MAX];         /* exit statuses with a meaning of their own; 0 ends the list */
	bool status_is_http; /* an exit status of 128 and more is the HTTP status, its lower eight bits */
	bool needs_usage;    /* a success without a token is none */
	bool prices_unknown; /* gives a price to models it does not know: what it reckons is not to be shown for local models */
	bool reads_at_files; /* replaces @path in the prompt by that file */
	const char *wire;    /* "anthropic", "responses", "gemini", "chat": what its endpoint has to speak */
	bool speaks_acp;     /* the prompt goes over the protocol and the standard input stays open: acp.h */
	void (*parse)(struct agent_run *run, const json_t *object);
	const struct agent_pointers *pointers; /* of agent_parse_pointers */
};

const struct agent_cli *agent_cli_at(size_t index);       /* NULL past the end */
const struct agent_cli *agent_cli_find(const char *name); /* by name or alias; NULL: there is none */

/* A row for a program that prints JSON lines: reads by the pointers, which must stay as long as the row. 0; ERR_INVALID_PARAMETERS with a
 * sentence in `out_why`, and then nothing was set. The caller fills in program, arguments and environment. */
MUST_CHECK int agent_cli_generic(const struct agent_pointers *pointers, struct agent_cli *out_cli, char out_why[AGENT_WHY_BYTES]);

#endif
