/* SPDX-License-Identifier: MIT
 *
 * The life of a task: the rows of lifecycle.def, and what each move does.
 */
#include "routing/apply.h"

typedef void life_action(struct omega *omega, uint32_t task, const struct record *record);

static void keep(struct omega *omega, uint32_t task, const struct record *record)
{
	(void)record;
	task_wind(omega, task);
}

static void enter_queue(struct omega *omega, uint32_t task, const struct record *record)
{
	omega->task[task].queued_ms = record->now_ms;
	omega->task[task].backoff_ms = NEVER;
	queue_push(omega, task);
	task_wind(omega, task);
}

/* From one destination's queue to another's; the caller has taken it out of the first. */
static void move_queue(struct omega *omega, uint32_t task, const struct record *record)
{
	enter_queue(omega, task, record);
}

static void begin_wait(struct omega *omega, uint32_t task, const struct record *record)
{
	omega->task[task].backoff_ms = record->now_ms + record->message.retry_scheduled.wait_ms;
	task_wind(omega, task);
}

static void await_person(struct omega *omega, uint32_t task, const struct record *record)
{
	(void)record;
	omega->task[task].backoff_ms = NEVER;
	omega->task[task].escalated = true;
	omega->counter.escalated++;
	task_wind(omega, task);
}

/* Takes one dispatch from the class that was served; with none left, a new round begins (see choice.c). */
static void charge_role(struct omega *omega, const struct task *task, uint32_t class)
{
	uint32_t number = task->named_role ? task->named_role : omega->route_role[task->route][task->destination];
	struct role *role = &omega->role[number];
	if (class >= PRIORITY_COUNT)
		return;
	if (!role->credit[class])
		memcpy(role->credit, omega->table.weight, sizeof(role->credit));
	if (role->credit[class])
		role->credit[class]--;
}

static void begin_attempt(struct omega *omega, uint32_t task, const struct record *record)
{
	const struct task_assignment *facts = &record->message.task_assignment;
	uint32_t clone = find_clone(omega, record->peer);
	struct task *t = &omega->task[task];
	uint32_t attempt = attempt_take(omega, clone);
	struct attempt *a = &omega->attempt[attempt];
	a->lease = facts->lease;
	a->task_id = t->id;
	a->number = t->number;
	a->task = task;
	a->attempt = facts->attempt;
	a->heartbeat_ms = facts->heartbeat_ms;
	a->timeout_ms = facts->timeout_ms;
	a->timeout_at = NEVER;
	a->silence_ms = record->now_ms + facts->heartbeat_ms;
	a->route_version = facts->route_version;
	a->state = ATTEMPT_ASSIGNED;
	omega->clone[clone].used++;
	omega->clone[clone].assigned_seq = record->seq;
	t->attempt = attempt;
	t->attempts = facts->attempt;
	if (facts->destination != t->destination) /* passed over: its failures were elsewhere */
		t->failures = 0;
	t->destination = (uint8_t)facts->destination;
	charge_role(omega, t, facts->charged_class);
	task_wind(omega, task);
	attempt_wind(omega, attempt);
}

static void confirm_attempt(struct omega *omega, uint32_t task, const struct record *record)
{
	uint32_t attempt = omega->task[task].attempt;
	struct attempt *a = &omega->attempt[attempt];
	a->state = ATTEMPT_RUNNING;
	a->unsure = false;
	a->silence_ms = record->now_ms + a->heartbeat_ms;
	a->timeout_at = record->now_ms + a->timeout_ms;
	attempt_wind(omega, attempt);
}

void orphan_children(struct omega *omega, uint32_t task)
{
	for (uint32_t child = omega->task[task].first_child; child; child = omega->task[child].child_after) {
		omega->task[child].orphaned = true;
		task_wind(omega, child);
	}
}

static void leave_family(struct omega *omega, uint32_t task)
{
	struct task *t = &omega->task[task];
	orphan_children(omega, task);
	while (t->first_child)
		child_remove(omega, t->first_child);
	if (t->parent)
		omega->task[t->parent].spent_tokens += t->spent_tokens;
	child_remove(omega, task);
}

static void count_end(struct omega_counters *counter, uint32_t state)
{
	counter->completed += state == STATE_COMPLETED;
	counter->failed += state == STATE_FAILED;
	counter->cancelled += state == STATE_CANCELLED;
	counter->expired += state == STATE_EXPIRED;
	counter->live--;
}

static void end_task(struct omega *omega, uint32_t task, const struct record *record)
{
	struct task *t = &omega->task[task];
	uint32_t state = t->state;
	if (t->attempt) /* detached, still to be ended by its clone */
		omega->attempt[t->attempt].task = 0;
	leave_family(omega, task);
	followers_drop(omega, task);
	if (t->escalated)
		omega->counter.escalated--;
	count_end(&omega->counter, state);
	unindex_task(omega, task);
	remember(omega, t, record->seq, state);
	task_drop(omega, task);
}

struct row {
	enum state to;
	life_action *action;
};

/* A row given twice is a case given twice, and does not compile. */
static struct row find_row(uint32_t from, enum life event)
{
	switch (from * 16 + event) {
#define ON(from, event, to, action)                                                                                              \
	case STATE_##from * 16 + LIFE_##event:                                                                                   \
		return (struct row){STATE_##to, action};
#include "routing/lifecycle.def"
	default:
		return (struct row){STATE_NONE, NULL};
	}
}

int task_move(struct omega *omega, uint32_t task, enum life event, const struct record *record)
{
	struct task *t = &omega->task[task];
	struct row row = find_row(t->state, event);
	if (!row.action)
		return ERR_STATE;
	if (t->state == STATE_ACCEPTED)
		queue_remove(omega, task);
	if (t->escalated && row.to == STATE_ACCEPTED) {
		t->escalated = false;
		omega->counter.escalated--;
	}
	if (t->state != STATE_NONE)
		omega->counter.by_state[t->state]--;
	t->state = (uint8_t)row.to;
	if (!state_is_end(row.to))
		omega->counter.by_state[row.to]++;
	row.action(omega, task, record);
	return 0;
}
