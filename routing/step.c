/* SPDX-License-Identifier: MIT
 *
 * omega_step: what to do about each event. Decides, says so in records, and lets omega_apply carry them out one by one.
 */
#include "routing/step.h"

/* ---- making records ---- */

static uint64_t mix(uint64_t x) /* finaliser of splitmix64 (Steele, Lea, Flood 2014) */
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* 128 bits from the boot's seed, the sequence number and a lane: the same in every replay, different everywhere else. */
struct id step_draw(const struct step *step, uint64_t lane)
{
	const struct omega *omega = step->omega;
	uint64_t word[4];
	struct id drawn;
	memcpy(word, omega->moment.seed.bytes, sizeof(word));
	uint64_t a = mix(word[0] ^ (omega->moment.next_seq * 0x9e3779b97f4a7c15u)) ^ word[1];
	uint64_t b = mix(word[2] ^ (lane + 0xd1b54a32d192ed03u)) ^ word[3];
	a = mix(a + b);
	b = mix(b + mix(a ^ word[2]));
	memcpy(drawn.bytes, &a, 8);
	memcpy(drawn.bytes + 8, &b, 8);
	return drawn;
}

/* UUIDv7 (RFC 9562, section 5.7). */
static struct id draw_message_id(const struct step *step)
{
	struct id id = step_draw(step, 0);
	uint64_t unix_ms = step->omega->moment.boot_wall_ms + (step->now_ms - step->omega->moment.boot_now_ms);
	for (unsigned i = 0; i < 6; i++)
		id.bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
	id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0f));
	id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
	return id;
}

struct record *step_commit(struct step *step, struct record *record)
{
	assert(step->out->count < STEP_RECORDS_MAX);
	record->seq = step->omega->moment.next_seq;
	record->now_ms = step->now_ms;
	if (record->payload_seq == OWN_PAYLOAD)
		record->payload_seq = record->seq;
	if (record->task_number == OWN_NUMBER)
		record->task_number = record->seq;
	int rc = omega_apply(step->omega, record);
	assert(rc == 0); /* what was decided can be carried out */
	(void)rc;
	struct record *kept = &step->out->item[step->out->count++];
	*kept = *record;
	return kept;
}

struct record step_in(const struct step *step)
{
	const struct event *event = step->event;
	struct record record = {.direction = DIRECTION_IN,
				.verdict = event->verdict,
				.payload_seq = event->has_payload ? OWN_PAYLOAD : 0,
				.message = *event->message};
	memcpy(record.peer, event->peer, NAME_BYTES);
	return record;
}

struct record step_inner(enum message_type type)
{
	struct record record = {.direction = DIRECTION_INNER, .message.type = type};
	return record;
}

struct record step_out(const struct step *step, enum message_type type, const char *recipient)
{
	struct record record = {.direction = DIRECTION_OUT, .message.type = type};
	struct header *header = &record.message.header;
	size_t length = text_of(recipient).bytes;
	header->message_id = draw_message_id(step);
	if (step->event->peer[0])
		header->correlation = step->event->message->header.message_id;
	copy_name(header->sender, NAME_BYTES, "omega", 5);
	copy_name(header->recipient, NAME_BYTES, recipient, length);
	copy_name(record.peer, NAME_BYTES, recipient, length);
	return record;
}

void step_about(struct record *record, const struct task *task)
{
	record->task_number = task->number;
	record->message.header.task_id = task->id;
}

void step_refuse(struct step *step, uint32_t code)
{
	struct record in = step_in(step);
	in.verdict = code;
	step_commit(step, &in);
	struct record out = step_out(step, MESSAGE_REFUSAL, step->event->peer);
	out.message.header.task_id = step->event->message->header.task_id;
	out.message.refusal.code = code;
	out.message.refusal.refused_type = step->event->message->type;
	if (code == ERROR_OVERLOADED || code == ERROR_BUSY)
		out.message.refusal.retry_after_ms = step->omega->table.retry_after_ms;
	else if (code == ERROR_STATE && step->event->message->type == MESSAGE_STATUS_QUERY)
		out.message.refusal.retry_after_ms = RECEIPT_RETRY_MS;
	out.payload_seq = OWN_PAYLOAD;
	step_commit(step, &out);
}

