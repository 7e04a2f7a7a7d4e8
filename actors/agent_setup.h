/* SPDX-License-Identifier: MIT
 *
 * An agent, from its name in routing.conf to what has to be known before it can be started: its row, its program on this machine with whatever has
 * to be mounted for it, its model server and its key.
 */
#ifndef ACTORS_AGENT_SETUP_H
#define ACTORS_AGENT_SETUP_H

#include <jansson.h>
#include <limits.h>

#include "actors/state.h"
#include "actors/vault.h"
#include "clones/agents/acp.h"
#include "clones/agents/cli.h"
#include "routing/conf.h"

#define AGENT_FOLDERS_MAX     24u
#define AGENT_VERSION_BYTES   64u
#define AGENT_KEY_VALUE_BYTES (SECRET_BYTES_MAX + 1)

struct agent_described;

struct agent_setup {
	struct agent_conf conf;
	struct agent_cli
		cli; /* the row, with the words of the configuration in it; points into this struct, which must not move */
	struct agent_described *described;
	char words[4 * COMMAND_BYTES];
	char variables[AGENT_VARIABLES_MAX][AGENT_VARIABLE_BYTES];
	const char *title;
	const char *server; /* of the model; NULL: it reaches none */
	bool own;           /* its program is this one */
	bool installed;
	char program[PATH_MAX]; /* real path; empty: not found */
	char folders[AGENT_FOLDERS_MAX]
		    [PATH_MAX]; /* to be mounted read-only at their own paths, with those of the configuration */
	size_t folder_count;
	char path[PATH_MAX + 64]; /* "PATH=…" where the program needs another than the sandbox has; empty: it does not */
	char version[AGENT_VERSION_BYTES]; /* of agent_setup_version; empty: not known */
};

/* Reads the routing.conf that the processes of a network are given ($BUNSHIN_ROUTES). Free `*out_conf`. 0; ERR_CONFIG, ERR_MEMORY, with a sentence. */
MUST_CHECK int agent_conf_read(struct conf **out_conf, char out_sentence[SENTENCE_BYTES]);

/* Resolves an agent. Looks at the disk, starts nothing. `*out_setup` is allocated here: agent_setup_free. A program that is not there is no error: then
 * `installed` is false. 0; ERR_NOT_FOUND (no such agent), ERR_CONFIG, ERR_MEMORY, with a sentence. */
MUST_CHECK int agent_setup_new(const struct conf *conf, const char *name, struct agent_setup **out_setup,
			       char out_sentence[SENTENCE_BYTES]);
void agent_setup_free(struct agent_setup *setup);

/* Asks the program for its version, in the sandbox; what it said is kept in the state folder by path, time and size of the file. Programs that only the
 * configuration describes are not asked: they might take it for a task. Blocks up to 20 s. 0; ERR_SANDBOX, ERR_TASK_FAILED with a sentence. */
MUST_CHECK int agent_setup_version(struct agent_setup *setup, const struct state_folder *state, int cancel_fd,
				   char out_sentence[SENTENCE_BYTES]);

/* The same without asking: what it said when it was asked before, if it is still the same file. True if there was that. */
bool agent_setup_known_version(struct agent_setup *setup, const struct state_folder *state);

/* Asks its model server for one word. Blocks up to 30 s. `*out_text` is the caller's. 0, or an error of ask_model (models/ask.h), ERR_CONFIG (it has no server, or no
 * model), ERR_NOT_FOUND (its key), with a sentence that never holds the key. */
MUST_CHECK int agent_setup_ask(const struct agent_setup *setup, const struct state_folder *state, char **out_text,
			       char out_sentence[SENTENCE_BYTES]);

/* How to get the program that is missing; one sentence. */
void agent_setup_hint(const struct agent_setup *setup, char out_sentence[SENTENCE_BYTES]);

/* The key of its server, with a NUL after it; empty: none is needed. Whoever asks overwrites it afterwards. 0; ERR_NOT_FOUND with a sentence that says
 * what to do and never holds the key. */
MUST_CHECK int agent_setup_key(const struct agent_setup *setup, const struct state_folder *state,
			       char out_key[AGENT_KEY_VALUE_BYTES], char out_sentence[SENTENCE_BYTES]);

#endif
