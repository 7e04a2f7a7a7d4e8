/* SPDX-License-Identifier: MIT
 *
 * Child tasks of an attempt: what it asks Omega for on its stdout, and what it is told of that on its stdin. clone_actor.h documents the lines.
 *
 * The id of a child follows from its parent's and the attempt's own key for it. So whoever goes on with the parent, after whatever became of the
 * attempt before, names the same children, and hears what became of them instead of having them run again.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/clone_inner.h"
#include "actors/fresh.h"
#include "protocol/id.h"

#define CALM_MS           1000u         /* so long after the last child the attempt still counts as waiting: another may follow */
#define RETRY_MS          1000u         /* when there were too many children */
#define INPUT_BYTES_MAX   (24u << 20)   /* what an attempt may leave unread: more than the outcomes of all its children */
#define INPUT_BYTES_QUIET (64u * 1024u) /* with so much unread it is spared the progress of its children */

struct errand {
	struct errand *next;
	struct id task_id;
	struct id asked_id; /* message that Omega has not answered: the request, or a question after it */
	bool accepted;
	json_t *request; /* as it was asked for, until it is accepted: to be said again */
	char key[ERRAND_KEY_BYTES];
};

static struct text text_of(const char *text)
{
	return text ? (struct text){text, (uint32_t)strlen(text)} : (struct text){0};
}

static uint64_t number_in(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 ? (uint64_t)value : 0;
}

static uint32_t u32_in(const json_t *object, const char *name)
{
	uint64_t value = number_in(object, name);

	return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

/* The parent's time, and a hash: as much a UUIDv7 as the parent's own (RFC 9562), so that a young child is known to be new without a look
 * into the trail. */
static struct id child_id(const struct id *parent, const char *key)
{
	static const char purpose[] = "bunshin child task";
	crypto_generichash_state state;
	uint8_t hash[16];
	struct id child = *parent;

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, (const uint8_t *)purpose, sizeof(purpose));
	crypto_generichash_update(&state, parent->bytes, sizeof(parent->bytes));
	crypto_generichash_update(&state, (const uint8_t *)key, strlen(key));
	crypto_generichash_final(&state, hash, sizeof(hash));
	memcpy(child.bytes + 6, hash, 10);
	child.bytes[6] = (uint8_t)(0x70 | (hash[0] & 0x0f));
	child.bytes[8] = (uint8_t)(0x80 | (hash[2] & 0x3f));
	return child;
}

/* ---- the set ---- */

static struct errand *errand_of_key(const struct running *running, const char *key)
{
	struct errand *errand = running->errands;

	while (errand && strcmp(errand->key, key) != 0)
		errand = errand->next;
	return errand;
}

static struct errand *errand_of_task(const struct running *running, const struct id *task_id)
{
	struct errand *errand = running->errands;

	while (errand && !id_equal(&errand->task_id, task_id))
		errand = errand->next;
	return errand;
}

static struct errand *errand_of_question(const struct running *running, const struct id *message_id)
{
	struct errand *errand = running->errands;

	while (errand && !id_equal(&errand->asked_id, message_id))
		errand = errand->next;
	return errand;
}

static struct errand *errand_add(struct running *running, const char *key, const json_t *request)
{
	struct errand *errand = calloc(1, sizeof(*errand));

	if (!errand)
		return NULL;
	errand->task_id = child_id(&running->task_id, key);
	errand->request = json_deep_copy(request);
	snprintf(errand->key, sizeof(errand->key), "%s", key);
	errand->next = running->errands;
	running->errands = errand;
	running->errand_count++;
	return errand;
}

static void errand_remove(struct clone_actor *clone, struct running *running, struct errand *errand)
{
	struct errand **at = &running->errands;

	while (*at != errand)
		at = &(*at)->next;
	*at = errand->next;
	json_decref(errand->request);
	free(errand);
	running->errand_count--;
	running->calm_ms = clone->now_ms + CALM_MS;
}

void errands_release(struct running *running)
{
	while (running->errands) {
		struct errand *errand = running->errands;

		running->errands = errand->next;
		json_decref(errand->request);
		free(errand);
	}
	running->errand_count = 0;
}

/* ---- what the attempt is told ---- */

static int append_dump(const char *at, size_t bytes, void *buffer)
{
	return buffer_append(buffer, at, bytes) ? -1 : 0;
}

