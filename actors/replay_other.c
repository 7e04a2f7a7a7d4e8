/* SPDX-License-Identifier: MIT
 *
 * What another routing table would have decided, step by step, from the state as it was recorded.
 *
 * A copy of the core gets the other table, as a reload would put it in force, and decides the recorded event; then it is thrown away
 * and the history goes on as recorded. Told is what differs for the tasks that the recorded step decided on.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/replay_inner.h"

/* What became of one task in one step. */
struct fate {
	struct id task_id;
	uint64_t seq; /* the record that says so first */
	uint32_t type;
	bool asked; /* its request, or an operator's, was looked at */
	uint32_t verdict;
	bool granted; /* it is new, and this is what it got */
	uint32_t priority;
	uint64_t deadline_ms, start_ms; /* from now */
	uint32_t clock;                 /* that ran out */
	const struct task_assignment *assigned;
	char clone[NAME_BYTES];
	char next[REPLAY_VALUE_BYTES];     /* after an attempt or a wait that came to nothing */
	char informed[REPLAY_VALUE_BYTES]; /* whom an escalation reached */
};

struct fates {
	struct fate item[STEP_RECORDS_MAX];
	size_t count;
};

static const char *const clock_words[] = {
	[CLOCK_NONE] = "none",
	[CLOCK_START] = "no clone took it in time",
	[CLOCK_ASSIGN] = "the assignment was not confirmed",
	[CLOCK_HEARTBEAT] = "the attempt was silent",
	[CLOCK_TIMEOUT] = "the attempt took too long",
	[CLOCK_DEADLINE] = "the deadline passed",
	[CLOCK_BACKOFF] = "the wait was over",
	[CLOCK_LOST] = "the clone was lost",
	[CLOCK_PARENT] = "the parent has ended",
	[CLOCK_GRACE] = "the cancel was not confirmed",
	[CLOCK_BREAKER] = "the breaker lets one through",
	[CLOCK_DISPATCH] = "work was left over",
};

/* ---- reading what a step did ---- */

static struct fate *fate_of(struct fates *fates, const struct record *record)
{
	const struct id *id = &record->message.header.task_id;

	for (size_t i = 0; i < fates->count; i++)
		if (id_equal(&fates->item[i].task_id, id))
			return &fates->item[i];
	fates->item[fates->count] = (struct fate){.task_id = *id, .seq = record->seq, .type = record->message.type};
	return &fates->item[fates->count++];
}

static void note_grant(const struct omega *omega, const struct record *record, struct fate *fate)
{
	struct task_view view;

	if (omega_task(omega, &fate->task_id, &view))
		return;
	fate->granted = true;
	fate->priority = view.priority;
	fate->deadline_ms = view.deadline_ms - record->now_ms;
	fate->start_ms = view.state == STATE_ACCEPTED && view.wake_ms != NEVER ? view.wake_ms - record->now_ms : 0;
}

static void note_in(const struct omega *omega, const struct record *record, struct fates *fates)
{
	struct fate *fate;

	if (record->message.type != MESSAGE_TASK_REQUEST && record->message.type != MESSAGE_RECOVERY_ACTION)
		return;
	fate = fate_of(fates, record);
	fate->asked = true;
	fate->verdict = record->verdict;
	if (record_makes_task(record))
		note_grant(omega, record, fate);
}

static void note_inner(const struct record *record, struct fates *fates)
{
	const struct retry_scheduled *retry = &record->message.retry_scheduled;
	struct fate *fate;

	if (id_is_nil(&record->message.header.task_id))
		return;
	if (record->message.type == MESSAGE_TIMER) {
		fate_of(fates, record)->clock = record->message.timer.clock;
	} else if (record->message.type == MESSAGE_RETRY_SCHEDULED) {
		fate = fate_of(fates, record);
		snprintf(fate->next, sizeof(fate->next), "again after %u ms at %s%.0u", retry->wait_ms,
			 retry->destination ? "fallback " : "its destination", retry->destination);
	}
}

