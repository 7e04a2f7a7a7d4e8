/* SPDX-License-Identifier: MIT
 *
 * bunshin agent list, probe
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/agent_choice.h"
#include "actors/agent_history.h"
#include "actors/agent_setup.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"
#include "clones/result.h"
#include "workspace/sandbox.h"

/* ---- what is known of an agent ---- */

struct looking {
	struct call *call;
	struct conf *conf;
	struct state_folder state;
	bool has_state;
	struct agent_history *history; /* NULL: it is not asked for, or there is no state folder */
};

static int look_begin(struct call *call, struct looking *looking)
{
	char path[PATH_BYTES], sentence[SENTENCE_BYTES];
	int rc = session_conf(call, path, &looking->conf);

	looking->call = call;
	if (!rc && session_state_path(call, path) == 0)
		looking->has_state = state_open_existing(path, &looking->state, sentence) == 0;
	return rc;
}

/* "there", "none needed", or why it is not. */
static json_t *key_json(const struct looking *looking, const struct agent_setup *setup)
{
	char key[AGENT_KEY_VALUE_BYTES], sentence[SENTENCE_BYTES];
	const char *where = setup->conf.key;
	int rc;

	if (!setup->server || strcmp(where, "none") == 0)
		return need(json_string("none needed"));
	if (strncmp(where, "secret:", 7) == 0 && !looking->has_state)
		return need(json_string("not known"));
	rc = agent_setup_key(setup, &looking->state, key, sentence);
	bool empty = !key[0];
	explicit_bzero(key, sizeof(key));
	return need(json_string(rc ? "missing" : empty ? "none given" : "there"));
}

/* What programs and servers say may be any bytes. */
static json_t *said(const char *text)
{
	return text_json(text, strlen(text), SENTENCE_BYTES);
}

static json_t *price_json(const struct agent_conf *conf)
{
	if (!conf->priced)
		return json_null();
	return need(json_pack("{s:I, s:I, s:I, s:I}", "in", (json_int_t)conf->price_in, "cached", (json_int_t)conf->price_cached,
			      "cache_write", (json_int_t)conf->price_cache_write, "out", (json_int_t)conf->price_out));
}

static json_t *price_words(const struct agent_conf *conf)
{
	return conf->priced ? need(json_sprintf("$%g/$%g", (double)conf->price_in / 1e6, (double)conf->price_out / 1e6))
			    : json_null();
}

/* A usual task in a repository of a middling size. */
static json_t *estimate_json(const struct looking *looking, const struct agent_setup *setup, char out_words[32])
{
	const struct agent_job job = {.prompt_bytes = 1000,
				      .repository_files = 200,
				      .repository_bytes = 1000000,
				      .level = 2,
				      .turns_max = setup->conf.turns};
	struct agent_estimate estimate;
	bool priced;

	agent_estimate_for(setup, looking->history, &job, &estimate, &priced);
	if (estimate.expected_microusd)
		snprintf(out_words, 32, "%s$%.2f", priced ? "" : "about ", (double)estimate.expected_microusd / 1e6);
	else
		snprintf(out_words, 32, "free");
	return need(json_pack("{s:I, s:I, s:I, s:I, s:s, s:b}", "likely_tokens", (json_int_t)estimate.expected_tokens,
			      "likely_microusd", (json_int_t)estimate.expected_microusd, "most_tokens",
			      (json_int_t)estimate.tokens, "most_microusd", (json_int_t)estimate.microusd, "basis",
			      estimate.basis, "priced", (int)priced));
}

static void add_estimate(const struct looking *looking, const struct agent_setup *setup, json_t *row)
{
	char words[32];

	if (!looking->history)
		return;
	json_object_set_new(row, "usual_task", estimate_json(looking, setup, words));
	json_object_set_new(row, "usual_cost", need(json_string(words)));
}

static json_t *text_or_null(const char *text)
{
	return text && *text ? need(json_string(text)) : json_null();
}

static json_t *setup_json(const struct looking *looking, const struct agent_setup *setup)
{
	const struct agent_conf *conf = &setup->conf;

	return need(json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:o}", "agent", conf->name,
			      "adapter", conf->adapter, "title", setup->title, "installed", (int)setup->installed, "program",
			      setup->own ? json_string("bunshin") : text_or_null(setup->program), "version",
			      text_or_null(setup->version), "model", text_or_null(conf->model), "server",
			      text_or_null(setup->server), "wire", text_or_null(conf->wire), "key", key_json(looking, setup),
			      "price", price_json(conf), "price_words", price_words(conf), "level", (int)conf->level, "slots",
			      (int)conf->slots, "fallback", text_or_null(conf->fallback)));
}

