/* SPDX-License-Identifier: MIT
 *
 * What the records of messages to peers do to the state.
 */
#include "routing/apply.h"

static int apply_accepted(struct omega *omega, const struct record *record)
{
	uint32_t task = find_task(omega, &record->message.header.task_id);
	if (!record->message.task_accepted.duplicate)
		return 0;
	omega->counter.duplicates++;
	if (task)
		follower_add(omega, task, record->peer);
	return 0;
}

static int apply_cancel(struct omega *omega, const struct record *record)
{
	const struct task_cancel *facts = &record->message.task_cancel;
	uint32_t clone = find_clone(omega, record->peer);
	uint32_t attempt = clone ? find_attempt(omega, clone, &facts->lease) : 0;
	if (!attempt || omega->attempt[attempt].state == ATTEMPT_ENDING)
		return 0; /* over already, or told so before */
	struct attempt *a = &omega->attempt[attempt];
	uint32_t task = a->task;
	if (a->state == ATTEMPT_WAITING)
		omega->clone[clone].used++;
	a->state = ATTEMPT_ENDING;
	a->silence_ms = record->now_ms + omega->table.cancel_grace_ms;
	attempt_wind(omega, attempt);
	if (blames_clone(facts->code))
		break_circuit(omega, clone, record->now_ms);
	if (!task)
		return 0;
	if (facts->code == ERROR_CANCELLED) {
		orphan_children(omega, task);
		return task_move(omega, task, LIFE_CANCEL, record);
	}
	a->task = 0;
	omega->task[task].attempt = 0;
	return 0;
}

static enum life end_of(uint32_t state)
{
	switch (state) {
	case STATE_CANCELLED:
		return LIFE_CANCELLED;
	case STATE_EXPIRED:
		return LIFE_EXPIRE;
	default:
		return LIFE_FAIL;
	}
}

/* The first copy of an outcome ends the task; those for followers find it gone. */
int apply_out(struct omega *omega, const struct record *record)
{
	uint32_t task = find_task(omega, &record->message.header.task_id);
	switch (record->message.type) {
	case MESSAGE_TASK_ACCEPTED:
		return apply_accepted(omega, record);
	case MESSAGE_TASK_ASSIGNMENT:
		return task && find_clone(omega, record->peer) ? task_move(omega, task, LIFE_ASSIGN, record) : ERR_CORRUPT;
	case MESSAGE_TASK_CANCEL:
		return apply_cancel(omega, record);
	case MESSAGE_TASK_COMPLETION:
		return task ? task_move(omega, task, LIFE_COMPLETE, record) : 0;
	case MESSAGE_TASK_FAILURE:
		return task ? task_move(omega, task, end_of(record->message.task_failure.state), record) : 0;
	default:
		return 0;
	}
}
