/* SPDX-License-Identifier: MIT
 *
 * What clients, newcomers and the workspace say: Hello, TaskRequest, TaskCancel, TaskFollow, StatusQuery, RefChanged.
 */
#include "routing/step.h"

static bool is_operator(const char *peer)
{
	return memcmp(peer, "operator/", 9) == 0;
}

static bool is_clone(const struct omega *omega, const char *peer)
{
	return memcmp(peer, "client/", 7) != 0 && !is_operator(peer) && find_clone(omega, peer);
}

/* ---- Hello ---- */

/* Attempts that the newcomer still runs although they are no longer its own. */
static void stop_strays(struct step *step, const struct hello *hello)
{
	for (uint32_t at = 0; at + LIVE_ENTRY_BYTES <= hello->live.bytes && step->out->count + 4 < STEP_RECORDS_MAX;
	     at += LIVE_ENTRY_BYTES) {
		const uint8_t *entry = hello->live.at + at;
		struct id task_id, lease;
		memcpy(task_id.bytes, entry, 16);
		memcpy(lease.bytes, entry + 20, 16);
		if (find_attempt(step->omega, find_clone(step->omega, step->event->peer), &lease))
			continue;
		struct record out = step_out(step, MESSAGE_TASK_CANCEL, step->event->peer);
		uint32_t task = find_task(step->omega, &task_id);
		out.task_number = task ? step->omega->task[task].number : 0;
		out.message.header.task_id = task_id;
		out.attempt = (uint32_t)entry[16] << 24 | (uint32_t)entry[17] << 16 | (uint32_t)entry[18] << 8 | entry[19];
		out.message.task_cancel.attempt = out.attempt;
		out.message.task_cancel.lease = lease;
		out.message.task_cancel.code = ERROR_SUPERSEDED;
		step_commit(step, &out);
	}
}

void decide_hello(struct step *step)
{
	const struct hello *hello = &step->event->message->hello;
	bool other = !hello_is_clone(hello);
	if (hello->version_min > PROTOCOL_VERSION || hello->version_max < PROTOCOL_VERSION) {
		step_refuse(step, ERROR_VERSION);
		return;
	}
	if (!other && !find_clone(step->omega, step->event->peer) && !clone_room(step->omega)) {
		step_refuse(step, ERROR_OVERLOADED);
		return;
	}
	struct record in = step_in(step);
	step_commit(step, &in);
	struct record out = step_out(step, MESSAGE_WELCOME, step->event->peer);
	out.message.welcome = (struct welcome){.peer = text_of(step->event->peer),
					       .epoch = hello->epoch,
					       .frame_max = FRAME_BYTES_MAX,
					       .payload_max = PAYLOAD_BYTES_MAX,
					       .boot = step->omega->moment.boot};
	step_commit(step, &out);
	if (!other)
		stop_strays(step, hello);
}

/* ---- TaskRequest ---- */

struct known {
	uint64_t number;
	struct id task_id;
	struct id body_hash;
	uint32_t state;
	bool found;
};

static struct known known_live(const struct omega *omega, uint32_t task)
{
	const struct task *t = &omega->task[task];
	return (struct known){t->number, t->id, t->body_hash, t->state, true};
}

static struct known known_recent(const struct omega *omega, uint32_t recent)
{
	const struct recent *r = &omega->recent[recent];
	return (struct known){r->number, r->id, r->body_hash, r->state, true};
}

/* The task that this request names again, from the core's own memory or from what the shell found in the trail. */
static struct known find_known(const struct omega *omega, const struct message *message)
{
	const struct task_request *facts = &message->task_request;
	uint32_t found;
	if ((found = find_task(omega, &message->header.task_id)) || (found = find_task_by_key(omega, &facts->key_hash)))
		return known_live(omega, found);
	if ((found = find_recent(omega, &message->header.task_id)) || (found = find_recent_by_key(omega, &facts->key_hash)))
		return known_recent(omega, found);
	if (!id_is_nil(&facts->known_task))
		return (struct known){facts->known_seq, facts->known_task, facts->known_body, facts->known_state, true};
	return (struct known){0};
}

