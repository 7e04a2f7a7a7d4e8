/* SPDX-License-Identifier: MIT
 *
 * The result of a race as docs/races.md has it. It is bounded: lists hold their first entries, and counts stand beside them.
 */
#include <stdio.h>
#include <string.h>

#include "races/race_inner.h"

#define CONFLICTS_MAX 100u
#define CLAIM_BYTES   2000u
#define NAMED_MAX     50u

const char *ending_name(enum ending ended)
{
	static const char *const names[] = {"not-started", "handed-in", "nothing", "failed", "cancelled", "budget", "refused"};

	return names[ended];
}

const char *merging_name(enum merging_state state)
{
	static const char *const names[] = {"nothing", "merged", "prepared", "conflicts", "refused"};

	return names[state];
}

static json_t *text_or_null(const char *text)
{
	return text && text[0] ? json_string(text) : json_null();
}

static json_t *id_or_null(const char *text)
{
	return said_is_id(text) ? json_string(text) : json_null();
}

static json_t *number_or_null(int64_t number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static json_t *first_of(const json_t *list, size_t most)
{
	json_t *copy = json_array();

	for (size_t i = 0; i < json_array_size(list) && i < most; i++)
		json_array_append_new(copy, json_deep_copy(json_array_get(list, i)));
	return copy;
}

static json_t *gates_json(const bool wanted[GATE_COUNT], const struct gate gate[GATE_COUNT])
{
	json_t *all = json_array();

	for (size_t g = 0; g < GATE_COUNT; g++) {
		if (!wanted[g])
			continue;
		json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:o, s:o}", "gate", race_gate_name((enum race_gate)g),
						     "state", gate_state_name(gate[g].state), "sentence", gate[g].sentence,
						     "task", text_or_null(gate[g].task), "details",
						     gate[g].details ? json_deep_copy(gate[g].details) : json_object()));
	}
	return all;
}

/* ---- an attempt ---- */

static json_t *change_json(const struct attempt *attempt)
{
	const json_t *measured = json_object_get(attempt->measure, "result");
	const json_t *protected = json_object_get(attempt->gate[GATE_PROTECTED].details, "paths");
	const char *ref = attempt->entry->ref ? attempt->entry->ref : said_text(attempt->change, "ref");
	const char *tree = said_text(measured, "tree")[0] ? said_text(measured, "tree") : said_text(attempt->change, "tree");

	if (attempt->ended != ENDED_HANDED_IN)
		return json_null();
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "ref", ref[0] ? said_cut(ref, 300) : json_null(),
			 "commit", attempt->commit, "tree", said_is_id(tree) ? json_string(tree) : json_null(), "files",
			 measured ? json_integer((json_int_t)json_array_size(json_object_get(measured, "paths"))) : json_null(),
			 "additions", measured ? json_integer((json_int_t)said_number(measured, "additions")) : json_null(),
			 "deletions", measured ? json_integer((json_int_t)said_number(measured, "deletions")) : json_null(),
			 "protected", first_of(protected, NAMED_MAX), "hidden",
			 first_of(said_list(measured, "hidden"), NAMED_MAX), "paths",
			 first_of(json_object_get(attempt->gate[GATE_CHANGE].details, "paths"), NAMED_MAX));
}

static json_t *claim_json(const struct attempt *attempt)
{
	if (!attempt->claim)
		return json_null();
	return json_pack("{s:b, s:o}", "ok", said_true(attempt->claim, "ok"), "text",
			 said_cut(said_text(attempt->claim, "text"), CLAIM_BYTES));
}

static json_t *kept_json(const struct attempt *attempt)
{
	if (!attempt->kept)
		return json_null();
	return json_pack("{s:o, s:o, s:o, s:I}", "ref", said_cut(said_text(attempt->kept, "ref"), 300), "commit",
			 id_or_null(said_text(attempt->kept, "commit")), "tree", id_or_null(said_text(attempt->kept, "tree")),
			 "files", (json_int_t)said_number(attempt->kept, "files"));
}

static int64_t findings_of(const struct attempt *attempt)
{
	if (attempt->new_findings < 0 && attempt->new_rules < 0)
		return -1;
	return (attempt->new_findings > 0 ? attempt->new_findings : 0) + (attempt->new_rules > 0 ? attempt->new_rules : 0);
}

static const char *state_of(const struct attempt *attempt)
{
	if (attempt->phase == PHASE_WAITING)
		return "waiting";
	if (attempt->phase == PHASE_RUNNING)
		return "running";
	return attempt->phase == PHASE_JUDGING || attempt->ended == ENDED_HANDED_IN ? "judged" : "ended";
}

