/* SPDX-License-Identifier: MIT
 *
 * A number for each id: open addressing by the id's own bytes, which are as good as random. Somebody who makes ids collide in their first eight
 * bytes makes this slow, not wrong.
 */
#ifndef WORKSPACE_EXCHANGE_OID_MAP_H
#define WORKSPACE_EXCHANGE_OID_MAP_H

#include "workspace/workspace.h"

#define OID_MAP_NONE UINT32_MAX

/* Zero it to begin. */
struct oid_map {
	struct oid_slot *slots;
	size_t count, capacity;
};

void oid_map_release(struct oid_map *map);
uint32_t oid_map_get(const struct oid_map *map, const struct oid *id); /* or OID_MAP_NONE */

/* The id must not be there yet; `number` is not OID_MAP_NONE. 0, ERR_MEMORY. */
MUST_CHECK int oid_map_put(struct oid_map *map, const struct oid *id, uint32_t number);

#endif
