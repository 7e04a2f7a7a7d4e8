/* SPDX-License-Identifier: MIT */
#include "tests/core/watch.h"

#include <stdio.h>
#include <string.h>

struct watched *watch_find(struct watch *watch, const struct id *task_id)
{
	for (size_t i = 0; i < watch->count; i++)
		if (id_equal(&watch->task[i].id, task_id))
			return &watch->task[i];
	return NULL;
}

struct watched *watch_find_key(struct watch *watch, const struct id *key_hash)
{
	for (size_t i = 0; i < watch->count && !id_is_nil(key_hash); i++)
		if (id_equal(&watch->task[i].key_hash, key_hash))
			return &watch->task[i];
	return NULL;
}

static void broken(struct watch *watch, const struct record *record, const char *what)
{
	if (!watch->wrong[0])
		snprintf(watch->wrong, sizeof(watch->wrong), "record %llu (%s): %s", (unsigned long long)record->seq,
			 message_name(record->message.type), what);
}

static void watch_request(struct watch *watch, const struct record *record)
{
	const struct task_request *facts = &record->message.task_request;
	if (record->verdict)
		return;
	struct watched *same = watch_find_key(watch, &facts->key_hash);
	if (record->task_number != record->seq) {
		struct watched *known = same ? same : watch_find(watch, &record->message.header.task_id);
		if (!known || known->number != record->task_number || !id_equal(&known->body_hash, &facts->body_hash))
			broken(watch, record, "a duplicate names another task than the first");
		return;
	}
	if (same || watch_find(watch, &record->message.header.task_id))
		broken(watch, record, "the same key or id made two tasks");
	if (watch->count == WATCH_TASKS) {
		broken(watch, record, "more tasks than the watch can hold");
		return;
	}
	struct watched *task = &watch->task[watch->count++];
	*task = (struct watched){.id = record->message.header.task_id,
				 .key_hash = facts->key_hash,
				 .body_hash = facts->body_hash,
				 .parent = facts->parent,
				 .number = record->seq};
	snprintf(task->client, sizeof(task->client), "%s", record->peer);
	snprintf(task->task_type, sizeof(task->task_type), "%.*s", (int)facts->task_type.bytes, facts->task_type.at);
	watch->accepted++;
}

static const struct route *route_of(const struct watch *watch, const struct watched *task)
{
	int found = table_find(&watch->table, task->task_type, strlen(task->task_type));
	return found < 0 ? NULL : &watch->table.route[found];
}

static void watch_assignment(struct watch *watch, const struct record *record, struct watched *task)
{
	const struct task_assignment *facts = &record->message.task_assignment;
	if (task->end_state)
		broken(watch, record, "an ended task is assigned");
	if (task->cancel_asked)
		broken(watch, record, "a cancelled task is assigned");
	if (facts->attempt != task->attempts + 1)
		broken(watch, record, "an attempt number is reused or left out");
	if (record->payload_seq != task->number)
		broken(watch, record, "an assignment does not carry the parameters of the request");
	if (record->now_ms < task->not_before_ms)
		broken(watch, record, "a retry comes before its backoff is over");
	for (uint32_t d = task->destination; !task->named && d < facts->destination; d++)
		if (!(facts->skipped >> d & 1))
			broken(watch, record, "a destination is skipped without a word");
	if (facts->destination < task->destination)
		broken(watch, record, "destinations are tried in the wrong order");
	task->destination = facts->destination;
	task->attempts = facts->attempt;
	task->not_before_ms = 0;
	snprintf(task->clone, sizeof(task->clone), "%s", record->peer);
}

static bool is_role_of(const char *a, const char *b)
{
	size_t length = strcspn(a, "/");
	return strncmp(a, b, length + 1) == 0;
}

/* What a clone may do to other tasks: ask about what its role has asked for, end what its own attempt has asked for. */
static void watch_meddling(struct watch *watch, const struct record *record, const struct watched *task)
{
	const struct watched *parent = watch_find(watch, &task->parent);
	if (record->direction != DIRECTION_IN || record->verdict || strncmp(record->peer, "client/", 7) == 0 ||
	    strncmp(record->peer, "operator/", 9) == 0)
		return;
	if (record->message.type == MESSAGE_TASK_FOLLOW && !is_role_of(task->client, record->peer))
		broken(watch, record, "a clone hears of a task that is none of its business");
	if (record->message.type == MESSAGE_TASK_CANCEL &&
	    (!parent || parent->end_state || strcmp(parent->clone, record->peer) != 0))
		broken(watch, record, "a clone ends a task that it did not ask for");
}

static void watch_retry(struct watch *watch, const struct record *record, struct watched *task)
{
	const struct retry_scheduled *facts = &record->message.retry_scheduled;
	const struct route *route = route_of(watch, task);
	bool stays = facts->destination == task->destination;
	task->named |= facts->role.bytes > 0;
	if (facts->code == ERROR_LOST && facts->lost <= task->lost + 1) { /* unchanged if the assignment perhaps never left */
		task->lost = facts->lost;
	} else if (facts->failures > 0 && route && stays) {
		uint64_t least = (uint64_t)route->backoff.initial_ms * (1000 - route->backoff.jitter_permille) / 1000;
		if (facts->failures > route->retries)
			broken(watch, record, "more retries than the route allows");
		if (facts->wait_ms < least &&
		    facts->wait_ms < route->backoff.maximum_ms * (1000 - route->backoff.jitter_permille) / 1000)
			broken(watch, record, "a backoff is shorter than the route says");
	}
	if (task->lost >= watch->table.lost_max)
		broken(watch, record, "more lost attempts than the table allows");
	if (facts->destination < task->destination)
		broken(watch, record, "destinations are tried in the wrong order");
	task->destination = facts->destination;
	task->not_before_ms = facts->wait_ms ? record->now_ms + facts->wait_ms : 0;
}

