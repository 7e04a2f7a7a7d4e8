/* SPDX-License-Identifier: MIT
 *
 * What the processes of a network are started as: bunshin omega, bunshin clone ROLE/N, bunshin attempt, bunshin tool.
 */
#include <stdlib.h>
#include <string.h>

#include "actors/attempt.h"
#include "actors/salvage.h"
#include "actors/clone_actor.h"
#include "actors/keys.h"
#include "actors/omega_actor.h"
#include "actors/process.h"
#include "actors/supervisor.h"
#include "cli/session.h"
#include "tools/tool.h"

#define ATTEMPT_WORDS_MAX 32u

/* The descriptor on which somebody waits for "ready". */
static int ready_fd(void)
{
	const char *text = getenv(NOTIFY_VARIABLE);

	return text && *text >= '0' && *text <= '9' ? atoi(text) : -1;
}

static int run_omega(struct call *call)
{
	struct omega_options options = {.ready_fd = ready_fd(), .endpoint = option(call, "endpoint")};
	char state[PATH_BYTES], routes[PATH_BYTES];
	int rc = session_state_path(call, state);

	if (!rc)
		rc = session_routes_path(call, routes);
	if (rc)
		return rc;
	options.state_folder = state;
	options.routing_file = routes;
	return omega_main(&options);
}

static const struct option_row omega_options[] = {
	{"endpoint", "ENDPOINT", "where to listen, instead of what routing.conf says"},
	{NULL, NULL, NULL},
};

const struct command command_omega = {
	.name = "omega",
	.operands = "",
	.sentence = "The coordinator, in the foreground; `bunshin up` starts it",
	.example = "$ bunshin omega --state ./state --routes ./routing.conf",
	.options = omega_options,
	.hidden = true,
	.run = run_omega,
};

static uint32_t slots_of(const struct conf *conf, const char *name)
{
	size_t bytes = strcspn(name, "/");

	for (uint32_t i = 0; i < conf->clone_count; i++) {
		if (strlen(conf->clone[i].role) == bytes && memcmp(conf->clone[i].role, name, bytes) == 0)
			return conf->clone[i].slots;
	}
	return 1;
}

/* The words of --attempt, if it is there. */
static int attempt_words(struct call *call, char text[COMMAND_BYTES], const char *words[ATTEMPT_WORDS_MAX + 1],
			 struct clone_options *options)
{
	char sentence[SENTENCE_BYTES];
	const char *attempt = option(call, "attempt");

	if (!attempt)
		return 0;
	if (command_split(attempt, text, COMMAND_BYTES, words, ATTEMPT_WORDS_MAX, sentence))
		return call_fail(call, ERR_USAGE, "name a program and its arguments", "--attempt: %s", sentence);
	options->command = words;
	return 0;
}

static int run_clone(struct call *call)
{
	struct clone_options options = {.name = call->operand[0], .task_types = option(call, "types"), .ready_fd = -1};
	char state[PATH_BYTES], routes[PATH_BYTES], sentence[SENTENCE_BYTES];
	char text[COMMAND_BYTES];
	const char *words[ATTEMPT_WORDS_MAX + 1];
	struct conf *conf = NULL;
	int rc = session_state_path(call, state);

	if (!rc && peer_name_check(call->operand[0], sentence))
		rc = call_fail(call, ERR_USAGE, "a clone is called ROLE/N, such as beta/1", "%s", sentence);
	if (!rc)
		rc = attempt_words(call, text, words, &options);
	if (!rc && option_set(call, "slots"))
		rc = option_number(call, "slots", 1, 64, &options.slots);
	else if (!rc && !(rc = session_conf(call, routes, &conf)))
		options.slots = slots_of(conf, call->operand[0]);
	free(conf);
	if (rc)
		return rc;
	options.state_folder = state;
	return clone_main(&options);
}

static const struct option_row clone_options[] = {
	{"slots", "N", "how many attempts at once; without it as routing.conf says"},
	{"attempt", "COMMAND", "the program to start for each attempt; without it the specialist that is built in"},
	{"types", "TYPES", "task types it offers, separated by commas; without it whatever is routed to its role"},
	{NULL, NULL, NULL},
};

const struct command command_clone_process = {
	.name = "clone",
	.operands = "ROLE/N",
	.sentence = "A clone, in the foreground; `bunshin up` starts them",
	.example = "$ bunshin clone beta/1 --state ./state --slots 2",
	.options = clone_options,
	.operands_least = 1,
	.operands_most = 1,
	.hidden = true,
	.run = run_clone,
};

static int run_attempt(struct call *call)
{
	if (call->operands && strcmp(call->operand[0], SALVAGE_WORD) == 0)
		return salvage_main();
	return attempt_main(call->argc, call->argv);
}

const struct command command_attempt = {
	.name = "attempt",
	.operands = "[salvage]",
	.sentence = "One attempt of a task: reads the assignment on stdin and prints what comes of it; clones start it",
	.example = "$ bunshin attempt < assignment.json",
	.operands_most = 1,
	.hidden = true,
	.run = run_attempt,
};

static int run_tool(struct call *call)
{
	return tool_main(call->argc, call->argv);
}

const struct command command_tool = {
	.name = "tool",
	.operands = "NAME [ARGUMENT...]",
	.sentence = "A program that reads the repository in the current folder; attempts run them in the sandbox",
	.example = "$ bunshin tool inventory",
	.hidden = true,
	.raw = true,
	.run = run_tool,
};
