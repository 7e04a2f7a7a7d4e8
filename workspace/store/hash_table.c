/* SPDX-License-Identifier: MIT
 *
 * A hash table without locks.
 *
 * Why no node is ever there twice: a node is put in the next slots only after a search of the old ones came to a frozen one. So it is
 * not in the old ones, and cannot get there; and one that is being moved stays to be found in the old ones until they are given up.
 */
#include "workspace/store/hash_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "workspace/store/agent_inner.h"

#define SLOTS_MIN   64u
#define SLOTS_MAX   (1u << 21) /* the bits of a hash that a slot keeps */
#define BLOCK_SLOTS 64u        /* are moved in one go */
#define MOVES       2u         /* blocks, with each put */

#define EMPTY  0u
#define FROZEN 1u
#define GONE   2u /* swept */
#define NODE   3u /* and more: a node */

#define TAG_SHIFT 43
#define NODE_MASK (((uint64_t)1 << TAG_SHIFT) - 1)

struct hash_table_slots {
	uint32_t count;
	_Atomic(struct hash_table_slots *) next;
	uint8_t line[EPOCH_LINE - 16];
	_Atomic uint32_t used;
	_Atomic uint32_t moving; /* blocks that somebody moves or has moved */
	_Atomic uint32_t moved;
	uint8_t line_too[EPOCH_LINE - 16];
	_Atomic uint64_t slots[];
};

static uint64_t slot_of(uint64_t hash, const void *node)
{
	return hash >> TAG_SHIFT << TAG_SHIFT | (uintptr_t)node >> 4;
}

static void *slot_node(uint64_t slot)
{
	return (void *)(uintptr_t)((slot & NODE_MASK) << 4);
}

static bool is_node(uint64_t slot)
{
	return slot >= NODE;
}

static uint32_t slot_home(uint64_t slot)
{
	return (uint32_t)(slot >> TAG_SHIFT);
}

static size_t slots_bytes(uint32_t count)
{
	return sizeof(struct hash_table_slots) + count * sizeof(uint64_t);
}

static struct hash_table_slots *slots_new(struct workspace_agent *agent, uint32_t count)
{
	struct hash_table_slots *slots = memory_take(agent, slots_bytes(count));

	if (!slots)
		return NULL;
	memset(slots, 0, slots_bytes(count));
	slots->count = count;
	return slots;
}

static uint32_t block_count(const struct hash_table_slots *slots)
{
	return slots->count / BLOCK_SLOTS;
}

int hash_table_init(struct workspace_agent *agent, struct hash_table *table)
{
	struct hash_table_slots *slots = slots_new(agent, SLOTS_MIN);

	if (!slots)
		return agent->rc;
	atomic_store(&table->root, slots);
	return 0;
}

/* ---- looking ---- */

static bool is_match(uint64_t slot, uint64_t hash, hash_table_same *same, const void *key)
{
	return is_node(slot) && slot >> TAG_SHIFT == hash >> TAG_SHIFT && same(key, slot_node(slot));
}

/* The node in these slots or NULL; then `*out_frozen` says whether the search goes on in the next ones. */
static void *slots_get(const struct hash_table_slots *slots, uint64_t hash, hash_table_same *same, const void *key,
		       bool *out_frozen)
{
	uint32_t mask = slots->count - 1;
	uint32_t at = slot_home(hash) & mask;

	for (uint32_t i = 0; i < slots->count; i++, at = (at + 1) & mask) {
		uint64_t slot = atomic_load_explicit(&slots->slots[at], memory_order_acquire);
		*out_frozen = slot == FROZEN;
		if (slot == EMPTY || slot == FROZEN)
			return NULL;
		if (is_match(slot, hash, same, key))
			return slot_node(slot);
	}
	*out_frozen = true; /* all are taken */
	return NULL;
}

void *hash_table_get(const struct hash_table *table, uint64_t hash, hash_table_same *same, const void *key)
{
	const struct hash_table_slots *slots = atomic_load_explicit(&table->root, memory_order_acquire);

	while (slots) {
		bool frozen;
		void *node = slots_get(slots, hash, same, key, &frozen);
		if (node || !frozen)
			return node;
		slots = atomic_load_explicit(&slots->next, memory_order_acquire);
	}
	return NULL;
}

void hash_table_prefetch(const struct hash_table *table, uint64_t hash)
{
	const struct hash_table_slots *slots = atomic_load_explicit(&table->root, memory_order_acquire);

	__builtin_prefetch((const void *)(uintptr_t)&slots->slots[slot_home(hash) & (slots->count - 1)], 1);
}

/* ---- growing ---- */

