/* SPDX-License-Identifier: MIT
 *
 * Bytes for a while: taken one after the other, and given back all at once.
 */
#ifndef WORKSPACE_STORE_SCRATCH_H
#define WORKSPACE_STORE_SCRATCH_H

#include <stddef.h>

struct scratch_block;

struct scratch { /* zeroed at first */
	struct scratch_block *block;
};

struct scratch_mark {
	struct scratch_block *block;
	size_t used;
};

/* 16-byte aligned; NULL if there is no memory. */
void *scratch_take(struct scratch *scratch, size_t bytes);

/* Give back what was taken since the mark. */
struct scratch_mark scratch_mark(const struct scratch *scratch);
void scratch_reset(struct scratch *scratch, struct scratch_mark mark);

/* Give back everything; a first block of the usual size stays for the next time. */
void scratch_clear(struct scratch *scratch);
void scratch_release(struct scratch *scratch);

#endif
