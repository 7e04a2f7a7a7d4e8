/* SPDX-License-Identifier: MIT
 *
 * Memory that a merge takes in many small pieces and gives back all at once.
 */
#ifndef WORKSPACE_MERGE_MERGE_POOL_H
#define WORKSPACE_MERGE_MERGE_POOL_H

#include <stddef.h>

struct merge_pool_block;

/* Zero it to begin. */
struct merge_pool {
	struct merge_pool_block *blocks;
	size_t used; /* of the first one */
};

void merge_pool_release(struct merge_pool *pool);

/* Zeroed, 16-byte aligned; NULL if there is no memory. */
void *merge_pool_take(struct merge_pool *pool, size_t bytes);

/* A copy ended by NUL, of `first` or of "first/second" (just `second` if `first` is empty); NULL if there is no memory. */
char *merge_pool_text(struct merge_pool *pool, const char *text, size_t bytes);
char *merge_pool_path(struct merge_pool *pool, const char *folder, const char *name, size_t name_bytes);

#endif
