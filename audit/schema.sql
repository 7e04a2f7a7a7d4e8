-- SPDX-License-Identifier: MIT
--
-- The trail, version 2. docs/trail-format.md tells how the bytes of a row are hashed; comments inside a statement are kept by SQLite,
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

-- What follows is for people with a tool of their own: names instead of numbers. The program reads none of it, no proof covers it, and a
-- newer program renews it. No view shows text that a peer wrote freely, so that it can be printed to a terminal.

CREATE VIEW message_names(code, name) AS VALUES -- types of messages and events, as in protocol/messages.def
	(1, 'Hello'), (2, 'Welcome'), (3, 'Refusal'), (4, 'Heartbeat'), (5, 'Goodbye'), (16, 'TaskRequest'),
	(17, 'TaskAccepted'), (18, 'TaskAssignment'), (19, 'TaskStarted'), (20, 'TaskProgress'), (21, 'TaskCompletion'),
	(22, 'TaskFailure'), (23, 'TaskCancel'), (24, 'TaskFollow'), (32, 'StatusQuery'), (33, 'StatusResponse'),
	(34, 'RecoveryAction'), (35, 'RecoveryResult'), (36, 'ErrorEscalation'), (40, 'ArtefactPut'), (41, 'ArtefactGet'), (48, 'RefChanged'),
	(96, 'Boot'), (97, 'Presence'), (98, 'RoutesLoaded'), (99, 'TimerDue'), (100, 'Snapshot'), (101, 'Delivered'),
	(102, 'Counted'), (103, 'RetryScheduled'), (104, 'Erased'), (105, 'Restored');

CREATE VIEW error_names(code, name) AS VALUES -- why something was refused or failed, as in protocol/errors.def
	(1, 'malformed'), (2, 'version'), (3, 'too_large'), (4, 'unknown_peer'), (5, 'not_allowed'), (6, 'unknown_type'),
	(7, 'overloaded'), (8, 'conflict'), (9, 'not_found'), (10, 'state'), (11, 'superseded'), (12, 'depth'),
	(13, 'budget'), (14, 'secret'), (32, 'invalid_parameters'), (33, 'task_failed'), (34, 'timed_out'), (35, 'lost'), (36, 'cancelled'),
	(37, 'expired'), (38, 'start_timeout'), (39, 'heartbeat'), (40, 'sandbox'), (41, 'tool_missing'), (42, 'limit'),
	(43, 'busy'), (44, 'draining'), (64, 'internal'), (65, 'memory'), (66, 'io'), (67, 'corrupt'), (68, 'locked'),
	(69, 'config'), (70, 'system'), (71, 'full'), (72, 'ambiguous'), (73, 'newer'), (74, 'unreachable'), (75, 'timeout'),
	(76, 'usage'), (77, 'moved');

CREATE VIEW state_names(code, name) AS VALUES -- states of a task, as in protocol/names.def; from 16 on it has ended
	(1, 'accepted'), (2, 'assigned'), (3, 'running'), (4, 'waiting'), (5, 'cancelling'), (16, 'completed'),
	(17, 'failed'), (18, 'cancelled'), (19, 'expired');

CREATE VIEW timeline AS -- every record in words, one line each
SELECT r.seq,
	strftime('%Y-%m-%dT%H:%M:%S', r.wall_ms / 1000, 'unixepoch') || printf('.%03dZ', r.wall_ms % 1000) AS time,
	CASE r.direction WHEN 1 THEN 'from' WHEN 2 THEN 'to' ELSE 'own' END AS direction, -- from the peer, to the peer, Omega's own
	r.peer,
	m.name AS type,
	iif(r.verdict = 0, NULL, coalesce(v.name, 'error ' || r.verdict)) AS refused, -- why; NULL: it was taken
	nullif(r.attempt, 0) AS attempt,
	s.name AS ended,                          -- the state that the task ended in by this record
	iif(r.revives, 'yes', NULL) AS revived,   -- an ended task is live again by this record
	nullif(r.task_number, 0) AS task_number,
	iif(r.task_id IS NULL, NULL, lower(substr(hex(r.task_id), 1, 8) || '-' || substr(hex(r.task_id), 9, 4) || '-' ||
		substr(hex(r.task_id), 13, 4) || '-' || substr(hex(r.task_id), 17, 4) || '-' || substr(hex(r.task_id), 21))) AS task,
	CASE WHEN r.payload_seq = 0 THEN NULL WHEN p.body IS NULL THEN 'erased' WHEN p.seq = r.seq THEN 'here'
		ELSE 'record ' || p.seq END AS text  -- where what it said freely stands: payloads.body of this or of another record
FROM records r
LEFT JOIN message_names m ON m.code = r.type
LEFT JOIN error_names v ON v.code = r.verdict
LEFT JOIN state_names s ON s.code = r.end_state
LEFT JOIN payloads p ON p.seq = r.payload_seq;

