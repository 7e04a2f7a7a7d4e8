/* SPDX-License-Identifier: MIT
 *
 * Trees for who has no agent: the threads that write a pack, and walks over whole histories, which must not leave an image behind on every version
 * they pass. Only what never goes away but by garbage collection is looked at, nodes and the images of whole trees; so callers need no bracket while
 * they hold the collector off (workspace/store/hold.h).
 */
#ifndef WORKSPACE_EXCHANGE_TREE_BYTES_H
#define WORKSPACE_EXCHANGE_TREE_BYTES_H

#include "workspace/store/object.h"

/* What `tree` is, as git has it: object.bytes bytes into `out`. */
void tree_bytes_copy(const struct tree *tree, uint8_t *out);

/* Its children: shape->count into `out`. */
void tree_children_copy(const struct tree *tree, const struct object **out);

/* Entry `index` of it. */
const struct object *tree_child_at(const struct tree *tree, uint32_t index);

/* How the names of two entries stand to each other, by their bytes: below 0, 0, above 0. */
int shape_names_order(const struct shape *a, uint32_t a_index, const struct shape *b, uint32_t b_index);
int shape_name_order(const struct shape *shape, uint32_t index, const char *name, size_t name_bytes);

/* An entry of another child than in an older version. */
struct tree_change {
	const struct object *child;
	uint32_t index;
	uint32_t age; /* versions back that it came; of no interest to callers */
};

/* What is different in `tree` from `base`, one of the versions it was made from, in the order of entries: `out` is emptied and filled with struct tree_change.
 * 0, ERR_MEMORY. */
MUST_CHECK int tree_changes_since(const struct tree *tree, const struct tree *base, struct buffer *out);

#endif
