/* SPDX-License-Identifier: MIT
 *
 * bunshin workspace log, show, diff
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/workspace_ask.h"

/* Text of many lines: as it is where nobody's terminal could obey it. */
static void print_lines(const json_t *text)
{
	size_t bytes = json_string_length(text);
	char *safe;

	if (!isatty(STDOUT_FILENO)) {
		fwrite(json_string_value(text), 1, bytes, stdout);
		return;
	}
	safe = text_safe_lines(json_string_value(text), bytes);
	fputs(safe, stdout);
	free(safe);
}

static json_t *first_line(const json_t *text)
{
	const char *at = json_string_value(text);

	return at ? json_stringn(at, strcspn(at, "\n")) : json_null();
}

/* ---- log ---- */

static const struct column log_columns[] = {
	{"COMMIT", "id", COLUMN_TEXT, false},      {"AT", "at", COLUMN_TEXT, false}, {"AUTHOR", "author", COLUMN_TEXT, false},
	{"SUBJECT", "subject", COLUMN_TEXT, true}, {NULL, NULL, COLUMN_TEXT, false},
};

static int run_log(struct call *call)
{
	json_t *request = NULL, *result = NULL, *row;
	uint32_t count = 0;
	size_t i;
	int rc = option_number(call, "count", 1, 100000, &count);

	if (!rc)
		rc = workspace_request(call, "log", &request);
	if (rc)
		return rc;
	request_add(request, "revision", call->operands ? call->operand[0] : NULL);
	request_add(request, "without", option(call, "without"));
	if (count)
		json_object_set_new(request, "count", json_integer(count));
	rc = workspace_ask(call, request, false, &result, NULL);
	if (rc)
		return rc;
	if (call->json)
		return print_json(result);
	json_array_foreach (json_object_get(result, "commits"), i, row) {
		json_object_set_new(row, "subject", first_line(json_object_get(row, "message")));
		json_object_set_new(row, "id", id_shown(json_object_get(row, "id")));
	}
	listing_print(call, "commits", json_incref(json_object_get(result, "commits")), log_columns, "there are no such commits");
	if (json_is_true(json_object_get(result, "more")))
		call_note(call, "there are older ones; --count says how many to show");
	json_decref(result);
	return 0;
}

static const struct option_row log_options[] = {
	REPO_OPTION,
	{"without", "REVISION", "leave out what this leads to"},
	{"count", "N", "at most this many; by default 100"},
	{NULL, NULL, NULL},
};

const struct command command_workspace_log = {
	.name = "workspace log",
	.operands = "[REVISION]",
	.sentence = "Lists commits, newest first",
	.example = "$ bunshin workspace log\n$ bunshin workspace log refs/bunshin/TASK/1 --without main",
	.options = log_options,
	.operands_most = 1,
	.run = run_log,
};

/* ---- show ---- */

