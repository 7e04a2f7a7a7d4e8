/* SPDX-License-Identifier: MIT
 *
 * Telling: progress for people, and the file that the attempts may read. Only what has changed is told.
 */
#include <stdio.h>
#include <string.h>

#include "races/race_inner.h"

void race_progress(struct race *race, const struct race_event *event)
{
	const struct call *call = call_find(race, event->key);

	for (size_t i = 0; call && !call->answer && i < race->attempt_count; i++) {
		struct attempt *attempt = &race->attempt[i];
		char key[RACE_KEY_BYTES];

		snprintf(key, sizeof(key), "try/%s/%u", attempt->entry->label, attempt->tries);
		if (strcmp(key, call->key) == 0)
			said_copy(attempt->line, sizeof(attempt->line), said_text(event->json, "line"));
	}
}

static const char *phase_name(const struct attempt *attempt)
{
	static const char *const names[] = {"waiting", "running", "judged", "ended"};

	return names[attempt->phase];
}

static json_t *attempt_line(const struct attempt *attempt)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:I}", "label", attempt->entry->label, "agent",
			 attempt->entry->agent ? attempt->agent : "candidate", "state", phase_name(attempt), "verdict",
			 attempt->judged ? verdict_word(attempt->verdict) : "", "line",
			 said_cut(attempt->phase == PHASE_DONE ? attempt->why : attempt->line, 200), "tokens",
			 (json_int_t)attempt->tokens, "cost_microusd", (json_int_t)attempt->microusd);
}

static json_t *all_lines(const struct race *race)
{
	json_t *lines = json_array();

	for (size_t i = 0; i < race->attempt_count; i++)
		json_array_append_new(lines, attempt_line(&race->attempt[i]));
	return lines;
}

static void stage_line(const struct race *race, const char **out_stage, char out_line[200], int *out_permille)
{
	size_t count[4] = {0}, points = 0;

	for (size_t i = 0; i < race->attempt_count; i++) {
		count[race->attempt[i].phase]++;
		points += race->attempt[i].phase;
	}
	*out_permille = (int)(race->attempt_count ? points * 900 / (3 * race->attempt_count) : 0);
	out_line[0] = '\0';
	if (race->ordered || race->winner) {
		*out_stage = "merging";
		said_add(out_line, 200, "all are judged; merging");
		*out_permille = 950;
		return;
	}
	*out_stage = count[PHASE_WAITING] + count[PHASE_RUNNING] ? "tries" : "judging";
	said_add(out_line, 200, "%zu wait%s, %zu run%s, %zu %s being judged, %zu %s done", count[PHASE_WAITING],
		 count[PHASE_WAITING] == 1 ? "s" : "", count[PHASE_RUNNING], count[PHASE_RUNNING] == 1 ? "s" : "",
		 count[PHASE_JUDGING], count[PHASE_JUDGING] == 1 ? "is" : "are", count[PHASE_DONE],
		 count[PHASE_DONE] == 1 ? "is" : "are");
}

static void tell(struct race *race, enum race_act_kind kind, json_t **last, json_t *now)
{
	if (!now || (*last && json_equal(*last, now))) {
		race->no_memory = race->no_memory || !now;
		json_decref(now);
		return;
	}
	json_decref(*last);
	*last = now;
	act_add(race, kind, "", json_incref(now));
}

void race_tell(struct race *race)
{
	const char *stage;
	char line[200];
	int permille;
	json_t *lines = all_lines(race);

	stage_line(race, &stage, line, &permille);
	tell(race, RACE_SAY, &race->said,
	     json_pack("{s:s, s:s, s:i, s:O}", "stage", stage, "line", line, "permille", permille, "attempts", lines));
	tell(race, RACE_CONTEXT, &race->context,
	     json_pack("{s:s, s:s, s:s, s:O}", "schema", "bunshin-race-status/1", "race", race->task_id, "base", race->base,
		       "attempts", lines));
	json_decref(lines);
}
