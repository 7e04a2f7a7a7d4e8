/* SPDX-License-Identifier: MIT
 *
 * Routing tables for people: those that the trail holds, and what differs between two of them.
 */
#ifndef CLI_TABLES_H
#define CLI_TABLES_H

#include <jansson.h>

#include "audit/trail.h"
#include "routing/table.h"

/* A table that came into force, or that was refused. */
struct loaded {
	uint64_t seq;
	uint64_t wall_ms;
	uint32_t version;
	uint32_t verdict; /* 0: in force from then on */
	struct hash file_hash;
	char who[NAME_BYTES];
	const struct table *table; /* NULL if the stored bytes are no table */
};

/* Calls `each` for every record of a table, in order. Stops when it returns non-zero, and returns that; else 0 or an error. */
MUST_CHECK int tables_read(struct trail *trail, int (*each)(void *context, const struct loaded *loaded), void *context);

/* One route as `route list` has it; a whole table: {"network": {…}, "routes": [route]}. Owned by the caller. */
json_t *route_json(const struct route *route);
json_t *table_json(const struct table *table);

/* [{"field", "before", "after"}], in the words and units of routing.conf: "network age", "route documentation timeout"; `before` or
 * `after` is null where there was no such route. `old` NULL: the table is the first. Owned by the caller. */
json_t *tables_differ(const struct table *old, const struct table *table);

#endif
