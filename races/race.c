/* SPDX-License-Identifier: MIT
 *
 * The machine: takes events, goes over everything again, and says what is to be done.
 */
#include "races/race.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "races/race_inner.h"

#define PASSES_MAX 256u /* each of them takes something further; no race needs as many */

/* ---- making ---- */

static int begin_attempt(struct race *race, const struct race_entry *entry)
{
	struct attempt *attempt = &race->attempt[race->attempt_count++];

	*attempt = (struct attempt){
		.entry = entry, .new_findings = -1, .fixed_findings = -1, .new_rules = -1, .coverage = -1, .size = -1};
	attempt->lanes = json_object();
	attempt->told = json_array();
	if (entry->agent)
		said_copy(attempt->agent, sizeof(attempt->agent), entry->agent);
	else
		said_copy(attempt->commit, sizeof(attempt->commit), entry->commit);
	if (entry->model)
		said_copy(attempt->model, sizeof(attempt->model), entry->model);
	return attempt->lanes && attempt->told ? 0 : ERR_MEMORY;
}

int race_new(const json_t *parameters, const char *task_id, struct race **out_race, char out_why[256])
{
	struct race *race = calloc(1, sizeof(*race));
	int rc = race ? spec_read(parameters, &race->spec, out_why) : ERR_MEMORY;

	if (rc) {
		free(race);
		return rc;
	}
	said_copy(race->task_id, sizeof(race->task_id), task_id);
	race->told_wait_ms = UINT64_MAX;
	for (size_t i = 0; i < race->spec.entry_count && !rc; i++)
		rc = begin_attempt(race, &race->spec.entry[i]);
	if (rc)
		race_free(race);
	else
		*out_race = race;
	return rc;
}

static void attempt_release(struct attempt *attempt)
{
	json_decref(attempt->lanes);
	json_decref(attempt->told);
	json_decref(attempt->claim);
	json_decref(attempt->change);
	json_decref(attempt->kept);
	for (size_t g = 0; g < GATE_COUNT; g++)
		gate_release(&attempt->gate[g]);
}

void race_free(struct race *race)
{
	if (!race)
		return;
	for (size_t i = 0; i < race->attempt_count; i++)
		attempt_release(&race->attempt[i]);
	for (size_t g = 0; g < GATE_COUNT; g++)
		gate_release(&race->merging.gate[g]);
	calls_free(race);
	json_decref(race->begun);
	json_decref(race->tie_break);
	json_decref(race->said);
	json_decref(race->context);
	spec_release(&race->spec);
	free(race);
}

/* ---- beginning ---- */

static uint64_t least(uint64_t a, uint64_t b) /* of bounds, where 0 is none */
{
	return !a || (b && b < a) ? b : a;
}

/* Judging needs time too, so the tries end before the race does. */
static void set_times(struct race *race)
{
	uint64_t elapsed = said_number(race->begun, "elapsed_ms"), own = race->spec.budget.time_ms;
	uint64_t own_left = !own ? 0 : own > elapsed ? own - elapsed : 1;
	uint64_t left = least(own_left, said_number(race->begun, "remaining_ms"));
	uint64_t judging = left / 4 < JUDGING_MS_MAX ? left / 4 : JUDGING_MS_MAX;

	race->start_ms = race->now_ms;
	race->tries_end_ms = race->end_ms = UINT64_MAX;
	if (!left)
		return;
	race->tries_end_ms = said_sum(race->now_ms, left - judging);
	race->end_ms = said_sum(race->now_ms, left - (left / 10 < END_MARGIN_MS ? left / 10 : END_MARGIN_MS));
}

static void begin(struct race *race, const json_t *json)
{
	race->begun = json ? json_deep_copy(json) : json_object();
	if (!race->begun) {
		race->no_memory = true;
		return;
	}
	race->tokens.budget = least(race->spec.budget.tokens, said_number(race->begun, "budget_tokens"));
	race->microusd.budget = race->spec.budget.microusd;
	set_times(race);
	for (size_t i = 0; i < race->attempt_count; i++) {
		struct attempt *attempt = &race->attempt[i];
		const json_t *facts = json_object_get(json_object_get(race->begun, "agents"), attempt->agent);

		said_copy(attempt->adapter, sizeof(attempt->adapter), said_text(facts, "adapter"));
		if (!attempt->model[0])
			said_copy(attempt->model, sizeof(attempt->model), said_text(facts, "model"));
		if (!attempt->entry->agent)
			attempt_end(race, attempt, ENDED_HANDED_IN, "It exists already.");
	}
}

