/* SPDX-License-Identifier: MIT
 *
 * What the trail knows of a task or an idempotency key that the core has forgotten, written into the event before the step, so that
 * the step stays a function of its event. Keyed hashes stand for what a client chose, so that the trail gives nothing away by them.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "actors/changes.h"
#include "actors/fresh.h"
#include "actors/shell.h"
#include "audit/erase.h"

#define KEY_FILE "keys/intake.secret"

int lookup_key(struct shell *shell)
{
	char path[PATH_BYTES];
	char content[HASH_KEY_BYTES + 2];
	size_t bytes;
	int rc = state_path(&shell->state, KEY_FILE, path);

	if (rc)
		return rc;
	rc = file_read(path, content, sizeof(content), &bytes);
	if (rc == ERR_NOT_FOUND) {
		random_fill(shell->hash_key, HASH_KEY_BYTES);
		return file_replace(path, shell->hash_key, HASH_KEY_BYTES, 0600);
	}
	if (!rc && bytes != HASH_KEY_BYTES)
		rc = ERR_CONFIG;
	if (!rc)
		memcpy(shell->hash_key, content, HASH_KEY_BYTES);
	sodium_memzero(content, sizeof(content));
	return rc;
}

/* ---- keyed hashes ---- */

static void hash_begin(const struct shell *shell, crypto_generichash_state *state, const char *purpose)
{
	crypto_generichash_init(state, shell->hash_key, HASH_KEY_BYTES, sizeof(struct id));
	crypto_generichash_update(state, (const uint8_t *)purpose, strlen(purpose) + 1);
}

static void hash_text(crypto_generichash_state *state, const char *at, size_t bytes)
{
	uint32_t length = (uint32_t)bytes;

	crypto_generichash_update(state, (const uint8_t *)&length, sizeof(length));
	crypto_generichash_update(state, (const uint8_t *)at, bytes);
}

/* Whose keys are one space: all connections of one client; all instances of a role, per parent task. */
static size_t owner_bytes(const char *peer)
{
	const char *slash = strchr(peer, '/');
	const char *last = strrchr(peer, '/');

	return last && slash != last ? (size_t)(last - peer) : slash ? (size_t)(slash - peer) : strlen(peer);
}

static struct id hash_key(const struct shell *shell, const struct task_request *request, const char *peer)
{
	crypto_generichash_state state;
	struct id hash = {{0}};

	if (!request->idempotency_key.bytes)
		return hash;
	hash_begin(shell, &state, "idempotency key");
	hash_text(&state, peer, owner_bytes(peer));
	crypto_generichash_update(&state, request->parent.bytes, sizeof(request->parent.bytes));
	hash_text(&state, request->idempotency_key.at, request->idempotency_key.bytes);
	crypto_generichash_final(&state, hash.bytes, sizeof(hash.bytes));
	return hash;
}

static struct id hash_body(const struct shell *shell, const struct task_request *request)
{
	crypto_generichash_state state;
	struct id hash;
	uint64_t numbers[4] = {request->priority, request->deadline_ms, request->timeout_ms, request->budget_tokens};

	hash_begin(shell, &state, "request");
	hash_text(&state, request->task_type.at, request->task_type.bytes);
	crypto_generichash_update(&state, (const uint8_t *)numbers, sizeof(numbers));
	crypto_generichash_update(&state, request->parent.bytes, sizeof(request->parent.bytes));
	hash_text(&state, request->idempotency_key.at, request->idempotency_key.bytes);
	hash_text(&state, request->parameters.at, request->parameters.bytes);
	crypto_generichash_final(&state, hash.bytes, sizeof(hash.bytes));
	return hash;
}

/* ---- reading the trail ---- */

static int take_request(void *context, const struct trail_entry *entry)
{
	struct known_task *known = ((void **)context)[0];
	struct shell *shell = ((void **)context)[1];
	struct parts parts;
	struct message message;
	size_t bytes;

	memcpy(shell->known_client, entry->peer, NAME_BYTES);
	shell->message.bytes = 0;
	if (message_join(entry->type, entry->header, entry->facts, (struct bytes){0}, &shell->message) ||
	    validate_message(shell->message.at, shell->message.bytes, &parts) || message_decode(&parts, &message) ||
	    message.type != MESSAGE_TASK_REQUEST)
		return ERR_CORRUPT;
	bytes = message.task_request.task_type.bytes < TASK_TYPE_BYTES ? message.task_request.task_type.bytes
								       : TASK_TYPE_BYTES - 1;
	memcpy(shell->known_type, message.task_request.task_type.at, bytes);
	shell->known_type[bytes] = 0;
	known->priority = message.task_request.priority;
	return 0;
}

static int take_end(void *context, const struct trail_entry *entry)
{
	struct known_task *known = ((void **)context)[0];

	known->attempts = entry->attempt;
	return 0;
}

int lookup_task(struct shell *shell, const struct id *task_id, struct known_task *out_known)
{
	void *context[2] = {out_known, shell};
	int rc;

	memset(out_known, 0, sizeof(*out_known));
	rc = trail_task(shell->reader, task_id, &out_known->task);
	if (!rc)
		rc = ledger_fetch(shell, out_known->task.request_seq, take_request, context);
	if (!rc && out_known->task.end_seq)
		rc = ledger_fetch(shell, out_known->task.end_seq, take_end, context);
	return rc;
}

