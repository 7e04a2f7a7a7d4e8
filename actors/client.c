/* SPDX-License-Identifier: MIT
 *
 * The client library: joining, sending and following tasks, and what arrives.
 */
#include "actors/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/client_inner.h"
#include "actors/fresh.h"
#include "protocol/codec.h"
#include "protocol/id.h"

#define JOIN_TIMEOUT_MS 10000u
#define LINGER_MS       500

static struct text text_of(const char *text)
{
	return text ? (struct text){text, (uint32_t)strlen(text)} : (struct text){0};
}

/* ---- what arrives ---- */

static int say_follow(struct client *client, struct followed *task)
{
	struct message message = {.type = MESSAGE_TASK_FOLLOW};

	message.header.message_id = id_fresh();
	message.header.task_id = task->task_id;
	if (id_is_nil(&task->question))
		task->question = message.header.message_id;
	return link_say(client->link, &message, true);
}

static void tell_accepted(struct client *client, struct followed *task, const struct receipt *receipt)
{
	if (task->accepted)
		return;
	task->accepted = true;
	client->event_count++;
	if (client->call && id_equal(&client->call->receipt.task_id, &task->task_id)) {
		client->call->receipt = *receipt;
		client->call->done = true;
	}
	if (client->events.accepted)
		client->events.accepted(client->events.context, receipt);
}

static void take_accepted(struct client *client, const struct message *message)
{
	const struct task_accepted *accepted = &message->task_accepted;
	struct followed *task = followed_find(&client->tasks, &message->header.task_id);
	struct receipt receipt = {message->header.task_id, accepted->trail_seq, accepted->duplicate, (enum state)accepted->state};

	if (!task)
		return;
	task->question = (struct id){0};
	/* Somebody else may be the one who is told. */
	if (receipt.duplicate && say_follow(client, task))
		client->fatal = ERR_MEMORY;
	tell_accepted(client, task, &receipt);
}

static bool is_answer(const struct client *client, const struct message *message)
{
	const struct followed *task = followed_find(&client->tasks, &message->header.task_id);

	return task && id_equal(&task->question, &message->header.correlation);
}

/* A duplicate may have been accepted under the id of the task that was there first. */
static void take_other_id(struct client *client, const struct message *message)
{
	struct followed *task = NULL;

	for (size_t i = 0; i < client->tasks.bucket_count && !task; i++)
		for (task = client->tasks.bucket[i]; task; task = task->next)
			if (id_equal(&task->question, &message->header.correlation))
				break;
	if (!task)
		return;
	followed_remove(&client->tasks, &task->task_id);
	task = followed_add(&client->tasks, &message->header.task_id);
	if (!task) {
		client->fatal = ERR_MEMORY;
		return;
	}
	if (client->call && id_equal(&client->call->question, &message->header.correlation))
		client->call->receipt.task_id = message->header.task_id;
	task->accepted = false; /* this request is told that it was accepted, whatever was told before */
	take_accepted(client, message);
}

static void fill_refused(struct refused *refused, const struct message *message)
{
	const struct refusal *refusal = &message->refusal;

	refused->task_id = message->header.task_id;
	refused->code = refusal->code;
	refused->retry_after_ms = refusal->retry_after_ms;
	snprintf(refused->sentence, sizeof(refused->sentence), "%.*s", (int)refusal->sentence.bytes,
		 refusal->sentence.at ? refusal->sentence.at : "");
	if (!refused->sentence[0])
		snprintf(refused->sentence, sizeof(refused->sentence), "%s", error_sentence((int)refusal->code));
}

static void refuse_task(struct client *client, struct followed *task, struct refused *refused)
{
	refused->task_id = task->task_id;
	followed_remove(&client->tasks, &refused->task_id);
	client->event_count++;
	if (client->events.refused)
		client->events.refused(client->events.context, refused);
}

static void take_refusal(struct client *client, const struct message *message)
{
	struct followed *task = followed_find(&client->tasks, &message->header.task_id);
	struct refused refused = {0};

	fill_refused(&refused, message);
	if (client->call && id_equal(&client->call->question, &message->header.correlation)) {
		client->call->refused = refused;
		client->call->rc = -(int)refused.code;
		client->call->done = true;
	}
	if ((client->upload && id_equal(&client->upload->offer_id, &message->header.correlation)) ||
	    (client->download && id_equal(&client->download->ask_id, &message->header.correlation))) {
		client->transfer_rc = -(int)refused.code;
		client->event_count++;
	}
	if (task && id_equal(&task->question, &message->header.correlation))
		refuse_task(client, task, &refused);
}

static void take_progress(struct client *client, const struct message *message)
{
	if (!followed_find(&client->tasks, &message->header.task_id))
		return;
	client->event_count++;
	if (client->events.progress)
		client->events.progress(client->events.context, &message->header.task_id, &message->task_progress);
}

