/* SPDX-License-Identifier: MIT
 *
 * Programs that read a repository in process: `bunshin tool NAME [ARGUMENT…]`. The attempt runs them in the sandbox
 * like any other program, so a hostile repository can at most spoil the output of its own reader.
 *
 * A tool reads the repository in the working directory, prints its answer on stdout (JSON unless it says otherwise) and
 * sentences on stderr, and returns an exit status: 0 done, 1 it could not be done, 2 usage. It writes no file (but `copy`, which
 * is for that), uses no network and needs no environment.
 */
#ifndef TOOLS_TOOL_H
#define TOOLS_TOOL_H

#include <git2.h>
#include <jansson.h>
#include <stddef.h>

#include "protocol/error.h"

struct tool {
	const char *name;
	int (*run)(int argc, char **argv); /* argv[0] is the name of the tool */
	const char *sentence;
};

#define TOOL(name, function, sentence) int function(int argc, char **argv);
#include "tools/tools.def"

const struct tool *tool_at(size_t index);       /* NULL past the end */
const struct tool *tool_find(const char *name); /* NULL: there is none of that name */

/* `bunshin tool …`: argv[0] is "tool", argv[1] the name. Without a name, or with an unknown one, it lists the tools on
 * stderr and returns 2. */
int tool_main(int argc, char **argv);

/* Opens the repository in the working directory, and no other: no search upwards, no configuration of the machine or
 * the user, and whoever owns the files (in the sandbox they belong to a user that does not exist there).
 * Returns 0, or 1 after a sentence on stderr. */
MUST_CHECK int tool_open_repository(git_repository **out_repository);

/* The commit that `revision` names, or HEAD's if it is NULL. Returns 0, or 1 after a sentence on stderr; an empty
 * repository has no commit, and that too is a sentence. */
MUST_CHECK int tool_find_commit(git_repository *repository, const char *revision, git_commit **out_commit);

/* Prints one JSON value and a newline on stdout. Returns 0, or 1 after a sentence on stderr. */
MUST_CHECK int tool_print(const json_t *value);

/* A sentence on stderr, "bunshin tool NAME: …", and 1 to return. */
int tool_fail(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
