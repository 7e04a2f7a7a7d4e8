/* SPDX-License-Identifier: MIT
 *
 * A disk that fails when told to: the calls by which the journal writes are wrapped by the linker, counted, and the N-th fails or is the
 * last thing that this process does.
 */
#ifndef TESTS_WORKSPACE_STORE_JOURNAL_FAULTS_H
#define TESTS_WORKSPACE_STORE_JOURNAL_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_call {
	FAULT_WRITE = 1,  /* pwrite, after its first half */
	FAULT_SYNC = 2,   /* fdatasync and fsync of a file */
	FAULT_FOLDER = 4, /* fsync of a folder */
	FAULT_RENAME = 8,
	FAULT_SPACE = 16, /* fallocate */
	FAULT_MAP = 32,   /* mmap of a file */
	FAULT_ALL = 63,
};

/* From now on the `at`-th of these calls, counted from 1, fails with `error`; with `sticky` all later ones too. An error of 0: the process ends there,
 * before a call that is not a write has done anything. */
void fault_arm(unsigned calls, uint64_t at, int error, bool sticky);
void fault_disarm(void);
uint64_t fault_count(void); /* how many failed since it was armed */

/* What was called since fault_arm, a letter each: w, s, d (fsync of a folder), r, a (space), m; at most 4,000. */
const char *fault_trace(void);

/* Called in each fdatasync before it happens, and after it worked, from the thread that does it; and in each pwrite that worked. NULL for nothing. */
extern void (*fault_sync_hook)(void);
extern void (*fault_synced_hook)(void);
extern void (*fault_written_hook)(const uint8_t *at, size_t bytes, uint64_t position);

#endif
