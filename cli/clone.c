/* SPDX-License-Identifier: MIT
 *
 * bunshin clone list, drain, resume, restart, quarantine, reinstate
 */
#include <string.h>

#include "cli/listing.h"
#include "cli/session.h"

static const struct column list_columns[] = {
	{"CLONE", "name", COLUMN_TEXT, false},
	{"ROLE", "role", COLUMN_TEXT, false},
	{"PRESENCE", "presence", COLUMN_STATE, false},
	{"BUSY", "used", COLUMN_NUMBER, false},
	{"SLOTS", "slots", COLUMN_NUMBER, false},
	{"DRAINING", "draining", COLUMN_TEXT, false},
	{"QUARANTINED", "quarantined", COLUMN_TEXT, false},
	{"BREAKER", "breaker", COLUMN_TEXT, false},
	{"DONE", "completed", COLUMN_NUMBER, false},
	{"FAILED", "failed", COLUMN_NUMBER, false},
	{"LOST", "lost", COLUMN_NUMBER, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int run_list(struct call *call)
{
	const char *name = call->operands ? call->operand[0] : NULL;
	struct client *client = NULL;
	json_t *status = NULL, *clones, *clone;
	size_t i;
	int rc = session_client(call, &client);

	if (!rc)
		rc = session_status(call, client, SUBJECT_CLONE, name, &status);
	client_close(client);
	if (rc)
		return rc;
	clones = json_incref(json_object_get(status, "clones"));
	json_decref(status);
	json_array_foreach (clones, i, clone)
		json_object_set_new(clone, "breaker",
				    json_string(json_is_true(json_object_get(clone, "breaker_open")) ? "open" : "closed"));
	if (name && json_array_size(clones) == 0) {
		json_decref(clones);
		return call_fail(call, ERR_NOT_FOUND, "`bunshin clone list` shows all", "no clone and no role is called \"%s\"",
				 name);
	}
	return listing_print(call, "clones", clones, list_columns, "no clone has ever joined");
}

const struct command command_clone_list = {
	.name = "clone list",
	.operands = "[NAME|ROLE]",
	.sentence = "Lists the clones: who is there, who is busy, who is in trouble",
	.example = "$ bunshin clone list",
	.operands_most = 1,
	.run = run_list,
};

static const struct column change_columns[] = {
	{"CLONE", "clone", COLUMN_TEXT, false},
	{"RESULT", "result", COLUMN_STATE, false},
	{"", "sentence", COLUMN_TEXT, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

/* One verb over all names; the exit code is the first that is not 0. */
static int change(struct call *call, enum verb verb)
{
	struct client *client = NULL;
	json_t *rows = json_array();
	int worst = session_client(call, &client);

	for (size_t i = 0; client && i < call->operands; i++) {
		char sentence[CLIENT_SENTENCE_BYTES] = "";
		int rc = client_recover(client, verb, NULL, call->operand[i], option(call, "reason"), session_timeout_ms(call),
					sentence);
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "clone", call->operand[i], "result",
						      rc ? error_name(rc) : "ok", "sentence", sentence));
		if (rc && !worst)
			worst = error_exit_code(rc);
	}
	if (client)
		listing_print(call, "clones", rows, change_columns, NULL);
	else
		json_decref(rows);
	client_close(client);
	return worst;
}

static const struct option_row change_options[] = {
	{"reason", "TEXT", "why, for whoever reads the trail"},
	{NULL, NULL, NULL},
};

#define CHANGE(word, VERB, text, shown)                                                                                          \
	static int run_##word(struct call *call)                                                                                 \
	{                                                                                                                        \
		return change(call, VERB_##VERB);                                                                                \
	}                                                                                                                        \
	const struct command command_clone_##word = {                                                                            \
		.name = "clone " #word,                                                                                          \
		.operands = "NAME|ROLE...",                                                                                      \
		.sentence = text,                                                                                                \
		.example = shown,                                                                                                \
		.options = change_options,                                                                                       \
		.operands_least = 1,                                                                                             \
		.operands_most = OPERANDS_MAX,                                                                                   \
		.run = run_##word,                                                                                               \
	};

CHANGE(drain, DRAIN, "Lets clones finish what they do and gives them nothing new",
       "$ bunshin clone drain beta/1 --reason \"new version\"")
CHANGE(resume, RESUME, "Gives drained clones work again", "$ bunshin clone resume beta/1")
CHANGE(restart, RESTART, "Restarts clones; their attempts are tried again", "$ bunshin clone restart beta")
CHANGE(quarantine, QUARANTINE, "Keeps work away from clones that cannot be trusted at the moment",
       "$ bunshin clone quarantine gamma/2 --reason \"wrong results\"")
CHANGE(reinstate, REINSTATE, "Ends a quarantine and closes the circuit breaker", "$ bunshin clone reinstate gamma/2")
