/* SPDX-License-Identifier: MIT
 *
 * HEAD: the name of a ref, in one word.
 */
#include "workspace/store/agent_inner.h"

int workspace_head_get(struct workspace_agent *agent, char out_ref[WORKSPACE_REF_MAX + 1])
{
	workspace_begin(agent);
	const struct head *head = atomic_load(&agent->workspace->refs.head);
	memcpy(out_ref, head->ref, strlen(head->ref) + 1);
	workspace_end(agent);
	return 0;
}

static int head_publish(struct workspace_agent *agent, const struct head *head)
{
	struct journal_ref record = {.name = "HEAD", .version = head->version, .target = head->ref};
	int rc = agent_publish(agent, &record, 1);

	if (rc)
		atomic_store(&agent->workspace->is_broken, true);
	return rc;
}

static int head_move(struct workspace_agent *agent, const char *ref)
{
	_Atomic(struct head *) *word = &agent->workspace->refs.head;
	struct head *old = atomic_load(word), *head;

	if (!strcmp(old->ref, ref))
		return 0;
	head = memory_take(agent, sizeof(*head) + strlen(ref) + 1);
	if (!head)
		return agent->rc;
	memcpy(head->ref, ref, strlen(ref) + 1);
	do
		head->version = old->version + 1;
	while (!atomic_compare_exchange_weak(word, &old, head));
	memory_retire(agent, old, head_bytes(old));
	return head_publish(agent, head);
}

int workspace_head_set(struct workspace_agent *agent, const char *ref)
{
	const char *fault = ref_name_fault(ref);

	if (fault)
		return agent_fail(agent, ERR_MALFORMED, "HEAD cannot be \"%.120s\": the name %s", ref, fault);
	if (atomic_load(&agent->workspace->is_broken))
		return agent_refuse_broken(agent);
	workspace_begin(agent);
	int rc = head_move(agent, ref);
	workspace_end(agent);
	return rc;
}
