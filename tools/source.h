/* SPDX-License-Identifier: MIT
 *
 * The texts a tool reads: every file of a commit, from the commit itself or as it stands in the folder.
 *
 * A hostile repository decides what is in them, so everything has a bound, symbolic links are never followed and what is not
 * read is handed to the visitor with the reason.
 */
#ifndef TOOLS_SOURCE_H
#define TOOLS_SOURCE_H

#include <git2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

#define SOURCE_BYTES_MAX       (2u << 20) /* a larger file is skipped */
#define SOURCE_FILES_MAX       100000u
#define SOURCE_TOTAL_BYTES_MAX (1u << 30) /* of all files together */
#define SOURCE_PATH_MAX        1024u

struct source {
	const char *path; /* UTF-8, from the root of the repository */
	const char *text; /* borrowed; a NUL follows it. NULL if the file was not read */
	size_t bytes;
	char blob[GIT_OID_HEXSZ + 1];
	const char *skipped; /* why it was not read: "larger than 2 MiB", "binary"; NULL if it was read */
};

/* Called once per file, in the order of the tree. Not 0: stop, and source_each returns it. */
typedef int (*source_visit)(const struct source *source, void *context);

/* `commit`   whose tree is read.
 * `worktree` read the files of that tree from the folder instead, as they stand now; a file that is gone is skipped.
 * Returns    0, the visitor's value, or 1 after a sentence on stderr. */
MUST_CHECK int source_each(git_repository *repository, git_commit *commit, bool worktree, source_visit visit, void *context);

/* One blob under a path that is given. Returns what the visitor returned, or 0 if the repository does not hold it. */
MUST_CHECK int source_blob(git_repository *repository, const char *path, const git_oid *id, source_visit visit, void *context);

/* Line and column (both from 1, in bytes) of an offset, walking on from an earlier one; start with {.line = 1}. */
struct source_place {
	size_t offset;
	size_t line_start;
	uint32_t line;
};
uint32_t source_column(const struct source *source, struct source_place *place, size_t offset);

/* The line around an offset, without its newline. */
const char *source_line(const struct source *source, size_t offset, size_t *out_bytes);

#endif
