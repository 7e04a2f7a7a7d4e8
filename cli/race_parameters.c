/* SPDX-License-Identifier: MIT
 *
 * From options to parameters.
 */
#include "cli/race_parameters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/race_pick.h"
#include "cli/race_prompt.h"
#include "cli/race_roster.h"
#include "cli/session.h"
#include "cli/text.h"
#include "races/spec.h"
#include "routing/conf.h"

/* ---- who ---- */

static void add_name(json_t *names, const char *name)
{
	const json_t *known;
	size_t i;

	json_array_foreach (names, i, known) {
		if (strcmp(json_string_value(known), name) == 0)
			return;
	}
	json_array_append_new(names, json_string(name));
}

/* An agent may go by several names; those that are asked for are taken, and listed only then. */
static void add_asked(json_t *names, const struct conf *conf, const char *text)
{
	char *copy = need(strdup(text)), *rest = copy, *word;

	while ((word = strsep(&rest, ","))) {
		word[strcspn(word, ":")] = 0;
		if (conf_agent(conf, word))
			add_name(names, word);
	}
	free(copy);
}

/* Those of routing.conf first: who wrote a section means to use it. */
int race_agent_names(const struct call *call, const char *asked, json_t **out_names)
{
	struct conf *conf = NULL;
	char path[PATH_BYTES];
	const struct agent_conf *builtin;
	json_t *names;
	int rc = session_conf(call, path, &conf);

	if (rc)
		return rc;
	names = json_array();
	for (uint32_t i = 0; i < conf->agent_count; i++)
		add_name(names, conf->agent[i].name);
	for (size_t i = 0; (builtin = agent_builtin_at(i)); i++)
		add_name(names, builtin->name);
	add_name(names, "auto");
	add_asked(names, conf, asked);
	free(conf);
	*out_names = need(names);
	return 0;
}

static int take_variation(const struct call *call, const char *text, const char *prompt, json_t *variations)
{
	json_t *values = json_array();
	char why[ROSTER_WHY_BYTES];
	char *prompts = NULL;
	int rc;

	json_array_append_new(variations, values);
	if (strchr(text, '=') && !strchr(text, '/')) {
		rc = roster_vary_values(text, values, why);
		return rc ? call_fail(call, ERR_USAGE, NULL, "--vary: %s", why) : 0;
	}
	rc = prompt_file(call, "vary", text, &prompts);
	if (rc)
		return rc;
	rc = roster_vary_prompts(prompts, prompt, values, why);
	free(prompts);
	return rc ? call_fail(call, ERR_USAGE, NULL, "--vary: %s: %s", text, why) : 0;
}

static int take_agents(const struct call *call, const char *prompt, json_t *parameters)
{
	const char *text = option(call, "agents"), *vary;
	json_t *names = NULL, *variations = json_array(), *agents = NULL;
	char why[ROSTER_WHY_BYTES];
	size_t position = 0;
	int rc = race_agent_names(call, text ? text : "", &names);

	while (!rc && (vary = option_next(call, "vary", &position)))
		rc = take_variation(call, vary, prompt, variations);
	if (!rc && roster_read(text ? text : "", names, variations, &agents, why))
		rc = call_fail(call, ERR_USAGE, "`bunshin agent list` tells more about them; docs/routing.md how to add one",
			       text ? "--agents: %s" : "--agents says who takes part: %s", why);
	if (!rc)
		json_object_set_new(parameters, "agents", agents);
	json_decref(variations);
	json_decref(names);
	return rc;
}

/* ---- where ---- */

static int take_merge(const struct call *call, json_t *parameters)
{
	const char *merge = option(call, "merge");
	int rc = race_merge_check(call, merge);

	if (!rc)
		json_object_set_new(parameters, "merge", json_string(merge ? merge : "manual"));
	return rc;
}

static int take_branch(const struct call *call, const struct checkout *checkout, json_t *parameters)
{
	bool manual = strcmp(json_string_value(json_object_get(parameters, "merge")), "manual") == 0;
	const char *into = option(call, "into");
	char why[CHECKOUT_WHY_BYTES];
	char *ref = NULL;

	if (into && checkout_branch(checkout, into, &ref, why))
		return call_fail(call, ERR_USAGE, "`git branch NAME` makes one", "--into: %s", why);
	if (!into && checkout->branch)
		ref = need(strdup(checkout->branch));
	if (!ref && !manual)
		return call_fail(call, ERR_USAGE, "name a branch with --into, or say --merge manual",
				 "HEAD is on no branch, so there is none to merge into");
	json_object_set_new(parameters, "branch", ref ? json_string(ref) : json_null());
	free(ref);
	return 0;
}