static void note_out(const struct record *record, struct fates *fates)
{
	const struct message *message = &record->message;
	struct fate *fate;

	if (message->type == MESSAGE_TASK_ASSIGNMENT) {
		fate = fate_of(fates, record);
		fate->assigned = &message->task_assignment;
		memcpy(fate->clone, record->peer, NAME_BYTES);
	} else if (message->type == MESSAGE_TASK_FAILURE) {
		fate = fate_of(fates, record);
		snprintf(fate->next, sizeof(fate->next), "%s", state_name(message->task_failure.state));
	} else if (message->type == MESSAGE_ERROR_ESCALATION && !id_is_nil(&message->header.task_id)) {
		size_t used;

		fate = fate_of(fates, record);
		used = strlen(fate->informed);
		snprintf(fate->informed + used, sizeof(fate->informed) - used, "%s%s", used ? ", " : "", record->peer);
	}
}

static void note_all(const struct omega *omega, const struct records *records, struct fates *fates)
{
	fates->count = 0;
	for (size_t i = 0; i < records->count; i++) {
		const struct record *record = &records->item[i];

		if (record->direction == DIRECTION_IN)
			note_in(omega, record, fates);
		else if (record->direction == DIRECTION_OUT)
			note_out(record, fates);
		else
			note_inner(record, fates);
	}
}

/* ---- the other table ---- */

/* Is there anything in this step that a routing table has a say in? */
static bool decides(const struct group *group)
{
	for (size_t i = 0; i < group->count; i++) {
		uint32_t type = group->entry[i].type;

		if (type == MESSAGE_TASK_REQUEST || type == MESSAGE_RECOVERY_ACTION || type == MESSAGE_TASK_ASSIGNMENT ||
		    type == MESSAGE_RETRY_SCHEDULED || type == MESSAGE_TIMER || type == MESSAGE_ERROR_ESCALATION)
			return true;
		if (type == MESSAGE_TASK_FAILURE && group->entry[i].direction == TRAIL_OUT)
			return true;
	}
	return false;
}

/* When a table came into force, the other one would have. */
static int exchange_table(struct replay *replay, struct message *message)
{
	size_t bytes = 0;

	if (message->type != MESSAGE_ROUTES_LOADED)
		return 0;
	if (!replay->other_bytes)
		replay->other_bytes = malloc(TABLE_BYTES_MAX);
	if (!replay->other_bytes || table_encode(replay->options.other, replay->other_bytes, TABLE_BYTES_MAX, &bytes))
		return ERR_MEMORY;
	message->routes_loaded.table = (struct bytes){replay->other_bytes, (uint32_t)bytes};
	return 0;
}

int replay_suppose(struct replay *replay, const struct event *event)
{
	struct message message = *event->message;
	struct event supposed = *event;
	int rc;

	replay->asked_other = decides(&replay->group);
	if (!replay->asked_other)
		return 0;
	replay->supposing = replay_copy(replay);
	rc = exchange_table(replay, &message);
	if (!rc)
		rc = omega_suppose(replay->supposing, replay->options.other);
	if (rc) {
		snprintf(replay->why, sizeof(replay->why), "record %" PRIu64 ": the other table cannot be in force there: %s",
			 replay->group.entry[0].seq, rc == ERR_FULL ? "too many routes of live tasks" : error_sentence(rc));
		return rc;
	}
	supposed.message = &message;
	if (omega_step(replay->supposing, replay->group.entry[0].now_ms, &supposed, replay->supposed))
		replay->supposed->count = 0;
	return 0;
}

/* ---- telling ---- */

/* Remembers a task; true if it was not told of before. */
static bool is_new_task(struct replay *replay, const struct id *task_id)
{
	uint64_t key;
	uint32_t slot;

	memcpy(&key, task_id->bytes + 8, sizeof(key)); /* of a UUIDv7, this is random */
	if (!replay->told)
		replay->told = calloc(TOLD_SLOTS, sizeof(*replay->told));
	if (!replay->told || !key || replay->told_count >= TOLD_SLOTS / 2)
		return false;
	for (slot = (uint32_t)key & (TOLD_SLOTS - 1); replay->told[slot]; slot = (slot + 1) & (TOLD_SLOTS - 1))
		if (replay->told[slot] == key)
			return false;
	replay->told[slot] = key;
	replay->told_count++;
	return true;
}

