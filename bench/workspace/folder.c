/* SPDX-License-Identifier: MIT */
#include "bench/workspace/folder.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workspace/samples.h"

void folder_make(char *out_path)
{
	const char *below = getenv("TMPDIR");

	snprintf(out_path, PATH_MAX, "%s/bunshin-bench-XXXXXX", below && *below ? below : "/tmp");
	if (!mkdtemp(out_path))
		stop("%s: %s", out_path, strerror(errno));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

void folder_remove(const char *path)
{
	if (nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS))
		stop("%s cannot be removed: %s", path, strerror(errno));
}
