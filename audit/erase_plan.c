/* SPDX-License-Identifier: MIT
 *
 * Which payloads a claim takes, and which are still needed.
 */
#include "audit/erase.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/erased.h"
#include "protocol/validate.h"

#define WINDOW_RECORDS 100000u     /* of one read transaction, when looking for what is old */
#define PLAN_BYTES_MAX (32u << 20) /* what is erased by age in one transaction, about */
#define PARENTS_MAX    16u         /* more than tasks can be deep */
#define VERDICTS       1024u       /* remembered, by task number modulo their number */

/* An action that erased something keeps its reason: its Erased record follows it. */
#define OWNER_SELECT                                                                                                             \
	"SELECT p.seq, length(p.body), r.type, r.task_number FROM records r JOIN payloads p ON p.seq = r.seq "                   \
	"WHERE r.seq > ?1 AND r.seq <= ?2 AND p.body IS NOT NULL AND NOT (r.type = 34 AND EXISTS("                               \
	"SELECT 1 FROM records e WHERE e.seq = r.seq + 1 AND e.type = 104))"
#define BY_TASK_SELECT OWNER_SELECT " AND r.task_number = ?3 UNION ALL " OWNER_SELECT " AND r.task_number = 0 AND r.task_id = ?4"
/* Rows whose payload is gone already are passed over without a look at their record. */
#define BY_AGE_SELECT                                                                                                            \
	"SELECT p.seq, length(p.body), r.type, r.task_number FROM payloads p CROSS JOIN records r ON r.seq = p.seq "             \
	"WHERE p.seq > ?1 AND p.seq <= ?2 AND p.body IS NOT NULL AND NOT (r.type = 34 AND EXISTS("                               \
	"SELECT 1 FROM records e WHERE e.seq = r.seq + 1 AND e.type = 104)) ORDER BY p.seq"
_Static_assert(MESSAGE_RECOVERY_ACTION == 34 && MESSAGE_ERASED == 104, "the statements name types by their numbers");

enum need { NEED_UNKNOWN, NEED_NONE, NEED_KEPT };

struct walk {
	struct trail *trail;
	const struct erased_claim *claim;
	uint64_t limit;
	int (*each)(void *context, uint64_t seq);
	void *context;
	struct erase_plan *plan;
	struct buffer room;
	struct {
		uint64_t number;
		enum need need;
	} verdict[VERDICTS];
};

static int fail(struct walk *walk, int sqlite_code)
{
	return store_fail(walk->trail, sqlite_code, "looking for what is to be erased");
}

/* ---- does somebody still need the texts of a task? ---- */

static int task_find(struct walk *walk, enum statement which, uint64_t number, const struct id *id, struct trail_task *out_task)
{
	sqlite3_stmt *statement = store_statement(walk->trail, which);
	int rc = statement ? SQLITE_OK : sqlite3_extended_errcode(walk->trail->db);
	if (rc == SQLITE_OK)
		rc = id ? bind_id(statement, 1, id) : sqlite3_bind_int64(statement, 1, (int64_t)number);
	bool found = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
	bool fine = found && column_wide(statement, 0, &out_task->request_seq) && column_wide(statement, 4, &out_task->end_seq) &&
		    column_narrow(statement, 5, &out_task->end_state);
	if (statement && rc == SQLITE_OK)
		rc = sqlite3_reset(statement);
	if (rc == SQLITE_OK && found && !fine)
		rc = SQLITE_CORRUPT;
	return rc ? fail(walk, rc) : found ? 0 : ERR_NOT_FOUND;
}

/* A failed task of which the last that was said is that a person is needed. */
static int is_dead_letter(struct walk *walk, const struct trail_task *task, bool *out_dead)
{
	sqlite3_stmt *statement = store_statement(walk->trail, STATEMENT_LAST_SAID);
	int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)task->request_seq)
			   : sqlite3_extended_errcode(walk->trail->db);
	*out_dead = rc == SQLITE_OK && task->end_state == STATE_FAILED && sqlite3_step(statement) == SQLITE_ROW &&
		    sqlite3_column_int(statement, 0) == MESSAGE_ERROR_ESCALATION;
	if (statement && rc == SQLITE_OK)
		rc = sqlite3_reset(statement);
	return rc ? fail(walk, rc) : 0;
}

