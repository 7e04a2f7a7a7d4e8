/* SPDX-License-Identifier: MIT
 *
 * omega_apply: what each record does to the state. Nothing is decided here; the same records always give the same state.
 */
#include "routing/state.h"

/* ---- the life of a task ---- */

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
	a->silence_ms = record->now_ms + a->heartbeat_ms;
	a->timeout_at = record->now_ms + a->timeout_ms;
	attempt_wind(omega, attempt);
}

static void orphan_children(struct omega *omega, uint32_t task)
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

/* ---- peers ---- */

static bool role_is_clone(const struct text *role)
{
	static const char *const others[] = {"client", "operator", "auditor"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct text other = text_of(others[i]);
		if (role->bytes == other.bytes && memcmp(role->at, other.at, other.bytes) == 0)
			return false;
	}
	return true;
}

static bool hello_lists(const struct hello *hello, const struct attempt *attempt)
{
	for (uint32_t at = 0; at + LIVE_ENTRY_BYTES <= hello->live.bytes; at += LIVE_ENTRY_BYTES)
		if (memcmp(hello->live.at + at, attempt->task_id.bytes, 16) == 0 &&
		    memcmp(hello->live.at + at + 20, attempt->lease.bytes, 16) == 0)
			return true;
	return false;
}

/* A new connection: attempts it does not list are lost, the others go on. */
static void take_back(struct omega *omega, uint32_t clone, const struct record *record)
{
	for (uint32_t a = omega->clone[clone].first_attempt, next; a; a = next) {
		struct attempt *attempt = &omega->attempt[a];
		next = attempt->after;
		if (hello_lists(&record->message.hello, attempt)) {
			attempt->silence_ms = record->now_ms + attempt->heartbeat_ms;
			attempt_wind(omega, a);
		} else if (attempt->task) {
			attempt->lost = true;
			attempt_wind(omega, a);
		} else {
			attempt_drop(omega, a);
		}
	}
}

static int apply_hello(struct omega *omega, const struct record *record)
{
	const struct hello *hello = &record->message.hello;
	if (!role_is_clone(&hello->role))
		return 0;
	uint32_t clone = find_clone(omega, record->peer);
	if (!clone)
		clone = clone_take(omega);
	if (!clone)
		return ERR_CORRUPT;
	struct clone *c = &omega->clone[clone];
	char role[ROLE_BYTES];
	copy_name(role, sizeof(role), hello->role.at, hello->role.bytes);
	copy_name(c->name, sizeof(c->name), record->peer, text_of(record->peer).bytes);
	copy_name(c->task_types, sizeof(c->task_types), hello->task_types.at, hello->task_types.bytes);
	c->role = role_add(omega, role);
	c->slots = hello->slots < SLOTS_MAX ? hello->slots : SLOTS_MAX;
	c->presence = PRESENCE_ALIVE;
	c->leaving = false;
	take_back(omega, clone, record);
	return 0;
}

static void lose_clone(struct omega *omega, uint32_t clone)
{
	omega->clone[clone].presence = PRESENCE_LOST;
	for (uint32_t a = omega->clone[clone].first_attempt, next; a; a = next) {
		next = omega->attempt[a].after;
		if (!omega->attempt[a].task) {
			attempt_drop(omega, a);
			continue;
		}
		omega->attempt[a].lost = true;
		attempt_wind(omega, a);
	}
}

static int apply_goodbye(struct omega *omega, const struct record *record)
{
	uint32_t clone = find_clone(omega, record->peer);
	if (clone && record->message.goodbye.draining)
		omega->clone[clone].leaving = true;
	else if (clone)
		lose_clone(omega, clone);
	return 0;
}

static int apply_presence(struct omega *omega, const struct record *record)
{
	const struct presence_changed *facts = &record->message.presence_changed;
	char name[NAME_BYTES];
	copy_name(name, sizeof(name), facts->peer.at, facts->peer.bytes);
	uint32_t clone = find_clone(omega, name);
	if (!clone)
		return 0;
	omega->clone[clone].load = facts->load;
	if (facts->presence == PRESENCE_LOST)
		lose_clone(omega, clone);
	else if (omega->clone[clone].presence != PRESENCE_LOST)
		omega->clone[clone].presence = (uint8_t)facts->presence;
	return 0;
}

static void break_circuit(struct omega *omega, uint32_t clone, uint64_t now_ms)
{
	struct clone *c = &omega->clone[clone];
	c->failed++;
	c->failures++;
	if (c->failures < omega->table.breaker_failures)
		return;
	c->breaker_until_ms = now_ms + omega->table.breaker_open_ms;
	clone_wind(omega, clone);
}

/* ---- what peers say about tasks ---- */

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

