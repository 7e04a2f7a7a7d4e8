/* SPDX-License-Identifier: MIT
 *
 * The trail: an SQLite database that holds every record once, chained, before it takes effect. It is Omega's write-ahead log
 * and the auditor's book. docs/trail-format.md documents the schema and the bytes that are hashed.
 *
 * One process, one thread, one connection ever writes (trail_open for writing takes a lock on the file beside it); any
 * number of readers of the same user look on.
 */
#ifndef AUDIT_TRAIL_H
#define AUDIT_TRAIL_H

#include <stddef.h>

#include "protocol/codec.h"
#include "protocol/message.h"

#define TRAIL_APPLICATION_ID 0x42756e73 /* "Buns" */
#define TRAIL_USER_VERSION   2

struct trail;

enum trail_mode { TRAIL_READ, TRAIL_WRITE };
enum trail_direction { TRAIL_IN = 1, TRAIL_OUT = 2, TRAIL_INNER = 3 };

/* One record to be appended, or as read back. Spans are borrowed: from the caller, or until the next call on the cursor. */
struct trail_entry {
	uint64_t seq;
	struct id boot;
	uint64_t now_ms;    /* logical */
	uint64_t wall_ms;   /* UTC */
	uint64_t mono_ms;   /* CLOCK_BOOTTIME */
	uint32_t direction; /* enum trail_direction: 1 in, 2 out, 3 Omega's own */
	uint32_t type;      /* enum message_type */
	uint32_t verdict;   /* 0, or the error code an incoming message was refused with */
	char peer[NAME_BYTES];
	struct id message_id;
	struct id task_id;
	uint64_t task_number; /* seq of the request that made the task; 0: none */
	uint32_t attempt;
	uint64_t sender_seq;
	uint64_t payload_seq; /* record that owns the payload: seq itself, an earlier one, or 0 */
	struct bytes header;  /* as encoded */
	struct bytes facts;   /* as encoded */
	/* As encoded; to be stored if payload_seq == seq; when read back: filled if asked for and not erased. */
	struct bytes payload;
	struct hash commitment; /* when read back: SHA-256(salt || payload); zero without a payload. The trail computes it */
	struct hash chain;      /* when read back. The trail computes it */
	/* For the index of tasks, derived and rebuildable; set on an accepted TaskRequest only. */
	struct id key_hash;
	struct id body_hash;
	/* Set on the record that ends a task (an enum state), else 0. On an OUT TaskCompletion or TaskFailure it also says that
	 * this is the task's outcome, told to whoever asked for it. */
	uint32_t end_state;
	/* Set on the record that makes an ended task live again (an accepted RecoveryAction). */
	bool revives;
};

/* ---- writing: one thread ---- */

/* Opens, creating what is missing (for writing), checking version, schema and lock. What a writer then reads as the end of the
 * trail is on the disk, whatever happened before. Returns 0; ERR_LOCKED, ERR_NEWER, ERR_CORRUPT, ERR_IO, ERR_MEMORY,
 * ERR_NOT_FOUND (nothing to read), with a sentence for people in `out_why`. */
MUST_CHECK int trail_open(const char *path, enum trail_mode mode, struct trail **out_trail, char out_why[256]);
void trail_close(struct trail *trail); /* takes NULL */

/* Appends all entries in one transaction and returns when they are on the disk. Sequence numbers must follow on. An entry of type Erased
 * overwrites and removes the payloads it names in the same transaction; then the call also returns only when no file of the trail
 * holds a byte of them any more (audit/erase.h).
 *
 * Returns 0; or, and then nothing has changed and the trail goes on, ERR_STATE (an entry that cannot stand where it is),
 * ERR_CONFLICT (a task id that is already there), ERR_MEMORY; or ERR_AMBIGUOUS (the commit failed: the batch may be there or not)
 * or ERR_IO, after which this trail refuses everything: stop, open again, re-read the tail. trail_why says more. */
MUST_CHECK int trail_append(struct trail *trail, const struct trail_entry *entries, size_t count);

/* True when so much stands in the WAL that trail_tidy is worth its time. Without it trail_append does the same, only later. */
bool trail_untidy(const struct trail *trail);

/* When there is time: a passive checkpoint of the WAL. Blocks for as long as that takes. After an error this trail refuses
 * everything. */
MUST_CHECK int trail_tidy(struct trail *trail);

/* ---- sealing (audit/seal.h): a checkpoint is part of the transaction that brings the last record it covers ---- */

#define CHECKPOINT_RECORDS 1000u /* a batch that makes so many unsealed records ends with a checkpoint */
#define CHECKPOINT_MS      5000u /* and so does the first batch, or call of trail_checkpoint, this long after the last one */

struct sealer;
struct sealed;

/* What sealer_open wants to know. 0 or an error with trail_why. */
MUST_CHECK int trail_sealed(struct trail *trail, struct sealed *out_sealed);

/* From now on this trail is sealed; it takes the sealer over and closes it. `each`, if not NULL, gets every checkpoint once it is durable, on the
 * thread that appends: it must not block. */
void trail_seal(struct trail *trail, struct sealer *sealer,
		void (*each)(void *context, const char *note, uint64_t number, uint64_t size), void *context);

/* When the next checkpoint is due, CLOCK_MONOTONIC in ms; UINT64_MAX: nothing is new. */
uint64_t trail_checkpoint_due(const struct trail *trail);

