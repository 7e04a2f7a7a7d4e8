/* SPDX-License-Identifier: MIT
 *
 * What peers said about a task: the request, the attempts, the people who stepped in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/sentence.h"
#include "cli/tale.h"
#include "cli/text.h"

/* ---- what peers say ---- */

static void tell_request(struct tale *tale, const struct trail_entry *entry, const struct task_request *facts)
{
	struct sentence sentence = {0};

	if (entry->seq != entry->task_number) {
		sentence_add(&sentence, "asked for it once more; nothing changed");
		tale_event(tale, entry, entry->peer, "asked", &sentence);
		return;
	}
	tale->parent = facts->parent;
	tale->parameters =
		facts->parameters.bytes ? json_loadb(facts->parameters.at, facts->parameters.bytes, JSON_ALLOW_NUL, NULL) : NULL;
	sentence_text(&sentence, "asked for ", &facts->task_type);
	if (facts->priority)
		sentence_add(&sentence, ", priority %s", priority_name(facts->priority));
	if (facts->deadline_ms)
		sentence_span(&sentence, ", to be done within ", facts->deadline_ms);
	if (facts->timeout_ms)
		sentence_span(&sentence, ", with attempts of up to ", facts->timeout_ms);
	if (facts->budget_tokens)
		sentence_add(&sentence, ", for at most %llu tokens", (unsigned long long)facts->budget_tokens);
	sentence_text(&sentence, ": ", &facts->parameters);
	if (entry->payload_seq && !entry->payload.bytes)
		sentence_add(&sentence, "; with parameters that are erased");
	tale_event(tale, entry, entry->peer, "asked", &sentence);
}

static void tell_progress(struct tale *tale, const struct trail_entry *entry, const struct task_progress *facts)
{
	struct sentence sentence = {0};

	sentence_add(&sentence, "attempt %u", facts->attempt);
	if (facts->permille)
		sentence_add(&sentence, " is at %u %%", facts->permille / 10);
	if (facts->waiting)
		sentence_add(&sentence, " waits for a child");
	sentence_text(&sentence, ", ", &facts->stage);
	sentence_text(&sentence, ": ", &facts->line);
	tale_event(tale, entry, entry->peer, "progress", &sentence);
}

static void say_cost(struct sentence *sentence, const struct task_completion *facts)
{
	if (facts->tokens)
		sentence_add(sentence, ", %llu tokens", (unsigned long long)facts->tokens);
	if (facts->cost_microusd)
		sentence_add(sentence, ", %.6f US dollars", (double)facts->cost_microusd / 1e6);
	sentence_span(sentence, ", CPU time ", facts->cpu_ms);
}

static void tell_completion(struct tale *tale, const struct trail_entry *entry, const struct task_completion *facts)
{
	struct sentence sentence = {0};

	sentence_add(&sentence, "attempt %u is %s", facts->attempt,
		     facts->completeness == PARTIAL   ? "done in part"
		     : facts->completeness == BLOCKED ? "blocked"
						      : "done");
	say_cost(&sentence, facts);
	sentence_text(&sentence, ": ", &facts->summary);
	if (entry->payload_seq && !entry->payload.bytes)
		sentence_add(&sentence, "; the result is erased");
	tale_event(tale, entry, entry->peer, "completed", &sentence);
	tale_attempt_end(tale, entry, facts->attempt,
			 facts->completeness == COMPLETE  ? "completed"
			 : facts->completeness == PARTIAL ? "partial"
							  : "blocked",
			 0);
	tale_attempt_note(tale, facts->attempt, "tokens", json_integer((json_int_t)facts->tokens));
	tale_attempt_note(tale, facts->attempt, "cost_microusd", json_integer((json_int_t)facts->cost_microusd));
	tale_attempt_note(tale, facts->attempt, "cpu_ms", json_integer((json_int_t)facts->cpu_ms));
}

static void tell_failure(struct tale *tale, const struct trail_entry *entry, const struct task_failure *facts)
{
	struct sentence sentence = {0};

	sentence_add(&sentence, "attempt %u failed: %s", facts->attempt, error_name((int)facts->code));
	sentence_text(&sentence, ": ", &facts->sentence);
	if (facts->processes_ended)
		sentence_add(&sentence, "; %u processes had to be ended", facts->processes_ended);
	if (facts->processes_left)
		sentence_add(&sentence, "; processes may be left");
	if (entry->payload_seq && !entry->payload.bytes)
		sentence_add(&sentence, "; what it said is erased");
	tale_event(tale, entry, entry->peer, "failed", &sentence);
	tale_attempt_end(tale, entry, facts->attempt, "failed", facts->code);
}

void tale_tell_plea(struct tale *tale, const struct trail_entry *entry, const struct error_escalation *facts)
{
	bool from_clone = entry->direction == TRAIL_IN;
	struct sentence sentence = {0};

	if (!from_clone && entry->payload_seq != entry->seq) { /* hands on what the clone said */
		tale->repeated++;
		return;
	}
	sentence_add(&sentence, "%s (%s, %s)", from_clone ? "asks for a person" : "tells the operators that a person is needed",
		     severity_name(facts->severity), error_name((int)facts->code));
	sentence_text(&sentence, "; tried: ", &facts->tried);
	sentence_text(&sentence, "; asked: ", &facts->asked);
	tale_event(tale, entry, from_clone ? entry->peer : "omega", "escalated", &sentence);
}

