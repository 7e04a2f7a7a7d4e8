/* SPDX-License-Identifier: MIT
 *
 * Those who come: Hello is judged by the key, and whoever has not said it is told to.
 */
#include <stdio.h>
#include <string.h>

#include "actors/intake.h"

#define STRANGER_ANSWERS_PER_SECOND 64u

/* ---- refusing ---- */

bool refusal_allowed(struct shell *shell, struct connection *connection)
{
	if (shell->mono_ms - connection->refusal_window_ms >= 1000) {
		connection->refusal_window_ms = shell->mono_ms;
		connection->refusals = 0;
	}
	return connection->refusals++ < REFUSALS_PER_SECOND;
}

void refuse_loose(struct shell *shell, uint32_t index, const struct message *message, uint32_t code)
{
	struct connection *connection = connection_at(shell, index);
	struct message refusal = {.type = MESSAGE_REFUSAL};
	const char *sentence = error_sentence((int)code);

	connection->refused_uncounted++;
	connection->refused_code = code;
	if (message) {
		refusal.header.correlation = message->header.message_id;
		refusal.header.task_id = message->header.task_id;
		refusal.refusal.refused_type = message->type;
	}
	refusal.refusal.code = code;
	refusal.refusal.retry_after_ms = error_retryable((int)code) ? omega_table(shell->omega)->retry_after_ms : 0;
	refusal.refusal.sentence = (struct text){sentence, (uint32_t)strlen(sentence)};
	send_loose(shell, index, &refusal);
}

/* ---- stepping ---- */

void step_message(struct intake *intake, struct message *message, uint32_t verdict)
{
	struct shell *shell = intake->shell;
	struct connection *connection = connection_at(shell, intake->connection);
	struct event event = {.message = message, .verdict = verdict};

	erasure_strip(shell, message);
	event.has_payload = message->payload.bytes > 0;
	memcpy(event.peer, connection->peer, NAME_BYTES);
	shell->current = intake->connection;
	shell_step(shell, &event);
	outbox_touch(shell, intake->connection);
	shell->current = 0;
}

/* ---- who speaks ---- */

static uint32_t speaker_of(const char *role)
{
	if (strcmp(role, "client") == 0)
		return CLIENT;
	if (strcmp(role, "operator") == 0)
		return OPERATOR;
	if (strcmp(role, "auditor") == 0)
		return AUDITOR;
	if (strcmp(role, "workspace") == 0)
		return WORKSPACE;
	return CLONE;
}

static bool text_copy(struct text text, char *out, size_t capacity)
{
	if (text.bytes == 0 || text.bytes >= capacity || memchr(text.at, 0, text.bytes))
		return false;
	memcpy(out, text.at, text.bytes);
	out[text.bytes] = 0;
	return true;
}

/* ---- Hello ---- */

static uint32_t judge_hello(struct intake *intake, const struct message *message, char peer[NAME_BYTES], char role[ROLE_BYTES])
{
	const struct hello *hello = &message->hello;

	if (!text_copy(hello->peer, peer, NAME_BYTES) || !text_copy(hello->role, role, ROLE_BYTES))
		return ERROR_MALFORMED;
	if (strcmp(message->header.sender, peer) != 0 || !peer_may_be(&intake->peer, role, peer))
		return ERROR_NOT_ALLOWED;
	if (hello->live.bytes % LIVE_ENTRY_BYTES != 0 || message->header.sender_seq == 0)
		return ERROR_MALFORMED;
	if (intake->shell->connections.joined_count >= CONNECTIONS_MAX)
		return ERROR_OVERLOADED;
	return 0;
}

static bool was_welcomed(const struct shell *shell)
{
	for (size_t i = 0; i < shell->records->count; i++)
		if (shell->records->item[i].message.type == MESSAGE_WELCOME)
			return true;
	return false;
}

static void begin_epoch(struct intake *intake, const struct message *message, const char *peer, const char *role)
{
	struct shell *shell = intake->shell;
	struct connection *connection = connection_at(shell, intake->connection);

	connection_renew(&shell->connections, intake->connection);
	snprintf(connection->peer, NAME_BYTES, "%s", peer);
	connection->role_rights = speaker_of(role);
	connection->rights_generation = 0;
	connection->seq_in = message->header.sender_seq;
	connection->seq_whole = message->header.sender_seq;
	connection->presence = PRESENCE_ALIVE;
	connection->slots_free = message->hello.slots;
}

/* What was only counted so far belongs to the epochs that end now: on the trail it stands before the Hello, or a hole in the numbers of the old
 * epoch would have no explanation. */
static void count_before(struct shell *shell, uint32_t index, const char *peer)
{
	uint32_t older = connection_named(&shell->connections, peer);

	presence_count(shell, index);
	if (older && older != index)
		presence_count(shell, older);
}

void take_hello(struct intake *intake, struct message *message)
{
	struct shell *shell = intake->shell;
	struct connection *connection = connection_at(shell, intake->connection);
	char peer[NAME_BYTES] = "";
	char role[ROLE_BYTES] = "";
	uint32_t verdict;

	if (peers_find(shell->peers, connection->public_key, &intake->peer)) {
		shell->unknown_keys++;
		connection_forget(&shell->connections, intake->connection);
		intake->stop = true;
		return;
	}
	verdict = judge_hello(intake, message, peer, role);
	if (!refusal_allowed(shell, connection)) { /* joining again and again is as bad as being refused again and again */
		refuse_loose(shell, intake->connection, message, verdict ? verdict : ERROR_OVERLOADED);
		return;
	}
	count_before(shell, intake->connection, peer);
	/* Who is not allowed the name it wants is answered under the name of its key. */
	begin_epoch(intake, message, verdict ? intake->peer.name : peer, role);
	step_message(intake, message, verdict);
	if (was_welcomed(shell))
		connection_join(&shell->connections, intake->connection);
}

/* ---- strangers ---- */

void take_stranger(struct intake *intake, struct message *message)
{
	struct shell *shell = intake->shell;
	struct connection *connection = connection_at(shell, intake->connection);

	intake->stop = true; /* one answer per frame is enough */
	snprintf(connection->peer, NAME_BYTES, "%s", intake->peer.name);
	if (shell->mono_ms - shell->stranger_window_ms >= 1000) {
		shell->stranger_window_ms = shell->mono_ms;
		shell->stranger_answers = 0;
	}
	if (shell->stranger_answers++ < STRANGER_ANSWERS_PER_SECOND)
		step_message(intake, message, ERROR_UNKNOWN_PEER);
	else
		refuse_loose(shell, intake->connection, message, ERROR_UNKNOWN_PEER);
}
