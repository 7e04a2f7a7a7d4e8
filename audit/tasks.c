/* SPDX-License-Identifier: MIT
 *
 * The index of tasks: kept in the transaction of the records it is derived from, so that it is never ahead or behind.
 */
#include "audit/tasks.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/nodes.h"

enum task_effect task_effect(const struct trail_entry *entry)
{
	bool outcome =
		entry->direction == TRAIL_OUT && (entry->type == MESSAGE_TASK_COMPLETION || entry->type == MESSAGE_TASK_FAILURE);
	if (!entry->task_number)
		return EFFECT_NONE;
	if (entry->task_number == entry->seq)
		return entry->type == MESSAGE_TASK_REQUEST && entry->direction == TRAIL_IN && !entry->verdict ? EFFECT_BEGIN
													      : EFFECT_NONE;
	if (entry->revives)
		return EFFECT_REVIVE;
	if (!entry->end_state)
		return EFFECT_NONE;
	return outcome ? EFFECT_TELL : EFFECT_END;
}

static void task_fold_end(struct task_fold *fold, const struct trail_entry *entry)
{
	fold->end_seq = entry->seq;
	fold->end_state = entry->end_state;
}

void task_fold_apply(struct task_fold *fold, const struct trail_entry *entry)
{
	switch (task_effect(entry)) {
	case EFFECT_NONE:
		break;
	case EFFECT_BEGIN:
	case EFFECT_REVIVE:
		*fold = (struct task_fold){.number = fold->number};
		break;
	case EFFECT_TELL:
		fold->outcome_seq = entry->seq;
		if (!fold->end_seq)
			task_fold_end(fold, entry);
		break;
	case EFFECT_END:
		task_fold_end(fold, entry);
		break;
	}
}

static int effect_read(sqlite3_stmt *statement, uint64_t number, struct trail_entry *out_entry)
{
	uint32_t revives;
	*out_entry = (struct trail_entry){.task_number = number};
	bool fine = column_wide(statement, 0, &out_entry->seq) && column_narrow(statement, 1, &out_entry->type) &&
		    column_narrow(statement, 2, &out_entry->direction) && column_narrow(statement, 3, &out_entry->verdict) &&
		    column_narrow(statement, 4, &out_entry->end_state) && column_narrow(statement, 5, &revives);
	out_entry->revives = fine && revives;
	return fine ? SQLITE_OK : SQLITE_CORRUPT;
}

int task_fold_read(struct trail *trail, uint64_t through_seq, struct task_fold *fold)
{
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_EFFECTS);
	int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)fold->number) : sqlite3_extended_errcode(trail->db);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 2, (int64_t)through_seq);
	while (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		struct trail_entry entry;
		rc = effect_read(statement, fold->number, &entry);
		if (rc == SQLITE_OK)
			task_fold_apply(fold, &entry);
	}
	int end = statement ? sqlite3_reset(statement) : SQLITE_OK;
	if (rc == SQLITE_OK)
		rc = end;
	return rc ? store_fail(trail, rc, "reading the records of a task") : 0;
}

/* ---- writing ---- */

static int task_insert(struct trail *trail, const struct trail_entry *entry)
{
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_INSERT_TASK);
	int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)entry->seq) : sqlite3_extended_errcode(trail->db);
	if (rc == SQLITE_OK)
		rc = bind_id(statement, 2, &entry->task_id);
	if (rc == SQLITE_OK)
		rc = bind_id(statement, 3, &entry->key_hash);
	if (rc == SQLITE_OK)
		rc = bind_id(statement, 4, &entry->body_hash);
	return rc ? rc : store_finish(statement);
}

static int task_update(struct trail *trail, enum statement which, const struct trail_entry *entry)
{
	sqlite3_stmt *statement = store_statement(trail, which);
	int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)entry->task_number) : sqlite3_extended_errcode(trail->db);
	if (rc == SQLITE_OK && which != STATEMENT_REVIVE_TASK)
		rc = sqlite3_bind_int64(statement, 2, (int64_t)entry->seq);
	if (rc == SQLITE_OK && which != STATEMENT_REVIVE_TASK)
		rc = sqlite3_bind_int64(statement, 3, entry->end_state);
	if (rc == SQLITE_OK)
		rc = store_finish(statement);
	if (rc == SQLITE_OK && sqlite3_changes(trail->db) != 1)
		rc = SQLITE_EMPTY;
	return rc;
}

