/* SPDX-License-Identifier: MIT
 *
 * bunshin task wait
 */
#include "cli/listing.h"
#include "cli/session.h"
#include "cli/story.h"
#include "cli/watch.h"

/* What the trail already knows needs no network. */
static int from_trail(struct call *call, const char *text, struct id *out_id, struct outcome *out_outcome)
{
	struct trail *trail = NULL;
	struct story story;
	int rc = session_trail(call, &trail);

	if (rc)
		return rc;
	rc = session_task(call, trail, text, out_id);
	if (rc) {
		trail_close(trail);
		return rc;
	}
	rc = story_read(trail, out_id, &story);
	if (!rc)
		rc = outcome_read(trail, &story, out_outcome);
	trail_close(trail);
	return rc;
}

static int wait_for(struct call *call, struct client **client, const char *text, struct outcome *outcome)
{
	uint32_t limit_ms = 0;
	struct id task_id;
	int rc = option_duration(call, "for", &limit_ms);

	if (!rc)
		rc = from_trail(call, text, &task_id, outcome);
	if (rc >= 0)
		return rc;
	rc = *client ? 0 : session_client(call, client);
	return rc ? rc : watch_task(call, *client, &task_id, limit_ms, outcome);
}

static int run(struct call *call)
{
	struct client *client = NULL;
	int worst = 0;

	for (size_t i = 0; i < call->operands && !watch_interrupted(); i++) {
		struct outcome outcome = {0};
		int rc = wait_for(call, &client, call->operand[i], &outcome);
		if (!rc)
			rc = outcome_show(call, &outcome);
		outcome_release(&outcome);
		worst = worst ? worst : rc;
	}
	client_close(client);
	return worst;
}

static const struct option_row options[] = {
	{"for", "TIME", "no longer than this; then exit code 7, and the task goes on"},
	{"report", "FILE.md", "write the result there as a report"},
	{NULL, NULL, NULL},
};

const struct command command_task_wait = {
	.name = "task wait",
	.operands = "TASK...",
	.sentence = "Waits for tasks, shows their progress, then their results",
	.example = "$ bunshin task wait 01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d4e --for 5m",
	.notes = "Ctrl-C detaches; the task goes on. A task that has ended is answered from the trail, also without a running "
		 "network.\n"
		 "Exit codes: 0 done, 1 failed or cancelled, 6 something is missing (blocked), 7 out of time; with several tasks "
		 "that of the first\n"
		 "that is not 0.",
	.options = options,
	.operands_least = 1,
	.operands_most = OPERANDS_MAX,
	.run = run,
};
