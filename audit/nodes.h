/* SPDX-License-Identifier: MIT
 *
 * The tree of a trail: roots of full subtrees are kept for every eighth level, so that any other is folded from at most 128 rows.
 * Level 0 is the chain values of the records themselves. Internal to audit/.
 */
#ifndef AUDIT_NODES_H
#define AUDIT_NODES_H

#include "audit/store.h"

#define NODE_LEVELS 8u /* between two levels that are kept */

/* Inside the writer's transaction: adds a leaf to `tree` and stores the nodes it completes. 0 or an error with trail_why. */
MUST_CHECK int nodes_add(struct trail *trail, struct tree *tree, const struct hash *leaf);

/* A tree_read (audit/tree.h) whose context is the trail. A trail of format 1 has no nodes: then all is folded from the records. */
MUST_CHECK int nodes_read(void *context, uint32_t level, uint64_t number, struct hash *out_root);

/* The tree over the first `size` records, ready to grow. */
MUST_CHECK int nodes_tree(struct trail *trail, uint64_t size, struct tree *out_tree);

/* Inside the writer's transaction: computes all nodes from the records; the table is empty. */
MUST_CHECK int nodes_fill(struct trail *trail, struct tree *out_tree);

#endif