/* Seals what is there now, if anything is new. Errors as trail_append. writer.h does so when it is time, and at the end. */
MUST_CHECK int trail_checkpoint(struct trail *trail);

/* Makes the index of tasks and snapshots anew from the records, in one transaction. Returns as trail_append. */
MUST_CHECK int trail_rebuild_index(struct trail *trail);

/* After an error of any function here: what went wrong, for people. Borrowed from the trail. */
const char *trail_why(const struct trail *trail);

/* ---- reading: any thread that owns its own handle ---- */

/* 0: empty, or it cannot be read and trail_why says so. A writer knows both without looking. */
uint64_t trail_last_seq(struct trail *trail);
uint64_t trail_snapshot_seq(struct trail *trail); /* of the last Snapshot, 0: none */

#define TRAIL_TYPES_MAX 8u
#define TRAIL_WHO_MAX   4u

/* Times are compared with what each record says. The wall clock can go back, so no record may be passed over unseen: all are looked at,
 * which takes about a tenth of a second for a million. */
struct trail_query {
	uint64_t after_seq;   /* records with a larger seq */
	uint64_t through_seq; /* 0: to the end */
	struct id task_id;    /* nil: any */
	uint64_t since_ms;    /* wall clock; 0: any */
	uint64_t until_ms;
	char peer[NAME_BYTES]; /* "": any */
	uint32_t type;         /* 0: any */
	uint32_t limit;        /* 0: none */
	bool newest_first;
	bool with_payload;
	bool owners; /* only records that own a payload */
	/* Alternatives; where any is given, a record must fit one of them: it is of one of these types (0 ends the list), */
	uint32_t any_type[TRAIL_TYPES_MAX];
	/* … one of these peers, or one below it as beta/1 is below "beta", said it ("" ends the list), */
	char any_who[TRAIL_WHO_MAX][NAME_BYTES];
	/* … it has a verdict. */
	bool any_refused;
};

/* Calls `each` for every record that matches, in order. Rows are read in transactions of at most 10,000 rows or 100 ms and handed
 * out between them, so `each` may block. It stops when `each` returns non-zero, and returns that; else 0 or an error. Records
 * that were appended after the call began are not seen: call again after the last one to follow. */
MUST_CHECK int trail_read(struct trail *trail, const struct trail_query *query,
			  int (*each)(void *context, const struct trail_entry *entry), void *context);

/* Appends the payload that record `seq` owns to `buffer`. 0, ERR_NOT_FOUND, ERR_IO, ERR_MEMORY. */
MUST_CHECK int trail_payload(struct trail *trail, uint64_t seq, struct buffer *buffer);

/* What the trail knows of a task, by its id or by a key. */
struct trail_task {
	struct id task_id;
	struct id key_hash;
	struct id body_hash;
	uint64_t request_seq;
	uint64_t end_seq;     /* of the record that ended it last; 0: live */
	uint32_t end_state;   /* enum state; 0: live */
	uint64_t outcome_seq; /* of the message that told the client; 0: none */
};
/* Each returns 0, ERR_NOT_FOUND, ERR_IO, ERR_MEMORY. */
MUST_CHECK int trail_task(struct trail *trail, const struct id *task_id, struct trail_task *out_task);
MUST_CHECK int trail_key(struct trail *trail, const struct id *key_hash, struct trail_task *out_task);
/* The task with the largest id: no id that is larger is there. */
MUST_CHECK int trail_task_last(struct trail *trail, struct trail_task *out_task);

/* Newest tasks first; `state` 0: any, STATE_ACCEPTED: all live ones, else ended in that state. */
MUST_CHECK int trail_tasks(struct trail *trail, uint32_t state, uint32_t limit,
			   int (*each)(void *context, const struct trail_task *task), void *context);

/* Recomputes the chain, every payload's commitment, every derived row, the tree and the root of every checkpoint from `after_seq` (0:
 * all; else what is stored up to there is trusted). A payload may be gone if its erasure is on record. Returns 0; ERR_CORRUPT with
 * the first bad row and what is wrong with it; ERR_IO, ERR_MEMORY; ERR_NOT_FOUND if there is no record `after_seq`. Whoever writes
 * all of a trail anew is not found out by this; by trail_verify_sealed he is. Whoever cuts off the end is found out by neither: keep a
 * note of the last checkpoint in another place. */
struct trail_verdict {
	uint64_t records;
	uint64_t payloads;    /* found whole */
	uint64_t erased;      /* gone, as is on record */
	uint64_t checkpoints; /* of those that cover records after `after_seq` */
	uint64_t sealed_seq;  /* the last record that a checkpoint covers; 0: none is */
	uint64_t first_seq;
	uint64_t last_seq;
	uint64_t bad_seq;
	struct hash head;
	char why[256];
};
MUST_CHECK int trail_verify(struct trail *trail, uint64_t after_seq, struct trail_verdict *out_verdict);

/* The same, and with the public keys of the log (audit/note.h) both signatures of every checkpoint, and that there are enough of them:
 * between two, and after the last, are at most UNSEALED_MAX records. */
#define UNSEALED_MAX 20000u
struct log_keys;
MUST_CHECK int trail_verify_sealed(struct trail *trail, uint64_t after_seq, const struct log_keys *keys,
				   struct trail_verdict *out_verdict);

/* SQLite's own check of every page and index of the file; takes longer than trail_verify. 0, ERR_CORRUPT, ERR_IO, ERR_MEMORY. */
MUST_CHECK int trail_check_file(struct trail *trail, char out_why[256]);

#endif
