/* SPDX-License-Identifier: MIT
 *
 * How a race stands.
 */
#include "cli/race_board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"
#include "protocol/id.h"

void board_init(struct board *board, const struct id *race)
{
	*board = (struct board){.race = *race};
}

void board_release(struct board *board)
{
	json_decref(board->parameters);
	buffer_release(&board->buffer);
}

/* A text of somebody's, cut where it does not fit, never within a character. */
static void keep_text(char *out, size_t room, const char *text, size_t bytes)
{
	if (bytes >= room) {
		bytes = room - 1;
		while (bytes && ((uint8_t)text[bytes] & 0xc0) == 0x80)
			bytes--;
	}
	for (size_t i = 0; i < bytes; i++)
		out[i] = text[i] ? text[i] : ' ';
	out[bytes] = 0;
}

static void keep_string(char *out, size_t room, const json_t *text)
{
	if (json_is_string(text))
		keep_text(out, room, json_string_value(text), json_string_length(text));
}

static json_t *json_of(const struct text *text)
{
	return text->bytes ? json_loadb(text->at, text->bytes, JSON_ALLOW_NUL, NULL) : NULL;
}

/* ---- rows ---- */

static struct board_row *row_add(struct board *board, const char *label, const char *agent)
{
	struct board_row *row;

	if (board->rows == BOARD_ROWS_MAX)
		return NULL;
	row = &board->row[board->rows++];
	*row = (struct board_row){.version = 1, .word = "waiting"};
	snprintf(row->label, sizeof(row->label), "%s", label);
	snprintf(row->agent, sizeof(row->agent), "%s", agent);
	return row;
}

static unsigned row_of_label(struct board *board, const char *label)
{
	for (unsigned i = 0; i < board->rows; i++) {
		if (strcmp(board->row[i].label, label) == 0)
			return i;
	}
	return row_add(board, label, "") ? board->rows - 1 : BOARD_ROWS_MAX;
}

static void rows_of(struct board *board, const json_t *list, bool candidates)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		const char *label = json_string_value(json_object_get(item, "label"));
		const char *agent = json_string_value(json_object_get(item, "agent"));
		struct board_row *row = label ? row_add(board, label, agent ? agent : "") : NULL;
		if (!row || !candidates)
			continue;
		snprintf(row->word, sizeof(row->word), "there");
		keep_string(row->commit, sizeof(row->commit), json_object_get(item, "commit"));
	}
}

static void take_race(struct board *board, const struct message *message)
{
	board->parameters = json_of(&message->task_request.parameters);
	rows_of(board, json_object_get(board->parameters, "agents"), false);
	rows_of(board, json_object_get(board->parameters, "candidates"), true);
}

/* ---- children ---- */

static struct board_task *task_find(struct board *board, const struct id *id)
{
	for (unsigned i = 0; i < board->tasks; i++) {
		if (memcmp(&board->task[i].id, id, sizeof(*id)) == 0)
			return &board->task[i];
	}
	return NULL;
}

static struct board_row *row_of_task(struct board *board, const struct board_task *task)
{
	return task->row < board->rows ? &board->row[task->row] : NULL;
}

static unsigned row_of_commit(const struct board *board, const char *commit)
{
	for (unsigned i = 0; *commit && i < board->rows; i++) {
		if (strcmp(board->row[i].commit, commit) == 0)
			return i;
	}
	return BOARD_ROWS_MAX;
}

/* Which tasks judge this attempt now. */
static void list_gates(struct board *board, unsigned row_index)
{
	struct board_row *row = &board->row[row_index];
	size_t used = 0;

	row->gates_open = row->gates_done = 0;
	row->gates[0] = 0;
	for (unsigned i = 0; i < board->tasks; i++) {
		const struct board_task *task = &board->task[i];
		if (task->attempt || task->row != row_index)
			continue;
		row->gates_done += task->ended;
		row->gates_open += !task->ended;
		if (!task->ended && used < sizeof(row->gates))
			used += (size_t)snprintf(row->gates + used, sizeof(row->gates) - used, "%s%s", used ? ", " : "",
						 task->type);
	}
	if (row->gates_open)
		snprintf(row->word, sizeof(row->word), "being judged");
	else if (row->gates_done)
		snprintf(row->word, sizeof(row->word), "judged");
	row->version++;
}

