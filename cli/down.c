/* SPDX-License-Identifier: MIT
 *
 * bunshin down
 */
#include <stdio.h>

#include "actors/supervisor.h"
#include "cli/listing.h"
#include "cli/session.h"

static int run(struct call *call)
{
	char sentence[SENTENCE_BYTES] = "";
	uint32_t grace_ms = 30000;
	struct state_folder state;
	int rc = option_duration(call, "grace", &grace_ms);

	if (!rc)
		rc = session_state(call, &state);
	if (rc)
		return rc;
	rc = supervisor_stop(&state, grace_ms, sentence);
	if (rc == ERR_NOT_FOUND)
		return call_fail(call, rc, NULL, "%s", *sentence ? sentence : "no network runs here");
	if (rc)
		return call_fail(call, rc, "`bunshin status` shows what is left", "%s", sentence);
	if (call->json)
		return print_json(json_pack("{s:s, s:b}", "state", state.root, "stopped", 1));
	puts(*sentence ? sentence : "the network is down; nothing of it is left running");
	return 0;
}

static const struct option_row options[] = {
	{"grace", "TIME", "how long the processes may take before they are killed; 30s if not given"},
	{NULL, NULL, NULL},
};

const struct command command_down = {
	.name = "down",
	.operands = "",
	.sentence = "Stops the network; accepted tasks go on when it is up again",
	.example = "$ bunshin down",
	.options = options,
	.run = run,
};