static int take_place(const struct call *call, struct checkout *checkout, json_t *parameters)
{
	const char *repo = option(call, "repo");
	char why[CHECKOUT_WHY_BYTES];
	int rc = checkout_look(repo ? repo : ".", option(call, "base"), checkout, why);

	if (rc)
		return call_fail(call, rc == ERR_IO ? rc : ERR_USAGE,
				 repo ? NULL : "name one with --repo, or begin one: git init, git add, git commit", "%s", why);
	json_object_set_new(parameters, "repo", json_string(checkout->top));
	json_object_set_new(parameters, "commit", json_string(checkout->commit));
	rc = take_merge(call, parameters);
	return rc ? rc : take_branch(call, checkout, parameters);
}

/* ---- how ---- */

static const char *const gate_names[] = {"change", "tests", "findings", "rules", "protected", "text"};

static bool is_gate(const char *name)
{
	for (size_t i = 0; i < sizeof(gate_names) / sizeof(gate_names[0]); i++) {
		if (strcmp(gate_names[i], name) == 0)
			return true;
	}
	return false;
}

static int take_gates(const struct call *call, json_t *parameters)
{
	const char *text = option(call, "gates");
	char *copy, *rest, *word;
	json_t *gates;
	int rc = 0;

	if (!text)
		return 0;
	gates = json_array();
	copy = rest = need(strdup(text));
	while (!rc && (word = strsep(&rest, ","))) {
		if (!is_gate(word))
			rc = call_fail(call, ERR_USAGE, NULL,
				       "--gates: \"%s\" is no gate; change, tests, findings, rules, protected and text are",
				       word);
		json_array_append_new(gates, json_string(word));
	}
	free(copy);
	json_object_set_new(parameters, "gates", gates);
	return rc;
}

/* Left out if there are none: that is not the same as none that fits. */
static void add_texts(const struct call *call, const char *name, const char *member, json_t *parameters)
{
	json_t *list = json_array();
	size_t position = 0;
	const char *text;

	while ((text = option_next(call, name, &position)))
		json_array_append_new(list, json_string(text));
	if (json_array_size(list))
		json_object_set(parameters, member, list);
	json_decref(list);
}

static void take_checks(const struct call *call, json_t *parameters)
{
	json_t *checks = json_array();
	size_t position = 0, number = 0;
	const char *text;

	while ((text = option_next(call, "check", &position)))
		json_array_append_new(checks,
				      json_pack("{s:o, s:s}", "name", json_sprintf("check-%zu", ++number), "command", text));
	json_object_set_new(parameters, "checks", checks);
	add_texts(call, "relevant", "relevant", parameters);
	add_texts(call, "protect", "protected", parameters);
	add_texts(call, "setup", "setup", parameters);
}

static int take_numbers(const struct call *call, json_t *parameters)
{
	uint32_t retries = 1, parallel = 0;
	int rc = option_number(call, "retries", 0, RACE_RETRIES_MAX, &retries);

	if (!rc)
		rc = option_number(call, "parallel", 1, ROSTER_MAX, &parallel);
	if (rc)
		return rc;
	json_object_set_new(parameters, "retries", json_integer(retries));
	json_object_set_new(parameters, "parallel", json_integer(parallel));
	json_object_set_new(parameters, "first", json_boolean(option_set(call, "first")));
	json_object_set_new(parameters, "notes", json_boolean(!option_set(call, "no-notes")));
	if (option_set(call, "tie-break"))
		json_object_set_new(parameters, "tie_break", json_string(option(call, "tie-break")));
	return 0;
}

/* ---- how much ---- */

static int take_money(const struct call *call, const char *name, const char *member, json_t *budget)
{
	const char *text = option(call, name);
	uint64_t microusd = 0;

	if (text && (!money_parse(text, &microusd) || microusd == 0))
		return call_fail(call, ERR_USAGE, NULL, "--%s: \"%s\" is no amount of dollars; 2.50 would be", name, text);
	json_object_set_new(budget, member, json_integer((json_int_t)microusd));
	return 0;
}

static int take_tokens(const struct call *call, const char *name, const char *member, json_t *budget)
{
	uint32_t tokens = 0;
	int rc = option_number(call, name, 1, UINT32_MAX, &tokens);

	json_object_set_new(budget, member, json_integer(tokens));
	return rc;
}

static int take_time(const struct call *call, const char *name, const char *member, json_t *budget)
{
	uint32_t ms = 0;
	int rc = option_duration(call, name, &ms);

	json_object_set_new(budget, member, json_integer(ms));
	return rc;
}

static int take_budget(const struct call *call, json_t *parameters)
{
	json_t *budget = json_object();
	int rc = take_tokens(call, "budget-tokens", "tokens", budget);

	rc = rc ? rc : take_money(call, "budget", "microusd", budget);
	rc = rc ? rc : take_time(call, "time", "time_ms", budget);
	rc = rc ? rc : take_tokens(call, "attempt-tokens", "attempt_tokens", budget);
	rc = rc ? rc : take_money(call, "attempt-budget", "attempt_microusd", budget);
	rc = rc ? rc : take_time(call, "attempt-time", "attempt_ms", budget);
	json_object_set_new(parameters, "budget", budget);
	return rc;
}

