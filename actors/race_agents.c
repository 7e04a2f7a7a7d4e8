/* SPDX-License-Identifier: MIT
 *
 * Agents as the machine of a race wants to know them, and one question to the model of one of them.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/agent_setup.h"
#include "actors/race_attempt_inner.h"
#include "models/ask.h"

static void describe(json_t *agents, const char *name, const struct agent_conf *agent)
{
	if (!agent || json_object_get(agents, name))
		return;
	json_object_set_new(agents, name,
			    json_pack("{s:s, s:s*, s:I, s:I, s:s*}", "adapter", agent->adapter, "model",
				      agent->model[0] ? agent->model : NULL, "level",
				      (json_int_t)(agent->level ? agent->level : AGENT_LEVEL_DEFAULT), "slots",
				      (json_int_t)agent->slots, "fallback", agent->fallback[0] ? agent->fallback : NULL));
}

json_t *race_agents(const struct conf *conf, const json_t *parameters, const json_t *reserve)
{
	json_t *agents = json_object(), *facts;
	const struct agent_conf *agent;
	const char *name;
	const json_t *entry;
	size_t i;

	for (i = 0; conf && i < conf->agent_count; i++)
		describe(agents, conf->agent[i].name, &conf->agent[i]);
	for (i = 0; (agent = agent_builtin_at(i)); i++)
		describe(agents, agent->name, agent);
	json_array_foreach (json_object_get(parameters, "agents"), i, entry) {
		name = json_string_value(json_object_get(entry, "agent"));
		if (name)
			describe(agents, name, conf_agent(conf, name));
	}
	json_object_foreach (agents, name, facts)
		json_object_update(facts, json_object_get(reserve, name));
	return agents;
}

/* ---- asking ---- */

static json_t *ask_server(const struct agent_setup *setup, const char *key, const json_t *request, int cancel_fd)
{
	const char *model = json_string_value(json_object_get(request, "model"));
	struct ask ask = {.wire = wire_find(setup->conf.wire),
			  .server = setup->server,
			  .key = key[0] ? key : NULL,
			  .model = model                  ? model
				   : setup->conf.model[0] ? setup->conf.model
							  : NULL,
			  .system = json_string_value(json_object_get(request, "system")),
			  .prompt = json_string_value(json_object_get(request, "prompt")),
			  .temperature = 0,
			  .cancel_fd = cancel_fd};
	struct ask_answer answer = {0};
	char why[256] = "";
	json_t *json;
	int rc;

	if (!ask.server || !ask.wire || !ask.model || !ask.prompt) {
		snprintf(why, sizeof(why), "agent %s has no %s that could be asked", setup->conf.name,
			 ask.model ? "model server" : "model");
		return race_error(ERR_CONFIG, why);
	}
	rc = ask_model(&ask, &answer, why);
	if (rc)
		return race_error(rc, why[0] ? why : error_sentence(rc));
	json = json_pack("{s:{s:s, s:s, s:I, s:I}}", "result", "text", answer.text, "model", ask.model, "tokens_in",
			 (json_int_t)answer.facts.usage.in, "tokens_out", (json_int_t)answer.facts.usage.out);
	free(answer.text);
	return json ? json : race_error(ERR_MALFORMED, "the model's answer is no text");
}

json_t *race_ask_model(const struct state_folder *state, const struct conf *conf, const json_t *request, int cancel_fd)
{
	const char *name = json_string_value(json_object_get(request, "agent"));
	struct agent_setup *setup = NULL;
	char sentence[SENTENCE_BYTES] = "no agent is named", key[AGENT_KEY_VALUE_BYTES] = "";
	int rc = name ? agent_setup_new(conf, name, &setup, sentence) : ERR_CONFIG;
	json_t *answer;

	if (!rc)
		rc = agent_setup_key(setup, state, key, sentence);
	answer = rc ? race_error(rc, sentence) : ask_server(setup, key, request, cancel_fd);
	sodium_memzero(key, sizeof(key));
	agent_setup_free(setup);
	return answer;
}
