/* SPDX-License-Identifier: MIT
 *
 * What a folder holds after edits, in the most simple way: a list of paths, made into a tree by libgit2.
 */
#ifndef TESTS_EDIT_MODEL_H
#define TESTS_EDIT_MODEL_H

#include <git2.h>
#include <stdbool.h>
#include <stdint.h>

#include "workspace/workspace.h"

#define MODEL_PATH_MAX  96u
#define MODEL_FILES_MAX 512u

struct model_file {
	char path[MODEL_PATH_MAX];
	enum file_mode mode;
	git_oid id;
};

struct model {
	struct model_file files[MODEL_FILES_MAX];
	size_t count;
};

/* A repository of libgit2 without objects. */
git_repository *model_repository(void);

/* Anything at the path, or below it. */
bool model_has(const struct model *model, const char *path);

enum model_fault {
	MODEL_NOT_FOUND = 1,
	MODEL_MALFORMED = 2,
};

/* All edits at once, by the words of workspace.h: 0, or all that is wrong with them, and then nothing has changed. */
unsigned model_edit(struct model *model, const struct workspace_edit *edits, size_t count);

void model_tree(const struct model *model, git_repository *repository, struct oid *out_id);

#endif
