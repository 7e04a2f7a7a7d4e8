/* SPDX-License-Identifier: MIT
 *
 * A disk that fails when told to: an SQLite VFS over the real one that counts operations and makes the N-th fail, once or from
 * then on. A write that fails has written its first half.
 */
#ifndef TESTS_AUDIT_FAULTY_H
#define TESTS_AUDIT_FAULTY_H

#include <stdbool.h>
#include <stdint.h>

enum faulty_kind {
	FAULTY_WRITES, /* write, sync and truncate fail with EIO */
	FAULTY_SPACE,  /* write fails with ENOSPC */
	FAULTY_READS,  /* read fails with EIO */
	FAULTY_OPENS,  /* open, and mapping of shared memory, fail */
};

/* Becomes the VFS of every connection that is opened from now on. */
void faulty_install(void);

/* From now on WALs are written out to 64 KiB, not to 6 MiB: a hundred operations less that can fail. */
void faulty_small_wal(void);

/* The `at`-th operation of this kind fails, counted from 1; with `sticky` all later ones too. */
void faulty_arm(enum faulty_kind kind, uint64_t at, bool sticky);
void faulty_disarm(void);

/* How many operations have failed since faulty_arm. */
uint64_t faulty_failures(void);

/* How many syncs there were so far. */
uint64_t faulty_syncs(void);

/* How many bytes were written to WALs since faulty_arm. */
uint64_t faulty_wal_bytes(void);

#endif
