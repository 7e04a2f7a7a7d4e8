/* SPDX-License-Identifier: MIT
 *
 * What one thread has for itself while it works in a workspace.
 */
#ifndef WORKSPACE_STORE_AGENT_H
#define WORKSPACE_STORE_AGENT_H

#include "workspace/store/index.h"
#include "workspace/store/journal.h"
#include "workspace/store/memory.h"
#include "workspace/store/scratch.h"

/* Sets the sentence and returns rc. */
int agent_fail(struct workspace_agent *agent, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Remember that an object has to be in the journal before anybody hears of it; nothing if it is there already, or there is no journal. It counts also for objects
 * that another agent has made and not published yet: whoever builds on them publishes them too. 0 or ERR_MEMORY. */
MUST_CHECK int agent_fresh(struct workspace_agent *agent, const struct object *object);

/* Is it remembered, and so all that it leads to? */
bool agent_is_fresh(struct workspace_agent *agent, const struct object *object);

/* Write those to the journal, together with a change of refs if `count` is not 0. Nothing is fresh afterwards; after an error everything still is. */
MUST_CHECK int agent_publish(struct workspace_agent *agent, const struct journal_ref *refs, size_t count);

/* Bytes that live until the end of the outermost bracket or of the function that reset them: for paths, lists and the like. 16-byte aligned.
 * NULL after agent_fail. Not counted against the cap. */
void *agent_scratch(struct workspace_agent *agent, size_t bytes);

/* Where scratch is now; and give back all that was taken since. For functions that are called often inside one long bracket. */
struct scratch_mark agent_scratch_mark(struct workspace_agent *agent);
void agent_scratch_reset(struct workspace_agent *agent, struct scratch_mark mark);

#endif
