/* SPDX-License-Identifier: MIT
 *
 * What clones say about the attempts they were given. Only the holder of the live lease, under the key it was assigned to,
 * is believed; what anybody else says is recorded and changes nothing.
 */
#include "routing/step.h"

struct said {
	struct id lease;
	bool final; /* the attempt is over, whatever comes of it */
};

static struct said read_lease(const struct message *message)
{
	switch (message->type) {
	case MESSAGE_TASK_STARTED:
		return (struct said){message->task_started.lease, false};
	case MESSAGE_TASK_PROGRESS:
		return (struct said){message->task_progress.lease, false};
	case MESSAGE_TASK_COMPLETION:
		return (struct said){message->task_completion.lease, true};
	case MESSAGE_TASK_FAILURE:
		return (struct said){message->task_failure.lease, true};
	default:
		return (struct said){message->error_escalation.lease, true};
	}
}

static uint32_t number_of(const struct omega *omega, const struct id *task_id, uint64_t *out_number)
{
	uint32_t task = find_task(omega, task_id), recent = task ? 0 : find_recent(omega, task_id);
	*out_number = task ? omega->task[task].number : recent ? omega->recent[recent].number : 0;
	return task;
}

static uint32_t attempt_number(const struct message *message)
{
	switch (message->type) {
	case MESSAGE_TASK_STARTED:
		return message->task_started.attempt;
	case MESSAGE_TASK_PROGRESS:
		return message->task_progress.attempt;
	case MESSAGE_TASK_COMPLETION:
		return message->task_completion.attempt;
	case MESSAGE_TASK_FAILURE:
		return message->task_failure.attempt;
	default:
		return message->error_escalation.attempt;
	}
}

/* Recorded as superseded. An attempt that still runs is told to stop; an answer that ends it is refused, so that its sender knows. */
static void supersede(struct step *step, const struct said *said)
{
	const struct message *message = step->event->message;
	struct record in = step_in(step);
	number_of(step->omega, &message->header.task_id, &in.task_number);
	in.attempt = attempt_number(message);
	in.verdict = ERROR_SUPERSEDED;
	step_commit(step, &in);
	struct record out = step_out(step, said->final ? MESSAGE_REFUSAL : MESSAGE_TASK_CANCEL, step->event->peer);
	out.task_number = in.task_number;
	out.attempt = in.attempt;
	out.message.header.task_id = message->header.task_id;
	if (said->final) {
		out.message.refusal.code = ERROR_SUPERSEDED;
		out.message.refusal.refused_type = message->type;
		out.payload_seq = OWN_PAYLOAD;
	} else {
		out.message.task_cancel.attempt = in.attempt;
		out.message.task_cancel.lease = said->lease;
		out.message.task_cancel.code = ERROR_SUPERSEDED;
	}
	step_commit(step, &out);
}

static struct record take_in(struct step *step, uint32_t task, uint32_t attempt)
{
	struct record in = step_in(step);
	in.task_number = step->omega->task[task].number;
	in.attempt = step->omega->attempt[attempt].attempt;
	return in;
}

static void pass_progress(struct step *step, uint32_t task, struct record *in)
{
	struct record out = {.payload_seq = step_commit(step, in)->payload_seq, .attempt = in->attempt};
	out.message.type = MESSAGE_TASK_PROGRESS;
	out.message.task_progress = in->message.task_progress;
	out.message.task_progress.lease = (struct id){{0}};
	step_tell(step, task, &out);
}

static void complete(struct step *step, uint32_t task, struct record *in)
{
	struct record out = {.payload_seq = step_commit(step, in)->payload_seq, .attempt = in->attempt};
	out.message.type = MESSAGE_TASK_COMPLETION;
	out.message.task_completion = in->message.task_completion;
	out.message.task_completion.lease = (struct id){{0}};
	step_tell(step, task, &out);
}

