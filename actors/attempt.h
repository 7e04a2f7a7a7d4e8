/* SPDX-License-Identifier: MIT
 *
 * One attempt at a task, as a process: `bunshin attempt`. A clone starts it; what it reads and prints is said in
 * actors/clone_actor.h.
 *
 * Parameters every task has: "repo" (absolute path of a git repository on this machine), and optionally "commit" (any
 * revision git understands; without it the folder as it stands is looked at). With "workspace": true, and always where the specialist
 * hands in, the commit comes from the workspace instead, as a clone of its own; "repo" may then be a name in the workspace. Everything that touches the repository
 * happens in the sandbox. Four fifths of the time are for work; what is not done by then is said in a partial result.
 *
 * In the work folder it leaves report.md, the outputs of tools that are larger than a few KiB or did not succeed, and result.json if the result
 * is larger than what a message carries; then the result in the completion is shortened and says so. SIGTERM,
 * SIGINT and the closing of its stdout end everything it started.
 */
#ifndef ACTORS_ATTEMPT_H
#define ACTORS_ATTEMPT_H

#include "clones/clone.h"

#define ATTEMPT_RESULT_BYTES 49152u /* of the result in the completion */
#define ATTEMPT_RAW_BYTES    4096u  /* a longer output becomes an artefact */

/* Returns the exit status: 0 after a completion, 1 after a failure. */
int attempt_main(int argc, char **argv);

/* The same with another table of specialists (tests). */
int attempt_run(const struct specialist *(*find)(const char *task_type));

#endif