/* ---- outcomes and retries ---- */

struct audience {
	char name[FOLLOWERS_MAX + 1][NAME_BYTES];
	size_t count;
};

/* Copied, since the first outcome record ends the task. */
static void gather(const struct omega *omega, const struct task *task, struct audience *out)
{
	memcpy(out->name[0], task->client, NAME_BYTES);
	out->count = 1;
	for (uint32_t f = task->first_follower; f; f = omega->follower[f].next)
		memcpy(out->name[out->count++], omega->follower[f].name, NAME_BYTES);
}

void step_tell(struct step *step, uint32_t task, struct record *record)
{
	struct audience audience;
	gather(step->omega, &step->omega->task[task], &audience);
	step_about(record, &step->omega->task[task]);
	bool own = record->payload_seq == OWN_PAYLOAD;
	for (size_t i = 0; i < audience.count; i++) {
		struct record copy = step_out(step, record->message.type, audience.name[i]);
		struct header header = copy.message.header;
		header.task_id = record->message.header.task_id;
		copy.message = record->message;
		copy.message.header = header;
		copy.task_number = record->task_number;
		copy.attempt = record->attempt;
		copy.payload_seq = record->payload_seq;
		uint64_t seq = step_commit(step, &copy)->seq;
		if (own) /* the others carry the text of the first */
			record->payload_seq = seq;
		own = false;
	}
}

void step_end(struct step *step, uint32_t task, const struct ending *ending)
{
	const struct task *t = &step->omega->task[task];
	struct record out = {.payload_seq = ending->payload_seq ? ending->payload_seq : OWN_PAYLOAD, .attempt = t->attempts};
	out.message.type = MESSAGE_TASK_FAILURE;
	out.message.task_failure = (struct task_failure){.attempt = t->attempts,
							 .code = ending->code,
							 .state = ending->state,
							 .attempts = t->attempts,
							 .processes_ended = ending->processes_ended,
							 .processes_left = ending->processes_left};
	step_tell(step, task, &out);
}

/* Operators hear of it, and an instance of the role that the route names. */
static void escalate(struct step *step, const struct task *task, uint32_t route, uint32_t code, uint64_t payload_seq)
{
	const struct omega *omega = step->omega;
	const char *told = omega->table.route[route].escalate_to;
	struct record out = step_out(step, MESSAGE_ERROR_ESCALATION, OPERATORS);
	step_about(&out, task);
	out.attempt = task->attempts;
	out.payload_seq = payload_seq ? payload_seq : OWN_PAYLOAD;
	out.message.error_escalation = (struct error_escalation){
		.severity = SEVERITY_ERROR, .attempt = task->attempts, .code = code, .attempts = task->attempts};
	uint64_t text_seq = step_commit(step, &out)->payload_seq;
	for (uint32_t i = 1; told[0] && i <= omega->clone_high; i++) {
		const struct clone *clone = &omega->clone[i];
		if (!clone_usable(omega, clone) || clone->role != find_role(omega, told, text_of(told).bytes))
			continue;
		struct record copy = step_out(step, MESSAGE_ERROR_ESCALATION, clone->name);
		step_about(&copy, task);
		copy.attempt = out.attempt;
		copy.payload_seq = text_seq;
		copy.message.error_escalation = out.message.error_escalation;
		step_commit(step, &copy);
		return;
	}
}

void step_bury(struct step *step, uint32_t task, uint32_t code, uint64_t payload_seq)
{
	struct task before = step->omega->task[task];
	step_end(step, task, &(struct ending){.state = STATE_FAILED, .code = code, .payload_seq = payload_seq});
	escalate(step, &before, before.route, code, 0);
}