static int snapshot_insert(struct trail *trail, uint64_t seq)
{
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_INSERT_SNAPSHOT);
	int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)seq) : sqlite3_extended_errcode(trail->db);
	return rc ? rc : store_finish(statement);
}

int index_note(struct trail *trail, const struct trail_entry *entry)
{
	int rc = SQLITE_OK;
	switch (task_effect(entry)) {
	case EFFECT_NONE:
		break;
	case EFFECT_BEGIN:
		rc = task_insert(trail, entry);
		break;
	case EFFECT_END:
		rc = task_update(trail, STATEMENT_END_TASK, entry);
		break;
	case EFFECT_TELL:
		rc = task_update(trail, STATEMENT_TELL_TASK, entry);
		break;
	case EFFECT_REVIVE:
		rc = task_update(trail, STATEMENT_REVIVE_TASK, entry);
		break;
	}
	if (rc == SQLITE_OK && entry->type == MESSAGE_SNAPSHOT)
		rc = snapshot_insert(trail, entry->seq);
	if (rc == SQLITE_EMPTY) {
		snprintf(trail->why, sizeof(trail->why), "record %llu ends or revives task %llu, which no request made",
			 (unsigned long long)entry->seq, (unsigned long long)entry->task_number);
		return ERR_STATE;
	}
	return rc ? store_fail(trail, rc, "keeping the index of tasks") : 0;
}

/* ---- asking ---- */

static bool task_read(sqlite3_stmt *statement, struct trail_task *out_task)
{
	return column_wide(statement, 0, &out_task->request_seq) && column_id(statement, 1, &out_task->task_id) &&
	       column_id(statement, 2, &out_task->key_hash) && column_id(statement, 3, &out_task->body_hash) &&
	       column_wide(statement, 4, &out_task->end_seq) && column_narrow(statement, 5, &out_task->end_state) &&
	       column_wide(statement, 6, &out_task->outcome_seq);
}

static int task_find(struct trail *trail, enum statement which, const struct id *id, struct trail_task *out_task)
{
	struct trail_task task;
	sqlite3_stmt *statement = store_statement(trail, which);
	int rc = statement ? bind_id(statement, 1, id) : sqlite3_extended_errcode(trail->db);
	bool found = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
	bool fine = found && task_read(statement, &task);
	if (statement && rc == SQLITE_OK)
		rc = sqlite3_reset(statement);
	if (rc == SQLITE_OK && found && !fine)
		rc = SQLITE_CORRUPT;
	if (rc)
		return store_fail(trail, rc, "looking up a task");
	if (!found)
		return ERR_NOT_FOUND;
	*out_task = task;
	return 0;
}

int trail_task(struct trail *trail, const struct id *task_id, struct trail_task *out_task)
{
	return task_find(trail, STATEMENT_TASK_BY_ID, task_id, out_task);
}

int trail_key(struct trail *trail, const struct id *key_hash, struct trail_task *out_task)
{
	return task_find(trail, STATEMENT_TASK_BY_KEY, key_hash, out_task);
}

int trail_task_last(struct trail *trail, struct trail_task *out_task)
{
	struct id last;
	memset(last.bytes, 0xff, sizeof(last.bytes));
	return task_find(trail, STATEMENT_TASK_AT_MOST, &last, out_task);
}

/* Newest first below `*before`; `*before` becomes the number of the last row looked at, 0 at the end. */
static int tasks_slice(struct trail *trail, sqlite3_stmt *statement, uint64_t *before, struct trail_task *tasks, size_t capacity,
		       size_t *out_count)
{
	size_t count = 0;
	int step = SQLITE_OK;
	int rc = sqlite3_bind_int64(statement, 1, *before > INT64_MAX ? INT64_MAX : (int64_t)*before);
	while (rc == SQLITE_OK && count < capacity && (step = sqlite3_step(statement)) == SQLITE_ROW) {
		if (!task_read(statement, &tasks[count]))
			rc = SQLITE_CORRUPT;
		count++;
	}
	int end = sqlite3_reset(statement);
	rc = rc ? rc : end;
	if (rc)
		return store_fail(trail, rc, "listing tasks");
	*before = step == SQLITE_DONE ? 0 : tasks[count - 1].request_seq;
	*out_count = count;
	return 0;
}