CREATE VIEW task_list AS -- every task
SELECT t.request_seq AS task_number,
	lower(substr(hex(t.task_id), 1, 8) || '-' || substr(hex(t.task_id), 9, 4) || '-' ||
		substr(hex(t.task_id), 13, 4) || '-' || substr(hex(t.task_id), 17, 4) || '-' || substr(hex(t.task_id), 21)) AS task,
	CASE r.second WHEN 217 THEN CAST(substr(r.facts, 4, r.third) AS TEXT) -- the first fact of a TaskRequest
		ELSE CAST(substr(r.facts, 3, r.second - 160) AS TEXT) END AS type,
	r.peer AS client,
	coalesce(s.name, 'live') AS state,
	(SELECT max(attempt) FROM records WHERE task_number = t.request_seq) AS attempts,
	strftime('%Y-%m-%dT%H:%M:%S', r.wall_ms / 1000, 'unixepoch') || printf('.%03dZ', r.wall_ms % 1000) AS accepted,
	strftime('%Y-%m-%dT%H:%M:%S', e.wall_ms / 1000, 'unixepoch') || printf('.%03dZ', e.wall_ms % 1000) AS ended,
	e.wall_ms - r.wall_ms AS took_ms,
	nullif(t.end_seq, 0) AS end_seq,
	nullif(t.outcome_seq, 0) AS outcome_seq -- the record that told its client; NULL: nobody was told
FROM tasks t
JOIN (SELECT *,
		instr('0123456789ABCDEF', substr(hex(facts), 3, 1)) * 16 + instr('0123456789ABCDEF', substr(hex(facts), 4, 1)) - 17 AS second,
		instr('0123456789ABCDEF', substr(hex(facts), 5, 1)) * 16 + instr('0123456789ABCDEF', substr(hex(facts), 6, 1)) - 17 AS third
	FROM records) r ON r.seq = t.request_seq
LEFT JOIN records e ON e.seq = t.end_seq AND t.end_seq > 0
LEFT JOIN state_names s ON s.code = t.end_state;

CREATE VIEW failure_codes AS -- the error code within the facts of what failed: it stands first, or after an attempt number and a lease
SELECT seq, instr('0123456789ABCDEF', substr(bytes, at, 1)) * 16 + instr('0123456789ABCDEF', substr(bytes, at + 1, 1)) - 17 AS code
FROM (SELECT seq, bytes,
		CASE WHEN type = 103 THEN 3 ELSE lease + CASE substr(bytes, lease, 2) WHEN 'C4' THEN 36 ELSE 2 END END AS at
	FROM (SELECT seq, type, bytes, attempt + CASE substr(bytes, attempt, 2) WHEN 'CC' THEN 4 WHEN 'CD' THEN 6 WHEN 'CE' THEN 10
			ELSE 2 END AS lease
		FROM (SELECT seq, type, hex(substr(facts, 1, 40)) AS bytes, iif(type = 36, 5, 3) AS attempt
			FROM records WHERE type IN (22, 36, 103))));

CREATE VIEW failures AS -- what went wrong and what was refused; messages that were only counted stand in records of type Counted
SELECT l.seq, l.time,
	CASE WHEN l.refused IS NOT NULL THEN 'refused'
		WHEN l.type = 'RetryScheduled' THEN 'goes on'      -- Omega tries again, or elsewhere, after this
		WHEN l.type = 'ErrorEscalation' THEN 'needs a person'
		WHEN l.ended IS NOT NULL THEN 'task ' || l.ended
		ELSE 'attempt failed' END AS kind,
	coalesce(l.refused, e.name) AS reason,
	l.peer, l.type, l.attempt, l.task_number, l.task, l.text
FROM timeline l
LEFT JOIN failure_codes c ON c.seq = l.seq AND l.refused IS NULL
LEFT JOIN error_names e ON e.code = c.code
WHERE l.seq IN (SELECT seq FROM records WHERE verdict <> 0 OR type IN (22, 36, 103)) AND (
	l.refused IS NOT NULL OR l.type = 'RetryScheduled' OR (l.type = 'ErrorEscalation' AND l.direction = 'to') OR
	(l.type = 'TaskFailure' AND (l.direction = 'from' OR l.ended IS NOT NULL)));

CREATE VIEW checkpoint_list AS -- what was signed, and when
SELECT number, size,
	size - coalesce(lag(size) OVER (ORDER BY number), 0) AS records, -- that it covers for the first time
	strftime('%Y-%m-%dT%H:%M:%S', ms / 1000, 'unixepoch') || printf('.%03dZ', ms % 1000) AS time,
	origin
FROM (SELECT number, size, substr(note, 1, instr(note, char(10)) - 1) AS origin,
	CAST(substr(note, instr(note, char(10) || 'time ') + 6, 20) AS INTEGER) AS ms FROM checkpoints);