/* Have next slots, if there is memory. */
static struct hash_table_slots *slots_grow(struct workspace_agent *agent, struct hash_table_slots *slots)
{
	struct hash_table_slots *next = atomic_load_explicit(&slots->next, memory_order_acquire);

	if (next || slots->count == SLOTS_MAX)
		return next;
	struct hash_table_slots *made = slots_new(agent, 2 * slots->count);
	if (!made)
		return NULL;
	if (atomic_compare_exchange_strong(&slots->next, &next, made))
		return made;
	memory_give(agent, made, slots_bytes(made->count));
	return next;
}

/* Put a node that is in no other slots but those it comes from. False: no room, and no memory for more. */
static bool slots_copy(struct workspace_agent *agent, struct hash_table_slots *slots, uint64_t moved)
{
	while (slots) {
		uint32_t mask = slots->count - 1;
		uint32_t at = slot_home(moved) & mask;
		for (uint32_t i = 0; i < slots->count; i++, at = (at + 1) & mask) {
			uint64_t slot = EMPTY;
			if (atomic_compare_exchange_strong(&slots->slots[at], &slot, moved)) {
				atomic_fetch_add(&slots->used, 1);
				return true;
			}
			if (slot == moved)
				return true;
			if (slot == FROZEN)
				break;
		}
		slots = slots_grow(agent, slots);
	}
	return false;
}

static bool block_move(struct workspace_agent *agent, struct hash_table_slots *slots, uint32_t block)
{
	struct hash_table_slots *next = atomic_load(&slots->next);

	for (uint32_t at = block * BLOCK_SLOTS; at < (block + 1) * BLOCK_SLOTS; at++) {
		uint64_t slot = EMPTY;
		if (!atomic_compare_exchange_strong(&slots->slots[at], &slot, FROZEN) && is_node(slot) &&
		    !slots_copy(agent, next, slot))
			return false; /* it stays to be found here; these slots will not be given up */
	}
	return true;
}

/* Slots that were moved wholly are given up, the oldest first. */
static void root_advance(struct workspace_agent *agent, struct hash_table *table)
{
	for (;;) {
		struct hash_table_slots *root = atomic_load(&table->root);
		if (atomic_load(&root->moved) < block_count(root))
			return;
		size_t bytes = slots_bytes(root->count);
		struct hash_table_slots *old = root;
		if (atomic_compare_exchange_strong(&table->root, &old, atomic_load(&root->next)))
			memory_retire(agent, root, bytes);
	}
}

static void slots_move(struct workspace_agent *agent, struct hash_table *table, struct hash_table_slots *slots, uint32_t blocks)
{
	while (blocks-- && atomic_load_explicit(&slots->moving, memory_order_relaxed) < block_count(slots)) {
		uint32_t block = atomic_fetch_add(&slots->moving, 1);
		if (block >= block_count(slots) || !block_move(agent, slots, block))
			return;
		if (atomic_fetch_add(&slots->moved, 1) + 1 == block_count(slots))
			root_advance(agent, table);
	}
}

/* ---- putting ---- */

enum put { PUT_DONE, PUT_FOUND, PUT_NEXT };

static enum put slots_put(struct hash_table_slots *slots, uint64_t own, hash_table_same *same, const void *key, void **out_winner)
{
	uint32_t mask = slots->count - 1;
	uint32_t at = slot_home(own) & mask;

	for (uint32_t i = 0; i < slots->count; i++, at = (at + 1) & mask) {
		uint64_t slot = atomic_load_explicit(&slots->slots[at], memory_order_acquire);
		if (slot == EMPTY && atomic_compare_exchange_strong(&slots->slots[at], &slot, own)) {
			*out_winner = slot_node(own);
			return PUT_DONE;
		}
		if (slot == FROZEN)
			return PUT_NEXT;
		if (is_match(slot, own, same, key)) {
			*out_winner = slot_node(slot);
			return PUT_FOUND;
		}
	}
	return PUT_NEXT;
}

/* Room for one more: more slots at five eighths; when there is no memory for them, these must do up to seven eighths. */
static int slots_prepare(struct workspace_agent *agent, struct hash_table *table, struct hash_table_slots *slots)
{
	uint32_t used = atomic_load_explicit(&slots->used, memory_order_relaxed);

	if (used >= slots->count / 8 * 5 && !slots_grow(agent, slots) && used >= slots->count / 8 * 7)
		return slots->count == SLOTS_MAX ? agent_fail(agent, ERR_FULL, "a table of %u places is full", SLOTS_MAX)
						 : agent->rc;
	if (atomic_load_explicit(&slots->next, memory_order_acquire))
		slots_move(agent, table, slots, MOVES);
	return 0;
}

