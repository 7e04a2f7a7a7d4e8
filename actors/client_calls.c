/* SPDX-License-Identifier: MIT
 *
 * The client library's waiting functions: each is one question and the wait for its answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/client_inner.h"
#include "actors/fresh.h"

static struct text text_of(const char *text)
{
	return text ? (struct text){text, (uint32_t)strlen(text)} : (struct text){0};
}

int client_pump_until(struct client *client, const bool *done, uint32_t timeout_ms)
{
	uint64_t end = boottime_now_ms() + timeout_ms;

	while (!*done) {
		uint64_t now = boottime_now_ms();
		int rc;

		if (now >= end)
			return client_connected(client) ? ERR_TIMEOUT : ERR_UNREACHABLE;
		rc = client_pump(client, (uint32_t)(end - now));
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Waits for the answer to `call`, whose question was said. */
static int call_finish(struct client *client, struct call *call, uint32_t timeout_ms, struct refused *out_refused)
{
	int rc;

	client->call = call;
	rc = client_pump_until(client, &call->done, timeout_ms);
	client->call = NULL;
	if (!rc)
		rc = call->rc;
	if (out_refused)
		*out_refused = call->refused;
	if (rc && out_refused && !out_refused->sentence[0])
		snprintf(out_refused->sentence, sizeof(out_refused->sentence), "%s", error_sentence(rc));
	return rc;
}

int client_submit(struct client *client, const struct request *request, uint32_t timeout_ms, struct receipt *out_receipt,
		  struct refused *out_refused)
{
	struct call call = {0};
	struct id task_id;
	int rc = client_send(client, request, &task_id);

	memset(out_refused, 0, sizeof(*out_refused));
	if (rc)
		return rc;
	call.receipt.task_id = task_id;
	call.question = followed_find(&client->tasks, &task_id)->question;
	rc = call_finish(client, &call, timeout_ms, out_refused);
	if (!rc)
		*out_receipt = call.receipt;
	return rc;
}

/* ---- outcomes ---- */

static char *copy_of(struct text text)
{
	return text.at && text.bytes ? strndup(text.at, text.bytes) : NULL;
}

static bool copied(const char *copy, struct text text)
{
	return copy || !text.at || !text.bytes;
}

static int copy_completion(struct outcome *outcome, const struct task_completion *completion)
{
	outcome->attempts = completion->attempt;
	outcome->completeness = completion->completeness;
	outcome->tokens = completion->tokens;
	outcome->cost_microusd = completion->cost_microusd;
	outcome->cpu_ms = completion->cpu_ms;
	outcome->summary = copy_of(completion->summary);
	outcome->result = copy_of(completion->result);
	outcome->artefacts = copy_of(completion->artefacts);
	if (copied(outcome->summary, completion->summary) && copied(outcome->result, completion->result) &&
	    copied(outcome->artefacts, completion->artefacts))
		return 0;
	return ERR_MEMORY;
}

static int copy_failure(struct outcome *outcome, const struct task_failure *failure)
{
	outcome->code = failure->code;
	outcome->attempts = failure->attempts;
	outcome->summary = copy_of(failure->sentence);
	outcome->evidence = copy_of(failure->evidence);
	return copied(outcome->summary, failure->sentence) && copied(outcome->evidence, failure->evidence) ? 0 : ERR_MEMORY;
}

int outcome_copy(struct outcome *outcome, const struct id *task_id, enum state state, const struct message *message)
{
	int rc;

	memset(outcome, 0, sizeof(*outcome));
	outcome->task_id = *task_id;
	outcome->state = state;
	if (message->type == MESSAGE_TASK_COMPLETION)
		rc = copy_completion(outcome, &message->task_completion);
	else
		rc = copy_failure(outcome, &message->task_failure);
	if (rc)
		outcome_release(outcome);
	return rc;
}

void outcome_release(struct outcome *outcome)
{
	free(outcome->summary);
	free(outcome->result);
	free(outcome->artefacts);
	free(outcome->evidence);
	memset(outcome, 0, sizeof(*outcome));
}

int client_wait(struct client *client, const struct id *task_id, uint32_t timeout_ms, struct outcome *out_outcome)
{
	struct outcome outcome = {0};
	struct call call = {.task_id = *task_id, .outcome = &outcome};
	struct followed *task = followed_find(&client->tasks, task_id);
	int rc = task ? 0 : client_follow(client, task_id);

	if (rc)
		return rc;
	task = followed_find(&client->tasks, task_id);
	call.question = task->question;
	rc = call_finish(client, &call, timeout_ms, NULL);
	if (!rc)
		*out_outcome = outcome;
	return rc;
}

