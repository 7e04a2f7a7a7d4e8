/* SPDX-License-Identifier: MIT
 *
 * Deltas of packs (gitformat-pack(5), "Deltified representation"): the size of the base, the size of the result, and then pieces to copy out of the base
 * and bytes to insert. Made here of trees, whose versions differ by a few ids or entries, and of files.
 */
#ifndef WORKSPACE_EXCHANGE_PACK_DELTA_H
#define WORKSPACE_EXCHANGE_PACK_DELTA_H

#include "workspace/store/object.h"

/* A delta that grows. Neighbouring copies become one. An error sticks until the end. */
struct pack_delta {
	struct buffer *out;
	uint64_t copy_at, copy_bytes; /* not written yet */
	int rc;
};

void pack_delta_begin(struct pack_delta *delta, struct buffer *out, uint64_t base_bytes, uint64_t bytes);
void pack_delta_copy(struct pack_delta *delta, uint64_t at, uint64_t bytes);
void pack_delta_insert(struct pack_delta *delta, const void *at, size_t bytes);
MUST_CHECK int pack_delta_end(struct pack_delta *delta); /* 0, ERR_MEMORY */

/* An id of a tree that was replaced. */
struct pack_id_change {
	uint32_t at; /* where in the tree it stands */
	const uint8_t *id;
};

/* From a tree to another of the same shape, `changes` in the order of their places. Appends. 0, ERR_MEMORY. */
MUST_CHECK int pack_delta_ids(size_t tree_bytes, const struct pack_id_change *changes, size_t count, struct buffer *out);

/* Between any two trees, as git has them. Appends. 0, ERR_MEMORY. */
MUST_CHECK int pack_delta_trees(const uint8_t *base, size_t base_bytes, const uint8_t *tree, size_t tree_bytes,
				struct buffer *out);

/* Between two versions of a file, quickly. Appends nothing if they are too large for that. What is appended may be longer than the file. `scratch` is
 * of use to the next call. 0, ERR_MEMORY. */
MUST_CHECK int pack_delta_files(const void *base, size_t base_bytes, const void *file, size_t file_bytes, struct buffer *scratch,
				struct buffer *out);

#endif
