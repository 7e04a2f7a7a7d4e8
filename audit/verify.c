/* SPDX-License-Identifier: MIT
 *
 * Does the trail say what was written? Five tables are read side by side in order of seq, each row once; what a record says of
 * its task is folded in memory, for live tasks only, and compared with the index. Nodes of the tree are looked up when they are complete.
 *
 * Works beside a writer: each slice is one read transaction, and a task whose row may have moved on since it was read is compared
 * again in the last slice, which sees exactly the records that were folded.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/erase.h"
#include "audit/tasks.h"
#include "audit/verify_sealed.h"

/* A task between its request and the moment where its row has been found to agree. */
struct open_task {
	struct task_fold fold; /* fold.number 0: a free place */
	struct trail_task row; /* as read beside the request */
};

struct open_tasks {
	struct open_task *at; /* open addressing, linear probing, a power of two places, at most half of them taken */
	size_t places;
	size_t taken;
};

/* A side table while it is read along: the row that comes next. */
struct stream {
	sqlite3_stmt *statement;
	uint64_t seq; /* of the row in hand, or UINT64_MAX after the last of the slice */
};

struct verification {
	struct trail *trail;
	struct trail_verdict *verdict;
	sqlite3_stmt *records;
	struct stream payloads;
	struct stream tasks;
	struct stream snapshots;
	struct stream checkpoints; /* by size, which is the seq of the last record that one covers */
	struct sealed_check sealed;
	struct open_tasks open;
	struct commitment_slot *commitments;
	struct hash head;
};

__attribute__((format(printf, 3, 4))) static int bad(struct verification *verification, uint64_t seq, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(verification->verdict->why, sizeof(verification->verdict->why), format, arguments);
	va_end(arguments);
	verification->verdict->bad_seq = seq;
	return ERR_CORRUPT;
}

/* An SQLite error: of the disk, of memory, or a damaged page under the row that was to come next. */
static int broken(struct verification *verification, int sqlite_code)
{
	int rc = store_fail(verification->trail, sqlite_code, "reading the trail");
	if (rc == ERR_CORRUPT)
		return bad(verification, verification->verdict->last_seq + 1, "the database file is damaged: %.200s",
			   verification->trail->why);
	snprintf(verification->verdict->why, sizeof(verification->verdict->why), "%s", verification->trail->why);
	return rc;
}

/* ---- open tasks ---- */

static size_t open_place(const struct open_tasks *open, uint64_t number)
{
	size_t mask = open->places - 1;
	size_t place = (size_t)(number * 0x9e3779b97f4a7c15u >> 20) & mask;
	while (open->at[place].fold.number && open->at[place].fold.number != number)
		place = (place + 1) & mask;
	return place;
}

static int open_grow(struct open_tasks *open)
{
	struct open_tasks larger = {.places = open->places ? open->places * 2 : 1024, .taken = open->taken};
	if (open->places && open->taken < open->places / 2)
		return 0;
	larger.at = calloc(larger.places, sizeof(*larger.at));
	if (!larger.at)
		return ERR_MEMORY;
	for (size_t i = 0; i < open->places; i++)
		if (open->at[i].fold.number)
			larger.at[open_place(&larger, open->at[i].fold.number)] = open->at[i];
	free(open->at);
	*open = larger;
	return 0;
}

static struct open_task *open_find(struct open_tasks *open, uint64_t number)
{
	if (!open->places)
		return NULL;
	struct open_task *task = &open->at[open_place(open, number)];
	return task->fold.number ? task : NULL;
}

/* A new, zeroed entry; NULL without memory. */
static struct open_task *open_add(struct open_tasks *open, uint64_t number)
{
	if (open_grow(open))
		return NULL;
	struct open_task *task = &open->at[open_place(open, number)];
	assert(!task->fold.number);
	*task = (struct open_task){.fold.number = number};
	open->taken++;
	return task;
}

/* Those that follow close up, so that every search still ends at a free place. */
static void open_remove(struct open_tasks *open, struct open_task *task)
{
	size_t mask = open->places - 1;
	size_t hole = (size_t)(task - open->at);
	open->at[hole] = (struct open_task){0};
	open->taken--;
	for (size_t next = (hole + 1) & mask; open->at[next].fold.number; next = (next + 1) & mask) {
		struct open_task moved = open->at[next];
		open->at[next] = (struct open_task){0};
		open->at[open_place(open, moved.fold.number)] = moved;
	}
}

