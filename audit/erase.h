/* SPDX-License-Identifier: MIT
 *
 * Erasure: payloads and salts go, records and every proof stay.
 *
 * A record of type Erased is the tombstone. The rows it covers are overwritten with zeros and set to NULL in its own transaction; then the
 * WAL is moved into the database, overwritten, cut to nothing and grown again. What a file system or a drive keeps of overwritten blocks
 * is beyond this program.
 *
 * Why nothing is left in the database file: the writer always has secure_delete on, so that pages that become free, cells that shrink and pages that are
 * split or emptied are filled with zeros; payload rows are only ever appended and shortened, never deleted or made longer, so that
 * SQLite never moves one from page to page (a page from which rows were moved keeps old bytes between its cells).
 */
#ifndef AUDIT_ERASE_H
#define AUDIT_ERASE_H

#include "audit/trail.h"

/* What a record of type Erased says, or what one to come would say. */
struct erased_claim {
	uint64_t seq;         /* of the record itself; UINT64_MAX: it is still to come */
	uint64_t task_number; /* 0: by age */
	struct id task_id;    /* nil when by age */
	uint64_t through_seq; /* payloads of records up to this one */
	bool in_backup;       /* of a trail that ends before it: a task may have been live when that was made */
};

/* Which payloads an Erased record takes:
 *
 * of a task   all that records of this task own, and records that name its id and have no task (refused messages);
 * by age      those of tasks that have ended by now, and those of no task. A dead letter that somebody was told of and nobody has settled
 *             since keeps its own, and so does a task below another one that is live or such a dead letter: they may be taken up
 *             again. So does the last snapshot: a restart begins there.
 *
 * Either leaves the reason of an action that has erased something, since it says why the rest is gone. */
struct erase_plan {
	uint64_t payloads; /* would go */
	uint64_t bytes;    /* of these */
	uint64_t last_seq; /* of these; 0: none */
	uint64_t kept;     /* by age: payloads that stay although they are old enough */
	bool more;         /* the limit was reached; a claim through last_seq takes what was counted */
};

/* Counts what a claim would take, without changing anything; `each`, if given, gets every record that owns such a payload. Stops after `limit`
 * payloads (0: none) or 32 MiB. 0; ERR_STATE if the task is live; ERR_NOT_FOUND if there is no such task; what `each`
 * returned; else as trail_read. */
MUST_CHECK int erase_plan(struct trail *trail, const struct erased_claim *claim, uint64_t limit,
			  int (*each)(void *context, uint64_t seq), void *context, struct erase_plan *out_plan);

/* The last record that is older than a moment of the wall clock, 0: none. Where that clock was set back, the records of both sides of the
 * step are compared with the moment as they stand, and the search may end at either. 0; ERR_IO, ERR_MEMORY. */
MUST_CHECK int erase_seq_at(struct trail *trail, uint64_t wall_ms, uint64_t *out_seq);

/* Was anything ever erased from this trail? */
bool erase_any(struct trail *trail);

/* Was the payload that record `seq` owns erased? 0; ERR_NOT_FOUND: it owns none; ERR_IO, ERR_MEMORY. */
MUST_CHECK int erase_is_gone(struct trail *trail, uint64_t seq, bool *out_gone);

/* Calls `each` with every payload that is there, in order; `body` is borrowed until it returns. As trail_read. */
MUST_CHECK int erase_rest(struct trail *trail, int (*each)(void *context, uint64_t seq, struct bytes body), void *context);

/* From now on `after` is called on the thread that appends when a transaction that erased something is durable and scrubbed, before trail_append
 * returns. What it returns other than 0 makes the trail refuse everything, as ERR_IO. For what lies beside the trail. */
void erase_watch(struct trail *trail, int (*after)(void *context, struct trail *trail), void *context);

/* Inside the writer's transaction: carries out the record `entry` of type Erased. 0; ERR_STATE if the task is live, not there, or the
 * record claims what comes after itself; else as trail_append. */
MUST_CHECK int erase_note(struct trail *trail, const struct trail_entry *entry);

/* When it returns 0 no file of the trail holds bytes that were erased, and everything committed is in the database file. Waits up to `wait_ms`
 * for readers, who hold transactions of at most 100 ms; ERR_LOCKED if one holds on for longer. ERR_IO. Not within a transaction;
 * safe to do again. */
MUST_CHECK int erase_scrub(struct trail *trail, int wait_ms);

/* For trail_append, after a commit: something was erased in it (`now`), or before, when a reader was in the way. Without `now` an attempt, and a reader
 * in the way is no error; with it as trail_append. */
#define ERASE_WAIT_MS 30000
MUST_CHECK int erase_finish(struct trail *trail, bool now);

/* For trail_open: nobody knows whether the last scrub was finished, so a trail in which something was ever erased is scrubbed. A reader
 * in the way is no error; then every append tries again. */
MUST_CHECK int erase_resume(struct trail *trail);

/* Is the payload that record `entry` owns covered by an Erased record of this trail, or by a receipt in `erasures`? 0; ERR_NOT_FOUND: no; ERR_IO,
 * ERR_MEMORY, ERR_CORRUPT with trail_why. Looks at each Erased record once for all questions. */
MUST_CHECK int erase_covers(struct trail *trail, const struct trail_entry *entry);

/* The Erased record because of which the payload of `entry` is gone, for people. As erase_covers. */
MUST_CHECK int erase_covering(struct trail *trail, const struct trail_entry *entry, struct erased_claim *out_claim);

/* In a backup, the trail.db at `path`: removes the payloads that the Erased record proved by `receipt` (receipt_write, without a payload) names, and
 * stores the receipt there, so that the backup verifies by itself. What is gone by age is judged as the tasks stood when the backup was made; a
 * task that was live then loses its texts too if the erasure names it. The file and its side files are scrubbed, and it is one file again.
 * `keys` must have signed the receipt. Blocks. 0, and `out_plan` counts what went; nothing goes a second time. ERR_CORRUPT, ERR_CONFLICT (the
 * receipt is of another log than the backup), and as trail_open; with a sentence. After an error: do it again. */
struct log_keys;
MUST_CHECK int erase_in_backup(const char *path, const char *receipt, size_t receipt_bytes, const struct log_keys *keys,
			       struct erase_plan *out_plan, char out_why[256]);

/* Frees what erase_covers keeps; trail_close does it. Takes NULL. */
struct erased_list;
void erased_list_free(struct erased_list *list);

#endif
