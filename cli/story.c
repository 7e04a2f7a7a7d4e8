/* SPDX-License-Identifier: MIT
 *
 * Records and tasks for people.
 */
#include "cli/story.h"

#include <stdio.h>
#include <string.h>

#include "cli/erasing.h"
#include "cli/text.h"
#include "protocol/id.h"
#include "protocol/json.h"
#include "protocol/validate.h"
#include "routing/omega.h"

/* ---- one record ---- */

/* The stored parts are put together and go through the validator: the file may have been tampered with. */
int record_message(const struct trail_entry *entry, struct buffer *buffer, struct message *out_message)
{
	struct parts parts;

	buffer->bytes = 0;
	if (message_join((enum message_type)entry->type, entry->header, entry->facts, entry->payload, buffer) ||
	    validate_message(buffer->at, buffer->bytes, &parts) || parts.whole.bytes != buffer->bytes ||
	    message_decode(&parts, out_message) || message_decode_payload(out_message))
		return ERR_CORRUPT;
	return 0;
}

static json_t *time_json(uint64_t unix_ms)
{
	char text[TIME_TEXT_BYTES];

	if (unix_ms == 0)
		return json_null();
	time_print_utc(unix_ms, text);
	return json_string(text);
}

static json_t *id_json(const struct id *id)
{
	char text[ID_TEXT_BYTES];

	if (id_is_nil(id))
		return json_null();
	id_print(id, text);
	return json_string(text);
}

static const char *direction_word(uint32_t direction)
{
	return direction == TRAIL_IN ? "in" : direction == TRAIL_OUT ? "out" : "own";
}

static json_t *name_json(const char *name)
{
	return *name ? json_string(name) : json_null();
}

static json_t *error_json(uint32_t code)
{
	return code ? json_string(error_name((int)code)) : json_null();
}

/* What stands in the record besides the summary of it. */
static void add_whole(json_t *json, const struct trail_entry *entry, const struct message *message)
{
	bool stored = entry->payload.bytes > 0;
	char chain[65];

	hex_print(entry->chain.bytes, sizeof(entry->chain.bytes), chain);
	json_object_set_new(json, "payload_seq", entry->payload_seq ? json_integer((json_int_t)entry->payload_seq) : json_null());
	json_object_set_new(json, "payload", json_string(stored ? "stored" : entry->payload_seq ? "erased" : "none"));
	json_object_set_new(json, "chain", json_string(chain));
	json_object_set_new(json, "message", message ? message_to_json(message) : json_null());
}

static int keep_record(void *context, const struct trail_entry *entry)
{
	*(json_t **)context = record_json(entry, true);
	return 0;
}

static int keep_entry(void *context, const struct trail_entry *entry)
{
	*(struct trail_entry *)context = *entry; /* its spans are not looked at */
	return 0;
}

/* When the payload of a record was erased, and by which other record. */
static int add_erasure(struct trail *trail, json_t *record)
{
	const char *payload = json_string_value(json_object_get(record, "payload"));
	uint64_t owner = (uint64_t)json_integer_value(json_object_get(record, "payload_seq")), seq = 0, at_ms = 0;
	struct trail_query query = {.after_seq = owner - 1, .through_seq = owner, .limit = 1};
	struct trail_entry entry = {0};
	int rc;

	if (!payload || strcmp(payload, "erased") != 0)
		return 0;
	rc = trail_read(trail, &query, keep_entry, &entry);
	if (!rc)
		rc = erased_find(trail, &entry, &seq, &at_ms);
	if (!rc) {
		json_object_set_new(record, "erased_at", time_json(at_ms));
		json_object_set_new(record, "erased_by", json_integer((json_int_t)seq));
	}
	return rc == ERR_NOT_FOUND ? 0 : rc;
}