/* What was set aside for all of its tries, and what was thought that they would take. */
static json_t *set_aside_json(const struct race *race, const struct attempt *attempt)
{
	const json_t *facts =
		attempt->entry->agent ? json_object_get(json_object_get(race->begun, "agents"), attempt->entry->agent) : NULL;

	if (!attempt->entry->agent)
		return json_null();
	return json_pack("{s:I, s:I, s:O?, s:O?, s:O?}", "tokens", (json_int_t)attempt->reserved_tokens, "microusd",
			 (json_int_t)attempt->reserved_microusd, "likely_tokens", json_object_get(facts, "least_tokens"),
			 "likely_microusd", json_object_get(facts, "least_microusd"), "basis",
			 json_object_get(facts, "estimate"));
}

static json_t *attempt_json(const struct race *race, const struct attempt *attempt)
{
	json_t *json = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:s, s:b, s:s}", "label",
				 attempt->entry->label, "agent", text_or_null(attempt->agent), "adapter",
				 text_or_null(attempt->adapter), "model", text_or_null(attempt->model), "level",
				 attempt->entry->level ? json_deep_copy(attempt->entry->level) : json_null(), "task",
				 text_or_null(attempt->task), "state", state_of(attempt), "ended", ending_name(attempt->ended),
				 "why", attempt->why, "claim", claim_json(attempt), "verdict", verdict_word(attempt->verdict),
				 "lied", attempt->lied, "lie", attempt->lie);
	bool handed_in = attempt->ended == ENDED_HANDED_IN;
	static const struct gate none[GATE_COUNT];

	json_object_set_new(json, "gates",
			    handed_in ? gates_json(race->spec.gate, attempt->gate)
				      : gates_json((const bool[GATE_COUNT]){0}, none));
	json_object_set_new(json, "change", change_json(attempt));
	json_object_set_new(json, "kept", kept_json(attempt));
	json_object_set_new(json, "new_findings", number_or_null(findings_of(attempt)));
	json_object_set_new(json, "fixed_findings", number_or_null(attempt->fixed_findings));
	json_object_set_new(json, "diff_coverage_permille", number_or_null(attempt->coverage));
	json_object_set_new(json, "size", number_or_null(attempt->size));
	json_object_set_new(json, "tokens", json_integer((json_int_t)attempt->tokens));
	json_object_set_new(json, "cost_microusd", json_integer((json_int_t)attempt->microusd));
	json_object_set_new(json, "wall_ms", json_integer((json_int_t)attempt->wall_ms));
	json_object_set_new(json, "tries", json_deep_copy(attempt->told));
	json_object_set_new(json, "rank", attempt->rank ? json_integer(attempt->rank) : json_null());
	json_object_set_new(json, "chosen", attempt->entry->chosen ? said_cut(attempt->entry->chosen, 500) : json_null());
	json_object_set_new(json, "set_aside", set_aside_json(race, attempt));
	if (attempt->entry->provenance)
		json_object_set_new(json, "provenance", first_of(attempt->entry->provenance, 200));
	return json;
}

/* ---- the choice ---- */

static void say_choice(const struct race *race, const struct attempt *best, char out[WHY_BYTES])
{
	const struct order *order = &race->order;

	out[0] = '\0';
	if (race->stopped)
		said_add(out, WHY_BYTES, "Nothing was chosen: %s.", race->stop_reason);
	else if (order->count == 0)
		said_add(out, WHY_BYTES, "Nothing was chosen, since nobody handed anything in.");
	else if (!best)
		said_add(out, WHY_BYTES, "Nothing was chosen: none of the %zu that %s handed in passes. The closest is %s. %s",
			 order->count, order->count == 1 ? "was" : "were", order->at[0].label,
			 race->attempt[order->at[0].index].why);
	else if (order->count == 1)
		said_add(out, WHY_BYTES, "%s is the only one that handed something in, and %s.", order->at[0].label,
			 verdict_phrase(best->verdict));
	else
		said_add(out, WHY_BYTES, "%s %s, and is the best of %zu. %s", order->at[0].label, verdict_phrase(best->verdict),
			 order->count, order->step[0].sentence);
}

static json_t *steps_json(const struct order *order)
{
	json_t *steps = json_array();

	for (size_t i = 0; i < order->step_count; i++)
		json_array_append_new(steps, json_pack("{s:s, s:s, s:s, s:s}", "better", order->at[order->step[i].better].label,
						       "worse", order->at[order->step[i].worse].label, "by",
						       order_by_name(order->step[i].by), "sentence", order->step[i].sentence));
	return steps;
}

static json_t *choice_json(const struct race *race, const struct attempt *best, const char *sentence)
{
	json_t *labels = json_array();

	for (size_t i = 0; i < race->order.count; i++)
		json_array_append_new(labels, json_string(race->order.at[i].label));
	return json_pack("{s:s?, s:s, s:o, s:o, s:o}", "label", best ? best->entry->label : NULL, "sentence", sentence, "order",
			 labels, "steps", steps_json(&race->order), "tie_break",
			 race->tie_break ? json_deep_copy(race->tie_break) : json_null());
}

