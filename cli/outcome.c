/* SPDX-License-Identifier: MIT
 *
 * Outcomes.
 */
#include "cli/outcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/state.h"
#include "cli/erasing.h"
#include "cli/listing.h"
#include "cli/race_view.h"
#include "cli/text.h"
#include "clones/clone.h"
#include "protocol/id.h"

/* ---- from the trail ---- */

static char *copy_of(const struct text *text)
{
	return text->bytes ? text_of_message(text->at, text->bytes) : NULL;
}

static void take_completion(struct outcome *outcome, const struct task_completion *completion)
{
	outcome->state = STATE_COMPLETED;
	outcome->attempts = completion->attempt;
	outcome->completeness = completion->completeness;
	outcome->tokens = completion->tokens;
	outcome->cost_microusd = completion->cost_microusd;
	outcome->cpu_ms = completion->cpu_ms;
	outcome->summary = copy_of(&completion->summary);
	outcome->result = copy_of(&completion->result);
	outcome->artefacts = copy_of(&completion->artefacts);
}

static void take_failure(struct outcome *outcome, const struct task_failure *failure)
{
	outcome->state = (enum state)failure->state;
	outcome->code = failure->code;
	outcome->attempts = failure->attempts;
	outcome->summary = copy_of(&failure->sentence);
	outcome->evidence = copy_of(&failure->evidence);
}

static int take(void *context, const struct trail_entry *entry)
{
	struct outcome *outcome = context;
	struct buffer buffer = {0};
	struct message message;
	int rc = record_message(entry, &buffer, &message);

	outcome->task_id = entry->task_id;
	if (!rc && message.type == MESSAGE_TASK_COMPLETION)
		take_completion(outcome, &message.task_completion);
	else if (!rc && message.type == MESSAGE_TASK_FAILURE)
		take_failure(outcome, &message.task_failure);
	buffer_release(&buffer);
	return rc;
}

int outcome_read(struct trail *trail, const struct story *story, struct outcome *out_outcome)
{
	struct trail_query query = {
		.after_seq = story->outcome_seq - 1, .through_seq = story->outcome_seq, .limit = 1, .with_payload = true};

	if (!state_is_end(story->state) || story->outcome_seq == 0)
		return ERR_NOT_FOUND;
	*out_outcome = (struct outcome){0};
	int rc = trail_read(trail, &query, take, out_outcome);
	if (!rc && story->erased_seq && !out_outcome->summary) {
		char erased[ERASED_TEXT_BYTES], sentence[ERASED_TEXT_BYTES + 64];
		erased_print(story->erased_ms, story->erased_seq, erased);
		snprintf(sentence, sizeof(sentence), "The texts of this task are %s.", erased);
		out_outcome->summary = need(strdup(sentence));
	}
	return rc;
}

/* ---- for people and machines ---- */

static const char *completeness_name(uint32_t completeness)
{
	return completeness == PARTIAL ? "partial" : completeness == BLOCKED ? "blocked" : "complete";
}

static json_t *nested(const char *text)
{
	json_t *json = text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;

	if (!json && text)
		json = json_string(text);
	return json ? json : json_null();
}

json_t *outcome_json(const struct outcome *outcome)
{
	bool done = outcome->state == STATE_COMPLETED;
	char id[ID_TEXT_BYTES];

	id_print(&outcome->task_id, id);
	return need(json_pack("{s:s, s:s, s:o, s:i, s:o, s:s?, s:o, s:o, s:o, s:I, s:I, s:I}", "task_id", id, "state",
			      state_name(outcome->state), "error",
			      outcome->code ? json_string(error_name((int)outcome->code)) : json_null(), "attempts",
			      (int)outcome->attempts, "completeness",
			      done ? json_string(completeness_name(outcome->completeness)) : json_null(), "summary",
			      outcome->summary, "result", nested(outcome->result), "artefacts", nested(outcome->artefacts),
			      "evidence", nested(outcome->evidence), "tokens", (json_int_t)outcome->tokens, "cost_microusd",
			      (json_int_t)outcome->cost_microusd, "cpu_ms", (json_int_t)outcome->cpu_ms));
}

