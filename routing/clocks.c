/* SPDX-License-Identifier: MIT
 *
 * The clocks of the core: one per task, attempt and clone, in a binary heap that knows where each stands.
 */
#include "routing/state.h"

uint32_t clock_node_of_attempt(const struct omega *omega, uint32_t attempt)
{
	return omega->limits.tasks_max + attempt;
}

uint32_t clock_node_of_clone(const struct omega *omega, uint32_t clone)
{
	return omega->limits.tasks_max + ATTEMPTS_MAX + clone;
}

static void put(struct omega *omega, uint32_t place, uint32_t node)
{
	omega->clock_heap[place] = node;
	omega->clock_place[node] = place;
}

static bool earlier(const struct omega *omega, uint32_t a, uint32_t b)
{
	return omega->clock_when[a] < omega->clock_when[b];
}

static uint32_t rise(struct omega *omega, uint32_t place)
{
	uint32_t node = omega->clock_heap[place];
	while (place > 1 && earlier(omega, node, omega->clock_heap[place / 2])) {
		put(omega, place, omega->clock_heap[place / 2]);
		place /= 2;
	}
	put(omega, place, node);
	return place;
}

static void sink(struct omega *omega, uint32_t place)
{
	uint32_t node = omega->clock_heap[place];
	for (;;) {
		uint32_t child = place * 2;
		if (child > omega->clock_count)
			break;
		if (child < omega->clock_count && earlier(omega, omega->clock_heap[child + 1], omega->clock_heap[child]))
			child++;
		if (!earlier(omega, omega->clock_heap[child], node))
			break;
		put(omega, place, omega->clock_heap[child]);
		place = child;
	}
	put(omega, place, node);
}

static void clock_clear(struct omega *omega, uint32_t node)
{
	uint32_t place = omega->clock_place[node];
	if (!place)
		return;
	uint32_t last = omega->clock_heap[omega->clock_count--];
	omega->clock_place[node] = 0;
	if (last == node)
		return;
	put(omega, place, last);
	sink(omega, rise(omega, place));
}

void clock_set(struct omega *omega, uint32_t node, uint64_t when_ms)
{
	if (when_ms == NEVER) {
		clock_clear(omega, node);
		return;
	}
	omega->clock_when[node] = when_ms;
	uint32_t place = omega->clock_place[node];
	if (!place) {
		place = ++omega->clock_count;
		put(omega, place, node);
	}
	sink(omega, rise(omega, place));
}

uint64_t clock_first(const struct omega *omega, uint32_t *out_node)
{
	if (!omega->clock_count)
		return NEVER;
	*out_node = omega->clock_heap[1];
	return omega->clock_when[*out_node];
}

static void sooner(uint64_t when, enum clock clock, uint64_t *best, enum clock *out_clock)
{
	if (when < *best) {
		*best = when;
		*out_clock = clock;
	}
}

uint64_t task_clock(const struct omega *omega, const struct task *task, enum clock *out_clock)
{
	const struct route *route = &omega->table.route[task->route];
	uint64_t best = NEVER;
	*out_clock = CLOCK_NONE;
	if (task->state == STATE_CANCELLING)
		return NEVER; /* the attempt's grace ends it */
	if (task->orphaned) {
		*out_clock = CLOCK_PARENT;
		return 0;
	}
	sooner(task->deadline_ms, CLOCK_DEADLINE, &best, out_clock);
	if (task->state == STATE_ACCEPTED)
		sooner(task->queued_ms + route->start_ms, CLOCK_START, &best, out_clock);
	if (task->state == STATE_WAITING && !task->escalated)
		sooner(task->backoff_ms, CLOCK_BACKOFF, &best, out_clock);
	return best;
}

uint64_t attempt_clock(const struct attempt *attempt, enum clock *out_clock)
{
	*out_clock = CLOCK_NONE;
	if (attempt->state == ATTEMPT_FREE)
		return NEVER;
	if (attempt->lost) {
		*out_clock = CLOCK_LOST;
		return 0;
	}
	if (attempt->state == ATTEMPT_ENDING) {
		*out_clock = CLOCK_GRACE;
		return attempt->silence_ms;
	}
	if (attempt->state != ATTEMPT_ASSIGNED && attempt->timeout_at <= attempt->silence_ms) {
		*out_clock = CLOCK_TIMEOUT;
		return attempt->timeout_at;
	}
	*out_clock = attempt->state == ATTEMPT_ASSIGNED ? CLOCK_ASSIGN : CLOCK_HEARTBEAT;
	return attempt->silence_ms;
}

uint64_t clone_clock(const struct clone *clone, enum clock *out_clock)
{
	*out_clock = clone->breaker_until_ms ? CLOCK_BREAKER : CLOCK_NONE;
	return clone->breaker_until_ms ? clone->breaker_until_ms : NEVER;
}

void task_wind(struct omega *omega, uint32_t task)
{
	enum clock clock;
	clock_set(omega, task, task_clock(omega, &omega->task[task], &clock));
}

void attempt_wind(struct omega *omega, uint32_t attempt)
{
	enum clock clock;
	clock_set(omega, clock_node_of_attempt(omega, attempt), attempt_clock(&omega->attempt[attempt], &clock));
}

void clone_wind(struct omega *omega, uint32_t clone)
{
	enum clock clock;
	clock_set(omega, clock_node_of_clone(omega, clone), clone_clock(&omega->clone[clone], &clock));
}
