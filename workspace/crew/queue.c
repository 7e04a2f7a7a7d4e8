/* SPDX-License-Identifier: MIT
 *
 * Writers take a position by compare-and-swap and fill its slot when it is theirs; the reader finds slots filled in order.
 */
#include "workspace/crew/queue.h"

#include <stdlib.h>

int queue_init(struct queue *queue, uint32_t size)
{
	queue->slots = aligned_alloc(LINE_BYTES, (size_t)size * sizeof(*queue->slots));
	if (!queue->slots)
		return ERR_MEMORY;
	queue->mask = size - 1;
	atomic_init(&queue->tail, 0);
	atomic_init(&queue->head, 0);
	for (uint32_t i = 0; i < size; i++)
		atomic_init(&queue->slots[i].turn, i);
	return 0;
}

void queue_release(struct queue *queue)
{
	free(queue->slots);
	queue->slots = NULL;
}

bool queue_has_room(struct queue *queue, uint32_t spare)
{
	uint32_t head = atomic_load(&queue->head);
	uint32_t tail = atomic_load(&queue->tail);

	return tail - head + spare <= queue->mask;
}

int queue_put(struct queue *queue, uint32_t spare, uint32_t to, const struct crew_message *message)
{
	uint32_t tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
	struct slot *slot;

	for (;;) {
		/* In this order, `head` may only be ahead of what `tail` was compared with, never behind a slot in use. */
		if ((int32_t)(tail - atomic_load(&queue->head)) > (int32_t)(queue->mask - spare))
			return ERR_OVERLOADED;
		slot = &queue->slots[tail & queue->mask];
		if (atomic_load_explicit(&slot->turn, memory_order_acquire) != tail)
			tail = atomic_load_explicit(&queue->tail, memory_order_relaxed);
		else if (atomic_compare_exchange_weak_explicit(&queue->tail, &tail, tail + 1, memory_order_relaxed,
							       memory_order_relaxed))
			break;
	}
	slot->to = to;
	slot->message = *message;
	atomic_store_explicit(&slot->turn, tail + 1, memory_order_release);
	return 0;
}

struct slot *queue_next(struct queue *queue)
{
	uint32_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);
	struct slot *slot = &queue->slots[head & queue->mask];

	return atomic_load_explicit(&slot->turn, memory_order_acquire) == head + 1 ? slot : NULL;
}

void queue_give_back(struct queue *queue)
{
	uint32_t head = atomic_load_explicit(&queue->head, memory_order_relaxed);

	atomic_store_explicit(&queue->slots[head & queue->mask].turn, head + queue->mask + 1, memory_order_release);
	atomic_store(&queue->head, head + 1);
}