static int row_add(const struct looking *looking, const char *name, json_t *rows)
{
	char sentence[SENTENCE_BYTES];
	struct agent_setup *setup = NULL;
	json_t *row;
	int rc = agent_setup_new(looking->conf, name, &setup, sentence);

	if (rc)
		return call_fail(looking->call, rc, "docs/routing.md explains section agent", "%s", sentence);
	if (looking->has_state)
		agent_setup_known_version(setup, &looking->state);
	row = setup_json(looking, setup);
	json_object_set_new(row, "there",
			    need(json_string(!setup->installed   ? "not installed"
					     : setup->version[0] ? setup->version
								 : "installed")));
	add_estimate(looking, setup, row);
	json_array_append_new(rows, row);
	agent_setup_free(setup);
	return 0;
}

/* Those of the file first, in its order; then what is built in and not in it. */
static int all_rows(const struct looking *looking, json_t *rows)
{
	const struct agent_conf *builtin;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < looking->conf->agent_count; i++)
		rc = row_add(looking, looking->conf->agent[i].name, rows);
	for (size_t i = 0; !rc && (builtin = agent_builtin_at(i)); i++)
		if (conf_agent(looking->conf, builtin->name) == builtin)
			rc = row_add(looking, builtin->name, rows);
	return rc;
}

/* ---- list ---- */

