/* SPDX-License-Identifier: MIT
 *
 * From routing.conf and this machine to what can be chosen from.
 */
#include "actors/agent_choice.h"

#include <stdio.h>
#include <string.h>

#include "models/price.h"
#include "races/choice.h"

/* A usual task, to compare prices by. */
static const struct wire_usage usual = {.in = 200000, .in_cached = 150000, .out = 8000};

bool agent_prices_of(const struct agent_setup *setup, struct agent_prices *out_prices)
{
	const struct agent_conf *conf = &setup->conf;

	*out_prices = (struct agent_prices){0}; /* a server at home costs nothing */
	if (conf->priced)
		*out_prices = (struct agent_prices){conf->price_in, conf->price_cached, conf->price_cache_write, conf->price_out};
	else if (setup->server && strncmp(setup->server, "https://", 8) == 0)
		*out_prices = (struct agent_prices){3000000, 300000, 3750000, 15000000};
	else
		return true;
	return conf->priced;
}

/* What its runs took, if it has had any; else what a usual task would. */
static uint64_t cost_of(const struct agent_setup *setup, const struct agent_past *past)
{
	struct agent_prices prices;

	agent_prices_of(setup, &prices);
	if (past->runs && past->microusd_mean)
		return past->microusd_mean;
	return price_of(&(struct price){prices.in, prices.in_cached, prices.in_cache_write, prices.out}, &usual);
}

unsigned agent_work_level(const char *prompt, uint32_t files)
{
	return choice_estimate(&(struct choice_task){.prompt = prompt, .files = files}).level;
}

/* Our own loop has no model by itself, and opencode none that is known here. */
static bool wants_model(const struct agent_setup *setup)
{
	return (setup->own || strcmp(setup->conf.adapter, "opencode") == 0) && !setup->conf.model[0];
}

static bool is_usable(const struct agent_setup *setup, const struct state_folder *state)
{
	char key[AGENT_KEY_VALUE_BYTES], sentence[SENTENCE_BYTES];
	int rc = agent_setup_key(setup, state, key, sentence);

	explicit_bzero(key, sizeof(key));
	return rc == 0 && setup->installed && !wants_model(setup) && (setup->server || !setup->cli.wire);
}

struct choosing {
	const struct conf *conf;
	const struct state_folder *state;
	const struct agent_history *history;
	unsigned level;
	struct choice_agent all[CHOICE_AGENTS_MAX];
	size_t count;
};

static void add(struct choosing *choosing, const struct agent_conf *agent)
{
	char sentence[SENTENCE_BYTES];
	struct agent_setup *setup;
	struct agent_tally tally;

	if (choosing->count == CHOICE_AGENTS_MAX || agent_setup_new(choosing->conf, agent->name, &setup, sentence))
		return;
	agent_history_of(choosing->history, agent->name, agent->model, choosing->level, &tally);
	choosing->all[choosing->count++] = (struct choice_agent){.name = agent->name,
								 .level = agent->level,
								 .cost_microusd = cost_of(setup, &tally.past),
								 .attempts = tally.attempts,
								 .verified = tally.good,
								 .unusable = !is_usable(setup, choosing->state)};
	agent_setup_free(setup);
}

int agent_choose(const struct conf *conf, const struct state_folder *state, const struct agent_history *history, unsigned level,
		 size_t wanted, struct agent_chosen *out_chosen, char out_sentence[SENTENCE_BYTES])
{
	struct choosing choosing = {.conf = conf, .state = state, .history = history, .level = level};
	struct choice_picked picked[AGENT_CHOSEN_MAX];
	const struct agent_conf *builtin;

	for (uint32_t i = 0; i < conf->agent_count; i++)
		add(&choosing, &conf->agent[i]);
	for (size_t i = 0; (builtin = agent_builtin_at(i)); i++)
		if (conf_agent(conf, builtin->name) == builtin)
			add(&choosing, builtin);
	wanted =
		choice_agents(choosing.all, choosing.count, level, wanted < AGENT_CHOSEN_MAX ? wanted : AGENT_CHOSEN_MAX, picked);
	if (!wanted) {
		snprintf(out_sentence, SENTENCE_BYTES,
			 "no agent can be used here; `bunshin agent probe` says what each of them lacks");
		return ERR_NOT_FOUND;
	}
	for (size_t i = 0; i < wanted; i++) {
		snprintf(out_chosen[i].name, AGENT_LABEL_BYTES, "%s", choosing.all[picked[i].index].name);
		snprintf(out_chosen[i].why, AGENT_WHY_CHOSEN, "%s", picked[i].why);
	}
	return 0;
}
