/* SPDX-License-Identifier: MIT
 *
 * The core's memory, and looking at it: for people, for the shell, for tests.
 */
#include "routing/state.h"

#define TASKS_LIMIT 1048576u

static uint32_t index_size(const struct omega_limits *limits)
{
	uint64_t size = 64;
	while (size < 2ull * (limits->tasks_max + (uint64_t)limits->recent_max))
		size *= 2;
	return (uint32_t)size;
}

/* Hands out pieces of one memory, 16-byte aligned; without memory it only adds up. */
struct carver {
	uint8_t *at;
	size_t used;
};

static void *carve(struct carver *carver, size_t count, size_t size)
{
	void *piece = carver->at ? carver->at + carver->used : NULL;
	carver->used += (count * size + 15) & ~(size_t)15;
	return piece;
}

static size_t lay_out(struct omega *omega, struct carver carver, const struct omega_limits *limits)
{
	size_t tasks = (size_t)limits->tasks_max + 1, nodes = tasks + ATTEMPTS_MAX + PEERS_MAX + 2;
	uint32_t slots = index_size(limits);
	carve(&carver, 1, sizeof(struct omega));
	omega->task = carve(&carver, tasks, sizeof(*omega->task));
	omega->attempt = carve(&carver, ATTEMPTS_MAX + 1, sizeof(*omega->attempt));
	omega->follower = carve(&carver, FOLLOWERS_POOL + 1, sizeof(*omega->follower));
	omega->recent = carve(&carver, (size_t)limits->recent_max + 1, sizeof(*omega->recent));
	omega->by_id = carve(&carver, slots, sizeof(*omega->by_id));
	omega->by_key = carve(&carver, slots, sizeof(*omega->by_key));
	omega->clock_when = carve(&carver, nodes, sizeof(*omega->clock_when));
	omega->clock_place = carve(&carver, nodes, sizeof(*omega->clock_place));
	omega->clock_heap = carve(&carver, nodes, sizeof(*omega->clock_heap));
	omega->index_mask = slots - 1;
	return carver.used;
}

size_t omega_bytes(const struct omega_limits *limits)
{
	struct omega plan;
	return lay_out(&plan, (struct carver){NULL, 0}, limits);
}

int omega_init(void *memory, size_t memory_bytes, const struct omega_limits *limits, struct omega **out_omega)
{
	struct omega *omega = memory;
	if (!limits->tasks_max || limits->tasks_max > TASKS_LIMIT || !limits->recent_max || limits->recent_max > TASKS_LIMIT)
		return ERR_CONFIG;
	if (memory_bytes < omega_bytes(limits))
		return ERR_FULL;
	lay_out(omega, (struct carver){memory, 0}, limits);
	omega->limits = *limits;
	omega->moment.next_seq = 1;
	table_init(&omega->table);
	*out_omega = omega;
	return 0;
}

struct omega *omega_copied(void *memory)
{
	struct omega *omega = memory;
	lay_out(omega, (struct carver){memory, 0}, &omega->limits);
	return omega;
}

int omega_suppose(struct omega *omega, const struct table *table)
{
	struct table next = *table;
	if (!table_leaves_room(omega, table))
		return ERR_FULL;
	next.version = omega->table.version;
	table_install(omega, &next);
	return 0;
}

uint64_t omega_next_seq(const struct omega *omega)
{
	return omega->moment.next_seq;
}

uint64_t omega_now(const struct omega *omega)
{
	return omega->moment.now_ms;
}

const struct table *omega_table(const struct omega *omega)
{
	return &omega->table;
}

void omega_count(const struct omega *omega, struct omega_counters *out_counters)
{
	*out_counters = omega->counter;
}

bool omega_knows_task(const struct omega *omega, const struct id *task_id)
{
	return find_task(omega, task_id) || find_recent(omega, task_id);
}

bool omega_knows_key(const struct omega *omega, const struct id *key_hash)
{
	return find_task_by_key(omega, key_hash) || find_recent_by_key(omega, key_hash);
}

static uint64_t task_wake(const struct omega *omega, const struct task *task)
{
	enum clock clock;
	uint64_t wake = task_clock(omega, task, &clock), other = NEVER;
	if (task->attempt)
		other = attempt_clock(&omega->attempt[task->attempt], &clock);
	return wake < other ? wake : other;
}

