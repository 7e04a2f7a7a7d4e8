/* SPDX-License-Identifier: MIT
 *
 * Edits of a tree, and people as commits write them: what workspace_tree_edit and workspace_commit share.
 */
#ifndef WORKSPACE_STORE_EDIT_H
#define WORKSPACE_STORE_EDIT_H

#include "workspace/store/object.h"

/* As workspace_tree_edit, but nothing is published. */
MUST_CHECK int tree_edit(struct workspace_agent *agent, const struct tree *base, const struct workspace_edit *edits, size_t count,
			 const struct tree **out_tree);

/* Whether so few objects come of these edits that they can be held (pending.h). */
bool edits_are_few(const struct workspace_edit *edits, size_t count);

/* As workspace_commit_make, but nothing is published. */
MUST_CHECK int commit_build(struct workspace_agent *agent, const struct tree *tree, const struct commit *const *parents,
			    size_t parent_count, const struct workspace_change *change, const struct commit **out_commit);

/* A path that leads through folders; NULL if there is nothing. */
struct found {
	enum file_mode mode;
	const struct object *object;
};
bool path_find(const struct tree *tree, const char *path, size_t bytes, struct found *out_found);

#endif