static const struct column commit_columns[] = {
	{"commit", "id", COLUMN_TEXT, false},
	{"parents", "parents_text", COLUMN_TEXT, false},
	{"author", "author_text", COLUMN_TEXT, false},
	{"at", "at", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static const struct column entry_columns[] = {
	{"MODE", "mode", COLUMN_TEXT, false},
	{"ID", "id", COLUMN_TEXT, false},
	{"NAME", "name", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static json_t *parents_text(const json_t *parents)
{
	char text[2048] = "";
	size_t used = 0, i;
	json_t *parent;

	json_array_foreach (parents, i, parent) {
		if (used + 64 < sizeof(text))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
						 json_is_string(parent) ? json_string_value(parent) : "(not here)");
	}
	return used ? json_string(text) : json_null();
}

static void print_commit(const struct call *call, json_t *commit)
{
	json_object_set_new(commit, "parents_text", parents_text(json_object_get(commit, "parents")));
	json_object_set_new(commit, "author_text",
			    json_sprintf("%s <%s>", json_string_value(json_object_get(commit, "author")),
					 json_string_value(json_object_get(commit, "email"))));
	print_facts(call, commit, commit_columns);
	putchar('\n');
	print_lines(json_object_get(commit, "message"));
	putchar('\n');
	print_lines(json_object_get(commit, "patch"));
}

static int print_binary(const struct call *call, const json_t *file)
{
	const json_t *text = json_object_get(file, "base64");
	size_t room = json_string_length(text), bytes = 0;
	unsigned char *data;

	if (isatty(STDOUT_FILENO)) {
		call_note(call, "%s is no text: %lld bytes; send the output to a file to have them",
			  json_string_value(json_object_get(file, "path")),
			  (long long)json_integer_value(json_object_get(file, "bytes")));
		return 0;
	}
	data = need(malloc(room + 1));
	if (sodium_base642bin(data, room, json_string_value(text), room, NULL, &bytes, NULL, sodium_base64_VARIANT_ORIGINAL))
		bytes = 0;
	fwrite(data, 1, bytes, stdout);
	free(data);
	return 0;
}

static int print_shown(const struct call *call, json_t *result)
{
	json_t *entries = json_object_get(result, "entries"), *entry;
	size_t i;

	if (json_object_get(result, "base64"))
		return print_binary(call, result);
	if (json_object_get(result, "text")) {
		print_lines(json_object_get(result, "text"));
	} else if (entries) {
		json_array_foreach (entries, i, entry)
			json_object_set_new(entry, "id", id_shown(json_object_get(entry, "id")));
		listing_print(call, "entries", json_incref(entries), entry_columns, "the folder is empty");
	} else if (json_object_get(result, "message")) {
		print_commit(call, result);
	} else {
		call_note(call, "a submodule: commit %s of another repository", json_string_value(json_object_get(result, "id")));
	}
	return 0;
}

/* REVISION, REVISION:PATH or :PATH, as git has it. */
static int run_show(struct call *call)
{
	char *named = need(strdup(call->operands ? call->operand[0] : "HEAD"));
	char *colon = strchr(named, ':');
	json_t *request = NULL, *result = NULL;
	int rc = workspace_request(call, "show", &request);

	if (!rc) {
		if (colon) {
			*colon = '\0';
			request_add(request, "path", colon + 1);
		}
		request_add(request, "revision", *named ? named : "HEAD");
		rc = workspace_ask(call, request, false, &result, NULL);
	}
	free(named);
	if (rc)
		return rc;
	if (call->json)
		return print_json(result);
	rc = print_shown(call, result);
	json_decref(result);
	return rc;
}

static const struct option_row repo_options[] = {
	REPO_OPTION,
	{NULL, NULL, NULL},
};

const struct command command_workspace_show = {
	.name = "workspace show",
	.operands = "[REVISION[:PATH]]",
	.sentence = "Shows a commit and what it changed, or a file or folder of it",
	.example = "$ bunshin workspace show main\n$ bunshin workspace show refs/bunshin/TASK/1:src/main.c\n$ bunshin workspace "
		   "show main:",
	.notes = "A file goes to standard output byte by byte when that is no terminal.",
	.options = repo_options,
	.operands_most = 1,
	.run = run_show,
};

/* ---- diff ---- */

static const struct column change_columns[] = {
	{"STATUS", "status", COLUMN_TEXT, false},
	{"PATH", "path", COLUMN_TEXT, false},
	{"FROM", "before", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int print_names(const struct call *call, json_t *result)
{
	json_t *changes = json_object_get(result, "changes"), *change;
	size_t i;

	json_array_foreach (changes, i, change) {
		json_t *before = json_object_get(change, "old_path"), *after = json_object_get(change, "new_path");
		bool renamed = json_is_string(before) && json_is_string(after) && !json_equal(before, after);
		json_object_set(change, "path", json_is_string(after) ? after : before);
		json_object_set_new(change, "before", renamed ? json_incref(before) : json_null());
	}
	return listing_print(call, "changes", json_incref(changes), change_columns, "nothing differs");
}

static int run_diff(struct call *call)
{
	bool names = option_set(call, "names");
	json_t *request = NULL, *result = NULL;
	int rc = workspace_request(call, "diff", &request);

	if (rc)
		return rc;
	request_add(request, "from", call->operand[0]);
	request_add(request, "to", call->operand[1]);
	request_add(request, "path", option(call, "path"));
	if (!names)
		json_object_set_new(request, "patch", json_true());
	rc = workspace_ask(call, request, false, &result, NULL);
	if (rc)
		return rc;
	if (call->json)
		return print_json(result);
	if (names)
		print_names(call, result);
	else if (json_array_size(json_object_get(result, "changes")) == 0)
		call_note(call, "nothing differs");
	else
		print_lines(json_object_get(result, "patch"));
	json_decref(result);
	return 0;
}

static const struct option_row diff_options[] = {
	REPO_OPTION,
	{"names", NULL, "only which files differ"},
	{"path", "PATH", "only below this path"},
	{NULL, NULL, NULL},
};

const struct command command_workspace_diff = {
	.name = "workspace diff",
	.operands = "FROM TO",
	.sentence = "Shows what differs between two commits",
	.example = "$ bunshin workspace diff main refs/bunshin/TASK/1\n$ bunshin workspace diff main~3 main --names",
	.options = diff_options,
	.operands_least = 2,
	.operands_most = 2,
	.run = run_diff,
};