static uint32_t backoff_of(const struct step *step, const struct backoff *backoff, uint32_t failures)
{
	uint64_t wait = backoff->initial_ms;
	for (uint32_t i = 1; i < failures && wait < backoff->maximum_ms; i++)
		wait = wait * backoff->factor_permille / 1000;
	if (wait > backoff->maximum_ms)
		wait = backoff->maximum_ms;
	struct id drawn = step_draw(step, 1);
	uint64_t random;
	memcpy(&random, drawn.bytes, sizeof(random));
	uint64_t spread = wait * backoff->jitter_permille / 1000;
	wait -= spread ? random % (spread + 1) : 0;
	return wait ? (uint32_t)wait : 1;
}

void step_requeue(struct step *step, uint32_t task, const struct retry_scheduled *facts)
{
	struct record record = step_inner(MESSAGE_RETRY_SCHEDULED);
	step_about(&record, &step->omega->task[task]);
	record.attempt = step->omega->task[task].attempts;
	record.message.retry_scheduled = *facts;
	step_commit(step, &record);
}

void step_go_on(struct step *step, uint32_t task, uint32_t code, bool lost, uint64_t payload_seq)
{
	const struct task *t = &step->omega->task[task];
	const struct route *route = &step->omega->table.route[t->route];
	struct retry_scheduled next = {.code = code,
				       .destination = t->destination,
				       .attempts = t->attempts,
				       .failures = t->failures + !lost,
				       .lost = t->lost + lost};
	bool fallback = !t->named_role && t->destination + 1u < route->destination_count;
	bool final = lost ? next.lost >= step->omega->table.lost_max : route_is_final(route, code);
	if (final) {
		step_bury(step, task, code, payload_seq);
		return;
	}
	if (!lost && next.failures > route->retries) {
		if (!fallback) {
			step_bury(step, task, code, payload_seq);
			return;
		}
		next.destination++;
		next.failures = 0;
	} else if (!lost) {
		next.wait_ms = backoff_of(step, &route->backoff, next.failures);
	}
	step_requeue(step, task, &next);
}

void step_stop_attempt(struct step *step, uint32_t attempt, uint32_t code, uint64_t payload_seq)
{
	const struct attempt *a = &step->omega->attempt[attempt];
	struct record out = step_out(step, MESSAGE_TASK_CANCEL, step->omega->clone[a->clone].name);
	out.task_number = a->number;
	out.attempt = a->attempt;
	out.message.header.task_id = a->task_id;
	out.message.task_cancel.attempt = a->attempt;
	out.message.task_cancel.lease = a->lease;
	out.message.task_cancel.code = code;
	out.payload_seq = payload_seq;
	step_commit(step, &out);
}

void step_cancel(struct step *step, uint32_t task, uint64_t payload_seq)
{
	const struct task *t = &step->omega->task[task];
	if (t->attempt)
		step_stop_attempt(step, t->attempt, ERROR_CANCELLED, payload_seq);
	else
		step_end(step, task, &(struct ending){.state = STATE_CANCELLED, .code = ERROR_CANCELLED});
}

/* ---- assigning ---- */

static void assign(struct step *step, const struct choice *choice)
{
	const struct omega *omega = step->omega;
	const struct task *t = &omega->task[choice->task];
	const struct route *route = &omega->table.route[t->route];
	struct record out = step_out(step, MESSAGE_TASK_ASSIGNMENT, omega->clone[choice->clone].name);
	struct task_assignment *facts = &out.message.task_assignment;
	step_about(&out, t);
	out.attempt = t->attempts + 1;
	out.payload_seq = t->number;
	out.message.header.correlation = (struct id){{0}};
	facts->task_type = text_of(route->task_type);
	facts->attempt = t->attempts + 1;
	facts->lease = step_draw(step, 2);
	facts->timeout_ms = t->timeout_ms ? (t->timeout_ms < route->timeout_max_ms ? t->timeout_ms : route->timeout_max_ms)
					  : route->timeout_ms;
	facts->heartbeat_ms = route->heartbeat_ms;
	facts->priority = t->priority;
	facts->remaining_ms = t->deadline_ms > step->now_ms ? (uint32_t)(t->deadline_ms - step->now_ms) : 0;
	if (t->budget_tokens)
		facts->budget_tokens = t->budget_tokens > t->spent_tokens ? t->budget_tokens - t->spent_tokens : 1;
	facts->route_version = omega->table.version;
	facts->destination = choice->destination;
	facts->skipped = choice->skipped;
	facts->depth = t->depth;
	facts->charged_class = choice->class;
	step_commit(step, &out);
}

