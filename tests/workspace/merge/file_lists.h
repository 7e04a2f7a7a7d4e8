/* SPDX-License-Identifier: MIT
 *
 * The files of a commit as a list, to be changed by chance.
 */
#ifndef TESTS_WORKSPACE_MERGE_FILE_LISTS_H
#define TESTS_WORKSPACE_MERGE_FILE_LISTS_H

#include "workspace/workspace.h"

#define FILE_LIST_FILES_MAX 160u
#define FILE_LIST_PATH_MAX  120u

struct listed_file {
	char path[FILE_LIST_PATH_MAX];
	enum file_mode mode;
	struct bytes data; /* belongs to the text pool or the workspace */
	struct oid link;   /* of a submodule */
};

struct file_list {
	struct listed_file files[FILE_LIST_FILES_MAX];
	size_t count;
};

/* Texts of a history; freed together. */
struct texts {
	void **at;
	size_t count, capacity;
};
void texts_release(struct texts *texts);

/* What stands at a path gives way, and so does what stands above or below it. */
void file_list_put(struct file_list *list, const struct listed_file *file);
void file_list_remove(struct file_list *list, size_t index);

/* A first set of files; and some changes to it. */
void file_list_begin(struct file_list *list, struct texts *texts, uint64_t *seed);
void file_list_change(struct file_list *list, struct texts *texts, uint64_t *seed);

/* Each file from one of the two. */
void file_list_mix(struct file_list *list, const struct file_list *other, uint64_t *seed);

void file_list_read(struct workspace_agent *agent, const struct tree *tree, struct file_list *out_snapshot);

/* The tree; made from scratch, or by what differs from `before`. */
const struct tree *file_list_tree(struct workspace_agent *agent, const struct file_list *list, const struct file_list *before,
				  const struct tree *before_tree);

#endif
