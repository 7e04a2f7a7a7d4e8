/* SPDX-License-Identifier: MIT
 *
 * Omega's core: takes one event at a time, decides, and says what must be recorded and sent. No clock, no socket, no
 * file, no allocation, no randomness but what the recorded seed gives.
 *
 * omega_step decides and returns records; omega_apply(record) is the only function that changes state, and omega_step changes
 * state through it alone. So the state is a fold over the records: a restart loads the last Snapshot, applies what
 * follows, and goes on where it was. A record of direction OUT is also an effect: the shell sends it once the batch that
 * holds it is durable, and never before.
 *
 * What the shell owes the core:
 *   - all records of one step are committed together, in order;
 *   - `event.peer` is proved by the peer's key: clients are client/NAME/…, operators operator/NAME/… (only they may recover and
 *     touch other people's tasks), a clone its granted name such as beta/1;
 *   - the facts marked "stamped" in messages.def, looked up in the trail when the core has no live task of that id or key (for
 *     RecoveryAction always when it is not live); body_hash covers the owner (client/NAME) besides what is asked;
 *   - Welcome's heartbeat_ms, sender_seq and sent_at of every OUT record, and a text where an OUT record owns its payload;
 *   - recipient "operators" means every operator that is connected;
 *   - an IN TaskFollow with known_outcome set is answered, once durable, with the message of that trail row as it stands there.
 */
#ifndef ROUTING_OMEGA_H
#define ROUTING_OMEGA_H

#include <stddef.h>

#include "protocol/message.h"
#include "routing/table.h"

#define OMEGA_CORE_VERSION 2u
#define PEERS_MAX          256u   /* clone instances known at once */
#define SLOTS_MAX          1024u  /* attempts at once per instance */
#define WAITING_MAX        64u    /* of these, how many may wait for child tasks beyond its slots */
#define ATTEMPTS_MAX       65536u /* attempts at once, of all instances */
#define DEPTH_MAX          4u     /* tasks below a client's task */
#define CHILDREN_MAX       256u   /* live children of one task */
#define FOLLOWERS_MAX      8u     /* peers besides the client that wait for one task */
#define STEP_RECORDS_MAX   64u    /* records that one step can return */
#define NEVER              UINT64_MAX

struct omega; /* lives in memory the caller gives */

/* The clocks of the core; TimerDue names one. */
enum clock {
	CLOCK_NONE,
	CLOCK_START,     /* a queued task has waited too long for a clone */
	CLOCK_ASSIGN,    /* an assignment was not confirmed */
	CLOCK_HEARTBEAT, /* a running attempt is silent */
	CLOCK_TIMEOUT,   /* start to close */
	CLOCK_DEADLINE,  /* the task's overall deadline */
	CLOCK_BACKOFF,   /* the wait before a retry is over */
	CLOCK_LOST,      /* the attempt's clone is gone */
	CLOCK_PARENT,    /* the task's parent has ended */
	CLOCK_GRACE,     /* a clone has not confirmed a cancel */
	CLOCK_BREAKER,   /* a clone's circuit breaker lets one attempt through */
	CLOCK_DISPATCH,  /* work is left over from an earlier step */
};

enum direction { DIRECTION_IN = 1, DIRECTION_OUT = 2, DIRECTION_INNER = 3 };

/* What the shell hands in. Borrowed until the call returns. */
struct event {
	const struct message *message;
	char peer[NAME_BYTES]; /* who said it, as its key proves; empty for Omega's own (Boot, Presence, …) */
	uint32_t verdict;      /* an error code if the shell has already refused it (rights, payload); else 0 */
	bool has_payload;
};

/* One line of the trail. */
struct record {
	uint64_t seq; /* dense, from 1 */
	uint64_t now_ms;
	enum direction direction;
	uint32_t verdict;     /* of an IN record: 0 taken, else the error code it was refused with */
	uint64_t task_number; /* seq of the request that made the task; 0: none */
	uint32_t attempt;     /* 0: none */
	/* Record whose payload this one carries: its own seq, an earlier one's, or 0 for none. An OUT record with its own seq has
	 * no text yet: the shell writes it from the facts before recording. */
	uint64_t payload_seq;
	char peer[NAME_BYTES];  /* the other end; empty for INNER */
	struct message message; /* of an OUT record: message_id, correlation, task_id and recipient are set, sender is "omega" */
};

struct records {
	struct record item[STEP_RECORDS_MAX];
	size_t count;
};

struct omega_limits {
	uint32_t tasks_max;  /* 1 … 1,048,576 */
	uint32_t recent_max; /* ended tasks remembered for duplicates before SQLite is asked */
};

/* Bytes that omega_init needs for these limits. The memory must be zero (fresh from mmap: untouched pages cost nothing). */
size_t omega_bytes(const struct omega_limits *limits);

