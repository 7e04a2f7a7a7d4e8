/* SPDX-License-Identifier: MIT
 *
 * From ids to nodes: open addressing, without locks, in pieces that grow one by one.
 */
#ifndef WORKSPACE_STORE_INDEX_H
#define WORKSPACE_STORE_INDEX_H

#include "workspace/store/object.h"

/* Put a finished node in. `*out_winner` is the node that has this id from now on: `node`, or another that was there first (then the caller gives
 * `node` back). 0, ERR_FULL, ERR_MEMORY. */
MUST_CHECK int index_put(struct workspace_agent *agent, struct object *node, struct object **out_winner);

/* NULL if it is not there. Waits for nobody. */
struct object *index_get(struct workspace_agent *agent, const struct oid *id);

#endif
