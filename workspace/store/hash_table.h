/* SPDX-License-Identifier: MIT
 *
 * From a hash to a node: open addressing that grows while it is used, without locks (after Cliff Click's hash table for Java).
 *
 * A slot is empty, or a node with 21 bits of its hash, or frozen: nothing will ever be put there, look in the next slots. A table that gets
 * full has next slots of twice the number; whoever puts something in moves a few nodes there first, and freezes what is empty. Nodes are
 * never taken out but by hash_table_sweep, while nobody else is inside.
 */
#ifndef WORKSPACE_STORE_HASH_TABLE_H
#define WORKSPACE_STORE_HASH_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/error.h"

struct workspace_agent;
struct hash_table_slots;

struct hash_table { /* zeroed at first */
	_Atomic(struct hash_table_slots *) root;
};

/* Whether a node is the one that is looked for. */
typedef bool hash_table_same(const void *key, const void *node);

MUST_CHECK int hash_table_init(struct workspace_agent *agent, struct hash_table *table); /* ERR_FULL, ERR_MEMORY */
void hash_table_release(struct workspace_agent *agent, struct hash_table *table);

/* The caller is inside a bracket. NULL if it is not there. The upper 32 bits of the hash count. */
void *hash_table_get(const struct hash_table *table, uint64_t hash, hash_table_same *same, const void *key);

/* Bring the place near where it is or would be. */
void hash_table_prefetch(const struct hash_table *table, uint64_t hash);

/* `node`, a multiple of 16, unless there is one already; ERR_FULL or ERR_MEMORY if it cannot grow. */
MUST_CHECK int hash_table_put(struct workspace_agent *agent, struct hash_table *table, uint64_t hash, hash_table_same *same,
			      const void *key, void *node, void **out_winner);

/* Each node once. What is put in meanwhile is seen or not. Anything but 0 ends it and is returned. */
typedef int hash_table_seen(void *context, void *node);
int hash_table_each(const struct hash_table *table, hash_table_seen *seen, void *context);

/* ---- while nobody else is inside ---- */

/* Finish growing. */
MUST_CHECK int hash_table_settle(struct workspace_agent *agent, struct hash_table *table);

/* Take out what is not to stay (`stays` may give it back at once), and become as small as that allows. It is settled. */
typedef bool hash_table_stays(void *context, void *node);
void hash_table_sweep(struct workspace_agent *agent, struct hash_table *table, hash_table_stays *stays, void *context);

#endif
