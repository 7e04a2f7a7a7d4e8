/* SPDX-License-Identifier: MIT
 *
 * Making objects that come in any order.
 */
#ifndef WORKSPACE_STORE_REPLAY_WAIT_H
#define WORKSPACE_STORE_REPLAY_WAIT_H

#include "workspace/store/agent.h"

struct replay_wait;

MUST_CHECK int replay_wait_new(struct workspace_agent *agent, struct replay_wait **out_wait);
void replay_wait_free(struct replay_wait *wait); /* NULL is fine */

/* Make it now, or keep a copy of it until finish. ERR_CORRUPT with a sentence of the agent if it is not what its id says or not what git takes. */
MUST_CHECK int replay_wait_take(struct replay_wait *wait, const struct journal_object *object);

/* Make those that waited, as far as what they name is there. */
MUST_CHECK int replay_wait_finish(struct replay_wait *wait);

#endif
