/* SPDX-License-Identifier: MIT
 *
 * bunshin task send
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/listing.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/watch.h"
#include "cli/workspace_ask.h"
#include "clones/clone.h"
#include "protocol/id.h"

#define PARAMETERS_BYTES_MAX (1u << 20)

/* ---- parameters ---- */

/* --params JSON, or @FILE. */
static int take_object(struct call *call, json_t **out_parameters)
{
	const char *text = option(call, "params");
	json_error_t error;
	json_t *json;

	if (!text)
		json = json_object();
	else if (*text == '@')
		json = json_load_file(text + 1, JSON_REJECT_DUPLICATES, &error);
	else
		json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		return call_fail(call, ERR_USAGE, NULL,
				 "--params: %s (line %d, column %d); a JSON object such as '{\"depth\": 2}' would be accepted",
				 error.text, error.line, error.column);
	if (!json_is_object(json)) {
		json_decref(json);
		return call_fail(call, ERR_USAGE, NULL, "--params: this is no JSON object; '{\"depth\": 2}' is one");
	}
	*out_parameters = json;
	return 0;
}

/* NAME=TEXT or NAME:=JSON */
static int take_pair(struct call *call, json_t *parameters, const char *pair)
{
	const char *sign = strchr(pair, '=');
	bool raw = sign && sign > pair && sign[-1] == ':';
	size_t name_bytes = sign ? (size_t)(sign - pair) - raw : 0;
	json_t *value;
	char *name;
	int rc;

	if (name_bytes == 0)
		return call_fail(call, ERR_USAGE, NULL, "--param: \"%s\" is not accepted; NAME=TEXT or NAME:=JSON would be",
				 pair);
	value = raw ? json_loads(sign + 1, JSON_DECODE_ANY, NULL) : json_string(sign + 1);
	if (!value)
		return call_fail(call, ERR_USAGE, NULL, "--param: what follows %.*s is no %s", (int)(sign - pair + 1), pair,
				 raw ? "JSON" : "UTF-8 text");
	name = need(strndup(pair, name_bytes));
	rc = json_object_set_new(parameters, name, value);
	free(name);
	return rc ? call_fail(call, ERR_USAGE, NULL, "--param: the name in \"%s\" is no UTF-8 text", pair) : 0;
}

/* A name of a repository in the workspace stands for itself. */
static bool is_name(const struct call *call, const char *named, const struct specialist *specialist)
{
	return !strchr(named, '/') && (option_set(call, "workspace") || (specialist && specialist->hands_in));
}

static int take_repository(struct call *call, json_t *parameters, const char *task_type)
{
	const struct specialist *specialist = specialist_for_type(task_type);
	const char *named = option(call, "repo");
	char *path;

	if (json_object_get(parameters, "repo"))
		return named ? call_fail(call, ERR_USAGE, NULL, "the repository is named twice, by --repo and as a parameter")
			     : 0;
	if (!named && !specialist)
		return 0;
	path = named ? realpath(named, NULL) : repository_above(".");
	if (!path && named && is_name(call, named, specialist))
		path = need(strdup(named));
	if (!path && named)
		return call_fail(call, ERR_USAGE, NULL, "--repo: %s: %s", named, strerror(errno));
	if (!path)
		return call_fail(call, ERR_USAGE, "name one with --repo", "%s works on a git repository, and there is none here",
				 task_type);
	if (!named)
		call_note(call, "repository: %s", path);
	json_object_set_new(parameters, "repo", json_string(path));
	free(path);
	return 0;
}

static int take_commit(struct call *call, json_t *parameters)
{
	const char *commit = option(call, "commit");

	if (option_set(call, "workspace"))
		json_object_set_new(parameters, "workspace", json_true());
	if (!commit)
		return 0;
	if (json_object_get(parameters, "commit"))
		return call_fail(call, ERR_USAGE, NULL, "the commit is named twice, by --commit and as a parameter");
	return json_object_set_new(parameters, "commit", json_string(commit))
		       ? call_fail(call, ERR_USAGE, NULL, "--commit: \"%s\" is no UTF-8 text", commit)
		       : 0;
}

static int take_parameters(struct call *call, char **out_text)
{
	json_t *parameters = NULL;
	size_t position = 0;
	const char *pair;
	int rc = take_object(call, &parameters);

	while (!rc && (pair = option_next(call, "param", &position)))
		rc = take_pair(call, parameters, pair);
	if (!rc)
		rc = take_repository(call, parameters, call->operand[0]);
	if (!rc)
		rc = take_commit(call, parameters);
	if (!rc)
		*out_text = need(json_dumps(parameters, JSON_COMPACT));
	json_decref(parameters);
	return rc;
}