/* ---- streams ---- */

static int stream_next(struct stream *stream)
{
	int step = sqlite3_step(stream->statement);
	stream->seq = UINT64_MAX;
	if (step == SQLITE_ROW)
		stream->seq = (uint64_t)sqlite3_column_int64(stream->statement, 0);
	return step == SQLITE_ROW || step == SQLITE_DONE ? SQLITE_OK : sqlite3_reset(stream->statement);
}

static int stream_begin(struct stream *stream, uint64_t low, uint64_t high)
{
	sqlite3_reset(stream->statement);
	int rc = sqlite3_bind_int64(stream->statement, 1, (int64_t)low);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(stream->statement, 2, (int64_t)high);
	return rc ? rc : stream_next(stream);
}

/* ---- one record and what hangs on it ---- */

static int payload_done(struct verification *verification, const struct trail_entry *entry)
{
	verification->commitments[entry->seq % COMMITMENTS] =
		(struct commitment_slot){.seq = entry->seq, .commitment = entry->commitment};
	int rc = stream_next(&verification->payloads);
	return rc ? broken(verification, rc) : 0;
}

/* Salt and body are gone: is that on record? */
static int erased_check(struct verification *verification, const struct trail_entry *entry)
{
	struct trail *trail = verification->trail;
	int rc = trail->format < 2 ? ERR_NOT_FOUND : erase_covers(trail, entry);
	if (rc == ERR_NOT_FOUND)
		return bad(verification, entry->seq, "its payload and the salt are gone, and no erasure is on record");
	if (rc == ERR_CORRUPT)
		return bad(verification, entry->seq, "its payload is gone, and the erasures cannot be read: %.150s", trail->why);
	if (rc)
		return rc;
	if (hash_is_zero(&entry->commitment))
		return bad(verification, entry->seq, "its payload is erased, and it has no commitment");
	verification->verdict->erased++;
	return payload_done(verification, entry);
}

static int payload_check(struct verification *verification, const struct trail_entry *entry)
{
	sqlite3_stmt *statement = verification->payloads.statement;
	struct bytes salt, body;
	struct hash commitment;
	if (verification->payloads.seq != entry->seq)
		return bad(verification, entry->seq, "its payload is missing");
	if (sqlite3_column_type(statement, 1) == SQLITE_NULL && sqlite3_column_type(statement, 2) == SQLITE_NULL)
		return erased_check(verification, entry);
	if (!column_span(statement, 1, &salt) || !column_span(statement, 2, &body) || salt.bytes != SALT_BYTES) {
		if ((sqlite3_errcode(verification->trail->db) & 0xff) == SQLITE_NOMEM)
			return ERR_MEMORY;
		return bad(verification, entry->seq, "its payload or the salt is gone, or has a wrong length");
	}
	if (payload_commitment(&verification->trail->recorder, salt.at, body, &commitment))
		return ERR_MEMORY;
	if (memcmp(&commitment, &entry->commitment, sizeof(commitment)) != 0)
		return bad(verification, entry->seq, "its payload is not the one that was written: salt or body has changed");
	verification->verdict->payloads++;
	return payload_done(verification, entry);
}

/* Taken from the row itself when it is too long ago: it was checked, or is trusted. */
static int forwarded_check(struct verification *verification, const struct trail_entry *entry)
{
	struct trail *trail = verification->trail;
	struct commitment_slot *slot = &verification->commitments[entry->payload_seq % COMMITMENTS];
	if (slot->seq != entry->payload_seq) {
		sqlite3_stmt *statement = store_statement(trail, STATEMENT_COMMITMENT);
		int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)entry->payload_seq)
				   : sqlite3_extended_errcode(trail->db);
		*slot = (struct commitment_slot){.seq = entry->payload_seq};
		if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW &&
		    sqlite3_column_bytes(statement, 0) == sizeof(slot->commitment.bytes))
			memcpy(slot->commitment.bytes, sqlite3_column_blob(statement, 0), sizeof(slot->commitment.bytes));
		if (statement && rc == SQLITE_OK)
			rc = sqlite3_reset(statement);
		if (rc)
			return broken(verification, rc);
	}
	if (hash_is_zero(&slot->commitment) || memcmp(&slot->commitment, &entry->commitment, sizeof(slot->commitment)) != 0)
		return bad(verification, entry->seq, "it forwards the payload of record %llu, but its commitment is another",
			   (unsigned long long)entry->payload_seq);
	return 0;
}

