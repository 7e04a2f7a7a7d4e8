/* SPDX-License-Identifier: MIT
 *
 * What an attempt had in its clone when it was ended too suddenly to hand it in: it is kept before anything is removed.
 *
 * Before an agent starts, the attempt lays SALVAGE_FILE into its work folder, saying which clone belongs to what; once the changes are in the workspace it takes
 * the file away. A work folder that still has it is not removed by the clone but moved to STATE/salvage, and `bunshin attempt salvage`, which the clone starts,
 * hands the files in as refs/bunshin/kept/TASK/ATTEMPT and removes the folder then. Where that fails the folder stays and is tried again when a clone starts.
 */
#ifndef ACTORS_SALVAGE_H
#define ACTORS_SALVAGE_H

#include <jansson.h>

#include "actors/state.h"

#define SALVAGE_FILE "salvage.json"
#define SALVAGE_WORD "salvage" /* the argument of `bunshin attempt` */

/* Lays the file: `request` is the harvest as docs/workspace.md has it, its folder the clone. `elsewhere`: a folder outside the work folder that goes with it, or
 * NULL. 0 or ERR_IO. */
MUST_CHECK int salvage_lay(const char *work, const json_t *request, const char *elsewhere);
void salvage_done(const char *work);

/* Moves a work folder (STATE/work/CLONE/FOLDER) to STATE/salvage if there is something to salvage in it. True if it did. */
bool salvage_move(const char *work);

/* Is there anything in STATE/salvage? */
bool salvage_waits(const struct state_folder *state);

/* Keeps what is in STATE/salvage ($BUNSHIN_STATE). Exit code 0: nothing is left there. */
int salvage_main(void);

#endif