/* Takes the line over. */
static void tell(struct clone_actor *clone, struct running *running, json_t *line)
{
	if (running->process.in >= 0 && (!line || json_dump_callback(line, append_dump, &running->input, JSON_COMPACT) ||
					 buffer_append(&running->input, "\n", 1)))
		clone->rc = ERR_MEMORY;
	if (running->input.bytes - running->input_sent > INPUT_BYTES_MAX)
		running->deaf = true;
	json_decref(line);
}

static void tell_accepted(struct clone_actor *clone, struct running *running, struct errand *errand, bool duplicate)
{
	char task[ID_TEXT_BYTES];

	if (errand->accepted)
		return;
	errand->accepted = true;
	json_decref(errand->request);
	errand->request = NULL;
	id_print(&errand->task_id, task);
	tell(clone, running,
	     json_pack("{s:{s:s, s:s, s:b}}", "accepted", "key", errand->key, "task_id", task, "duplicate", duplicate));
}

static void tell_refused(struct clone_actor *clone, struct running *running, const char *key, uint32_t code, const char *sentence,
			 uint32_t retry_after_ms)
{
	const char *name = error_name((int)code);
	char words[SENTENCE_BYTES];

	snprintf(words, sizeof(words), "%s", sentence && *sentence ? sentence : error_sentence((int)code));
	tell(clone, running,
	     json_pack("{s:{s:s?, s:s, s:s, s:I}}", "refused", "key", key, "code", name ? name : "internal", "sentence", words,
		       "retry_after_ms", (json_int_t)retry_after_ms));
}

/* ---- what is said to Omega ---- */

/* Of messages that are too large nothing is said, and the code is given back; whatever else goes wrong is this clone's end. */
static int say(struct clone_actor *clone, struct message *message)
{
	int rc = link_say(clone->link, message, true);

	if (rc && rc != ERR_TOO_LARGE && rc != ERR_MALFORMED)
		clone->rc = rc;
	return rc;
}

static struct message about(const struct running *running, const struct errand *errand, enum message_type type)
{
	struct message message = {.type = type};

	message.header.message_id = id_fresh();
	message.header.task_id = errand->task_id;
	memcpy(message.header.traceparent, running->traceparent, TRACEPARENT_BYTES);
	return message;
}

static int say_request(struct clone_actor *clone, const struct running *running, struct errand *errand)
{
	struct message message = about(running, errand, MESSAGE_TASK_REQUEST);
	struct task_request *facts = &message.task_request;
	const json_t *parameters = json_object_get(errand->request, "parameters");
	const char *priority = json_string_value(json_object_get(errand->request, "priority"));
	char *text = parameters ? json_dumps(parameters, JSON_COMPACT) : NULL;
	int rc;

	facts->task_type = text_of(json_string_value(json_object_get(errand->request, "task_type")));
	facts->priority = priority ? priority_find(priority) : PRIORITY_NONE;
	facts->deadline_ms = u32_in(errand->request, "deadline_ms");
	facts->timeout_ms = u32_in(errand->request, "timeout_ms");
	facts->budget_tokens = number_in(errand->request, "budget_tokens");
	facts->parent = running->task_id;
	facts->parent_lease = running->lease;
	facts->idempotency_key = text_of(errand->key);
	facts->parameters = text_of(text ? text : "{}");
	errand->asked_id = message.header.message_id;
	rc = say(clone, &message);
	free(text);
	return rc;
}

static void say_follow(struct clone_actor *clone, const struct running *running, struct errand *errand)
{
	struct message message = about(running, errand, MESSAGE_TASK_FOLLOW);

	errand->asked_id = message.header.message_id;
	(void)say(clone, &message);
}

/* ---- what the attempt asks for ---- */

_Static_assert(ERRAND_KEY_BYTES == 128 && TASK_TYPE_BYTES == 48, "the sentences below say so");

/* NULL, or what is wrong with a request. */
static const char *flaw_of(const json_t *request)
{
	const char *type = json_string_value(json_object_get(request, "task_type"));
	const json_t *parameters = json_object_get(request, "parameters");
	const json_t *priority = json_object_get(request, "priority");

	if (!type || !*type || strlen(type) >= TASK_TYPE_BYTES)
		return "task_type must be a text of 1 to 47 bytes";
	if (parameters && !json_is_object(parameters))
		return "parameters must be an object";
	if (priority && !json_is_null(priority) && !priority_find(json_is_string(priority) ? json_string_value(priority) : ""))
		return "priority must be urgent, high, medium or low";
	return NULL;
}

