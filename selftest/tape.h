/* SPDX-License-Identifier: MIT
 *
 * What a program did to its files, in order: every write, truncation and sync, of SQLite and of audit/ itself, every file that came,
 * went or changed its name. outage.h makes of it what a loss of power could have left.
 *
 * The tape lies between SQLite and another VFS (that of the system, or a disk in memory) and under audit/files.h; one at a time,
 * one thread. It can also play the bad days: a sync that fails, a process that is killed. And so that the self test can show that
 * it notices something, it can leave out of its record what a careless program would not have done.
 */
#ifndef SELFTEST_TAPE_H
#define SELFTEST_TAPE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/codec.h"

#define TAPE_NAME_BYTES 64u
#define TAPE_FILES_MAX  64u /* that were ever made, during one tape */

enum tape_kind {
	TAPE_WRITE,       /* `bytes` bytes at `offset` */
	TAPE_RESIZE,      /* the file has `offset` bytes now */
	TAPE_SYNC,        /* what was written to the file before is on the disk */
	TAPE_SYNC_FAILED, /* … or is not, and no later sync will bring it there: the kernel believes it is clean */
	TAPE_MAKE,        /* a new, empty file called `name` */
	TAPE_REMOVE,
	TAPE_RENAME, /* `name` is now called `to` */
	TAPE_FOLDER, /* the folder `name` was synced: names in it are on the disk */
	TAPE_MARK,   /* something that the script noted; `offset` says what */
};

struct tape_op {
	enum tape_kind kind;
	uint32_t file; /* 0, 1, … in the order in which files were made */
	uint32_t bytes;
	uint64_t offset;
	size_t data; /* where in the tape's bytes: what was written, or the name and, after its NUL, the other name */
};

/* What is left out, as if the program did not do it. */
enum tape_lie {
	LIE_NORMAL = 1,            /* PRAGMA synchronous=NORMAL in place of FULL */
	LIE_OFF = 2,               /* … OFF */
	LIE_NO_SETTLE = 4,         /* the WAL that is found is not written again */
	LIE_NO_FOLDER = 8,         /* folders are never synced */
	LIE_NO_KEY_SYNC = 16,      /* files that are not SQLite's are never synced */
	LIE_NO_DATABASE_SYNC = 32, /* the database is never synced */
};

struct tape {
	struct tape_op *op;
	size_t count;
	size_t capacity;
	struct buffer bytes;
	bool no_memory; /* something is missing: not to be used */
	unsigned lies;
};

void tape_release(struct tape *tape);

/* The name of a TAPE_MAKE, TAPE_REMOVE, TAPE_RENAME or TAPE_FOLDER; the other one of TAPE_RENAME. */
const char *tape_name(const struct tape *tape, const struct tape_op *op);
const char *tape_to(const struct tape *tape, const struct tape_op *op);
void tape_mark(struct tape *tape, uint64_t what);

/* Begins to record what happens in `folder` (borrowed) over `parent`, which becomes a part of the default VFS; WALs are written
 * out to `wal_bytes` instead of what a real trail takes. Files must not be open. 0 or ERR_SYSTEM. */
MUST_CHECK int tape_begin(struct tape *tape, sqlite3_vfs *parent, const char *folder, uint32_t wal_bytes);
void tape_end(void); /* the default VFS and file_calls are the system's again */

/* After `operations` more writes, truncations and syncs the process is dead: everything fails and nothing reaches a file. UINT64_MAX:
 * never. It also brings the dead back. */
void tape_kill_after(uint64_t operations);

/* The next `count` syncs of a file fail. */
void tape_fail_syncs(unsigned count);

enum tape_fault {
	FAULT_WRITE, /* a write, a truncation, a new name: EIO, half of what was to be written is */
	FAULT_SPACE, /* a write: ENOSPC, the same */
	FAULT_SHORT, /* a write by audit/files.h takes half of it and says so; SQLite's VFS goes on itself in that case */
	FAULT_SYNC,  /* a sync: EIO, and the bytes are there or are not */
	FAULT_READ,  /* a read: EIO */
	FAULT_OPEN,  /* opening, and mapping of shared memory */
	FAULTS,
};

/* The `at`-th operation of this kind fails, counted from 1; with `sticky` all later ones too. 0: none. */
void tape_fault(enum tape_fault fault, uint64_t at, bool sticky);
uint64_t tape_faults(void); /* so many have failed since then */

#endif
