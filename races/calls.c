/* SPDX-License-Identifier: MIT
 *
 * Calls: what is asked of others, under keys, and what they answered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "races/race_inner.h"

#define BUSY_WAIT_MS 500u

void race_acts_release(struct race_acts *acts)
{
	for (size_t i = 0; i < acts->count; i++)
		json_decref(acts->act[i].json);
	free(acts->act);
	*acts = (struct race_acts){0};
}

void act_add(struct race *race, enum race_act_kind kind, const char *key, json_t *json)
{
	struct race_acts *acts = race->acts;

	if (json && acts->count == acts->capacity) {
		size_t capacity = acts->capacity ? 2 * acts->capacity : 16;
		struct race_act *more = realloc(acts->act, capacity * sizeof(*more));

		if (more) {
			acts->act = more;
			acts->capacity = capacity;
		}
	}
	if (!json || acts->count == acts->capacity) {
		race->no_memory = true;
		json_decref(json);
		return;
	}
	acts->act[acts->count] = (struct race_act){.kind = kind, .json = json};
	snprintf(acts->act[acts->count].key, RACE_KEY_BYTES, "%s", key);
	acts->count++;
}

struct call *call_find(const struct race *race, const char *key)
{
	for (size_t i = 0; key && i < race->call_count; i++)
		if (strcmp(race->call[i].key, key) == 0)
			return &race->call[i];
	return NULL;
}

/* Takes the request over. */
static const json_t *call(struct race *race, enum call_kind kind, const char *key, json_t *request)
{
	struct call *old = call_find(race, key);

	if (old) {
		json_decref(request);
		return old->answer;
	}
	if (!request || race->call_count == CALLS_MAX) {
		race->no_memory = true;
		json_decref(request);
		return NULL;
	}
	if (race->call_count == race->call_capacity) {
		size_t capacity = race->call_capacity ? 2 * race->call_capacity : 32;
		struct call *more = realloc(race->call, capacity * sizeof(*more));

		if (!more) {
			race->no_memory = true;
			json_decref(request);
			return NULL;
		}
		race->call = more;
		race->call_capacity = capacity;
	}
	race->call[race->call_count] = (struct call){.kind = kind, .request = request};
	snprintf(race->call[race->call_count].key, RACE_KEY_BYTES, "%s", key);
	race->call_count++;
	return NULL;
}

const json_t *call_task(struct race *race, const char *key, json_t *request)
{
	return call(race, CALL_TASK, key, request);
}

const json_t *call_workspace(struct race *race, const char *key, json_t *request)
{
	return call(race, CALL_WORKSPACE, key, request);
}

const json_t *call_model(struct race *race, const char *key, json_t *request)
{
	return call(race, CALL_ASK, key, request);
}

void call_cancel(struct race *race, struct call *one, const char *reason)
{
	if (one->answer || one->cancelled)
		return;
	one->cancelled = true;
	one->cancelled_ms = race->now_ms;
	if (one->sent && one->kind == CALL_TASK)
		act_add(race, RACE_CANCEL, one->key, json_pack("{s:s}", "reason", reason));
	else
		one->answer = json_pack("{s:s, s:s, s:s, s:b}", "state", "cancelled", "code", "cancelled", "sentence", reason,
					"unsent", 1);
}

size_t calls_open(const struct race *race, enum call_kind kind)
{
	size_t open = 0;

	for (size_t i = 0; i < race->call_count; i++)
		open += race->call[i].kind == kind && race->call[i].sent && !race->call[i].answer;
	return open;
}

/* Tries were held back before they became calls, so they go first; judging fills what is left. */
static bool may_send(const struct race *race, const struct call *one)
{
	if (one->sent || one->answer || one->not_before_ms > race->now_ms)
		return false;
	return one->kind != CALL_TASK || strncmp(one->key, "try/", 4) == 0 || calls_open(race, CALL_TASK) < TASKS_OPEN_MAX;
}

void calls_pump(struct race *race)
{
	static const enum race_act_kind acts[] = {RACE_REQUEST, RACE_WORKSPACE, RACE_ASK};

	for (size_t i = 0; i < race->call_count; i++) {
		struct call *one = &race->call[i];

		if (one->cancelled && !one->answer && race->now_ms >= one->cancelled_ms + CANCEL_GRACE_MS)
			one->answer = json_pack("{s:s, s:s, s:s}", "state", "cancelled", "code", "cancelled", "sentence",
						"it was cancelled, and nobody has said what came of it");
		if (!may_send(race, one))
			continue;
		one->sent = true;
		act_add(race, acts[one->kind], one->key, json_incref(one->request));
	}
}

uint64_t calls_due(const struct race *race)
{
	uint64_t due = UINT64_MAX;

	for (size_t i = 0; i < race->call_count; i++) {
		const struct call *one = &race->call[i];
		uint64_t at = one->answer      ? UINT64_MAX
			      : one->cancelled ? one->cancelled_ms + CANCEL_GRACE_MS
			      : one->sent      ? UINT64_MAX
					       : one->not_before_ms;

		if (at > race->now_ms && at < due)
			due = at;
	}
	return due;
}

static void take_answer(struct race *race, struct call *one, const json_t *json)
{
	one->answer = json ? json_deep_copy(json) : json_object();
	if (!one->answer)
		race->no_memory = true;
	if (said_text(one->answer, "task_id")[0])
		said_copy(one->task, sizeof(one->task), said_text(one->answer, "task_id"));
}

/* A coordinator that has no room now may have some later; what it will not take ever is an outcome. */
static void take_refusal(struct race *race, struct call *one, const json_t *json)
{
	int code = error_find(said_text(json, "code"));
	uint64_t wait_ms = said_number(json, "retry_after_ms");

	if (one->cancelled || !error_retryable(code) || ++one->refusals > REFUSALS_MAX) {
		one->answer = json_pack("{s:s, s:s, s:s, s:b}", "state", "refused", "code", said_text(json, "code"), "sentence",
					said_text(json, "sentence")[0] ? said_text(json, "sentence") : error_sentence(code),
					"refused", 1);
		if (!one->answer)
			race->no_memory = true;
		return;
	}
	if (wait_ms < (BUSY_WAIT_MS << one->refusals))
		wait_ms = BUSY_WAIT_MS << one->refusals;
	one->sent = false;
	one->not_before_ms = said_sum(race->now_ms, wait_ms);
}

void call_event(struct race *race, const struct race_event *event)
{
	struct call *one = call_find(race, event->key);

	if (!one || !one->sent || one->answer)
		return;
	if (event->kind == RACE_ACCEPTED && one->kind == CALL_TASK)
		said_copy(one->task, sizeof(one->task), said_text(event->json, "task_id"));
	else if (event->kind == RACE_REFUSED && one->kind == CALL_TASK)
		take_refusal(race, one, event->json);
	else if (event->kind == RACE_OUTCOME && one->kind == CALL_TASK)
		take_answer(race, one, event->json);
	else if (event->kind == RACE_ANSWERED && one->kind != CALL_TASK)
		take_answer(race, one, event->json);
}

void calls_free(struct race *race)
{
	for (size_t i = 0; i < race->call_count; i++) {
		json_decref(race->call[i].request);
		json_decref(race->call[i].answer);
	}
	free(race->call);
}
