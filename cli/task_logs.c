/* SPDX-License-Identifier: MIT
 *
 * bunshin task logs
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/listing.h"
#include "cli/session.h"
#include "cli/story.h"
#include "cli/text.h"
#include "cli/watch.h"

static const struct column columns[] = {
	{"TIME", "at", COLUMN_TIME, false},     {"TRY", "attempt", COLUMN_NUMBER, false}, {"CLONE", "peer", COLUMN_TEXT, false},
	{"STAGE", "stage", COLUMN_TEXT, false}, {"LINE", "line", COLUMN_TEXT, false},     {NULL, NULL, COLUMN_TEXT, false},
};

struct logs {
	struct stream *stream;
	struct buffer buffer;
	struct story story;
	uint64_t last_seq;
};

static void say(struct logs *logs, const struct trail_entry *entry, const char *stage, size_t stage_bytes, const char *line,
		size_t line_bytes)
{
	json_t *record = record_json(entry, false);

	stream_row(logs->stream, json_pack("{s:O, s:O, s:O, s:O, s:o, s:o}", "seq", json_object_get(record, "seq"), "at",
					   json_object_get(record, "at"), "attempt", json_object_get(record, "attempt"), "peer",
					   json_object_get(record, "peer"), "stage", json_stringn_nocheck(stage, stage_bytes),
					   "line", json_stringn_nocheck(line, line_bytes)));
	json_decref(record);
}

/* The end of what an attempt wrote, line by line. */
static void say_log(struct logs *logs, const struct trail_entry *entry, const struct text *evidence)
{
	json_t *json = evidence->bytes ? json_loadb(evidence->at, evidence->bytes, JSON_ALLOW_NUL, NULL) : NULL;
	const json_t *log = json_object_get(json, "log");
	const char *at = json_string_value(log);
	size_t left = at ? json_string_length(log) : 0;

	while (left) {
		const char *end = memchr(at, '\n', left);
		size_t bytes = end ? (size_t)(end - at) : left;
		say(logs, entry, "log", 3, at, bytes);
		at += bytes + (end != NULL);
		left -= bytes + (end != NULL);
	}
	json_decref(json);
}

static void say_message(struct logs *logs, const struct trail_entry *entry, const struct message *message)
{
	char line[256];

	switch (message->type) {
	case MESSAGE_TASK_PROGRESS:
		say(logs, entry, message->task_progress.stage.bytes ? message->task_progress.stage.at : "",
		    message->task_progress.stage.bytes, message->task_progress.line.bytes ? message->task_progress.line.at : "",
		    message->task_progress.line.bytes);
		break;
	case MESSAGE_TASK_FAILURE:
		say_log(logs, entry, &message->task_failure.evidence);
		record_note(entry, message, line, sizeof(line));
		say(logs, entry, "failure", 7, line, strlen(line));
		break;
	case MESSAGE_TASK_STARTED:
		say(logs, entry, "started", 7, "", 0);
		break;
	case MESSAGE_TASK_COMPLETION:
		say(logs, entry, "done", 4, message->task_completion.summary.bytes ? message->task_completion.summary.at : "",
		    message->task_completion.summary.bytes);
		break;
	default:
		break;
	}
}

static int take(void *context, const struct trail_entry *entry)
{
	struct logs *logs = context;
	struct message message;
	int rc = record_message(entry, &logs->buffer, &message);

	if (rc)
		return rc;
	logs->last_seq = entry->seq;
	if (entry->direction == TRAIL_IN && entry->verdict == 0)
		say_message(logs, entry, &message);
	story_take(&logs->story, entry, &message);
	return 0;
}

static int follow(struct call *call, struct trail *trail, struct trail_query *query, struct logs *logs)
{
	struct state_folder state;
	int watch, rc = session_state(call, &state);

	if (rc)
		return rc;
	watch_signals();
	watch = watch_open(state.root);
	while (!rc && !watch_interrupted() && !state_is_end(logs->story.state)) {
		watch_wait(watch);
		query->after_seq = logs->last_seq;
		rc = trail_read(trail, query, take, logs);
		stream_flush(logs->stream);
	}
	if (watch >= 0)
		close(watch);
	return rc;
}

static int run(struct call *call)
{
	struct trail_query query = {.with_payload = true};
	struct trail *trail = NULL;
	struct logs logs = {0};
	int rc = session_trail(call, &trail);

	if (rc)
		return rc;
	rc = session_task(call, trail, call->operand[0], &query.task_id);
	if (!rc) {
		logs.stream = stream_new(call, columns);
		rc = trail_read(trail, &query, take, &logs);
		stream_flush(logs.stream);
		if (!rc && option_set(call, "follow"))
			rc = follow(call, trail, &query, &logs);
		stream_free(logs.stream);
		if (rc < 0)
			rc = call_fail(call, rc, "`bunshin audit verify` checks the trail", "the trail cannot be read: %s",
				       trail_why(trail));
		else if (!rc && logs.last_seq == 0)
			rc = call_fail(call, ERR_NOT_FOUND, "`bunshin task list` shows the tasks", "the trail knows no task %s",
				       call->operand[0]);
	}
	buffer_release(&logs.buffer);
	trail_close(trail);
	return rc;
}

static const struct option_row options[] = {
	{"follow", NULL, "go on until the task has ended"},
	{NULL, NULL, NULL},
};

const struct command command_task_logs = {
	.name = "task logs",
	.operands = "TASK",
	.sentence = "Shows what the attempts of a task said: progress, failures and the end of their logs",
	.example = "$ bunshin task logs 01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d4e --follow",
	.notes = "Read from the trail; works without a running network. What a process of the network itself wrote is in log/ in "
		 "the state folder.",
	.options = options,
	.operands_least = 1,
	.operands_most = 1,
	.run = run,
};
