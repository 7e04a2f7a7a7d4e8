/* SPDX-License-Identifier: MIT
 *
 * Is the model server there, and does it take the key? One word tells.
 */
#include <stdio.h>
#include <string.h>

#include "actors/agent_setup.h"
#include "models/ask.h"

#define ASK_MS 30000u

int agent_setup_ask(const struct agent_setup *setup, const struct state_folder *state, char **out_text,
		    char out_sentence[SENTENCE_BYTES])
{
	char key[AGENT_KEY_VALUE_BYTES], why[256] = "";
	struct ask_answer answer = {.text = NULL};
	struct ask ask = {.wire = wire_find(setup->conf.wire),
			  .server = setup->server,
			  .model = setup->conf.model,
			  .prompt = "Answer with the single word: ready",
			  .temperature = -1,
			  .tokens_max = 64,
			  .timeout_ms = ASK_MS,
			  .cancel_fd = -1};
	int rc;

	if (!setup->server || ask.wire == WIRE_NONE || !setup->conf.model[0]) {
		snprintf(out_sentence, SENTENCE_BYTES, "%s: section agent %s says no %s, so there is nobody to ask", setup->title,
			 setup->conf.name,
			 !setup->server          ? "endpoint"
			 : !setup->conf.model[0] ? "model"
						 : "wire");
		return ERR_CONFIG;
	}
	rc = agent_setup_key(setup, state, key, out_sentence);
	if (rc)
		return rc;
	ask.key = key[0] ? key : NULL;
	rc = ask_model(&ask, &answer, why);
	explicit_bzero(key, sizeof(key));
	if (rc)
		snprintf(out_sentence, SENTENCE_BYTES, "%s: %s", setup->server, why);
	else
		*out_text = answer.text;
	return rc;
}
