/* SPDX-License-Identifier: MIT
 *
 * The difference of two files as a patch, as `git diff --full-index` prints it.
 */
#ifndef WORKSPACE_MERGE_PATCH_H
#define WORKSPACE_MERGE_PATCH_H

#include "workspace/workspace.h"

#define PATCH_FILE_MAX (64u * 1024 * 1024) /* larger ones count as binary */

struct patch_file {
	const char *path;    /* also of one that is not there */
	enum file_mode mode; /* MODE_NONE: not there, and `id` is zeros */
	struct oid id;
	struct bytes data; /* of files and links; of submodules nothing */
};

/* Append it. `similarity` in percent if it is a rename, else -1; both are of one kind (a file that became a link is two patches). 0 or ERR_MEMORY,
 * and then `out` is unchanged. */
MUST_CHECK int patch_append(const struct patch_file *old, const struct patch_file *new, int similarity, unsigned context_lines,
			    struct buffer *out);

#endif