static void begin_try(struct board *board, struct board_task *task, const json_t *parameters, const struct trail_entry *entry)
{
	const char *label = json_string_value(json_object_get(parameters, "label"));
	struct board_row *row;

	task->attempt = true;
	task->row = label ? row_of_label(board, label) : BOARD_ROWS_MAX;
	row = row_of_task(board, task);
	if (!row)
		return;
	row->task = task->id;
	row->tries++;
	row->state = STATE_ACCEPTED;
	if (!row->begun_ms)
		row->begun_ms = entry->wall_ms;
	row->ended_ms = 0;
	row->last[0] = row->claim[0] = row->commit[0] = 0; /* of the try before */
	row->events = row->tokens = row->cost_microusd = row->files = 0;
	snprintf(row->word, sizeof(row->word), row->tries > 1 ? "queued again" : "queued");
	keep_string(row->agent, sizeof(row->agent), json_object_get(parameters, "agent"));
	row->version++;
}

static void take_child(struct board *board, const struct trail_entry *entry, const struct message *message)
{
	json_t *parameters = json_of(&message->task_request.parameters);
	struct board_task *task;

	if (board->tasks == BOARD_TASKS_MAX) {
		json_decref(parameters);
		return;
	}
	task = &board->task[board->tasks++];
	*task = (struct board_task){.id = entry->task_id, .row = BOARD_ROWS_MAX};
	keep_text(task->type, sizeof(task->type), message->task_request.task_type.bytes ? message->task_request.task_type.at : "",
		  message->task_request.task_type.bytes);
	if (strcmp(task->type, "code-change") == 0) {
		begin_try(board, task, parameters, entry);
	} else {
		keep_string(task->commit, sizeof(task->commit), json_object_get(parameters, "commit"));
		task->row = row_of_commit(board, task->commit);
		if (task->row < board->rows)
			list_gates(board, task->row);
	}
	json_decref(parameters);
}

/* ---- a line of progress ---- */

static uint64_t number_of(const char *text)
{
	char *end;
	double number = strtod(text, &end);

	if (number < 0 || number > 1e15)
		return 0;
	return (uint64_t)(*end == 'k' ? number * 1e3 : *end == 'M' ? number * 1e6 : number);
}

static bool part_read(struct board_row *row, const char *part)
{
	size_t bytes = strlen(part);
	bool counts = *part >= '0' && *part <= '9';

	if (*part == '$' && part[1] >= '0' && part[1] <= '9')
		row->cost_microusd = (uint64_t)(strtod(part + 1, NULL) * 1e6 + 0.5);
	else if (counts && bytes > 7 && strcmp(part + bytes - 7, " events") == 0)
		row->events = number_of(part);
	else if (counts && bytes > 6 && strcmp(part + bytes - 6, " event") == 0)
		row->events = number_of(part);
	else if (counts && bytes > 7 && strcmp(part + bytes - 7, " tokens") == 0)
		row->tokens = number_of(part);
	else if (counts && bytes > 6 && strcmp(part + bytes - 6, " files") == 0)
		row->files = number_of(part);
	else if (counts && bytes > 5 && strcmp(part + bytes - 5, " file") == 0)
		row->files = number_of(part);
	else
		return false;
	return true;
}

