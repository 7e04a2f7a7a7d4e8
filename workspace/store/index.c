/* SPDX-License-Identifier: MIT
 *
 * The index: 256 tables, by the first byte of the id.
 */
#include "workspace/store/index.h"

#include "workspace/store/agent_inner.h"

/* Ids are as good as random. */
static uint64_t id_hash(const struct oid *id)
{
	uint64_t hash;
	memcpy(&hash, id->bytes + 1, sizeof(hash));
	return hash;
}

static bool is_same(const void *key, const void *node)
{
	return !memcmp(((const struct oid *)key)->bytes, ((const struct object *)node)->id.bytes, OID_BYTES);
}

/* It was found again: it stays as long as if it had been made now. */
static void mark_found(struct workspace_agent *agent, struct object *node)
{
	uint16_t round = atomic_load_explicit(&agent->workspace->round, memory_order_relaxed);

	if (atomic_load_explicit(&node->round, memory_order_relaxed) != round)
		atomic_store_explicit(&node->round, round, memory_order_relaxed);
}

static void count_made(struct workspace_agent *agent)
{
	uint64_t count = atomic_load_explicit(&agent->made_count, memory_order_relaxed);
	atomic_store_explicit(&agent->made_count, count + 1, memory_order_relaxed);
}

int index_put(struct workspace_agent *agent, struct object *node, struct object **out_winner)
{
	struct workspace *workspace = agent->workspace;
	void *winner;

	atomic_store_explicit(&node->round, atomic_load_explicit(&workspace->round, memory_order_relaxed), memory_order_relaxed);
	int rc = hash_table_put(agent, &workspace->index[node->id.bytes[0]], id_hash(&node->id), is_same, &node->id, node,
				&winner);
	if (rc)
		return rc;
	if (winner == node)
		count_made(agent);
	else
		mark_found(agent, winner);
	*out_winner = winner;
	return 0;
}

void index_prefetch(struct workspace_agent *agent, const struct oid *id)
{
	hash_table_prefetch(&agent->workspace->index[id->bytes[0]], id_hash(id));
}

struct object *index_get(struct workspace_agent *agent, const struct oid *id)
{
	struct object *node = hash_table_get(&agent->workspace->index[id->bytes[0]], id_hash(id), is_same, id);

	if (node)
		mark_found(agent, node);
	return node;
}

struct each {
	index_seen *seen;
	void *context;
};

static int each_seen(void *context, void *node)
{
	struct each *each = context;
	return each->seen(each->context, node);
}

int index_each(struct workspace_agent *agent, const uint8_t *first_byte, index_seen *seen, void *context)
{
	struct each each = {seen, context};
	unsigned from = first_byte ? *first_byte : 0, until = first_byte ? *first_byte + 1u : INDEX_SHARDS;
	int rc = 0;

	for (unsigned i = from; i < until && !rc; i++)
		rc = hash_table_each(&agent->workspace->index[i], each_seen, &each);
	return rc;
}