/* Failures that say nothing about the clone do not count against it. */
static bool blames_clone(uint32_t code)
{
	return code == ERROR_TASK_FAILED || code == ERROR_TIMED_OUT || code == ERROR_HEARTBEAT || code == ERROR_INTERNAL;
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

static int apply_in(struct omega *omega, const struct record *record)
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

/* ---- what Omega says ---- */

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
static int apply_out(struct omega *omega, const struct record *record)
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

/* ---- Omega's own ---- */

/* No connection survives a start: every attempt gets the time to be reported again. */
static int apply_boot(struct omega *omega, const struct record *record)
{
	const struct boot *facts = &record->message.boot;
	omega->moment.boot = facts->boot;
	omega->moment.seed = facts->seed;
	omega->moment.boot_wall_ms = facts->wall_ms;
	omega->moment.boot_now_ms = record->now_ms;
	omega->moment.booted = true;
	for (uint32_t i = 1; i <= omega->clone_high; i++) {
		if (omega->clone[i].known && omega->clone[i].presence == PRESENCE_ALIVE)
			omega->clone[i].presence = PRESENCE_LATE;
		for (uint32_t a = omega->clone[i].first_attempt; a; a = omega->attempt[a].after) {
			struct attempt *attempt = &omega->attempt[a];
			uint64_t grace = attempt->state == ATTEMPT_ENDING ? omega->table.cancel_grace_ms : attempt->heartbeat_ms;
			attempt->silence_ms = record->now_ms + grace;
			attempt_wind(omega, a);
		}
	}
	return 0;
}

static int apply_routes(struct omega *omega, const struct record *record)
{
	const struct routes_loaded *facts = &record->message.routes_loaded;
	struct table table;
	if (record->verdict)
		return 0;
	int rc = table_decode(facts->table.at, facts->table.bytes, &table);
	if (rc)
		return ERR_CORRUPT;
	table.version = facts->version;
	table_install(omega, &table);
	return 0;
}

static int apply_timer(struct omega *omega, const struct record *record)
{
	const struct timer *facts = &record->message.timer;
	char name[NAME_BYTES];
	copy_name(name, sizeof(name), facts->peer.at, facts->peer.bytes);
	uint32_t clone = find_clone(omega, name);
	uint32_t attempt = clone ? find_attempt(omega, clone, &facts->lease) : 0;
	uint32_t task = find_task(omega, &record->message.header.task_id);
	switch (facts->clock) {
	case CLOCK_BACKOFF:
		return task ? task_move(omega, task, LIFE_MOVE, record) : ERR_CORRUPT;
	case CLOCK_PARENT:
		if (!task)
			return ERR_CORRUPT;
		omega->task[task].orphaned = false;
		task_wind(omega, task);
		return 0;
	case CLOCK_LOST:
	case CLOCK_GRACE:
		if (!attempt)
			return ERR_CORRUPT;
		omega->clone[clone].lost += facts->clock == CLOCK_LOST;
		attempt_drop(omega, attempt);
		return 0;
	case CLOCK_BREAKER:
		if (!clone)
			return ERR_CORRUPT;
		omega->clone[clone].breaker_until_ms = 0;
		clone_wind(omega, clone);
		return 0;
	default:
		return 0;
	}
}

static int apply_retry(struct omega *omega, const struct record *record)
{
	const struct retry_scheduled *facts = &record->message.retry_scheduled;
	uint32_t task = find_task(omega, &record->message.header.task_id);
	if (!task)
		return ERR_CORRUPT;
	struct task *t = &omega->task[task];
	bool queued = t->state == STATE_ACCEPTED;
	if (queued) /* it leaves under its old name */
		queue_remove(omega, task);
	t->last_error = facts->code;
	t->failures = facts->failures;
	t->lost = facts->lost;
	t->destination = (uint8_t)facts->destination;
	t->named_role = (uint16_t)(facts->role.bytes ? find_role(omega, facts->role.at, facts->role.bytes) : t->named_role);
	if (queued)
		queue_push(omega, task);
	return task_move(omega, task, facts->wait_ms ? LIFE_DELAY : LIFE_MOVE, record);
}

static int apply_inner(struct omega *omega, const struct record *record)
{
	switch (record->message.type) {
	case MESSAGE_BOOT:
		return apply_boot(omega, record);
	case MESSAGE_PRESENCE:
		return apply_presence(omega, record);
	case MESSAGE_ROUTES_LOADED:
		return apply_routes(omega, record);
	case MESSAGE_TIMER:
		return apply_timer(omega, record);
	case MESSAGE_RETRY_SCHEDULED:
		return apply_retry(omega, record);
	case MESSAGE_DELIVERED:
		omega->counter.delivered += record->message.delivered.outcomes;
		return 0;
	default:
		return 0;
	}
}

static int apply_snapshot(struct omega *omega, const struct record *record)
{
	const struct snapshot *facts = &record->message.snapshot;
	if (facts->core_version > OMEGA_CORE_VERSION)
		return ERR_NEWER;
	int rc = omega_load(omega, facts->state.at, facts->state.bytes);
	if (rc)
		return rc;
	if (omega->moment.next_seq != record->seq)
		return ERR_CORRUPT;
	omega->moment.next_seq++;
	return 0;
}

int omega_apply(struct omega *omega, const struct record *record)
{
	int rc;
	if (record->message.type == MESSAGE_SNAPSHOT && !omega->moment.booted && omega->moment.next_seq == 1)
		return apply_snapshot(omega, record);
	if (record->seq != omega->moment.next_seq)
		return ERR_CORRUPT;
	if (record->now_ms > omega->moment.now_ms)
		omega->moment.now_ms = record->now_ms;
	if (record->direction == DIRECTION_IN)
		rc = apply_in(omega, record);
	else
		rc = record->direction == DIRECTION_OUT ? apply_out(omega, record) : apply_inner(omega, record);
	if (rc)
		return ERR_CORRUPT;
	omega->moment.next_seq++;
	return 0;
}
