/* SPDX-License-Identifier: MIT
 *
 * What lies beside the trail and may hold what is erased from it: artefacts that only erased texts name, the index of full-text search, and work
 * folders of clones that did not come back. Logs do not: what an attempt prints goes to its clone, and what that says to Omega.
 *
 * Before an erasure is recorded, the artefacts that it may concern are noted in run/erasing, a line "HASH SEQ" each; after it is durable, those
 * that no text names any more are overwritten and removed, and the note last. If a crash comes between, the note is there at the next
 * start and the same is done then; it is safe whether the erasure came about or not, since what is still named stays.
 */
#ifndef ACTORS_ERASER_H
#define ACTORS_ERASER_H

#include "actors/state.h"
#include "audit/erase.h"

#define STATE_ERASING STATE_RUN "/erasing"

/* Notes, durably, the artefacts named by the texts that `claim` takes, up to `limit` texts as in erase_plan. `out_artefacts` counts those that
 * are there. 0 or an error as erase_plan; ERR_IO. */
MUST_CHECK int eraser_note(const struct state_folder *state, struct trail *trail, const struct erased_claim *claim,
			   uint64_t limit, struct erase_plan *out_plan, uint32_t *out_artefacts);

/* The same without a note: for whoever wants to know. */
MUST_CHECK int eraser_count(const struct state_folder *state, struct trail *trail, const struct erased_claim *claim,
			    uint64_t limit, struct erase_plan *out_plan, uint32_t *out_artefacts);

/* Does what the note says, and removes it; nothing to do without one. Reads all texts that are left if artefacts are noted. Any thread that may
 * use `trail`. 0; ERR_IO, ERR_MEMORY, ERR_CORRUPT with a sentence. */
MUST_CHECK int eraser_finish(const struct state_folder *state, struct trail *trail, char out_why[256]);

/* Work folders of erased tasks that a clone left behind. 0 or ERR_IO. eraser_finish does it too. */
MUST_CHECK int eraser_work(const struct state_folder *state, struct trail *trail);

/* Overwrites a file with zeros, syncs that, and removes it; 0 also if it is not there. ERR_IO with errno. */
MUST_CHECK int file_shred(const char *path);

#endif