int omega_task(const struct omega *omega, const struct id *task_id, struct task_view *out_view)
{
	uint32_t task = find_task(omega, task_id);
	if (!task)
		return ERR_NOT_FOUND;
	const struct task *t = &omega->task[task];
	*out_view = (struct task_view){.id = t->id,
				       .number = t->number,
				       .state = (enum state)t->state,
				       .priority = t->priority,
				       .attempts = t->attempts,
				       .destination = t->destination,
				       .depth = t->depth,
				       .accepted_ms = t->accepted_ms,
				       .deadline_ms = t->deadline_ms,
				       .wake_ms = task_wake(omega, t),
				       .last_error = t->last_error,
				       .escalated = t->escalated,
				       .task_type = omega->table.route[t->route].task_type,
				       .client = t->client,
				       .clone = t->attempt ? omega->clone[omega->attempt[t->attempt].clone].name : ""};
	return 0;
}

size_t omega_clone_count(const struct omega *omega)
{
	size_t count = 0;
	for (uint32_t i = 1; i <= omega->clone_high; i++)
		count += omega->clone[i].known;
	return count;
}

static struct clone_view view_of(const struct omega *omega, const struct clone *clone)
{
	return (struct clone_view){.name = clone->name,
				   .role = omega->role[clone->role].name,
				   .presence = (enum presence)clone->presence,
				   .slots = clone->slots,
				   .used = clone->used,
				   .failures = clone->failures,
				   .draining = clone->draining || clone->leaving,
				   .quarantined = clone->quarantined,
				   .breaker_open = clone->breaker_until_ms != 0,
				   .breaker_until_ms = clone->breaker_until_ms,
				   .completed = clone->completed,
				   .failed = clone->failed,
				   .lost = clone->lost,
				   .load = clone->load};
}

int omega_clone(const struct omega *omega, size_t index, struct clone_view *out_view)
{
	for (uint32_t i = 1; i <= omega->clone_high; i++)
		if (omega->clone[i].known && index-- == 0) {
			*out_view = view_of(omega, &omega->clone[i]);
			return 0;
		}
	return ERR_NOT_FOUND;
}

/* ---- why this one ---- */

static const char *why_not(const struct omega *omega, const struct clone *clone, const char *task_type)
{
	if (clone->presence == PRESENCE_LOST)
		return "not connected";
	if (clone->presence == PRESENCE_LATE)
		return "its heartbeat is late";
	if (clone->quarantined)
		return "quarantined by an operator";
	if (clone->draining || clone->leaving)
		return "draining";
	if (clone->breaker_until_ms)
		return "its circuit breaker is open after failures in a row";
	if (!clone_offers(clone, task_type))
		return "does not offer this task type";
	if (clone_free(omega, clone))
		return NULL;
	if (clone->failures >= omega->table.breaker_failures)
		return "on trial after failures: one attempt at a time";
	return clone->used < clone->slots ? "too many of its attempts wait for child tasks" : "no free slot";
}

static size_t explain_destination(const struct omega *omega, const struct route *route, uint32_t destination, uint32_t role,
				  bool *settled, struct candidate *out, size_t capacity)
{
	bool usable;
	size_t count = 0;
	uint32_t best = choose_clone(omega, role, route->task_type, &usable);
	for (uint32_t i = 1; i <= omega->clone_high && count < capacity; i++) {
		const struct clone *clone = &omega->clone[i];
		if (!clone->known || clone->role != role)
			continue;
		const char *why = why_not(omega, clone, route->task_type);
		bool chosen = !*settled && i == best;
		if (!why)
			why = chosen     ? "healthy, with the most free slots"
			      : *settled ? "an earlier destination comes first"
					 : "another instance has more free slots, or less load, or has waited longer";
		out[count] = (struct candidate){.clone = view_of(omega, clone), .destination = destination, .chosen = chosen};
		copy_name(out[count++].why, sizeof(out->why), why, text_of(why).bytes);
	}
	*settled |= usable;
	return count;
}

size_t omega_explain(const struct omega *omega, const char *task_type, struct candidate *out_candidates, size_t capacity)
{
	int found = table_find(&omega->table, task_type, text_of(task_type).bytes);
	size_t count = 0;
	bool settled = false;
	if (found < 0)
		return 0;
	const struct route *route = &omega->table.route[found];
	for (uint32_t d = 0; d < route->destination_count; d++)
		count += explain_destination(omega, route, d, omega->route_role[found][d], &settled, out_candidates + count,
					     capacity - count);
	return count;
}

/* ---- what must hold ---- */

static const char *check_task(const struct omega *omega, uint32_t task)
{
	const struct task *t = &omega->task[task];
	bool attempted = t->state == STATE_ASSIGNED || t->state == STATE_RUNNING || t->state == STATE_CANCELLING;
	if (!t->used || t->state == STATE_NONE || state_is_end(t->state))
		return "a live task is in no live state";
	if (find_task(omega, &t->id) != task)
		return "a live task is not found by its id";
	if (!id_is_nil(&t->key_hash) && find_task_by_key(omega, &t->key_hash) != task)
		return "a live task is not found by its key";
	if (attempted != (t->attempt != 0))
		return "a task has an attempt in a state without one, or none where it must";
	if (t->attempt && omega->attempt[t->attempt].task != task)
		return "a task's attempt belongs to another";
	if (t->state == STATE_CANCELLING && omega->attempt[t->attempt].state != ATTEMPT_ENDING)
		return "a cancelled task has a live lease";
	enum clock clock;
	uint64_t when = task_clock(omega, t, &clock);
	if ((when == NEVER) != (omega->clock_place[task] == 0) || (when != NEVER && omega->clock_when[task] != when))
		return "a task's clock is not in the heap as it should be";
	return t->state != STATE_CANCELLING && when == NEVER ? "a task waits for ever" : NULL;
}

