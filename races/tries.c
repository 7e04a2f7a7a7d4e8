/* SPDX-License-Identifier: MIT
 *
 * Tries: each attempt asks its agent, and what came of it decides whether it is asked again, somebody else is, or nobody.
 *
 * What an attempt may spend is set aside for all of its tries together, strictly in the order of the race: who comes later waits until those before have what they need,
 * or have given back what they did not. So who gets a share does not depend on who was quick.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "races/race_inner.h"
#include "races/retry.h"
#include "races/told.h"

static const json_t *facts_of(const struct race *race, const char *agent)
{
	return json_object_get(json_object_get(race->begun, "agents"), agent);
}

static void settle(struct race *race, struct attempt *attempt)
{
	if (attempt->reserved && !attempt->settled) {
		ledger_settle(&race->tokens, attempt->reserved_tokens, attempt->tokens);
		ledger_settle(&race->microusd, attempt->reserved_microusd, attempt->microusd);
		attempt->settled = true;
	}
}

void attempt_end(struct race *race, struct attempt *attempt, enum ending ended, const char *format, ...)
{
	char text[2 * WHY_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	attempt->why[0] = '\0';
	said_add(attempt->why, sizeof(attempt->why), "%s", text);
	attempt->ended = ended;
	attempt->phase = ended == ENDED_HANDED_IN ? PHASE_JUDGING : PHASE_DONE;
	settle(race, attempt);
}

/* ---- what is set aside ---- */

/* Names in the facts about an agent, of one kind of budget. */
struct kind {
	const char *reserve, *least;
};
static const struct kind tokens_kind = {"reserve_tokens", "least_tokens"}, money_kind = {"reserve_microusd", "least_microusd"};

static const json_t *reserve_of(const struct race *race, const struct attempt *attempt, const struct kind *kind)
{
	return attempt->entry->agent ? json_object_get(facts_of(race, attempt->entry->agent), kind->reserve) : NULL;
}

/* The part of the budget that goes by what is known of agents, in proportion to what each may take; the others have equal parts. */
static uint64_t part(const struct race *race, uint64_t wanted, uint64_t budget, size_t agents, const struct kind *kind)
{
	size_t known = 0;
	double sum = 0;

	for (size_t i = 0; i < race->attempt_count; i++) {
		const json_t *reserve = reserve_of(race, &race->attempt[i], kind);

		known += reserve != NULL;
		sum += reserve ? (double)json_integer_value(reserve) : 0;
	}
	return sum > 0 ? (uint64_t)((double)(budget - budget / agents * (agents - known)) * ((double)wanted / sum)) : 0;
}

/* Its own bound; else its part of the budget, and at least what it will likely take, for with less it had better not begin: but if that is more than there ever was,
 * all there is. */
static uint64_t share(const struct race *race, const struct attempt *attempt, uint64_t own, uint64_t budget, size_t agents,
		      const struct kind *kind)
{
	const json_t *facts = facts_of(race, attempt->agent), *reserve = json_object_get(facts, kind->reserve);
	uint64_t wanted = said_number(facts, kind->reserve), least = wanted, mine;

	if (own)
		return own;
	if (!budget)
		return 0;
	if (!json_is_integer(reserve))
		return budget / agents ? budget / agents : 1;
	if (json_object_get(facts, kind->least))
		least = said_number(facts, kind->least);
	mine = part(race, wanted, budget, agents, kind);
	mine = mine > least ? mine : least;
	return mine < budget ? mine : budget;
}

static bool somebody_may_give_back(const struct race *race)
{
	for (size_t i = 0; i < race->attempt_count; i++)
		if (race->attempt[i].reserved && !race->attempt[i].settled)
			return true;
	return false;
}

static size_t agents_of(const struct race *race)
{
	size_t agents = 0;

	for (size_t i = 0; i < race->attempt_count; i++)
		agents += race->attempt[i].entry->agent != NULL;
	return agents ? agents : 1;
}

