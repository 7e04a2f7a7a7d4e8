/* SPDX-License-Identifier: MIT
 *
 * What a run of the sandbox sees of the host besides what every program sees: checked before anything is started.
 *
 * Refused are places inside that would cover what every program sees (or be covered by it), places that overlap one another, and things of the host that
 * no program may be given: the root folder, /proc, /sys, devices, and, to write in, anything that belongs to the system. A folder that
 * is given writable may not hold another that is given: the program could put a link in its place, and the next run would follow it.
 */
#ifndef WORKSPACE_MOUNTS_H
#define WORKSPACE_MOUNTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "workspace/sandbox.h"

#define MOUNTS_MAX 64u

struct mounts_entry {
	char outside[PATH_MAX]; /* without links */
	const char *inside;     /* borrowed from the job */
	bool writable;
	bool seen; /* stands in a folder that every program sees at the same path: nothing to do */
};

struct mounts {
	struct mounts_entry *entries; /* those of the job, then its home */
	size_t count;
};

/* Returns 0; ERR_MEMORY; ERR_SANDBOX with a sentence. The job must outlive the list. Release it after either. */
MUST_CHECK int mounts_check(const struct sandbox_job *job, struct mounts *out_mounts, char out_why[256]);
void mounts_release(struct mounts *mounts);

#endif