int record_fetch(struct trail *trail, uint64_t seq, json_t **out_record)
{
	struct trail_query query = {.after_seq = seq - 1, .through_seq = seq, .limit = 1, .with_payload = true};
	json_t *record = NULL;
	int rc = seq ? trail_read(trail, &query, keep_record, &record) : 0;

	if (!rc && !record)
		rc = ERR_NOT_FOUND;
	if (!rc)
		rc = add_erasure(trail, record);
	if (rc)
		json_decref(record);
	else
		*out_record = record;
	return rc;
}

/* Said even where the note is long: there is always room for it at the end. */
static void note_masked(uint32_t places, char *note, size_t bytes)
{
	char said[48];
	size_t used = strlen(note);
	size_t length = (size_t)snprintf(said, sizeof(said), "%s%u place%s masked", used ? " \xc2\xb7 " : "", places,
					 places == 1 ? "" : "s");

	if (used + length >= bytes)
		used = bytes - length - 1;
	while (used > 0 && ((uint8_t)note[used] & 0xc0) == 0x80)
		used--;
	memcpy(note + used, said, length + 1);
}

json_t *record_json(const struct trail_entry *entry, bool whole)
{
	struct buffer buffer = {0};
	struct message message;
	char line[256] = "the stored bytes are no message";
	bool good = record_message(entry, &buffer, &message) == 0;
	json_t *json;

	if (good)
		record_note(entry, &message, line, sizeof(line));
	if (good && message.header.masked)
		note_masked(message.header.masked, line, sizeof(line));
	json = json_pack("{s:I, s:o, s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "seq", (json_int_t)entry->seq, "at",
			 time_json(entry->wall_ms), "direction", direction_word(entry->direction), "peer", name_json(entry->peer),
			 "type", message_name((enum message_type)entry->type), "verdict", error_json(entry->verdict), "task_id",
			 id_json(&entry->task_id), "attempt", entry->attempt ? json_integer(entry->attempt) : json_null(), "note",
			 *line ? json_stringn_nocheck(line, strlen(line)) : json_null());
	need(json);
	if (good && message.header.masked)
		json_object_set_new(json, "masked", json_integer(message.header.masked));
	if (whole)
		add_whole(json, entry, good ? &message : NULL);
	buffer_release(&buffer);
	return json;
}

/* As much of a text as fits, not cut within a character, and with \\x00 for a NUL, which would hide what follows. */
static void say_text(char *out, size_t bytes, const struct text *text)
{
	size_t used = 0;

	for (uint32_t i = 0; i < text->bytes; i++) {
		if (used + 5 > bytes) {
			while (used > 0 && ((uint8_t)text->at[i] & 0xc0) == 0x80)
				used--, i--;
			break;
		}
		if (text->at[i])
			out[used++] = text->at[i];
		else
			used += (size_t)sprintf(out + used, "\\x00");
	}
	out[used] = 0;
}

static void note_failure(const struct task_failure *failure, char *out, size_t bytes)
{
	int used = snprintf(out, bytes, "%s%s%s", state_is_end(failure->state) ? state_name(failure->state) : "",
			    state_is_end(failure->state) ? ": " : "", error_name((int)failure->code));

	if (failure->sentence.bytes && used > 0 && (size_t)used + 3 < bytes) {
		memcpy(out + used, ": ", 3);
		say_text(out + used + 2, bytes - (size_t)used - 2, &failure->sentence);
	}
}

static void note_progress(const struct task_progress *progress, char *out, size_t bytes)
{
	int used = progress->permille ? snprintf(out, bytes, "%u %% ", progress->permille / 10) : 0;

	say_text(out + used, bytes - (size_t)used, progress->line.bytes ? &progress->line : &progress->stage);
}

static void note_retry(const struct retry_scheduled *retry, char *out, size_t bytes)
{
	char span[SPAN_TEXT_BYTES];

	span_print(retry->wait_ms, span);
	if (retry->role.bytes)
		snprintf(out, bytes, "goes to %.*s", (int)retry->role.bytes, retry->role.at);
	else
		snprintf(out, bytes, "after %s: destination %u, in %s", error_name((int)retry->code), retry->destination, span);
}

