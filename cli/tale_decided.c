/* SPDX-License-Identifier: MIT
 *
 * What Omega said and decided about a task: who got it and why, how it went on, how it ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/sentence.h"
#include "cli/tale.h"
#include "cli/text.h"

/* ---- who gets it ---- */

static const struct tale_route *route_of(const struct tale *tale, uint32_t version)
{
	for (size_t i = 0; i < tale->route_count; i++) {
		if (tale->routes[i].version == version)
			return &tale->routes[i];
	}
	return NULL;
}

static json_t *skipped_json(const struct route *route, uint32_t skipped)
{
	json_t *roles = json_array();

	for (uint32_t i = 0; route && i < route->destination_count; i++) {
		if (skipped >> i & 1)
			json_array_append_new(roles, json_string(route->destination[i]));
	}
	return roles;
}

/* Why this clone: the place of its role in the route, and who was passed over. */
static void say_choice(struct sentence *sentence, const struct trail_entry *entry, const struct task_assignment *facts,
		       const struct tale_route *by)
{
	size_t role_bytes = strcspn(entry->peer, "/");
	const struct route *route = by ? &by->route : NULL;
	const char *role = route && facts->destination < route->destination_count ? route->destination[facts->destination] : NULL;
	bool first = true;

	if (!role)
		sentence_add(sentence, "; table %u has no route for it any more", facts->route_version);
	else if (strlen(role) != role_bytes || memcmp(role, entry->peer, role_bytes) != 0)
		sentence_add(sentence, "; an operator named %.*s instead of %s, which table %u says", (int)role_bytes,
			     entry->peer, role, facts->route_version);
	else if (facts->destination == 0)
		sentence_add(sentence, "; %s is the route's destination in table %u", role, facts->route_version);
	else
		sentence_add(sentence, "; %s is fallback %u of the route in table %u", role, facts->destination,
			     facts->route_version);
	for (uint32_t i = 0; route && i < route->destination_count; i++) {
		if (!(facts->skipped >> i & 1))
			continue;
		sentence_add(sentence, "%s%s", first ? "; passed over, since no instance was healthy: " : ", ",
			     route->destination[i]);
		first = false;
	}
}

static void tell_assignment(struct tale *tale, const struct trail_entry *entry, const struct task_assignment *facts)
{
	const struct tale_route *by = route_of(tale, facts->route_version);
	struct sentence sentence = {0};

	sentence_add(&sentence, "gave attempt %u to %s", facts->attempt, entry->peer);
	say_choice(&sentence, entry, facts, by);
	if (facts->charged_class > facts->priority)
		sentence_add(&sentence, "; served as %s, since it had waited", priority_name(facts->charged_class));
	sentence_span(&sentence, "; it may take ", facts->timeout_ms);
	tale_event(tale, entry, "omega", "assigned", &sentence);
	tale->destination = facts->destination;
	json_array_append_new(
		tale->attempts,
		need(json_pack("{s:i, s:s, s:I, s:o, s:I, s:n, s:n, s:n, s:n, s:n, s:i, s:i, s:o, s:I, s:I, s:I}", "attempt",
			       (int)facts->attempt, "clone", entry->peer, "seq", (json_int_t)entry->seq, "assigned_at",
			       tale_at(entry), "assigned_ms", (json_int_t)entry->wall_ms, "started_at", "ended_at", "took_ms",
			       "result", "error", "route_version", (int)facts->route_version, "destination",
			       (int)facts->destination, "skipped", skipped_json(by ? &by->route : NULL, facts->skipped), "tokens",
			       (json_int_t)0, "cost_microusd", (json_int_t)0, "cpu_ms", (json_int_t)0)));
}

/* ---- what Omega says and decides ---- */

