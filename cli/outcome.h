/* SPDX-License-Identifier: MIT
 *
 * The outcome of a task for a person: read from the trail, printed as a report or as JSON, and as an exit code.
 */
#ifndef CLI_OUTCOME_H
#define CLI_OUTCOME_H

#include <jansson.h>

#include "actors/client.h"
#include "cli/command.h"
#include "cli/story.h"

/* The outcome that the trail holds. 0; ERR_NOT_FOUND if the task has none yet; ERR_IO, ERR_CORRUPT, ERR_MEMORY. */
MUST_CHECK int outcome_read(struct trail *trail, const struct story *story, struct outcome *out_outcome);

/* {"task_id", "state", "error", "attempts", "completeness", "summary", "result", "artefacts", "evidence", "tokens", "cost_microusd",
 * "cpu_ms"}. Owned by the caller. */
json_t *outcome_json(const struct outcome *outcome);

/* 0 done; 1 failed or cancelled; 6 blocked: something is missing; 7 out of time; 8 a limit; 2 its parameters. */
int outcome_exit_code(const struct outcome *outcome);

/* The report as Markdown, not yet safe for a terminal. Free it. */
char *outcome_report(const struct outcome *outcome);

/* Prints the report (or, with --json, the JSON) on stdout and writes it to the file of --report. Returns the exit code. */
int outcome_show(const struct call *call, const struct outcome *outcome);

/* Only the file of --report, if it was asked for. 0 or an exit code. */
MUST_CHECK int outcome_write(const struct call *call, const struct outcome *outcome);

#endif
