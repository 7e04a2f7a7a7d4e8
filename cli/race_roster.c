/* SPDX-License-Identifier: MIT
 *
 * Who takes part in a race.
 */
#include "cli/race_roster.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/race_template.h"
#include "cli/text.h"

#define LABEL_MAX 32u /* bytes */

/* ---- variations ---- */

static int refuse_temperature(const char *text, char *why)
{
	snprintf(why, ROSTER_WHY_BYTES, "\"%s\" is no temperature; a number from 0 to 2 would be", text);
	return ERR_INVALID_PARAMETERS;
}

static int add_value(bool temperature, const char *text, json_t *values, char *why)
{
	char *end;
	double number;

	if (!temperature) {
		if (*text && json_array_append_new(values, json_pack("{s:s}", "model", text)) == 0)
			return 0;
		snprintf(why, ROSTER_WHY_BYTES, "a model is missing, or its name is no UTF-8 text");
		return ERR_INVALID_PARAMETERS;
	}
	number = strtod(text, &end);
	if (!*text || *end || !(number >= 0) || number > 2)
		return refuse_temperature(text, why);
	json_array_append_new(values, json_pack("{s:f}", "temperature", number));
	return 0;
}

int roster_vary_values(const char *text, json_t *values, char out_why[ROSTER_WHY_BYTES])
{
	bool temperature = strncmp(text, "temperature=", 12) == 0;
	char *list, *rest, *item;
	int rc = 0;

	if (!temperature && strncmp(text, "model=", 6) != 0) {
		snprintf(out_why, ROSTER_WHY_BYTES,
			 "\"%s\" is not accepted; temperature=0.2,0.7, model=NAME,NAME or a file would be", text);
		return ERR_INVALID_PARAMETERS;
	}
	list = rest = need(strdup(strchr(text, '=') + 1));
	while (!rc && (item = strsep(&rest, ",")))
		rc = add_value(temperature, item, values, out_why);
	free(list);
	return rc;
}

static int add_prompt(char *text, const char *prompt, json_t *values, char *why)
{
	struct template_variable variable = {.name = "prompt", .value = prompt, .used = true};
	char *filled = NULL;
	json_t *value;
	int rc;

	while (*text == '\n')
		text++;
	for (size_t bytes = strlen(text); bytes && text[bytes - 1] == '\n'; bytes--)
		text[bytes - 1] = 0;
	if (!*text)
		return 0;
	rc = template_fill(text, &variable, 1, &filled, why);
	if (rc)
		return rc;
	value = json_pack("{s:s}", "prompt", filled);
	free(filled);
	if (value)
		return json_array_append_new(values, value);
	snprintf(why, ROSTER_WHY_BYTES, "variation %zu is no UTF-8 text", json_array_size(values) + 1);
	return ERR_INVALID_PARAMETERS;
}

int roster_vary_prompts(const char *text, const char *prompt, json_t *values, char out_why[ROSTER_WHY_BYTES])
{
	char *copy = need(malloc(strlen(text) + 2)), *at = copy, *cut;
	int rc = 0;

	sprintf(copy, "\n%s", text); /* so that each mark has a line feed before it */
	while (!rc && (cut = strstr(at, "\n---\n"))) {
		*cut = 0;
		rc = add_prompt(at, prompt, values, out_why);
		at = cut + 4; /* its last line feed may begin the next mark */
	}
	if (!rc)
		rc = add_prompt(at, prompt, values, out_why);
	free(copy);
	if (!rc && json_array_size(values) == 0) {
		snprintf(out_why, ROSTER_WHY_BYTES,
			 "there is no prompt in it; prompts with lines of --- between them would be accepted");
		rc = ERR_INVALID_PARAMETERS;
	}
	return rc;
}

/* All combinations of one value of each, as objects. With nothing to vary it is one empty object. */
static json_t *combine(const json_t *variations)
{
	json_t *all = json_pack("[{}]");
	json_t *values, *value, *so_far;
	size_t i, j, k;

	json_array_foreach (variations, i, values) {
		json_t *more = json_array();
		json_array_foreach (all, j, so_far) {
			json_array_foreach (values, k, value) {
				json_t *both = json_copy(so_far);
				json_object_update(both, value);
				json_array_append_new(more, both);
			}
		}
		json_decref(all);
		all = need(more);
	}
	return need(all);
}

/* ---- the list ---- */

struct roster {
	const json_t *names;
	json_t *combinations;
	json_t *agents;
	char *why;
};

static int refuse(struct roster *roster, const char *what, const char *accepted)
{
	snprintf(roster->why, ROSTER_WHY_BYTES, "%.200s%s", what, accepted);
	return ERR_INVALID_PARAMETERS;
}

