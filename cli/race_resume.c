/* SPDX-License-Identifier: MIT
 *
 * bunshin race resume, cancel
 */
#include <stdio.h>
#include <string.h>

#include "cli/listing.h"
#include "cli/race_begin.h"
#include "cli/race_find.h"
#include "cli/race_view.h"
#include "cli/session.h"
#include "cli/watch.h"

/* ---- resume ---- */

static int take_up_again(const struct call *call, struct client *client, const struct found_race *race)
{
	char sentence[CLIENT_SENTENCE_BYTES];
	int rc = client_recover(client, VERB_RETRY, &race->id, NULL, "resumed", session_timeout_ms(call), sentence);

	if (rc)
		return call_fail(call, rc, "`bunshin recover list` shows what needs a person", "it cannot be taken up again: %s",
				 sentence);
	call_note(call, "taken up again: what its attempts have made already is not made again");
	return 0;
}

static int run_resume(struct call *call)
{
	struct found_race race;
	struct client *client = NULL;
	int rc = race_find(call, call->operands ? call->operand[0] : "last", &race);

	if (rc)
		return rc;
	rc = session_client(call, &client);
	if (!rc && race.ended && race.outcome.state == STATE_FAILED)
		rc = take_up_again(call, client, &race);
	if (!rc)
		rc = race_see_through(call, client, &race.id, race.parameters, false);
	client_close(client);
	race_release(&race);
	return rc;
}

const struct command command_race_resume = {
	.name = "race resume",
	.operands = "[RACE]",
	.sentence = "Follows a race again; one that has failed is taken up again",
	.example = "$ bunshin race resume 8f6a1b2c3d4e",
	.notes = "Without RACE the last one. What it merges is not brought into your folder: `bunshin race accept` does that. "
		 "Exit codes\n"
		 "as of `bunshin race`.",
	.operands_most = 1,
	.run = run_resume,
};

/* ---- cancel ---- */

static int run_cancel(struct call *call)
{
	struct refused refused = {0};
	struct found_race race;
	struct client *client = NULL;
	int rc = race_find(call, call->operand[0], &race);

	if (rc)
		return rc;
	rc = session_client(call, &client);
	if (!rc) {
		rc = client_cancel(client, &race.id, option(call, "reason"), session_timeout_ms(call), &refused);
		if (rc == ERR_STATE)
			rc = call_fail(call, rc, "`bunshin race show` tells how", "%s has ended already", race.text);
		else if (rc)
			rc = session_refused(call, rc, &refused);
		else if (call->json && !option_set(call, "wait"))
			race_json_line(json_pack("{s:s, s:s}", "race", race.text, "result", "cancelling"));
	}
	if (!rc && option_set(call, "wait")) {
		struct outcome outcome = {0};
		rc = watch_task(call, client, &race.id, 0, &outcome);
		if (!rc && call->json)
			race_json_line(json_pack("{s:s, s:s}", "race", race.text, "result", state_name(outcome.state)));
		else if (!rc)
			call_note(call, "%s", state_name(outcome.state));
		outcome_release(&outcome);
	}
	client_close(client);
	race_release(&race);
	return rc;
}

static const struct option_row cancel_options[] = {
	{"reason", "TEXT", "why, for whoever reads the trail"},
	{"wait", NULL, "until it has ended"},
	{NULL, NULL, NULL},
};

const struct command command_race_cancel = {
	.name = "race cancel",
	.operands = "RACE",
	.sentence = "Ends a race and all its attempts; what they have left is kept",
	.example = "$ bunshin race cancel 8f6a1b2c3d4e --wait",
	.options = cancel_options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run_cancel,
};
