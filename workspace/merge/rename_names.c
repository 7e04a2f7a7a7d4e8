/* SPDX-License-Identifier: MIT */
#include "workspace/merge/rename_names.h"

#include <stdlib.h>
#include <string.h>

#include "workspace/merge/text_lines.h"

struct name_slot {
	struct name name; /* at NULL: free */
	size_t of;
	size_t number;
	uint64_t hash;
};

struct name name_of(const char *text)
{
	return (struct name){text, strlen(text)};
}

struct name name_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return name_of(slash ? slash + 1 : path);
}

struct name name_folder(struct name path)
{
	const char *slash = path.bytes > 0 ? memrchr(path.at, '/', path.bytes) : NULL;

	return (struct name){path.at, slash ? (size_t)(slash - path.at) : 0};
}

bool name_equal(struct name a, struct name b)
{
	return a.bytes == b.bytes && memcmp(a.at, b.at, a.bytes) == 0;
}

void name_map_release(struct name_map *map)
{
	free(map->slots);
	*map = (struct name_map){0};
}

static uint64_t hash_of(size_t of, struct name name)
{
	return (text_line_hash((const uint8_t *)name.at, name.bytes) ^ of) * 0x9e3779b97f4a7c15u >> 16;
}

static struct name_slot *slot_of(const struct name_map *map, uint64_t hash, size_t of, struct name name)
{
	size_t at = hash & (map->capacity - 1);
	struct name_slot *slot;

	for (; (slot = &map->slots[at])->name.at; at = (at + 1) & (map->capacity - 1))
		if (slot->hash == hash && slot->of == of && name_equal(slot->name, name))
			break;
	return slot;
}

static bool grow(struct name_map *map)
{
	struct name_map larger = {.capacity = map->capacity > 0 ? 2 * map->capacity : 64, .count = map->count};

	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < map->capacity; i++) {
		const struct name_slot *slot = &map->slots[i];
		if (slot->name.at)
			*slot_of(&larger, slot->hash, slot->of, slot->name) = *slot;
	}
	free(map->slots);
	*map = larger;
	return true;
}

size_t *name_map_find(const struct name_map *map, size_t of, struct name name)
{
	struct name_slot *slot = map->capacity > 0 ? slot_of(map, hash_of(of, name), of, name) : NULL;

	return slot && slot->name.at ? &slot->number : NULL;
}

size_t *name_map_put(struct name_map *map, size_t of, struct name name, size_t number)
{
	struct name_slot *slot;
	uint64_t hash = hash_of(of, name);

	if (2 * (map->count + 1) > map->capacity && !grow(map))
		return NULL;
	slot = slot_of(map, hash, of, name);
	if (!slot->name.at) {
		*slot = (struct name_slot){name, of, number, hash};
		map->count++;
	}
	return &slot->number;
}
