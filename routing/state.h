/* SPDX-License-Identifier: MIT
 *
 * The core's state, private to routing/: pools, indexes, queues and clocks in one piece of memory.
 *
 * Everything refers to everything by index from 1; 0 is "none", so that fresh zero memory is an empty core and untouched
 * pages cost nothing. Only omega_apply and what it calls writes here.
 */
#ifndef ROUTING_STATE_H
#define ROUTING_STATE_H

#include <assert.h>
#include <string.h>

#include "routing/omega.h"

#define ROLES_MAX      320u
#define ROUTE_QUEUES   (ROUTES_MAX * DESTINATIONS_MAX)
#define QUEUES_MAX     (ROUTE_QUEUES + ROLES_MAX + 1u) /* by route and destination, then by a role that an operator named */
#define QUEUE_WORDS    ((QUEUES_MAX + 63u) / 64u)
#define FOLLOWERS_POOL 4096u

/* What may happen to a task: the middle column of lifecycle.def. */
enum life {
	LIFE_REQUESTED,
	LIFE_REVIVED,
	LIFE_ASSIGN,
	LIFE_START,
	LIFE_MOVE,
	LIFE_DELAY,
	LIFE_ESCALATE,
	LIFE_CANCEL,
	LIFE_COMPLETE,
	LIFE_FAIL,
	LIFE_CANCELLED,
	LIFE_EXPIRE,
};

struct task {
	struct id id;
	struct id key_hash;
	struct id body_hash;
	uint64_t number; /* seq of the request, which owns the parameters */
	uint64_t accepted_ms;
	uint64_t deadline_ms;
	uint64_t queued_ms;  /* since when it waits for a clone */
	uint64_t backoff_ms; /* until when it may not be assigned; NEVER: waits for a person */
	uint64_t budget_tokens;
	uint64_t spent_tokens;
	char client[NAME_BYTES];
	uint32_t older, newer;  /* all live tasks, in the order they came */
	uint32_t before, after; /* in its queue */
	uint32_t parent, first_child, last_child, child_before, child_after, child_count;
	uint32_t first_follower, follower_count;
	uint32_t attempt;  /* the live attempt, or the one whose end is awaited while cancelling */
	uint32_t attempts; /* made so far */
	uint32_t failures; /* of these, failed or timed out at this destination */
	uint32_t lost;
	uint32_t last_error;
	uint32_t timeout_ms; /* asked for; 0: the route's */
	uint16_t route;      /* index into table.route */
	uint16_t named_role; /* role an operator named; 0: as the route says */
	uint8_t state;
	uint8_t priority;
	uint8_t destination;
	uint8_t depth;
	bool used;
	bool escalated;
	bool orphaned; /* its parent has ended */
};

enum attempt_state { ATTEMPT_FREE, ATTEMPT_ASSIGNED, ATTEMPT_RUNNING, ATTEMPT_WAITING, ATTEMPT_ENDING };

struct attempt {
	struct id lease;
	struct id task_id;   /* also when `task` is gone */
	uint64_t number;     /* of the task */
	uint64_t silence_ms; /* must be confirmed, or speak again, by then; while ending: the end of the grace */
	uint64_t timeout_at;
	uint32_t heartbeat_ms;
	uint32_t timeout_ms;
	uint32_t task; /* 0: the task has gone on without it */
	uint32_t clone;
	uint32_t attempt;       /* its number within the task */
	uint32_t before, after; /* among the attempts of its clone */
	uint32_t route_version;
	uint8_t state;
	bool lost;   /* its clone is gone */
	bool unsure; /* assigned before a start of Omega and not confirmed since: perhaps it was never sent */
};

struct clone {
	char name[NAME_BYTES];
	char task_types[256]; /* comma-separated; empty: all of its role */
	uint32_t role;
	uint32_t slots;
	uint32_t used;     /* of its slots: attempts that do not wait for a child task */
	uint32_t attempts; /* all of them */
	uint32_t load;
	uint32_t failures; /* in a row */
	uint32_t first_attempt, last_attempt;
	uint64_t breaker_until_ms; /* 0: closed, or half open if failures have reached the limit */
	uint64_t assigned_seq;     /* of the last assignment, for taking turns */
	uint64_t completed, failed, lost;
	uint8_t presence;
	bool known;
	bool leaving;     /* said Goodbye with draining */
	bool draining;    /* an operator said so */
	bool quarantined; /* an operator said so */
};

struct role {
	char name[ROLE_BYTES];
	uint32_t credit[PRIORITY_COUNT]; /* dispatches that each class has left in this round */
};

struct queue {
	uint32_t head, tail, count;
};

struct follower {
	uint32_t next;
	char name[NAME_BYTES];
};

/* An ended task, remembered for duplicates until SQLite surely shows it. */
struct recent {
	struct id id;
	struct id key_hash;
	struct id body_hash;
	uint64_t number;
	uint64_t outcome_seq;
	char client[NAME_BYTES];
	uint32_t state;
};

/* Where in the trail and in time the core is. */
struct moment {
	uint64_t next_seq;
	uint64_t now_ms;
	struct id boot;
	struct hash seed;
	uint64_t boot_wall_ms;
	uint64_t boot_now_ms;
	bool booted;
};

struct omega {
	struct omega_limits limits;
	struct moment moment;
	struct table table;
	struct omega_counters counter;

