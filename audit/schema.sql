-- SPDX-License-Identifier: MIT
--
-- The trail, version 2. docs/trail.md tells how the bytes of a row are hashed; comments inside a statement are kept by SQLite,
-- so that whoever opens a trail with any tool finds them there. An id that is nil is NULL.

CREATE TABLE records ( -- every message and every event, once; append only
	seq         INTEGER PRIMARY KEY,   -- dense, from 1
	boot        BLOB,                  -- 16 bytes: the start of Omega that wrote this
	now_ms      INTEGER NOT NULL,      -- logical time that the decision was made at
	wall_ms     INTEGER NOT NULL,      -- wall clock, UTC, milliseconds since 1970
	mono_ms     INTEGER NOT NULL,      -- CLOCK_BOOTTIME of the machine
	direction   INTEGER NOT NULL,      -- 1 received, 2 sent, 3 Omega's own
	type        INTEGER NOT NULL,      -- code of the message type, protocol/messages.def
	verdict     INTEGER NOT NULL,      -- 0 taken, else the error code that a received message was refused with
	peer        TEXT NOT NULL,         -- the other end, as its key proves; empty for Omega's own
	message_id  BLOB,                  -- 16 bytes, UUIDv7
	task_id     BLOB,                  -- 16 bytes: the task that the message names
	task_number INTEGER NOT NULL,      -- seq of the request that made the task; 0: none
	attempt     INTEGER NOT NULL,      -- 1 for the first; 0: none
	sender_seq  INTEGER NOT NULL,      -- the sender's own sequence number, dense within a connection
	end_state   INTEGER NOT NULL,      -- state that this record ended its task with; 0: it did not
	revives     INTEGER NOT NULL,      -- 1: this record set its ended task live again
	key_hash    BLOB,                  -- 16 bytes, on the request that made a task: keyed hash of sender and idempotency key
	body_hash   BLOB,                  -- 16 bytes, on the same: keyed hash of the request without its id
	header      BLOB NOT NULL,         -- header of the message, MessagePack, as encoded
	facts       BLOB NOT NULL,         -- facts of the message, MessagePack, as encoded
	payload_seq INTEGER NOT NULL,      -- record that owns the payload: this one, an earlier one, or 0 for none
	commitment  BLOB,                  -- 32 bytes: SHA-256(salt, body) of that payload
	chain       BLOB NOT NULL          -- 32 bytes: SHA-256(0x00, canonical bytes of this record and the chain before it)
) STRICT;

CREATE INDEX records_by_task ON records(task_number);

CREATE INDEX records_erased ON records(seq) WHERE type = 104; -- Erased: what may have no payload any more

CREATE TABLE payloads ( -- free text, parameters, results; the only part that can ever be erased
	seq  INTEGER PRIMARY KEY REFERENCES records(seq), -- the record that owns it
	salt BLOB,                                        -- 32 random bytes; NULL once erased
	body BLOB                                         -- MessagePack, as encoded; NULL once erased
) STRICT;

CREATE TABLE tasks ( -- derived from the records, in the same transaction; can be rebuilt from them at any time
	request_seq INTEGER PRIMARY KEY REFERENCES records(seq), -- the task's number
	task_id     BLOB NOT NULL UNIQUE,                        -- 16 bytes
	key_hash    BLOB,                                        -- 16 bytes; NULL: the request had no idempotency key
	body_hash   BLOB,                                        -- 16 bytes
	end_seq     INTEGER NOT NULL,                            -- record that ended it last; 0: live
	end_state   INTEGER NOT NULL,                            -- state it ended in; 0: live
	outcome_seq INTEGER NOT NULL                             -- record of the message that told its client; 0: none
) STRICT;

CREATE INDEX tasks_by_key ON tasks(key_hash) WHERE key_hash IS NOT NULL;

CREATE TABLE snapshots ( -- derived from the records: where a restart can begin
	seq INTEGER PRIMARY KEY REFERENCES records(seq) -- a record of type Snapshot
) STRICT;

CREATE TABLE nodes ( -- derived from the records: roots of full subtrees of the Merkle tree whose leaves are the chain values
	level  INTEGER NOT NULL, -- 8, 16, 24 and so on: the subtree has 2^level leaves
	number INTEGER NOT NULL, -- its first leaf is that of record number * 2^level + 1
	hash   BLOB NOT NULL,    -- 32 bytes
	PRIMARY KEY (level, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoints ( -- what was signed, and when; each announces the key that seals the next
	number INTEGER PRIMARY KEY,     -- dense, from 1
	size   INTEGER NOT NULL UNIQUE, -- covers the records 1 to size
	note   TEXT NOT NULL            -- signed note: origin, size, root, time, next seal key; two signatures
) STRICT;

CREATE TABLE erasures ( -- in a backup only: proofs that what is missing here was erased on record in the trail it was taken from
	seq     INTEGER PRIMARY KEY, -- the record of the erasure, in that trail
	receipt TEXT NOT NULL        -- its inclusion receipt
) STRICT;