static bool task_wanted(const struct trail_task *task, uint32_t state)
{
	if (!state)
		return true;
	return state_is_end(state) ? task->end_state == state : task->end_state == 0;
}

/* Rows are read in slices, and handed out when no transaction is open: whoever looks at them may take all the time in the world.
 */
int trail_tasks(struct trail *trail, uint32_t state, uint32_t limit, int (*each)(void *context, const struct trail_task *task),
		void *context)
{
	enum { SLICE_TASKS = 1000 };
	uint64_t before = UINT64_MAX;
	uint32_t told = 0;
	sqlite3_stmt *statement = NULL;
	struct trail_task *tasks = calloc(SLICE_TASKS, sizeof(*tasks));
	int rc = tasks ? sqlite3_prepare_v2(trail->db, TASK_SELECT "WHERE request_seq < ?1 ORDER BY request_seq DESC", -1,
					    &statement, NULL)
		       : SQLITE_NOMEM;
	if (rc)
		rc = store_fail(trail, rc, "listing tasks");
	while (rc == 0 && before) {
		size_t count = 0;
		rc = tasks_slice(trail, statement, &before, tasks, SLICE_TASKS, &count);
		for (size_t i = 0; rc == 0 && i < count && (!limit || told < limit); i++) {
			if (!task_wanted(&tasks[i], state))
				continue;
			rc = each(context, &tasks[i]);
			told++;
		}
		if (limit && told >= limit)
			break;
	}
	sqlite3_finalize(statement);
	free(tasks);
	return rc;
}

/* ---- rebuilding ---- */

static int index_replay(struct trail *trail)
{
	sqlite3_stmt *statement = NULL;
	char sql[1024];
	int error = 0;
	snprintf(sql, sizeof(sql),
		 "SELECT NULL, seq%s, chain FROM records WHERE task_number = seq OR end_state OR revives OR type = %d ORDER BY "
		 "seq",
		 record_columns, MESSAGE_SNAPSHOT);
	int rc = sqlite3_prepare_v2(trail->db, sql, -1, &statement, NULL);
	while (rc == SQLITE_OK && !error && (rc = sqlite3_step(statement)) == SQLITE_ROW) {
		struct trail_entry entry;
		rc = record_read(statement, &entry) ? SQLITE_CORRUPT : SQLITE_OK;
		if (rc == SQLITE_OK)
			error = index_note(trail, &entry);
	}
	int end = sqlite3_finalize(statement);
	if (error)
		return error;
	rc = rc == SQLITE_DONE ? end : rc;
	return rc ? store_fail(trail, rc, "reading the records") : 0;
}

int trail_rebuild_index(struct trail *trail)
{
	struct tree tree;
	uint64_t snapshot_seq = 0;
	assert(trail->mode == TRAIL_WRITE);
	if (trail->broken)
		return trail->broken;
	int rc = store_run(trail, STATEMENT_BEGIN_WRITE);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(trail->db, "DELETE FROM tasks; DELETE FROM snapshots; DELETE FROM nodes;", NULL, NULL, NULL);
	rc = rc ? store_fail(trail, rc, "emptying the index of tasks") : index_replay(trail);
	if (rc == 0)
		rc = nodes_fill(trail, &tree);
	int code = rc ? SQLITE_OK : store_number(trail, STATEMENT_LAST_SNAPSHOT, &snapshot_seq);
	if (code)
		rc = store_fail(trail, code, "reading the last snapshot");
	if (rc)
		return store_undo(trail, rc);
	rc = store_run(trail, STATEMENT_COMMIT);
	if (rc == SQLITE_OK) {
		trail->tree = tree;
		trail->snapshot_seq = snapshot_seq;
		return 0;
	}
	(void)store_fail(trail, rc, "committing");
	trail->broken = ERR_AMBIGUOUS;
	return ERR_AMBIGUOUS;
}
