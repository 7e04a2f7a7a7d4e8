/* SPDX-License-Identifier: MIT
 *
 * A number for each node that was met: open addressing by the node's address, since nodes never move.
 */
#ifndef WORKSPACE_STORE_NODE_MAP_H
#define WORKSPACE_STORE_NODE_MAP_H

#include "workspace/store/object.h"

/* Zero it to begin. */
struct node_map {
	struct node_slot *slots;
	size_t count, capacity;
};

void node_map_release(struct node_map *map);

/* Empty, to be filled again; a large one gives its memory back. */
void node_map_clear(struct node_map *map);

/* 0 if it was not met. */
uint32_t node_map_get(const struct node_map *map, const struct object *node);

/* Give `node` a number other than 0; `*out_new` is false if it has one already, which it keeps. 0, ERR_MEMORY. */
MUST_CHECK int node_map_add(struct node_map *map, const struct object *node, uint32_t number, bool *out_new);

#endif