static uint32_t check_parent(const struct step *step, const struct task_request *facts)
{
	const struct omega *omega = step->omega;
	if (id_is_nil(&facts->parent))
		return is_clone(omega, step->event->peer) ? ERROR_NOT_ALLOWED : 0;
	uint32_t parent = find_task(omega, &facts->parent);
	uint32_t attempt = parent ? omega->task[parent].attempt : 0;
	if (!attempt || omega->attempt[attempt].state == ATTEMPT_ENDING ||
	    !id_equal(&omega->attempt[attempt].lease, &facts->parent_lease) ||
	    omega->attempt[attempt].clone != find_clone(omega, step->event->peer))
		return ERROR_SUPERSEDED;
	const struct task *p = &omega->task[parent];
	if (p->depth >= DEPTH_MAX)
		return ERROR_DEPTH;
	if (p->budget_tokens && p->spent_tokens >= p->budget_tokens)
		return ERROR_BUDGET;
	return p->child_count >= CHILDREN_MAX ? ERROR_OVERLOADED : 0;
}

static uint32_t check_new(const struct step *step)
{
	const struct omega *omega = step->omega;
	const struct task_request *facts = &step->event->message->task_request;
	int route = table_find(&omega->table, facts->task_type.at, facts->task_type.bytes);
	uint32_t code = check_parent(step, facts);
	if (code)
		return code;
	if (route < 0 || omega->table.route[route].retired)
		return ERROR_UNKNOWN_TYPE;
	if (facts->priority > PRIORITY_URGENT)
		return ERROR_INVALID_PARAMETERS;
	if (omega->counter.live >= omega->limits.tasks_max || omega->counter.live >= omega->table.tasks_max)
		return ERROR_OVERLOADED;
	return omega->route_waiting[route] >= omega->table.route[route].queue_max ? ERROR_OVERLOADED : 0;
}

static void accept(struct step *step, const struct known *known)
{
	struct record out = step_out(step, MESSAGE_TASK_ACCEPTED, step->event->peer);
	out.task_number = known->number;
	out.message.header.task_id = known->task_id;
	out.message.task_accepted.trail_seq = known->number;
	out.message.task_accepted.duplicate = known->found;
	out.message.task_accepted.state = known->state;
	step_commit(step, &out);
}

void decide_request(struct step *step)
{
	const struct message *message = step->event->message;
	struct known known = find_known(step->omega, message);
	uint32_t code = 0;
	if (id_is_nil(&message->header.task_id))
		code = ERROR_MALFORMED;
	else if (known.found)
		code = id_equal(&known.body_hash, &message->task_request.body_hash) ? 0 : ERROR_CONFLICT;
	else
		code = check_new(step);
	if (code) {
		step_refuse(step, code);
		return;
	}
	struct record in = step_in(step);
	in.task_number = known.found ? known.number : OWN_NUMBER;
	uint64_t seq = step_commit(step, &in)->seq;
	if (!known.found)
		known = (struct known){.number = seq, .task_id = message->header.task_id, .state = STATE_ACCEPTED};
	accept(step, &known);
}

/* ---- TaskCancel, TaskFollow, StatusQuery ---- */

/* Whose task it is may hear of it. What one instance of a role has asked for is the business of all of them: the parent may go on with another. */
static bool may_hear(const char *client, const char *peer)
{
	return is_operator(peer) || same_owner(client, peer) || same_role(client, peer);
}

static bool owns(const struct text *client, const char *peer)
{
	char name[NAME_BYTES];
	copy_name(name, sizeof(name), client->at, client->bytes);
	return may_hear(name, peer);
}