static void fail(struct step *step, uint32_t task, struct record *in)
{
	const struct task_failure *facts = &step->event->message->task_failure;
	uint64_t payload_seq = step_commit(step, in)->payload_seq;
	bool lost = facts->code == ERROR_LOST || facts->code == ERROR_BUSY || facts->code == ERROR_DRAINING;
	if (step->omega->task[task].state == STATE_CANCELLING)
		step_end(step, task,
			 &(struct ending){.state = STATE_CANCELLED,
					  .code = ERROR_CANCELLED,
					  .processes_ended = facts->processes_ended,
					  .processes_left = facts->processes_left,
					  .payload_seq = payload_seq});
	else
		step_go_on(step, task, facts->code ? facts->code : ERROR_TASK_FAILED, lost, payload_seq);
}

static void pass_plea(struct step *step, uint32_t task, struct record *in)
{
	struct record out = step_out(step, MESSAGE_ERROR_ESCALATION, OPERATORS);
	if (task)
		step_about(&out, &step->omega->task[task]);
	out.attempt = in->attempt;
	out.message.error_escalation = in->message.error_escalation;
	out.message.error_escalation.lease = (struct id){{0}};
	out.message.error_escalation.attempts = task ? step->omega->task[task].attempts : 0;
	out.payload_seq = step_commit(step, in)->payload_seq;
	step_commit(step, &out);
}

/* The attempt is this peer's and this is its lease; `*out_ending`: it was told to stop. */
static uint32_t find_own_attempt(const struct omega *omega, uint32_t task, const char *peer, const struct id *lease,
				 bool *out_ending)
{
	uint32_t attempt = task ? omega->task[task].attempt : 0;
	if (!attempt || !id_equal(&omega->attempt[attempt].lease, lease) ||
	    omega->attempt[attempt].clone != find_clone(omega, peer))
		return 0;
	*out_ending = omega->attempt[attempt].state == ATTEMPT_ENDING;
	return attempt;
}

static void decide_own(struct step *step, uint32_t task, uint32_t attempt)
{
	struct record in = take_in(step, task, attempt);
	bool running = step->omega->attempt[attempt].state != ATTEMPT_ASSIGNED;
	switch (in.message.type) {
	case MESSAGE_TASK_STARTED:
		if (running) /* said twice: taken as a sign of life */
			in.verdict = ERROR_STATE;
		step_commit(step, &in);
		break;
	case MESSAGE_TASK_PROGRESS:
		if (running) {
			pass_progress(step, task, &in);
			break;
		}
		in.verdict = ERROR_STATE; /* not before TaskStarted */
		step_commit(step, &in);
		break;
	case MESSAGE_TASK_COMPLETION:
		complete(step, task, &in);
		break;
	case MESSAGE_TASK_FAILURE:
		fail(step, task, &in);
		break;
	default:
		pass_plea(step, task, &in);
	}
}

/* A completion that comes after the cancel is late, but it does say that the attempt is over. */
static void end_cancelled(struct step *step, uint32_t task, const struct said *said)
{
	supersede(step, said);
	if (step->omega->task[task].attempt == 0)
		step_end(step, task, &(struct ending){.state = STATE_CANCELLED, .code = ERROR_CANCELLED});
}

void decide_answer(struct step *step)
{
	const struct message *message = step->event->message;
	struct said said = read_lease(message);
	bool ending = false;
	uint64_t number;
	uint32_t task = number_of(step->omega, &message->header.task_id, &number);
	if (message->type == MESSAGE_ERROR_ESCALATION && id_is_nil(&said.lease)) {
		struct record in = step_in(step);
		in.task_number = number;
		pass_plea(step, task, &in);
		return;
	}
	uint32_t attempt = find_own_attempt(step->omega, task, step->event->peer, &said.lease, &ending);
	if (attempt && (!ending || message->type == MESSAGE_TASK_FAILURE))
		decide_own(step, task, attempt);
	else if (attempt && message->type == MESSAGE_TASK_COMPLETION)
		end_cancelled(step, task, &said);
	else
		supersede(step, &said);
}
