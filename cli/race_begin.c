/* SPDX-License-Identifier: MIT
 *
 * bunshin race
 */
#include "cli/race_begin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/listing.h"
#include "cli/race_apply.h"
#include "cli/race_live.h"
#include "cli/race_parameters.h"
#include "cli/race_sync.h"
#include "cli/race_view.h"
#include "cli/session.h"
#include "cli/text.h"
#include "cli/watch.h"
#include "cli/workspace_ask.h"
#include "routing/conf.h"

void paper_of(const struct call *call, struct paper *out_paper)
{
	unsigned width = paper_width(STDOUT_FILENO, 120);

	*out_paper = (struct paper){.out = stdout, .width = width < 160 ? width : 160, .color = call->color_out};
}

void race_json_line(json_t *object)
{
	char *line = json_safe(need(object), JSON_COMPACT);

	puts(line);
	fflush(stdout);
	free(line);
	json_decref(object);
}

/* ---- sending ---- */

static void print_receipt(const struct call *call, const struct receipt *receipt)
{
	char id[ID_TEXT_BYTES];

	id_print(&receipt->task_id, id);
	if (receipt->duplicate)
		call_note(call, "this race was there already; its state is %s", state_name(receipt->state));
	if (call->json)
		race_json_line(json_pack("{s:s, s:s, s:I, s:b}", "event", "accepted", "race", id, "trail_seq",
					 (json_int_t)receipt->trail_seq, "duplicate", (int)receipt->duplicate));
	else
		puts(id);
	fflush(stdout);
}

/* A route gives an attempt its time; a race that is given time asks for what it needs besides: to judge and to merge. */
static uint32_t attempt_time_of(const json_t *parameters)
{
	uint64_t time_ms = number_at(parameters, "budget.time_ms");

	return time_ms && time_ms < UINT32_MAX / 3 ? (uint32_t)(2 * time_ms + 600000) : 0;
}

int race_submit(const struct call *call, struct client *client, const json_t *parameters, const char *key, struct id *out_id)
{
	const char *priority = setting(&call->settings, SETTING_priority), *deadline = setting(&call->settings, SETTING_deadline);
	char *text = need(json_dumps(parameters, JSON_COMPACT));
	struct request request = {.task_type = "race", .idempotency_key = key, .parameters = text};
	struct refused refused = {0};
	struct receipt receipt = {0};
	int rc;

	request.priority = priority ? priority_find(priority) : 0;
	if (deadline && duration_parse(deadline, &request.deadline_ms))
		request.deadline_ms = 0; /* checked when the settings were loaded */
	request.timeout_ms = attempt_time_of(parameters);
	request.budget_tokens = number_at(parameters, "budget.tokens");
	watch_signals(); /* whoever has seen the id may press Ctrl-C */
	rc = client_submit(client, &request, session_timeout_ms(call), &receipt, &refused);
	free(text);
	if (rc)
		return session_refused(call, rc, &refused);
	print_receipt(call, &receipt);
	*out_id = receipt.task_id;
	return 0;
}

/* ---- the end ---- */

static void print_ended(const struct outcome *outcome, json_t *result, int code)
{
	char id[ID_TEXT_BYTES];

	id_print(&outcome->task_id, id);
	race_json_line(json_pack("{s:s, s:s, s:s, s:i, s:s?, s:O?}", "event", "ended", "race", id, "state",
				 state_name(outcome->state), "exit", code, "summary", outcome->summary, "result", result));
}

static int print_end(const struct call *call, const struct outcome *outcome, json_t *result)
{
	const json_t *race = race_of_result(result);
	int code = outcome->state == STATE_COMPLETED && race ? race_exit_code(race) : outcome_exit_code(outcome);
	struct paper paper;

	if (call->json) {
		print_ended(outcome, result, code);
		return code;
	}
	if (!race && outcome->state == STATE_CANCELLED) {
		puts("the race was cancelled; what its attempts had left is there: `bunshin workspace refs`");
		return code;
	}
	if (!race)
		return outcome_show(call, outcome);
	paper_of(call, &paper);
	race_print_end(&paper, race);
	fflush(stdout);
	return code;
}

