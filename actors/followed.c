/* SPDX-License-Identifier: MIT
 *
 * The tasks a client waits for, found by their id.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/client_inner.h"

#define BUCKETS_FIRST 64u

/* The end of a UUIDv7 is random. */
static size_t bucket_of(const struct followed_set *set, const struct id *task_id)
{
	uint64_t tail;

	memcpy(&tail, task_id->bytes + 8, sizeof(tail));
	tail *= 0x9e3779b97f4a7c15u;
	return (size_t)(tail >> 32) & (set->bucket_count - 1);
}

void followed_release(struct followed_set *set)
{
	for (size_t i = 0; i < set->bucket_count; i++) {
		while (set->bucket[i]) {
			struct followed *task = set->bucket[i];

			set->bucket[i] = task->next;
			free(task);
		}
	}
	free(set->bucket);
	memset(set, 0, sizeof(*set));
}

struct followed *followed_find(const struct followed_set *set, const struct id *task_id)
{
	struct followed *task = set->bucket_count ? set->bucket[bucket_of(set, task_id)] : NULL;

	while (task && !id_equal(&task->task_id, task_id))
		task = task->next;
	return task;
}

static int grow(struct followed_set *set)
{
	struct followed_set larger = {.bucket_count = set->bucket_count ? set->bucket_count * 2 : BUCKETS_FIRST};

	larger.bucket = calloc(larger.bucket_count, sizeof(*larger.bucket));
	if (!larger.bucket)
		return ERR_MEMORY;
	for (size_t i = 0; i < set->bucket_count; i++) {
		while (set->bucket[i]) {
			struct followed *task = set->bucket[i];
			struct followed **to = &larger.bucket[bucket_of(&larger, &task->task_id)];

			set->bucket[i] = task->next;
			task->next = *to;
			*to = task;
		}
	}
	free(set->bucket);
	set->bucket = larger.bucket;
	set->bucket_count = larger.bucket_count;
	return 0;
}

struct followed *followed_add(struct followed_set *set, const struct id *task_id)
{
	struct followed *task = followed_find(set, task_id);
	struct followed **bucket;

	if (task)
		return task;
	if (set->count >= set->bucket_count && grow(set))
		return NULL;
	task = calloc(1, sizeof(*task));
	if (!task)
		return NULL;
	task->task_id = *task_id;
	bucket = &set->bucket[bucket_of(set, task_id)];
	task->next = *bucket;
	*bucket = task;
	set->count++;
	return task;
}

void followed_remove(struct followed_set *set, const struct id *task_id)
{
	struct followed **at = set->bucket_count ? &set->bucket[bucket_of(set, task_id)] : NULL;

	while (at && *at && !id_equal(&(*at)->task_id, task_id))
		at = &(*at)->next;
	if (at && *at) {
		struct followed *task = *at;

		*at = task->next;
		free(task);
		set->count--;
	}
}