/* ---- all of it ---- */

static int check_size(const struct call *call, const json_t *parameters)
{
	size_t bytes = json_dumpb(parameters, NULL, 0, JSON_COMPACT);

	if (bytes <= RACE_PARAMETERS_BYTES_MAX)
		return 0;
	return call_fail(call, ERR_USAGE, "put long texts into files of the repository, and name them in the prompt",
			 "prompt, variations and commands take %zu bytes together, and a task may carry %u", bytes,
			 RACE_PARAMETERS_BYTES_MAX);
}

int race_parameters(const struct call *call, struct checkout *out_checkout, json_t **out_parameters)
{
	json_t *parameters = json_object();
	char *prompt = NULL;
	int rc;

	*out_checkout = (struct checkout){0};
	rc = prompt_take(call, &prompt);
	rc = rc ? rc : take_place(call, out_checkout, parameters);
	if (!rc && json_object_set_new(parameters, "prompt", json_string(prompt)))
		rc = call_fail(call, ERR_USAGE, NULL, "the prompt is no UTF-8 text");
	rc = rc ? rc : take_agents(call, prompt, parameters);
	rc = rc ? rc : take_gates(call, parameters);
	rc = rc ? rc : take_numbers(call, parameters);
	rc = rc ? rc : take_budget(call, parameters);
	free(prompt);
	if (!rc) {
		take_checks(call, parameters);
		rc = check_size(call, parameters);
	}
	if (rc) {
		json_decref(parameters);
		checkout_release(out_checkout);
		return rc;
	}
	*out_parameters = parameters;
	return 0;
}

json_t *race_parameters_of_candidate(const json_t *from, json_t *candidate, const char *merge)
{
	static const char *const kept[] = {"repo",   "commit",   "branch",    "prompt", "gates",
					   "checks", "relevant", "protected", "setup",  "coverage"};
	json_t *parameters = json_object();

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		json_t *value = json_object_get(from, kept[i]);
		if (value)
			json_object_set(parameters, kept[i], value);
	}
	json_object_set_new(parameters, "agents", json_array());
	json_object_set_new(parameters, "candidates", json_pack("[o]", candidate));
	json_object_set_new(parameters, "merge", json_string(merge));
	return need(parameters);
}

const struct option_row race_options[] = {
	{"agents", "LIST", "who takes part: claude,codex,gemini:2,auto; NAME:2 is two attempts by one agent"},
	{"repo", "PATH", "the git repository; by default the one around the current folder"},
	{"base", "REVISION", "the commit to begin at; by default HEAD"},
	{"into", "BRANCH", "the branch to merge into; by default the one that is checked out"},
	{"merge", "HOW", "theirs, auto, or manual (prepared for `bunshin race accept`); manual if not given"},
	{"no-apply", NULL, "merge in the workspace only; `bunshin race accept` brings it here later"},
	{"check", "COMMAND", "a shell command that has to succeed on the result; may be given several times"},
	{"gates", "LIST", "of change,tests,findings,rules,protected,text; all if not given"},
	{"relevant", "GLOB", "what touches no such path is not about the task; may be given several times"},
	{"protect", "GLOB", "such paths may not be changed without `bunshin race approve`; may be given several times"},
	{"first", NULL, "the first attempt that passes all gates wins, and the others are ended"},
	{"budget", "DOLLARS", "what the whole race may spend, such as 2.50"},
	{"budget-tokens", "N", "the same in tokens of models"},
	{"time", "TIME", "the same in time, such as 20m"},
	{"attempt-budget", "DOLLARS", "what each attempt may spend"},
	{"attempt-tokens", "N", "the same in tokens"},
	{"attempt-time", "TIME", "the same in time"},
	{"vary", "WHAT", "temperature=0.2,0.7 or model=A,B or a file of prompts: each agent once with each"},
	{"template", "NAME", "a prompt with variables: a file, or one of yours in ~/.config/bunshin/templates"},
	{"var", "NAME=TEXT", "what stands for {{NAME}}; NAME=@FILE takes a file; may be given several times"},
	{"prompt-file", "FILE", "the prompt; - is standard input"},
	{"setup", "COMMAND", "run in each attempt's folder before its agent; may be given several times"},
	{"no-notes", NULL, "attempts cannot read each other's notes"},
	{"retries", "N", "more tries of an attempt that failed for a passing reason; 1 if not given"},
	{"parallel", "N", "at most so many attempts at once; all if not given"},
	{"tie-break", "AGENT", "a model that decides between attempts that are otherwise equal"},
	{"key", "KEY", "the same key always names the same race"},
	{"detach", NULL, "do not wait; `bunshin race resume` comes back"},
	{NULL, NULL, NULL},
};
