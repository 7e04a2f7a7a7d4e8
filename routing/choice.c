/* SPDX-License-Identifier: MIT
 *
 * Who gets which task next: by health, then load, then the order of fallbacks; among waiting tasks by priority, weighted so
 * that no class starves, and with age. Reads only.
 *
 * Each role serves in rounds: within one, a class may be served as often as its weight says, the highest class first; when no
 * class that waits has credit left, a new round begins (weighted round robin). So a class that waits gets its share of
 * every round, and an idle one gathers nothing.
 */
#include "routing/state.h"

bool clone_usable(const struct omega *omega, const struct clone *clone)
{
	(void)omega;
	return clone->known && clone->presence == PRESENCE_ALIVE && !clone->draining && !clone->leaving && !clone->quarantined &&
	       !clone->breaker_until_ms;
}

/* Attempts that wait for child tasks take no slot, but a process each. */
static bool has_room(const struct clone *clone)
{
	uint32_t room = clone->slots + WAITING_MAX;
	return clone->attempts < (room < SLOTS_MAX ? room : SLOTS_MAX);
}

/* After its breaker was open, a clone gets one attempt to show that it works again. */
bool clone_free(const struct omega *omega, const struct clone *clone)
{
	bool on_trial = clone->failures >= omega->table.breaker_failures;
	return clone_usable(omega, clone) && clone->used < (on_trial ? 1 : clone->slots) && has_room(clone);
}

bool clone_offers(const struct clone *clone, const char *task_type)
{
	const char *at = clone->task_types;
	size_t length = text_of(task_type).bytes;
	if (!*at)
		return true;
	while (*at) {
		size_t part = 0;
		while (at[part] && at[part] != ',')
			part++;
		if (part == length && memcmp(at, task_type, length) == 0)
			return true;
		at += part + (at[part] == ',');
	}
	return false;
}

/* True if `a` should be asked before `b`: more free slots, then less load, then whoever has waited longer for work. */
static bool better(const struct clone *a, const struct clone *b)
{
	if (a->slots - a->used != b->slots - b->used)
		return a->slots - a->used > b->slots - b->used;
	if (a->load != b->load)
		return a->load < b->load;
	return a->assigned_seq < b->assigned_seq;
}

uint32_t choose_clone(const struct omega *omega, uint32_t role, const char *task_type, bool *out_usable)
{
	uint32_t best = 0;
	*out_usable = false;
	for (uint32_t i = 1; role && i <= omega->clone_high; i++) {
		const struct clone *clone = &omega->clone[i];
		if (clone->role != role || !clone_usable(omega, clone) || !clone_offers(clone, task_type))
			continue;
		*out_usable = true;
		if (clone_free(omega, clone) && (!best || better(clone, &omega->clone[best])))
			best = i;
	}
	return best;
}

/* Where a task of this queue would go now: the first destination from its own on that has a healthy instance. */
static bool choose_destination(const struct omega *omega, const struct task *task, struct choice *out)
{
	const struct route *route = &omega->table.route[task->route];
	bool usable = false;
	out->skipped = 0;
	if (task->named_role) {
		out->destination = task->destination;
		out->role = task->named_role;
		out->clone = choose_clone(omega, out->role, route->task_type, &usable);
		return out->clone != 0;
	}
	for (uint32_t d = task->destination; d < route->destination_count; d++) {
		out->destination = d;
		out->role = omega->route_role[task->route][d];
		out->clone = choose_clone(omega, out->role, route->task_type, &usable);
		if (usable)
			return out->clone != 0;
		out->skipped |= 1u << d;
	}
	return false;
}

static uint32_t class_of(const struct omega *omega, const struct task *task)
{
	uint64_t waited = omega->moment.now_ms > task->queued_ms ? omega->moment.now_ms - task->queued_ms : 0;
	uint64_t aged = task->priority + (omega->table.age_ms ? waited / omega->table.age_ms : 0);
	return aged < PRIORITY_URGENT ? (uint32_t)aged : PRIORITY_URGENT;
}

/* True if `a` goes before `b`. Credit compares within one role only; between roles the older task goes first, both will go. */
static bool precedes(const struct omega *omega, const struct choice *a, const struct choice *b)
{
	const struct task *s = &omega->task[a->task], *t = &omega->task[b->task];
	if (a->role == b->role) {
		const struct role *role = &omega->role[a->role];
		if ((role->credit[a->class] > 0) != (role->credit[b->class] > 0))
			return role->credit[a->class] > 0;
		if (a->class != b->class)
			return a->class > b->class;
	}
	if (s->queued_ms != t->queued_ms)
		return s->queued_ms < t->queued_ms;
	return s->number < t->number;
}

static void consider_queue(const struct omega *omega, uint32_t number, struct choice *best)
{
	struct choice place = {0};
	bool placed = false;
	for (uint32_t p = PRIORITY_URGENT; p >= PRIORITY_LOW; p--) {
		uint32_t head = omega->queue[number][p].head;
		if (!head)
			continue;
		if (!placed || number >= ROUTE_QUEUES) {
			placed = choose_destination(omega, &omega->task[head], &place);
			if (!placed && number < ROUTE_QUEUES)
				return;
			if (!placed)
				continue;
		}
		place.task = head;
		place.class = class_of(omega, &omega->task[head]);
		if (!best->task || precedes(omega, &place, best))
			*best = place;
	}
}

bool choose(const struct omega *omega, struct choice *out_choice)
{
	*out_choice = (struct choice){0};
	for (uint32_t word = 0; word < QUEUE_WORDS; word++)
		for (uint64_t bits = omega->queue_busy[word]; bits; bits &= bits - 1)
			consider_queue(omega, word * 64 + (uint32_t)__builtin_ctzll(bits), out_choice);
	return out_choice->task != 0;
}