static int commitment_check(struct verification *verification, const struct trail_entry *entry)
{
	if (entry->payload_seq > entry->seq)
		return bad(verification, entry->seq, "it forwards the payload of a later record");
	if (entry->payload_seq == entry->seq)
		return payload_check(verification, entry);
	if (entry->payload_seq)
		return forwarded_check(verification, entry);
	if (!hash_is_zero(&entry->commitment))
		return bad(verification, entry->seq, "it has the commitment of a payload, and no payload");
	return 0;
}

static int snapshot_check(struct verification *verification, const struct trail_entry *entry)
{
	if (entry->type != MESSAGE_SNAPSHOT)
		return 0;
	if (verification->snapshots.seq != entry->seq)
		return bad(verification, entry->seq, "it is a snapshot, and the table of snapshots does not name it");
	int rc = stream_next(&verification->snapshots);
	return rc ? broken(verification, rc) : 0;
}

static bool task_row_read(sqlite3_stmt *statement, struct trail_task *out_row)
{
	return column_wide(statement, 0, &out_row->request_seq) && column_id(statement, 1, &out_row->task_id) &&
	       column_id(statement, 2, &out_row->key_hash) && column_id(statement, 3, &out_row->body_hash) &&
	       column_wide(statement, 4, &out_row->end_seq) && column_narrow(statement, 5, &out_row->end_state) &&
	       column_wide(statement, 6, &out_row->outcome_seq);
}

static bool fold_agrees(const struct task_fold *fold, const struct trail_task *row)
{
	return fold->end_seq == row->end_seq && fold->end_state == row->end_state && fold->outcome_seq == row->outcome_seq;
}

static int task_begin(struct verification *verification, const struct trail_entry *entry)
{
	struct trail_task row;
	if (verification->tasks.seq != entry->seq)
		return bad(verification, entry->seq, "it made a task, and the table of tasks does not name it");
	if (!task_row_read(verification->tasks.statement, &row))
		return bad(verification, entry->seq, "the row of its task holds what no writer puts there");
	if (!id_equal(&row.task_id, &entry->task_id) || !id_equal(&row.key_hash, &entry->key_hash) ||
	    !id_equal(&row.body_hash, &entry->body_hash))
		return bad(verification, entry->seq, "the row of its task has another task_id, key_hash or body_hash");
	struct open_task *task = open_add(&verification->open, entry->seq);
	if (!task)
		return ERR_MEMORY;
	task->row = row;
	int rc = stream_next(&verification->tasks);
	return rc ? broken(verification, rc) : 0;
}

/* The task of a record that is not held: it began before this verification, or had ended and is spoken of again. */
static int task_reopen(struct verification *verification, const struct trail_entry *entry, struct open_task **out_task)
{
	struct task_fold fold = {.number = entry->task_number};
	struct trail_task row;
	sqlite3_stmt *statement = store_statement(verification->trail, STATEMENT_TASK_BY_NUMBER);
	int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)entry->task_number)
			   : sqlite3_extended_errcode(verification->trail->db);
	bool found = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW && task_row_read(statement, &row);
	if (statement && rc == SQLITE_OK)
		rc = sqlite3_reset(statement);
	if (rc)
		return broken(verification, rc);
	if (!found)
		return bad(verification, entry->seq, "it ends or revives task %llu, which the table of tasks does not name",
			   (unsigned long long)entry->task_number);
	rc = task_fold_read(verification->trail, entry->seq - 1, &fold);
	if (rc)
		return rc;
	*out_task = open_add(&verification->open, entry->task_number);
	if (!*out_task)
		return ERR_MEMORY;
	(*out_task)->fold = fold;
	(*out_task)->row = row;
	return 0;
}

static int task_check(struct verification *verification, const struct trail_entry *entry)
{
	enum task_effect effect = task_effect(entry);
	struct open_task *task;
	int rc = 0;
	if (effect == EFFECT_NONE)
		return 0;
	if (effect == EFFECT_BEGIN)
		return task_begin(verification, entry);
	task = open_find(&verification->open, entry->task_number);
	if (!task)
		rc = task_reopen(verification, entry, &task);
	if (rc)
		return rc;
	task_fold_apply(&task->fold, entry);
	if (task->fold.outcome_seq && fold_agrees(&task->fold, &task->row))
		open_remove(&verification->open, task);
	return 0;
}

