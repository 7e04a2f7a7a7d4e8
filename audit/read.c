/* SPDX-License-Identifier: MIT
 *
 * Looking at the trail while it is written. One long read transaction keeps the WAL from starting over and lets it grow without
 * bound; so rows are copied out in slices, and handed to the caller when no transaction is open.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit/store.h"
#include "audit/trail.h"
#include "audit/writer.h"

/* What a read has come to. */
struct reading {
	struct trail *trail;
	const struct trail_query *query;
	sqlite3_stmt *statement;
	struct batch *rows;
	uint64_t low;  /* records with seq > low … */
	uint64_t high; /* … and seq <= high are still to be looked at */
	uint64_t told;
	uint64_t task_number;
};

static uint64_t clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the statement: parameters ?1, ?2, … mean the same in every form of it ---- */

enum { ASK_LOW = 1, ASK_HIGH, ASK_TASK_NUMBER, ASK_TASK_ID, ASK_SINCE, ASK_UNTIL, ASK_PEER, ASK_TYPE, ASK_WHO };

/* " AND (…)" of the alternatives, or nothing. Types are numbers of ours, names are parameters. */
static void alternatives_print(char *out, size_t room, const struct trail_query *query)
{
	size_t used = (size_t)snprintf(out, room, "%s", query->any_refused ? "r.verdict <> 0" : "");
	for (unsigned i = 0; i < TRAIL_TYPES_MAX && query->any_type[i]; i++)
		used += (size_t)snprintf(out + used, room - used, "%sr.type = %u", used ? " OR " : "", query->any_type[i]);
	for (unsigned i = 0; i < TRAIL_WHO_MAX && query->any_who[i][0]; i++)
		used += (size_t)snprintf(
			out + used, room - used,
			"%s(r.direction = 1 AND (r.peer = ?%u OR substr(r.peer, 1, length(?%u) + 1) = ?%u || '/'))",
			used ? " OR " : "", ASK_WHO + i, ASK_WHO + i, ASK_WHO + i);
}

static int arm_print(char *out, size_t room, const struct trail_query *query, const char *task)
{
	char any[1024];
	alternatives_print(any, sizeof(any), query);
	return snprintf(out, room,
			"SELECT %s, r.seq%s, r.chain FROM records r %sWHERE r.seq > ?1 AND r.seq <= ?2%s%s%s%s%s%s%s%s%s",
			query->with_payload ? "p.body" : "NULL", record_columns,
			query->with_payload ? "LEFT JOIN payloads p ON p.seq = r.payload_seq " : "", task,
			query->since_ms ? " AND r.wall_ms >= ?5" : "", query->until_ms ? " AND r.wall_ms <= ?6" : "",
			query->peer[0] ? " AND r.peer = ?7" : "", query->type ? " AND r.type = ?8" : "",
			query->owners ? " AND r.payload_seq = r.seq" : "", any[0] ? " AND (" : "", any, any[0] ? ")" : "");
}

/* A task's records have its number; a refused message may name its id and have none. */
static void query_print(char *out, size_t room, const struct trail_query *query)
{
	const char *order = query->newest_first ? " ORDER BY 2 DESC" : " ORDER BY 2";
	int bytes;
	if (id_is_nil(&query->task_id)) {
		bytes = arm_print(out, room, query, "");
	} else {
		bytes = arm_print(out, room, query, " AND r.task_number = ?3 AND ?3 > 0");
		bytes += snprintf(out + bytes, room - (size_t)bytes, " UNION ALL ");
		bytes += arm_print(out + bytes, room - (size_t)bytes, query, " AND r.task_number = 0 AND r.task_id = ?4");
	}
	snprintf(out + bytes, room - (size_t)bytes, "%s", order);
}