static void note_action(const struct recovery_action *action, char *out, size_t bytes)
{
	int used = snprintf(out, bytes, "%s%s%.*s%s", verb_name(action->verb), action->target.bytes ? " " : "",
			    (int)action->target.bytes, action->target.bytes ? action->target.at : "",
			    action->reason.bytes ? ": " : "");

	if (used > 0 && (size_t)used < bytes)
		say_text(out + used, bytes - (size_t)used, &action->reason);
}

static void note_plea(const struct error_escalation *plea, char *out, size_t bytes)
{
	int used = snprintf(out, bytes, "%s: %s%s", severity_name(plea->severity), error_name((int)plea->code),
			    plea->asked.bytes ? ": " : "");

	if (used > 0 && (size_t)used < bytes)
		say_text(out + used, bytes - (size_t)used, &plea->asked);
}

static void note_hello(const struct hello *hello, char *out, size_t bytes)
{
	snprintf(out, bytes, "as %.*s%s%.*s", (int)hello->role.bytes, hello->role.bytes ? hello->role.at : "",
		 hello->software.bytes ? ", with " : "", (int)hello->software.bytes,
		 hello->software.bytes ? hello->software.at : "");
}

/* As enum clock of the core numbers them. */
static const char *clock_name(uint32_t clock)
{
	static const char *const names[] = {
		[CLOCK_START] = "no clone took it in time",  [CLOCK_ASSIGN] = "the assignment was not confirmed in time",
		[CLOCK_HEARTBEAT] = "the attempt is silent", [CLOCK_TIMEOUT] = "the attempt's time is up",
		[CLOCK_DEADLINE] = "the deadline has come",  [CLOCK_BACKOFF] = "the wait is over",
		[CLOCK_LOST] = "the clone is gone",          [CLOCK_PARENT] = "the parent has ended",
		[CLOCK_GRACE] = "the cancel is unconfirmed", [CLOCK_BREAKER] = "the clone gets another chance",
		[CLOCK_DISPATCH] = "work was left over",
	};

	return clock < sizeof(names) / sizeof(names[0]) && names[clock] ? names[clock] : "";
}

static void note_artefact(const struct hash *hash, uint64_t offset, uint64_t total, char *out, size_t bytes)
{
	char digits[65];

	hex_print(hash->bytes, sizeof(hash->bytes), digits);
	if (total)
		snprintf(out, bytes, "%.12s…, from byte %llu of %llu", digits, (unsigned long long)offset,
			 (unsigned long long)total);
	else
		snprintf(out, bytes, "%.12s…, from byte %llu", digits, (unsigned long long)offset);
}

/* Nothing for a ref that is not there. */
static void object_print(const struct bytes *id, char out[41])
{
	hex_print(id->at, id->bytes <= 20 ? id->bytes : 0, out);
}

void record_change(const struct ref_changed *change, char *out, size_t bytes)
{
	char from[41], to[41];

	object_print(&change->from, from);
	object_print(&change->to, to);
	snprintf(out, bytes, "%.*s %.*s: %.12s%s%.12s (version %llu)", (int)change->repository.bytes,
		 change->repository.bytes ? change->repository.at : "", (int)change->ref.bytes,
		 change->ref.bytes ? change->ref.at : "", *from ? from : "made at ", *from ? *to ? " -> " : " deleted" : "", to,
		 (unsigned long long)change->version);
}

static void note_message(const struct message *message, char *out, size_t bytes);