int hash_table_put(struct workspace_agent *agent, struct hash_table *table, uint64_t hash, hash_table_same *same, const void *key,
		   void *node, void **out_winner)
{
	struct hash_table_slots *slots = atomic_load_explicit(&table->root, memory_order_acquire);

	assert(!((uintptr_t)node & 15));
	for (;;) {
		int rc = slots_prepare(agent, table, slots);
		if (rc)
			return rc;
		enum put put = slots_put(slots, slot_of(hash, node), same, key, out_winner);
		if (put == PUT_DONE)
			atomic_fetch_add_explicit(&slots->used, 1, memory_order_relaxed);
		if (put != PUT_NEXT)
			return 0;
		struct hash_table_slots *next = slots_grow(agent, slots);
		if (!next)
			return agent->rc;
		slots = next;
	}
}

/* ---- all of them ---- */

static bool slots_have(const struct hash_table_slots *slots, uint64_t wanted)
{
	uint32_t mask = slots->count - 1;
	uint32_t at = slot_home(wanted) & mask;

	for (uint32_t i = 0; i < slots->count; i++, at = (at + 1) & mask) {
		uint64_t slot = atomic_load(&slots->slots[at]);
		if (slot == wanted)
			return true;
		if (slot == EMPTY || slot == FROZEN)
			return false;
	}
	return false;
}

static bool was_seen(const struct hash_table_slots *from, const struct hash_table_slots *until, uint64_t slot)
{
	for (; from != until; from = atomic_load(&from->next))
		if (slots_have(from, slot))
			return true;
	return false;
}

int hash_table_each(const struct hash_table *table, hash_table_seen *seen, void *context)
{
	const struct hash_table_slots *root = atomic_load(&table->root);

	for (const struct hash_table_slots *slots = root; slots; slots = atomic_load(&slots->next)) {
		for (uint32_t i = 0; i < slots->count; i++) {
			uint64_t slot = atomic_load(&slots->slots[i]);
			if (!is_node(slot) || was_seen(root, slots, slot))
				continue;
			int rc = seen(context, slot_node(slot));
			if (rc)
				return rc;
		}
	}
	return 0;
}

/* ---- while nobody else is inside ---- */

int hash_table_settle(struct workspace_agent *agent, struct hash_table *table)
{
	struct hash_table_slots *root;

	while ((root = atomic_load(&table->root)) && atomic_load(&root->next)) {
		atomic_store(&root->moving, 0);
		atomic_store(&root->moved, 0);
		slots_move(agent, table, root, UINT32_MAX);
		if (atomic_load(&table->root) == root)
			return ERR_MEMORY;
	}
	return 0;
}

/* How many stay. */
static uint32_t slots_sweep(struct hash_table_slots *slots, hash_table_stays *stays, void *context)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < slots->count; i++) {
		uint64_t slot = atomic_load(&slots->slots[i]);
		if (!is_node(slot))
			continue;
		if (stays(context, slot_node(slot)))
			kept++;
		else
			atomic_store(&slots->slots[i], GONE);
	}
	return kept;
}

static void slots_fill(struct workspace_agent *agent, struct hash_table_slots *slots, const uint64_t *nodes, uint32_t count)
{
	memset(slots->slots, 0, slots->count * sizeof(uint64_t));
	atomic_store(&slots->used, 0);
	for (uint32_t i = 0; i < count; i++)
		(void)slots_copy(agent, slots, nodes[i]);
}

static uint32_t count_for(uint32_t nodes)
{
	uint32_t count = SLOTS_MIN;

	while (count < SLOTS_MAX && count / 2 < nodes)
		count *= 2;
	return count;
}

void hash_table_sweep(struct workspace_agent *agent, struct hash_table *table, hash_table_stays *stays, void *context)
{
	struct hash_table_slots *slots = atomic_load(&table->root);
	uint32_t kept = slots_sweep(slots, stays, context), count = 0;
	uint64_t *nodes = malloc(((size_t)kept + 1) * sizeof(*nodes));

	if (!nodes)
		return; /* what is gone takes a slot until the next time */
	for (uint32_t i = 0; i < slots->count; i++)
		if (is_node(atomic_load(&slots->slots[i])))
			nodes[count++] = atomic_load(&slots->slots[i]);

	struct hash_table_slots *smaller = count_for(kept) < slots->count ? slots_new(agent, count_for(kept)) : NULL;
	slots_fill(agent, smaller ? smaller : slots, nodes, count);
	if (smaller) {
		atomic_store(&table->root, smaller);
		memory_give(agent, slots, slots_bytes(slots->count));
	}
	free(nodes);
}

void hash_table_release(struct workspace_agent *agent, struct hash_table *table)
{
	struct hash_table_slots *root = atomic_exchange(&table->root, NULL);

	if (root)
		memory_give(agent, root, slots_bytes(root->count));
}