/* ---- tree and checkpoints ---- */

static int sealed_result(struct verification *verification, int error, uint64_t seq)
{
	return error == ERR_CORRUPT ? bad(verification, seq, "%s", verification->sealed.why) : error;
}

static int sealed_step(struct verification *verification, const struct trail_entry *entry)
{
	int rc = sealed_record(&verification->sealed, &entry->chain);
	if (rc == 0 && verification->checkpoints.seq == entry->seq) {
		rc = sealed_row(&verification->sealed, verification->checkpoints.statement);
		if (rc == 0) {
			verification->verdict->checkpoints++;
			int next = stream_next(&verification->checkpoints);
			return next ? broken(verification, next) : 0;
		}
	}
	return sealed_result(verification, rc, entry->seq);
}

/* ---- one record, continued ---- */

/* Rows of side tables that stand before the record in hand belong to no record. */
static int strays_check(struct verification *verification, uint64_t seq)
{
	if (verification->payloads.seq < seq)
		return bad(verification, verification->payloads.seq, "there is a payload that no record owns");
	if (verification->tasks.seq < seq)
		return bad(verification, verification->tasks.seq, "there is a row of a task that no request made");
	if (verification->snapshots.seq < seq)
		return bad(verification, verification->snapshots.seq, "the table of snapshots names what is no snapshot");
	if (verification->checkpoints.seq < seq)
		return bad(verification, verification->checkpoints.seq, "there is a checkpoint over a record that is not there");
	return 0;
}

static int record_check(struct verification *verification, const struct trail_entry *entry)
{
	struct hash chain;
	int rc = strays_check(verification, entry->seq);
	if (rc)
		return rc;
	if (record_chain(&verification->trail->recorder, entry, &verification->head, &chain))
		return ERR_MEMORY;
	if (memcmp(&chain, &entry->chain, sizeof(chain)) != 0)
		return bad(verification, entry->seq,
			   "its bytes do not give its chain value: a column of it has changed, or it stands "
			   "where another stood");
	verification->head = chain;
	rc = commitment_check(verification, entry);
	if (rc == 0)
		rc = snapshot_check(verification, entry);
	if (rc == 0)
		rc = task_check(verification, entry);
	return rc ? rc : sealed_step(verification, entry);
}

/* ---- slices ---- */

static int record_next(struct verification *verification)
{
	struct trail_verdict *verdict = verification->verdict;
	struct trail_entry entry;
	uint64_t expected = verdict->last_seq + 1;
	uint64_t seq = (uint64_t)sqlite3_column_int64(verification->records, RECORD_SEQ);
	if (seq != expected)
		return bad(verification, expected, "record %llu is missing: after %llu comes %llu", (unsigned long long)expected,
			   (unsigned long long)verdict->last_seq, (unsigned long long)seq);
	const char *column = record_read(verification->records, &entry);
	if (column && (sqlite3_errcode(verification->trail->db) & 0xff) == SQLITE_NOMEM)
		return ERR_MEMORY;
	if (column)
		return bad(verification, seq, "its column %s holds what no writer puts there", column);
	int rc = record_check(verification, &entry);
	if (rc)
		return rc;
	verdict->records++;
	verdict->last_seq = seq;
	return 0;
}

static int slice_streams(struct verification *verification, uint64_t low, uint64_t high)
{
	int rc = stream_begin(&verification->payloads, low, high);
	if (rc == SQLITE_OK)
		rc = stream_begin(&verification->tasks, low, high);
	if (rc == SQLITE_OK)
		rc = stream_begin(&verification->snapshots, low, high);
	if (rc == SQLITE_OK)
		rc = stream_begin(&verification->checkpoints, low, high);
	sqlite3_reset(verification->records);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(verification->records, 1, (int64_t)low);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(verification->records, 2, (int64_t)high);
	return rc;
}

static int slice_check(struct verification *verification, uint64_t high)
{
	int step;
	int rc = slice_streams(verification, verification->verdict->last_seq, high);
	if (rc)
		return broken(verification, rc);
	while ((step = sqlite3_step(verification->records)) == SQLITE_ROW) {
		rc = record_next(verification);
		if (rc)
			return rc;
	}
	if (step != SQLITE_DONE)
		return broken(verification, sqlite3_reset(verification->records));
	rc = strays_check(verification, high + 1);
	if (rc == 0 && verification->verdict->last_seq < high)
		rc = bad(verification, verification->verdict->last_seq + 1, "record %llu is missing",
			 (unsigned long long)verification->verdict->last_seq + 1);
	return rc;
}

