/* SPDX-License-Identifier: MIT
 *
 * Looks from outside at the processes of one PID namespace.
 */
#ifndef WORKSPACE_CENSUS_H
#define WORKSPACE_CENSUS_H

#include <stdint.h>

struct census {
	uint32_t processes;    /* alive, without the first two: bwrap's reaper and the inner step */
	uint64_t memory_bytes; /* resident and not shared with a file */
	uint64_t cpu_ms;       /* of all that are alive, and of those that they have waited for */
};

/* Counts in /proc; `pid_namespace` is its inode number. Zero if it has no process, or /proc does not show them. */
struct census census_take(uint64_t pid_namespace);

/* All of them, with the first two. */
uint32_t census_left(uint64_t pid_namespace);

#endif
