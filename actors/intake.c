/* SPDX-License-Identifier: MIT
 *
 * From frames to events. What can be refused without the core is refused here: bytes that are no message, keys that are not
 * registered, names that the key does not allow, rights, numbers. The core then sees only messages whose sender is proved.
 */
#include <stdio.h>
#include <string.h>

#include "actors/changes.h"
#include "actors/intake.h"
#include "actors/json_check.h"
#include "actors/mask.h"

#define FRAMES_PER_TURN 256
#define OBJECT_ID_BYTES 20u

static bool refresh_rights(struct shell *shell, struct connection *connection)
{
	uint64_t generation = peers_generation(shell->peers);
	struct peer peer;

	if (connection->rights_generation == generation)
		return connection->rights != 0;
	connection->rights_generation = generation;
	connection->rights = 0;
	if (peers_find(shell->peers, connection->public_key, &peer) == 0)
		connection->rights = peer.rights & connection->role_rights;
	return connection->rights != 0;
}

/* ---- messages of those who have joined ---- */

static bool is_loose(enum message_type type)
{
	return type == MESSAGE_ARTEFACT_PUT || type == MESSAGE_ARTEFACT_GET;
}

/* False for what was taken before: the peer hears that it is durable, and that is all. */
static bool take_number(struct connection *connection, const struct message *message)
{
	uint64_t seq = message->header.sender_seq;

	if (!seq)
		return true;
	if (seq <= connection->seq_in)
		return false;
	if (seq == connection->seq_whole + 1)
		connection->seq_whole = seq;
	connection->seq_in = seq;
	return true;
}

static bool change_is_whole(const struct ref_changed *change)
{
	return change->repository.bytes && change->ref.bytes && change->version && (change->from.bytes || change->to.bytes) &&
	       change->from.bytes % OBJECT_ID_BYTES == 0 && change->from.bytes <= OBJECT_ID_BYTES &&
	       change->to.bytes % OBJECT_ID_BYTES == 0 && change->to.bytes <= OBJECT_ID_BYTES;
}

/* What the kinds of messages.def cannot say. */
static uint32_t check_members(const struct message *message)
{
	switch (message->type) {
	case MESSAGE_REF_CHANGED:
		return change_is_whole(&message->ref_changed) ? 0 : ERROR_MALFORMED;
	case MESSAGE_TASK_REQUEST:
		return json_check(message->task_request.parameters, '{') ? 0 : ERROR_INVALID_PARAMETERS;
	case MESSAGE_TASK_COMPLETION:
		if (message->task_completion.result.bytes && !json_check(message->task_completion.result, '{'))
			return ERROR_MALFORMED;
		return message->task_completion.artefacts.bytes && !json_check(message->task_completion.artefacts, '[')
			       ? ERROR_MALFORMED
			       : 0;
	case MESSAGE_TASK_FAILURE:
		return message->task_failure.evidence.bytes && !json_check(message->task_failure.evidence, '{') ? ERROR_MALFORMED
														: 0;
	default:
		return 0;
	}
}

uint32_t intake_check_payload(struct message *message)
{
	return message_decode_payload(message) ? ERROR_MALFORMED : check_members(message);
}

static uint32_t judge(struct intake *intake, struct message *message)
{
	struct shell *shell = intake->shell;
	struct connection *connection = connection_at(shell, intake->connection);

	if (!refresh_rights(shell, connection) || !message_allowed(message->type, connection->rights))
		return ERROR_NOT_ALLOWED;
	if (strcmp(message->header.sender, connection->peer) != 0)
		return ERROR_NOT_ALLOWED;
	if (!message->header.sender_seq && !is_loose(message->type))
		return ERROR_MALFORMED;
	return intake_check_payload(message);
}

/* The longest silence that the route of a task allows. */
static uint32_t heartbeat_of(struct shell *shell, const struct id *task_id)
{
	const struct table *table = omega_table(shell->omega);
	struct task_view view;
	int route;

	if (omega_task(shell->omega, task_id, &view))
		return 0;
	route = table_find(table, view.task_type, strlen(view.task_type));
	return route < 0 ? 0 : table->route[route].heartbeat_ms;
}

