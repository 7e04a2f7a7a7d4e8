/* SPDX-License-Identifier: MIT
 *
 * Which agents a task is given to that names "auto": of those that can be used here, by how hard the task looks, how often their work of this kind was good in this
 * network, and what they cost (races/choice.h).
 */
#ifndef ACTORS_AGENT_CHOICE_H
#define ACTORS_AGENT_CHOICE_H

#include "actors/agent_history.h"
#include "actors/agent_setup.h"

#define AGENT_AUTO       "auto"
#define AGENT_WHY_CHOSEN 256u

#define AGENT_CHOSEN_MAX 16u

struct agent_chosen {
	char name[AGENT_LABEL_BYTES];
	char why[AGENT_WHY_CHOSEN];
};

/* How hard a task looks: 1 simple, 2 usual, 3 hard. `prompt` may be NULL; `files` of the repository, 0: not known. */
unsigned agent_work_level(const char *prompt, uint32_t files);

/* The `wanted` (at most AGENT_CHOSEN_MAX) best for work of this level; where there are fewer, some more than once. Looks at programs and keys, starts nothing. 0;
 * ERR_NOT_FOUND: none can be used, with a sentence. */
MUST_CHECK int agent_choose(const struct conf *conf, const struct state_folder *state, const struct agent_history *history,
			    unsigned level, size_t wanted, struct agent_chosen *out_chosen, char out_sentence[SENTENCE_BYTES]);

/* What runs of an agent are charged, of a million tokens. False: its server is somewhere else and nobody has said what it asks; then the prices are what such servers
 * usually ask. */
bool agent_prices_of(const struct agent_setup *setup, struct agent_prices *out_prices);

/* What a job will take with this agent, from its past and its prices; `*out_priced` as agent_prices_of returns it. (race_economy.c) */
void agent_estimate_for(const struct agent_setup *setup, const struct agent_history *history, const struct agent_job *job,
			struct agent_estimate *out_estimate, bool *out_priced);

#endif