void errands_take_request(struct clone_actor *clone, struct running *running, const json_t *request)
{
	const char *key = json_string_value(json_object_get(request, "key"));
	const char *flaw = flaw_of(request);
	struct errand *errand;
	int rc;

	if (running->phase != RUNNING_WORKING)
		return;
	if (!key || !*key || strlen(key) >= ERRAND_KEY_BYTES) {
		tell_refused(clone, running, NULL, ERROR_INVALID_PARAMETERS, "key must be a text of 1 to 127 bytes", 0);
		return;
	}
	if (errand_of_key(running, key))
		return; /* it is on its way */
	if (flaw || running->errand_count >= CHILDREN_MAX) {
		tell_refused(clone, running, key, flaw ? ERROR_INVALID_PARAMETERS : ERROR_OVERLOADED, flaw, flaw ? 0 : RETRY_MS);
		return;
	}
	errand = errand_add(running, key, request);
	rc = errand ? say_request(clone, running, errand) : ERR_MEMORY;
	if (rc == ERR_MEMORY)
		clone->rc = rc;
	if (!rc || !errand)
		return;
	tell_refused(clone, running, key, (uint32_t)-rc, NULL, 0);
	errand_remove(clone, running, errand);
}

void errands_take_cancel(struct clone_actor *clone, struct running *running, const json_t *cancel)
{
	const char *key = json_string_value(json_object_get(cancel, "key"));
	struct errand *errand = key ? errand_of_key(running, key) : NULL;
	struct message message;

	if (!errand || running->phase != RUNNING_WORKING)
		return; /* what became of it has been told */
	message = about(running, errand, MESSAGE_TASK_CANCEL);
	message.task_cancel.reason = text_of(json_string_value(json_object_get(cancel, "reason")));
	if (say(clone, &message)) { /* with fewer words */
		message.task_cancel.reason = (struct text){0};
		(void)say(clone, &message);
	}
}

/* ---- what Omega says ---- */

static void take_accepted(struct clone_actor *clone, struct running *running, const struct message *message)
{
	struct errand *errand = errand_of_question(running, &message->header.correlation);

	if (!errand)
		return;
	errand->task_id = message->header.task_id;
	errand->asked_id = (struct id){{0}};
	if (message->task_accepted.duplicate) /* it may have ended, and then it would not be told again */
		say_follow(clone, running, errand);
	tell_accepted(clone, running, errand, message->task_accepted.duplicate);
}

/* The key names a task that an earlier attempt has asked for in other words: that one stands. */
static void take_conflict(struct clone_actor *clone, struct running *running, struct errand *errand)
{
	say_follow(clone, running, errand);
	tell_accepted(clone, running, errand, true);
}

static void take_refusal(struct clone_actor *clone, struct running *running, const struct message *message)
{
	const struct refusal *refusal = &message->refusal;
	struct errand *errand = errand_of_question(running, &message->header.correlation);
	char sentence[SENTENCE_BYTES];

	if (!errand)
		return;
	if (refusal->code == ERROR_CONFLICT && !errand->accepted) {
		take_conflict(clone, running, errand);
		return;
	}
	snprintf(sentence, sizeof(sentence), "%.*s", (int)refusal->sentence.bytes,
		 refusal->sentence.at ? refusal->sentence.at : "");
	tell_refused(clone, running, errand->key, refusal->code, sentence, refusal->retry_after_ms);
	errand_remove(clone, running, errand);
}

static json_t *string_of(struct text text)
{
	json_t *string = text.bytes ? json_stringn(text.at, text.bytes) : NULL;

	return string ? string : json_string("");
}

/* JSON that was text on its way; null if there was none. */
static json_t *json_of(struct text text)
{
	json_t *json = text.bytes ? json_loadb(text.at, text.bytes, JSON_ALLOW_NUL, NULL) : NULL;

	return json ? json : json_null();
}

