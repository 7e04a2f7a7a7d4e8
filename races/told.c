/* SPDX-License-Identifier: MIT */
#include "races/told.h"

#include <string.h>

#include "protocol/error.h"
#include "races/gates.h"
#include "races/said.h"

/* Ends that Omega tells, as classes of errors. */
static const char *class_of_code(const char *code)
{
	static const char *const table[][2] = {
		{"timed_out", "timeout_wall"},
		{"heartbeat", "timeout_idle"},
		{"lost", "crash"},
		{"cancelled", "cancelled"},
		{"expired", "timeout_wall"},
		{"start_timeout", "overloaded"},
		{"busy", "overloaded"},
		{"overloaded", "overloaded"},
		{"draining", "overloaded"},
		{"tool_missing", "not_installed"},
		{"config", "config"},
		{"invalid_parameters", "config"},
		{"sandbox", "config"},
		{"budget", "limit_budget"},
		{"limit", "limit_output"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i][0], code) == 0)
			return table[i][1];
	return error_retryable(error_find(code)) ? "crash" : "protocol";
}

static void read_verdict(struct told *told, const json_t *outcome)
{
	const json_t *verdict = json_object_get(told->agent, "verdict");
	const char *class = said_text(verdict, "class"), *why = said_text(verdict, "why");
	bool blocked = said_number(outcome, "completeness") == 2 || result_is(told->result, "blocked");
	bool is_change = json_is_object(told->change) && said_is_id(said_text(told->change, "commit"));

	if (!why[0])
		why = said_text(told->result, "status_reason");
	said_add(told->why, sizeof(told->why), "%s", why);
	told->error_class = class[0] ? class : "none";
	told->handed_in = is_change && !blocked && (!json_is_object(verdict) || said_true(verdict, "ok"));
	if (told->handed_in)
		told->error_class = "none";
	else if (strcmp(told->error_class, "none") == 0)
		told->error_class = blocked || json_is_object(told->change) ? "protocol" : "no_change";
	if (strcmp(told->error_class, "no_change") == 0 && !told->why[0])
		said_copy(told->why, sizeof(told->why), "nothing was changed");
}

struct told told_of(const json_t *outcome)
{
	struct told told = {.state = said_text(outcome, "state"), .result = json_object_get(outcome, "result")};
	const json_t *evidence = json_object_get(outcome, "evidence"); /* of a failure, such as a cancelled run */

	told.agent = json_object_get(json_is_object(told.result) ? told.result : evidence, "agent");
	told.change = json_object_get(told.result, "change");
	told.kept = json_object_get(json_is_object(told.result) ? told.result : evidence, "kept");
	told.retry_after_ms = said_number(told.agent, "retry_after_ms");
	if (strcmp(told.state, "completed") == 0) {
		read_verdict(&told, outcome);
		return told;
	}
	told.error_class = strcmp(told.state, "cancelled") == 0 ? "cancelled"
			   : strcmp(told.state, "expired") == 0 ? "timeout_wall"
								: class_of_code(said_text(outcome, "code"));
	said_add(told.why, sizeof(told.why), "%s",
		 said_text(outcome, "sentence")[0] ? said_text(outcome, "sentence")
						   : error_sentence(error_find(said_text(outcome, "code"))));
	return told;
}
