/* SPDX-License-Identifier: MIT
 *
 * Objects of one small change.
 */
#include "workspace/store/pending.h"

#include <assert.h>

void pending_hold(struct workspace_agent *agent)
{
	assert(!agent->pending.count);
	agent->pending.is_held = true;
}

bool pending_pause(struct workspace_agent *agent)
{
	bool was_held = agent->pending.is_held;
	agent->pending.is_held = false;
	return was_held;
}

void pending_go_on(struct workspace_agent *agent, bool was_held)
{
	agent->pending.is_held = was_held;
}

static void tree_replace(struct tree *tree, const struct object *old, const struct object *now)
{
	struct tree_image *image = atomic_load_explicit(&tree->image, memory_order_relaxed);
	for (uint32_t i = 0; i < tree->patch_count; i++) {
		if (tree->patches[i].child == old)
			tree->patches[i].child = now;
	}
	for (uint32_t i = 0; image && i < tree->shape->count; i++) {
		if (image->children[i] == old)
			image->children[i] = now;
	}
}

/* Nobody else has seen any of these yet. */
static void replace(struct object *node, const struct object *old, const struct object *now)
{
	if (node->type == OBJECT_TREE)
		tree_replace((struct tree *)node, old, now);
	else if (node->type == OBJECT_COMMIT && &((struct commit *)node)->tree->object == old)
		((struct commit *)node)->tree = object_as_tree(now);
}

/* The one at `index`; it is given back if another is there, or if that fails. */
static int settle_one(struct workspace_agent *agent, uint32_t index, const struct object **object)
{
	struct object **nodes = agent->pending.nodes, *node = nodes[index], *winner;
	int rc = index_put(agent, node, &winner);
	if (!rc && winner != node) {
		for (uint32_t i = index + 1; i < agent->pending.count; i++)
			replace(nodes[i], node, winner);
		if (*object == node)
			*object = winner;
	}
	if (rc || winner != node)
		object_free(agent, node);
	return rc ? rc : agent_fresh(agent, winner);
}

int pending_settle(struct workspace_agent *agent, int rc, const struct object **object)
{
	struct object_pending *pending = &agent->pending;
	pending->is_held = false;
	for (uint32_t i = 0; i < pending->count; i++) {
		if (rc)
			object_free(agent, pending->nodes[i]);
		else
			rc = settle_one(agent, i, object);
	}
	pending->count = 0;
	return rc;
}