void board_line_read(struct board_row *row, const char *line, size_t bytes)
{
	static const char dot[] = " \xc2\xb7 ";
	char copy[1024];
	char *head = copy, *at;
	size_t agent = strlen(row->agent);

	keep_text(copy, sizeof(copy), line, bytes);
	/* From the end: what the agent did may hold a dot of its own. */
	for (;;) {
		char *last = NULL;
		for (at = copy; (at = strstr(at, dot)); at += strlen(dot))
			last = at;
		if (!last || !part_read(row, last + strlen(dot)))
			break;
		*last = 0;
	}
	if (agent && strncmp(head, row->agent, agent) == 0 && strncmp(head + agent, ": ", 2) == 0)
		head += agent + 2;
	if (*head && !part_read(row, head))
		keep_text(row->last, sizeof(row->last), head, strlen(head));
}

static void take_progress(struct board *board, struct board_row *row, const struct message *message)
{
	const struct text *stage = &message->task_progress.stage, *line = &message->task_progress.line;

	(void)board;
	if (row->state < STATE_COMPLETED) {
		row->state = STATE_RUNNING;
		if (stage->bytes == 5 && memcmp(stage->at, "agent", 5) == 0)
			snprintf(row->word, sizeof(row->word), "running");
		else if (stage->bytes)
			keep_text(row->word, sizeof(row->word), stage->at, stage->bytes);
		else
			snprintf(row->word, sizeof(row->word), "running");
	}
	if (line->bytes)
		board_line_read(row, line->at, line->bytes);
	row->version++;
}

/* ---- the end of a try ---- */

static void word_of_end(struct board_row *row, const json_t *result)
{
	const json_t *agent = json_object_get(result, "agent");
	const json_t *verdict = json_object_get(agent, "verdict");
	const char *class = json_string_value(json_object_get(verdict, "class"));

	if (json_is_object(json_object_get(result, "change")))
		snprintf(row->word, sizeof(row->word), "handed in");
	else if (verdict && !json_is_true(json_object_get(verdict, "ok")) && (!class || strcmp(class, "no_change") != 0))
		snprintf(row->word, sizeof(row->word), "failed: %.36s", class ? class : "?");
	else
		snprintf(row->word, sizeof(row->word), "changed nothing");
	keep_string(row->claim, sizeof(row->claim), json_object_get(json_object_get(agent, "claim"), "text"));
}

static void take_completion(struct board_row *row, const struct message *message)
{
	json_t *result = json_of(&message->task_completion.result);
	const json_t *change = json_object_get(result, "change"), *kept = json_object_get(result, "kept");
	const json_t *files = json_object_get(json_is_object(change) ? change : kept, "files");

	row->tokens = message->task_completion.tokens;
	row->cost_microusd = message->task_completion.cost_microusd;
	if (json_is_integer(files))
		row->files = (uint64_t)json_integer_value(files);
	keep_string(row->commit, sizeof(row->commit), json_object_get(change, "commit"));
	word_of_end(row, result);
	json_decref(result);
}

static void end_task(struct board *board, struct board_task *task, const struct trail_entry *entry, const struct message *message)
{
	struct board_row *row = row_of_task(board, task);

	task->ended = true;
	if (!row)
		return;
	if (!task->attempt) {
		list_gates(board, task->row);
		return;
	}
	if (memcmp(&row->task, &task->id, sizeof(task->id)) != 0)
		return; /* an earlier try */
	row->state = (enum state)entry->end_state;
	row->ended_ms = entry->wall_ms;
	if (message->type == MESSAGE_TASK_COMPLETION) {
		take_completion(row, message);
	} else {
		const char *code = message->type == MESSAGE_TASK_FAILURE ? error_name((int)message->task_failure.code) : NULL;
		if (entry->end_state == STATE_CANCELLED)
			snprintf(row->word, sizeof(row->word), "cancelled");
		else
			snprintf(row->word, sizeof(row->word), "failed: %.36s", code ? code : state_name(entry->end_state));
	}
	row->version++;
}

/* ---- records ---- */