static void take_progress(struct clone_actor *clone, struct running *running, const struct message *message)
{
	const struct task_progress *progress = &message->task_progress;
	struct errand *errand = errand_of_task(running, &message->header.task_id);

	if (!errand || running->input.bytes - running->input_sent > INPUT_BYTES_QUIET)
		return;
	tell(clone, running,
	     json_pack("{s:{s:s, s:I, s:o, s:o}}", "progress", "key", errand->key, "permille", (json_int_t)progress->permille,
		       "stage", string_of(progress->stage), "line", string_of(progress->line)));
}

static json_t *completion_json(const struct task_completion *facts)
{
	return json_pack("{s:s, s:n, s:o, s:I, s:o, s:o, s:n, s:I, s:I, s:I}", "state", state_name(STATE_COMPLETED), "code",
			 "sentence", string_of(facts->summary), "completeness", (json_int_t)facts->completeness, "result",
			 json_of(facts->result), "artefacts", json_of(facts->artefacts), "evidence", "tokens",
			 (json_int_t)facts->tokens, "cost_microusd", (json_int_t)facts->cost_microusd, "attempts",
			 (json_int_t)facts->attempt);
}

static json_t *failure_json(const struct task_failure *facts)
{
	return json_pack("{s:s, s:s, s:o, s:n, s:n, s:n, s:o, s:I, s:I, s:I}", "state", state_name(facts->state), "code",
			 error_name((int)facts->code), "sentence", string_of(facts->sentence), "completeness", "result",
			 "artefacts", "evidence", json_of(facts->evidence), "tokens", (json_int_t)0, "cost_microusd",
			 (json_int_t)0, "attempts", (json_int_t)facts->attempts);
}

static void take_outcome(struct clone_actor *clone, struct running *running, const struct message *message)
{
	struct errand *errand = errand_of_task(running, &message->header.task_id);
	char task[ID_TEXT_BYTES];
	json_t *outcome;

	if (!errand)
		return;
	tell_accepted(clone, running, errand, true);
	outcome = message->type == MESSAGE_TASK_COMPLETION ? completion_json(&message->task_completion)
							   : failure_json(&message->task_failure);
	id_print(&errand->task_id, task);
	json_object_set_new(outcome, "key", json_string(errand->key));
	json_object_set_new(outcome, "task_id", json_string(task));
	tell(clone, running, outcome ? json_pack("{s:o}", "outcome", outcome) : NULL);
	errand_remove(clone, running, errand);
}

static void hear(struct clone_actor *clone, struct running *running, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_TASK_ACCEPTED:
		take_accepted(clone, running, message);
		break;
	case MESSAGE_REFUSAL:
		take_refusal(clone, running, message);
		break;
	case MESSAGE_TASK_PROGRESS:
		take_progress(clone, running, message);
		break;
	case MESSAGE_TASK_COMPLETION:
	case MESSAGE_TASK_FAILURE:
		take_outcome(clone, running, message);
		break;
	default:
		break;
	}
}

/* An attempt that is being ended and the one that goes on in its place may both have asked for it. */
void errands_hear(struct clone_actor *clone, const struct message *message)
{
	for (uint32_t i = 0; i < clone->room; i++)
		if (clone->running[i].errands)
			hear(clone, &clone->running[i], message);
}

/* What was said while nobody listened is asked for; a request goes out again unless it still waits to be sent. */
void errands_joined(struct clone_actor *clone, struct running *running)
{
	for (struct errand *errand = running->errands; errand; errand = errand->next) {
		if (!id_is_nil(&errand->asked_id) && link_holds(clone->link, &errand->asked_id))
			continue;
		if (errand->accepted)
			say_follow(clone, running, errand);
		else
			(void)say_request(clone, running, errand); /* it was not too large the first time */
	}
}

/* ---- waiting ---- */

void errands_look(struct clone_actor *clone, struct running *running)
{
	bool waiting = running->errand_count || clone->now_ms < running->calm_ms;

	if (running->waiting_told || running->waiting == waiting)
		return;
	running->waiting = waiting;
	words_say_progress(clone, running);
}

uint64_t errands_wake_ms(const struct running *running)
{
	return running->waiting && !running->waiting_told && !running->errand_count ? running->calm_ms : NEVER;
}

bool errands_open(const struct running *running)
{
	return running->errand_count && running->input_sent == running->input.bytes;
}