static int bind_known(sqlite3_stmt *statement, int parameter, uint64_t value)
{
	/* A parameter that the statement does not have is no error. */
	if (parameter > sqlite3_bind_parameter_count(statement))
		return SQLITE_OK;
	return sqlite3_bind_int64(statement, parameter, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static int query_bind(struct reading *reading)
{
	const struct trail_query *query = reading->query;
	sqlite3_stmt *statement = reading->statement;
	int rc = bind_known(statement, ASK_TASK_NUMBER, reading->task_number);
	if (rc == SQLITE_OK && !id_is_nil(&query->task_id))
		rc = bind_id(statement, ASK_TASK_ID, &query->task_id);
	if (rc == SQLITE_OK)
		rc = bind_known(statement, ASK_SINCE, query->since_ms);
	if (rc == SQLITE_OK)
		rc = bind_known(statement, ASK_UNTIL, query->until_ms);
	if (rc == SQLITE_OK && query->peer[0])
		rc = sqlite3_bind_text(statement, ASK_PEER, query->peer, (int)strnlen(query->peer, NAME_BYTES), SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = bind_known(statement, ASK_TYPE, query->type);
	for (unsigned i = 0; rc == SQLITE_OK && i < TRAIL_WHO_MAX && query->any_who[i][0]; i++)
		rc = sqlite3_bind_text(statement, (int)(ASK_WHO + i), query->any_who[i],
				       (int)strnlen(query->any_who[i], NAME_BYTES), SQLITE_STATIC);
	return rc;
}

/* ---- slices ---- */

/* Where the next slice ends: a window of records, or for one task all that is left, since its records are found by index. */
static void window(const struct reading *reading, uint64_t *out_low, uint64_t *out_high)
{
	*out_low = reading->low;
	*out_high = reading->high;
	if (!id_is_nil(&reading->query->task_id) || reading->high - reading->low <= SLICE_ROWS)
		return;
	if (reading->query->newest_first)
		*out_low = reading->high - SLICE_ROWS;
	else
		*out_high = reading->low + SLICE_ROWS;
}

static bool slice_full(const struct reading *reading, uint64_t began_ms)
{
	size_t rows = batch_count(reading->rows);
	const struct trail_query *query = reading->query;
	return rows >= SLICE_ROWS || batch_bytes(reading->rows) >= SLICE_BYTES ||
	       (query->limit && reading->told + rows >= query->limit) || clock_ms() - began_ms >= SLICE_MS;
}

static int row_keep(struct reading *reading)
{
	struct trail_entry entry;
	struct trail *trail = reading->trail;
	const char *column = record_read(reading->statement, &entry);
	if (column && (sqlite3_errcode(trail->db) & 0xff) == SQLITE_NOMEM)
		return store_fail(trail, SQLITE_NOMEM, "reading a record");
	if (column) {
		snprintf(trail->why, sizeof(trail->why), "record %llu: column %s holds what no writer puts there",
			 (unsigned long long)sqlite3_column_int64(reading->statement, RECORD_SEQ), column);
		return ERR_CORRUPT;
	}
	return batch_add(reading->rows, &entry);
}

/* Fills `rows` from the front of what is left, and moves the front. */
static int slice_read(struct reading *reading)
{
	uint64_t low, high, began_ms = clock_ms();
	int error = 0;
	int step = SQLITE_ROW;
	batch_clear(reading->rows);
	window(reading, &low, &high);
	int rc = bind_known(reading->statement, ASK_LOW, low);
	if (rc == SQLITE_OK)
		rc = bind_known(reading->statement, ASK_HIGH, high);
	while (rc == SQLITE_OK && !error && (step = sqlite3_step(reading->statement)) == SQLITE_ROW) {
		error = row_keep(reading);
		if (slice_full(reading, began_ms))
			break;
	}
	int end = sqlite3_reset(reading->statement);
	rc = rc ? rc : end;
	if (error)
		return error;
	if (rc)
		return store_fail(reading->trail, rc, "reading records");
	size_t count = batch_count(reading->rows);
	uint64_t last = count ? batch_entry(reading->rows, count - 1)->seq : 0;
	if (reading->query->newest_first)
		reading->high = step == SQLITE_DONE ? low : last ? last - 1 : reading->high;
	else
		reading->low = step == SQLITE_DONE ? high : last ? last : reading->low;
	return 0;
}

static int slice_tell(struct reading *reading, int (*each)(void *context, const struct trail_entry *entry), void *context)
{
	for (size_t i = 0; i < batch_count(reading->rows); i++) {
		int rc = each(context, batch_entry(reading->rows, i));
		if (rc)
			return rc;
		reading->told++;
	}
	return 0;
}

/* The bounds of the whole read, and the number of the task asked for. */
static int reading_begin(struct reading *reading)
{
	char sql[4096];
	struct trail_task task;
	const struct trail_query *query = reading->query;
	struct trail *trail = reading->trail;
	int rc = store_number(trail, STATEMENT_LAST, &reading->high);
	if (rc)
		return store_fail(trail, rc, "reading the end of the trail");
	reading->low = query->after_seq;
	if (query->through_seq && query->through_seq < reading->high)
		reading->high = query->through_seq;
	if (!id_is_nil(&query->task_id)) {
		rc = trail_task(trail, &query->task_id, &task);
		if (rc && rc != ERR_NOT_FOUND)
			return rc;
		reading->task_number = rc ? 0 : task.request_seq;
	}
	query_print(sql, sizeof(sql), query);
	rc = sqlite3_prepare_v2(trail->db, sql, -1, &reading->statement, NULL);
	if (rc == SQLITE_OK)
		rc = query_bind(reading);
	return rc ? store_fail(trail, rc, "preparing to read records") : 0;
}

int trail_read(struct trail *trail, const struct trail_query *query, int (*each)(void *context, const struct trail_entry *entry),
	       void *context)
{
	struct reading reading = {.trail = trail, .query = query, .rows = batch_new()};
	int rc = reading.rows ? reading_begin(&reading) : ERR_MEMORY;
	while (rc == 0 && reading.low < reading.high && (!query->limit || reading.told < query->limit)) {
		rc = slice_read(&reading);
		if (rc == 0)
			rc = slice_tell(&reading, each, context);
	}
	sqlite3_finalize(reading.statement);
	batch_free(reading.rows);
	return rc;
}

int trail_payload(struct trail *trail, uint64_t seq, struct buffer *buffer)
{
	sqlite3_stmt *statement = store_statement(trail, STATEMENT_BODY);
	struct bytes body;
	int error = ERR_NOT_FOUND;
	int rc = statement ? sqlite3_bind_int64(statement, 1, (int64_t)seq) : sqlite3_extended_errcode(trail->db);
	if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW && column_span(statement, 0, &body))
		error = buffer_append(buffer, body.at, body.bytes);
	if (statement && rc == SQLITE_OK)
		rc = sqlite3_reset(statement);
	return rc ? store_fail(trail, rc, "reading a payload") : error;
}