static void intervene(struct tale *tale, const struct trail_entry *entry, const char *verb, const struct text *target,
		      const struct text *reason)
{
	json_array_append_new(
		tale->interventions,
		need(json_pack("{s:I, s:o, s:s, s:s, s:o, s:o, s:o}", "seq", (json_int_t)entry->seq, "at", tale_at(entry), "who",
			       entry->peer, "action", verb, "target",
			       target && target->bytes ? json_stringn_nocheck(target->at, target->bytes) : json_null(), "reason",
			       reason->bytes ? json_stringn_nocheck(reason->at, reason->bytes) : json_null(), "refused",
			       entry->verdict ? json_string(error_name((int)entry->verdict)) : json_null())));
}

static void tell_action(struct tale *tale, const struct trail_entry *entry, const struct recovery_action *facts)
{
	struct sentence sentence = {0};

	sentence_add(&sentence, "stepped in: %s", verb_name(facts->verb));
	sentence_text(&sentence, " to ", &facts->target);
	if (entry->revives)
		sentence_add(&sentence, "; the task is live again");
	sentence_text(&sentence, "; reason: ", &facts->reason);
	if (!facts->reason.bytes)
		sentence_add(&sentence, "; no reason was given");
	tale_event(tale, entry, entry->peer, "intervened", &sentence);
	intervene(tale, entry, verb_name(facts->verb), &facts->target, &facts->reason);
}

void tale_tell_cancel(struct tale *tale, const struct trail_entry *entry, const struct task_cancel *facts)
{
	bool asked = entry->direction == TRAIL_IN;
	struct sentence sentence = {0};

	if (asked)
		sentence_add(&sentence, "asked to cancel the task");
	else
		sentence_add(&sentence, "told %s to stop attempt %u: %s", entry->peer, facts->attempt,
			     error_name((int)facts->code));
	sentence_text(&sentence, "; reason: ", &facts->reason);
	tale_event(tale, entry, asked ? entry->peer : "omega", "cancelled", &sentence);
	if (asked)
		intervene(tale, entry, "cancel", NULL, &facts->reason);
	else
		tale_attempt_end(tale, entry, facts->attempt, "stopped", facts->code);
}

static void tell_refused(struct tale *tale, const struct trail_entry *entry, const struct message *message)
{
	struct sentence sentence = {0};
	char note[256];

	record_note(entry, message, note, sizeof(note));
	sentence_add(&sentence, "said %s; %s", message_name(message->type), note);
	tale_event(tale, entry, entry->peer, "refused", &sentence);
	if (message->type == MESSAGE_RECOVERY_ACTION)
		intervene(tale, entry, verb_name(message->recovery_action.verb), &message->recovery_action.target,
			  &message->recovery_action.reason);
}

static void tell_change(struct tale *tale, const struct trail_entry *entry, const struct ref_changed *facts)
{
	struct sentence sentence = {0};
	char note[512];

	record_change(facts, note, sizeof(note));
	sentence_add(&sentence, "%.*s", (int)facts->cause.bytes, facts->cause.bytes ? facts->cause.at : "");
	if (facts->attempt)
		sentence_add(&sentence, " of attempt %u", facts->attempt);
	sentence_add(&sentence, ": %s", note);
	sentence_text(&sentence, "; ", &facts->sentence);
	tale_event(tale, entry, entry->peer, "changed", &sentence);
}

void tale_tell_in(struct tale *tale, const struct trail_entry *entry, const struct message *message)
{
	struct sentence sentence = {0};

	if (entry->verdict) {
		tell_refused(tale, entry, message);
		return;
	}
	switch (message->type) {
	case MESSAGE_TASK_REQUEST:
		tell_request(tale, entry, &message->task_request);
		break;
	case MESSAGE_TASK_STARTED:
		sentence_add(&sentence, "began attempt %u", message->task_started.attempt);
		tale_event(tale, entry, entry->peer, "started", &sentence);
		tale_attempt_note(tale, message->task_started.attempt, "started_at", tale_at(entry));
		break;
	case MESSAGE_TASK_PROGRESS:
		tell_progress(tale, entry, &message->task_progress);
		break;
	case MESSAGE_TASK_COMPLETION:
		tell_completion(tale, entry, &message->task_completion);
		break;
	case MESSAGE_TASK_FAILURE:
		tell_failure(tale, entry, &message->task_failure);
		break;
	case MESSAGE_ERROR_ESCALATION:
		tale_tell_plea(tale, entry, &message->error_escalation);
		break;
	case MESSAGE_RECOVERY_ACTION:
		tell_action(tale, entry, &message->recovery_action);
		break;
	case MESSAGE_TASK_CANCEL:
		tale_tell_cancel(tale, entry, &message->task_cancel);
		break;
	case MESSAGE_REF_CHANGED:
		tell_change(tale, entry, &message->ref_changed);
		break;
	case MESSAGE_TASK_FOLLOW:
		sentence_add(&sentence, "wants to hear what becomes of it");
		tale_event(tale, entry, entry->peer, "follows", &sentence);
		break;
	default:
		sentence_add(&sentence, "said %s", message_name(message->type));
		tale_event(tale, entry, entry->peer, "said", &sentence);
	}
}
