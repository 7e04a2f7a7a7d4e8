/* SPDX-License-Identifier: MIT
 *
 * What stands behind struct trail: the lock, the SQLite connection with its settings, the statements. Internal to audit/.
 */
#ifndef AUDIT_STORE_H
#define AUDIT_STORE_H

#include <sqlite3.h>

#include "audit/note.h"
#include "audit/record.h"
#include "audit/trail.h"

#define PAGE_BYTES            8192       /* of a new trail; measured against 4, 16 and 32 KiB with bench_trail */
#define WAL_CHECKPOINT_FRAMES 256        /* a checkpoint is due; 2 MiB */
#define WAL_FRAMES_MAX        1024       /* trail_append makes one itself; 8 MiB */
#define WAL_BYTES_MIN         (6 << 20)  /* the WAL is written out to this size when a trail is opened */
#define STORE_FCNTL_WAL_BYTES 0x42754c   /* file control: a VFS may answer with another size (sqlite3_int64) */
#define STORE_BUSY_MS         5000       /* how long SQLite waits for somebody else's lock */
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
	X(OVERWRITE_PAYLOAD, "UPDATE payloads SET salt = zeroblob(length(salt)), body = zeroblob(length(body)) WHERE seq = ?1")  \
	X(EMPTY_PAYLOAD, "UPDATE payloads SET salt = NULL, body = NULL WHERE seq = ?1")                                          \
	X(LAST_SAID, "SELECT type FROM records WHERE task_number = ?1 AND type IN (34, 36) AND verdict = 0 "                     \
		     "ORDER BY seq DESC LIMIT 1") /* RecoveryAction, ErrorEscalation */                                          \
	X(PARTS, "SELECT header, facts FROM records WHERE seq = ?1")                                                             \
	X(COMMITMENT, "SELECT commitment FROM records WHERE seq = ?1 AND payload_seq = ?1")                                      \
	X(LAST, "SELECT max(seq) FROM records")                                                                                  \
	X(WALL, "SELECT wall_ms FROM records WHERE seq = ?1")                                                                    \
	X(GONE, "SELECT salt IS NULL AND body IS NULL FROM payloads WHERE seq = ?1")                                             \
	X(LAST_ERASED, "SELECT max(seq) FROM records WHERE type = 104")                                                          \
	X(LAST_SNAPSHOT, "SELECT max(seq) FROM snapshots")                                                                       \
	X(INSERT_NODE, "INSERT INTO nodes(level, number, hash) VALUES(?1, ?2, ?3)")                                              \
	X(NODES, "SELECT number, hash FROM nodes WHERE level = ?1 AND number >= ?2 AND number < ?3 ORDER BY number")             \
	X(CHAINS, "SELECT seq - 1, chain FROM records WHERE ?1 = 0 AND seq > ?2 AND seq <= ?3 ORDER BY seq")                     \
	X(INSERT_CHECKPOINT, "INSERT INTO checkpoints(number, size, note) VALUES(?1, ?2, ?3)")                                   \
	X(CHECKPOINT_LAST, CHECKPOINT_SELECT "ORDER BY number DESC LIMIT 1")                                                     \
	X(CHECKPOINT_COVERING, CHECKPOINT_SELECT "WHERE size >= ?1 ORDER BY size LIMIT 1")                                       \
	X(CHECKPOINT_BEFORE, "SELECT size, number, note FROM checkpoints WHERE size <= ?1 ORDER BY size DESC LIMIT 1")           \
	X(CHECKPOINT_NEXT, CHECKPOINT_SELECT "WHERE number > ?1 ORDER BY number LIMIT 1")                                        \
	X(CHAIN, "SELECT chain FROM records WHERE seq = ?1")                                                                     \
	X(RECORD, NULL)                                                                                                          \
	X(OPENED, "SELECT salt, body FROM payloads WHERE seq = ?1")                                                              \
	X(BODY, "SELECT body FROM payloads WHERE seq = ?1")                                                                      \
	X(TASK_BY_NUMBER, TASK_SELECT "WHERE request_seq = ?1")                                                                  \
	X(TASK_BY_ID, TASK_SELECT "WHERE task_id = ?1")                                                                          \
	X(TASK_AT_MOST, TASK_SELECT "WHERE task_id <= ?1 ORDER BY task_id DESC LIMIT 1")                                         \
	X(TASK_BY_KEY, TASK_SELECT "WHERE key_hash = ?1 ORDER BY request_seq LIMIT 1")                                           \
	X(EFFECTS, "SELECT seq, type, direction, verdict, end_state, revives FROM records "                                      \
		   "WHERE task_number = ?1 AND seq <= ?2 ORDER BY seq")

#define CHECKPOINT_SELECT "SELECT number, size, note FROM checkpoints "
#define TASK_SELECT       "SELECT request_seq, task_id, key_hash, body_hash, end_seq, end_state, outcome_seq FROM tasks "

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

/* What is known of the sealing of a trail that is written. */
struct sealing {
	struct sealer *sealer; /* NULL: this trail is not sealed */
	uint64_t number;       /* of the last checkpoint, and what it covers */
	uint64_t size;
	uint64_t last_ms; /* CLOCK_MONOTONIC: when it was made, or last tried; 0: not since the trail was opened */
	char note[NOTE_BYTES_MAX];
	void (*each)(void *context, const char *note, uint64_t number, uint64_t size);
	void *context;
};

struct trail {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENT_COUNT];
	enum trail_mode mode;
	int lock_fd; /* -1 when reading */
	int format;  /* of the database: 1, only when reading, or TRAIL_USER_VERSION */
	int broken;  /* 0, or the error after which everything is refused */
	char why[256];
	struct recorder recorder;
	struct erased_list *erased;         /* what erase_covers has read; NULL: nothing yet */
	const struct log_keys *erased_keys; /* by which receipts of erasures must be signed; NULL: that is not looked at */
	/* The rest is for the writer. */
	uint64_t last_seq;
	uint64_t snapshot_seq;
	struct hash head;
	struct tree tree;
	struct sealing sealing;
	int wal_frames;
	int checkpoint_at;
	struct commitment_slot *commitments; /* COMMITMENTS of them, by seq modulo their number */
	uint8_t *salts;
	size_t salts_capacity;
	bool erasing;                                           /* payloads may be changed at this moment */
	int (*after_erase)(void *context, struct trail *trail); /* erase_watch; NULL: nobody */
	void *after_context;
	int erase_wait_ms; /* for readers, after something was erased */
	bool scrub_due;    /* something was erased, and the WAL may still hold it */
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

/* Ends a transaction of the writer that failed with `error`, and returns what its caller is told. Nothing of it has happened. What
 * SQLite or the disk did makes this trail unusable; a mistake in the entries or a want of memory does not. */
int store_undo(struct trail *trail, int error);

/* Opens the database with every setting and check, and for writing the lock and the WAL. `*trail` is zeroed by the caller; after
 * an error store_close gives back what was taken. */
MUST_CHECK int store_open(struct trail *trail, const char *path, char out_why[256]);
void store_close(struct trail *trail);

#endif
