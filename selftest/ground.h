/* SPDX-License-Identifier: MIT
 *
 * What a folder stands on: file system, free space, and how long a sync takes. For information: whether a disk keeps what it says
 * it has kept, only a loss of power can show.
 */
#ifndef SELFTEST_GROUND_H
#define SELFTEST_GROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/error.h"

struct ground {
	char filesystem[24]; /* "ext4", or "0x…" */
	bool in_memory;      /* nothing in it survives a loss of power */
	bool remote;         /* a server decides what a sync means */
	uint64_t free_bytes;
	uint64_t sync_us; /* 4 KiB written over and synced, the middle one of several */
};

/* A sync that takes less has hardly been to a disk. */
#define GROUND_SYNC_US_LEAST 15u

/* Writes and removes a file in `folder`. 0, or ERR_IO with errno. Blocks for some dozen syncs. */
MUST_CHECK int ground_look(const char *folder, struct ground *out_ground);

#endif