static void tell(struct replay *replay, const struct fate *fate, const char *field, const char *recorded, const char *supposed)
{
	struct trail_entry at = {.seq = fate->seq, .type = fate->type, .task_id = fate->task_id};

	if (strcmp(recorded, supposed) == 0)
		return;
	replay->counts.tasks += is_new_task(replay, &fate->task_id);
	replay_tell(replay, &at, field, *recorded ? recorded : "-", *supposed ? supposed : "-");
}

static void tell_number(struct replay *replay, const struct fate *fate, const char *field, uint64_t recorded, uint64_t supposed)
{
	char left[24], right[24];

	snprintf(left, sizeof(left), "%" PRIu64, recorded);
	snprintf(right, sizeof(right), "%" PRIu64, supposed);
	tell(replay, fate, field, left, right);
}

/* "beta" of "beta/1". */
static void role_of(const struct fate *fate, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "%.*s", (int)strcspn(fate->clone, "/"), fate->clone);
}

static void compare_assignment(struct replay *replay, const struct fate *was, const struct fate *would)
{
	char left[NAME_BYTES], right[NAME_BYTES];

	role_of(was, left);
	role_of(would, right);
	tell(replay, was, "role", left, right);
	if (strcmp(left, right) == 0)
		tell(replay, was, "clone", was->clone, would->clone);
	if (!was->assigned || !would->assigned)
		return;
	tell_number(replay, was, "timeout_ms", was->assigned->timeout_ms, would->assigned->timeout_ms);
	tell_number(replay, was, "heartbeat_ms", was->assigned->heartbeat_ms, would->assigned->heartbeat_ms);
	tell(replay, was, "served_as", priority_name(was->assigned->charged_class),
	     priority_name(would->assigned->charged_class));
}

static void compare_grant(struct replay *replay, const struct fate *was, const struct fate *would)
{
	if (!was->granted || !would->granted)
		return;
	tell(replay, was, "priority", priority_name(was->priority), priority_name(would->priority));
	tell_number(replay, was, "deadline_ms", was->deadline_ms, would->deadline_ms);
	if (was->start_ms && would->start_ms && was->deadline_ms == would->deadline_ms)
		tell_number(replay, was, "start_ms", was->start_ms, would->start_ms);
}

static void compare_fate(struct replay *replay, const struct fate *was, const struct fate *would)
{
	if (was->asked && was->verdict != would->verdict) {
		tell(replay, was, "verdict", was->verdict ? error_name((int)was->verdict) : "accepted",
		     would->verdict ? error_name((int)would->verdict) : "accepted");
		return; /* the rest follows from that */
	}
	if (was->clock != would->clock) {
		tell(replay, was, "clock", clock_words[was->clock <= CLOCK_DISPATCH ? was->clock : 0],
		     would->clock && would->clock <= CLOCK_DISPATCH ? clock_words[would->clock] : "not yet");
		return;
	}
	compare_grant(replay, was, would);
	compare_assignment(replay, was, would);
	tell(replay, was, "goes_on", was->next, would->next);
	tell(replay, was, "escalated_to", was->informed, would->informed);
}

void replay_compare_fates(struct replay *replay)
{
	static const struct fate none;
	static _Thread_local struct fates was, would; /* large */

	if (!replay->asked_other)
		return;
	note_all(replay->omega, replay->decided, &was);
	note_all(replay->supposing, replay->supposed, &would);
	for (size_t i = 0; i < was.count; i++) {
		const struct fate *other = &none;

		for (size_t k = 0; k < would.count; k++)
			if (id_equal(&would.item[k].task_id, &was.item[i].task_id))
				other = &would.item[k];
		replay->counts.decisions++;
		compare_fate(replay, &was.item[i], other);
	}
}
