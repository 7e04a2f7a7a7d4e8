/* SPDX-License-Identifier: MIT
 *
 * What `bunshin race` was asked for, as the parameters of a task of type race (docs/races.md).
 */
#ifndef CLI_RACE_PARAMETERS_H
#define CLI_RACE_PARAMETERS_H

#include <jansson.h>

#include "cli/command.h"
#include "cli/race_checkout.h"

#define RACE_PROMPT_BYTES_MAX     (32u << 10) /* what a message can carry holds the prompt and all variations of it */
#define RACE_PARAMETERS_BYTES_MAX (56u << 10)

/* How the rows of the options and the functions below belong together: one list. */
extern const struct option_row race_options[];

/* Looks at the repository, reads prompt, template and agents, and checks all of it before anything is sent. 0 and the caller owns `*out_parameters` and
 * `*out_checkout`; else an exit code after saying what is wrong. */
MUST_CHECK int race_parameters(const struct call *call, struct checkout *out_checkout, json_t **out_parameters);

/* The agents there are, by name: in routing.conf, built in, "auto", and other names they go by if `asked`, a list, has them. 0 or an exit code. */
MUST_CHECK int race_agent_names(const struct call *call, const char *asked, json_t **out_names);

/* "2.50" or "$2.50" dollars as millionths. False if it is neither, or more than a million dollars. */
bool money_parse(const char *text, uint64_t *out_microusd);

/* "$0.12", "$0.0034", "$0". */
#define MONEY_TEXT_BYTES 32u
void money_print(uint64_t microusd, char out[MONEY_TEXT_BYTES]);

/* "31k", "1.2M", "950" */
#define TOKENS_TEXT_BYTES 24u
void tokens_print(uint64_t tokens, char out[TOKENS_TEXT_BYTES]);

/* The parameters that say that a commit which is there already is judged and merged, instead of what agents would make. `from` is the parameters of the
 * race that it comes from; `candidate` is taken over. The caller owns the result. */
json_t *race_parameters_of_candidate(const json_t *from, json_t *candidate, const char *merge);

#endif
