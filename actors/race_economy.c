/* SPDX-License-Identifier: MIT
 *
 * What a race decides once, before anybody is asked: who takes the places of those that are called "auto", and what is to be set aside for each agent.
 * Both come from the trail, which goes on meanwhile, so the judge keeps them for an attempt that comes after it.
 */
#include <stdio.h>
#include <string.h>

#include "actors/agent_choice.h"
#include "actors/race_attempt_inner.h"

struct economy {
	const struct state_folder *state;
	const struct conf *conf;
	const json_t *parameters;
	struct agent_history *history;
	uint64_t files, bytes; /* of the repository */
};

static const char *text_in(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static bool is_auto(const json_t *entry)
{
	return strcmp(text_in(entry, "agent"), AGENT_AUTO) == 0;
}

/* The longest of what is asked, since what is set aside is for the agent, whichever of its attempts it is. */
static const char *prompt_of(const struct economy *economy, const char *agent)
{
	const char *longest = text_in(economy->parameters, "prompt");
	const json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(economy->parameters, "agents"), i, entry) {
		const char *own = text_in(entry, "prompt");

		if (strcmp(text_in(entry, "agent"), agent) == 0 && strlen(own) > strlen(longest))
			longest = own;
	}
	return longest;
}

/* ---- who ---- */

static json_t *choose(const struct economy *economy)
{
	struct agent_chosen chosen[AGENT_CHOSEN_MAX];
	char sentence[SENTENCE_BYTES];
	json_t *all = json_object();
	const json_t *entry;
	size_t wanted = 0, given = 0, i;
	unsigned level = agent_work_level(prompt_of(economy, AGENT_AUTO), (uint32_t)economy->files);

	json_array_foreach (json_object_get(economy->parameters, "agents"), i, entry)
		wanted += is_auto(entry);
	if (!wanted || agent_choose(economy->conf, economy->state, economy->history, level, wanted, chosen, sentence))
		return all; /* those who cannot be chosen here say so when they are tried */
	json_array_foreach (json_object_get(economy->parameters, "agents"), i, entry) {
		if (!is_auto(entry) || given == wanted || given == AGENT_CHOSEN_MAX)
			continue;
		json_object_set_new(all, text_in(entry, "label"),
				    json_pack("{s:s, s:s}", "agent", chosen[given].name, "why", chosen[given].why));
		given++;
	}
	return all;
}

json_t *race_chosen(const json_t *parameters, const json_t *economy)
{
	const json_t *chosen = json_object_get(economy, "chosen");
	json_t *copy = json_deep_copy(parameters), *entry;
	size_t i;

	json_array_foreach (json_object_get(copy, "agents"), i, entry) {
		const json_t *one = is_auto(entry) ? json_object_get(chosen, text_in(entry, "label")) : NULL;

		if (!one)
			continue;
		json_object_set(entry, "agent", json_object_get(one, "agent"));
		json_object_set(entry, "chosen", json_object_get(one, "why"));
	}
	return copy;
}

/* ---- how much ---- */

static json_t *reserve_json(const struct agent_estimate *estimate, bool priced)
{
	json_t *json = json_pack("{s:I, s:I, s:s}", "reserve_tokens", (json_int_t)estimate->tokens, "least_tokens",
				 (json_int_t)estimate->expected_tokens, "estimate", estimate->basis);

	if (json && priced) {
		json_object_set_new(json, "reserve_microusd", json_integer((json_int_t)estimate->microusd));
		json_object_set_new(json, "least_microusd", json_integer((json_int_t)estimate->expected_microusd));
	}
	return json;
}

void agent_estimate_for(const struct agent_setup *setup, const struct agent_history *history, const struct agent_job *job,
			struct agent_estimate *out_estimate, bool *out_priced)
{
	struct agent_prices prices;
	struct agent_tally tally;

	*out_priced = agent_prices_of(setup, &prices);
	agent_history_of(history, setup->conf.name, setup->conf.model, job->level, &tally);
	agent_estimate(job, &tally.past, &prices, out_estimate);
}

static void reserve(const struct economy *economy, const char *name, json_t *all)
{
	const char *prompt = prompt_of(economy, name);
	struct agent_job job = {.prompt_bytes = strlen(prompt),
				.repository_files = economy->files,
				.repository_bytes = economy->bytes,
				.level = agent_work_level(prompt, (uint32_t)economy->files)};
	struct agent_estimate estimate;
	struct agent_setup *setup = NULL;
	char sentence[SENTENCE_BYTES];
	bool priced;

	if (!*name || json_object_get(all, name) || agent_setup_new(economy->conf, name, &setup, sentence))
		return;
	job.turns_max = setup->conf.turns;
	agent_estimate_for(setup, economy->history, &job, &estimate, &priced);
	json_object_set_new(all, name, reserve_json(&estimate, priced));
	agent_setup_free(setup);
}

static json_t *reserve_all(const struct economy *economy, const json_t *chosen)
{
	json_t *all = json_object();
	const json_t *entry;
	size_t i;

	json_array_foreach (json_object_get(economy->parameters, "agents"), i, entry) {
		const json_t *one = json_object_get(chosen, text_in(entry, "label"));

		reserve(economy, one ? text_in(one, "agent") : text_in(entry, "agent"), all);
	}
	return all;
}

json_t *race_economy(const struct state_folder *state, const struct conf *conf, const json_t *parameters,
		     const json_t *repository)
{
	struct economy economy = {.state = state,
				  .conf = conf,
				  .parameters = parameters,
				  .files = (uint64_t)json_integer_value(json_object_get(repository, "files")),
				  .bytes = (uint64_t)json_integer_value(json_object_get(repository, "bytes"))};
	json_t *chosen;

	if (agent_history_read(state, &economy.history))
		return NULL;
	chosen = choose(&economy);
	chosen = json_pack("{s:o, s:o}", "reserve", reserve_all(&economy, chosen), "chosen", chosen);
	agent_history_free(economy.history);
	return chosen;
}