static int open_check(struct verification *verification)
{
	uint64_t worst = UINT64_MAX;
	for (size_t i = 0; i < verification->open.places; i++) {
		struct open_task *task = &verification->open.at[i];
		if (!task->fold.number)
			continue;
		sqlite3_stmt *statement = store_statement(verification->trail, STATEMENT_TASK_BY_NUMBER);
		int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)task->fold.number)
				   : sqlite3_extended_errcode(verification->trail->db);
		bool agrees = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW && task_row_read(statement, &task->row) &&
			      fold_agrees(&task->fold, &task->row);
		if (statement && rc == SQLITE_OK)
			rc = sqlite3_reset(statement);
		if (rc)
			return broken(verification, rc);
		if (!agrees && task->fold.number < worst)
			worst = task->fold.number;
	}
	if (worst == UINT64_MAX)
		return 0;
	return bad(verification, worst,
		   "the row of its task has another end_seq, end_state or outcome_seq than the records give");
}

/* Rows that stand where no record can: before the first or after the last. */
static int outside_check(struct verification *verification)
{
	static const char *const queries[] = {
		"SELECT seq FROM records WHERE seq < 1 LIMIT 1",
		"SELECT seq FROM payloads WHERE seq < 1 OR seq > ?1 LIMIT 1",
		"SELECT request_seq FROM tasks WHERE request_seq < 1 OR request_seq > ?1 LIMIT 1",
		"SELECT seq FROM snapshots WHERE seq < 1 OR seq > ?1 LIMIT 1",
		"SELECT size FROM checkpoints WHERE size < 1 OR size > ?1 LIMIT 1",
		"SELECT ?1 FROM nodes WHERE level < 8 OR level > 56 OR level % 8 <> 0 OR number < 0 OR number >= ?1 >> level",
	};
	size_t count = verification->trail->format < 2 ? 4 : sizeof(queries) / sizeof(queries[0]);
	for (size_t i = 0; i < count; i++) {
		sqlite3_stmt *statement = NULL;
		uint64_t seq = 0;
		int rc = sqlite3_prepare_v2(verification->trail->db, queries[i], -1, &statement, NULL);
		if (rc == SQLITE_OK && i > 0)
			rc = sqlite3_bind_int64(statement, 1, (int64_t)verification->verdict->last_seq);
		bool found = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
		if (found)
			seq = (uint64_t)sqlite3_column_int64(statement, 0);
		int end = sqlite3_finalize(statement);
		if (rc || end)
			return broken(verification, rc ? rc : end);
		if (found)
			return bad(verification, seq, "there is a row outside of the sequence of records");
	}
	return 0;
}

/* One read transaction; `*out_more` when there is more after it. */
static int slice(struct verification *verification, bool *out_more)
{
	struct trail *trail = verification->trail;
	uint64_t last, high;
	int rc = store_run(trail, STATEMENT_BEGIN_READ);
	if (rc == SQLITE_OK)
		rc = store_number(trail, STATEMENT_LAST, &last);
	if (rc) {
		rc = broken(verification, rc);
		goto out;
	}
	high = verification->verdict->last_seq + SLICE_ROWS;
	*out_more = last > high;
	if (!*out_more)
		high = last;
	rc = slice_check(verification, high);
	if (rc == 0 && !*out_more)
		rc = open_check(verification);
	if (rc == 0 && !*out_more)
		rc = outside_check(verification);
	if (rc == 0 && !*out_more)
		rc = sealed_result(verification, sealed_end(&verification->sealed), last);
out:
	sqlite3_reset(verification->records);
	sqlite3_reset(verification->payloads.statement);
	sqlite3_reset(verification->tasks.statement);
	sqlite3_reset(verification->snapshots.statement);
	sqlite3_reset(verification->checkpoints.statement);
	store_rollback(trail);
	return rc;
}

