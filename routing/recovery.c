/* SPDX-License-Identifier: MIT
 *
 * What operators put right: tasks that failed or wait for a person, and clones.
 */
#include "routing/step.h"

static void answer(struct step *step, uint32_t code)
{
	const struct message *message = step->event->message;
	struct record out = step_out(step, MESSAGE_RECOVERY_RESULT, step->event->peer);
	uint32_t task = find_task(step->omega, &message->header.task_id);
	out.message.header.task_id = message->header.task_id;
	out.task_number = task ? step->omega->task[task].number : 0;
	out.message.recovery_result.verb = message->recovery_action.verb;
	out.message.recovery_result.code = code;
	out.payload_seq = OWN_PAYLOAD;
	step_commit(step, &out);
}

static bool clone_matches(const struct omega *omega, const struct clone *clone, const struct text *target)
{
	struct text name = text_of(clone->name), role = text_of(omega->role[clone->role].name);
	bool named = target->bytes == name.bytes && memcmp(target->at, name.at, name.bytes) == 0;
	return clone->known && (named || (target->bytes == role.bytes && memcmp(target->at, role.at, role.bytes) == 0));
}

static uint32_t count_matches(const struct omega *omega, const struct text *target)
{
	uint32_t count = 0;
	for (uint32_t i = 1; i <= omega->clone_high; i++)
		count += clone_matches(omega, &omega->clone[i], target);
	return count;
}

/* The clone hears of what it must do itself. */
static void pass_on(struct step *step, uint64_t payload_seq)
{
	const struct recovery_action *facts = &step->event->message->recovery_action;
	const struct omega *omega = step->omega;
	if (facts->verb != VERB_DRAIN && facts->verb != VERB_RESUME && facts->verb != VERB_RESTART)
		return;
	for (uint32_t i = 1; i <= omega->clone_high && step->out->count + 3 < STEP_RECORDS_MAX; i++) {
		if (!clone_matches(omega, &omega->clone[i], &facts->target) || omega->clone[i].presence == PRESENCE_LOST)
			continue;
		struct record out = step_out(step, MESSAGE_RECOVERY_ACTION, omega->clone[i].name);
		out.message.recovery_action.verb = facts->verb;
		out.message.recovery_action.target = text_of(omega->clone[i].name);
		out.payload_seq = payload_seq;
		step_commit(step, &out);
	}
}

static void steer_clones(struct step *step)
{
	struct record in = step_in(step);
	if (!count_matches(step->omega, &in.message.recovery_action.target))
		in.verdict = ERROR_NOT_FOUND;
	uint64_t payload_seq = step_commit(step, &in)->payload_seq;
	if (!in.verdict)
		pass_on(step, payload_seq);
	answer(step, in.verdict);
}

static uint32_t check_live(const struct omega *omega, uint32_t task, const struct recovery_action *facts)
{
	const struct task *t = &omega->task[task];
	bool held = t->state == STATE_WAITING;
	switch (facts->verb) {
	case VERB_RETRY:
	case VERB_REPLAY:
		return held ? 0 : ERROR_STATE;
	case VERB_RESOLVE:
	case VERB_FAIL:
		return t->escalated ? 0 : ERROR_STATE;
	default:
		if (!find_role(omega, facts->target.at, facts->target.bytes))
			return ERROR_NOT_FOUND;
		return held || t->state == STATE_ACCEPTED ? 0 : ERROR_STATE;
	}
}

static void steer_live(struct step *step, uint32_t task)
{
	const struct recovery_action *facts = &step->event->message->recovery_action;
	struct record in = step_in(step);
	in.task_number = step->omega->task[task].number;
	in.verdict = check_live(step->omega, task, facts);
	uint64_t payload_seq = step_commit(step, &in)->payload_seq;
	answer(step, in.verdict);
	if (in.verdict)
		return;
	const struct task *t = &step->omega->task[task];
	if (facts->verb == VERB_FAIL) {
		step_end(step, task,
			 &(struct ending){.state = STATE_FAILED,
					  .code = t->last_error ? t->last_error : ERROR_TASK_FAILED,
					  .payload_seq = payload_seq});
		return;
	}
	struct retry_scheduled next = {
		.code = t->last_error, .destination = t->destination, .attempts = t->attempts, .lost = t->lost};
	if (facts->verb == VERB_REASSIGN)
		next.role = facts->target;
	step_requeue(step, task, &next);
}