void record_note(const struct trail_entry *entry, const struct message *message, char *out, size_t bytes)
{
	char what[256];
	int used;

	out[0] = 0;
	note_message(message, what, sizeof(what));
	if (!entry->verdict) {
		say_text(out, bytes, &(struct text){what, (uint32_t)strlen(what)});
		return;
	}
	used = snprintf(out, bytes, "refused: %s%s", error_name((int)entry->verdict), *what ? " \xc2\xb7 " : "");
	if (used > 0 && (size_t)used < bytes)
		say_text(out + used, bytes - (size_t)used, &(struct text){what, (uint32_t)strlen(what)});
}

static void note_message(const struct message *message, char *out, size_t bytes)
{
	out[0] = 0;
	switch (message->type) {
	case MESSAGE_HELLO:
		note_hello(&message->hello, out, bytes);
		break;
	case MESSAGE_STATUS_QUERY:
		snprintf(out, bytes, "%s %.*s", subject_name(message->status_query.subject),
			 (int)message->status_query.name.bytes,
			 message->status_query.name.bytes ? message->status_query.name.at : "");
		break;
	case MESSAGE_ARTEFACT_PUT:
		note_artefact(&message->artefact_put.hash, message->artefact_put.offset, message->artefact_put.total_bytes, out,
			      bytes);
		break;
	case MESSAGE_ARTEFACT_GET:
		note_artefact(&message->artefact_get.hash, message->artefact_get.offset, 0, out, bytes);
		break;
	case MESSAGE_BOOT:
		say_text(out, bytes, &message->boot.software);
		break;
	case MESSAGE_TIMER:
		snprintf(out, bytes, "%s", clock_name(message->timer.clock));
		break;
	case MESSAGE_DELIVERED:
		snprintf(out, bytes, "%.*s has %u outcome%s", (int)message->delivered.peer.bytes,
			 message->delivered.peer.bytes ? message->delivered.peer.at : "", message->delivered.outcomes,
			 message->delivered.outcomes == 1 ? "" : "s");
		break;
	case MESSAGE_RESTORED:
		snprintf(out, bytes, "%s: from a backup up to record %llu, by %.*s: %.*s",
			 message->restored.rollback ? "set back" : "restored", (unsigned long long)message->restored.through_seq,
			 (int)message->restored.who.bytes, message->restored.who.bytes ? message->restored.who.at : "",
			 (int)message->restored.reason.bytes, message->restored.reason.bytes ? message->restored.reason.at : "");
		break;
	case MESSAGE_ERASED:
		snprintf(out, bytes, "%s up to record %llu, by %.*s",
			 message->erased.task_number ? "texts of the task" : "texts of ended tasks",
			 (unsigned long long)message->erased.through_seq, (int)message->erased.who.bytes,
			 message->erased.who.bytes ? message->erased.who.at : "");
		break;
	case MESSAGE_TASK_REQUEST:
		say_text(out, bytes, &message->task_request.task_type);
		break;
	case MESSAGE_TASK_ASSIGNMENT:
		snprintf(out, bytes, "attempt %u of %.*s", message->task_assignment.attempt,
			 (int)message->task_assignment.task_type.bytes, message->task_assignment.task_type.at);
		break;
	case MESSAGE_TASK_ACCEPTED:
		snprintf(out, bytes, "%s", message->task_accepted.duplicate ? "was there already" : "");
		break;
	case MESSAGE_TASK_PROGRESS:
		note_progress(&message->task_progress, out, bytes);
		break;
	case MESSAGE_TASK_COMPLETION:
		say_text(out, bytes, &message->task_completion.summary);
		break;
	case MESSAGE_TASK_FAILURE:
		note_failure(&message->task_failure, out, bytes);
		break;
	case MESSAGE_TASK_CANCEL:
		say_text(out, bytes, &message->task_cancel.reason);
		break;
	case MESSAGE_REFUSAL:
		snprintf(out, bytes, "%s", error_name((int)message->refusal.code));
		break;
	case MESSAGE_RECOVERY_ACTION:
		note_action(&message->recovery_action, out, bytes);
		break;
	case MESSAGE_RECOVERY_RESULT:
		snprintf(out, bytes, "%s: %s", verb_name(message->recovery_result.verb),
			 error_name((int)message->recovery_result.code));
		break;
	case MESSAGE_ERROR_ESCALATION:
		note_plea(&message->error_escalation, out, bytes);
		break;
	case MESSAGE_PRESENCE:
		snprintf(out, bytes, "%.*s is %s", (int)message->presence_changed.peer.bytes, message->presence_changed.peer.at,
			 presence_name(message->presence_changed.presence));
		break;
	case MESSAGE_RETRY_SCHEDULED:
		note_retry(&message->retry_scheduled, out, bytes);
		break;
	case MESSAGE_ROUTES_LOADED:
		snprintf(out, bytes, "version %u, by %.*s", message->routes_loaded.version, (int)message->routes_loaded.who.bytes,
			 message->routes_loaded.who.bytes ? message->routes_loaded.who.at : "");
		break;
	case MESSAGE_COUNTED:
		snprintf(out, bytes, "%u × %s%s%.*s%s%s", message->counted.count,
			 message_name((enum message_type)message->counted.counted_type),
			 message->counted.peer.bytes ? " from " : " from unknown keys", (int)message->counted.peer.bytes,
			 message->counted.peer.bytes ? message->counted.peer.at : "", message->counted.code ? ": " : "",
			 message->counted.code ? error_name((int)message->counted.code) : "");
		break;
	case MESSAGE_REF_CHANGED:
		record_change(&message->ref_changed, out, bytes);
		break;
	case MESSAGE_GOODBYE:
		snprintf(out, bytes, "%s", message->goodbye.draining ? "draining" : "leaves");
		break;
	default:
		break;
	}
}