/* Progress goes into the core once a second per attempt, sooner where the lease demands it. */
static bool paced_out(struct shell *shell, struct connection *connection, const struct message *message)
{
	const struct task_progress *progress = &message->task_progress;

	switch (message->type) {
	case MESSAGE_TASK_PROGRESS:
		if (!pace_known(connection, &progress->lease))
			pace_begin(connection, &progress->lease, progress->waiting, heartbeat_of(shell, &message->header.task_id),
				   shell->mono_ms);
		else if (!pace_allows(connection, &progress->lease, progress->waiting, shell->mono_ms))
			return true;
		return false;
	case MESSAGE_TASK_COMPLETION:
		pace_end(connection, &message->task_completion.lease);
		return false;
	case MESSAGE_TASK_FAILURE:
		pace_end(connection, &message->task_failure.lease);
		return false;
	default:
		return false;
	}
}

/* A client that runs against a full queue is answered, but no longer with two records each. */
static bool is_flooding(const struct shell *shell, const struct connection *connection, const struct message *message)
{
	return message->type == MESSAGE_TASK_REQUEST && connection->refusals > REFUSALS_PER_SECOND &&
	       shell->mono_ms - connection->refusal_window_ms < 1000;
}

static void reload_routes(struct intake *intake, struct message *message)
{
	struct shell *shell = intake->shell;
	int rc = routes_load(shell, connection_at(shell, intake->connection)->peer); /* recorded before the answer */

	step_message(intake, message, (uint32_t)-rc);
}

static void take_allowed(struct intake *intake, struct message *message)
{
	struct shell *shell = intake->shell;
	struct connection *connection = connection_at(shell, intake->connection);

	shell->records->count = 0;
	if (message->type == MESSAGE_ARTEFACT_PUT) {
		courier_take_put(shell, intake->connection, message);
	} else if (message->type == MESSAGE_ARTEFACT_GET) {
		courier_take_get(shell, intake->connection, message);
	} else if (message->type == MESSAGE_RECOVERY_ACTION && message->recovery_action.verb == VERB_RELOAD_ROUTES) {
		reload_routes(intake, message);
	} else if (message->type == MESSAGE_RECOVERY_ACTION &&
		   (message->recovery_action.verb == VERB_ERASE || message->recovery_action.verb == VERB_PRUNE)) {
		erasure_take(intake, message);
	} else if (message->type == MESSAGE_STATUS_QUERY && message->status_query.subject == SUBJECT_RECEIPT) {
		step_message(intake, message, receipt_judge(shell, connection, message));
	} else {
		lookup_stamp(shell, message, connection->peer);
		step_message(intake, message, 0);
	}
	if (message->type == MESSAGE_REF_CHANGED && shell->records->count && !shell->records->item[0].verdict)
		changes_note(shell->changes, &message->header.message_id, shell->records->item[0].seq);
	if (shell->records->count && shell->records->item[0].verdict)
		refusal_allowed(shell, connection);
}

static void take_joined(struct intake *intake, struct message *message)
{
	struct shell *shell = intake->shell;
	struct connection *connection = connection_at(shell, intake->connection);
	uint32_t verdict;

	outbox_touch(shell, intake->connection);
	if (!take_number(connection, message))
		return;
	verdict = judge(intake, message);
	if (!verdict && is_flooding(shell, connection, message))
		verdict = ERROR_OVERLOADED;
	if (verdict && !refusal_allowed(shell, connection)) {
		refuse_loose(shell, intake->connection, message, verdict);
	} else if (verdict) {
		step_message(intake, message, verdict);
	} else if (paced_out(shell, connection, message)) {
		connection->dropped++;
	} else {
		take_allowed(intake, message);
		if (message->type == MESSAGE_GOODBYE && !message->goodbye.draining)
			connection->leaving = intake->stop = true;
	}
}

/* ---- frames ---- */

static void refuse_malformed(struct intake *intake, uint32_t code)
{
	struct shell *shell = intake->shell;
	struct connection *connection;

	shell->malformed++;
	if (!intake->connection)
		return;
	connection = connection_at(shell, intake->connection);
	if (refusal_allowed(shell, connection))
		refuse_loose(shell, intake->connection, NULL, code);
	else {
		connection->refused_uncounted++;
		connection->refused_code = code;
	}
}

/* A known secret where it cannot be masked: the peer hears that, the trail only counts it. */
static void refuse_secret(struct intake *intake, struct message *message)
{
	struct shell *shell = intake->shell;
	struct connection *connection = connection_at(shell, intake->connection);

	if (connection->joined && message->type != MESSAGE_HELLO) {
		outbox_touch(shell, intake->connection);
		if (!take_number(connection, message))
			return;
	} else {
		intake->stop = true;
	}
	refuse_loose(shell, intake->connection, message, ERROR_SECRET);
}

