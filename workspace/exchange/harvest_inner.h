/* SPDX-License-Identifier: MIT
 *
 * What the parts of a harvest share. See harvest.c.
 */
#ifndef WORKSPACE_EXCHANGE_HARVEST_INNER_H
#define WORKSPACE_EXCHANGE_HARVEST_INNER_H

#include <sys/stat.h>

#include "workspace/exchange/ignore.h"
#include "workspace/store/object.h"

struct harvest {
	struct workspace_agent *agent;
	const struct harvest_options *options;
	int root;
	uint64_t files_left, bytes_left;
	uint64_t unpublished; /* bytes of objects made since the journal was last written */
	struct harvest_result result;
	char path[WORKSPACE_PATH_MAX + 1]; /* of what is being looked at */
	size_t path_bytes;
	uint8_t *buffer;
	size_t buffer_bytes;
};

/* Returns rc, with a sentence that begins with the path in printable characters. */
int harvest_fail(struct harvest *harvest, int rc, const char *why);

/* The same for a call that failed: what changes under our hands is ERR_MOVED, all else ERR_IO. */
int harvest_fail_errno(struct harvest *harvest, const char *what);

/* Lengthens the path by a name; harvest_up shortens it to what it was. ERR_LIMIT. */
MUST_CHECK int harvest_down(struct harvest *harvest, const char *name, size_t *out_before);
void harvest_up(struct harvest *harvest, size_t before);

/* What `tree` (or NULL) has under a name; MODE_NONE if nothing. */
struct known {
	enum file_mode mode;
	const struct object *object;
};
MUST_CHECK int harvest_known(struct harvest *harvest, const struct tree *tree, const char *name, struct known *out_known);

/* The bytes of a file or the target of a link, in `folder`, as a blob; `info` is what lstat said of it. */
MUST_CHECK int harvest_file(struct harvest *harvest, int folder, const char *name, const struct stat *info,
			    const struct known *known, const struct object **out_blob);
MUST_CHECK int harvest_link(struct harvest *harvest, int folder, const char *name, const struct known *known,
			    const struct object **out_blob);

#endif