static int parent_of(struct walk *walk, uint64_t number, struct id *out_parent)
{
	struct parts parts;
	struct message message;
	int error = ERR_CORRUPT;
	sqlite3_stmt *statement = store_statement(walk->trail, STATEMENT_PARTS);
	int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)number) : sqlite3_extended_errcode(walk->trail->db);
	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		struct bytes header, facts;
		walk->room.bytes = 0;
		if (column_span(statement, 0, &header) && column_span(statement, 1, &facts))
			error = message_join(MESSAGE_TASK_REQUEST, header, facts, (struct bytes){0}, &walk->room);
	}
	if (statement && rc == SQLITE_OK)
		rc = sqlite3_reset(statement);
	if (rc)
		return fail(walk, rc);
	if (error == 0 && (validate_message(walk->room.at, walk->room.bytes, &parts) || message_decode(&parts, &message)))
		error = ERR_CORRUPT;
	if (error == 0)
		*out_parent = message.task_request.parent;
	else
		snprintf(walk->trail->why, sizeof(walk->trail->why), "record %llu is no request, and a task is numbered by it",
			 (unsigned long long)number);
	return error;
}

/* One task: does it need its texts, and which task is above it? */
static int task_look(struct walk *walk, const struct trail_task *task, bool *out_needed, struct id *out_parent)
{
	*out_needed = !task->end_seq;
	int rc = *out_needed ? 0 : is_dead_letter(walk, task, out_needed);
	return rc || *out_needed ? rc : parent_of(walk, task->request_seq, out_parent);
}

static int need_find(struct walk *walk, uint64_t number, enum need *out_need)
{
	struct trail_task task;
	struct id parent = {{0}};
	bool needed = false;
	int rc = task_find(walk, STATEMENT_TASK_BY_NUMBER, number, NULL, &task);
	for (unsigned i = 0; rc == 0 && i < PARENTS_MAX; i++) {
		rc = task_look(walk, &task, &needed, &parent);
		if (rc || needed || id_is_nil(&parent))
			break;
		rc = task_find(walk, STATEMENT_TASK_BY_ID, 0, &parent, &task);
	}
	*out_need = needed ? NEED_KEPT : NEED_NONE;
	return rc == ERR_NOT_FOUND ? 0 : rc; /* a number without a task keeps nothing from going */
}

static int is_needed(struct walk *walk, uint32_t type, uint64_t seq, uint64_t number, bool *out_needed)
{
	int rc = 0;
	*out_needed = type == MESSAGE_SNAPSHOT && seq >= walk->trail->snapshot_seq;
	if (!number)
		return 0;
	size_t place = number % VERDICTS;
	if (walk->verdict[place].number != number || walk->verdict[place].need == NEED_UNKNOWN) {
		enum need need;
		rc = need_find(walk, number, &need);
		if (rc)
			return rc;
		walk->verdict[place].number = number;
		walk->verdict[place].need = need;
	}
	*out_needed |= walk->verdict[place].need == NEED_KEPT;
	return 0;
}

/* ---- walking over payloads ---- */

static int row_take(struct walk *walk, sqlite3_stmt *statement)
{
	struct erase_plan *plan = walk->plan;
	uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0), number = (uint64_t)sqlite3_column_int64(statement, 3);
	uint64_t bytes = (uint64_t)sqlite3_column_int64(statement, 1);
	bool needed = false;
	int rc = 0;
	if (!walk->claim->task_number)
		rc = is_needed(walk, (uint32_t)sqlite3_column_int64(statement, 2), seq, number, &needed);
	if (rc)
		return rc;
	if (needed) {
		plan->kept++;
		return 0;
	}
	rc = walk->each ? walk->each(walk->context, seq) : 0;
	if (rc)
		return rc;
	plan->payloads++;
	plan->bytes += bytes;
	plan->last_seq = seq > plan->last_seq ? seq : plan->last_seq;
	plan->more = walk->limit && (plan->payloads >= walk->limit || plan->bytes >= PLAN_BYTES_MAX);
	return 0;
}

