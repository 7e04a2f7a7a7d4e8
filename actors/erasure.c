/* SPDX-License-Identifier: MIT
 *
 * Erasing, from Omega's side: what the core has to know, what goes besides the trail's payloads, what must not be written again, and the
 * retention that routing.conf asks for. The payloads themselves go with the record, in the trail.
 *
 * Everything is durable before an erasure is planned, so that the plan is what the transaction then finds, and at most one erasure is on its way.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/eraser.h"
#include "actors/intake.h"

#define SLICE_TEXTS   10000u   /* erased by age in one transaction */
#define RETENTION_MS  3600000u /* between two looks at what is old */
#define TARGET_DIGITS 20u

/* ---- on the writer's thread ---- */

static int after_erasure(void *context, struct trail *trail)
{
	struct shell *shell = context;
	char why[256];
	int rc;

	if (!atomic_exchange(&shell->erasing_last, false))
		return 0; /* a slice, and others follow */
	rc = eraser_finish(&shell->state, trail, why);
	if (rc)
		fprintf(stderr, "omega: %s\n", why);
	return rc;
}

int erasure_begin(struct shell *shell, struct trail *trail)
{
	char why[256];
	int rc = eraser_finish(&shell->state, trail, why);

	if (rc)
		snprintf(shell->why, sizeof(shell->why), "%s", why);
	atomic_init(&shell->erasing_last, false);
	shell->erased_any = erase_any(trail);
	erase_watch(trail, after_erasure, shell);
	return rc;
}

/* ---- what is asked for ---- */

/* "12 texts, 3456 bytes, 2 artefacts", as the plan has it. */
static void say_plan(struct shell *shell, const struct erase_plan *plan, uint32_t artefacts)
{
	snprintf(shell->erase_sentence, sizeof(shell->erase_sentence),
		 "erased: %" PRIu64 " text%s of %" PRIu64 " bytes, and artefacts that nobody else names (%u looked at)%s",
		 plan->payloads, plan->payloads == 1 ? "" : "s", plan->bytes, artefacts,
		 plan->more ? "; more is old enough, ask again" : "");
}

/* Notes what a claim takes besides, and shortens it to one slice. 0 or an error; a plan without texts is none. */
static int prepare(struct shell *shell, struct erased_claim *claim, uint64_t limit, struct erase_plan *out_plan)
{
	uint32_t artefacts;
	int rc = courier_drop_partial(shell);

	if (!rc)
		rc = eraser_note(&shell->state, shell->reader, claim, limit, out_plan, &artefacts);
	if (rc)
		return rc;
	if (out_plan->more)
		claim->through_seq = out_plan->last_seq;
	say_plan(shell, out_plan, artefacts);
	return 0;
}

static int prepare_task(struct shell *shell, const struct message *message)
{
	struct erase_plan plan;
	struct erased_claim claim = {.seq = UINT64_MAX,
				     .task_number = message->recovery_action.known_seq,
				     .task_id = message->header.task_id,
				     .through_seq = shell->durable_seq};

	if (!state_is_end(message->recovery_action.known_state))
		return 0; /* the core refuses */
	shell->erasing_number = claim.task_number;
	return prepare(shell, &claim, 0, &plan);
}

/* The moment that a prune names: milliseconds since 1970. */
static bool target_read(const struct text *target, uint64_t *out_ms)
{
	char digits[TARGET_DIGITS + 1];

	if (!target->bytes || target->bytes >= sizeof(digits))
		return false;
	memcpy(digits, target->at, target->bytes);
	digits[target->bytes] = 0;
	return strspn(digits, "0123456789") == target->bytes && sscanf(digits, "%" SCNu64, out_ms) == 1;
}

static int prepare_age(struct shell *shell, uint64_t before_ms, uint64_t *out_through, bool *out_more)
{
	struct erase_plan plan;
	struct erased_claim claim = {.seq = UINT64_MAX};
	int rc = erase_seq_at(shell->reader, before_ms, &claim.through_seq);

	*out_through = 0;
	if (!rc)
		rc = erase_plan(shell->reader, &claim, 1, NULL, NULL, &plan);
	if (rc || !plan.payloads)
		return rc;
	rc = prepare(shell, &claim, SLICE_TEXTS, &plan);
	*out_through = claim.through_seq;
	*out_more = plan.more;
	return rc;
}

static int prepare_prune(struct shell *shell, struct message *message, bool *out_more)
{
	uint64_t before_ms;

	message->recovery_action.known_state = STATE_NONE;
	message->recovery_action.known_seq = 0;
	if (!target_read(&message->recovery_action.target, &before_ms))
		return ERR_INVALID_PARAMETERS;
	return prepare_age(shell, before_ms, &message->recovery_action.known_seq, out_more);
}

