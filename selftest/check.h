/* SPDX-License-Identifier: MIT
 *
 * Is a trail what it has to be after a loss of power? Opens it as Omega would.
 */
#ifndef SELFTEST_CHECK_H
#define SELFTEST_CHECK_H

#include "selftest/disk.h"
#include "selftest/script.h"

enum check_result {
	CHECK_FINE,
	CHECK_LOST,    /* something that was acknowledged is not there */
	CHECK_CORRUPT, /* anything else */
};

struct check {
	const struct play *play;
	uint64_t acked; /* every record up to this one has to be there */
	size_t told;    /* and none but the first so many that were told */
	bool closely;   /* also what SQLite says of every page, and all of it once more after opening it again */
	unsigned turn;  /* which of the erased payloads are looked for */
	uint64_t last;  /* the trail ended with this record when it was opened */
	char why[512];  /* after anything but CHECK_FINE */
};

/* The trail in `folder` (trail.db, keys), by the VFS that is the default now. Changes it: it is written on. */
MUST_CHECK enum check_result check_trail(struct check *check, const char *folder);

/* Does no file of the disk hold bytes that were erased? `through`: by records up to this one. */
MUST_CHECK enum check_result check_erased(struct check *check, const struct disk *disk, uint64_t through);

#endif
