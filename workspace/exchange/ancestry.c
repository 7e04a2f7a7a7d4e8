/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/ancestry.h"

#include "workspace/store/node_map.h"

/* Whoever is not of a later generation cannot have `to` behind it. */
static int push_parents(const struct commit *commit, const struct commit *to, struct node_map *met, struct buffer *steps)
{
	int rc = 0;
	for (uint32_t i = 0; i < commit->parent_count && !rc; i++) {
		const struct commit *parent = object_as_commit(commit->parents[i]);
		bool is_new = false;
		if (parent && (parent == to || parent->generation > to->generation))
			rc = node_map_add(met, &parent->object, 1, &is_new);
		if (!rc && is_new)
			rc = buffer_append(steps, &parent, sizeof(struct commit *));
	}
	return rc;
}

int ancestry_leads(const struct commit *from, const struct commit *to, bool *out_leads)
{
	struct node_map met = {0};
	struct buffer steps = {0};
	const struct commit *commit = from;
	int rc = from == to ? 0 : buffer_append(&steps, &from, sizeof(struct commit *));
	while (!rc && commit != to && steps.bytes) {
		steps.bytes -= sizeof(struct commit *);
		memcpy(&commit, steps.at + steps.bytes, sizeof(struct commit *));
		if (commit != to)
			rc = push_parents(commit, to, &met, &steps);
	}
	*out_leads = commit == to;
	buffer_release(&steps);
	node_map_release(&met);
	return rc;
}
