/* SPDX-License-Identifier: MIT
 *
 * What an attempt reads on stdin and prints on stdout, and the messages that come of it. clone_actor.h documents the JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/clone_inner.h"
#include "protocol/id.h"

#define PROGRESS_EVERY_MS 1000u

static struct text text_of(const char *text)
{
	return text ? (struct text){text, (uint32_t)strlen(text)} : (struct text){0};
}

static const char *string_in(const json_t *object, const char *name)
{
	return json_string_value(json_object_get(object, name));
}

static uint64_t number_in(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 ? (uint64_t)value : 0;
}

/* ---- what it reads ---- */

static json_t *parameters_of(const struct task_assignment *facts)
{
	json_t *parameters =
		facts->parameters.bytes ? json_loadb(facts->parameters.at, facts->parameters.bytes, JSON_ALLOW_NUL, NULL) : NULL;

	return parameters ? parameters : json_object();
}

static int append_dump(const char *at, size_t bytes, void *buffer)
{
	return buffer_append(buffer, at, bytes) ? -1 : 0;
}

int words_assignment(const struct message *assignment, const char *folder, struct buffer *out_json)
{
	const struct task_assignment *facts = &assignment->task_assignment;
	char task[ID_TEXT_BYTES];
	json_t *json;
	int bad;

	id_print(&assignment->header.task_id, task);
	json = json_pack("{s:s, s:s%, s:I, s:I, s:I, s:I, s:I, s:s, s:s, s:o}", "task_id", task, "task_type", facts->task_type.at,
			 (size_t)facts->task_type.bytes, "attempt", (json_int_t)facts->attempt, "timeout_ms",
			 (json_int_t)facts->timeout_ms, "remaining_ms", (json_int_t)facts->remaining_ms, "budget_tokens",
			 (json_int_t)facts->budget_tokens, "depth", (json_int_t)facts->depth, "priority",
			 priority_name(facts->priority), "work", folder, "parameters", parameters_of(facts));
	bad = !json || json_dump_callback(json, append_dump, out_json, JSON_COMPACT) || buffer_append(out_json, "\n", 1);
	json_decref(json);
	return bad ? ERR_MEMORY : 0;
}

/* ---- what it prints ---- */

static void take_progress(struct clone_actor *clone, struct running *running, json_t *progress)
{
	const json_t *told = json_object_get(progress, "waiting");
	bool waiting = told ? json_is_true(told) : running->waiting;
	bool changed = waiting != running->waiting;

	running->waiting_told |= told != NULL;
	running->grace_ms = (uint32_t)number_in(progress, "grace_ms");
	if (running->grace_ms > ATTEMPT_GRACE_MS_MAX)
		running->grace_ms = ATTEMPT_GRACE_MS_MAX;
	json_decref(running->progress);
	running->progress = json_incref(progress);
	running->waiting = waiting;
	if (changed || clone->now_ms - running->passed_ms >= PROGRESS_EVERY_MS)
		words_say_progress(clone, running);
}

