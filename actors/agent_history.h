/* SPDX-License-Identifier: MIT
 *
 * What the work of agents has come to in this network, as the trail tells it: to choose one, and to reckon what the next run will take.
 *
 * The trail is opened read-only, as every program of the same user may; the newest attempts are looked at, a second long at most.
 */
#ifndef ACTORS_AGENT_HISTORY_H
#define ACTORS_AGENT_HISTORY_H

#include "actors/state.h"
#include "clones/agents/estimate.h"

#define AGENT_HISTORY_RUNS 2000u /* the newest; older ones count no more */

struct agent_history;

struct agent_tally {
	uint32_t attempts; /* that say something about the agent: not those that a server, a key or a person ended */
	uint32_t good;     /* verified in a race, or with gaps and no lie; outside of races: handed in */
	struct agent_past past;
};

/* `*out_history` is the caller's: agent_history_free. Where there is no trail, or it cannot be read, the history is empty. 0; ERR_MEMORY. */
MUST_CHECK int agent_history_read(const struct state_folder *state, struct agent_history **out_history);
void agent_history_free(struct agent_history *history); /* takes NULL */

/* Of one agent at work of this level (1 simple, 2 usual, 3 hard; races/choice.h). `model` "" or NULL: with any; one name may be the beginning of the other, as
 * servers add dates to them. */
void agent_history_of(const struct agent_history *history, const char *agent, const char *model, unsigned level,
		      struct agent_tally *out_tally);

#endif