static int check_name(struct roster *roster, const char *name)
{
	const json_t *known;
	size_t used, i;

	json_array_foreach (roster->names, i, known) {
		if (strcmp(json_string_value(known), name) == 0)
			return 0;
	}
	used = (size_t)snprintf(roster->why, ROSTER_WHY_BYTES, "there is no agent \"%.64s\"; there are: ", name);
	json_array_foreach (roster->names, i, known)
		if (used < ROSTER_WHY_BYTES)
			used += (size_t)snprintf(roster->why + used, ROSTER_WHY_BYTES - used, "%s%s", i ? ", " : "",
						 json_string_value(known));
	return ERR_INVALID_PARAMETERS;
}

/* "gemini:2" -> "gemini", 2; without a count 0. */
static int split_count(struct roster *roster, char *word, size_t *out_count)
{
	char *colon = strchr(word, ':'), *end;
	long count;

	*out_count = 0;
	if (!colon)
		return 0;
	count = strtol(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end || count < 1 || count > (long)ROSTER_MAX)
		return refuse(roster, word, " is not accepted; NAME or NAME:COUNT would be, with a count from 1 to 16");
	*colon = 0;
	*out_count = (size_t)count;
	return 0;
}

static void add_attempt(struct roster *roster, const char *name, size_t number)
{
	size_t choices = json_array_size(roster->combinations);
	json_t *own = json_array_get(roster->combinations, number % choices);
	json_t *attempt =
		json_pack("{s:n, s:s, s:n, s:n, s:n, s:n}", "label", "agent", name, "model", "temperature", "prompt", "level");

	json_object_update(need(attempt), own);
	json_array_append_new(roster->agents, attempt);
}

static int add_word(struct roster *roster, char *word)
{
	size_t count = 0;
	int rc;

	if (!*word)
		return refuse(roster, "a name is missing", "; claude,codex,gemini:2 would be accepted");
	rc = split_count(roster, word, &count);
	if (!rc)
		rc = check_name(roster, word);
	if (rc)
		return rc;
	if (!count)
		count = json_array_size(roster->combinations);
	for (size_t i = 0; i < count; i++)
		add_attempt(roster, word, i);
	if (json_array_size(roster->agents) > ROSTER_MAX)
		return refuse(roster, "more than 16 attempts", "; at most 16 take part in a race");
	return 0;
}

/* ---- labels ---- */

/* Characters that a label and so a ref may have. */
static void label_base(const char *name, char out[LABEL_MAX])
{
	size_t used = 0;

	for (; *name && used < LABEL_MAX - 4; name++)
		out[used++] = strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", *name) ? *name : '-';
	out[used] = 0;
}

static const char *agent_of(const json_t *attempt)
{
	return json_string_value(json_object_get(attempt, "agent"));
}

static size_t times(const json_t *agents, const char *name, size_t before)
{
	size_t count = 0;

	for (size_t i = 0; i < before; i++)
		count += strcmp(agent_of(json_array_get(agents, i)), name) == 0;
	return count;
}

/* An agent may be called what another one's second attempt is. */
static int check_labels(const json_t *agents, char *why)
{
	for (size_t i = 0; i < json_array_size(agents); i++) {
		const json_t *label = json_object_get(json_array_get(agents, i), "label");
		for (size_t j = 0; j < i; j++) {
			if (!json_equal(json_object_get(json_array_get(agents, j), "label"), label))
				continue;
			snprintf(why, ROSTER_WHY_BYTES, "two attempts would be called \"%s\"; leave one of them out",
				 json_string_value(label));
			return ERR_INVALID_PARAMETERS;
		}
	}
	return 0;
}

static void label_all(json_t *agents)
{
	size_t all = json_array_size(agents), i;
	json_t *attempt;

	json_array_foreach (agents, i, attempt) {
		const char *name = agent_of(attempt);
		char base[LABEL_MAX];
		label_base(name, base);
		json_object_set_new(attempt, "label",
				    times(agents, name, all) == 1 ? json_string(base)
								  : json_sprintf("%s.%zu", base, times(agents, name, i) + 1));
	}
}

int roster_read(const char *text, const json_t *names, const json_t *variations, json_t **out_agents,
		char out_why[ROSTER_WHY_BYTES])
{
	struct roster roster = {.names = names, .why = out_why};
	char *copy = need(strdup(text)), *rest = copy, *word;
	int rc = 0;

	roster.combinations = combine(variations);
	roster.agents = need(json_array());
	while (!rc && (word = strsep(&rest, ",")))
		rc = add_word(&roster, word);
	free(copy);
	json_decref(roster.combinations);
	if (!rc) {
		label_all(roster.agents);
		rc = check_labels(roster.agents, out_why);
	}
	if (rc)
		json_decref(roster.agents);
	else
		*out_agents = roster.agents;
	return rc;
}