int outcome_exit_code(const struct outcome *outcome)
{
	int code = error_exit_code((int)outcome->code);

	if (outcome->state == STATE_COMPLETED)
		return outcome->completeness == BLOCKED ? 6 : 0;
	if (outcome->state == STATE_EXPIRED)
		return 7;
	return outcome->state == STATE_FAILED && (code == 2 || code == 7 || code == 8) ? code : 1;
}

static char *failure_report(const struct outcome *outcome)
{
	json_t *evidence = nested(outcome->evidence);
	char *text = json_is_null(evidence) ? need(strdup("")) : need(json_dumps(evidence, JSON_INDENT(2) | JSON_ENCODE_ANY));
	char *report = NULL;

	if (asprintf(&report, "# The task %s\n\n%s (%s, after %u attempt%s)\n%s%s%s",
		     outcome->state == STATE_FAILED ? "has failed" : "has ended",
		     outcome->summary ? outcome->summary : error_sentence((int)outcome->code),
		     outcome->code ? error_name((int)outcome->code) : state_name(outcome->state), outcome->attempts,
		     outcome->attempts == 1 ? "" : "s", *text ? "\n```json\n" : "", text, *text ? "\n```\n" : "") < 0)
		report = NULL;
	json_decref(evidence);
	free(text);
	return need(report);
}

/* What is no common result is shown as it is. */
static char *plain_report(const struct outcome *outcome, const json_t *result)
{
	const char *silent = json_is_null(result) ? "The task is done. There is no text about it: none came, or it was erased "
						    "(`bunshin task show` tells)."
						  : "The task is done.";
	char *text = json_is_null(result) ? need(strdup("")) : need(json_dumps(result, JSON_INDENT(2) | JSON_ENCODE_ANY));
	char *report = NULL;

	if (asprintf(&report, "%s\n%s%s%s", outcome->summary ? outcome->summary : silent, *text ? "\n```json\n" : "", text,
		     *text ? "\n```\n" : "") < 0)
		report = NULL;
	free(text);
	return need(report);
}

#define RACE_WIDTH 120u

static char *race_report(const json_t *race)
{
	char *text = NULL;
	size_t bytes = 0;
	struct paper paper = {.out = need(open_memstream(&text, &bytes)), .width = RACE_WIDTH};

	race_print(&paper, race);
	if (fclose(paper.out))
		need(NULL);
	return need(text);
}

char *outcome_report(const struct outcome *outcome)
{
	json_t *result;
	char *report = NULL;

	if (outcome->state != STATE_COMPLETED)
		return failure_report(outcome);
	/* A report ends its strings at a NUL, so a result that holds one is shown as the text that it is. */
	result = outcome->result ? json_loads(outcome->result, JSON_DECODE_ANY, NULL) : json_null();
	if (!result)
		result = need(json_string(outcome->result));
	if (race_of_result(result))
		report = race_report(race_of_result(result));
	else if (json_is_object(result) && json_object_get(result, "schema"))
		report = report_markdown(result);
	if (!report)
		report = plain_report(outcome, result);
	json_decref(result);
	return report;
}

int outcome_write(const struct call *call, const struct outcome *outcome)
{
	const char *path = option(call, "report");
	char *report;
	int rc;

	if (!path)
		return 0;
	report = outcome_report(outcome);
	rc = file_replace(path, report, strlen(report), 0644);
	free(report);
	if (rc)
		return call_fail(call, rc, "name another file with --report; `bunshin task show` prints the result again",
				 "%s cannot be written: %s", path, strerror(errno));
	call_note(call, "the report is in %s", path);
	return 0;
}

int outcome_show(const struct call *call, const struct outcome *outcome)
{
	int rc = outcome_write(call, outcome);

	if (call->json) {
		print_json(outcome_json(outcome));
	} else if (!option_set(call, "report") || rc) {
		char *report = outcome_report(outcome);
		char *safe = text_safe_lines(report, strlen(report));
		fputs(safe, stdout);
		if (*safe && safe[strlen(safe) - 1] != '\n')
			putchar('\n');
		free(safe);
		free(report);
	}
	return rc ? rc : outcome_exit_code(outcome);
}