static void watch_outcome(struct watch *watch, const struct record *record, struct watched *task)
{
	uint32_t state =
		record->message.type == MESSAGE_TASK_COMPLETION ? (uint32_t)STATE_COMPLETED : record->message.task_failure.state;
	if (task->end_state) {
		if (task->end_state != state)
			broken(watch, record, "a task has two different outcomes");
		return; /* a copy for a follower */
	}
	if (!record->payload_seq || record->payload_seq > record->seq)
		broken(watch, record, "an outcome has no text");
	if (strcmp(record->peer, task->client) != 0)
		broken(watch, record, "the outcome goes to somebody else first");
	task->end_state = state;
	task->outcome_seq = record->seq;
	watch->ended++;
}

static void watch_recovery(struct watch *watch, const struct record *record, struct watched *task)
{
	uint32_t verb = record->message.recovery_action.verb;
	if (record->verdict || !task->end_state || (verb != VERB_RETRY && verb != VERB_REPLAY && verb != VERB_REASSIGN))
		return;
	if (task->end_state != STATE_FAILED && task->end_state != STATE_EXPIRED)
		broken(watch, record, "a task that was completed or cancelled is revived");
	if (task->erased)
		broken(watch, record, "a task is revived whose texts were erased");
	task->end_state = 0;
	task->destination = 0;
	task->lost = 0;
	task->not_before_ms = 0;
	task->named = verb == VERB_REASSIGN;
	watch->revived++;
}

static void watch_task(struct watch *watch, const struct record *record, struct watched *task)
{
	watch_meddling(watch, record, task);
	switch (record->message.type) {
	case MESSAGE_TASK_ASSIGNMENT:
		watch_assignment(watch, record, task);
		break;
	case MESSAGE_RETRY_SCHEDULED:
		watch_retry(watch, record, task);
		break;
	case MESSAGE_RECOVERY_ACTION:
		if (record->direction == DIRECTION_IN)
			watch_recovery(watch, record, task);
		break;
	case MESSAGE_TASK_CANCEL:
		task->cancel_asked |= record->direction == DIRECTION_IN && !record->verdict;
		break;
	case MESSAGE_TASK_COMPLETION:
	case MESSAGE_TASK_FAILURE:
		if (record->direction == DIRECTION_OUT)
			watch_outcome(watch, record, task);
		else if (task->end_state && !record->verdict)
			broken(watch, record, "an ended task takes another result");
		break;
	default:
		break;
	}
}

/* A route may lose destinations; a task stays at the nearest that is left. */
static void watch_table(struct watch *watch, const struct record *record)
{
	const struct bytes *table = &record->message.routes_loaded.table;
	if (record->verdict)
		return;
	if (table_decode(table->at, table->bytes, &watch->table))
		broken(watch, record, "the table cannot be read");
	for (size_t i = 0; i < watch->count; i++) {
		const struct route *route = route_of(watch, &watch->task[i]);
		if (route && watch->task[i].destination >= route->destination_count)
			watch->task[i].destination = route->destination_count - 1;
	}
}

/* What is as old as that, of tasks that have ended and cannot be revived. */
static void watch_retention(struct watch *watch, const struct record *record)
{
	for (size_t i = 0; i < watch->count; i++) {
		struct watched *task = &watch->task[i];
		if (task->end_state && task->end_state != STATE_FAILED && task->outcome_seq <= record->message.erased.through_seq)
			task->erased = true;
	}
}

static void watch_erased(struct watch *watch, const struct record *record)
{
	const struct erased *facts = &record->message.erased;
	bool asked = watch->erasing_seq && record->seq == watch->erasing_seq + 1;
	struct watched *task = watch_find(watch, &record->message.header.task_id);
	if (facts->through_seq >= record->seq)
		broken(watch, record, "what is to come is erased");
	if (!facts->task_number) {
		if (asked && watch->erasing_verb != VERB_PRUNE)
			broken(watch, record, "one task was to be erased, and all are");
		watch_retention(watch, record);
		return;
	}
	if (!asked || watch->erasing_verb != VERB_ERASE || facts->through_seq + 2 != record->seq)
		broken(watch, record, "a task is erased, and no action right before it asks for it");
	if (!task || !task->end_state || task->number != facts->task_number || record->task_number != facts->task_number) {
		broken(watch, record, "what is erased is no task that has ended");
		return;
	}
	task->erased = true;
	watch->erased_tasks++;
}

static void watch_erasing(struct watch *watch, const struct record *record)
{
	uint32_t verb = record->message.recovery_action.verb;
	if (watch->erasing_seq && record->seq == watch->erasing_seq + 1 && record->message.type != MESSAGE_ERASED)
		broken(watch, record, "an action that erases is not followed by what it erased");
	if (record->message.type != MESSAGE_RECOVERY_ACTION || record->direction != DIRECTION_IN || record->verdict ||
	    (verb != VERB_ERASE && verb != VERB_PRUNE))
		return;
	watch->erasing_seq = record->seq;
	watch->erasing_verb = verb;
}

void watch_record(struct watch *watch, const struct record *record)
{
	if (record->seq != ++watch->records)
		broken(watch, record, "the sequence has a hole");
	watch->by_type[record->message.type]++;
	watch_erasing(watch, record);
	if (record->message.type == MESSAGE_ERASED) {
		watch_erased(watch, record);
		return;
	}
	if (record->message.type == MESSAGE_ROUTES_LOADED)
		watch_table(watch, record);
	if (record->message.type == MESSAGE_TASK_REQUEST) {
		watch_request(watch, record);
		return;
	}
	struct watched *task = watch_find(watch, &record->message.header.task_id);
	if (task)
		watch_task(watch, record, task);
}
