/* SPDX-License-Identifier: MIT
 *
 * A repository of its own, for asking git about thousands of files with one process.
 */
#ifndef TESTS_WORKSPACE_MERGE_GIT_BATCH_H
#define TESTS_WORKSPACE_MERGE_GIT_BATCH_H

#include <stdint.h>
#include <stdio.h>

#include "protocol/codec.h"

struct git_batch {
	char folder[256];
	FILE *import; /* of git fast-import, until git_batch_imported */
};

/* Whatever fails fails the test. Configuration of the machine and of the user has no effect. */
void git_batch_new(struct git_batch *batch);
void git_batch_free(struct git_batch *batch);

/* A commit on a branch that begins with nothing, or where another one is; then its files. */
void git_batch_commit(struct git_batch *batch, const char *branch, const char *from);
void git_batch_file(struct git_batch *batch, const char *mode, const char *path, struct bytes bytes);
void git_batch_remove(struct git_batch *batch, const char *path);
void git_batch_imported(struct git_batch *batch);

/* What `git ARGUMENTS` prints, for fclose. Exit statuses are not looked at: what is missing shows. */
FILE *git_batch_run(struct git_batch *batch, const char *arguments);
void git_batch_done(FILE *output);

#endif