static void dispatch(struct step *step)
{
	struct choice choice;
	while (step->out->count + 1 < STEP_RECORDS_MAX && choose(step->omega, &choice))
		assign(step, &choice);
}

/* ---- events ---- */

static int decide_timer(struct step *step)
{
	struct record record;
	if (!timer_find(step, &record))
		return ERR_STATE;
	timer_decide(step, &record);
	return 0;
}

/* What Omega's own shell reports: recorded as it is, and applied. */
static int decide_inner(struct step *step)
{
	struct record record = step_inner(step->event->message->type);
	record.message = *step->event->message;
	record.payload_seq = step->event->has_payload ? OWN_PAYLOAD : 0;
	record.verdict = step->event->verdict;
	switch (record.message.type) {
	case MESSAGE_TIMER:
		return decide_timer(step);
	case MESSAGE_ROUTES_LOADED:
		if (!table_fits(step->omega, &record.message.routes_loaded))
			record.verdict = ERROR_CONFIG;
		break;
	case MESSAGE_BOOT:
	case MESSAGE_PRESENCE:
	case MESSAGE_SNAPSHOT:
	case MESSAGE_DELIVERED:
	case MESSAGE_COUNTED:
	case MESSAGE_RESTORED:
		break;
	case MESSAGE_ERASED: /* the retention that routing.conf asks for */
		if (record.message.erased.task_number || record.message.erased.through_seq >= omega_next_seq(step->omega))
			return ERR_STATE;
		break;
	default:
		return ERR_STATE;
	}
	step_commit(step, &record);
	return 0;
}

static void decide_message(struct step *step)
{
	if (step->event->verdict && step->event->message->type != MESSAGE_RECOVERY_ACTION) {
		step_refuse(step, step->event->verdict);
		return;
	}
	switch (step->event->message->type) {
	case MESSAGE_HELLO:
		decide_hello(step);
		break;
	case MESSAGE_TASK_REQUEST:
		decide_request(step);
		break;
	case MESSAGE_TASK_STARTED:
	case MESSAGE_TASK_PROGRESS:
	case MESSAGE_TASK_COMPLETION:
	case MESSAGE_TASK_FAILURE:
	case MESSAGE_ERROR_ESCALATION:
		decide_answer(step);
		break;
	case MESSAGE_TASK_CANCEL:
		decide_cancel(step);
		break;
	case MESSAGE_TASK_FOLLOW:
		decide_follow(step);
		break;
	case MESSAGE_STATUS_QUERY:
		decide_status(step);
		break;
	case MESSAGE_REF_CHANGED:
		decide_change(step);
		break;
	case MESSAGE_RECOVERY_ACTION:
		decide_recovery(step);
		break;
	case MESSAGE_GOODBYE:
	case MESSAGE_STATUS_RESPONSE:
	case MESSAGE_RECOVERY_RESULT:
	case MESSAGE_ARTEFACT_PUT:
	case MESSAGE_ARTEFACT_GET: {
		struct record in = step_in(step);
		step_commit(step, &in);
		break;
	}
	default:
		step_refuse(step, ERROR_NOT_ALLOWED);
	}
}

int omega_step(struct omega *omega, uint64_t now_ms, const struct event *event, struct records *out_records)
{
	struct step step = {.omega = omega,
			    .now_ms = now_ms > omega->moment.now_ms ? now_ms : omega->moment.now_ms,
			    .event = event,
			    .out = out_records};
	int rc = 0;
	out_records->count = 0;
	if (!omega->moment.booted && event->message->type != MESSAGE_BOOT)
		return ERR_STATE;
	if (event->peer[0])
		decide_message(&step);
	else
		rc = decide_inner(&step);
	if (rc)
		return rc;
	dispatch(&step);
	return 0;
}

uint64_t omega_deadline(const struct omega *omega)
{
	uint32_t node;
	struct choice choice;
	return choose(omega, &choice) ? omega->moment.now_ms : clock_first(omega, &node);
}