static void take_of_child(struct board *board, struct board_task *task, const struct trail_entry *entry,
			  const struct message *message)
{
	struct board_row *row = row_of_task(board, task);

	if (entry->end_state) {
		end_task(board, task, entry, message);
		return;
	}
	if (!row || !task->attempt || memcmp(&row->task, &task->id, sizeof(task->id)) != 0)
		return;
	if (entry->direction == TRAIL_IN && message->type == MESSAGE_TASK_PROGRESS)
		take_progress(board, row, message);
	if (entry->direction == TRAIL_IN && message->type == MESSAGE_TASK_STARTED) {
		row->state = STATE_RUNNING;
		snprintf(row->word, sizeof(row->word), "preparing");
		row->version++;
	}
}

static void take_of_race(struct board *board, const struct trail_entry *entry, const struct message *message)
{
	story_take(&board->story, entry, message);
	if (entry->direction != TRAIL_IN || entry->verdict)
		return;
	if (message->type == MESSAGE_TASK_REQUEST && !board->parameters)
		take_race(board, message);
	if (message->type != MESSAGE_TASK_PROGRESS)
		return;
	keep_text(board->stage, sizeof(board->stage), message->task_progress.stage.bytes ? message->task_progress.stage.at : "",
		  message->task_progress.stage.bytes);
	keep_text(board->line, sizeof(board->line), message->task_progress.line.bytes ? message->task_progress.line.at : "",
		  message->task_progress.line.bytes);
	board->version++;
}

int board_take(void *context, const struct trail_entry *entry)
{
	struct board *board = context;
	struct board_task *task;
	struct message message;
	int rc;

	board->last_seq = entry->seq;
	if (memcmp(&entry->task_id, &board->race, sizeof(board->race)) != 0 && entry->type != MESSAGE_TASK_REQUEST &&
	    !task_find(board, &entry->task_id))
		return 0;
	rc = record_message(entry, &board->buffer, &message);
	if (rc)
		return rc;
	if (memcmp(&entry->task_id, &board->race, sizeof(board->race)) == 0) {
		take_of_race(board, entry, &message);
		return 0;
	}
	if (entry->verdict)
		return 0;
	task = task_find(board, &entry->task_id);
	if (task)
		take_of_child(board, task, entry, &message);
	else if (entry->type == MESSAGE_TASK_REQUEST && entry->seq == entry->task_number &&
		 memcmp(&message.task_request.parent, &board->race, sizeof(board->race)) == 0)
		take_child(board, entry, &message);
	return 0;
}

int board_read(struct board *board, struct trail *trail)
{
	struct trail_query query = {.after_seq = board->last_seq, .with_payload = true};

	if (!board->last_seq) {
		struct trail_task task;
		int rc = trail_task(trail, &board->race, &task);
		if (rc)
			return rc;
		query.after_seq = task.request_seq - 1;
	}
	return trail_read(trail, &query, board_take, board);
}

json_t *board_row_json(const struct board_row *row, uint64_t now_ms)
{
	uint64_t end_ms = row->ended_ms ? row->ended_ms : now_ms;
	char task[ID_TEXT_BYTES];
	bool begun = row->begun_ms != 0;

	id_print(&row->task, task);
	return need(json_pack("{s:s, s:s, s:s?, s:i, s:s, s:s, s:I, s:I, s:I, s:I, s:s?, s:s?, s:I}", "label", row->label,
			      "agent", row->agent, "task", begun ? task : NULL, "try", (int)row->tries, "state", row->word,
			      "last", row->last, "events", (json_int_t)row->events, "tokens", (json_int_t)row->tokens,
			      "cost_microusd", (json_int_t)row->cost_microusd, "files", (json_int_t)row->files, "commit",
			      *row->commit ? row->commit : NULL, "judging", *row->gates ? row->gates : NULL, "took_ms",
			      (json_int_t)(begun && end_ms > row->begun_ms ? end_ms - row->begun_ms : 0)));
}
