/* SPDX-License-Identifier: MIT
 *
 * Files named .gitignore, as git 2.39 understands them (gitignore(5)). Works on bytes; matching takes time in proportion to the length of the
 * pattern times that of the path, whatever the pattern.
 */
#ifndef WORKSPACE_EXCHANGE_IGNORE_H
#define WORKSPACE_EXCHANGE_IGNORE_H

#include <stdbool.h>

#include "protocol/codec.h"

struct ignore_pattern;

/* The patterns of one folder, before those of the folders above. */
struct ignore {
	const struct ignore *above; /* or NULL */
	size_t folder_bytes;        /* of the path of its folder with the slash behind it; 0 at the top */
	struct ignore_pattern *patterns;
	size_t count;
	void *memory;
};

/* `file` is borrowed until the call returns. 0 or ERR_MEMORY. */
MUST_CHECK int ignore_read(struct bytes file, const struct ignore *above, size_t folder_bytes, struct ignore *out_ignore);
void ignore_release(struct ignore *ignore);

/* Whether what is at `path`, from the top, is ignored; its folder is not. ERR_MEMORY besides 0. */
MUST_CHECK int ignore_match(const struct ignore *ignore, const char *path, size_t bytes, bool is_folder, bool *out_ignored);

#endif
