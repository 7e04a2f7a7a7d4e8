/* SPDX-License-Identifier: MIT
 *
 * What stands behind struct trail: the lock, the SQLite connection with its settings, the statements. Internal to audit/.
 */
#ifndef AUDIT_STORE_H
#define AUDIT_STORE_H

#include <sqlite3.h>

#include "audit/record.h"
#include "audit/trail.h"

#define PAGE_BYTES            8192       /* of a new trail; measured against 4, 16 and 32 KiB with bench_trail */
#define WAL_CHECKPOINT_FRAMES 256        /* a checkpoint is due; 2 MiB */
#define WAL_FRAMES_MAX        1024       /* trail_append makes one itself; 8 MiB */
#define WAL_BYTES_MIN         (6 << 20)  /* the WAL is written out to this size when a trail is opened */
#define STORE_FCNTL_WAL_BYTES 0x42754c   /* file control: a VFS may answer with another size (sqlite3_int64) */
#define SLICE_ROWS            10000      /* of one read transaction */
#define SLICE_BYTES           (4u << 20) /* the same, held in memory */
#define SLICE_MS              100        /* the same, in time */
#define COMMITMENTS           65536u     /* remembered for records that forward a payload */

/* Statements that are kept. */
#define STATEMENT_LIST(X)                                                                                                        \
	X(BEGIN_WRITE, "BEGIN IMMEDIATE")                                                                                        \
	X(BEGIN_READ, "BEGIN")                                                                                                   \
	X(COMMIT, "COMMIT")                                                                                                      \
	X(ROLLBACK, "ROLLBACK")                                                                                                  \
	X(INSERT_RECORD, NULL)                                                                                                   \
	X(INSERT_PAYLOAD, "INSERT INTO payloads(seq, salt, body) VALUES(?1, ?2, ?3)")                                            \
	X(INSERT_SNAPSHOT, "INSERT INTO snapshots(seq) VALUES(?1)")                                                              \
	X(INSERT_TASK, "INSERT INTO tasks(request_seq, task_id, key_hash, body_hash, end_seq, end_state, outcome_seq) "          \
		       "VALUES(?1, ?2, ?3, ?4, 0, 0, 0)")                                                                        \
	X(END_TASK, "UPDATE tasks SET end_seq = ?2, end_state = ?3 WHERE request_seq = ?1")                                      \
	X(TELL_TASK, "UPDATE tasks SET outcome_seq = ?2, end_seq = iif(end_seq = 0, ?2, end_seq), "                              \
		     "end_state = iif(end_seq = 0, ?3, end_state) WHERE request_seq = ?1")                                       \
	X(REVIVE_TASK, "UPDATE tasks SET end_seq = 0, end_state = 0, outcome_seq = 0 WHERE request_seq = ?1")                    \
	X(COMMITMENT, "SELECT commitment FROM records WHERE seq = ?1 AND payload_seq = ?1")                                      \
	X(LAST, "SELECT max(seq) FROM records")                                                                                  \
	X(LAST_SNAPSHOT, "SELECT max(seq) FROM snapshots")                                                                       \
	X(CHAIN, "SELECT chain FROM records WHERE seq = ?1")                                                                     \
	X(BODY, "SELECT body FROM payloads WHERE seq = ?1")                                                                      \
	X(TASK_BY_NUMBER, TASK_SELECT "WHERE request_seq = ?1")                                                                  \
	X(TASK_BY_ID, TASK_SELECT "WHERE task_id = ?1")                                                                          \
	X(TASK_AT_MOST, TASK_SELECT "WHERE task_id <= ?1 ORDER BY task_id DESC LIMIT 1")                                         \
	X(TASK_BY_KEY, TASK_SELECT "WHERE key_hash = ?1 ORDER BY request_seq LIMIT 1")                                           \
	X(EFFECTS, "SELECT seq, type, direction, verdict, end_state, revives FROM records "                                      \
		   "WHERE task_number = ?1 AND seq <= ?2 ORDER BY seq")

#define TASK_SELECT "SELECT request_seq, task_id, key_hash, body_hash, end_seq, end_state, outcome_seq FROM tasks "

enum statement {
#define STATEMENT_NAME(name, sql) STATEMENT_##name,
	STATEMENT_LIST(STATEMENT_NAME)
#undef STATEMENT_NAME
		STATEMENT_COUNT
};

struct commitment_slot {
	uint64_t seq;
	struct hash commitment;
};

struct trail {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	enum trail_mode mode;
	int lock_fd; /* -1 when reading */
	int broken;  /* 0, or the error after which everything is refused */
	char why[256];
	struct recorder recorder;
	/* The rest is for the writer. */
	uint64_t last_seq;
	uint64_t snapshot_seq;
	struct hash head;
	int wal_frames;
	int checkpoint_at;
	struct commitment_slot *commitments; /* COMMITMENTS of them, by seq modulo their number */
	uint8_t *salts;
	size_t salts_capacity;
};

/* The ERR_… for an SQLite code. */
int store_error(int sqlite_code);

/* Writes what SQLite says, after `doing`, into trail->why, and returns the ERR_… for `sqlite_code`. */
int store_fail(struct trail *trail, int sqlite_code, const char *doing);

/* A kept statement, reset and ready; NULL when it cannot be prepared (sqlite3_errcode of trail->db says why). */
sqlite3_stmt *store_statement(struct trail *trail, enum statement which);

/* Runs a kept statement that returns no row. An SQLite code; SQLITE_OK when done. */
MUST_CHECK int store_run(struct trail *trail, enum statement which);

/* Steps a kept statement whose parameters are bound, until done, and resets it. As store_run. */
MUST_CHECK int store_finish(sqlite3_stmt *statement);

/* Runs a query that gives one number; NULL counts as 0. An SQLite code. */
MUST_CHECK int store_number(struct trail *trail, enum statement which, uint64_t *out_number);

/* Ends a transaction that only read, or that failed. */
void store_rollback(struct trail *trail);

/* Opens the database with every setting and check, and for writing the lock and the WAL. `*trail` is zeroed by the caller; after
 * an error store_close gives back what was taken. */
MUST_CHECK int store_open(struct trail *trail, const char *path, char out_why[256]);
void store_close(struct trail *trail);

#endif
