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

/* What is not said of a server somewhere else is taken for what such servers ask; one at home costs nothing. */
static uint64_t cost_of(const struct agent_setup *setup)
{
	static const struct price elsewhere = {3000000, 300000, 3750000, 15000000};
	const struct agent_conf *conf = &setup->conf;
	const struct price price = {conf->price_in, conf->price_cached, conf->price_cache_write, conf->price_out};

	if (conf->priced)
		return price_of(&price, &usual);
	return setup->server && strncmp(setup->server, "https://", 8) == 0 ? price_of(&elsewhere, &usual) : 0;
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

static void add(const struct conf *conf, const struct state_folder *state, const struct agent_conf *agent,
		struct choice_agent *all, size_t *count)
{
	char sentence[SENTENCE_BYTES];
	struct agent_setup *setup;

	if (*count == CHOICE_AGENTS_MAX || agent_setup_new(conf, agent->name, &setup, sentence))
		return;
	all[(*count)++] = (struct choice_agent){.name = agent->name,
						.level = agent->level,
						.cost_microusd = cost_of(setup),
						.unusable = !is_usable(setup, state)};
	agent_setup_free(setup);
}

int agent_choose(const struct conf *conf, const struct state_folder *state, const char *prompt, uint32_t files,
		 char out_name[AGENT_LABEL_BYTES], char out_why[AGENT_WHY_CHOSEN], char out_sentence[SENTENCE_BYTES])
{
	const struct choice_estimate hard = choice_estimate(&(struct choice_task){.prompt = prompt, .files = files});
	struct choice_agent all[CHOICE_AGENTS_MAX];
	struct choice_picked picked;
	const struct agent_conf *builtin;
	size_t count = 0;

	for (uint32_t i = 0; i < conf->agent_count; i++)
		add(conf, state, &conf->agent[i], all, &count);
	for (size_t i = 0; (builtin = agent_builtin_at(i)); i++)
		if (conf_agent(conf, builtin->name) == builtin)
			add(conf, state, builtin, all, &count);
	if (!choice_agents(all, count, hard.level, 1, &picked)) {
		snprintf(out_sentence, SENTENCE_BYTES,
			 "no agent can be used here; `bunshin agent probe` says what each of them lacks");
		return ERR_NOT_FOUND;
	}
	snprintf(out_name, AGENT_LABEL_BYTES, "%s", all[picked.index].name);
	snprintf(out_why, AGENT_WHY_CHOSEN, "%s", picked.why);
	return 0;
}