/* ---- other questions ---- */

int client_cancel(struct client *client, const struct id *task_id, const char *reason, uint32_t timeout_ms,
		  struct refused *out_refused)
{
	struct message message = {.type = MESSAGE_TASK_CANCEL};
	/* A cancel that is taken has no answer of its own: it is done when it is durable and has not been refused. */
	struct call call = {.until_durable = true};
	int rc;

	memset(out_refused, 0, sizeof(*out_refused));
	call.question = message.header.message_id = id_fresh();
	message.header.task_id = *task_id;
	message.task_cancel.reason = text_of(reason);
	rc = link_say(client->link, &message, true);
	if (rc)
		return rc;
	return call_finish(client, &call, timeout_ms, out_refused);
}

int client_status(struct client *client, enum subject subject, const char *name, const struct id *task_id, uint32_t timeout_ms,
		  char **out_json, struct refused *out_refused)
{
	struct message message = {.type = MESSAGE_STATUS_QUERY};
	struct call call = {0};
	int rc;

	memset(out_refused, 0, sizeof(*out_refused));
	call.question = message.header.message_id = id_fresh();
	if (task_id)
		message.header.task_id = *task_id;
	message.status_query.subject = subject;
	message.status_query.name = text_of(name);
	rc = link_say(client->link, &message, true);
	if (rc)
		return rc;
	rc = call_finish(client, &call, timeout_ms, out_refused);
	if (!rc)
		*out_json = call.json;
	else
		free(call.json);
	return rc;
}

int client_recover(struct client *client, enum verb verb, const struct id *task_id, const char *target, const char *reason,
		   uint32_t timeout_ms, char out_sentence[CLIENT_SENTENCE_BYTES])
{
	struct message message = {.type = MESSAGE_RECOVERY_ACTION};
	struct call call = {0};
	struct refused refused = {0};
	int rc;

	call.question = message.header.message_id = id_fresh();
	if (task_id)
		message.header.task_id = *task_id;
	message.recovery_action.verb = verb;
	message.recovery_action.target = text_of(target);
	message.recovery_action.reason = text_of(reason);
	rc = link_say(client->link, &message, true);
	if (!rc)
		rc = call_finish(client, &call, timeout_ms, &refused);
	snprintf(out_sentence, CLIENT_SENTENCE_BYTES, "%s", refused.sentence);
	return rc;
}

/* ---- artefacts ---- */

/* Pumps until `*done`; each arriving message begins the time anew. */
static int transfer_run(struct client *client, const bool *done, uint32_t timeout_ms)
{
	uint64_t end = boottime_now_ms() + timeout_ms;

	client->transfer_rc = 0;
	while (!*done && !client->transfer_rc) {
		uint64_t now = boottime_now_ms();
		int rc;

		if (now >= end)
			return client_connected(client) ? ERR_TIMEOUT : ERR_UNREACHABLE;
		rc = client_pump(client, (uint32_t)(end - now));
		if (rc < 0)
			return rc;
		if (rc > 0)
			end = boottime_now_ms() + timeout_ms;
	}
	return client->transfer_rc;
}

int client_put_artefact(struct client *client, const char *path, uint32_t timeout_ms, struct hash *out_hash, uint64_t *out_bytes)
{
	struct upload upload;
	int rc = upload_open(&upload, path);

	if (rc)
		return rc;
	client->upload = &upload;
	rc = upload_offer(&upload, client->link);
	if (!rc)
		rc = transfer_run(client, &upload.done, timeout_ms);
	client->upload = NULL;
	upload_close(&upload);
	if (!rc) {
		*out_hash = upload.hash;
		*out_bytes = upload.total;
	}
	return rc;
}

int client_get_artefact(struct client *client, const struct hash *hash, uint32_t timeout_ms, const char *path)
{
	struct download download;
	int rc = download_open(&download, hash, path);

	if (rc)
		return rc;
	client->download = &download;
	rc = download_ask(&download, client->link);
	if (!rc)
		rc = transfer_run(client, &download.done, timeout_ms);
	client->download = NULL;
	download_close(&download);
	return rc;
}