static void take_message(struct intake *intake, const struct parts *parts)
{
	struct shell *shell = intake->shell;
	struct connection *connection = connection_at(shell, intake->connection);
	struct message message;
	const char *kind;

	if (!message_known(parts->type) || message_decode(parts, &message)) {
		refuse_malformed(intake, ERROR_MALFORMED);
		intake->stop = true;
	} else if (message.type != MESSAGE_HEARTBEAT && mask_message(shell->vault, parts, &message, &kind)) {
		refuse_secret(intake, &message);
	} else if (message.type == MESSAGE_HELLO) {
		take_hello(intake, &message);
	} else if (!connection->joined) {
		take_stranger(intake, &message);
	} else if (message.type == MESSAGE_HEARTBEAT) {
		presence_heartbeat(shell, intake->connection, &message.heartbeat);
	} else {
		take_joined(intake, &message);
	}
}

/* The connection that the frame came over; a new key on a known one cannot be, and is treated as a stranger. */
static uint32_t find_connection(struct shell *shell, zmq_msg_t *routing, const char *user_id)
{
	uint32_t index = connection_find(&shell->connections, zmq_msg_data(routing), zmq_msg_size(routing));
	struct connection *connection;

	if (index && strcmp(connection_at(shell, index)->public_key, user_id) != 0) {
		connection_forget(&shell->connections, index);
		index = 0;
	}
	if (!index) {
		index = connection_add(&shell->connections, zmq_msg_data(routing), zmq_msg_size(routing), shell->mono_ms);
		if (!index)
			return 0;
		connection = connection_at(shell, index);
		snprintf(connection->public_key, KEY_TEXT_BYTES, "%s", user_id);
	}
	connection = connection_at(shell, index);
	connection->heard_ms = shell->mono_ms;
	return index;
}

static bool find_sender(struct intake *intake, zmq_msg_t *routing, zmq_msg_t *body)
{
	struct shell *shell = intake->shell;
	const char *user_id = zmq_msg_gets(body, "User-Id");
	struct connection *connection;

	if (!user_id || strlen(user_id) >= KEY_TEXT_BYTES) {
		shell->unknown_keys++;
		return false;
	}
	intake->connection = find_connection(shell, routing, user_id);
	if (!intake->connection)
		return false;
	connection = connection_at(shell, intake->connection);
	if (connection->joined)
		return true; /* its rights are looked up for each message */
	if (peers_find(shell->peers, user_id, &intake->peer)) {
		shell->unknown_keys++;
		connection_forget(&shell->connections, intake->connection);
		return false;
	}
	snprintf(connection->peer, NAME_BYTES, "%s", intake->peer.name);
	return true;
}

static void take_frame(struct shell *shell, zmq_msg_t *routing, zmq_msg_t *body)
{
	struct intake intake = {.shell = shell};
	struct parts parts[FRAME_MESSAGES_MAX];
	size_t count = 0;
	int rc;

	if (!find_sender(&intake, routing, body))
		return;
	rc = validate_frame(zmq_msg_data(body), zmq_msg_size(body), parts, &count);
	if (rc) {
		refuse_malformed(&intake, (uint32_t)-rc);
		return;
	}
	for (size_t i = 0; i < count && !intake.stop && !shell->failed; i++)
		take_message(&intake, &parts[i]);
}

/* Our frames have a routing id and one body; whatever else follows is thrown away with them. */
static bool drop_rest(struct shell *shell, zmq_msg_t *body)
{
	bool more = zmq_msg_more(body);

	while (zmq_msg_more(body))
		if (zmq_msg_recv(body, shell->socket, ZMQ_DONTWAIT) < 0)
			break;
	return more;
}

static bool receive_frame(struct shell *shell)
{
	zmq_msg_t routing;
	zmq_msg_t body;
	bool got;

	zmq_msg_init(&routing);
	zmq_msg_init(&body);
	got = zmq_msg_recv(&routing, shell->socket, ZMQ_DONTWAIT) >= 0;
	if (got && zmq_msg_more(&routing) && zmq_msg_recv(&body, shell->socket, ZMQ_DONTWAIT) >= 0) {
		if (drop_rest(shell, &body))
			shell->malformed++;
		else
			take_frame(shell, &routing, &body);
	}
	zmq_msg_close(&body);
	zmq_msg_close(&routing);
	return got;
}

void intake_receive(struct shell *shell)
{
	for (int i = 0; i < FRAMES_PER_TURN && ledger_room(shell) && !shell->failed; i++)
		if (!receive_frame(shell))
			return;
}