static json_t *merging_json(const struct race *race)
{
	const struct merging *merging = &race->merging;
	bool wanted[GATE_COUNT];

	for (size_t g = 0; g < GATE_COUNT; g++)
		wanted[g] = merging->gate[g].state != GATE_PENDING;
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "strategy", race_merge_name(race->spec.merge),
			 "state", merging_name(merging->state), "branch", text_or_null(race->spec.branch), "before",
			 text_or_null(merging->before), "commit", text_or_null(merging->commit), "tree",
			 text_or_null(merging->tree), "ref", text_or_null(merging->ref), "gates",
			 gates_json(wanted, merging->gate), "conflicts", first_of(merging->conflicts, CONFLICTS_MAX), "favoured",
			 first_of(merging->favoured, CONFLICTS_MAX), "sentence", merging->sentence);
}

static json_t *budget_json(const struct race *race)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "tokens", (json_int_t)race->tokens.budget, "microusd",
			 (json_int_t)race->microusd.budget, "time_ms", (json_int_t)race->spec.budget.time_ms, "reserved_tokens",
			 (json_int_t)race->tokens.reserved, "reserved_microusd", (json_int_t)race->microusd.reserved,
			 "spent_tokens", (json_int_t)race->tokens.spent, "spent_microusd", (json_int_t)race->microusd.spent,
			 "refunded_tokens", (json_int_t)race->tokens.refunded, "refunded_microusd",
			 (json_int_t)race->microusd.refunded);
}

/* By the agent that an attempt ended with. */
static json_t *by_agent_json(const struct race *race)
{
	json_t *all = json_array();

	for (size_t i = 0; i < race->attempt_count; i++) {
		const struct attempt *one = &race->attempt[i];
		json_int_t attempts = 0, verified = 0;
		uint64_t tokens = 0, microusd = 0;
		bool told = !one->agent[0];

		for (size_t j = 0; j < race->attempt_count; j++) {
			const struct attempt *other = &race->attempt[j];

			if (strcmp(one->agent, other->agent) != 0 || strcmp(one->model, other->model) != 0)
				continue;
			told = told || j < i;
			attempts++;
			verified += other->verdict == VERIFIED;
			tokens = said_sum(tokens, other->tokens);
			microusd = said_sum(microusd, other->microusd);
		}
		if (!told)
			json_array_append_new(all,
					      json_pack("{s:s, s:o, s:I, s:I, s:I, s:I}", "agent", one->agent, "model",
							text_or_null(one->model), "attempts", attempts, "verified", verified,
							"tokens", (json_int_t)tokens, "cost_microusd", (json_int_t)microusd));
	}
	return all;
}

static json_t *text_json_of(const struct race *race, const char *choice)
{
	char text[2000] = "";
	size_t handed_in = 0, verified = 0;

	for (size_t i = 0; i < race->attempt_count; i++) {
		handed_in += race->attempt[i].ended == ENDED_HANDED_IN;
		verified += race->attempt[i].verdict == VERIFIED;
	}
	said_add(text, sizeof(text), "%zu attempt%s, %zu handed something in, %zu %s verified. %s %s", race->attempt_count,
		 race->attempt_count == 1 ? "" : "s", handed_in, verified, verified == 1 ? "is" : "are", choice,
		 race->merging.sentence);
	for (size_t i = 0; i < race->attempt_count; i++)
		if (race->attempt[i].lied)
			said_add(text, sizeof(text), " %s does not tell the truth. %s", race->attempt[i].entry->label,
				 race->attempt[i].lie);
	return json_string(text);
}

json_t *race_result(const struct race *race)
{
	const struct attempt *best = race->stopped  ? NULL
				     : race->winner ? race->winner
						    : race_best((struct race *)(uintptr_t)race);
	json_t *attempts = json_array();
	char sentence[WHY_BYTES];

	for (size_t i = 0; i < race->attempt_count; i++)
		json_array_append_new(attempts, attempt_json(race, &race->attempt[i]));
	say_choice(race, best, sentence);
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:s?, s:o, s:s, s:O?, s:n, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", "bunshin-race/1",
		"race", race->task_id, "repo", race->spec.repo, "base", text_or_null(race->base), "branch", race->spec.branch,
		"prompt", said_cut(race->spec.prompt, 4000), "merge", race_merge_name(race->spec.merge), "started",
		json_is_string(json_object_get(race->begun, "started")) ? json_object_get(race->begun, "started") : NULL, "ended",
		"attempts", attempts, "choice", choice_json(race, best, sentence), "merging", merging_json(race), "budget",
		budget_json(race), "by_agent", by_agent_json(race), "text", text_json_of(race, sentence));
}