static void tell_end(struct tale *tale, const struct trail_entry *entry, const struct message *message)
{
	struct sentence sentence = {0};
	bool done = message->type == MESSAGE_TASK_COMPLETION;

	if (!entry->end_state) { /* to a follower, or once more */
		tale->repeated++;
		return;
	}
	sentence_add(&sentence, "the task has ended: %s; told %s", state_name(entry->end_state), entry->peer);
	if (!done) {
		sentence_add(&sentence, "; %s after %u attempt%s", error_name((int)message->task_failure.code),
			     message->task_failure.attempts, message->task_failure.attempts == 1 ? "" : "s");
		if (entry->payload_seq == entry->seq)
			sentence_text(&sentence, ": ", &message->task_failure.sentence);
		for (uint32_t i = 1; i <= message->task_failure.attempts; i++)
			tale_attempt_end(tale, entry, i, "given up", message->task_failure.code);
	}
	tale_event(tale, entry, "omega", "ended", &sentence);
}

void tale_tell_out(struct tale *tale, const struct trail_entry *entry, const struct message *message)
{
	struct sentence sentence = {0};

	switch (message->type) {
	case MESSAGE_TASK_ACCEPTED:
		if (message->task_accepted.duplicate)
			sentence_add(&sentence, "answered that the task is there already");
		else
			sentence_add(&sentence, "took the task in; from here on it is on the disk");
		tale_event(tale, entry, "omega", "accepted", &sentence);
		break;
	case MESSAGE_TASK_ASSIGNMENT:
		tell_assignment(tale, entry, &message->task_assignment);
		break;
	case MESSAGE_TASK_COMPLETION:
	case MESSAGE_TASK_FAILURE:
		tell_end(tale, entry, message);
		break;
	case MESSAGE_TASK_CANCEL:
		tale_tell_cancel(tale, entry, &message->task_cancel);
		break;
	case MESSAGE_ERROR_ESCALATION:
		tale_tell_plea(tale, entry, &message->error_escalation);
		break;
	case MESSAGE_REFUSAL:
		sentence_add(&sentence, "refused what %s said: %s", entry->peer, error_name((int)message->refusal.code));
		sentence_text(&sentence, ": ", &message->refusal.sentence);
		tale_event(tale, entry, "omega", "refused", &sentence);
		break;
	case MESSAGE_RECOVERY_RESULT:
		sentence_add(&sentence, "answered %s: %s", entry->peer,
			     message->recovery_result.code ? error_name((int)message->recovery_result.code) : "done");
		sentence_text(&sentence, ": ", &message->recovery_result.sentence);
		tale_event(tale, entry, "omega", "answered", &sentence);
		break;
	default:
		tale->repeated++;
	}
}

static void tell_retry(struct tale *tale, const struct trail_entry *entry, const struct retry_scheduled *facts)
{
	const struct route *route = tale->route_count ? &tale->routes[tale->route_count - 1].route : NULL;
	const char *role = route && facts->destination < route->destination_count ? route->destination[facts->destination] : "";
	bool falls_back = facts->destination != tale->destination;
	struct sentence sentence = {0};

	if (facts->role.bytes)
		sentence_text(&sentence, "it goes on at ", &facts->role);
	else
		sentence_add(&sentence, "%s %s", falls_back ? "falls back to" : "tries again at", role);
	if (facts->wait_ms)
		sentence_span(&sentence, " in ", facts->wait_ms);
	else
		sentence_add(&sentence, " at once");
	sentence_add(&sentence, ", after %s; %u attempt%s so far",
		     facts->code ? error_name((int)facts->code) : "that was settled", facts->attempts,
		     facts->attempts == 1 ? "" : "s");
	tale_event(tale, entry, "omega", falls_back ? "fallback" : "retry", &sentence);
	tale_attempt_end(tale, entry, facts->attempts, "given up", facts->code);
	tale->destination = facts->destination;
}

void tale_tell_own(struct tale *tale, const struct trail_entry *entry, const struct message *message)
{
	struct sentence sentence = {0};
	char note[256];

	if (message->type == MESSAGE_RETRY_SCHEDULED) {
		tell_retry(tale, entry, &message->retry_scheduled);
		return;
	}
	record_note(entry, message, note, sizeof(note));
	sentence_add(&sentence, "%s", *note ? note : message_name(message->type));
	tale_event(tale, entry, "omega",
		   message->type == MESSAGE_ERASED  ? "erased"
		   : message->type == MESSAGE_TIMER ? "time"
						    : "noted",
		   &sentence);
}
