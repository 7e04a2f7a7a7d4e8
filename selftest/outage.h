/* SPDX-License-Identifier: MIT
 *
 * A loss of power at one moment of a tape, and the disks that it may leave.
 *
 * What is certain: a file has at least what was written to it before its last sync that succeeded, and a folder the names it had when it
 * was synced. Everything since then is open:
 *
 * - each sector (512 bytes) of a file holds what it held at any moment since, its last content included, sectors and files
 *   independently of one another: that is all writes kept, all lost, any of them, reordered, or torn;
 * - the length of a file, and with it truncation and growth, is that of any moment since; nothing that was written after
 *   a truncation is there without it;
 * - growth without the data reads as zeros, or as whatever was on the disk there before;
 * - new names, removed ones and changed ones are there up to any moment since;
 * - what an fsync that failed was to write may never come, whatever is synced later, unless it is written anew.
 */
#ifndef SELFTEST_OUTAGE_H
#define SELFTEST_OUTAGE_H

#include "selftest/disk.h"
#include "selftest/tape.h"

enum outage_kind {
	OUTAGE_KEPT,    /* everything is there */
	OUTAGE_LOST,    /* only what is certain */
	OUTAGE_TORN,    /* all but a part of the last write */
	OUTAGE_FILES,   /* each file up to a moment of its own */
	OUTAGE_WRITES,  /* some writes */
	OUTAGE_LATER,   /* of each file the writes after a moment, and none of those before */
	OUTAGE_SECTORS, /* each sector of a moment of its own */
	OUTAGE_PAGES,   /* the same in pages of 4096 bytes */
	OUTAGE_SIZES,   /* everything but the length of the files */
	OUTAGE_EMPTY,   /* the length of the files, and nothing in them */
	OUTAGE_RUBBISH, /* as OUTAGE_SECTORS, and where a file has grown, what was on the disk before */
	OUTAGE_KINDS,
};

extern const char *const outage_names[OUTAGE_KINDS];

struct outage;

/* The moment before the first operation. The tape is borrowed. NULL: out of memory. */
struct outage *outage_new(const struct tape *tape);
void outage_free(struct outage *outage); /* takes NULL */

/* Goes on by one operation, or until after it all. 0 or ERR_MEMORY. */
MUST_CHECK int outage_step(struct outage *outage);

/* All that happened until now is certain. 0 or ERR_MEMORY. */
MUST_CHECK int outage_settle(struct outage *outage);

/* Is anything uncertain now? */
bool outage_open(const struct outage *outage);

/* One disk that may be left. `*random` is the state of the chance, a number that moves on. 0 or ERR_MEMORY, ERR_FULL. */
MUST_CHECK int outage_disk(struct outage *outage, enum outage_kind kind, uint64_t *random, struct disk *out_disk);

/* splitmix64: a number below `below`. */
uint64_t random_below(uint64_t *random, uint64_t below);

#endif