static const char *check_tasks(const struct omega *omega)
{
	uint64_t live = 0, by_state[20] = {0};
	const char *wrong = NULL;
	for (uint32_t t = omega->task_oldest; t && !wrong; t = omega->task[t].newer) {
		wrong = check_task(omega, t);
		live++;
		by_state[omega->task[t].state]++;
	}
	if (wrong)
		return wrong;
	if (memcmp(by_state, omega->counter.by_state, sizeof(by_state)) != 0)
		return "the counts by state are wrong";
	if (live != omega->counter.live)
		return "the count of live tasks is wrong";
	const struct omega_counters *c = &omega->counter;
	return c->accepted + c->revived != c->live + c->completed + c->failed + c->cancelled + c->expired
		       ? "tasks by state do not add up to what was accepted"
		       : NULL;
}

static const char *check_queues(const struct omega *omega)
{
	uint64_t queued = 0;
	for (uint32_t q = 0; q < QUEUES_MAX; q++)
		for (uint32_t p = PRIORITY_LOW; p <= PRIORITY_URGENT; p++) {
			uint32_t count = 0, before = 0;
			for (uint32_t t = omega->queue[q][p].head; t; before = t, t = omega->task[t].after, count++)
				if (omega->task[t].before != before || omega->task[t].state != STATE_ACCEPTED ||
				    queue_of(omega, &omega->task[t]) != q || omega->task[t].priority != p)
					return "a queue holds a task that is not of it";
			if (count != omega->queue[q][p].count)
				return "a queue's count is wrong";
			if (count && !(omega->queue_busy[q / 64] >> (q % 64) & 1))
				return "a queue with tasks is not marked";
			queued += count;
		}
	return queued != omega->counter.by_state[STATE_ACCEPTED] ? "accepted tasks are missing from the queues" : NULL;
}

static const char *check_indexes(const struct omega *omega)
{
	uint64_t by_id = 0, by_key = 0, named = omega->counter.live, keyed = 0;
	for (uint32_t t = omega->task_oldest; t; t = omega->task[t].newer)
		keyed += !id_is_nil(&omega->task[t].key_hash);
	for (uint32_t r = 1; r <= omega->limits.recent_max; r++) {
		named += omega->recent[r].number != 0;
		keyed += !id_is_nil(&omega->recent[r].key_hash);
	}
	for (uint32_t i = 0; i <= omega->index_mask; i++) {
		by_id += omega->by_id[i] != 0;
		by_key += omega->by_key[i] != 0;
	}
	return by_id != named || by_key != keyed ? "an index holds more or less than there is" : NULL;
}

static const char *check_clone(const struct omega *omega, uint32_t clone)
{
	uint32_t used = 0, attempts = 0;
	for (uint32_t a = omega->clone[clone].first_attempt; a; a = omega->attempt[a].after, attempts++) {
		const struct attempt *attempt = &omega->attempt[a];
		used += attempt->state != ATTEMPT_WAITING;
		if (attempt->clone != clone || attempt->state == ATTEMPT_FREE)
			return "a clone holds an attempt that is not its own";
		if (attempt->task && omega->task[attempt->task].attempt != a)
			return "two attempts hold a lease of one task";
		if (!attempt->task && attempt->state != ATTEMPT_ENDING)
			return "an attempt without a task is not being ended";
	}
	if (attempts != omega->clone[clone].attempts)
		return "a clone's attempts are counted wrongly";
	return used != omega->clone[clone].used ? "a clone's used slots are counted wrongly" : NULL;
}

const char *omega_check(const struct omega *omega)
{
	const char *wrong = check_tasks(omega);
	if (!wrong)
		wrong = check_queues(omega);
	if (!wrong)
		wrong = check_indexes(omega);
	for (uint32_t i = 1; i <= omega->clone_high && !wrong; i++)
		wrong = check_clone(omega, i);
	for (uint32_t i = 2; i <= omega->clock_count && !wrong; i++)
		if (omega->clock_when[omega->clock_heap[i]] < omega->clock_when[omega->clock_heap[i / 2]])
			wrong = "the clocks are out of order";
	return wrong;
}
