/* SPDX-License-Identifier: MIT
 *
 * Each record of a task as a sentence. Records that only hand on what another one said are counted, not told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/sentence.h"
#include "cli/tale.h"
#include "cli/text.h"

/* Ends a sentence: an event of the kind `what`, by `who`. */
void tale_event(struct tale *tale, const struct trail_entry *entry, const char *who, const char *what, struct sentence *sentence)
{
	char at[TIME_TEXT_BYTES];

	time_print_utc(entry->wall_ms, at);
	json_array_append_new(
		tale->events,
		need(json_pack("{s:I, s:s, s:I, s:s, s:s, s:o, s:o}", "seq", (json_int_t)entry->seq, "at", at, "after_ms",
			       entry->wall_ms > tale->first_ms ? (json_int_t)(entry->wall_ms - tale->first_ms) : (json_int_t)0,
			       "who", who, "what", what, "attempt", entry->attempt ? json_integer(entry->attempt) : json_null(),
			       "text", json_stringn_nocheck(sentence->text ? sentence->text : "", sentence->bytes))));
	free(sentence->text);
}

/* ---- attempts ---- */

static json_t *attempt_of(struct tale *tale, uint32_t number)
{
	json_t *attempt;
	size_t i;

	json_array_foreach (tale->attempts, i, attempt) {
		if (json_integer_value(json_object_get(attempt, "attempt")) == number)
			return attempt;
	}
	return NULL;
}

void tale_attempt_note(struct tale *tale, uint32_t number, const char *name, json_t *value)
{
	json_t *attempt = attempt_of(tale, number);

	if (attempt)
		json_object_set_new(attempt, name, value);
	else
		json_decref(value);
}

json_t *tale_at(const struct trail_entry *entry)
{
	char at[TIME_TEXT_BYTES];

	time_print_utc(entry->wall_ms, at);
	return json_string(at);
}

void tale_attempt_end(struct tale *tale, const struct trail_entry *entry, uint32_t number, const char *result, uint32_t code)
{
	json_t *attempt = attempt_of(tale, number);

	if (!attempt || json_is_string(json_object_get(attempt, "ended_at")))
		return;
	json_object_set_new(attempt, "ended_at", tale_at(entry));
	json_object_set_new(
		attempt, "took_ms",
		json_integer((json_int_t)entry->wall_ms - json_integer_value(json_object_get(attempt, "assigned_ms"))));
	json_object_set_new(attempt, "result", json_string(result));
	json_object_set_new(attempt, "error", code ? json_string(error_name((int)code)) : json_null());
}

void tale_tell(struct tale *tale, const struct trail_entry *entry, const struct message *message)
{
	if (!tale->first_ms)
		tale->first_ms = entry->wall_ms;
	tale->last_seq = entry->seq;
	if (entry->direction == TRAIL_IN)
		tale_tell_in(tale, entry, message);
	else if (entry->direction == TRAIL_OUT)
		tale_tell_out(tale, entry, message);
	else
		tale_tell_own(tale, entry, message);
}
