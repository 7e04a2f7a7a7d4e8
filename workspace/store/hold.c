/* SPDX-License-Identifier: MIT */
#include "workspace/store/hold.h"

#include "workspace/store/agent_inner.h"

/* The collector waits for all brackets to end while it has the lock: who is in one must not wait for the lock. */
bool hold_begin(struct workspace_agent *agent)
{
	if (agent->depth || agent->holds)
		return false;
	pthread_rwlock_rdlock(&agent->workspace->gc_lock);
	agent->holds = true;
	return true;
}

void hold_end(struct workspace_agent *agent, bool held)
{
	if (!held)
		return;
	agent->holds = false;
	pthread_rwlock_unlock(&agent->workspace->gc_lock);
}
