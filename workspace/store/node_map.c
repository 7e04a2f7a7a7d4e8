/* SPDX-License-Identifier: MIT */
#include "workspace/store/node_map.h"

#include <stdlib.h>

#define CLEAR_MAX 16384u /* slots that are cleared sooner than given back */

struct node_slot {
	const struct object *node; /* NULL: free */
	uint32_t number;
};

void node_map_release(struct node_map *map)
{
	free(map->slots);
	*map = (struct node_map){0};
}

void node_map_clear(struct node_map *map)
{
	if (map->capacity > CLEAR_MAX)
		node_map_release(map);
	else if (map->count)
		memset(map->slots, 0, map->capacity * sizeof(*map->slots));
	map->count = 0;
}

/* Addresses are multiples of 16 and close together: spread by the golden ratio (Knuth, 6.4), the upper bits count. */
static size_t place_of(const struct object *node, size_t capacity)
{
	uint64_t spread = ((uint64_t)(uintptr_t)node >> 4) * UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(spread >> 20) & (capacity - 1);
}

static struct node_slot *slot_of(struct node_slot *slots, size_t capacity, const struct object *node)
{
	size_t at = place_of(node, capacity);
	while (slots[at].node && slots[at].node != node)
		at = (at + 1) & (capacity - 1);
	return &slots[at];
}

uint32_t node_map_get(const struct node_map *map, const struct object *node)
{
	return map->capacity ? slot_of(map->slots, map->capacity, node)->number : 0;
}

static int grow(struct node_map *map)
{
	size_t capacity = map->capacity ? map->capacity * 2 : 1024;
	struct node_slot *slots = calloc(capacity, sizeof(*slots));
	if (!slots)
		return ERR_MEMORY;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].node)
			*slot_of(slots, capacity, map->slots[i].node) = map->slots[i];
	free(map->slots);
	map->slots = slots;
	map->capacity = capacity;
	return 0;
}

int node_map_add(struct node_map *map, const struct object *node, uint32_t number, bool *out_new)
{
	int rc = map->count * 3 >= map->capacity * 2 ? grow(map) : 0;
	if (rc)
		return rc;
	struct node_slot *slot = slot_of(map->slots, map->capacity, node);
	*out_new = !slot->node;
	if (*out_new) {
		*slot = (struct node_slot){node, number};
		map->count++;
	}
	return 0;
}
