/* SPDX-License-Identifier: MIT
 *
 * Erased records, and which payloads they cover: the one of record s if it was written before, lies within through_seq, and the erasure
 * is by age, or of its task by number, or (a record that has no number) of its task by id.
 */
#include <stdlib.h>
#include <string.h>

#include "verifier/facts.h"
#include "verifier/inner.h"

/* Covers owners of its task up to `through`, itself not included. Sorted by task_number, then task_id. */
struct erasure {
	uint64_t task_number; /* 0: by age */
	uint8_t task_id[ID_BYTES];
	uint64_t through;
};

void erasures_release(struct erasures *erasures)
{
	free(erasures->list);
	*erasures = (struct erasures){0};
}

bool erasures_add(struct erasures *erasures, const struct row *row)
{
	struct facts_erased facts;
	struct erasure *entry;

	if (row->type != CODE_ERASED || row->direction != DIRECTION_OWN || row->verdict || !facts_erased_read(row->facts, &facts))
		return true;
	if (erasures->count == erasures->capacity) {
		size_t capacity = erasures->capacity ? erasures->capacity * 2 : 64;
		struct erasure *list = realloc(erasures->list, capacity * sizeof(*list));

		if (!list)
			return false;
		erasures->list = list;
		erasures->capacity = capacity;
	}
	entry = &erasures->list[erasures->count++];
	*entry = (struct erasure){.task_number = facts.task_number,
				  .through = facts.through_seq < row->seq ? facts.through_seq : row->seq - 1};
	if (facts.task_number && row->task_id.bytes == ID_BYTES)
		memcpy(entry->task_id, row->task_id.at, ID_BYTES);
	erasures->sorted = false;
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct erasure *one = a, *two = b;

	if (one->task_number != two->task_number)
		return one->task_number < two->task_number ? -1 : 1;
	return one->through < two->through ? -1 : one->through > two->through;
}

static void sort(struct erasures *erasures)
{
	if (!erasures->sorted && erasures->count)
		qsort(erasures->list, erasures->count, sizeof(*erasures->list), by_number);
	erasures->sorted = true;
}

/* The one of this number that reaches furthest; NULL: there is none. */
static const struct erasure *furthest(const struct erasures *erasures, uint64_t number)
{
	size_t low = 0, high = erasures->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (erasures->list[middle].task_number <= number)
			low = middle + 1;
		else
			high = middle;
	}
	return low && erasures->list[low - 1].task_number == number ? &erasures->list[low - 1] : NULL;
}

/* Records without a number (messages that came after their task was forgotten) are few, and so is the search for them. */
static bool covered_by_id(const struct erasures *erasures, const struct row *row)
{
	static const uint8_t nil[ID_BYTES];

	if (row->task_id.bytes != ID_BYTES || memcmp(row->task_id.at, nil, ID_BYTES) == 0)
		return false;
	for (size_t i = 0; i < erasures->count; i++)
		if (erasures->list[i].task_number && row->seq <= erasures->list[i].through &&
		    memcmp(erasures->list[i].task_id, row->task_id.at, ID_BYTES) == 0)
			return true;
	return false;
}

bool erasures_cover(struct erasures *erasures, const struct row *row)
{
	const struct erasure *by_age, *by_task;

	sort(erasures);
	by_age = furthest(erasures, 0);
	if (by_age && row->seq <= by_age->through)
		return true;
	if (!row->task_number)
		return covered_by_id(erasures, row);
	by_task = furthest(erasures, row->task_number);
	return by_task && row->seq <= by_task->through;
}