/* ---- the story of a task ---- */

static void copy_text(char *out, size_t capacity, const struct text *text)
{
	say_text(out, capacity, text);
}

static void take_request(struct story *story, const struct trail_entry *entry, const struct message *message)
{
	if (entry->task_number != entry->seq) /* the same request once more */
		return;
	story->id = entry->task_id;
	story->state = STATE_ACCEPTED;
	story->priority = message->task_request.priority;
	story->request_seq = entry->seq;
	story->accepted_ms = entry->wall_ms;
	copy_text(story->task_type, sizeof(story->task_type), &message->task_request.task_type);
	snprintf(story->client, sizeof(story->client), "%s", entry->peer);
}

static void take_end(struct story *story, const struct trail_entry *entry, uint32_t state, uint32_t code)
{
	if (!state_is_end(story->state)) {
		story->ended_ms = entry->wall_ms;
		story->outcome_seq = entry->seq;
	}
	story->state = state;
	story->code = code;
}

static void take_in(struct story *story, const struct trail_entry *entry, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_TASK_REQUEST:
		take_request(story, entry, message);
		break;
	case MESSAGE_TASK_STARTED:
		story->state = STATE_RUNNING;
		break;
	case MESSAGE_TASK_PROGRESS:
		story->permille = message->task_progress.permille;
		break;
	case MESSAGE_TASK_FAILURE:
		story->code = message->task_failure.code;
		break;
	case MESSAGE_TASK_CANCEL:
		if (story->state == STATE_ASSIGNED || story->state == STATE_RUNNING)
			story->state = STATE_CANCELLING;
		break;
	case MESSAGE_ERROR_ESCALATION:
		story->escalated = true;
		if (!state_is_end(story->state))
			story->state = STATE_WAITING;
		break;
	case MESSAGE_RECOVERY_ACTION:
		story->escalated = false;
		if (state_is_end(story->state) && message->recovery_action.verb <= VERB_REPLAY) {
			story->state = STATE_ACCEPTED;
			story->ended_ms = 0;
			story->outcome_seq = 0;
		}
		break;
	default:
		break;
	}
}