static int take_request(struct call *call, struct request *request, char **out_parameters)
{
	const char *priority = setting(&call->settings, SETTING_priority);
	const char *deadline = setting(&call->settings, SETTING_deadline);
	int rc = option_duration(call, "attempt-time", &request->timeout_ms);

	if (!rc)
		rc = take_parameters(call, out_parameters);
	if (rc)
		return rc;
	request->task_type = call->operand[0];
	request->priority = priority ? priority_find(priority) : 0;
	if (deadline && duration_parse(deadline, &request->deadline_ms))
		request->deadline_ms = 0; /* checked when the settings were loaded */
	request->idempotency_key = option(call, "key");
	request->parameters = *out_parameters;
	return 0;
}

/* ---- sending ---- */

static void print_receipt(const struct call *call, const struct receipt *receipt)
{
	char id[ID_TEXT_BYTES];

	id_print(&receipt->task_id, id);
	if (receipt->duplicate)
		call_note(call, "this task was there already; its state is %s", state_name(receipt->state));
	if (!call->json)
		puts(id);
	else if (!option_set(call, "wait") && !option_set(call, "report"))
		print_json(json_pack("{s:s, s:I, s:b, s:s}", "task_id", id, "trail_seq", (json_int_t)receipt->trail_seq,
				     "duplicate", (int)receipt->duplicate, "state", state_name(receipt->state)));
	fflush(stdout);
}

static int send_and_wait(struct call *call, struct client *client, const struct request *request)
{
	struct refused refused = {0};
	struct receipt receipt = {0};
	struct outcome outcome = {0};
	bool waits;
	int rc = client_submit(client, request, session_timeout_ms(call), &receipt, &refused);

	if (rc)
		return session_refused(call, rc, &refused);
	waits = option_set(call, "wait") || option_set(call, "report");
	if (waits)
		watch_signals(); /* whoever has seen the id may press Ctrl-C */
	print_receipt(call, &receipt);
	if (!waits)
		return 0;
	rc = watch_task(call, client, &receipt.task_id, 0, &outcome);
	if (rc)
		return rc;
	rc = outcome_show(call, &outcome);
	outcome_release(&outcome);
	return rc;
}

static int run(struct call *call)
{
	struct request request = {0};
	struct client *client = NULL;
	char *parameters = NULL;
	int rc = take_request(call, &request, &parameters);

	if (!rc)
		rc = session_client(call, &client);
	if (!rc)
		rc = send_and_wait(call, client, &request);
	client_close(client);
	free(parameters);
	return rc;
}

static const struct option_row options[] = {
	{"repo", "PATH", "the git repository to work on; by default the one around the current folder"},
	{"commit", "REVISION", "the commit to look at; by default the folder as it stands"},
	{"workspace", NULL, "take the commit from the workspace instead of the disk; --repo may then be a name there, too"},
	{"param", "NAME=TEXT", "a parameter; NAME:=JSON for numbers, lists and so on; may be given several times"},
	{"params", "JSON", "all parameters as a JSON object, or @FILE"},
	{"key", "KEY", "the same key always names the same task, so sending twice does the work once"},
	{"attempt-time", "TIME", "asks for more time per attempt than the route gives"},
	{"wait", NULL, "show the progress, then the result"},
	{"report", "FILE.md", "wait, and write the result there as a report"},
	{NULL, NULL, NULL},
};

const struct command command_task_send = {
	.name = "task send",
	.operands = "TYPE",
	.sentence = "Sends a task, and prints its id as soon as it cannot be lost any more",
	.example = "$ bunshin task send security-analysis --repo ~/project --wait\n"
		   "$ bunshin task send test-strategy --repo ~/project --workspace --commit refs/bunshin/TASK/1 --wait\n"
		   "$ bunshin task send documentation --priority low --deadline 5m --key nightly-2026-02-03",
	.notes = "TYPE is one of `bunshin route list`. Ctrl-C while waiting detaches: the task goes on, `bunshin task wait` "
		 "attaches again.\n"
		 "Exit codes with --wait: 0 done, 1 failed or cancelled, 6 something is missing (blocked), 7 out of time.",
	.options = options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run,
};
