/* SPDX-License-Identifier: MIT
 *
 * A patch of one file, read line by line: what workspace_patch has written.
 */
#ifndef ACTORS_WORKSPACE_PATCH_LINES_H
#define ACTORS_WORKSPACE_PATCH_LINES_H

#include <stdbool.h>

#include "protocol/codec.h"

/* As the line @@ says it: lines count from 1; an empty range names the line before it. */
struct patch_hunk {
	unsigned number; /* in the file, from 1 */
	size_t old_from, old_count, new_from, new_count;
	struct bytes header; /* the whole line, without its end */
};

struct patch_line {
	char sign;         /* ' ', '-' or '+' */
	size_t old, new;   /* which line it is, or would be, on either side */
	struct bytes text; /* with its end; the last line of a file may have none */
};

struct patch_reader {
	void *context;
	/* Each returns 0 to go on; anything else ends the reading and is returned. May be NULL. */
	int (*hunk)(void *context, const struct patch_hunk *hunk);
	int (*line)(void *context, const struct patch_hunk *hunk, const struct patch_line *line);
};

/* The patch of one diff_entry. 0, what a callback returned, or ERR_INTERNAL if that is no patch. `*out_binary`: the files are no text, and there is no hunk. */
MUST_CHECK int patch_read(struct bytes patch, const struct patch_reader *reader, bool *out_binary);

#endif
