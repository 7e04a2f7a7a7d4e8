/* SPDX-License-Identifier: MIT
 *
 * Reading the lines of commits and tags.
 */
#ifndef WORKSPACE_STORE_PARSE_H
#define WORKSPACE_STORE_PARSE_H

#include "workspace/store/object_inner.h"

struct lines {
	const char *at, *end;
	enum object_type type; /* of what is read, for complaints */
	struct workspace_agent *agent;
};

/* ERR_MALFORMED with what was found at which byte. */
MUST_CHECK int lines_fail(const struct lines *lines, const char *begin, const char *why);

/* The word, if it stands here; then the reader is behind it. */
bool lines_word(struct lines *lines, const char *word);

/* Forty digits and a line end. */
bool lines_id(struct lines *lines, struct oid *out_id);

/* Up to the line end, which is left behind; NULL if there is none. */
const char *lines_rest(struct lines *lines, size_t *out_bytes);

/* The headers end with an empty line, or everything ends with a line end, and there is no NUL in them. */
const char *lines_check(struct bytes raw);

#endif