static const struct column list_columns[] = {
	{"AGENT", "agent", COLUMN_TEXT, false},
	{"PROGRAM", "there", COLUMN_TEXT, false},
	{"MODEL", "model", COLUMN_TEXT, false},
	{"SERVER", "server", COLUMN_TEXT, true},
	{"KEY", "key", COLUMN_TEXT, false},
	{"IN/OUT", "price_words", COLUMN_TEXT, false},
	{"A TASK", "usual_cost", COLUMN_TEXT, false},
	{"LEVEL", "level", COLUMN_NUMBER, false},
	{"SLOTS", "slots", COLUMN_NUMBER, false},
	{"FALLBACK", "fallback", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int run_list(struct call *call)
{
	struct looking looking = {.conf = NULL};
	json_t *rows;
	int rc = look_begin(call, &looking);

	if (rc)
		return rc;
	rows = need(json_array());
	if (looking.has_state && agent_history_read(&looking.state, &looking.history))
		looking.history = NULL;
	rc = all_rows(&looking, rows);
	agent_history_free(looking.history);
	free(looking.conf);
	if (!rc)
		return listing_print(call, "agents", rows, list_columns, NULL);
	json_decref(rows);
	return rc;
}

const struct command command_agent_list = {
	.name = "agent list",
	.operands = "",
	.sentence = "Lists the agents that can be given work: those of routing.conf and those that are built in",
	.example = "$ bunshin agent list",
	.notes = "PROGRAM is the version, where it was asked for before (`bunshin agent probe`). KEY says whether there is one, "
		 "as this shell sees\n"
		 "it, and never shows it. A TASK is what a usual task would likely cost, by the past of the agent in this "
		 "network; "
		 "\"about\" where\n"
		 "nobody has said its prices. Works without a running network.",
	.run = run_list,
};

/* ---- probe ---- */

static void probe_program(const struct looking *looking, struct agent_setup *setup, json_t *row)
{
	char sentence[SENTENCE_BYTES] = "";
	int rc = 0;

	if (!setup->installed)
		agent_setup_hint(setup, sentence);
	else if (looking->has_state)
		rc = agent_setup_version(setup, &looking->state, -1, sentence);
	json_object_set_new(row, "version", text_or_null(setup->version));
	if (!setup->installed || rc)
		json_array_append_new(json_object_get(row, "lacks"), need(said(sentence)));
}

static void probe_key(const struct looking *looking, const struct agent_setup *setup, json_t *row)
{
	char key[AGENT_KEY_VALUE_BYTES], sentence[SENTENCE_BYTES] = "";

	if (strncmp(setup->conf.key, "secret:", 7) == 0 && !looking->has_state)
		return;
	if (agent_setup_key(setup, &looking->state, key, sentence))
		json_array_append_new(json_object_get(row, "lacks"), need(said(sentence)));
	explicit_bzero(key, sizeof(key));
	if (!setup->server && setup->cli.wire)
		json_array_append_new(json_object_get(row, "lacks"),
				      need(json_sprintf("no model server; endpoint in section agent %s of routing.conf names one",
							setup->conf.name)));
}

static void probe_server(const struct looking *looking, const struct agent_setup *setup, json_t *row)
{
	char sentence[SENTENCE_BYTES] = "";
	char *text = NULL;

	if (!setup->server && !setup->cli.wire)
		return;
	if (agent_setup_ask(setup, &looking->state, &text, sentence))
		json_array_append_new(json_object_get(row, "lacks"), need(said(sentence)));
	else
		json_object_set_new(row, "answer", need(said(text)));
	free(text);
}

static int probe(const struct looking *looking, const char *name, bool ask, json_t *rows)
{
	char sentence[SENTENCE_BYTES];
	struct agent_setup *setup = NULL;
	json_t *row;
	int rc = agent_setup_new(looking->conf, name, &setup, sentence);

	if (rc)
		return call_fail(looking->call, rc, NULL, "%s", sentence);
	row = setup_json(looking, setup);
	json_object_set_new(row, "lacks", need(json_array()));
	json_object_set_new(row, "answer", json_null());
	probe_program(looking, setup, row);
	probe_key(looking, setup, row);
	if (ask && json_array_size(json_object_get(row, "lacks")) == 0)
		probe_server(looking, setup, row);
	json_object_set_new(row, "usable", json_boolean(json_array_size(json_object_get(row, "lacks")) == 0));
	json_array_append_new(rows, row);
	agent_setup_free(setup);
	return 0;
}

static void print_probe(const json_t *row)
{
	const json_t *lacks = json_object_get(row, "lacks"), *sentence;
	const char *version = json_string_value(json_object_get(row, "version"));
	const char *answer = json_string_value(json_object_get(row, "answer"));
	size_t i;

	printf("%s: %s%s%s\n", json_string_value(json_object_get(row, "agent")),
	       json_array_size(lacks) ? "cannot be used" : "can be used", version ? ", version " : "", version ? version : "");
	json_array_foreach (lacks, i, sentence)
		printf("  %s\n", json_string_value(sentence));
	if (answer)
		printf("  its model answered: %s\n", answer);
}

static int probe_all(const struct looking *looking, bool ask, json_t *rows)
{
	json_t *names = need(json_array());
	const json_t *row;
	size_t i;
	int rc = all_rows(looking, names);

	json_array_foreach (names, i, row) {
		if (!rc)
			rc = probe(looking, json_string_value(json_object_get(row, "agent")), ask, rows);
	}
	json_decref(names);
	return rc;
}

static int print_probes(struct call *call, json_t *rows)
{
	bool usable = json_array_size(rows) != 1 || json_is_true(json_object_get(json_array_get(rows, 0), "usable"));
	const json_t *row;
	size_t i;

	if (call->json) {
		print_json(need(json_pack("{s:O}", "agents", rows)));
	} else {
		json_array_foreach (rows, i, row)
			print_probe(row);
	}
	return usable ? 0 : error_exit_code(ERR_TOOL_MISSING);
}

static int run_probe(struct call *call)
{
	struct looking looking = {.conf = NULL};
	char why[256] = "";
	json_t *rows;
	int rc = look_begin(call, &looking);

	if (rc)
		return rc;
	rows = need(json_array());
	if (sandbox_check(why))
		rc = call_fail(call, ERR_SANDBOX, "without it no agent is started", "%s", why);
	else
		rc = call->operands ? probe(&looking, call->operand[0], option_set(call, "ask"), rows)
				    : probe_all(&looking, option_set(call, "ask"), rows);
	if (!rc)
		rc = print_probes(call, rows);
	json_decref(rows);
	free(looking.conf);
	return rc;
}

static const struct option_row probe_options[] = {
	{"ask", NULL, "ask the model server for one word, with the key; that may cost a fraction of a cent"},
	{NULL, NULL, NULL},
};

const struct command command_agent_probe = {
	.name = "agent probe",
	.operands = "[NAME]",
	.sentence = "Says whether agents can be used, and if not, what is missing and how to get it",
	.example = "$ bunshin agent probe\n$ bunshin agent probe claude --ask",
	.notes = "Each program is asked for its version in the sandbox, as it would be started. Exit code 6: the one that was "
		 "named cannot be\n"
		 "used. Works without a running network.",
	.options = probe_options,
	.operands_most = 1,
	.run = run_probe,
};