static bool reserve(struct race *race, struct attempt *attempt)
{
	const struct race_budget *budget = &race->spec.budget;
	size_t agents = agents_of(race);
	uint64_t tokens = share(race, attempt, budget->attempt_tokens, race->tokens.budget, agents, &tokens_kind);
	uint64_t microusd = share(race, attempt, budget->attempt_microusd, race->microusd.budget, agents, &money_kind);

	attempt->reserved_tokens = tokens;
	attempt->reserved_microusd = microusd;
	if (!ledger_reserve(&race->tokens, tokens))
		return false;
	if (!ledger_reserve(&race->microusd, microusd)) {
		race->tokens.reserved -= tokens;
		return false;
	}
	attempt->reserved = true;
	return true;
}

void tries_reserve(struct race *race)
{
	for (size_t i = 0; i < race->attempt_count; i++) {
		struct attempt *attempt = &race->attempt[i];

		if (attempt->phase != PHASE_WAITING || attempt->reserved || reserve(race, attempt))
			continue;
		if (somebody_may_give_back(race))
			return;
		attempt_end(race, attempt, ENDED_BUDGET,
			    "It was not started: %llu tokens and $%.4f would have to be set aside for it, and the budget has "
			    "%llu and $%.4f left.",
			    (unsigned long long)attempt->reserved_tokens, (double)attempt->reserved_microusd / 1e6,
			    (unsigned long long)(race->tokens.budget ? ledger_left(&race->tokens) : 0),
			    race->microusd.budget ? (double)ledger_left(&race->microusd) / 1e6 : 0.0);
		attempt->reserved_tokens = attempt->reserved_microusd = 0;
	}
}

/* ---- starting ---- */

static const char *prompt_of(const struct race *race, const struct attempt *attempt)
{
	return attempt->entry->prompt ? attempt->entry->prompt : race->spec.prompt;
}

static json_t *message_of(const struct race *race, const struct attempt *attempt)
{
	const char *prompt = prompt_of(race, attempt);
	char title[80] = "", text[400] = "";

	while (*prompt == '\n' || *prompt == ' ')
		prompt++;
	said_copy(title, sizeof(title), prompt);
	title[strcspn(title, "\n\r")] = '\0';
	said_add(text, sizeof(text), "%s\n\nBy %s, attempt %s of race %s.\n", title[0] ? title : "A change", attempt->agent,
		 attempt->entry->label, race->task_id);
	return json_string(text);
}

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text)
		json_object_set_new(object, name, json_string(text));
}

static json_t *parameters_of(const struct race *race, const struct attempt *attempt)
{
	const struct race_entry *entry = attempt->entry;
	/* A model belongs to the agent it was named for, and not to the one that stands in. */
	bool own_lane = strcmp(attempt->agent, entry->agent) == 0;
	json_t *parameters = json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:i, s:b, s:o}", "repo", race->spec.repo, "commit",
				       race->base, "workspace", 1, "agent", attempt->agent, "prompt", prompt_of(race, attempt),
				       "race", race->task_id, "label", entry->label, "try", (int)attempt->tries + 1, "notes",
				       (int)race->spec.notes, "message", message_of(race, attempt));

	if (own_lane)
		set_text(parameters, "model", entry->model);
	if (entry->temperature)
		json_object_set_new(parameters, "temperature", json_deep_copy(entry->temperature));
	if (race->spec.setup)
		json_object_set_new(parameters, "setup", json_deep_copy(race->spec.setup));
	if (attempt->reserved_microusd > attempt->microusd)
		json_object_set_new(parameters, "budget_microusd",
				    json_integer((json_int_t)(attempt->reserved_microusd - attempt->microusd)));
	return parameters;
}

/* Nothing in it may depend on the clock: a judge that was started anew asks with the same words, and is told of the same child. */
static json_t *request_of(const struct race *race, const struct attempt *attempt)
{
	json_t *request = json_pack("{s:s, s:o}", "task_type", "code-change", "parameters", parameters_of(race, attempt));

	if (attempt->reserved_tokens > attempt->tokens)
		json_object_set_new(request, "budget_tokens",
				    json_integer((json_int_t)(attempt->reserved_tokens - attempt->tokens)));
	if (race->spec.budget.attempt_ms)
		json_object_set_new(request, "timeout_ms", json_integer((json_int_t)race->spec.budget.attempt_ms));
	return request;
}

