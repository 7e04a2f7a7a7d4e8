/* SPDX-License-Identifier: MIT
 *
 * Objects of one small change, put into the index all at once.
 *
 * The place of an object in the index is as good as random, so that looking there waits for memory. What is made between holding and settling is
 * only announced: the processor brings the places near while the next hash is computed, and nothing waits.
 */
#ifndef WORKSPACE_STORE_PENDING_H
#define WORKSPACE_STORE_PENDING_H

#include "workspace/store/object_inner.h"

/* From here on object_put keeps what it is given. For at most PENDING_MAX objects, each made from those that are there and those before it. */
void pending_hold(struct workspace_agent *agent);

/* For a while not: what is made now is put in at once, and may not name what is held. */
bool pending_pause(struct workspace_agent *agent);
void pending_go_on(struct workspace_agent *agent, bool was_held);

/* Put them in. Those that turn out to be there already are given back, and what names them names the other one; `*object` too. With `rc` not 0 all
 * are given back, and it is returned. */
MUST_CHECK int pending_settle(struct workspace_agent *agent, int rc, const struct object **object);

#endif
