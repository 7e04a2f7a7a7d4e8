/* SPDX-License-Identifier: MIT
 *
 * A trail that is read: its database, what is told of it, and the side tables that go along with the records. Internal.
 *
 *   trail_open.c    the file: how it can be read, whose format it is, its schema
 *   trail_tasks.c   the table of tasks
 *   trail_erased.c  payloads that are gone
 *   trail_file.c    records, in slices of one short read transaction each
 *   trail_pages.c   the same from the pages of a file that nobody writes
 */
#ifndef VERIFIER_TRAIL_FILE_H
#define VERIFIER_TRAIL_FILE_H

#include "verifier/inner.h"
#include "verifier/pages.h"

#define SLICE_RECORDS 10000u /* a longer read transaction would let the WAL of a trail in use grow */

/* By the rows, since the index could say something else. */
#define SEALED "(SELECT max(size) FROM checkpoints NOT INDEXED)"

#define ASK_LIST(ASK)                                                                                                            \
	ASK(RECORDS,                                                                                                             \
	    "SELECT 1 FROM records WHERE seq BETWEEN ?1 AND ?2 AND NOT inspect(seq,boot,now_ms,wall_ms,mono_ms,direction,"       \
	    "type,verdict,peer,message_id,task_id,task_number,attempt,sender_seq,end_state,revives,key_hash,body_hash,"          \
	    "header,facts,payload_seq,commitment,chain)")                                                                        \
	ASK(PAYLOADS, "SELECT seq, salt, body FROM payloads WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq")                           \
	ASK(TASKS, "SELECT request_seq, task_id, key_hash, body_hash, end_seq, end_state, outcome_seq FROM tasks WHERE "         \
		   "request_seq BETWEEN ?1 AND ?2 ORDER BY request_seq")                                                         \
	ASK(SNAPSHOTS, "SELECT seq FROM snapshots WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq")                                     \
	ASK(CHECKPOINT, "SELECT number, size, note FROM checkpoints WHERE number > ?1 ORDER BY number LIMIT 1")                  \
	ASK(NODE, "SELECT hash FROM nodes WHERE level = ?1 AND number = ?2")                                                     \
	ASK(NODE_STRAY, "SELECT level, number FROM nodes WHERE level NOT BETWEEN 8 AND 56 OR level % 8 <> 0 OR number < 0 OR "   \
			"number >= ?1 >> level LIMIT 1")                                                                         \
	ASK(COMMITMENT, "SELECT payload_seq, commitment FROM records WHERE seq = ?1")                                            \
	ASK(CHAIN, "SELECT chain FROM records WHERE seq = ?1")                                                                   \
	ASK(ERASED,                                                                                                              \
	    "SELECT r.seq, r.direction, r.verdict, r.task_id, r.facts, r.type FROM records e JOIN records r ON r.seq = e.seq "   \
	    "WHERE e.type = 104 AND e.seq > ?1 AND e.seq <= " SEALED " ORDER BY e.seq")                                          \
	ASK(ERASED_SLOWLY,                                                                                                       \
	    "SELECT seq, direction, verdict, task_id, facts, type FROM records WHERE +type = 104 AND seq > ?1 AND "              \
	    "seq <= " SEALED " ORDER BY seq")                                                                                    \
	ASK(ERASURES, "SELECT seq, receipt FROM erasures ORDER BY seq")                                                          \
	ASK(EFFECTS,                                                                                                             \
	    "SELECT seq, direction, type, verdict, end_state, revives FROM records WHERE task_number = ?1 AND seq < ?2 "         \
	    "ORDER BY seq")                                                                                                      \
	ASK(LAST, "SELECT max(seq) FROM records")

enum ask {
#define ASK_NAME(name, sql) ASK_##name,
	ASK_LIST(ASK_NAME)
#undef ASK_NAME
		ASK_COUNT
};

/* A side table while it is read along: the row that comes next. */
struct along {
	sqlite3_stmt *statement;
	int64_t seq;
	bool there; /* false: there is none in this slice */
};

/* The row of payloads that comes next, wherever it is read. */
struct held_payload {
	bool there;
	int64_t seq;
	bool odd; /* salt or body is neither NULL nor a BLOB */
	struct payload payload;
};

struct task_slot;
struct task_table {
	struct task_slot *slot; /* open addressing; places is a power of two */
	size_t places, taken;
};

struct trail_file {
	sqlite3 *db;
	const struct verify_options *options;
	struct verdict *verdict;
	struct inspection *inspection;
	bool immutable;
	uint32_t format;
	sqlite3_stmt *asks[ASK_COUNT];
	struct along payloads, tasks, snapshots;
	struct held_payload held;
	struct pages_walk *payload_walk; /* NULL: payloads come by statement */
	struct task_table table;
	struct erasures erasures, proved; /* of this trail; of another one, by receipts (in a backup) */
	uint64_t erased_seq;              /* of the last Erased record in `erasures` */
	bool erasures_known;              /* in this slice, by the index */
	bool erasures_looked;             /* in this slice, without it */
	uint64_t slice_records;
	int rc; /* INSPECT_… of the records, since SQLite knows only its own codes */
};

/* trail_open.c */
/* Opens, and checks format and schema. INSPECT_FINE; else verdict says why. */
int trail_file_open(const char *path, struct trail_file *trail);
void trail_file_close(struct trail_file *trail);
sqlite3_stmt *trail_ask(struct trail_file *trail, enum ask ask); /* reset and ready; NULL: verdict says why */
/* What SQLite said: INSPECT_UNREADABLE (disk, memory, a lock), or INSPECT_WRONG with `first` for what can only be damage. */
int trail_broken(struct trail_file *trail, int code, uint64_t first);

/* trail_tasks.c */
int trail_task_check(struct trail_file *trail, const struct row *row);
int trail_tasks_end(struct trail_file *trail); /* every row of the table, after the last record */
void trail_tasks_release(struct trail_file *trail);

/* trail_erased.c */
int trail_erasures_prove(struct trail_file *trail); /* the receipts in a backup; before the records */
int trail_erased(void *context, const struct row *row, bool *out_erased);
void trail_erasures_forget(struct trail_file *trail); /* a new slice may know more of them */

/* trail_file.c */
int payload_next(struct trail_file *trail);
int trail_tables_begin(struct trail_file *trail, int64_t low, int64_t high); /* tasks and snapshots along */
int along_next(struct trail_file *trail, struct along *along);
bool column_number(sqlite3_stmt *statement, int column, uint64_t *out_number);
/* NULL (no bytes), or a blob of `bytes`. */
bool column_bytes(sqlite3_stmt *statement, int column, size_t bytes, struct span *out_span);
int trail_record(struct trail_file *trail, const struct row *row);
int trail_end_check(struct trail_file *trail); /* after the last record, at the moment that has seen it */

/* trail_from.c */
int trail_from(struct trail_file *trail); /* begins behind options->from_seq */

/* trail_pages.c */
/* Verifies all of a trail that nobody writes now without asking SQLite for records. False: something is wrong or unusual, or somebody writes, and
 * SQLite has to be asked. */
bool trail_pages_verify(const char *path, struct trail_file *trail);

#endif
