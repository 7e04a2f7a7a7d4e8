/* SPDX-License-Identifier: MIT
 *
 * Hunks of several patches of one text, put on it together.
 */
#ifndef ACTORS_WORKSPACE_PICK_TEXT_H
#define ACTORS_WORKSPACE_PICK_TEXT_H

#include <stdbool.h>

#include "protocol/codec.h"

/* Lines of the old text that become others. */
struct picked_change {
	size_t pick; /* the caller's: whose it is */
	unsigned hunk;
	size_t old_line, old_lines; /* from 0 */
	size_t text_at;             /* in `texts` */
	size_t text_bytes;
	size_t new_lines;
	size_t new_line; /* from 0, in the text that comes out */
};

/* Zero it to begin. */
struct picked_changes {
	struct picked_change *at;
	size_t count, capacity;
	struct buffer texts;
};
void picked_changes_release(struct picked_changes *changes);

/* Adds the hunks of `patch` whose numbers are among `hunks`. `*out_missing` is one that the patch does not have, or 0. 0, ERR_MEMORY, ERR_INTERNAL. */
MUST_CHECK int picked_changes_add(struct picked_changes *changes, size_t pick, struct bytes patch, const unsigned *hunks,
				  size_t hunk_count, unsigned *out_missing);

/* Puts them in order; the same change made twice is one. ERR_CONFLICT where two that are different overlap, or stand where the order of both would be
 * a guess; `out_clash` has both. */
MUST_CHECK int picked_changes_settle(struct picked_changes *changes, const struct picked_change *out_clash[2]);

/* Appends `old` with all changes to `out`, and fills in `new_line` of each. 0 or ERR_MEMORY. */
MUST_CHECK int picked_changes_apply(struct picked_changes *changes, struct bytes old, struct buffer *out);

#endif