static void take_outcome(struct client *client, const struct message *message)
{
	struct followed *task = followed_find(&client->tasks, &message->header.task_id);
	enum state state = message->type == MESSAGE_TASK_COMPLETION ? STATE_COMPLETED : (enum state)message->task_failure.state;
	struct receipt receipt = {.task_id = message->header.task_id, .duplicate = true, .state = state};
	struct id task_id = message->header.task_id;

	if (!task)
		return;
	tell_accepted(client, task, &receipt);
	followed_remove(&client->tasks, &task_id);
	client->event_count++;
	if (client->call && client->call->outcome && id_equal(&client->call->task_id, &task_id)) {
		client->call->rc = outcome_copy(client->call->outcome, &task_id, state, message);
		client->call->done = true;
	}
	if (client->events.ended)
		client->events.ended(client->events.context, &task_id, state, message);
}

static void take_answer(struct client *client, const struct message *message)
{
	struct call *call = client->call;
	struct text text;

	if (!call || !id_equal(&call->question, &message->header.correlation))
		return;
	if (message->type == MESSAGE_STATUS_RESPONSE) {
		text = message->status_response.status;
		call->json = strndup(text.at ? text.at : "{}", text.at ? text.bytes : 2);
		call->rc = call->json ? 0 : ERR_MEMORY;
	} else {
		text = message->recovery_result.sentence;
		snprintf(call->refused.sentence, sizeof(call->refused.sentence), "%.*s", (int)text.bytes, text.at ? text.at : "");
		call->rc = -(int)message->recovery_result.code;
	}
	call->done = true;
}

static void take_transfer(struct client *client, const struct message *message)
{
	int rc = 0;

	if (message->type == MESSAGE_ARTEFACT_GET && client->upload &&
	    hash_equal(&client->upload->hash, &message->artefact_get.hash))
		rc = upload_answer(client->upload, client->link, &message->artefact_get);
	else if (message->type == MESSAGE_ARTEFACT_PUT && client->download)
		rc = download_take(client->download, client->link, &message->artefact_put);
	client->event_count++;
	if (rc)
		client->transfer_rc = rc;
}

static void receive(void *context, struct message *message)
{
	struct client *client = context;

	if (message_decode_payload(message))
		return;
	switch (message->type) {
	case MESSAGE_TASK_ACCEPTED:
		if (is_answer(client, message))
			take_accepted(client, message);
		else
			take_other_id(client, message);
		break;
	case MESSAGE_REFUSAL:
		take_refusal(client, message);
		break;
	case MESSAGE_TASK_PROGRESS:
		take_progress(client, message);
		break;
	case MESSAGE_TASK_COMPLETION:
	case MESSAGE_TASK_FAILURE:
		take_outcome(client, message);
		break;
	case MESSAGE_STATUS_RESPONSE:
	case MESSAGE_RECOVERY_RESULT:
		take_answer(client, message);
		break;
	case MESSAGE_ARTEFACT_PUT:
	case MESSAGE_ARTEFACT_GET:
		take_transfer(client, message);
		break;
	default:
		break;
	}
}

/* ---- the connection ---- */

/* After an interruption every task is asked for again: what was said meanwhile did not reach us. A request that is still kept goes
 * out first, so that Omega knows the task by the time the question arrives. */
static void follow_again(struct client *client)
{
	for (size_t i = 0; i < client->tasks.bucket_count; i++)
		for (struct followed *task = client->tasks.bucket[i]; task; task = task->next)
			if (say_follow(client, task))
				client->fatal = ERR_MEMORY;
}

static void resume_transfer(struct client *client)
{
	if (client->upload && upload_offer(client->upload, client->link))
		client->transfer_rc = ERR_MEMORY;
	if (client->download && download_ask(client->download, client->link))
		client->transfer_rc = ERR_MEMORY;
}

static void joined(void *context, bool is_joined)
{
	struct client *client = context;

	if (is_joined && client->down_told) {
		follow_again(client);
		resume_transfer(client);
	}
	client->down_told = !is_joined;
	client->event_count++;
	if (client->events.connected)
		client->events.connected(client->events.context, is_joined);
}

static int read_identity(const struct client_options *options, struct link_options *link, char why[CLIENT_SENTENCE_BYTES])
{
	const char *role = options->role ? options->role : "operator";
	char name[NAME_BYTES];
	uint8_t random[4];
	char suffix[9];
	int rc;

	if (options->name)
		snprintf(name, sizeof(name), "%s", options->name);
	else
		key_local_name(name);
	rc = keypair_read(&link->state, name, &link->keys, why);
	if (!rc)
		rc = key_of_omega(&link->state, link->omega_key, why);
	if (rc)
		return rc;
	random_fill(random, sizeof(random));
	hex_print(random, sizeof(random), suffix);
	if (snprintf(link->peer, NAME_BYTES, "%s/%s/%s", role, name, suffix) >= (int)NAME_BYTES) {
		snprintf(why, CLIENT_SENTENCE_BYTES, "the name %s is too long to be used with a connection of its own", name);
		return ERR_USAGE;
	}
	snprintf(link->role, ROLE_BYTES, "%s", role);
	return 0;
}