static int prepare(struct verification *verification)
{
	char sql[1024];
	sqlite3 *db = verification->trail->db;
	snprintf(sql, sizeof(sql), "SELECT NULL, seq%s, chain FROM records WHERE seq > ?1 AND seq <= ?2 ORDER BY seq",
		 record_columns);
	int rc = sqlite3_prepare_v2(db, sql, -1, &verification->records, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, "SELECT seq, salt, body FROM payloads WHERE seq > ?1 AND seq <= ?2 ORDER BY seq", -1,
					&verification->payloads.statement, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, TASK_SELECT "WHERE request_seq > ?1 AND request_seq <= ?2 ORDER BY request_seq", -1,
					&verification->tasks.statement, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, "SELECT seq FROM snapshots WHERE seq > ?1 AND seq <= ?2 ORDER BY seq", -1,
					&verification->snapshots.statement, NULL);
	/* A trail of format 1 has none. */
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(
			db,
			verification->trail->format < 2
				? "SELECT seq FROM records WHERE seq > ?1 AND seq <= ?2 AND 0"
				: "SELECT size, number, note FROM checkpoints WHERE size > ?1 AND size <= ?2 ORDER BY size",
			-1, &verification->checkpoints.statement, NULL);
	return rc;
}

static int begin(struct verification *verification, const struct log_keys *keys, uint64_t after_seq)
{
	struct trail *trail = verification->trail;
	bool found = true;
	verification->commitments = calloc(COMMITMENTS, sizeof(*verification->commitments));
	if (!verification->commitments)
		return ERR_MEMORY;
	int rc = prepare(verification);
	if (rc == SQLITE_OK && after_seq) {
		sqlite3_stmt *statement = store_statement(trail, STATEMENT_CHAIN);
		rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)after_seq) : sqlite3_extended_errcode(trail->db);
		found = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW &&
			sqlite3_column_bytes(statement, 0) == sizeof(verification->head.bytes);
		if (found)
			memcpy(verification->head.bytes, sqlite3_column_blob(statement, 0), sizeof(verification->head.bytes));
		if (statement && rc == SQLITE_OK)
			rc = sqlite3_reset(statement);
	}
	if (rc)
		return broken(verification, rc);
	if (found)
		return sealed_result(verification, sealed_begin(&verification->sealed, trail, keys, after_seq), after_seq);
	snprintf(verification->verdict->why, sizeof(verification->verdict->why), "there is no record %llu to begin after",
		 (unsigned long long)after_seq);
	return ERR_NOT_FOUND;
}

int trail_verify(struct trail *trail, uint64_t after_seq, struct trail_verdict *out_verdict)
{
	return trail_verify_sealed(trail, after_seq, NULL, out_verdict);
}

int trail_verify_sealed(struct trail *trail, uint64_t after_seq, const struct log_keys *keys, struct trail_verdict *out_verdict)
{
	struct verification verification = {.trail = trail, .verdict = out_verdict};
	bool more = true;
	*out_verdict = (struct trail_verdict){.first_seq = after_seq + 1, .last_seq = after_seq};
	int rc = begin(&verification, keys, after_seq);
	trail->erased_keys = keys;
	while (rc == 0 && more)
		rc = slice(&verification, &more);
	trail->erased_keys = NULL;
	out_verdict->head = verification.head;
	out_verdict->sealed_seq = verification.sealed.size;
	if (rc && !out_verdict->why[0])
		snprintf(out_verdict->why, sizeof(out_verdict->why), "%s", error_sentence(rc));
	sqlite3_finalize(verification.records);
	sqlite3_finalize(verification.payloads.statement);
	sqlite3_finalize(verification.tasks.statement);
	sqlite3_finalize(verification.snapshots.statement);
	sqlite3_finalize(verification.checkpoints.statement);
	free(verification.open.at);
	free(verification.commitments);
	return rc;
}

int trail_check_file(struct trail *trail, char out_why[256])
{
	sqlite3_stmt *statement = NULL;
	bool fine = false;
	out_why[0] = 0;
	int rc = sqlite3_prepare_v2(trail->db, "PRAGMA integrity_check(1)", -1, &statement, NULL);
	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
		const unsigned char *text = sqlite3_column_text(statement, 0);
		fine = text && strcmp((const char *)text, "ok") == 0;
		if (!fine && text)
			snprintf(out_why, 256, "the database file is damaged: %s", (const char *)text);
	}
	int end = sqlite3_finalize(statement);
	rc = rc ? rc : end;
	if (rc) {
		rc = store_fail(trail, rc, "checking the file");
		snprintf(out_why, 256, "%s", trail->why);
		return rc;
	}
	return fine ? 0 : ERR_CORRUPT;
}
