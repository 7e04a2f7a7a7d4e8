/* SPDX-License-Identifier: MIT
 *
 * A table of marks, and a heap.
 */
#include "workspace/merge/commit_walk.h"

#include <stdlib.h>

#define TABLE_FIRST 128u /* chains of the inline table, a power of two */

_Static_assert(TABLE_FIRST == COMMIT_WALK_INLINE * 2 + 32, "the inline table has room for the inline entries");

void commit_walk_init(struct commit_walk *walk, bool by_date)
{
	walk->by_date = by_date;
	walk->turn = 0;
	walk->fresh_queued = 0;
	walk->entries = walk->inline_entries;
	walk->entry_count = 0;
	walk->entry_capacity = COMMIT_WALK_INLINE;
	walk->table = walk->inline_table;
	memset(walk->inline_table, 0, sizeof(walk->inline_table));
	walk->queue = walk->inline_queue;
	walk->queue_count = 0;
	walk->queue_capacity = COMMIT_WALK_INLINE;
}

void commit_walk_release(struct commit_walk *walk)
{
	if (walk->entries != walk->inline_entries) {
		free(walk->entries);
		free(walk->table);
	}
	if (walk->queue != walk->inline_queue)
		free(walk->queue);
}

static uint32_t table_size(const struct commit_walk *walk)
{
	return walk->entries == walk->inline_entries ? TABLE_FIRST : walk->entry_capacity * 2;
}

/* Where the commit stands in the table, or the free place where it would. */
static uint32_t *place_of(const struct commit_walk *walk, const struct commit *commit)
{
	uint32_t mask = table_size(walk) - 1;
	uint32_t at = (uint32_t)(((uintptr_t)commit >> 4) * 0x9E3779B1u) & mask;
	while (walk->table[at] && walk->entries[walk->table[at] - 1].commit != commit)
		at = (at + 1) & mask;
	return &walk->table[at];
}

static int grow_entries(struct commit_walk *walk)
{
	uint32_t capacity = walk->entries == walk->inline_entries ? TABLE_FIRST : walk->entry_capacity * 2;
	struct commit_mark_entry *entries = malloc(capacity * sizeof(*entries));
	uint32_t *table = calloc(capacity * 2, sizeof(*table));
	if (!entries || !table) {
		free(entries);
		free(table);
		return ERR_MEMORY;
	}
	memcpy(entries, walk->entries, walk->entry_count * sizeof(*entries));
	if (walk->entries != walk->inline_entries) {
		free(walk->entries);
		free(walk->table);
	}
	walk->entries = entries;
	walk->entry_capacity = capacity;
	walk->table = table;
	for (uint32_t i = 0; i < walk->entry_count; i++)
		*place_of(walk, entries[i].commit) = i + 1;
	return 0;
}

static bool before(const struct commit_queue_entry *a, const struct commit_queue_entry *b)
{
	return a->order != b->order ? a->order > b->order : a->turn < b->turn;
}

static int queue_put(struct commit_walk *walk, struct commit_queue_entry entry)
{
	if (walk->queue_count == walk->queue_capacity) {
		uint32_t capacity = walk->queue_capacity * 2;
		bool first = walk->queue == walk->inline_queue;
		struct commit_queue_entry *queue = realloc(first ? NULL : walk->queue, capacity * sizeof(*queue));
		if (!queue)
			return ERR_MEMORY;
		if (first)
			memcpy(queue, walk->inline_queue, sizeof(walk->inline_queue));
		walk->queue = queue;
		walk->queue_capacity = capacity;
	}
	uint32_t at = walk->queue_count++;
	while (at && before(&entry, &walk->queue[(at - 1) / 2])) {
		walk->queue[at] = walk->queue[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	walk->queue[at] = entry;
	return 0;
}

int commit_walk_put(struct commit_walk *walk, const struct commit *commit, unsigned marks)
{
	uint32_t *place = place_of(walk, commit);
	if (!*place) {
		if (walk->entry_count == walk->entry_capacity) {
			int rc = grow_entries(walk);
			if (rc)
				return rc;
			place = place_of(walk, commit);
		}
		walk->entries[walk->entry_count] = (struct commit_mark_entry){.commit = commit};
		*place = ++walk->entry_count;
	}
	uint32_t index = *place - 1;
	int rc = queue_put(walk, (struct commit_queue_entry){
					 .order = walk->by_date ? commit->seconds : (int64_t)commit->generation,
					 .turn = walk->turn++,
					 .entry = index,
				 });
	if (rc)
		return rc;
	struct commit_mark_entry *entry = &walk->entries[index];
	if ((marks & MARK_STALE) && !(entry->marks & MARK_STALE))
		walk->fresh_queued -= entry->queued;
	entry->marks |= (uint8_t)marks;
	entry->queued++;
	if (!(entry->marks & MARK_STALE))
		walk->fresh_queued++;
	return 0;
}

struct commit_mark_entry *commit_walk_get(struct commit_walk *walk)
{
	if (!walk->queue_count)
		return NULL;
	struct commit_queue_entry first = walk->queue[0];
	struct commit_queue_entry last = walk->queue[--walk->queue_count];
	uint32_t at = 0;
	for (uint32_t child = 1; child < walk->queue_count; child = 2 * at + 1) {
		if (child + 1 < walk->queue_count && before(&walk->queue[child + 1], &walk->queue[child]))
			child++;
		if (!before(&walk->queue[child], &last))
			break;
		walk->queue[at] = walk->queue[child];
		at = child;
	}
	walk->queue[at] = last;
	struct commit_mark_entry *entry = &walk->entries[first.entry];
	entry->queued--;
	if (!(entry->marks & MARK_STALE))
		walk->fresh_queued--;
	return entry;
}

unsigned commit_walk_marks(const struct commit_walk *walk, const struct commit *commit)
{
	uint32_t place = *place_of(walk, commit);
	return place ? walk->entries[place - 1].marks : 0;
}
