/* SPDX-License-Identifier: MIT
 *
 * Signed notes that were kept outside of a trail, compared with it: a mirror file, or a single note.
 */
#ifndef CLI_MIRROR_CHECK_H
#define CLI_MIRROR_CHECK_H

#include "audit/note.h"
#include "audit/trail.h"

struct mirror_checked {
	uint64_t notes;
	uint64_t number; /* of the newest */
	uint64_t size;   /* records it covers */
};

/* Reads every note of the file: its signature by the log key must be good, and the trail must have this very checkpoint, and at least as many
 * records as it covers, with the same root. 0; ERR_CORRUPT: not so, and the sentence says which note; ERR_NOT_FOUND, ERR_IO, ERR_MEMORY. A file without a note is ERR_CORRUPT. */
MUST_CHECK int mirror_check(struct trail *trail, const struct log_keys *keys, const char *path,
			    struct mirror_checked *out_checked, char out_why[512]);

#endif
