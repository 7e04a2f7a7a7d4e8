/* SPDX-License-Identifier: MIT
 *
 * Another repository that is read: by libgit2, which knows packs, loose objects, alternates and worktrees. Nothing in it is run, and nothing of its
 * configuration but what says how it is stored is of interest.
 */
#ifndef WORKSPACE_EXCHANGE_SOURCE_H
#define WORKSPACE_EXCHANGE_SOURCE_H

#include "workspace/exchange/libgit2.h"
#include "workspace/store/object.h"

struct source {
	struct workspace_agent *agent; /* whose sentence says what went wrong */
	const char *path;
	git_repository *repository;
	git_odb *odb;
	struct oid *ends; /* commits that are there without their parents ("shallow"), sorted */
	size_t end_count;
};

/* `path` is borrowed. 0; ERR_NOT_FOUND, ERR_NEWER (a repository that is kept in another way, such as with SHA-256), ERR_IO, ERR_CORRUPT, ERR_MEMORY. */
MUST_CHECK int source_open(struct workspace_agent *agent, const char *path, struct source *out_source);
void source_close(struct source *source);

bool source_ends_at(const struct source *source, const struct oid *commit);

/* An object's bytes; git_odb_object_free() it. ERR_CORRUPT if it is missing, broken or not of that type (0: any), ERR_LIMIT for 4 GiB. `named_by` says
 * in a sentence who wants it. */
MUST_CHECK int source_read(struct source *source, const struct oid *id, enum object_type type, const struct oid *named_by,
			   git_odb_object **out_object);

/* Lists of commits in a repository's "shallow", sorted; free() it. `git_folder` is the common one. 0, ERR_MEMORY, ERR_IO, ERR_CORRUPT. */
MUST_CHECK int shallow_read(struct workspace_agent *agent, const char *git_folder, struct oid **out_ids, size_t *out_count);

/* By memcmp, for qsort and bsearch. */
int oid_order(const void *left, const void *right);

/* Opens for libgit2, with a sentence that fits; source_open and who writes use it. */
MUST_CHECK int repository_open(struct workspace_agent *agent, const char *path, git_repository **out_repository);

#endif
