/* SPDX-License-Identifier: MIT
 *
 * Who takes part in a race: "claude,codex,gemini:2,local", with variations, as the list of attempts that the parameters of a race hold.
 */
#ifndef CLI_RACE_ROSTER_H
#define CLI_RACE_ROSTER_H

#include <jansson.h>
#include <stddef.h>

#include "protocol/error.h"

#define ROSTER_MAX       16u
#define ROSTER_WHY_BYTES 1024u

/* `--vary`: "temperature=0.2,0.7", "model=a,b", or the text of a file with prompts, each after a line "---". `prompt` is put in place of {{prompt}} in them.
 * Appends objects such as {"temperature": 0.2} to `values`, an array. 0; ERR_INVALID_PARAMETERS with a sentence. */
MUST_CHECK int roster_vary_values(const char *text, json_t *values, char out_why[ROSTER_WHY_BYTES]);
MUST_CHECK int roster_vary_prompts(const char *text, const char *prompt, json_t *values, char out_why[ROSTER_WHY_BYTES]);

/* [{"label", "agent", "model", "temperature", "prompt", "level"}] of a list. `names`: the agents there are, an array of text; others are refused with
 * that list. `variations`: an array of arrays as above, may be empty: each agent runs once for each combination, or, given with a count, as often as that, taking the
 * combinations in turn. Who takes part once is labelled by its name, who takes part more often by name.1, name.2. 0 and the caller owns
 * `*out_agents`; ERR_INVALID_PARAMETERS with a sentence. */
MUST_CHECK int roster_read(const char *text, const json_t *names, const json_t *variations, json_t **out_agents,
			   char out_why[ROSTER_WHY_BYTES]);

#endif
