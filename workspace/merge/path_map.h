/* SPDX-License-Identifier: MIT
 *
 * From paths to something, in an order that is always the same.
 *
 * Which of two equally good renames git takes depends, in a few places, on the order in which its maps of names give their entries back.
 * To come to the same result this map has that order: chains begin with what came last, a name's chain is FNV-1 (32 bits) over its bytes
 * modulo the number of chains, of which there are 64, and four times as many whenever they are filled to more than 80 %; then the
 * entries move over in the order of the old chains. Emptying a map keeps its number of chains. (hashmap.c and strmap.c of git 2.39.)
 */
#ifndef WORKSPACE_MERGE_PATH_MAP_H
#define WORKSPACE_MERGE_PATH_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"
#include "workspace/merge/merge_pool.h"

struct path_map_entry {
	struct path_map_entry *next;
	const char *path;
	void *value;
	int number;
	uint32_t hash;
};

/* Zero it to begin. Entries belong to the pool that was given when they were put, paths to whoever gave them. */
struct path_map {
	struct path_map_entry **chains;
	uint32_t chain_count;
	uint32_t count;
};

void path_map_release(struct path_map *map);
void path_map_empty(struct path_map *map); /* as if new, but for the order */

/* NULL if it is not there. */
struct path_map_entry *path_map_find(const struct path_map *map, const char *path);

/* The entry of `path`, made with a value of NULL and 0 if it is not there; the path is kept, not copied. NULL if there is no memory. */
struct path_map_entry *path_map_put(struct path_map *map, struct merge_pool *pool, const char *path);

/* Nothing if it is not there. */
void path_map_remove(struct path_map *map, const char *path);

/* Begin with NULL; NULL at the end. Nothing may be put or removed meanwhile. */
struct path_map_entry *path_map_next(const struct path_map *map, const struct path_map_entry *entry);

#endif
