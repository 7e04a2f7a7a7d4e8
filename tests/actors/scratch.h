/* SPDX-License-Identifier: MIT
 *
 * A temporary folder for a test, and its removal.
 */
#ifndef TESTS_ACTORS_SCRATCH_H
#define TESTS_ACTORS_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline char *scratch_make(void)
{
	char pattern[] = "/tmp/bunshin-test-XXXXXX";
	char *path = mkdtemp(pattern);
	return path ? strdup(path) : NULL;
}

static inline int scratch_entry_remove(const char *path, const struct stat *status, int kind, struct FTW *place)
{
	(void)status;
	(void)kind;
	(void)place;
	return remove(path);
}

static inline void scratch_remove(char *path)
{
	nftw(path, scratch_entry_remove, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(path);
}

#endif