static uint32_t check_ended(const struct omega *omega, const struct recovery_action *facts)
{
	if (!facts->known_state)
		return ERROR_NOT_FOUND;
	if (facts->known_state != STATE_FAILED && facts->known_state != STATE_EXPIRED)
		return ERROR_STATE;
	if (facts->verb == VERB_RESOLVE) /* a dead letter that needs nobody any more; the record is all there is to it */
		return 0;
	if (facts->verb == VERB_FAIL || facts->known_erased)
		return ERROR_STATE;
	if (table_find(&omega->table, facts->known_type.at, facts->known_type.bytes) < 0)
		return ERROR_UNKNOWN_TYPE;
	if (facts->verb == VERB_REASSIGN && !find_role(omega, facts->target.at, facts->target.bytes))
		return ERROR_NOT_FOUND;
	return omega->counter.live >= omega->limits.tasks_max ? ERROR_OVERLOADED : 0;
}

static void revive(struct step *step)
{
	struct record in = step_in(step);
	in.verdict = check_ended(step->omega, &in.message.recovery_action);
	in.task_number = in.message.recovery_action.known_seq;
	step_commit(step, &in);
	answer(step, in.verdict);
}

/* ---- erasing ---- */

/* The tombstone. It reaches up to the action and not over it: the reason stays. */
static void say_erased(struct step *step, uint64_t task_number, uint64_t through_seq)
{
	struct record out = step_inner(MESSAGE_ERASED);
	if (task_number)
		out.message.header.task_id = step->event->message->header.task_id;
	out.task_number = task_number;
	out.message.erased =
		(struct erased){.task_number = task_number, .through_seq = through_seq, .who = text_of(step->event->peer)};
	step_commit(step, &out);
}

static void erase_task(struct step *step, bool live)
{
	struct record in = step_in(step);
	const struct recovery_action *facts = &in.message.recovery_action;
	in.verdict = live ? ERROR_STATE : facts->known_state ? 0 : ERROR_NOT_FOUND;
	in.task_number = live ? 0 : facts->known_seq;
	uint64_t seq = step_commit(step, &in)->seq;
	if (!in.verdict)
		say_erased(step, in.task_number, seq - 1);
	answer(step, in.verdict);
}

static void erase_by_age(struct step *step)
{
	struct record in = step_in(step);
	uint64_t through_seq = in.message.recovery_action.known_seq;
	in.verdict = through_seq ? 0 : ERROR_NOT_FOUND;
	uint64_t seq = step_commit(step, &in)->seq;
	if (!in.verdict)
		say_erased(step, 0, through_seq < seq ? through_seq : seq - 1);
	answer(step, in.verdict);
}

void decide_recovery(struct step *step)
{
	const struct message *message = step->event->message;
	uint32_t verb = message->recovery_action.verb;
	uint32_t task = find_task(step->omega, &message->header.task_id);
	struct record in = step_in(step);
	if (step->event->verdict == ERROR_NOT_ALLOWED || memcmp(step->event->peer, "operator/", 9) != 0) {
		step_refuse(step, ERROR_NOT_ALLOWED);
	} else if (step->event->verdict) { /* the shell has tried and says what came of it */
		step_commit(step, &in);
		answer(step, in.verdict);
	} else if (verb >= VERB_DRAIN && verb <= VERB_REINSTATE) {
		steer_clones(step);
	} else if (verb == VERB_RELOAD_ROUTES || verb == VERB_BACKUP) {
		step_commit(step, &in); /* somebody else has done it; here it is only recorded */
		answer(step, 0);
	} else if (verb == VERB_ERASE) {
		erase_task(step, task != 0);
	} else if (verb == VERB_PRUNE) {
		erase_by_age(step);
	} else if (verb < VERB_RETRY || verb > VERB_FAIL) {
		step_refuse(step, ERROR_INVALID_PARAMETERS);
	} else if (task) {
		steer_live(step, task);
	} else {
		revive(step);
	}
}

/* A table that leaves no room for the routes that must stay would lose tasks. */
bool table_fits(const struct omega *omega, const struct routes_loaded *facts)
{
	struct table table;
	return table_decode(facts->table.at, facts->table.bytes, &table) == 0 && table_leaves_room(omega, &table);
}
