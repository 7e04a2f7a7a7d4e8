/* SPDX-License-Identifier: MIT
 *
 * Which agent a task is given to that names "auto": of those that can be used here, by how hard the task looks and what they cost (races/choice.h).
 */
#ifndef ACTORS_AGENT_CHOICE_H
#define ACTORS_AGENT_CHOICE_H

#include "actors/agent_setup.h"

#define AGENT_AUTO       "auto"
#define AGENT_WHY_CHOSEN 256u

/* `prompt` may be NULL; `files` of the repository, 0: not known. Looks at programs and keys, starts nothing. 0; ERR_NOT_FOUND: none can be used, with a sentence;
 * ERR_MEMORY. */
MUST_CHECK int agent_choose(const struct conf *conf, const struct state_folder *state, const char *prompt, uint32_t files,
			    char out_name[AGENT_LABEL_BYTES], char out_why[AGENT_WHY_CHOSEN], char out_sentence[SENTENCE_BYTES]);

#endif
