/* SPDX-License-Identifier: MIT
 *
 * bunshin workspace import, merge, export, checkout, harvest
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/workspace_ask.h"
#include "protocol/id.h"

static void request_list(const struct call *call, json_t *request, const char *name, const char *option_name)
{
	json_t *list = json_array();
	size_t position = 0;
	const char *value;

	while ((value = option_next(call, option_name, &position)))
		json_array_append_new(list, json_string(value));
	if (json_array_size(list))
		json_object_set(request, name, list);
	json_decref(list);
}

static int print_result(const struct call *call, json_t *result, const struct column *columns)
{
	if (call->json)
		return print_json(result);
	print_facts(call, result, columns);
	json_decref(result);
	return 0;
}

/* ---- import ---- */

static const struct column import_columns[] = {
	{"repository", "repository", COLUMN_TEXT, false},
	{"path", "path", COLUMN_TEXT, false},
	{"new objects", "objects", COLUMN_NUMBER, false},
	{"bytes", "bytes", COLUMN_NUMBER, false},
	{"refs", "refs", COLUMN_NUMBER, false},
	{"refs changed", "change_count", COLUMN_NUMBER, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int run_import(struct call *call)
{
	char *path = call->operands ? realpath(call->operand[0], NULL) : repository_above(".");
	json_t *request, *result = NULL;
	uint32_t depth = 0;
	int rc = option_number(call, "depth", 1, UINT32_MAX, &depth);

	if (!rc && !path)
		rc = call->operands ? call_fail(call, ERR_NOT_FOUND, NULL, "%s: %s", call->operand[0], strerror(errno))
				    : call_fail(call, ERR_USAGE, "name one", "there is no repository around the current folder");
	if (!rc) {
		request = need(json_pack("{s:s, s:s}", "verb", "import", "path", path));
		if (depth)
			json_object_set_new(request, "depth", json_integer(depth));
		request_list(call, request, "revisions", "revision");
		rc = workspace_ask(call, request, true, &result, NULL);
	}
	free(path);
	return rc ? rc : print_result(call, result, import_columns);
}

static const struct option_row import_options[] = {
	{"depth", "N", "only the newest N commits of each history"},
	{"revision", "REVISION", "only this and what it leads to; may be given several times"},
	{NULL, NULL, NULL},
};

const struct command command_workspace_import = {
	.name = "workspace import",
	.operands = "[PATH]",
	.sentence = "Reads a git repository into the workspace, or what is new in it",
	.example = "$ bunshin workspace import ~/project",
	.notes = "The repository on the disk is only read. Branches and tags are called the same in the workspace.",
	.options = import_options,
	.operands_most = 1,
	.run = run_import,
};

/* ---- merge ---- */

static const struct column merge_columns[] = {
	{"branch", "ref", COLUMN_TEXT, false}, {"was", "old", COLUMN_TEXT, false}, {"is", "new", COLUMN_TEXT, false},
	{"by", "kind", COLUMN_TEXT, false},    {NULL, NULL, COLUMN_TEXT, false},
};

static const struct column conflict_columns[] = {
	{"PATH", "path", COLUMN_TEXT, false},      {"CONFLICT", "kind", COLUMN_TEXT, false},
	{"OURS", "ours_text", COLUMN_TEXT, false}, {"THEIRS", "theirs_text", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

/* "lines 3-5, 20" of one side, or where it has the file, or that it has none. */
static json_t *side_text(const json_t *conflict, const char *side)
{
	const json_t *places = json_object_get(conflict, "places"), *place, *it = json_object_get(conflict, side);
	const char *path = json_string_value(json_object_get(it, "path"));
	char text[160] = "";
	size_t used = 0, i;

	if (!json_is_object(it))
		return json_string("not there");
	json_array_foreach (places, i, place) {
		const json_t *range = json_object_get(place, side);
		long long line = json_integer_value(json_object_get(range, "line")),
			  lines = json_integer_value(json_object_get(range, "lines"));
		if (used > sizeof(text) - 64) {
			used += (size_t)snprintf(text + used, sizeof(text) - used, ", …");
			break;
		}
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 i                                            ? ", "
					 : lines == 0                                 ? ""
					 : lines == 1 && json_array_size(places) == 1 ? "line "
										      : "lines ");
		if (lines > 1)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%lld-%lld", line, line + lines - 1);
		else
			used += (size_t)snprintf(text + used, sizeof(text) - used, lines ? "%lld" : "before %lld", line);
	}
	if (used)
		return json_string(text);
	return path && strcmp(path, json_string_value(json_object_get(conflict, "path"))) != 0 ? json_sprintf("%s", path)
											       : json_string("there");
}

static int show_conflicts(const struct call *call, json_t *error)
{
	static const char next[] = "bunshin workspace checkout BRANCH FOLDER --merge REVISION writes both sides there, between "
				   "markers; when it is put "
				   "right,\n        bunshin workspace harvest FOLDER --base BRANCH --merged REVISION --to NAME "
				   "takes it, and NAME can be merged";
	json_t *conflicts = json_object_get(error, "conflicts"), *conflict;
	size_t i;

	if (call->json) {
		print_json(json_incref(error));
	} else {
		json_array_foreach (conflicts, i, conflict) {
			json_object_set_new(conflict, "ours_text", side_text(conflict, "ours"));
			json_object_set_new(conflict, "theirs_text", side_text(conflict, "theirs"));
		}
		listing_print(call, "conflicts", json_incref(conflicts), conflict_columns, NULL);
		fflush(stdout);
	}
	call_fail(call, ERR_CONFLICT, next, "%s", json_string_value(json_object_get(error, "sentence")));
	json_decref(error);
	return error_exit_code(ERR_CONFLICT);
}

/* The branch that HEAD means. */
static int take_head(const struct call *call, json_t *request)
{
	json_t *ask = json_pack("{s:s, s:O, s:s}", "verb", "refs", "repository", json_object_get(request, "repository"), "prefix",
				"refs/heads/");
	json_t *refs = NULL;
	const char *head;
	int rc = workspace_ask(call, ask, false, &refs, NULL);

	if (rc)
		return rc;
	head = json_string_value(json_object_get(refs, "head"));
	request_add(request, "into", head);
	json_decref(refs);
	return json_object_get(request, "into") ? 0
						: call_fail(call, ERR_USAGE, NULL, "say with --into which branch to merge into");
}

static int run_merge(struct call *call)
{
	json_t *request = NULL, *result = NULL, *conflicts = NULL;
	char *person = person_text();
	int rc = workspace_request(call, "merge", &request);

	if (!rc) {
		request_add(request, "from", call->operand[0]);
		request_add(request, "into", option(call, "into"));
		request_add(request, "message", option(call, "message"));
		request_add(request, "author", person);
		if (!option(call, "into"))
			rc = take_head(call, request);
		if (rc)
			json_decref(request);
		else
			rc = workspace_ask(call, request, false, &result, &conflicts);
	}
	free(person);
	if (conflicts)
		return show_conflicts(call, conflicts);
	return rc ? rc : print_result(call, result, merge_columns);
}

static const struct option_row merge_options[] = {
	REPO_OPTION,
	{"into", "BRANCH", "the branch to merge into; by default the one that HEAD means"},
	{"message", "TEXT", "of the merge commit"},
	{NULL, NULL, NULL},
};

const struct command command_workspace_merge = {
	.name = "workspace merge",
	.operands = "REVISION",
	.sentence = "Merges a commit into a branch of the workspace",
	.example = "$ bunshin workspace merge refs/bunshin/TASK/1 --into main",
	.notes = "As git merge does, in memory. Exit code 6: there are conflicts; they are listed, and nothing has changed. The "
		 "author is\n"
		 "GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL, else your login name.",
	.options = merge_options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run_merge,
};

/* ---- export ---- */

static const struct column export_columns[] = {
	{"path", "path", COLUMN_TEXT, false},
	{"objects written", "objects", COLUMN_NUMBER, false},
	{"bytes", "pack_bytes", COLUMN_NUMBER, false},
	{"refs", "refs", COLUMN_NUMBER, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int run_export(struct call *call)
{
	json_t *request = NULL, *result = NULL;
	char *path = path_absolute(call->operand[0]);
	int rc = workspace_request(call, "export", &request);

	if (!rc) {
		request_add(request, "path", path);
		request_add(request, "prefix", option(call, "prefix"));
		request_list(call, request, "refs", "ref");
		if (option_set(call, "bare"))
			json_object_set_new(request, "bare", json_true());
		if (option_set(call, "force"))
			json_object_set_new(request, "force", json_true());
		rc = workspace_ask(call, request, true, &result, NULL);
	}
	free(path);
	return rc ? rc : print_result(call, result, export_columns);
}

static const struct option_row export_options[] = {
	REPO_OPTION,
	{"ref", "REF", "only this one; may be given several times"},
	{"prefix", "PREFIX", "where refs go, instead of refs/"},
	{"bare", NULL, "a new repository has no working tree"},
	{"force", NULL, "also where that is no fast-forward"},
	{NULL, NULL, NULL},
};

const struct command command_workspace_export = {
	.name = "workspace export",
	.operands = "PATH",
	.sentence = "Writes branches, tags and results into a git repository on the disk",
	.example = "$ bunshin workspace export ~/project --ref refs/heads/main --prefix refs/remotes/workspace/\n$ bunshin "
		   "workspace export ./copy.git --bare",
	.notes = "PATH is a repository, or a place for a new one. Only what is missing there is written; a working tree is never "
		 "touched, and a\n"
		 "branch that is checked out is refused.",
	.options = export_options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run_export,
};

/* ---- checkout ---- */

static const struct column checkout_columns[] = {
	{"folder", "folder", COLUMN_TEXT, false},
	{"commit", "id", COLUMN_TEXT, false},
	{"files", "files", COLUMN_NUMBER, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int run_checkout(struct call *call)
{
	json_t *request = NULL, *result = NULL;
	char *folder = NULL;
	int rc = 0;

	if (mkdir(call->operand[1], 0700) && errno != EEXIST)
		return call_fail(call, ERR_IO, NULL, "the folder %s cannot be made: %s", call->operand[1], strerror(errno));
	folder = path_absolute(call->operand[1]);
	rc = workspace_request(call, "checkout", &request);
	if (!rc) {
		request_add(request, "revision", call->operand[0]);
		request_add(request, "folder", folder);
		request_add(request, "merge", option(call, "merge"));
		json_object_set_new(request, "history", json_boolean(!option_set(call, "files-only")));
		rc = workspace_ask(call, request, true, &result, NULL);
	}
	free(folder);
	if (rc)
		return rc;
	size_t conflicts = json_array_size(json_object_get(result, "conflicts"));
	if (conflicts)
		call_note(call, "%zu file%s with conflicts; look for <<<<<<<", conflicts, conflicts == 1 ? "" : "s");
	return print_result(call, result, checkout_columns);
}

static const struct option_row checkout_options[] = {
	REPO_OPTION,
	{"merge", "REVISION", "merge this into it; where both have changed the same, the files have both, between markers"},
	{"files-only", NULL, "without a .git that holds the commit and its history"},
	{NULL, NULL, NULL},
};

const struct command command_workspace_checkout = {
	.name = "workspace checkout",
	.operands = "COMMIT FOLDER",
	.sentence = "Writes a commit's files into an empty folder, as a clone of its own",
	.example = "$ bunshin workspace checkout main ./try",
	.notes = "The folder is made if it is not there. What is changed in it comes back with `bunshin workspace harvest`.",
	.options = checkout_options,
	.operands_least = 2,
	.operands_most = 2,
	.run = run_checkout,
};

/* ---- harvest ---- */

static const struct column harvest_columns[] = {
	{"result", "ref", COLUMN_TEXT, false},         {"commit", "new", COLUMN_TEXT, false},
	{"made from", "base", COLUMN_TEXT, false},     {"files changed", "changed", COLUMN_NUMBER, false},
	{"left out", "skipped", COLUMN_NUMBER, false}, {NULL, NULL, COLUMN_TEXT, false},
};

static int take_place(struct call *call, json_t *request)
{
	struct id task;
	char text[ID_TEXT_BYTES];
	uint32_t attempt = 1;
	int rc = option_number(call, "attempt", 1, UINT32_MAX, &attempt);

	if (rc)
		return rc;
	request_add(request, "to", option(call, "to"));
	if (!option(call, "task"))
		return 0;
	rc = session_task_id(call, option(call, "task"), &task);
	if (rc)
		return rc;
	id_print(&task, text);
	request_add(request, "task", text);
	json_object_set_new(request, "attempt", json_integer(attempt));
	return 0;
}

static int take_folder(struct call *call, json_t *request)
{
	char *folder = path_absolute(call->operand[0]), *person = person_text();

	request_add(request, "folder", folder);
	request_add(request, "base", option(call, "base"));
	request_add(request, "merged", option(call, "merged"));
	request_add(request, "message", option(call, "message"));
	request_add(request, "author", person);
	free(folder);
	free(person);
	return take_place(call, request);
}

static int run_harvest(struct call *call)
{
	json_t *request = NULL, *result = NULL;
	int rc;

	if (!option(call, "base") || !option(call, "task") == !option(call, "to"))
		return call_fail(call, ERR_USAGE, "bunshin help workspace harvest",
				 "--base and either --task or --to are needed");
	rc = workspace_request(call, "harvest", &request);
	if (!rc)
		rc = take_folder(call, request);
	if (rc)
		json_decref(request);
	else
		rc = workspace_ask(call, request, true, &result, NULL);
	if (rc)
		return rc;
	if (!call->json) {
		json_object_set_new(result, "changed",
				    json_integer((json_int_t)json_array_size(json_object_get(result, "changes"))));
		if (!json_is_string(json_object_get(result, "ref")))
			call_note(call, "nothing has changed, so there is no result");
	}
	return print_result(call, result, harvest_columns);
}

static const struct option_row harvest_options[] = {
	REPO_OPTION,
	{"base", "REVISION", "the commit that the folder was made from"},
	{"merged", "REVISION", "what was merged there: it becomes the second parent"},
	{"task", "TASK", "the task that this is a result of: the commit goes to refs/bunshin/TASK/ATTEMPT"},
	{"attempt", "N", "of the task; by default 1"},
	{"to", "REF", "instead of a task: a new branch"},
	{"message", "TEXT", "of the commit"},
	{NULL, NULL, NULL},
};

const struct command command_workspace_harvest = {
	.name = "workspace harvest",
	.operands = "FOLDER",
	.sentence = "Takes what a folder holds as a commit: the result of a task, or a new branch",
	.example = "$ bunshin workspace harvest ./try --base main --task 01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d4e --attempt 1\n"
		   "$ bunshin workspace harvest ./resolve --base main --merged refs/bunshin/TASK/2 --to resolved",
	.notes = "By content only: nothing is run in the folder and no .git is opened. Handing in the same twice is once; "
		 "something\n"
		 "else under the same name is refused.",
	.options = harvest_options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run_harvest,
};
