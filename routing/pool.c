/* SPDX-License-Identifier: MIT
 *
 * Pools: tasks, attempts, followers and clones are taken from fixed memory and given back to it.
 */
#include "routing/state.h"

uint32_t task_take(struct omega *omega)
{
	uint32_t task = omega->task_free;
	if (task)
		omega->task_free = omega->task[task].after;
	else if (omega->task_high < omega->limits.tasks_max)
		task = ++omega->task_high;
	else
		return 0;
	omega->task[task] = (struct task){.used = true, .older = omega->task_newest};
	if (omega->task_newest)
		omega->task[omega->task_newest].newer = task;
	else
		omega->task_oldest = task;
	omega->task_newest = task;
	return task;
}

void task_drop(struct omega *omega, uint32_t task)
{
	struct task *t = &omega->task[task];
	if (t->older)
		omega->task[t->older].newer = t->newer;
	else
		omega->task_oldest = t->newer;
	if (t->newer)
		omega->task[t->newer].older = t->older;
	else
		omega->task_newest = t->older;
	clock_set(omega, task, NEVER);
	*t = (struct task){.after = omega->task_free};
	omega->task_free = task;
}

uint32_t attempt_take(struct omega *omega, uint32_t clone)
{
	uint32_t attempt = omega->attempt_free;
	if (attempt)
		omega->attempt_free = omega->attempt[attempt].after;
	else if (omega->attempt_high < ATTEMPTS_MAX)
		attempt = ++omega->attempt_high;
	else
		return 0;
	struct clone *c = &omega->clone[clone];
	omega->attempt[attempt] = (struct attempt){.clone = clone, .before = c->last_attempt};
	if (c->last_attempt)
		omega->attempt[c->last_attempt].after = attempt;
	else
		c->first_attempt = attempt;
	c->last_attempt = attempt;
	c->attempts++;
	return attempt;
}

void attempt_drop(struct omega *omega, uint32_t attempt)
{
	struct attempt *a = &omega->attempt[attempt];
	struct clone *clone = &omega->clone[a->clone];
	if (a->before)
		omega->attempt[a->before].after = a->after;
	else
		clone->first_attempt = a->after;
	if (a->after)
		omega->attempt[a->after].before = a->before;
	else
		clone->last_attempt = a->before;
	clone->attempts--;
	if (a->state != ATTEMPT_WAITING)
		clone->used--;
	if (a->task)
		omega->task[a->task].attempt = 0;
	clock_set(omega, clock_node_of_attempt(omega, attempt), NEVER);
	*a = (struct attempt){.after = omega->attempt_free};
	omega->attempt_free = attempt;
}

static uint32_t follower_take(struct omega *omega)
{
	uint32_t follower = omega->follower_free;
	if (follower)
		omega->follower_free = omega->follower[follower].next;
	else if (omega->follower_high < FOLLOWERS_POOL)
		follower = ++omega->follower_high;
	return follower;
}

/* Without room the newcomer is not told; it can ask again, and the outcome stays in the trail. */
void follower_add(struct omega *omega, uint32_t task, const char *name)
{
	struct task *t = &omega->task[task];
	size_t length = text_of(name).bytes + 1;
	if (memcmp(t->client, name, length) == 0)
		return;
	uint32_t *link = &t->first_follower;
	for (; *link; link = &omega->follower[*link].next)
		if (memcmp(omega->follower[*link].name, name, length) == 0)
			return;
	if (t->follower_count == FOLLOWERS_MAX)
		return;
	uint32_t follower = follower_take(omega);
	if (!follower)
		return;
	omega->follower[follower].next = 0;
	copy_name(omega->follower[follower].name, NAME_BYTES, name, length - 1);
	*link = follower;
	t->follower_count++;
}

void followers_drop(struct omega *omega, uint32_t task)
{
	struct task *t = &omega->task[task];
	while (t->first_follower) {
		uint32_t follower = t->first_follower;
		t->first_follower = omega->follower[follower].next;
		omega->follower[follower].next = omega->follower_free;
		omega->follower_free = follower;
	}
	t->follower_count = 0;
}

static bool clone_is_gone(const struct clone *clone)
{
	return !clone->known ||
	       (clone->presence == PRESENCE_LOST && !clone->first_attempt && !clone->quarantined && !clone->draining);
}

bool clone_room(const struct omega *omega)
{
	if (omega->clone_high < PEERS_MAX)
		return true;
	for (uint32_t i = 1; i <= omega->clone_high; i++)
		if (clone_is_gone(&omega->clone[i]))
			return true;
	return false;
}

/* A new place, or that of the first clone that is lost and has nothing. */
uint32_t clone_take(struct omega *omega)
{
	uint32_t clone = 0;
	if (omega->clone_high < PEERS_MAX)
		clone = ++omega->clone_high;
	for (uint32_t i = 1; !clone && i <= omega->clone_high; i++)
		if (clone_is_gone(&omega->clone[i]))
			clone = i;
	if (!clone)
		return 0;
	clock_set(omega, clock_node_of_clone(omega, clone), NEVER);
	omega->clone[clone] = (struct clone){.known = true};
	return clone;
}

void child_add(struct omega *omega, uint32_t parent, uint32_t child)
{
	struct task *p = &omega->task[parent], *c = &omega->task[child];
	c->parent = parent;
	c->child_before = p->last_child;
	if (p->last_child)
		omega->task[p->last_child].child_after = child;
	else
		p->first_child = child;
	p->last_child = child;
	p->child_count++;
}

void child_remove(struct omega *omega, uint32_t child)
{
	struct task *c = &omega->task[child];
	if (!c->parent)
		return;
	struct task *p = &omega->task[c->parent];
	if (c->child_before)
		omega->task[c->child_before].child_after = c->child_after;
	else
		p->first_child = c->child_after;
	if (c->child_after)
		omega->task[c->child_after].child_before = c->child_before;
	else
		p->last_child = c->child_before;
	p->child_count--;
	c->parent = c->child_before = c->child_after = 0;
}
