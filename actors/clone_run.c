/* SPDX-License-Identifier: MIT
 *
 * A clone without processes: each assignment is answered at once by a function of the caller.
 */
#include "actors/clone_actor.h"

#include <stdio.h>
#include <string.h>

#include "actors/fresh.h"
#include "actors/link.h"
#include "protocol/codec.h"

#define TURN_MS 50u

struct instant {
	const struct clone_run_options *options;
	struct link *link;
	int rc;
};

static struct text text_of(const char *text)
{
	return text ? (struct text){text, (uint32_t)strlen(text)} : (struct text){0};
}

static struct message about(const struct message *assignment, enum message_type type)
{
	struct message message = {.type = type};

	message.header.task_id = assignment->header.task_id;
	message.header.correlation = assignment->header.message_id;
	memcpy(message.header.traceparent, assignment->header.traceparent, TRACEPARENT_BYTES);
	return message;
}

static int say_started(struct instant *instant, const struct message *assignment)
{
	struct message message = about(assignment, MESSAGE_TASK_STARTED);

	message.task_started.attempt = assignment->task_assignment.attempt;
	message.task_started.lease = assignment->task_assignment.lease;
	return link_say(instant->link, &message, true);
}

static int say_completion(struct instant *instant, const struct message *assignment, const struct answer *answer)
{
	struct message message = about(assignment, MESSAGE_TASK_COMPLETION);

	message.task_completion.attempt = assignment->task_assignment.attempt;
	message.task_completion.lease = assignment->task_assignment.lease;
	message.task_completion.completeness = answer->completeness;
	message.task_completion.summary = text_of(answer->summary);
	message.task_completion.result = text_of(answer->result);
	return link_say(instant->link, &message, true);
}

static int say_failure(struct instant *instant, const struct message *assignment, const struct answer *answer)
{
	struct message message = about(assignment, MESSAGE_TASK_FAILURE);

	message.task_failure.attempt = assignment->task_assignment.attempt;
	message.task_failure.lease = assignment->task_assignment.lease;
	message.task_failure.code = answer->code;
	message.task_failure.sentence = text_of(answer->summary);
	message.task_failure.evidence = text_of(answer->evidence);
	return link_say(instant->link, &message, true);
}

static void take_assignment(struct instant *instant, struct message *message)
{
	struct assignment assignment = {.task_id = message->header.task_id, .facts = &message->task_assignment};
	struct answer answer = {0};
	int rc = 0;

	instant->options->handler(instant->options->context, &assignment, &answer);
	if (answer.silent)
		return;
	if (!answer.unstarted)
		rc = say_started(instant, message);
	if (!rc && answer.code)
		rc = say_failure(instant, message, &answer);
	else if (!rc)
		rc = say_completion(instant, message, &answer);
	if (rc)
		instant->rc = rc;
}

/* An attempt that was answered at once has no processes left to end. */
static void confirm_cancel(struct instant *instant, const struct message *message)
{
	struct message failure = about(message, MESSAGE_TASK_FAILURE);

	failure.task_failure.attempt = message->task_cancel.attempt;
	failure.task_failure.lease = message->task_cancel.lease;
	failure.task_failure.code = ERROR_CANCELLED;
	if (link_say(instant->link, &failure, true))
		instant->rc = ERR_MEMORY;
}

static void receive(void *context, struct message *message)
{
	struct instant *instant = context;

	if (message_decode_payload(message))
		return;
	if (message->type == MESSAGE_TASK_ASSIGNMENT)
		take_assignment(instant, message);
	else if (message->type == MESSAGE_TASK_CANCEL)
		confirm_cancel(instant, message);
}

static void pulse(void *context, struct heartbeat *heartbeat)
{
	const struct instant *instant = context;

	heartbeat->slots_free = instant->options->slots;
}

static void joined(void *context, bool is_joined)
{
	const struct instant *instant = context;

	if (is_joined && instant->options->joined)
		atomic_store(instant->options->joined, true);
}

static int loop(struct instant *instant)
{
	zmq_pollitem_t items[2];

	while (!atomic_load(instant->options->stop) && !instant->rc) {
		int rc = link_work(instant->link);

		if (rc < 0)
			return rc;
		link_flush(instant->link);
		rc = link_wait(instant->link, items, 0, TURN_MS);
		if (rc)
			return rc;
	}
	return instant->rc;
}

/* The role is what stands before the slash. */
static void role_of(const char *name, char out_role[ROLE_BYTES])
{
	snprintf(out_role, ROLE_BYTES, "%.*s", (int)strcspn(name, "/"), name);
}

int clone_run(const struct clone_run_options *options)
{
	struct instant instant = {.options = options};
	struct link_options link = {
		.context = &instant, .receive = receive, .pulse = pulse, .joined = joined, .slots = options->slots};
	char why[SENTENCE_BYTES];
	int rc = state_open_existing(options->state_folder, &link.state, why);

	snprintf(link.peer, NAME_BYTES, "%s", options->name);
	role_of(options->name, link.role);
	if (!rc)
		rc = keypair_read(&link.state, options->name, &link.keys, why);
	if (!rc)
		rc = key_of_omega(&link.state, link.omega_key, why);
	if (!rc)
		rc = link_new(&link, &instant.link);
	keypair_forget(&link.keys);
	if (!rc)
		rc = loop(&instant);
	link_free(instant.link, 200);
	return rc;
}
