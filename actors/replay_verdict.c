/* SPDX-License-Identifier: MIT
 *
 * Who refused a recorded message: the core, which then must do so again, or the shell before it, whose verdict is part of the event.
 */
#include <string.h>

#include "actors/intake.h"
#include "actors/replay_inner.h"

/* Refusals that no shell gives. */
static bool only_by_core(uint32_t code)
{
	return code == ERROR_VERSION || code == ERROR_UNKNOWN_TYPE || code == ERROR_CONFLICT || code == ERROR_NOT_FOUND ||
	       code == ERROR_STATE || code == ERROR_SUPERSEDED || code == ERROR_DEPTH || code == ERROR_BUDGET;
}

/* Actions that the shell has carried out, or tried to: it says what came of them. */
static bool is_done_by_shell(const struct message *message, uint32_t verdict)
{
	uint32_t verb = message->type == MESSAGE_RECOVERY_ACTION ? message->recovery_action.verb : VERB_NONE;

	return verb >= VERB_RELOAD_ROUTES && !((verb == VERB_ERASE || verb == VERB_PRUNE) && only_by_core(verdict));
}

/* What the core takes from everybody: whoever refused it was the shell. */
static bool is_never_refused(uint32_t type)
{
	return type == MESSAGE_STATUS_QUERY || type == MESSAGE_STATUS_RESPONSE || type == MESSAGE_GOODBYE ||
	       type == MESSAGE_RECOVERY_RESULT || type == MESSAGE_ARTEFACT_PUT || type == MESSAGE_ARTEFACT_GET;
}

/* What a name allows at most; its key may allow less. */
static uint32_t rights_of(const char *peer)
{
	if (strncmp(peer, "client/", 7) == 0)
		return CLIENT;
	if (strncmp(peer, "operator/", 9) == 0)
		return OPERATOR;
	if (strncmp(peer, "auditor/", 8) == 0)
		return AUDITOR;
	return strcmp(peer, WORKSPACE_PEER) == 0 ? WORKSPACE : CLONE;
}

/* The payload of the record once more through the checks of the door. 0 also if it is gone, and then `*out_gone`. */
static uint32_t check_payload_again(struct replay *replay, const struct trail_entry *entry, const struct message *message,
				    bool *out_gone)
{
	struct message copy = *message;

	*out_gone = false;
	if (!entry->payload_seq)
		return intake_check_payload(&copy);
	replay->body.bytes = 0;
	*out_gone = !replay->options.payload || replay->options.payload(replay->options.context, entry->seq, &replay->body);
	if (*out_gone)
		return 0;
	copy.payload = (struct bytes){replay->body.at, (uint32_t)replay->body.bytes};
	return intake_check_payload(&copy);
}

/* Does the record show why the shell refused? */
static bool shell_refuses(struct replay *replay, const struct trail_entry *entry, const struct message *message, bool *out_hidden)
{
	bool hello = message->type == MESSAGE_HELLO;

	*out_hidden = false;
	switch (entry->verdict) {
	case ERROR_NOT_ALLOWED:
		*out_hidden = true; /* rights can be withdrawn, and the trail does not hold them */
		return hello || strcmp(message->header.sender, entry->peer) != 0 ||
		       !message_allowed(message->type, rights_of(entry->peer));
	case ERROR_MALFORMED:
		return hello || !message->header.sender_seq ||
		       check_payload_again(replay, entry, message, out_hidden) == ERROR_MALFORMED;
	case ERROR_INVALID_PARAMETERS:
		return check_payload_again(replay, entry, message, out_hidden) == ERROR_INVALID_PARAMETERS;
	case ERROR_OVERLOADED:
		*out_hidden = hello; /* how many were connected */
		return false;
	default:
		return entry->verdict == ERROR_UNKNOWN_PEER || entry->verdict == ERROR_SECRET;
	}
}

/* What the core says of it. */
static uint32_t ask_core(struct replay *replay, const struct event *event, const struct trail_entry *entry)
{
	struct omega *copy = replay_copy(replay);

	if (omega_step(copy, entry->now_ms, event, replay->supposed) || !replay->supposed->count)
		return 0;
	return replay->supposed->item[0].verdict;
}

uint32_t replay_verdict(struct replay *replay, const struct event *event, const struct trail_entry *entry)
{
	bool hidden;

	if (!entry->verdict || entry->direction != TRAIL_IN)
		return 0;
	if (is_done_by_shell(event->message, entry->verdict) || is_never_refused(entry->type))
		return entry->verdict;
	replay->counts.refusals++;
	if (only_by_core(entry->verdict))
		return 0;
	if (shell_refuses(replay, entry, event->message, &hidden))
		return entry->verdict;
	if (!hidden || ask_core(replay, event, entry) == entry->verdict)
		return 0;
	replay->counts.unproved++;
	return entry->verdict;
}
