/* SPDX-License-Identifier: MIT
 *
 * Scripts: what a trail goes through in its life, in a few dozen steps each, on a tape.
 *
 * A script is a line of steps, each a letter, a number and, after '*', how often:
 *
 *   a5   5 records in one batch          A2   2 records, payloads of several pages among them
 *   t    move the WAL into the database  c    seal what is there
 *   r    close and open again            i    make the index anew
 *   e    erase a task                    E    erase by age
 *   R    a reader begins a transaction   Q    and ends it
 *   k7   the process is killed 7 operations on the disk into the next step, and starts again
 *   f    the next sync fails, and the process starts again
 *   1    the trail is brought back to format 1, with what it has so far; first step but for records
 *
 * Whatever trail_open finds counts as acknowledged from then on: Omega acts upon it.
 */
#ifndef SELFTEST_SCRIPT_H
#define SELFTEST_SCRIPT_H

#include "audit/writer.h"
#include "selftest/tape.h"

struct script {
	const char *name;
	const char *steps;
	uint32_t wal_bytes; /* the WAL is written out to this size */
	bool sealed;        /* with keys, in the folder "keys" */
	bool more;          /* only where there is time for it */
};

extern const struct script scripts[];
extern const size_t script_count;

/* What the marks on the tape say: the kind in the upper byte. */
enum mark {
	MARK_START = 1, /* what happened before this is certain */
	MARK_TOLD,      /* how many records of struct play were handed to the trail */
	MARK_ACKED,     /* the trail said of everything up to this record that it is there */
};
#define MARK_KIND(what)  ((enum mark)((what) >> 56))
#define MARK_VALUE(what) ((what)&0xffffffffffffffu)

/* What was told to the trail, in order. After a process was killed another record can have the number of one that was not there. */
struct told {
	uint64_t seq;
	size_t before;      /* an earlier one of the same number; SIZE_MAX: none */
	uint64_t erased_by; /* the record that erased its payload; 0: none */
	bool strange; /* an Erased record of which nobody knows what it would have erased: its process was killed, and it was gone */
};

struct play {
	const struct script *script;
	char folder[4096]; /* the trail is FOLDER/trail.db */
	struct tape tape;
	struct batch *records;
	struct told *told; /* as many as there are records */
	size_t told_capacity;
	size_t *latest; /* by seq: the last one told of this number; SIZE_MAX: none */
	size_t latest_count;
	uint64_t acked;
	bool erases;
	unsigned ambiguous_there; /* commits that failed, and the batch was there afterwards; … */
	unsigned ambiguous_gone;  /* … was not */
	char why[512];            /* after an error */
};

/* Runs a script in `folder`, an empty one with a folder "keys" in it, on a VFS. `lies` as in tape.h; `early`: the trail is believed
 * before it has answered. 0 or an error with `why`. play_release in any case. */
MUST_CHECK int play_run(struct play *play, const struct script *script, const char *folder, sqlite3_vfs *vfs, uint64_t seed,
			unsigned lies, bool early);
void play_release(struct play *play);

/* The same with a disk that fails: the `at`-th operation of a kind, and if `sticky` every later one until the process has noticed,
 * given up, and a first new process has not got any further. Nothing fails after that. `*out_faults`: so many did. */
MUST_CHECK int play_with_fault(struct play *play, const struct script *script, const char *folder, sqlite3_vfs *vfs,
			       uint64_t seed, enum tape_fault fault, uint64_t at, bool sticky, uint64_t *out_faults);

#endif
