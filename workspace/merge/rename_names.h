/* SPDX-License-Identifier: MIT
 *
 * Names, and numbers that belong to them; for finding renames.
 */
#ifndef WORKSPACE_MERGE_RENAME_NAMES_H
#define WORKSPACE_MERGE_RENAME_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

/* A piece of a path, borrowed. */
struct name {
	const char *at;
	size_t bytes;
};
struct name name_of(const char *text);
struct name name_base(const char *path);   /* behind the last slash */
struct name name_folder(struct name path); /* before it; empty if there is none */
bool name_equal(struct name a, struct name b);

/* Zero it to begin. A name may stand in it once for each `of`. */
struct name_map {
	struct name_slot *slots;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};
void name_map_release(struct name_map *map);

/* Where the number is, or NULL. */
size_t *name_map_find(const struct name_map *map, size_t of, struct name name);

/* Where it is now; a new one is `number`. NULL without memory. */
size_t *name_map_put(struct name_map *map, size_t of, struct name name, size_t number);

#endif
