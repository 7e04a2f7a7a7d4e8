/* SPDX-License-Identifier: MIT
 *
 * Chains of entries.
 */
#include "workspace/merge/path_map.h"

#include <stdlib.h>
#include <string.h>

#define CHAINS_FIRST 64u

void path_map_release(struct path_map *map)
{
	free(map->chains);
	*map = (struct path_map){0};
}

void path_map_empty(struct path_map *map)
{
	if (map->chains)
		memset(map->chains, 0, map->chain_count * sizeof(map->chains[0]));
	map->count = 0;
}

static uint32_t hash_of(const char *path)
{
	uint32_t hash = 0x811c9dc5u;
	for (; *path; path++)
		hash = (hash * 0x01000193u) ^ (unsigned char)*path;
	return hash;
}

static struct path_map_entry **chain_of(const struct path_map *map, uint32_t hash)
{
	return &map->chains[hash & (map->chain_count - 1)];
}

static struct path_map_entry *find(const struct path_map *map, const char *path, uint32_t hash)
{
	if (!map->chains)
		return NULL;
	struct path_map_entry *entry = *chain_of(map, hash);
	while (entry && (entry->hash != hash || strcmp(entry->path, path) != 0))
		entry = entry->next;
	return entry;
}

struct path_map_entry *path_map_find(const struct path_map *map, const char *path)
{
	return map->count ? find(map, path, hash_of(path)) : NULL;
}

static void link_entry(struct path_map *map, struct path_map_entry *entry)
{
	struct path_map_entry **chain = chain_of(map, entry->hash);
	entry->next = *chain;
	*chain = entry;
}

static bool resize(struct path_map *map, uint32_t chain_count)
{
	struct path_map old = *map;
	struct path_map_entry **chains = calloc(chain_count, sizeof(*chains));
	if (!chains)
		return false;
	map->chains = chains;
	map->chain_count = chain_count;
	for (uint32_t i = 0; i < old.chain_count; i++) {
		for (struct path_map_entry *entry = old.chains[i]; entry;) {
			struct path_map_entry *next = entry->next;
			link_entry(map, entry);
			entry = next;
		}
	}
	free(old.chains);
	return true;
}

struct path_map_entry *path_map_put(struct path_map *map, struct merge_pool *pool, const char *path)
{
	uint32_t hash = hash_of(path);
	struct path_map_entry *entry = find(map, path, hash);
	if (entry)
		return entry;
	if (!map->chains && !resize(map, CHAINS_FIRST))
		return NULL;
	entry = merge_pool_take(pool, sizeof(*entry));
	if (!entry)
		return NULL;
	entry->path = path;
	entry->hash = hash;
	link_entry(map, entry);
	map->count++;
	if (map->count > (uint64_t)map->chain_count * 80 / 100 && !resize(map, map->chain_count * 4))
		return NULL;
	return entry;
}

void path_map_remove(struct path_map *map, const char *path)
{
	struct path_map_entry *entry = path_map_find(map, path);
	if (!entry)
		return;
	struct path_map_entry **at = chain_of(map, entry->hash);
	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	map->count--;
}

struct path_map_entry *path_map_next(const struct path_map *map, const struct path_map_entry *entry)
{
	if (entry && entry->next)
		return entry->next;
	uint32_t chain = entry ? (entry->hash & (map->chain_count - 1)) + 1 : 0;
	for (; chain < map->chain_count; chain++) {
		if (map->chains[chain])
			return map->chains[chain];
	}
	return NULL;
}