void words_take_line(struct clone_actor *clone, struct running *running, const char *line, size_t bytes)
{
	json_t *json = json_loadb(line, bytes, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
	json_t *progress = json_object_get(json, "progress");
	const json_t *request = json_object_get(json, "request");
	const json_t *cancel = json_object_get(json, "cancel");

	if (progress) {
		take_progress(clone, running, progress);
	} else if (json_is_object(request)) {
		errands_take_request(clone, running, request);
	} else if (json_is_object(cancel)) {
		errands_take_cancel(clone, running, cancel);
	} else if (!running->last &&
		   (json_is_object(json_object_get(json, "completion")) || json_is_object(json_object_get(json, "failure")))) {
		running->last = json_incref(json);
	}
	json_decref(json); /* anything else is not for us */
}

/* ---- what is said of it ---- */

static struct message about(const struct running *running, enum message_type type)
{
	struct message message = {.type = type};

	message.header.task_id = running->task_id;
	message.header.correlation = running->assignment_id;
	memcpy(message.header.traceparent, running->traceparent, TRACEPARENT_BYTES);
	return message;
}

static void say(struct clone_actor *clone, struct message *message, bool keep)
{
	int rc = link_say(clone->link, message, keep);

	if (rc)
		clone->rc = rc;
}

void words_say_started(struct clone_actor *clone, const struct running *running)
{
	struct message message = about(running, MESSAGE_TASK_STARTED);

	message.task_started.attempt = running->attempt;
	message.task_started.lease = running->lease;
	say(clone, &message, true);
}

void words_say_progress(struct clone_actor *clone, struct running *running)
{
	struct message message = about(running, MESSAGE_TASK_PROGRESS);
	uint64_t permille = number_in(running->progress, "permille");

	message.task_progress.attempt = running->attempt;
	message.task_progress.lease = running->lease;
	message.task_progress.permille = permille > 1000 ? 1000 : (uint32_t)permille;
	message.task_progress.waiting = running->waiting;
	message.task_progress.stage = text_of(string_in(running->progress, "stage"));
	message.task_progress.line = text_of(string_in(running->progress, "line"));
	/* That it waits, or no longer does, gives the slot back or takes it: that must not be lost. */
	say(clone, &message, running->waiting != running->waiting_said);
	running->waiting_said = running->waiting;
	json_decref(running->progress);
	running->progress = NULL;
	running->passed_ms = clone->now_ms;
	running->renew_ms = clone->now_ms + running->heartbeat_ms / 3;
	running->spoke = false;
}

static char *dump(const json_t *json)
{
	return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

void words_say_completion(struct clone_actor *clone, struct running *running)
{
	const json_t *completion = json_object_get(running->last, "completion");
	struct message message = about(running, MESSAGE_TASK_COMPLETION);
	struct task_completion *facts = &message.task_completion;
	const json_t *result = json_object_get(completion, "result");
	char *result_text = json_is_object(result) ? dump(result) : NULL;
	char *artefacts = json_array_size(running->artefacts) ? dump(running->artefacts) : NULL;
	int rc;

	facts->attempt = running->attempt;
	facts->lease = running->lease;
	facts->completeness = (uint32_t)number_in(completion, "completeness");
	if (running->artefact_missing && facts->completeness == COMPLETE)
		facts->completeness = PARTIAL;
	facts->tokens = number_in(completion, "tokens");
	facts->cost_microusd = number_in(completion, "cost_microusd");
	facts->cpu_ms = number_in(completion, "cpu_ms");
	facts->summary = text_of(string_in(completion, "summary"));
	facts->result = text_of(result_text);
	facts->artefacts = text_of(artefacts);
	rc = link_say(clone->link, &message, true);
	if (rc)
		words_say_failure(clone, running, (uint32_t)-rc,
				  "the result does not fit into a message; it should have been an artefact");
	free(result_text);
	free(artefacts);
}

/* The end of its stderr, as text that is UTF-8 whatever it was: jansson takes nothing else. */
static json_t *log_json(const struct running *running)
{
	char text[ATTEMPT_LOG_BYTES] = "";
	size_t bytes = running->log_bytes < ATTEMPT_LOG_BYTES ? (size_t)running->log_bytes : ATTEMPT_LOG_BYTES;
	json_t *json;

	for (size_t i = 0; i < bytes; i++)
		text[i] = running->log[(running->log_bytes - bytes + i) % ATTEMPT_LOG_BYTES];
	json = json_stringn(text, bytes);
	for (size_t i = 0; !json && i < bytes; i++)
		if ((unsigned char)text[i] >= 0x80)
			text[i] = '?';
	return json ? json : json_stringn(text, bytes);
}

static json_t *evidence_of(const struct running *running, const json_t *said)
{
	json_t *evidence = json_is_object(json_object_get(said, "evidence")) ? json_deep_copy(json_object_get(said, "evidence"))
									     : json_object();

	json_object_set_new(evidence, "exit_status", json_integer(running->exit.status));
	if (running->exit.signal)
		json_object_set_new(evidence, "signal", json_integer(running->exit.signal));
	if (running->log_bytes)
		json_object_set_new(evidence, "log", log_json(running));
	return evidence;
}

static uint32_t code_said(const json_t *failure)
{
	const char *name = string_in(failure, "code");
	int code = name ? error_find(name) : 0;

	return code ? (uint32_t)code : ERROR_TASK_FAILED;
}

void words_say_failure(struct clone_actor *clone, struct running *running, uint32_t code, const char *sentence)
{
	const json_t *failure = json_object_get(running->last, "failure");
	struct message message = about(running, MESSAGE_TASK_FAILURE);
	struct task_failure *facts = &message.task_failure;
	json_t *evidence = evidence_of(running, failure);
	char *text = dump(evidence);

	facts->attempt = running->attempt;
	facts->lease = running->lease;
	facts->code = code ? code : code_said(failure);
	facts->processes_ended = running->processes_ended;
	facts->processes_left = running->processes_left;
	facts->sentence = text_of(sentence ? sentence : string_in(failure, "sentence"));
	facts->evidence = text_of(text);
	if (link_say(clone->link, &message, true)) { /* too much evidence: the fact matters more */
		facts->evidence = (struct text){0};
		facts->sentence = text_of(error_sentence((int)facts->code));
		say(clone, &message, true);
	}
	free(text);
	json_decref(evidence);
}

void words_say_refused(struct clone_actor *clone, const struct message *asked, uint32_t attempt, const struct id *lease,
		       uint32_t code)
{
	struct message message = {.type = MESSAGE_TASK_FAILURE};

	message.header.task_id = asked->header.task_id;
	message.header.correlation = asked->header.message_id;
	message.task_failure.attempt = attempt;
	message.task_failure.lease = *lease;
	message.task_failure.code = code;
	message.task_failure.sentence = text_of(error_sentence((int)code));
	say(clone, &message, true);
}
