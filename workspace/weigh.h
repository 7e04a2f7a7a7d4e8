/* SPDX-License-Identifier: MIT
 *
 * How much disk some folders take together, found out bit by bit: a tree of millions of files must not keep the runner from its
 * other duties.
 *
 * Counted are the blocks of every file, and WEIGH_ENTRY_BYTES for the file itself. A file with several names counts for each of them with its share. Links
 * are not followed, other file systems not entered, and folders nested deeper than WEIGH_DEPTH not looked into.
 */
#ifndef WORKSPACE_WEIGH_H
#define WORKSPACE_WEIGH_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WEIGH_ENTRY_BYTES 512u
#define WEIGH_DEPTH       128u

struct weigh {
	DIR *folders[WEIGH_DEPTH]; /* from a root down to where it stands */
	size_t depth;
	size_t next_root;
	dev_t device;
	uint64_t bytes; /* so far in this round */
};

/* Goes on for about `budget_ms`. True: the round is over and *out_bytes is the sum; the next call begins a new one. The roots must
 * be the same in every call. A root that is a file or not there counts as what it is. */
bool weigh_step(struct weigh *weigh, const char *const *roots, size_t root_count, uint32_t budget_ms, uint64_t *out_bytes);
void weigh_release(struct weigh *weigh);

#endif
