/* SPDX-License-Identifier: MIT
 *
 * The self test of a loss of power: scripts are played on a tape, and at every moment of them disks are made as the loss could leave
 * them (outage.h). Each is opened as Omega would open it. Then
 *
 * - it can be opened, and trail_verify finds nothing wrong;
 * - every record that was acknowledged is there, byte for byte, and none that was never handed over;
 * - what was erased is gone from the bytes of every file, and the rest is not;
 * - the keys that seal go on where the trail ends;
 * - it takes further records, and what comes of it is sound again.
 */
#ifndef SELFTEST_CRASH_H
#define SELFTEST_CRASH_H

#include "selftest/disk.h"
#include "selftest/script.h"

struct crash_count {
	uint64_t records;      /* acknowledged in the course of the script */
	uint64_t operations;   /* writes, truncations, syncs, … */
	uint64_t moments;      /* at which the power went */
	uint64_t images;       /* disks that were opened; each counts once for what it holds and what was acknowledged then */
	uint64_t acknowledged; /* records that these had to have, summed */
	uint64_t lost;         /* images without a record that was acknowledged */
	uint64_t corrupt;      /* images with anything else wrong */
};

struct crash_options {
	const char *folder; /* empty, for this alone; on the disk that is tested */
	bool on_disk;       /* scripts write real files there, and images are real files; else all of it is in memory */
	uint64_t seed;
	unsigned variants;           /* chosen by chance at each moment, besides all kept and all lost */
	uint32_t images;             /* about so many are looked at of each script, spread over all of it; 0: all */
	unsigned lies;               /* of tape.h, and … */
	bool early;                  /* … the trail is believed before it has answered: to show that it is noticed */
	bool (*stop)(void *context); /* asked before each image; may be NULL */
	void *context;
};

struct crash;
MUST_CHECK int crash_new(const struct crash_options *options,
			 struct crash **out_crash); /* options are copied. 0, ERR_MEMORY, ERR_SYSTEM */
void crash_free(struct crash *crash);               /* takes NULL */

/* Plays one script and looks at its images; may be called again and again, and then only images that were not seen before count. Adds to
 * `*count`. 0; ERR_CANCELLED after `stop`; else the test itself did not work, and crash_why says how. */
MUST_CHECK int crash_script(struct crash *crash, const struct script *script, struct crash_count *count);

/* Chooses which images are looked at from now on; a seed of another round gives other ones. */
void crash_round(struct crash *crash, uint64_t seed, uint32_t images);

const char *crash_why(const struct crash *crash);

/* The first image that was wrong: "" or a sentence. It is kept in memory, and crash_keep writes it into a folder, made if need be. */
const char *crash_finding(const struct crash *crash);
MUST_CHECK int crash_keep(const struct crash *crash, const char *folder); /* 0 or ERR_IO */

#endif