/* ---- ending ---- */

/* What is still under way has no say any more. */
static void cancel_all(struct race *race, const char *reason)
{
	for (size_t i = 0; i < race->call_count; i++)
		if (race->call[i].sent && !race->call[i].answer && !race->call[i].cancelled && race->call[i].kind == CALL_TASK)
			act_add(race, RACE_CANCEL, race->call[i].key, json_pack("{s:s}", "reason", reason));
}

static int completeness_of(const struct race *race)
{
	if (!race->order.count || !race_best((struct race *)(uintptr_t)race))
		return 2;
	return race->merging.state == MERGING_MERGED || race->merging.state == MERGING_PREPARED ? 0 : 1;
}

static void finish(struct race *race)
{
	json_t *result;

	cancel_all(race, "the race is over");
	if (!race->ordered) {
		race->ordered = true;
		race->order.count = 0;
	}
	result = race_result(race);
	act_add(race, RACE_END, "",
		json_pack("{s:i, s:O?, s:o}", "completeness", completeness_of(race), "summary", json_object_get(result, "text"),
			  "result", result));
	race->ended = true;
}

static void stop(struct race *race, const char *reason)
{
	race->stopped = true;
	said_copy(race->stop_reason, sizeof(race->stop_reason), reason);
	for (size_t i = 0; i < race->attempt_count; i++) {
		struct attempt *attempt = &race->attempt[i];

		if (attempt->phase == PHASE_DONE)
			continue;
		if (attempt->phase == PHASE_JUDGING) { /* what was handed in stays, unjudged */
			attempt->phase = PHASE_DONE;
			for (size_t g = 0; g < GATE_COUNT; g++)
				if (race->spec.gate[g] && attempt->gate[g].state == GATE_PENDING)
					gate_say(&attempt->gate[g], GATE_UNKNOWN, "The race was ended before: %.300s.", reason);
			attempt_conclude(race, attempt);
			continue;
		}
		/* What it has spent so far nobody knows, so what was set aside stays set aside. */
		attempt->settled = attempt->settled || attempt->phase == PHASE_RUNNING;
		attempt_end(race, attempt, attempt->tries ? ENDED_CANCELLED : ENDED_NOT_STARTED, "The race was ended: %s.",
			    reason);
		attempt_conclude(race, attempt);
	}
	if (!race->merging.done)
		said_add(race->merging.sentence, sizeof(race->merging.sentence), "Nothing was merged: the race was ended (%s).",
			 reason);
}

/* ---- one pass ---- */

/* The commit that everybody begins with. */
static bool resolve_base(struct race *race)
{
	const json_t *answer, *commit;
	const char *sentence;

	if (race->base[0])
		return true;
	if (call_find(race, "base/commit"))
		answer = call_find(race, "base/commit")->answer;
	else
		answer = call_workspace(race, "base/commit",
					json_pack("{s:s, s:s, s:s, s:i}", "verb", "log", "repository", race->spec.repo,
						  "revision", race->spec.commit, "count", 1));
	if (!answer)
		return false;
	commit = json_array_get(json_object_get(json_object_get(answer, "result"), "commits"), 0);
	if (said_is_id(said_text(commit, "id"))) {
		said_copy(race->base, sizeof(race->base), said_text(commit, "id"));
		return true;
	}
	sentence = said_text(json_object_get(answer, "error"), "sentence");
	said_add(race->stop_reason, sizeof(race->stop_reason), "the commit %.100s was not found: %.200s", race->spec.commit,
		 sentence[0] ? sentence : "the workspace gave no answer that can be read");
	stop(race, race->stop_reason);
	finish(race);
	return false;
}

static void check_time(struct race *race)
{
	if (race->now_ms >= race->tries_end_ms)
		tries_cancel(race, NULL, "the time of the race is over");
	race->out_of_time = race->out_of_time || race->now_ms >= race->end_ms;
}

/* At the very end nobody is waited for. The workspace is: it is quick, and what it was asked to do may be done. */
static void give_up_calls(struct race *race)
{
	for (size_t i = 0; race->out_of_time && i < race->call_count; i++) {
		struct call *one = &race->call[i];

		if (one->answer || one->kind == CALL_WORKSPACE)
			continue;
		call_cancel(race, one, "the time of the race is over");
		if (!one->answer)
			one->answer = json_pack("{s:s, s:s, s:s}", "state", "cancelled", "code", "cancelled", "sentence",
						"the time of the race was over");
	}
}

