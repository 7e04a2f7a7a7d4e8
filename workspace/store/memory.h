/* SPDX-License-Identifier: MIT
 *
 * Memory of the workspace: small pieces out of large ones that are touched in advance, counted against one cap, and given back only when
 * nobody can look at them any more.
 *
 * Each agent has a cache of free pieces, so that taking one is a few instructions and no lock. A piece that others may be reading is retired:
 * it is reused once every bracket that was open at that moment has ended (epochs; Fraser, "Practical lock-freedom", 2004, 5.2.3).
 */
#ifndef WORKSPACE_STORE_MEMORY_H
#define WORKSPACE_STORE_MEMORY_H

#include "workspace/workspace.h"

/* 16-byte aligned, not zeroed. NULL after agent_fail with ERR_FULL (the cap) or ERR_MEMORY. */
void *memory_take(struct workspace_agent *agent, size_t bytes);

/* `bytes` as taken. At once, for what nobody else has seen; */
void memory_give(struct workspace_agent *agent, void *piece, size_t bytes);

/* or when nobody can be looking at it any more. Never fails. */
void memory_retire(struct workspace_agent *agent, void *piece, size_t bytes);

#endif
