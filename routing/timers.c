/* SPDX-License-Identifier: MIT
 *
 * What to do when a clock runs out.
 */
#include "routing/step.h"

static void about_attempt(const struct omega *omega, const struct attempt *attempt, struct record *record)
{
	record->task_number = attempt->number;
	record->attempt = attempt->attempt;
	record->message.header.task_id = attempt->task_id;
	record->message.timer.lease = attempt->lease;
	record->message.timer.peer = text_of(omega->clone[attempt->clone].name);
}

static enum clock describe_node(const struct omega *omega, uint32_t node, struct record *record)
{
	enum clock clock;
	if (node <= omega->limits.tasks_max) {
		task_clock(omega, &omega->task[node], &clock);
		step_about(record, &omega->task[node]);
		return clock;
	}
	node -= omega->limits.tasks_max;
	if (node <= ATTEMPTS_MAX) {
		attempt_clock(&omega->attempt[node], &clock);
		about_attempt(omega, &omega->attempt[node], record);
		return clock;
	}
	node -= ATTEMPTS_MAX;
	clone_clock(&omega->clone[node], &clock);
	record->message.timer.peer = text_of(omega->clone[node].name);
	return clock;
}

/* The node that an event of an earlier run names, when it is replayed; 0 if there is none such. */
static uint32_t named_node(const struct omega *omega, const struct message *message)
{
	const struct timer *facts = &message->timer;
	char name[NAME_BYTES];
	copy_name(name, sizeof(name), facts->peer.at, facts->peer.bytes);
	uint32_t clone = find_clone(omega, name);
	if (!clone)
		return find_task(omega, &message->header.task_id);
	if (id_is_nil(&facts->lease))
		return clock_node_of_clone(omega, clone);
	uint32_t attempt = find_attempt(omega, clone, &facts->lease);
	return attempt ? clock_node_of_attempt(omega, attempt) : 0;
}

bool timer_find(const struct step *step, struct record *out_record)
{
	const struct omega *omega = step->omega;
	const struct message *said = step->event->message;
	uint32_t node = 0;
	struct choice choice;
	*out_record = step_inner(MESSAGE_TIMER);
	if (said->timer.clock && said->timer.clock != CLOCK_DISPATCH)
		node = named_node(omega, said);
	else if (!said->timer.clock && clock_first(omega, &node) == NEVER)
		node = 0;
	if (node && omega->clock_place[node] && omega->clock_when[node] <= step->now_ms) {
		out_record->message.timer.clock = describe_node(omega, node, out_record);
		return true;
	}
	out_record->message.timer.clock = CLOCK_DISPATCH;
	return (!said->timer.clock || said->timer.clock == CLOCK_DISPATCH) && choose(omega, &choice);
}

static void start_too_late(struct step *step, uint32_t task)
{
	const struct task *t = &step->omega->task[task];
	const struct route *route = &step->omega->table.route[t->route];
	if (t->named_role || t->destination + 1u >= route->destination_count) {
		step_bury(step, task, ERROR_START_TIMEOUT, 0);
		return;
	}
	step_requeue(step, task,
		     &(struct retry_scheduled){.code = ERROR_START_TIMEOUT,
					       .destination = t->destination + 1u,
					       .attempts = t->attempts,
					       .lost = t->lost});
}

static void expire(struct step *step, uint32_t task)
{
	uint32_t attempt = step->omega->task[task].attempt;
	if (attempt)
		step_stop_attempt(step, attempt, ERROR_EXPIRED, 0);
	step_end(step, task, &(struct ending){.state = STATE_EXPIRED, .code = ERROR_EXPIRED});
}

/* An assignment that perhaps never left, because Omega died, is nobody's fault and does not count; starts of Omega bound it. */
static void attempt_lost(struct step *step, uint32_t task, bool unsure)
{
	const struct task *t = &step->omega->task[task];
	struct retry_scheduled again = {.code = ERROR_LOST,
					.destination = t->destination,
					.attempts = t->attempts,
					.failures = t->failures,
					.lost = t->lost};
	if (unsure)
		step_requeue(step, task, &again);
	else
		step_go_on(step, task, ERROR_LOST, true, 0);
}

static void attempt_too_late(struct step *step, uint32_t task, uint32_t attempt, uint32_t clock)
{
	bool unsure = step->omega->attempt[attempt].unsure;
	uint32_t code = clock == CLOCK_TIMEOUT ? ERROR_TIMED_OUT : clock == CLOCK_HEARTBEAT ? ERROR_HEARTBEAT : ERROR_LOST;
	step_stop_attempt(step, attempt, code, 0);
	if (code == ERROR_LOST)
		attempt_lost(step, task, unsure);
	else
		step_go_on(step, task, code, false, 0);
}

/* The attempt is over without an answer. */
static void attempt_gone(struct step *step, uint32_t task, bool lost, bool unsure)
{
	if (step->omega->task[task].state == STATE_CANCELLING)
		step_end(step, task,
			 &(struct ending){.state = STATE_CANCELLED, .code = ERROR_CANCELLED, .processes_left = UINT32_MAX});
	else if (lost)
		attempt_lost(step, task, unsure);
}

void timer_decide(struct step *step, struct record *record)
{
	const struct omega *omega = step->omega;
	uint32_t clock = record->message.timer.clock;
	uint32_t task = find_task(omega, &record->message.header.task_id);
	uint32_t attempt = task ? omega->task[task].attempt : 0;
	bool unsure = attempt && omega->attempt[attempt].unsure;
	bool current = attempt && id_equal(&omega->attempt[attempt].lease, &record->message.timer.lease);
	step_commit(step, record);
	switch (clock) {
	case CLOCK_START:
		start_too_late(step, task);
		break;
	case CLOCK_DEADLINE:
		expire(step, task);
		break;
	case CLOCK_PARENT:
		step_cancel(step, task, 0);
		break;
	case CLOCK_ASSIGN:
	case CLOCK_HEARTBEAT:
	case CLOCK_TIMEOUT:
		attempt_too_late(step, task, attempt, clock);
		break;
	case CLOCK_LOST:
	case CLOCK_GRACE:
		if (current)
			attempt_gone(step, task, clock == CLOCK_LOST, unsure);
		break;
	default:
		break; /* the record itself, or the dispatch that follows, is all */
	}
}