static void try_key(const struct attempt *attempt, unsigned number, char key[RACE_KEY_BYTES])
{
	snprintf(key, RACE_KEY_BYTES, "try/%s/%u", attempt->entry->label, number);
}

static size_t running(const struct race *race, const char *agent)
{
	size_t count = 0;

	for (size_t i = 0; i < race->attempt_count; i++)
		count += race->attempt[i].phase == PHASE_RUNNING && (!agent || strcmp(race->attempt[i].agent, agent) == 0);
	return count;
}

static bool may_start(const struct race *race, const struct attempt *attempt)
{
	uint64_t slots = said_number(facts_of(race, attempt->agent), "slots");

	if (attempt->phase != PHASE_WAITING || !attempt->reserved || attempt->not_before_ms > race->now_ms)
		return false;
	if (race->spec.parallel && running(race, NULL) >= race->spec.parallel)
		return false;
	return !slots || running(race, attempt->agent) < slots;
}

void tries_start(struct race *race)
{
	for (size_t i = 0; i < race->attempt_count; i++) {
		struct attempt *attempt = &race->attempt[i];
		char key[RACE_KEY_BYTES];

		if (!may_start(race, attempt))
			continue;
		try_key(attempt, attempt->tries + 1, key);
		call_task(race, key, request_of(race, attempt));
		attempt->tries++;
		attempt->phase = PHASE_RUNNING;
		json_object_set_new(attempt->lanes, attempt->agent, json_true());
	}
}

void tries_cancel(struct race *race, const struct attempt *but, const char *reason)
{
	for (size_t i = 0; i < race->attempt_count; i++) {
		struct attempt *attempt = &race->attempt[i];
		char key[RACE_KEY_BYTES];

		if (attempt == but || attempt->phase > PHASE_RUNNING)
			continue;
		try_key(attempt, attempt->tries, key);
		if (attempt->phase == PHASE_RUNNING && call_find(race, key))
			call_cancel(race, call_find(race, key), reason);
		else
			attempt_end(race, attempt, attempt->tries ? ENDED_CANCELLED : ENDED_NOT_STARTED, "%s: %s.",
				    attempt->tries ? "It was not tried again" : "It was not started", reason);
	}
}

/* ---- what came of a try ---- */

static void keep(json_t **slot, const json_t *value)
{
	if (!json_is_object(value))
		return;
	json_decref(*slot);
	*slot = json_deep_copy(value);
}

static void book(struct attempt *attempt, const json_t *outcome, const struct told *told)
{
	const json_t *usage = json_object_get(told->agent, "usage");
	uint64_t tokens = said_number(outcome, "tokens"), microusd = said_number(outcome, "cost_microusd");

	if (!tokens)
		tokens = said_sum(said_sum(said_number(usage, "in"), said_number(usage, "out")),
				  said_sum(said_number(usage, "in_cached"), said_number(usage, "in_cache_write")));
	if (!microusd)
		microusd = said_number(told->agent, "cost_microusd");
	attempt->tokens = said_sum(attempt->tokens, tokens);
	attempt->microusd = said_sum(attempt->microusd, microusd);
	attempt->wall_ms = said_sum(attempt->wall_ms, said_number(told->agent, "duration_ms"));
	keep(&attempt->claim, json_object_get(told->agent, "claim"));
	keep(&attempt->kept, told->kept);
	if (json_is_string(told->kept)) { /* only its name is known */
		json_t *named = json_pack("{s:O}", "ref", told->kept);

		keep(&attempt->kept, named);
		json_decref(named);
	}
	if (said_text(told->agent, "adapter")[0])
		said_copy(attempt->adapter, sizeof(attempt->adapter), said_text(told->agent, "adapter"));
	if (said_text(told->agent, "model")[0])
		said_copy(attempt->model, sizeof(attempt->model), said_text(told->agent, "model"));
}

/* The fallback of the lane it is in, unless that has tried already. */
static const char *next_lane(const struct race *race, const struct attempt *attempt)
{
	const char *fallback = said_text(facts_of(race, attempt->agent), "fallback");

	return fallback[0] && strlen(fallback) < RACE_NAME_BYTES && !json_object_get(attempt->lanes, fallback) ? fallback : NULL;
}