int race_see_through(const struct call *call, struct client *client, const struct id *id, const json_t *parameters, bool apply)
{
	struct outcome outcome = {0};
	json_t *result;
	const json_t *race;
	char next[RACE_NEXT_BYTES] = "";
	int rc = race_follow(call, client, id, &outcome), code;

	if (rc)
		return rc;
	result = race_result_read(call, &outcome);
	race = race_of_result(result);
	code = print_end(call, &outcome, result);
	if (race && apply && strcmp(text_at(race, "merging.state"), "merged") == 0) {
		int applied = race_apply(call, text_at(parameters, "repo"), race, false, NULL);
		code = code ? code : applied;
	} else if (race) {
		race_next(race, next);
		if (*next)
			call_note(call, "next: %s", next);
	}
	json_decref(result);
	outcome_release(&outcome);
	return code;
}

/* ---- the command ---- */

static void say_plan(const struct call *call, const struct checkout *checkout, const json_t *parameters)
{
	size_t agents = json_array_size(json_object_get(parameters, "agents"));
	const char *branch = text_at(parameters, "branch");

	if (strncmp(branch, "refs/heads/", 11) == 0)
		branch += 11;
	call_note(call, "%zu attempt%s on %s from %.10s; %s%s%s", agents, agents == 1 ? "" : "s", checkout->top, checkout->commit,
		  strcmp(text_at(parameters, "merge"), "manual") == 0 ? "the best is prepared" : "the best is merged",
		  *branch ? " for " : "", branch);
	if (checkout->edits)
		call_note(call, "%zu file%s here differ%s from that commit and take%s no part", checkout->edits,
			  checkout->edits == 1 ? "" : "s", checkout->edits == 1 ? "s" : "", checkout->edits == 1 ? "s" : "");
}

static int begin(const struct call *call, const struct checkout *checkout, const json_t *parameters)
{
	bool apply = !option_set(call, "no-apply") && strcmp(text_at(parameters, "merge"), "manual") != 0;
	struct client *client = NULL;
	struct race_sync sync;
	struct id id;
	int rc = session_client(call, &client);

	if (rc)
		return rc;
	say_plan(call, checkout, parameters);
	rc = race_sync(call, checkout->top, text_at(parameters, "branch"), checkout->commit, &sync);
	if (!rc && sync.apart)
		rc = race_apart(call, checkout->top, text_at(parameters, "branch"), &sync);
	if (!rc)
		rc = race_submit(call, client, parameters, option(call, "key"), &id);
	if (!rc && !option_set(call, "detach"))
		rc = race_see_through(call, client, &id, parameters, apply);
	client_close(client);
	return rc;
}

static int run(struct call *call)
{
	struct checkout checkout;
	json_t *parameters = NULL;
	int rc = race_parameters(call, &checkout, &parameters);

	if (rc)
		return rc;
	rc = begin(call, &checkout, parameters);
	json_decref(parameters);
	checkout_release(&checkout);
	return rc;
}

const struct command command_race = {
	.name = "race",
	.operands = "[PROMPT]",
	.sentence = "Gives one task to several AI coding agents at once; the best result is merged",
	.example = "$ bunshin race \"Add error handling to the login function\" --agents claude,codex,gemini:2 --merge auto\n"
		   "$ bunshin race --prompt-file task.md --agents claude:3 --vary temperature=0.2,0.6,1 --check \"make lint\"\n"
		   "$ bunshin race \"Parse dates in ISO form\" --agents auto:3 --first --budget 2.50 --time 20m --detach",
	.notes = "Each agent works on a clone of its own, in a sandbox. What it hands in is judged by us: does it change "
		 "something, do the tests\n"
		 "pass, are there new findings, do your checks succeed. What an agent says of itself decides nothing. The best "
		 "is merged into the\n"
		 "branch in the workspace and then, with --merge theirs or auto, into your folder, if no edits of yours are in "
		 "the way; nothing\n"
		 "else of your repository is touched, and every attempt is kept. Ctrl-C only detaches. docs/race-guide.md is a "
		 "guide.\n"
		 "A prompt of one word that is no command of the group stands after --.\n"
		 "Exit codes: 0 a verified best was merged, or prepared; 1 nothing was verified; 6 a conflict, with the branch "
		 "or with edits of\n"
		 "yours; 7 out of time; 8 a budget ended it; 130 detached.",
	.options = race_options,
	.operands_most = 1,
	.prose = true,
	.run = run,
};
