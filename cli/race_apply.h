/* SPDX-License-Identifier: MIT
 *
 * What a race has merged, brought into the repository on the disk of whoever asked for it, by this process and its user; and taken back.
 */
#ifndef CLI_RACE_APPLY_H
#define CLI_RACE_APPLY_H

#include <jansson.h>

#include "cli/command.h"

/* One step of a branch on the disk. */
struct race_step {
	const char *race;   /* id, for the reflog and what is printed */
	const char *repo;   /* a path */
	const char *branch; /* refs/heads/… */
	const char *old;    /* commits, 40 digits */
	const char *new;
	const char *ref; /* of the workspace, below refs/bunshin/, that leads to `new`; NULL: the commit is on the disk already */
	bool patch;      /* only the working tree gets the difference, and no branch moves */
	bool back;       /* also where that is no fast-forward */
};

/* The branch moves, and the working tree with it if the branch is checked out. If the branch on the disk stands somewhere else and `new` follows that as well, it moves from
 * there. 0; 6 after listing what is in the way, and then nothing has changed; else an exit code. With `out_moved` (may be NULL) a branch that `new` does not follow is
 * not told but sets it, and the exit code is 6. */
MUST_CHECK int race_step_apply(const struct call *call, const struct race_step *step, bool *out_moved);

/* The step that a race with the state "merged" has made. */
MUST_CHECK int race_apply(const struct call *call, const char *repo, const json_t *race, bool patch, bool *out_moved);

#endif