static bool budget_left(const struct attempt *attempt)
{
	return (!attempt->reserved_tokens || attempt->tokens < attempt->reserved_tokens) &&
	       (!attempt->reserved_microusd || attempt->microusd < attempt->reserved_microusd);
}

static enum ending ending_of(const char *error_class)
{
	static const struct {
		const char *error_class;
		enum ending ended;
	} table[] = {{"no_change", ENDED_NOTHING},
		     {"cancelled", ENDED_CANCELLED},
		     {"limit_budget", ENDED_BUDGET},
		     {"refused", ENDED_REFUSED}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].error_class, error_class) == 0)
			return table[i].ended;
	return ENDED_FAILED;
}

static const char *kept_ref(const json_t *kept)
{
	return json_is_string(kept) ? json_string_value(kept) : said_text(kept, "ref");
}

static void tell_try(struct attempt *attempt, const struct call *call, const struct told *told, uint64_t wait_ms,
		     const char *lane)
{
	json_t *one = json_pack("{s:s?, s:s, s:o, s:o, s:I}", "task", call->task[0] ? call->task : NULL, "agent", attempt->agent,
				"class", said_cut(told->error_class, 40), "why", said_cut(told->why, 300), "wait_ms",
				(json_int_t)wait_ms);

	if (json_is_object(told->kept) || json_is_string(told->kept))
		json_object_set_new(one, "kept", said_cut(kept_ref(told->kept), 200));
	if (lane)
		json_object_set_new(one, "then", json_string(lane));
	json_array_append_new(attempt->told, one);
}

static void take_failure(struct race *race, struct attempt *attempt, const struct call *call, const struct told *told)
{
	const char *lane = next_lane(race, attempt);
	struct retry_plan plan = retry_plan(&(struct retry_facts){.error_class = told->error_class,
								  .again = attempt->again,
								  .again_max = race->spec.retries,
								  .retry_after_ms = told->retry_after_ms,
								  .lane = lane != NULL});

	if (call->cancelled || race->out_of_time)
		plan.kind = RETRY_END;
	if (call->cancelled && race->now_ms >= race->tries_end_ms && !race->winner) {
		tell_try(attempt, call, told, 0, NULL);
		attempt_end(race, attempt, ENDED_BUDGET, "It was cancelled: the time of the race was over.");
		return;
	}
	tell_try(attempt, call, told, plan.wait_ms, plan.kind == RETRY_LANE ? lane : NULL);
	if (plan.kind != RETRY_END && !budget_left(attempt)) {
		attempt_end(race, attempt, ENDED_BUDGET, "It was not tried again: what was set aside for it is spent (%s).",
			    told->why);
		return;
	}
	if (plan.kind == RETRY_END) {
		attempt_end(race, attempt, said_true(call->answer, "refused") ? ENDED_REFUSED : ending_of(told->error_class),
			    "%s: %s", told->error_class, told->why[0] ? told->why : "no reason was given");
		return;
	}
	attempt->phase = PHASE_WAITING;
	attempt->not_before_ms = said_sum(race->now_ms, plan.wait_ms);
	attempt->again += plan.kind == RETRY_AGAIN;
	if (plan.kind == RETRY_LANE) {
		said_copy(attempt->agent, sizeof(attempt->agent), lane);
		attempt->again = 0;
	}
}

void try_advance(struct race *race, struct attempt *attempt)
{
	char key[RACE_KEY_BYTES];
	const struct call *call;
	struct told told;

	if (attempt->phase != PHASE_RUNNING)
		return;
	try_key(attempt, attempt->tries, key);
	call = call_find(race, key);
	if (!call)
		return;
	said_copy(attempt->task, sizeof(attempt->task), call->task);
	if (!call->answer)
		return;
	told = told_of(call->answer);
	book(attempt, call->answer, &told);
	if (!told.handed_in) {
		take_failure(race, attempt, call, &told);
		return;
	}
	tell_try(attempt, call, &told, 0, NULL);
	keep(&attempt->change, told.change);
	said_copy(attempt->commit, sizeof(attempt->commit), said_text(told.change, "commit"));
	attempt_end(race, attempt, ENDED_HANDED_IN, "It handed in a change.");
}