/* Not finding is an answer; not being able to look is the end of this process, since the step would decide on a falsehood. */
static bool found(struct shell *shell, int rc)
{
	if (rc && rc != ERR_NOT_FOUND)
		shell_fail(shell, rc, "the trail could not be read");
	return rc == 0;
}

/* ---- stamping ---- */

static struct text text_of(const char *text)
{
	return (struct text){text, (uint32_t)strlen(text)};
}

static void stamp_request(struct shell *shell, struct message *message, const char *peer)
{
	struct task_request *request = &message->task_request;
	const struct id *task_id = &message->header.task_id;
	struct trail_task task;
	bool known;

	request->key_hash = hash_key(shell, request, peer);
	request->body_hash = hash_body(shell, request);
	request->known_task = (struct id){{0}};
	request->known_body = (struct id){{0}};
	request->known_state = STATE_NONE;
	request->known_seq = 0;
	if (omega_knows_task(shell->omega, task_id) ||
	    (!id_is_nil(&request->key_hash) && omega_knows_key(shell->omega, &request->key_hash)))
		return;
	known = !freshness_certain(&shell->freshness, task_id) && found(shell, trail_task(shell->reader, task_id, &task));
	if (!known && !id_is_nil(&request->key_hash))
		known = found(shell, trail_key(shell->reader, &request->key_hash, &task));
	if (!known)
		return;
	request->known_task = task.task_id;
	request->known_body = task.body_hash;
	request->known_state = task.end_state ? task.end_state : STATE_ACCEPTED;
	request->known_seq = task.request_seq;
}

static void stamp_cancel(struct shell *shell, struct message *message)
{
	struct task_cancel *cancel = &message->task_cancel;
	struct known_task known;

	cancel->known_state = STATE_NONE;
	cancel->known_client = (struct text){0};
	if (omega_knows_task(shell->omega, &message->header.task_id) ||
	    !found(shell, lookup_task(shell, &message->header.task_id, &known)))
		return;
	cancel->known_state = known.task.end_state;
	cancel->known_client = text_of(shell->known_client);
}

static void stamp_follow(struct shell *shell, struct message *message)
{
	struct task_follow *follow = &message->task_follow;
	struct known_task known;

	follow->known_state = STATE_NONE;
	follow->known_client = (struct text){0};
	follow->known_outcome = 0;
	if (omega_knows_task(shell->omega, &message->header.task_id) ||
	    !found(shell, lookup_task(shell, &message->header.task_id, &known)))
		return;
	follow->known_state = known.task.end_state;
	follow->known_client = text_of(shell->known_client);
	follow->known_outcome = known.task.outcome_seq;
}

static void stamp_recovery(struct shell *shell, struct message *message)
{
	struct recovery_action *action = &message->recovery_action;
	const struct id *task_id = &message->header.task_id;
	struct task_view view;
	struct known_task known;

	action->known_state = STATE_NONE;
	action->known_type = action->known_client = (struct text){0};
	action->known_seq = 0;
	action->known_attempts = 0;
	action->known_priority = PRIORITY_NONE;
	action->known_erased = false;
	if (id_is_nil(task_id) || omega_task(shell->omega, task_id, &view) == 0)
		return;
	/* It may have ended a moment ago, in a batch that is still on its way to the disk. */
	if (omega_knows_task(shell->omega, task_id) && ledger_drain(shell))
		return;
	if (!found(shell, lookup_task(shell, task_id, &known)))
		return;
	action->known_state = known.task.end_state;
	action->known_type = text_of(shell->known_type);
	action->known_client = text_of(shell->known_client);
	action->known_seq = known.task.request_seq;
	action->known_attempts = known.attempts;
	action->known_priority = known.priority;
	if (!found(shell, erase_is_gone(shell->reader, known.task.request_seq, &action->known_erased)))
		action->known_erased = false;
}

static void stamp_change(struct shell *shell, struct message *message)
{
	struct ref_changed *change = &message->ref_changed;
	const struct id *task_id = &message->header.task_id;
	struct trail_task task;

	change->known_seq = changes_find(shell->changes, &message->header.message_id);
	change->known_task = 0;
	if (!id_is_nil(task_id) && !omega_knows_task(shell->omega, task_id) &&
	    found(shell, trail_task(shell->reader, task_id, &task)))
		change->known_task = task.request_seq;
}

void lookup_stamp(struct shell *shell, struct message *message, const char *peer)
{
	switch (message->type) {
	case MESSAGE_TASK_REQUEST:
		stamp_request(shell, message, peer);
		break;
	case MESSAGE_TASK_CANCEL:
		stamp_cancel(shell, message);
		break;
	case MESSAGE_TASK_FOLLOW:
		stamp_follow(shell, message);
		break;
	case MESSAGE_RECOVERY_ACTION:
		stamp_recovery(shell, message);
		break;
	case MESSAGE_REF_CHANGED:
		stamp_change(shell, message);
		break;
	default:
		break;
	}
}