/* Makes an empty core in `memory`, 16-byte aligned. Returns 0 or ERR_FULL (too little memory) or ERR_CONFIG (limits). */
MUST_CHECK int omega_init(void *memory, size_t memory_bytes, const struct omega_limits *limits, struct omega **out_omega);

/* Takes one event at `now_ms` and says what must happen.
 *
 * `now_ms`  logical time; smaller values than before count as the largest seen.
 * `event`   borrowed until the call returns. Boot must be the first after omega_init, and after a restart.
 * Returns   0 with at least one record; ERR_STATE if the event leaves no record, and then nothing has changed (an internal event
 *           that is not expected). A message from a peer always leaves a record, refused or not. Never blocks.
 * Records borrow text from the event and from the core: encode them before the next call. */
MUST_CHECK int omega_step(struct omega *omega, uint64_t now_ms, const struct event *event, struct records *out_records);

/* Applies one record of a trail, in order of seq. Returns 0; ERR_CORRUPT if it cannot follow what was applied so far
 * (nothing has changed then), ERR_NEWER for a snapshot of a newer core. */
MUST_CHECK int omega_apply(struct omega *omega, const struct record *record);

/* When the next TimerDue is wanted: at this time or later, step a Timer event with no facts (the core fills them in). NEVER: none. */
uint64_t omega_deadline(const struct omega *omega);

uint64_t omega_next_seq(const struct omega *omega);
uint64_t omega_now(const struct omega *omega);

/* The whole state as bytes for a Snapshot record, the same on every machine. Returns 0 or ERR_FULL with `*out_bytes` needed. */
MUST_CHECK int omega_save(const struct omega *omega, uint8_t *out, size_t capacity, size_t *out_bytes);

/* ---- asking what would be: on a copy, since what is done to it is nobody's history ---- */

/* Makes a core usable whose bytes were copied, or mapped copy-on-write, from another one's memory; `memory` aligned likewise. What is done to
 * it does not touch the other. */
struct omega *omega_copied(void *memory);

/* Puts another table in force without a record. The live tasks keep what they were granted, as in a reload. Returns 0 or
 * ERR_FULL if the table leaves no room for the routes of live tasks, and then nothing has changed. */
MUST_CHECK int omega_suppose(struct omega *omega, const struct table *table);

/* ---- for people and tests: looking at the state ---- */

struct task_view {
	struct id id;
	uint64_t number;
	enum state state;
	uint32_t priority;
	uint32_t attempts; /* made so far */
	uint32_t destination;
	uint32_t depth;
	uint64_t accepted_ms;
	uint64_t deadline_ms; /* absolute, logical */
	uint64_t wake_ms;     /* next clock of this task, or NEVER */
	uint32_t last_error;
	bool escalated;
	const char *task_type; /* borrowed from the core */
	const char *client;
	const char *clone; /* of the live attempt, or "" */
};

struct clone_view {
	const char *name;
	const char *role;
	enum presence presence;
	uint32_t slots;
	uint32_t used;
	uint32_t failures; /* in a row */
	bool draining;
	bool quarantined;
	bool breaker_open;
	uint64_t breaker_until_ms;
	uint64_t completed;
	uint64_t failed;
	uint64_t lost;
	uint32_t load;
};

struct omega_counters {
	uint64_t accepted;
	uint64_t duplicates;
	uint64_t refused;
	uint64_t completed;
	uint64_t failed;
	uint64_t cancelled;
	uint64_t expired;
	uint64_t revived;
	uint64_t superseded;
	uint64_t delivered;
	uint64_t live; /* accepted + revived - ended */
	uint64_t by_state[20];
	uint64_t queued[PRIORITY_COUNT];
	uint64_t escalated;
};

MUST_CHECK int omega_task(const struct omega *omega, const struct id *task_id,
			  struct task_view *out_view); /* 0 or ERR_NOT_FOUND */
size_t omega_clone_count(const struct omega *omega);
MUST_CHECK int omega_clone(const struct omega *omega, size_t index, struct clone_view *out_view); /* 0 or ERR_NOT_FOUND */
void omega_count(const struct omega *omega, struct omega_counters *out_counters);
const struct table *omega_table(const struct omega *omega);

/* True while the live task or the recent window knows this id or key: the shell need not ask the trail. */
bool omega_knows_task(const struct omega *omega, const struct id *task_id);
bool omega_knows_key(const struct omega *omega, const struct id *key_hash);

/* For each instance that a route could use, in order of choice: would a new task get it now, and if not, why. */
struct candidate {
	struct clone_view clone;
	uint32_t destination;
	bool chosen;
	char why[96];
};
size_t omega_explain(const struct omega *omega, const char *task_type, struct candidate *out_candidates, size_t capacity);

/* Checks what must hold between any two steps (indexes, counts, at most one live lease per task, …). NULL, or what is broken. */
const char *omega_check(const struct omega *omega);

#endif
