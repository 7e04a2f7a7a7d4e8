/* SPDX-License-Identifier: MIT
 *
 * Looks from outside at the processes of one PID namespace.
 */
#ifndef WORKSPACE_CENSUS_H
#define WORKSPACE_CENSUS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct census {
	uint32_t processes;    /* alive, without the first two: bwrap's reaper and the inner step */
	uint64_t memory_bytes; /* resident and not shared with a file */
	uint64_t cpu_ms;       /* of all that are alive, and of those that they have waited for */
};

/* Counts in /proc; `pid_namespace` is its inode number. Zero if it has no process, or /proc does not show them. */
struct census census_take(uint64_t pid_namespace);

/* All of them, with the first two. */
uint32_t census_left(uint64_t pid_namespace);

/* What files take that have no name any more but that a process still has open, on the file systems given. Of files that are only
 * mapped nothing is seen. */
uint64_t census_unlinked_bytes(uint64_t pid_namespace, const dev_t *devices, size_t device_count);

#endif
