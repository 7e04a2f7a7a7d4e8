/* SPDX-License-Identifier: MIT
 *
 * What the records of incoming messages do to the state.
 */
#include "routing/apply.h"

static void fill_task(struct omega *omega, struct task *t, const struct record *record, const char *type, size_t type_bytes)
{
	int route = table_find(&omega->table, type, type_bytes);
	t->id = record->message.header.task_id;
	t->number = record->task_number;
	t->route = (uint16_t)route;
	t->accepted_ms = record->now_ms;
	t->deadline_ms = record->now_ms + omega->table.route[route].deadline_ms;
	t->priority = (uint8_t)omega->table.route[route].priority;
	t->backoff_ms = NEVER;
}

static uint64_t earlier_of(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void join_parent(struct omega *omega, uint32_t parent, uint32_t task)
{
	struct task *p = &omega->task[parent], *t = &omega->task[task];
	uint64_t left = p->budget_tokens > p->spent_tokens ? p->budget_tokens - p->spent_tokens : 0;
	t->depth = (uint8_t)(p->depth + 1);
	t->deadline_ms = earlier_of(t->deadline_ms, p->deadline_ms);
	if (p->budget_tokens)
		t->budget_tokens = t->budget_tokens ? earlier_of(t->budget_tokens, left) : left;
	child_add(omega, parent, task);
}

static int apply_request(struct omega *omega, const struct record *record)
{
	const struct task_request *facts = &record->message.task_request;
	if (record->task_number != record->seq)
		return 0; /* a duplicate */
	if (table_find(&omega->table, facts->task_type.at, facts->task_type.bytes) < 0)
		return ERR_CORRUPT;
	uint32_t task = task_take(omega);
	if (!task)
		return ERR_CORRUPT;
	struct task *t = &omega->task[task];
	fill_task(omega, t, record, facts->task_type.at, facts->task_type.bytes);
	t->key_hash = facts->key_hash;
	t->body_hash = facts->body_hash;
	t->budget_tokens = facts->budget_tokens;
	t->timeout_ms = facts->timeout_ms;
	if (facts->priority)
		t->priority = (uint8_t)facts->priority;
	if (facts->deadline_ms)
		t->deadline_ms = earlier_of(t->deadline_ms, record->now_ms + facts->deadline_ms);
	copy_name(t->client, NAME_BYTES, record->peer, text_of(record->peer).bytes);
	if (!id_is_nil(&facts->parent))
		join_parent(omega, find_task(omega, &facts->parent), task);
	index_task(omega, task);
	omega->counter.accepted++;
	omega->counter.live++;
	return task_move(omega, task, LIFE_REQUESTED, record);
}

/* The live attempt that this message of a clone is about, or 0. */
static uint32_t attempt_of(const struct omega *omega, const struct record *record)
{
	uint32_t task = find_task(omega, &record->message.header.task_id);
	return task ? omega->task[task].attempt : 0;
}

static int apply_progress(struct omega *omega, const struct record *record)
{
	uint32_t attempt = attempt_of(omega, record);
	struct attempt *a = &omega->attempt[attempt];
	bool waiting = record->message.task_progress.waiting;
	if (!attempt)
		return ERR_CORRUPT;
	if (waiting && a->state == ATTEMPT_RUNNING)
		omega->clone[a->clone].used--;
	if (!waiting && a->state == ATTEMPT_WAITING)
		omega->clone[a->clone].used++;
	a->state = waiting ? ATTEMPT_WAITING : ATTEMPT_RUNNING;
	a->silence_ms = record->now_ms + a->heartbeat_ms;
	attempt_wind(omega, attempt);
	return 0;
}

static int apply_completion(struct omega *omega, const struct record *record)
{
	uint32_t attempt = attempt_of(omega, record);
	if (!attempt)
		return ERR_CORRUPT;
	struct attempt *a = &omega->attempt[attempt];
	struct clone *clone = &omega->clone[a->clone];
	omega->task[a->task].spent_tokens += record->message.task_completion.tokens;
	clone->completed++;
	clone->failures = 0;
	attempt_drop(omega, attempt);
	return 0;
}

static int apply_failure(struct omega *omega, const struct record *record)
{
	uint32_t attempt = attempt_of(omega, record);
	if (!attempt)
		return ERR_CORRUPT;
	uint32_t clone = omega->attempt[attempt].clone;
	if (blames_clone(record->message.task_failure.code))
		break_circuit(omega, clone, record->now_ms);
	attempt_drop(omega, attempt);
	return 0;
}

/* A late answer: what it reports changes nothing, but its attempt is over. */
static void apply_late_answer(struct omega *omega, const struct record *record, const struct id *lease)
{
	uint32_t clone = find_clone(omega, record->peer);
	uint32_t attempt = clone ? find_attempt(omega, clone, lease) : 0;
	omega->counter.superseded++;
	if (attempt && omega->attempt[attempt].state == ATTEMPT_ENDING &&
	    id_equal(&omega->attempt[attempt].task_id, &record->message.header.task_id))
		attempt_drop(omega, attempt);
}

static int apply_follow(struct omega *omega, const struct record *record)
{
	uint32_t task = find_task(omega, &record->message.header.task_id);
	if (task)
		follower_add(omega, task, record->peer);
	return 0;
}

static int revive(struct omega *omega, const struct record *record)
{
	const struct recovery_action *facts = &record->message.recovery_action;
	uint32_t task = task_take(omega);
	if (!task || table_find(&omega->table, facts->known_type.at, facts->known_type.bytes) < 0)
		return ERR_CORRUPT;
	struct task *t = &omega->task[task];
	fill_task(omega, t, record, facts->known_type.at, facts->known_type.bytes);
	t->attempts = facts->known_attempts;
	if (facts->known_priority)
		t->priority = (uint8_t)facts->known_priority;
	if (facts->verb == VERB_REASSIGN)
		t->named_role = (uint16_t)find_role(omega, facts->target.at, facts->target.bytes);
	copy_name(t->client, NAME_BYTES, facts->known_client.at, facts->known_client.bytes);
	uint32_t recent = find_recent(omega, &t->id);
	if (recent) {
		t->key_hash = omega->recent[recent].key_hash;
		t->body_hash = omega->recent[recent].body_hash;
	}
	index_task(omega, task);
	follower_add(omega, task, record->peer);
	omega->counter.revived++;
	omega->counter.live++;
	return task_move(omega, task, LIFE_REVIVED, record);
}

static void steer_clone(struct clone *clone, uint32_t verb)
{
	if (verb == VERB_DRAIN)
		clone->draining = true;
	if (verb == VERB_RESUME)
		clone->draining = clone->leaving = false;
	if (verb == VERB_QUARANTINE)
		clone->quarantined = true;
	if (verb == VERB_REINSTATE) {
		clone->quarantined = clone->draining = clone->leaving = false;
		clone->failures = 0;
		clone->breaker_until_ms = 0;
	}
}

static int apply_recovery(struct omega *omega, const struct record *record)
{
	const struct recovery_action *facts = &record->message.recovery_action;
	bool revives = facts->verb == VERB_RETRY || facts->verb == VERB_REPLAY || facts->verb == VERB_REASSIGN;
	if (revives && !find_task(omega, &record->message.header.task_id))
		return revive(omega, record);
	if (facts->verb < VERB_DRAIN || facts->verb > VERB_REINSTATE)
		return 0;
	for (uint32_t i = 1; i <= omega->clone_high; i++) {
		struct clone *clone = &omega->clone[i];
		struct text name = text_of(clone->name), role = text_of(omega->role[clone->role].name);
		bool named = facts->target.bytes == name.bytes && memcmp(facts->target.at, name.at, name.bytes) == 0;
		bool of_role = facts->target.bytes == role.bytes && memcmp(facts->target.at, role.at, role.bytes) == 0;
		if (!clone->known || !(named || of_role))
			continue;
		steer_clone(clone, facts->verb);
		clone_wind(omega, i);
	}
	return 0;
}

/* A clone asks for a person: its attempt is over and the task waits. */
static int apply_plea(struct omega *omega, const struct record *record)
{
	if (id_is_nil(&record->message.error_escalation.lease))
		return 0;
	uint32_t attempt = attempt_of(omega, record);
	if (!attempt)
		return ERR_CORRUPT;
	uint32_t task = omega->attempt[attempt].task;
	omega->task[task].last_error = record->message.error_escalation.code;
	attempt_drop(omega, attempt);
	return task_move(omega, task, LIFE_ESCALATE, record);
}

static int apply_refused(struct omega *omega, const struct record *record)
{
	omega->counter.refused++;
	if (record->message.type == MESSAGE_TASK_COMPLETION)
		apply_late_answer(omega, record, &record->message.task_completion.lease);
	if (record->message.type == MESSAGE_TASK_FAILURE)
		apply_late_answer(omega, record, &record->message.task_failure.lease);
	return 0;
}

int apply_in(struct omega *omega, const struct record *record)
{
	if (record->verdict)
		return apply_refused(omega, record);
	switch (record->message.type) {
	case MESSAGE_HELLO:
		return apply_hello(omega, record);
	case MESSAGE_GOODBYE:
		return apply_goodbye(omega, record);
	case MESSAGE_TASK_REQUEST:
		return apply_request(omega, record);
	case MESSAGE_TASK_STARTED:
		return task_move(omega, find_task(omega, &record->message.header.task_id), LIFE_START, record);
	case MESSAGE_TASK_PROGRESS:
		return apply_progress(omega, record);
	case MESSAGE_TASK_COMPLETION:
		return apply_completion(omega, record);
	case MESSAGE_TASK_FAILURE:
		return apply_failure(omega, record);
	case MESSAGE_TASK_FOLLOW:
	case MESSAGE_TASK_CANCEL: /* whoever cancels hears how it ended */
		return apply_follow(omega, record);
	case MESSAGE_RECOVERY_ACTION:
		return apply_recovery(omega, record);
	case MESSAGE_ERROR_ESCALATION:
		return apply_plea(omega, record);
	default:
		return 0;
	}
}
