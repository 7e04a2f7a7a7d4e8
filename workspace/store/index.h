/* SPDX-License-Identifier: MIT
 *
 * From ids to nodes: open addressing, without locks, in pieces that grow one by one.
 */
#ifndef WORKSPACE_STORE_INDEX_H
#define WORKSPACE_STORE_INDEX_H

#include "workspace/store/object.h"

/* For all of these, the caller is inside a bracket.
 *
 * Put a finished node in. `*out_winner` is the node that has this id from now on: `node`, or another that was there first (then the caller gives
 * `node` back). 0, ERR_FULL, ERR_MEMORY. */
MUST_CHECK int index_put(struct workspace_agent *agent, struct object *node, struct object **out_winner);

/* Soon there will be a put or get of this id: bring its place near. */
void index_prefetch(struct workspace_agent *agent, const struct oid *id);

/* NULL if it is not there. Waits for nobody. */
struct object *index_get(struct workspace_agent *agent, const struct oid *id);

/* Each node once, or only those whose id begins with `*first_byte`. Nodes that are put in meanwhile are seen or not. Anything but 0 ends it and is
 * returned. */
typedef int index_seen(void *context, struct object *node);
int index_each(struct workspace_agent *agent, const uint8_t *first_byte, index_seen *seen, void *context);

#endif
