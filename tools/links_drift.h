/* SPDX-License-Identifier: MIT
 *
 * Code spans that name what is not there.
 */
#ifndef TOOLS_LINKS_DRIFT_H
#define TOOLS_LINKS_DRIFT_H

#include <git2.h>

#include "tools/links.h"
#include "tools/reading.h"

struct drifted {
	size_t span; /* in the documents */
	bool is_path;
	char name[200];               /* of the file or function */
	uint32_t word;                /* of a function, among those looked for */
	char seen[GIT_OID_HEXSZ + 1]; /* "": in no tree that was looked at */
	int64_t seen_when;
};

struct drift {
	const struct documents *documents;
	const struct names *paths, *folders;
	struct drifted *at;
	size_t count, room;
	bool no_memory;
};

/* Finds them. 0, or 1 after a sentence on stderr. */
MUST_CHECK int drift_find(struct drift *drift, struct reading *reading);
void drift_release(struct drift *drift);

/* The path that a span surely means, if it means one: a name with a folder and an ending. `out` has room for 200 bytes. */
bool span_path(const char *span, char *out);
/* The last name of a call such as `name()`, `a.name(x)`; only names of several words (a_b, aB) count. `out` has room for 200 bytes. */
bool span_call(const char *span, char *out);

#endif
