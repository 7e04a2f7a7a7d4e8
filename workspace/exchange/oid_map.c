/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/oid_map.h"

#include <stdlib.h>
#include <string.h>

struct oid_slot {
	struct oid id;
	uint32_t number; /* plus one; 0: free */
};

void oid_map_release(struct oid_map *map)
{
	free(map->slots);
	*map = (struct oid_map){0};
}

static struct oid_slot *slot_of(struct oid_slot *slots, size_t capacity, const struct oid *id)
{
	uint64_t begin;
	memcpy(&begin, id->bytes, sizeof(begin));
	size_t at = (size_t)begin & (capacity - 1);
	while (slots[at].number && memcmp(slots[at].id.bytes, id->bytes, OID_BYTES) != 0)
		at = (at + 1) & (capacity - 1);
	return &slots[at];
}

uint32_t oid_map_get(const struct oid_map *map, const struct oid *id)
{
	const struct oid_slot *slot = map->capacity ? slot_of(map->slots, map->capacity, id) : NULL;
	return slot && slot->number ? slot->number - 1 : OID_MAP_NONE;
}

static int grow(struct oid_map *map)
{
	size_t capacity = map->capacity ? map->capacity * 2 : 1024;
	struct oid_slot *slots = calloc(capacity, sizeof(*slots));
	if (!slots)
		return ERR_MEMORY;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].number)
			*slot_of(slots, capacity, &map->slots[i].id) = map->slots[i];
	free(map->slots);
	map->slots = slots;
	map->capacity = capacity;
	return 0;
}

int oid_map_put(struct oid_map *map, const struct oid *id, uint32_t number)
{
	int rc = map->count * 3 >= map->capacity * 2 ? grow(map) : 0;
	if (rc)
		return rc;
	*slot_of(map->slots, map->capacity, id) = (struct oid_slot){*id, number + 1};
	map->count++;
	return 0;
}
