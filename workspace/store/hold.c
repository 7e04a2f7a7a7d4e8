/* SPDX-License-Identifier: MIT */
#include "workspace/store/hold.h"

#include "workspace/store/agent_inner.h"

/* The collector waits for all brackets to end while it has the lock: who is in one must not wait for the lock. */
bool hold_begin(struct workspace_agent *agent)
{
	if (agent->depth)
		return false;
	pthread_mutex_lock(&agent->workspace->gc_mutex);
	return true;
}

void hold_end(struct workspace_agent *agent, bool held)
{
	if (held)
		pthread_mutex_unlock(&agent->workspace->gc_mutex);
}
