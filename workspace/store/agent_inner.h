/* SPDX-License-Identifier: MIT
 *
 * What the files of this folder know of a workspace and of an agent.
 */
#ifndef WORKSPACE_STORE_AGENT_INNER_H
#define WORKSPACE_STORE_AGENT_INNER_H

#include "workspace/store/agent.h"
#include "workspace/store/epoch.h"
#include "workspace/store/memory_inner.h"
#include "workspace/store/node_map.h"
#include "workspace/store/refs.h"
#include "workspace/store/scratch.h"
#include "workspace/store/hash_table.h"

#define INDEX_SHARDS 256u

struct workspace {
	struct epoch epoch; /* first: it stands at a multiple of EPOCH_LINE */
	struct memory memory;
	struct hash_table index[INDEX_SHARDS];
	struct refs refs;
	struct object_asides asides;
	struct workspace_options options;
	struct journal *journal; /* or NULL */
	_Atomic bool is_broken;  /* a change is visible that the journal does not have: nothing can be changed any more */
	_Atomic uint16_t round;  /* of the garbage collector; see struct object */
	_Atomic uint64_t gc_count;
	uint64_t dropped_bytes;     /* of journaled objects since the journal was last written anew; of the collector */
	_Atomic int64_t left_count; /* objects that agents who left have made, less those that were dropped */
	pthread_rwlock_t gc_lock;   /* a collection alone, or those who hold it off; taken before agents_mutex */
	pthread_mutex_t agents_mutex;
	struct workspace_agent *agents;
	struct memory_retired *left; /* retired by agents who left */
	size_t left_retired, left_capacity;
};

struct workspace_agent {
	struct workspace *workspace;
	struct epoch_place *place;
	uint32_t depth; /* of brackets */
	bool holds;     /* the collector off; see hold.h */
	uint32_t seed;  /* of the pauses when two agents are in each other's way */
	struct memory_cache memory;
	struct scratch scratch;
	struct journal_writer *writer; /* or NULL */
	const struct object **fresh;   /* to be published */
	size_t fresh_count, fresh_capacity;
	struct node_map fresh_known; /* the first of them, so that none comes twice; filled when there are many */
	size_t fresh_known_count;
	_Atomic uint64_t made_count; /* objects; written by this agent only */
	struct object_lent lent;
	struct object_pending pending;
	struct workspace_agent *next, **link; /* of all agents */
	int rc;                               /* of the last agent_fail */
	char sentence[WORKSPACE_SENTENCE_BYTES];
};

/* After the list was made shorter. */
void agent_fresh_forget(struct workspace_agent *agent);

/* The workspace is broken: says so and returns ERR_IO. */
MUST_CHECK int agent_refuse_broken(struct workspace_agent *agent);

#endif
