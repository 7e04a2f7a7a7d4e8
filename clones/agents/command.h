/* SPDX-License-Identifier: MIT
 *
 * What has to be written and started to run an agent once: a row of the table with its placeholders filled in. Nothing is started here, and no
 * shell is ever involved: the words go to exec as they are.
 */
#ifndef CLONES_AGENTS_COMMAND_H
#define CLONES_AGENTS_COMMAND_H

#include "clones/agents/cli.h"

#define AGENT_SETTING_BYTES_MAX 4096u

struct agent_settings {
	const char *endpoint;    /* of the model server as the agent sees it: "http://127.0.0.1:8099", no slash at its end */
	const char *key;         /* what the agent is to present; the proxy puts the real one in its place */
	const char *model;       /* NULL: the program's own default, where it has one (opencode has none) */
	const char *home;        /* absolute: a private folder of this run; config, caches and TMPDIR are below it */
	const char *worktree;    /* absolute: where it works; also its current folder */
	uint32_t turns;          /* 0: no limit */
	const char *temperature; /* "0.2"; NULL: the program's or the server's own. Only our own loop can be told */
	double budget;           /* dollars; 0: no limit. Only Claude Code knows one */
	uint32_t retries;        /* requests that the program tries once more by itself, where it can be told */
	uint32_t idle_ms;        /* it gives up a stream that says nothing for so long, where it can be told; 0: 60,000 */
	uint32_t timeout_ms;     /* for one request, where it can be told; 0: 120,000 */
};

/* All owned; agent_command_release frees it. */
struct agent_command {
	char *argv[AGENT_ARGUMENTS_MAX + 2]; /* the program first, NULL last */
	char *environment[AGENT_ENVIRONMENT_MAX +
			  16]; /* "NAME=value", NULL last: all there is, but for PATH, which the sandbox gives */
	char *folders[4];      /* to be made before the start, NULL last: all below home */
	char *config_path;     /* of a file to write before the start, or NULL */
	char *config;          /* what stands in it */
};

/* 0; ERR_INVALID_PARAMETERS with a sentence in `out_why` (a setting is missing, has control characters, begins with a dash, is no address or no
 * absolute path); ERR_MEMORY. On error nothing needs to be released. */
MUST_CHECK int agent_command_make(const struct agent_cli *cli, const struct agent_settings *settings,
				  struct agent_command *out_command, char out_why[AGENT_WHY_BYTES]);
void agent_command_release(struct agent_command *command);

/* The bytes for the standard input, after which it is closed: a line of ours first, so that no prompt begins with what the program takes for an
 * option or a command of its own ("/help"), then the prompt as it is. The caller frees; NULL: out of memory.
 * What stands after an @ some programs take for the name of a file to put in its place (reads_at_files): nothing here hinders that. */
char *agent_prompt_new(const char *prompt, size_t bytes, size_t *out_bytes);

#endif
