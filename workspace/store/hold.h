/* SPDX-License-Identifier: MIT
 *
 * Work that takes long: reading whole histories in or out.
 *
 * A bracket around it would keep every image that others replace meanwhile, and once somebody wants to collect garbage, everybody would have to wait
 * for its end. Whoever holds the collector off instead only makes the collector wait: nodes stay where they are, and brackets are opened for no
 * longer than they are needed.
 */
#ifndef WORKSPACE_STORE_HOLD_H
#define WORKSPACE_STORE_HOLD_H

#include "workspace/workspace.h"

/* From here on no object goes away. Several may hold it off at once. Waits for a collection that is under way. Within a bracket it does nothing, since that is enough by itself.
 * Returns what hold_end wants to have. */
MUST_CHECK bool hold_begin(struct workspace_agent *agent);
void hold_end(struct workspace_agent *agent, bool held);

#endif