	struct role role[ROLES_MAX + 1];
	uint32_t role_high;
	uint16_t route_role[ROUTES_MAX][DESTINATIONS_MAX];
	uint32_t route_waiting[ROUTES_MAX];
	struct queue queue[QUEUES_MAX][PRIORITY_COUNT];
	struct queue queue_spare[QUEUES_MAX][PRIORITY_COUNT];
	uint64_t queue_busy[QUEUE_WORDS];
	struct clone clone[PEERS_MAX + 1];
	uint32_t clone_high;

	struct task *task; /* [1 … tasks_max] */
	uint32_t task_high, task_free, task_oldest, task_newest;
	struct attempt *attempt; /* [1 … ATTEMPTS_MAX] */
	uint32_t attempt_high, attempt_free;
	struct follower *follower; /* [1 … FOLLOWERS_POOL] */
	uint32_t follower_high, follower_free;
	struct recent *recent; /* [1 … recent_max], a ring */
	uint32_t recent_next, recent_count;

	/* Open addressing, linear probing: entries are task indexes, or tasks_max + recent indexes. */
	uint32_t *by_id;
	uint32_t *by_key;
	uint32_t index_mask;

	/* Binary heap of clocks; node numbers are tasks, then attempts, then clones. */
	uint64_t *clock_when;
	uint32_t *clock_place; /* in the heap, from 1 */
	uint32_t *clock_heap;
	uint32_t clock_count;
};

/* ---- clocks (clocks.c) ---- */
uint32_t clock_node_of_attempt(const struct omega *omega, uint32_t attempt);
uint32_t clock_node_of_clone(const struct omega *omega, uint32_t clone);
void clock_set(struct omega *omega, uint32_t node, uint64_t when_ms); /* NEVER: none */
uint64_t clock_first(const struct omega *omega, uint32_t *out_node);  /* NEVER: none */
/* What each is waiting for next, and until when. */
uint64_t task_clock(const struct omega *omega, const struct task *task, enum clock *out_clock);
uint64_t attempt_clock(const struct attempt *attempt, enum clock *out_clock);
uint64_t clone_clock(const struct clone *clone, enum clock *out_clock);
void task_wind(struct omega *omega, uint32_t task); /* sets the heap's entry from the state */
void attempt_wind(struct omega *omega, uint32_t attempt);
void clone_wind(struct omega *omega, uint32_t clone);

/* ---- finding (find.c) ---- */
uint32_t find_task(const struct omega *omega, const struct id *id);   /* live; 0: none */
uint32_t find_recent(const struct omega *omega, const struct id *id); /* ended lately; 0: none */
uint32_t find_task_by_key(const struct omega *omega, const struct id *key_hash);
uint32_t find_recent_by_key(const struct omega *omega, const struct id *key_hash);
void index_task(struct omega *omega, uint32_t task);
void unindex_task(struct omega *omega, uint32_t task);
struct recent *recent_take(struct omega *omega); /* the next place of the ring, empty now */
void remember(struct omega *omega, const struct task *task, uint64_t outcome_seq, uint32_t state);
uint32_t find_clone(const struct omega *omega, const char *name);
uint32_t find_role(const struct omega *omega, const char *name, size_t name_bytes);
uint32_t role_add(struct omega *omega, const char *name); /* finds or makes; 0: no room */
uint32_t find_attempt(const struct omega *omega, uint32_t clone, const struct id *lease);
bool same_owner(const char *a, const char *b); /* client/alice/1 and client/alice/2 */
bool is_person(const char *peer);              /* a client or an operator */
bool same_role(const char *a, const char *b);  /* clones: beta/1 and beta/2 */
void copy_name(char *out, size_t capacity, const char *name, size_t name_bytes);
struct text text_of(const char *name);

/* ---- pools (pool.c): 0 when there is no room ---- */
uint32_t task_take(struct omega *omega);
void task_drop(struct omega *omega, uint32_t task);
uint32_t attempt_take(struct omega *omega, uint32_t clone);
void attempt_drop(struct omega *omega, uint32_t attempt);
void follower_add(struct omega *omega, uint32_t task, const char *name);
void followers_drop(struct omega *omega, uint32_t task);
uint32_t clone_take(struct omega *omega);
bool clone_room(const struct omega *omega);
bool hello_is_clone(const struct hello *hello);
void child_add(struct omega *omega, uint32_t parent, uint32_t child);
void child_remove(struct omega *omega, uint32_t child);

/* ---- queues (queue.c) ---- */
uint32_t queue_of(const struct omega *omega, const struct task *task);
void queue_push(struct omega *omega, uint32_t task);
void queue_remove(struct omega *omega, uint32_t task);

/* ---- choice (choice.c): reads only ---- */
struct choice {
	uint32_t task;
	uint32_t clone;
	uint32_t destination;
	uint32_t skipped;
	uint32_t class; /* priority with age */
	uint32_t role;
};
bool clone_usable(const struct omega *omega, const struct clone *clone); /* healthy, whether busy or not */
bool clone_free(const struct omega *omega, const struct clone *clone);
bool clone_offers(const struct clone *clone, const char *task_type);
uint32_t choose_clone(const struct omega *omega, uint32_t role, const char *task_type, bool *out_usable);
bool choose(const struct omega *omega, struct choice *out_choice);

/* ---- tables (reload.c) ---- */
void table_install(struct omega *omega, const struct table *table);
bool table_leaves_room(const struct omega *omega, const struct table *table); /* for the routes of live tasks, which must stay */

/* ---- restoring (save.c) ---- */
MUST_CHECK int omega_load(struct omega *omega, const uint8_t *at, size_t bytes);

/* Moves a task along lifecycle.def; ERR_STATE if there is no such row, and then nothing has changed. */
MUST_CHECK int task_move(struct omega *omega, uint32_t task, enum life event, const struct record *record);

#endif