static int join(struct client *client, const struct client_options *options, char why[CLIENT_SENTENCE_BYTES])
{
	uint64_t end = boottime_now_ms() + (options->timeout_ms ? options->timeout_ms : JOIN_TIMEOUT_MS);

	while (!link_joined(client->link)) {
		uint64_t now = boottime_now_ms();

		if (now >= end) {
			snprintf(why, CLIENT_SENTENCE_BYTES,
				 "no coordinator answers; is the network running? `bunshin up` starts it");
			return ERR_UNREACHABLE;
		}
		client_pump(client, (uint32_t)(end - now));
		if (client->fatal) {
			snprintf(why, CLIENT_SENTENCE_BYTES, "the coordinator did not let this key in: %s",
				 error_sentence(client->fatal));
			return client->fatal;
		}
	}
	return 0;
}

int client_open(const struct client_options *options, struct client **out_client, char out_why[CLIENT_SENTENCE_BYTES])
{
	struct client *client = calloc(1, sizeof(*client));
	struct link_options link = {.context = client, .receive = receive, .joined = joined};
	char endpoint[ENDPOINT_TEXT_BYTES];
	int rc = ERR_MEMORY;

	snprintf(out_why, CLIENT_SENTENCE_BYTES, "%s", error_sentence(rc));
	if (!client)
		return rc;
	rc = state_open_existing(options->state_folder, &link.state, out_why);
	if (!rc)
		rc = read_identity(options, &link, out_why);
	if (!rc && state_endpoint_read(&link.state, endpoint, out_why))
		rc = ERR_UNREACHABLE;
	if (!rc)
		rc = link_new(&link, &client->link);
	if (!rc)
		rc = join(client, options, out_why);
	keypair_forget(&link.keys);
	if (rc) {
		client_close(client);
		return rc;
	}
	*out_client = client;
	return 0;
}

void client_close(struct client *client)
{
	struct message goodbye = {.type = MESSAGE_GOODBYE};

	if (!client)
		return;
	if (client->link && link_joined(client->link) && !link_say(client->link, &goodbye, false))
		link_flush(client->link);
	link_free(client->link, LINGER_MS);
	followed_release(&client->tasks);
	free(client);
}

void client_listen(struct client *client, const struct client_events *events)
{
	client->events = *events;
}

const char *client_name(const struct client *client)
{
	return link_peer(client->link);
}

/* ---- many tasks at once ---- */

int client_send(struct client *client, const struct request *request, struct id *out_task_id)
{
	struct message message = {.type = MESSAGE_TASK_REQUEST};
	struct followed *task;
	int rc;

	message.header.message_id = id_fresh();
	message.header.task_id = id_is_nil(&request->task_id) ? id_fresh() : request->task_id;
	message.task_request.task_type = text_of(request->task_type);
	message.task_request.priority = request->priority;
	message.task_request.deadline_ms = request->deadline_ms;
	message.task_request.timeout_ms = request->timeout_ms;
	message.task_request.budget_tokens = request->budget_tokens;
	message.task_request.idempotency_key = text_of(request->idempotency_key);
	message.task_request.parameters = text_of(request->parameters ? request->parameters : "{}");
	task = followed_add(&client->tasks, &message.header.task_id);
	if (!task)
		return ERR_MEMORY;
	rc = link_say(client->link, &message, true);
	if (rc) {
		followed_remove(&client->tasks, &message.header.task_id);
		return rc;
	}
	task->question = message.header.message_id;
	*out_task_id = message.header.task_id;
	return 0;
}

int client_follow(struct client *client, const struct id *task_id)
{
	struct followed *task = followed_add(&client->tasks, task_id);

	if (!task)
		return ERR_MEMORY;
	task->accepted = true;
	return say_follow(client, task);
}

/* True if whoever waits need not wait longer. */
static bool call_done(const struct client *client)
{
	struct call *call = client->call;

	if (call && call->until_durable && !link_holds(client->link, &call->question))
		call->done = true;
	return call && call->done;
}

int client_pump(struct client *client, uint32_t wait_ms)
{
	zmq_pollitem_t items[2];
	uint64_t end = boottime_now_ms() + wait_ms;
	uint64_t now;
	int rc;

	client->event_count = 0;
	do {
		rc = link_work(client->link);
		if (rc < 0)
			client->fatal = rc;
		if (client->fatal)
			return client->fatal;
		link_flush(client->link); /* what the events have queued */
		now = boottime_now_ms();
		if (call_done(client) || client->event_count || now >= end)
			break;
		rc = link_wait(client->link, items, 0, end - now);
	} while (!rc);
	return rc < 0 ? rc : client->event_count;
}

size_t client_open_tasks(const struct client *client)
{
	return client->tasks.count;
}

bool client_connected(const struct client *client)
{
	return link_joined(client->link);
}