/* A clone ends what an attempt has asked for that it runs now, and nothing else. */
static bool runs_parent(const struct omega *omega, uint32_t task, uint32_t clone)
{
	uint32_t parent = omega->task[task].parent;
	uint32_t attempt = parent ? omega->task[parent].attempt : 0;
	return attempt && omega->attempt[attempt].clone == clone && omega->attempt[attempt].state != ATTEMPT_ENDING;
}

static bool may_cancel(const struct omega *omega, uint32_t task, const char *peer)
{
	if (is_person(peer))
		return is_operator(peer) || same_owner(omega->task[task].client, peer);
	return runs_parent(omega, task, find_clone(omega, peer));
}

/* Why there is nothing to cancel or follow: nobody's, somebody else's, or over. */
static uint32_t ended_code(const struct omega *omega, const struct id *task_id, uint32_t known_state)
{
	return known_state || find_recent(omega, task_id) ? ERROR_STATE : ERROR_NOT_FOUND;
}

void decide_cancel(struct step *step)
{
	const struct message *message = step->event->message;
	uint32_t task = find_task(step->omega, &message->header.task_id);
	if (!task) {
		step_refuse(step, ended_code(step->omega, &message->header.task_id, message->task_cancel.known_state));
		return;
	}
	if (!may_cancel(step->omega, task, step->event->peer)) {
		step_refuse(step, ERROR_NOT_ALLOWED);
		return;
	}
	struct record in = step_in(step);
	in.task_number = step->omega->task[task].number;
	uint64_t payload_seq = step_commit(step, &in)->payload_seq;
	if (step->omega->task[task].state != STATE_CANCELLING)
		step_cancel(step, task, payload_seq);
}

void decide_follow(struct step *step)
{
	struct record in = step_in(step);
	struct task_follow *facts = &in.message.task_follow;
	const struct id *task_id = &step->event->message->header.task_id;
	uint32_t task = find_task(step->omega, task_id);
	uint32_t recent = task ? 0 : find_recent(step->omega, task_id);
	if (recent) {
		facts->known_state = step->omega->recent[recent].state;
		facts->known_client = text_of(step->omega->recent[recent].client);
		facts->known_outcome = step->omega->recent[recent].outcome_seq;
		in.task_number = step->omega->recent[recent].number;
	}
	if (!task && !facts->known_state) {
		step_refuse(step, ERROR_NOT_FOUND);
		return;
	}
	if (task ? !may_hear(step->omega->task[task].client, step->event->peer)
		 : !owns(&facts->known_client, step->event->peer)) {
		step_refuse(step, ERROR_NOT_ALLOWED);
		return;
	}
	if (task)
		in.task_number = step->omega->task[task].number;
	step_commit(step, &in);
}

void decide_status(struct step *step)
{
	struct record in = step_in(step);
	step_commit(step, &in);
	struct record out = step_out(step, MESSAGE_STATUS_RESPONSE, step->event->peer);
	out.message.status_response.subject = step->event->message->status_query.subject;
	out.message.status_response.name = step->event->message->status_query.name;
	out.payload_seq = OWN_PAYLOAD;
	step_commit(step, &out);
}

/* ---- RefChanged ---- */

/* Recorded beside the task that is the reason, also when that has ended; it changes nothing here. */
void decide_change(struct step *step)
{
	struct record in = step_in(step);
	const struct ref_changed *facts = &in.message.ref_changed;
	const struct id *task_id = &in.message.header.task_id;
	uint32_t task = find_task(step->omega, task_id);
	uint32_t recent = task ? 0 : find_recent(step->omega, task_id);
	if (facts->known_seq) {
		step_refuse(step, ERROR_SUPERSEDED);
		return;
	}
	in.task_number = task ? step->omega->task[task].number : recent ? step->omega->recent[recent].number : facts->known_task;
	in.attempt = in.task_number ? facts->attempt : 0;
	step_commit(step, &in);
}
