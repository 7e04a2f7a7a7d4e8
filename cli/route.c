/* SPDX-License-Identifier: MIT
 *
 * bunshin route list, check, explain, reload
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/state.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/tables.h"
#include "cli/text.h"

/* ---- the file ---- */

static const struct column list_columns[] = {
	{"TYPE", "task_type", COLUMN_TEXT, false},    {"GOES TO", "destinations", COLUMN_TEXT, false},
	{"PRIORITY", "priority", COLUMN_TEXT, false}, {"TIMEOUT", "timeout_ms", COLUMN_SPAN, false},
	{"RETRIES", "retries", COLUMN_NUMBER, false}, {"DEADLINE", "deadline_ms", COLUMN_SPAN, false},
	{"QUEUE", "queue_max", COLUMN_NUMBER, false}, {NULL, NULL, COLUMN_TEXT, false},
};

static int run_list(struct call *call)
{
	char path[PATH_BYTES];
	struct conf *conf = NULL;
	json_t *rows;
	int rc = session_conf(call, path, &conf);

	if (rc)
		return rc;
	rows = json_array();
	for (uint32_t i = 0; i < conf->table.route_count; i++)
		json_array_append_new(rows, route_json(&conf->table.route[i]));
	free(conf);
	return listing_print(call, "routes", rows, list_columns, "this file has no routes");
}

const struct command command_route_list = {
	.name = "route list",
	.operands = "",
	.sentence = "Lists who receives which type of task, as routing.conf says",
	.example = "$ bunshin route list",
	.notes = "Works without a running network. `bunshin route explain TYPE` asks the running one.",
	.run = run_list,
};

static int check(struct call *call, const char *path, const struct conf *conf)
{
	if (call->json)
		return print_json(json_pack("{s:b, s:s, s:i, s:i}", "ok", 1, "file", path, "routes", (int)conf->table.route_count,
					    "clones", (int)conf->clone_count));
	printf("%s can be used: %u routes, %u clones\n", path, conf->table.route_count, conf->clone_count);
	return 0;
}

static int run_check(struct call *call)
{
	char path[PATH_BYTES];
	struct conf *conf = NULL;
	int rc;

	if (call->operands) { /* as if it had been given with --routes */
		struct setting *item = &call->settings.item[SETTING_routes];
		free(item->value);
		item->value = need(strdup(call->operand[0]));
	}
	rc = session_conf(call, path, &conf);
	if (!rc)
		rc = check(call, path, conf);
	free(conf);
	return rc;
}

const struct command command_route_check = {
	.name = "route check",
	.operands = "[FILE]",
	.sentence = "Says whether a routing.conf can be used, and if not, where and why",
	.example = "$ bunshin route check ./routing.conf",
	.notes = "Exit code 3: it cannot be used. Works without a running network.",
	.operands_most = 1,
	.run = run_check,
};

/* ---- the running network ---- */

static const struct column explain_columns[] = {
	{"CLONE", "clone", COLUMN_TEXT, false},
	{"DESTINATION", "destination", COLUMN_NUMBER, false},
	{"WOULD GET IT", "chosen", COLUMN_TEXT, false},
	{"PRESENCE", "presence", COLUMN_STATE, false},
	{"BUSY", "used", COLUMN_NUMBER, false},
	{"SLOTS", "slots", COLUMN_NUMBER, false},
	{"WHY", "why", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static json_t *candidate_rows(const json_t *candidates)
{
	json_t *rows = json_array();
	const json_t *item;
	size_t i;

	json_array_foreach (candidates, i, item) {
		json_t *clone = json_object_get(item, "clone");
		json_array_append_new(rows,
				      json_pack("{s:O, s:O, s:O, s:O, s:O, s:O, s:O}", "clone", json_object_get(clone, "name"),
						"destination", json_object_get(item, "destination"), "chosen",
						json_object_get(item, "chosen"), "presence", json_object_get(clone, "presence"),
						"used", json_object_get(clone, "used"), "slots", json_object_get(clone, "slots"),
						"why", json_object_get(item, "why")));
	}
	return rows;
}

static int explain(struct call *call, json_t *status)
{
	json_t *route = json_array_get(json_object_get(status, "routes"), 0);
	json_t *rows;

	if (!route)
		return call_fail(call, ERR_NOT_FOUND, "`bunshin route list` shows the types there are", "no route serves \"%s\"",
				 call->operand[0]);
	rows = candidate_rows(json_object_get(status, "candidates"));
	if (call->json)
		return print_json(json_pack("{s:O, s:O, s:o}", "version", json_object_get(status, "version"), "route", route,
					    "candidates", rows));
	print_facts(call, route, list_columns);
	putchar('\n');
	return listing_print(call, "candidates", rows, explain_columns, "no clone that could do this has ever joined");
}

static int run_explain(struct call *call)
{
	struct client *client = NULL;
	json_t *status = NULL;
	int rc = session_client(call, &client);

	if (!rc)
		rc = session_status(call, client, SUBJECT_ROUTE, call->operand[0], &status);
	if (!rc)
		rc = explain(call, status);
	json_decref(status);
	client_close(client);
	return rc;
}

const struct command command_route_explain = {
	.name = "route explain",
	.operands = "TYPE",
	.sentence = "Says which clone would get a task of this type now, which not, and why",
	.example = "$ bunshin route explain security-analysis",
	.operands_least = 1,
	.operands_most = 1,
	.run = run_explain,
};

static int run_reload(struct call *call)
{
	char sentence[CLIENT_SENTENCE_BYTES] = "";
	struct client *client = NULL;
	int rc = session_client(call, &client);

	if (rc)
		return rc;
	rc = client_recover(client, VERB_RELOAD_ROUTES, NULL, NULL, option(call, "reason"), session_timeout_ms(call), sentence);
	client_close(client);
	if (rc)
		return call_fail(call, rc, "the table in force stays; `bunshin route check` looks at the file", "%s",
				 *sentence ? sentence : error_sentence(rc));
	if (call->json)
		return print_json(json_pack("{s:b, s:s}", "ok", 1, "sentence", sentence));
	call_note(call, "%s", *sentence ? sentence : "the new table is in force");
	return 0;
}

static const struct option_row reload_options[] = {
	{"reason", "TEXT", "why, for whoever reads the trail"},
	{NULL, NULL, NULL},
};

const struct command command_route_reload = {
	.name = "route reload",
	.operands = "",
	.sentence = "Has the running network read routing.conf again; a file that cannot be used changes nothing",
	.example = "$ bunshin route reload --reason \"more slots for beta\"",
	.options = reload_options,
	.run = run_reload,
};