static void take_out(struct story *story, const struct trail_entry *entry, const struct message *message)
{
	switch (message->type) {
	case MESSAGE_TASK_ASSIGNMENT:
		story->state = STATE_ASSIGNED;
		story->attempts = message->task_assignment.attempt;
		story->priority = message->task_assignment.priority;
		story->permille = 0;
		snprintf(story->clone, sizeof(story->clone), "%s", entry->peer);
		break;
	case MESSAGE_TASK_COMPLETION:
		take_end(story, entry, STATE_COMPLETED, 0);
		break;
	case MESSAGE_TASK_FAILURE:
		if (state_is_end(message->task_failure.state))
			take_end(story, entry, message->task_failure.state, message->task_failure.code);
		break;
	case MESSAGE_ERROR_ESCALATION:
		story->escalated = true;
		break;
	default:
		break;
	}
}

void story_take(struct story *story, const struct trail_entry *entry, const struct message *message)
{
	if (entry->verdict)
		return;
	if (entry->direction == TRAIL_IN)
		story->masked += message->header.masked;
	if (entry->direction == TRAIL_IN)
		take_in(story, entry, message);
	else if (entry->direction == TRAIL_OUT)
		take_out(story, entry, message);
	else if (message->type == MESSAGE_RETRY_SCHEDULED) {
		story->state = message->retry_scheduled.wait_ms ? STATE_WAITING : STATE_ACCEPTED;
		story->code = message->retry_scheduled.code;
	}
}

struct folding {
	struct story *story;
	struct buffer buffer;
};

static int fold(void *context, const struct trail_entry *entry)
{
	struct folding *folding = context;
	struct message message;
	int rc = record_message(entry, &folding->buffer, &message);

	if (!rc)
		story_take(folding->story, entry, &message);
	return rc;
}

/* The record because of which the text of the request is gone, which need not name this task. */
static int find_erasure(struct trail *trail, struct story *story)
{
	struct trail_entry request = {.seq = story->request_seq, .task_number = story->request_seq, .task_id = story->id};
	bool gone = false;
	int rc = erase_is_gone(trail, story->request_seq, &gone);

	if (!rc && gone)
		rc = erased_find(trail, &request, &story->erased_seq, &story->erased_ms);
	return rc == ERR_NOT_FOUND ? 0 : rc; /* a request without parameters, or damage that `audit verify` tells of */
}

int story_read(struct trail *trail, const struct id *task_id, struct story *out_story)
{
	struct trail_query query = {.task_id = *task_id};
	struct story story = {0};
	struct folding folding = {.story = &story};
	int rc = trail_read(trail, &query, fold, &folding);

	buffer_release(&folding.buffer);
	if (!rc && story.request_seq == 0)
		rc = ERR_NOT_FOUND;
	if (!rc)
		rc = find_erasure(trail, &story);
	if (!rc)
		*out_story = story;
	return rc;
}

json_t *story_json(const struct story *story)
{
	const char *state = state_name(story->state);

	return need(json_pack("{s:o, s:s, s:s, s:o, s:s, s:o, s:i, s:o, s:i, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "task_id",
			      id_json(&story->id), "task_type", story->task_type, "state", state, "priority",
			      story->priority ? json_string(priority_name(story->priority)) : json_null(), "client",
			      story->client, "clone", name_json(story->clone), "attempts", (int)story->attempts, "error",
			      error_json(story->code), "done_permille", (int)story->permille, "escalated", (int)story->escalated,
			      "accepted_at", time_json(story->accepted_ms), "ended_at", time_json(story->ended_ms), "erased_at",
			      time_json(story->erased_ms), "erased_by",
			      story->erased_seq ? json_integer((json_int_t)story->erased_seq) : json_null(), "masked",
			      story->masked ? json_integer(story->masked) : json_null(), "took_ms",
			      story->ended_ms >= story->accepted_ms && story->ended_ms
				      ? json_integer((json_int_t)(story->ended_ms - story->accepted_ms))
				      : json_null()));
}
