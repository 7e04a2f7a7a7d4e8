/* SPDX-License-Identifier: MIT
 *
 * What is in a workspace as a bare repository that git reads, and what git makes of merges in it.
 */
#ifndef TESTS_WORKSPACE_MERGE_REPOSITORY_H
#define TESTS_WORKSPACE_MERGE_REPOSITORY_H

#include "workspace/workspace.h"

/* Two commits to be merged, and what came of it: the stages as git prints them, "100644 ID 1\tPATH\0" each, in the order of paths. */
struct merge_case {
	struct oid ours, theirs;
	bool done; /* git came to an end; it does not where one of its own assertions fails */
	bool clean;
	struct oid tree;
	struct buffer stages;
};
void merge_case_release(struct merge_case *one);

/* A new folder in memory if the system has one, else where temporary files go. */
void folder_make(char out_path[256]);
void folder_remove(const char *path);

/* All objects of the workspace, in one pack without compression. */
void repository_write(struct workspace_agent *agent, const char *folder);

/* git merge-tree --write-tree, without any configuration but its own. `folder` is the repository; what is written goes to `objects`, a folder, or
 * to the repository if that is NULL. */
void merges_by_git(const char *folder, const char *objects, struct merge_case *cases, size_t count);

/* git merge-base --all: a line of digits for each. */
void bases_by_git(const char *folder, const struct oid *ours, const struct oid *theirs, struct buffer *out);

/* The stages of a result in the form of a merge_case. */
void stages_of(const struct merge_result *result, struct buffer *out);

#endif