/* The first that is verified ends the race, if that is wanted. */
static void look_for_winner(struct race *race)
{
	for (size_t i = 0; race->spec.first && !race->winner && i < race->attempt_count; i++)
		if (race->attempt[i].judged && race->attempt[i].verdict == VERIFIED)
			race->winner = &race->attempt[i];
	if (!race->winner)
		return;
	tries_cancel(race, race->winner, "another attempt was verified first");
	for (size_t i = 0; i < race->call_count; i++)
		if (strncmp(race->call[i].key, "gate/", 5) == 0)
			call_cancel(race, &race->call[i], "another attempt was verified first");
}

static uint64_t progress(const struct race *race)
{
	uint64_t sum = race->acts->count + 1000u * race->call_count + race->merging.done + race->merging.round + race->ordered +
		       race->out_of_time;

	for (size_t i = 0; i < race->call_count; i++)
		sum += 7u * (race->call[i].answer != NULL);

	for (size_t i = 0; i < race->attempt_count; i++)
		sum = sum * 31 + race->attempt[i].phase * 64 + race->attempt[i].tries * 4 + race->attempt[i].judged * 2 +
		      race->attempt[i].reserved;
	return sum;
}

static bool all_done(const struct race *race)
{
	for (size_t i = 0; i < race->attempt_count; i++)
		if (!race->attempt[i].judged)
			return false;
	return true;
}

static void pass(struct race *race)
{
	if (!race->reference.ready)
		judge_reference(race, "base", race->base, &race->reference);
	check_time(race);
	tries_reserve(race);
	tries_start(race);
	for (size_t i = 0; i < race->attempt_count; i++) {
		try_advance(race, &race->attempt[i]);
		attempt_judge(race, &race->attempt[i]);
	}
	look_for_winner(race);
	if (race->winner)
		merging_advance(race, race->winner);
	if (!all_done(race) || !race_choose(race))
		return;
	merging_advance(race, race->winner ? race->winner : race_best(race));
	if (race->merging.done)
		finish(race);
}

static void advance(struct race *race)
{
	uint64_t before;

	for (size_t i = 0; i < PASSES_MAX && !race->ended && !race->no_memory; i++) {
		before = progress(race);
		give_up_calls(race);
		calls_pump(race);
		if (resolve_base(race))
			pass(race);
		if (!race->ended)
			calls_pump(race);
		if (progress(race) == before)
			break;
	}
}

/* ---- waiting ---- */

static uint64_t due(const struct race *race)
{
	uint64_t at = calls_due(race);

	for (size_t i = 0; i < race->attempt_count; i++) {
		const struct attempt *attempt = &race->attempt[i];

		if (attempt->phase == PHASE_WAITING && attempt->not_before_ms > race->now_ms && attempt->not_before_ms < at)
			at = attempt->not_before_ms;
	}
	if (race->tries_end_ms > race->now_ms && race->tries_end_ms < at)
		at = race->tries_end_ms;
	if (race->end_ms > race->now_ms && race->end_ms < at)
		at = race->end_ms;
	return at;
}

static void ask_for_time(struct race *race, bool was_time)
{
	uint64_t at = due(race);

	if (at == UINT64_MAX || (at == race->told_wait_ms && !was_time))
		return;
	race->told_wait_ms = at;
	act_add(race, RACE_WAIT, "", json_pack("{s:I}", "ms", (json_int_t)(at - race->now_ms)));
}

int race_step(struct race *race, uint64_t now_ms, const struct race_event *event, struct race_acts *out_acts)
{
	size_t before = out_acts->count;

	if (race->ended)
		return 0;
	race->acts = out_acts;
	race->now_ms = now_ms > race->now_ms ? now_ms : race->now_ms;
	if (event->kind == RACE_BEGUN && !race->begun)
		begin(race, event->json);
	else if (race->begun && event->kind == RACE_PROGRESS)
		race_progress(race, event);
	else if (race->begun && event->kind != RACE_STOP)
		call_event(race, event);
	if (race->begun && event->kind == RACE_STOP) {
		stop(race, said_text(event->json, "reason")[0] ? said_text(event->json, "reason") : "somebody wanted that");
		finish(race);
	}
	if (race->begun)
		advance(race);
	if (race->begun && !race->ended) {
		race_tell(race);
		ask_for_time(race, event->kind == RACE_TIME);
	}
	race->acts = NULL;
	if (!race->no_memory)
		return 0;
	while (out_acts->count > before)
		json_decref(out_acts->act[--out_acts->count].json);
	return ERR_MEMORY;
}
