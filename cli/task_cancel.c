/* SPDX-License-Identifier: MIT
 *
 * bunshin task cancel
 */
#include <string.h>

#include "cli/listing.h"
#include "cli/session.h"
#include "cli/watch.h"
#include "protocol/id.h"

static const struct column columns[] = {
	{"TASK", "task_id", COLUMN_TEXT, false},
	{"RESULT", "result", COLUMN_STATE, false},
	{NULL, NULL, COLUMN_TEXT, false},
};

static int cancel(struct call *call, struct client *client, const char *text, const char **out_result, struct id *out_id)
{
	struct outcome outcome = {0};
	struct refused refused = {0};
	int rc = session_task_id(call, text, out_id);

	if (rc)
		return rc;
	rc = client_cancel(client, out_id, option(call, "reason"), session_timeout_ms(call), &refused);
	if (rc == ERR_STATE)
		return call_fail(call, rc, "`bunshin task show` tells how", "%s has ended already", text);
	if (rc)
		return session_refused(call, rc, &refused);
	*out_result = "cancelling";
	if (!option_set(call, "wait"))
		return 0;
	rc = watch_task(call, client, out_id, 0, &outcome);
	if (!rc)
		*out_result = state_name(outcome.state);
	outcome_release(&outcome);
	return rc;
}

static int run(struct call *call)
{
	struct client *client = NULL;
	json_t *rows = json_array();
	int worst = session_client(call, &client);

	for (size_t i = 0; client && i < call->operands; i++) {
		const char *result = NULL;
		char id[ID_TEXT_BYTES];
		struct id task_id;
		int rc = cancel(call, client, call->operand[i], &result, &task_id);
		worst = worst ? worst : rc;
		if (!result)
			continue;
		id_print(&task_id, id);
		json_array_append_new(rows, json_pack("{s:s, s:s}", "task_id", id, "result", result));
	}
	listing_print(call, "cancelled", rows, columns, NULL);
	client_close(client);
	return worst;
}

static const struct option_row options[] = {
	{"reason", "TEXT", "why, for whoever reads the trail"},
	{"wait", NULL, "until nothing of it runs any more"},
	{NULL, NULL, NULL},
};

const struct command command_task_cancel = {
	.name = "task cancel",
	.operands = "TASK...",
	.sentence = "Cancels tasks; their running attempts are ended with all their processes",
	.example = "$ bunshin task cancel 01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d4e --reason \"wrong branch\"",
	.options = options,
	.operands_least = 1,
	.operands_most = OPERANDS_MAX,
	.run = run,
};
