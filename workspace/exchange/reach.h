/* SPDX-License-Identifier: MIT
 *
 * What some objects lead to and others do not: the list of what goes into a pack, in the order in which it stands there.
 *
 * The walk goes from the oldest commit to the newest and passes each tree once. Of a tree that is a version of one it has passed, only what is
 * different is looked at, so a long history costs what its commits changed. Nothing here has an agent; the caller holds the collector off.
 */
#ifndef WORKSPACE_EXCHANGE_REACH_H
#define WORKSPACE_EXCHANGE_REACH_H

#include "workspace/store/node_map.h"

#define REACH_NO_BASE UINT32_MAX

/* An object of the pack. A tree or file may be written as what is different from that in record `base`, which stands before it. */
struct reach_record {
	const struct object *object;
	uint32_t base;
	uint32_t depth; /* of bases below it */
};

struct reach_list {
	struct reach_record *at;
	size_t count, capacity;
};

/* Zero it to begin. */
struct reach {
	struct node_map met;
	struct reach_list commits, tags, trees, blobs;
	struct buffer cuts; /* const struct commit *: in the pack, and without all of their parents */
	struct buffer commits_to_walk, trees_to_walk, changes, children, hints;
	const struct oid
		*ends; /* commits behind which there is nothing on the other side, sorted; may be set before reach_there */
	size_t end_count;
	bool there; /* what is met now does not go into the pack */
};

void reach_release(struct reach *reach);

/* All that `object` leads to is on the other side already. Before reach_want. 0, ERR_MEMORY, ERR_LIMIT. */
MUST_CHECK int reach_there(struct reach *reach, const struct object *object);

/* It is to be there. Parents of a commit that lacks one of them are left out, as git does in a shallow repository. 0, ERR_MEMORY, ERR_LIMIT. */
MUST_CHECK int reach_want(struct reach *reach, const struct object *const *objects, size_t count);

/* Commits with the newest first, tags, trees, blobs. free() them. 0, ERR_MEMORY. */
MUST_CHECK int reach_records(const struct reach *reach, struct reach_record **out_records, size_t *out_count);

/* Is the object known to be on the other side, or in the pack? */
bool reach_met(const struct reach *reach, const struct object *object);

#endif
