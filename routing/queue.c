/* SPDX-License-Identifier: MIT
 *
 * Waiting for a clone: one first-in-first-out queue per route, destination and priority, and per role that an operator named.
 */
#include "routing/state.h"

uint32_t queue_of(const struct omega *omega, const struct task *task)
{
	(void)omega;
	if (task->named_role)
		return ROUTE_QUEUES + task->named_role;
	return task->route * DESTINATIONS_MAX + task->destination;
}

static void mark(struct omega *omega, uint32_t queue)
{
	bool busy = false;
	for (uint32_t p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++)
		busy |= omega->queue[queue][p].count > 0;
	uint64_t bit = 1ull << (queue % 64);
	omega->queue_busy[queue / 64] = busy ? omega->queue_busy[queue / 64] | bit : omega->queue_busy[queue / 64] & ~bit;
}

void queue_push(struct omega *omega, uint32_t task)
{
	struct task *t = &omega->task[task];
	uint32_t number = queue_of(omega, t);
	struct queue *queue = &omega->queue[number][t->priority];
	t->before = queue->tail;
	t->after = 0;
	if (queue->tail)
		omega->task[queue->tail].after = task;
	else
		queue->head = task;
	queue->tail = task;
	queue->count++;
	omega->route_waiting[t->route]++;
	omega->counter.queued[t->priority]++;
	mark(omega, number);
}

void queue_remove(struct omega *omega, uint32_t task)
{
	struct task *t = &omega->task[task];
	uint32_t number = queue_of(omega, t);
	struct queue *queue = &omega->queue[number][t->priority];
	if (t->before)
		omega->task[t->before].after = t->after;
	else
		queue->head = t->after;
	if (t->after)
		omega->task[t->after].before = t->before;
	else
		queue->tail = t->before;
	t->before = t->after = 0;
	queue->count--;
	omega->route_waiting[t->route]--;
	omega->counter.queued[t->priority]--;
	mark(omega, number);
}
