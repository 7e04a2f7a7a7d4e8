/* SPDX-License-Identifier: MIT
 *
 * bunshin workspace list, refs, gc, delete; and the process
 */
#include <stdio.h>
#include <string.h>

#include "actors/workspace_actor.h"
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/workspace_ask.h"

/* ---- list ---- */

static const struct column list_columns[] = {
	{"NAME", "name", COLUMN_TEXT, false},
	{"STATE", "state", COLUMN_STATE, false},
	{"REFS", "refs", COLUMN_NUMBER, false},
	{"OBJECTS", "objects", COLUMN_NUMBER, false},
	{"MEMORY", "memory_bytes", COLUMN_NUMBER, false},
	{"OF", "memory_max_bytes", COLUMN_NUMBER, false},
	{"JOURNAL", "journal_bytes", COLUMN_NUMBER, false},
	{"PATH", "path", COLUMN_TEXT, true},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int run_list(struct call *call)
{
	json_t *result = NULL, *rows, *row;
	size_t i;
	int rc = workspace_ask(call, json_pack("{s:s}", "verb", "list"), false, &result, NULL);

	if (rc)
		return rc;
	rows = json_object_get(result, "repositories");
	json_array_foreach (rows, i, row)
		if (!call->json)
			json_object_set_new(row, "state",
					    json_string(json_is_true(json_object_get(row, "open")) ? "open" : "closed"));
	listing_print(call, "repositories", json_incref(rows), list_columns,
		      "the workspace is empty; bunshin workspace import PATH brings a repository");
	json_decref(result);
	return 0;
}

const struct command command_workspace_list = {
	.name = "workspace list",
	.operands = "",
	.sentence = "Lists the repositories in the workspace",
	.example = "$ bunshin workspace list",
	.notes = "MEMORY and JOURNAL are in bytes. A repository that nobody has used for a while is closed; it is opened again "
		 "when it is "
		 "needed.",
	.run = run_list,
};

/* ---- refs ---- */

static const struct column ref_columns[] = {
	{"REF", "ref", COLUMN_TEXT, false},
	{"COMMIT", "id", COLUMN_TEXT, false},
	{"CHANGES", "version", COLUMN_NUMBER, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int run_refs(struct call *call)
{
	json_t *request = NULL, *result = NULL, *row;
	size_t i;
	int rc = workspace_request(call, "refs", &request);

	if (rc)
		return rc;
	request_add(request, "prefix", call->operands ? call->operand[0] : NULL);
	rc = workspace_ask(call, request, false, &result, NULL);
	if (rc)
		return rc;
	if (call->json)
		return print_json(result);
	json_array_foreach (json_object_get(result, "refs"), i, row)
		json_object_set_new(row, "id", id_shown(json_object_get(row, "id")));
	listing_print(call, "refs", json_incref(json_object_get(result, "refs")), ref_columns, "there are no such refs");
	json_decref(result);
	return 0;
}

static const struct option_row repo_options[] = {
	REPO_OPTION,
	{NULL, NULL, NULL},
};

const struct command command_workspace_refs = {
	.name = "workspace refs",
	.operands = "[PREFIX]",
	.sentence = "Lists branches, tags and results",
	.example = "$ bunshin workspace refs\n$ bunshin workspace refs refs/bunshin/ --repo ~/project",
	.notes = "What an attempt has handed in is refs/bunshin/TASK/ATTEMPT.",
	.options = repo_options,
	.operands_most = 1,
	.run = run_refs,
};

/* ---- delete ---- */

static int run_delete(struct call *call)
{
	json_t *request = NULL, *result = NULL;
	int rc = workspace_request(call, "delete", &request);

	if (rc)
		return rc;
	request_add(request, "ref", call->operand[0]);
	rc = workspace_ask(call, request, false, &result, NULL);
	if (rc)
		return rc;
	if (call->json)
		return print_json(result);
	call_note(call, "deleted %s, which was %.12s", call->operand[0], json_string_value(json_object_get(result, "old")));
	json_decref(result);
	return 0;
}

const struct command command_workspace_delete = {
	.name = "workspace delete",
	.operands = "REF",
	.sentence = "Deletes a branch or a result of the workspace",
	.example = "$ bunshin workspace delete refs/bunshin/01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d4e/1",
	.notes = "Its commits stay until a later `bunshin workspace gc`. The repository on the disk is not touched.",
	.options = repo_options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run_delete,
};

/* ---- gc ---- */

static const struct column gc_columns[] = {
	{"objects before", "objects_before", COLUMN_NUMBER, false}, {"objects after", "objects_after", COLUMN_NUMBER, false},
	{"bytes before", "bytes_before", COLUMN_NUMBER, false},     {"bytes after", "bytes_after", COLUMN_NUMBER, false},
	{"journal before", "journal_before", COLUMN_NUMBER, false}, {"journal after", "journal_after", COLUMN_NUMBER, false},
	{"others waited us", "pause_us", COLUMN_NUMBER, false},     {NULL, NULL, COLUMN_TEXT, false},
};

static int run_gc(struct call *call)
{
	json_t *request = NULL, *result = NULL;
	int rc = workspace_request(call, "gc", &request);

	if (rc)
		return rc;
	if (option_set(call, "now"))
		json_object_set_new(request, "now", json_true());
	rc = workspace_ask(call, request, true, &result, NULL);
	if (rc)
		return rc;
	if (call->json)
		return print_json(result);
	print_facts(call, result, gc_columns);
	json_decref(result);
	return 0;
}

static const struct option_row gc_options[] = {
	REPO_OPTION,
	{"now", NULL, "also forget what was made since the last time"},
	{NULL, NULL, NULL},
};

const struct command command_workspace_gc = {
	.name = "workspace gc",
	.operands = "",
	.sentence = "Forgets what no branch, tag or result leads to",
	.example = "$ bunshin workspace gc --repo ~/project",
	.options = gc_options,
	.run = run_gc,
};

/* ---- the process ---- */

static int run_serve(struct call *call)
{
	struct workspace_actor_options options = {.ready_fd = -1}; /* the supervisor is told as every process tells it */
	char state[PATH_BYTES];
	uint32_t memory_mib = 0;
	int rc = session_state_path(call, state);

	if (!rc)
		rc = option_number(call, "memory", 64, 1u << 24, &memory_mib);
	if (rc)
		return rc;
	options.state_folder = state;
	options.memory_max_bytes = (uint64_t)memory_mib << 20;
	return workspace_main(&options);
}

static const struct option_row serve_options[] = {
	{"memory", "MIB", "how much memory a repository may take; without it half of the machine's"},
	{NULL, NULL, NULL},
};

const struct command command_workspace_serve = {
	.name = "workspace serve",
	.operands = "",
	.sentence = "The process that owns the workspace, in the foreground; `bunshin up` starts it",
	.example = "$ bunshin workspace serve --state ./state",
	.options = serve_options,
	.hidden = true,
	.run = run_serve,
};