static int walk_bind(const struct walk *walk, sqlite3_stmt *statement, uint64_t low, uint64_t high)
{
	int rc = sqlite3_bind_int64(statement, 1, (int64_t)low);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(statement, 2, (int64_t)high);
	if (rc == SQLITE_OK && walk->claim->task_number)
		rc = sqlite3_bind_int64(statement, 3, (int64_t)walk->claim->task_number);
	if (rc == SQLITE_OK && walk->claim->task_number)
		rc = bind_id(statement, 4, &walk->claim->task_id);
	return rc;
}

static int window_walk(struct walk *walk, sqlite3_stmt *statement, uint64_t low, uint64_t high)
{
	int error = 0;
	int rc = walk_bind(walk, statement, low, high);
	while (rc == SQLITE_OK && !error && !walk->plan->more && sqlite3_step(statement) == SQLITE_ROW)
		error = row_take(walk, statement);
	int end = sqlite3_reset(statement);
	rc = rc ? rc : end;
	return error ? error : rc ? fail(walk, rc) : 0;
}

static int walk_all(struct walk *walk)
{
	sqlite3_stmt *statement = NULL;
	uint64_t through = walk->claim->through_seq;
	uint64_t window = walk->claim->task_number ? through : WINDOW_RECORDS; /* a task's records are found by index */
	int rc = sqlite3_prepare_v2(walk->trail->db, walk->claim->task_number ? BY_TASK_SELECT : BY_AGE_SELECT, -1, &statement,
				    NULL);
	if (rc)
		return fail(walk, rc);
	for (uint64_t low = 0; rc == 0 && low < through && !walk->plan->more; low += window)
		rc = window_walk(walk, statement, low, through - low < window ? through : low + window);
	sqlite3_finalize(statement);
	return rc;
}

/* A task must have ended; in a backup it may have been live when that was made. */
static int claim_check(struct walk *walk)
{
	struct trail_task task;
	if (!walk->claim->task_number || walk->claim->in_backup)
		return 0;
	int rc = task_find(walk, STATEMENT_TASK_BY_NUMBER, walk->claim->task_number, NULL, &task);
	if (rc == ERR_NOT_FOUND)
		snprintf(walk->trail->why, sizeof(walk->trail->why), "no request made a task %llu",
			 (unsigned long long)walk->claim->task_number);
	if (rc == 0 && !task.end_seq) {
		snprintf(walk->trail->why, sizeof(walk->trail->why), "task %llu is live; what it needs cannot be erased",
			 (unsigned long long)walk->claim->task_number);
		rc = ERR_STATE;
	}
	return rc;
}

/* A reader does not know without looking. */
static int snapshot_find(struct walk *walk)
{
	if (walk->trail->mode == TRAIL_WRITE || walk->claim->task_number)
		return 0;
	int rc = store_number(walk->trail, STATEMENT_LAST_SNAPSHOT, &walk->trail->snapshot_seq);
	return rc ? fail(walk, rc) : 0;
}

int erase_plan(struct trail *trail, const struct erased_claim *claim, uint64_t limit, int (*each)(void *context, uint64_t seq),
	       void *context, struct erase_plan *out_plan)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	*out_plan = (struct erase_plan){0};
	if (!walk)
		return store_fail(trail, SQLITE_NOMEM, "looking for what is to be erased");
	walk->trail = trail;
	walk->claim = claim;
	walk->limit = limit;
	walk->each = each;
	walk->context = context;
	walk->plan = out_plan;
	int rc = claim_check(walk);
	if (rc == 0)
		rc = snapshot_find(walk);
	if (rc == 0)
		rc = walk_all(walk);
	buffer_release(&walk->room);
	free(walk);
	return rc;
}