/* What the step has recorded is on its way: nothing of it may be said again from memory. */
static void take_effect(struct shell *shell, bool more)
{
	bool erased = false;

	for (size_t i = 0; i < shell->records->count; i++)
		erased |= shell->records->item[i].message.type == MESSAGE_ERASED;
	if (!erased)
		return;
	shell->erased_any = true;
	payloads_clear(&shell->payloads);
	if (!more)
		atomic_store(&shell->erasing_last, true);
}

void erasure_take(struct intake *intake, struct message *message)
{
	struct shell *shell = intake->shell;
	bool more = false;
	int rc = ledger_drain(shell);

	shell->erase_sentence[0] = 0;
	shell->erasing_number = 0;
	if (rc)
		return;
	lookup_stamp(shell, message, connection_at(shell, intake->connection)->peer);
	if (shell->failed)
		return;
	if (message->recovery_action.verb == VERB_PRUNE)
		rc = prepare_prune(shell, message, &more);
	else
		rc = prepare_task(shell, message);
	step_message(intake, message, (uint32_t)-rc);
	take_effect(shell, more);
}

/* ---- what must not be written again ---- */

static bool may_bring_text(enum message_type type)
{
	return type == MESSAGE_TASK_REQUEST || type == MESSAGE_TASK_PROGRESS || type == MESSAGE_TASK_COMPLETION ||
	       type == MESSAGE_TASK_FAILURE || type == MESSAGE_TASK_CANCEL || type == MESSAGE_ERROR_ESCALATION ||
	       type == MESSAGE_REF_CHANGED;
}

/* The number of the ended task that a message speaks of; 0: none is known. A new request is not looked up a second time. */
static uint64_t ended_task(struct shell *shell, const struct message *message)
{
	const struct task_request *request = &message->task_request;
	const struct id *task_id = &message->header.task_id;
	bool asks = message->type == MESSAGE_TASK_REQUEST;
	struct trail_task task;
	struct task_view view;
	int rc;

	if (omega_task(shell->omega, task_id, &view) == 0)
		return 0;
	if (asks && request->known_seq)
		return request->known_seq;
	if (asks && !omega_knows_task(shell->omega, task_id) && !omega_knows_key(shell->omega, &request->key_hash))
		return 0;
	rc = trail_task(shell->reader, task_id, &task);
	if (rc == ERR_NOT_FOUND && asks && !id_is_nil(&request->key_hash))
		rc = trail_key(shell->reader, &request->key_hash, &task);
	return rc ? 0 : task.request_seq;
}

bool erasure_speaks_of_erased(struct shell *shell, const struct message *message)
{
	uint64_t number;
	bool gone = false;

	if (!shell->erased_any)
		return false;
	number = ended_task(shell, message);
	if (!number)
		return false;
	return number == shell->erasing_number || (erase_is_gone(shell->reader, number, &gone) == 0 && gone);
}

/* A clone that comes back late, or a client that repeats its request, would bring the text once more. The record tells that it came. */
void erasure_strip(struct shell *shell, struct message *message)
{
	if (message->payload.bytes && may_bring_text(message->type) && erasure_speaks_of_erased(shell, message))
		message->payload = (struct bytes){0};
}

/* ---- retention ---- */

static void retain(struct shell *shell, bool *out_more)
{
	struct message message = {.type = MESSAGE_ERASED};
	uint64_t through = 0, now_ms = shell->wall_ms, age_ms = shell->conf.retention_ms;
	int rc = ledger_drain(shell);

	*out_more = false;
	shell->erasing_number = 0;
	if (!rc)
		rc = prepare_age(shell, now_ms > age_ms ? now_ms - age_ms : 0, &through, out_more);
	if (rc) {
		shell_fail(shell, rc, "what is older than the retention could not be erased");
		return;
	}
	if (!through)
		return;
	message.erased.through_seq = through;
	message.erased.who = (struct text){"retention", 9};
	if (shell_step_own(shell, &message) == 0)
		take_effect(shell, *out_more);
}

void erasure_tick(struct shell *shell)
{
	bool more = false;

	if (shell->conf.retention_ms != shell->retention_ms) { /* routing.conf was read again */
		shell->retention_ms = shell->conf.retention_ms;
		shell->next_retention_ms = shell->mono_ms;
	}
	if (!shell->retention_ms || shell->mono_ms < shell->next_retention_ms)
		return;
	retain(shell, &more);
	shell->next_retention_ms = more ? shell->mono_ms : shell->mono_ms + RETENTION_MS;
}

uint64_t erasure_wake_ms(const struct shell *shell)
{
	return shell->retention_ms ? shell->next_retention_ms : NEVER;
}
