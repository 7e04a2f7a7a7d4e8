/* SPDX-License-Identifier: MIT
 *
 * A record of the core as a row of the trail, and back: what is written, what a restart applies, and what a replay compares.
 */
#ifndef ACTORS_ENTRY_H
#define ACTORS_ENTRY_H

#include "audit/trail.h"
#include "routing/omega.h"

/* All that a row says and the core decided; `header` and `facts` as encoded. The two clocks of the machine, boot, payload and what the trail
 * computes stay zero. `*ended_number` is the task that this step has ended so far, 0 before its first record: only the first
 * copy of an outcome ends a task, those for followers repeat it. */
void entry_fill(struct trail_entry *out_entry, const struct record *record, struct bytes header, struct bytes facts,
		uint64_t *ended_number);

/* The record that a row holds, checked and decoded; that of a Snapshot with its state, if the entry was read with its payload. Text
 * borrows from `scratch` and the entry. Returns 0, ERR_MALFORMED and its kin (the bytes are no message), ERR_MEMORY. */
MUST_CHECK int entry_record(const struct trail_entry *entry, struct buffer *scratch, struct record *out_record);

/* Does this record tell whoever asked for a task how it ended? */
bool record_is_outcome(const struct record *record);

/* Does this record make a new task? */
bool record_makes_task(const struct record *record);

#endif
