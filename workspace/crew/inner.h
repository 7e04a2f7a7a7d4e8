/* SPDX-License-Identifier: MIT
 *
 * What a crew is made of. Each field says who writes it; "owner" is the worker that an actor is placed on.
 */
#ifndef WORKSPACE_CREW_INNER_H
#define WORKSPACE_CREW_INNER_H

#include <pthread.h>

#include "workspace/crew/queue.h"

#define BATCH        64u          /* messages of one row before another has its turn */
#define CONTROLS     2u           /* slots of each row that the crew keeps for itself: one step of a round of either side */
#define GUESTS_BIT   (1ull << 63) /* in masks of workers: all guests */
#define NOT_A_WORKER UINT32_MAX

/* In slot.to, instead of an actor's number. */
enum control {
	CONTROL_FLUSH = INT32_MAX - 3, /* everything before this has been sent; say so too */
	CONTROL_FLUSHED,
	CONTROL_GONE, /* the actors of the round have stopped; answer yourself what they were asked */
	CONTROL_SEEN,
};

/* The word of an actor, which everybody reads: generation << 32 | worker << 8 | state. */
enum actor_state {
	ACTOR_FREE = 0,
	ACTOR_OPEN,
	ACTOR_CLOSED, /* accepts nothing more */
	ACTOR_GUEST,
};

struct actor {
	alignas(LINE_BYTES) _Atomic uint64_t word;
	uint32_t number;
	/* Written while it is free, under the crew's mutex. */
	crew_handle *handle;
	void *state;
	struct crew_guest *guest;
	struct actor *next; /* free, or to be started */
	/* The owner's. */
	alignas(LINE_BYTES) struct actor *refused_next;
	bool started, refused;
	_Atomic bool leaving;                       /* it has handled CREW_STOP */
	uint32_t asked;                             /* its open questions */
	struct actor *stop_next;                    /* whoever closed it, then the owner */
	alignas(LINE_BYTES) _Atomic uint32_t posts; /* threads that are just about to send to it */
};

/* Questions that wait for an answer, of one worker to another or of one guest. */
struct ask {
	struct actor *asker, *asked;
	uint16_t generation;
	uint16_t next_free;
	bool answered; /* of a guest: the answer is in its mailbox */
};

struct asks {
	struct ask *entries;
	uint32_t open;
	uint16_t first_free;
};

#define ASKS_MAX 1024u

/* A round takes actors away. It tells all workers, twice: to flush what they have sent to them, and that they are gone. */
enum round_step { ROUND_NONE, ROUND_FLUSHING, ROUND_DRAINING, ROUND_LEAVING };

struct round {
	enum round_step step;
	struct actor *actors;
	uint32_t awaited;     /* workers that have not replied */
	uint32_t outside_end; /* where the queue from outside has to be */
};

struct crew_context {
	struct worker *worker;
	struct actor *actor;
	bool bracket;
};

struct worker {
	struct crew *crew; /* others read this too, so nothing that changes stands beside it */
	uint32_t number;
	/* The worker's own. */
	alignas(LINE_BYTES) struct crew_context context;
	struct workspace_agent *agent;
	struct asks *asks; /* by the worker that is asked; last, all guests */
	struct actor *refused;
	struct actor *closing; /* for the next round */
	struct round round;
	struct row *rows_out, *rows_in; /* rows_out[to], rows_in[from * workers] */
	pthread_t thread;
	/* Written by the worker, read by who measures. */
	alignas(LINE_BYTES) _Atomic uint64_t sent;
	_Atomic uint64_t handled;
	_Atomic uint64_t refusals, sleeps, wakes;
	/* Written by others. */
	alignas(LINE_BYTES) _Atomic uint32_t asleep;      /* a futex */
	alignas(LINE_BYTES) _Atomic uint64_t room_wanted; /* by these workers, in rows to this one */
	_Atomic uint32_t room_given;
	_Atomic(struct actor *) starting;
	_Atomic(struct actor *) stopping;
	_Atomic uint32_t ending;
	struct queue outside;
};

struct crew_guest {
	struct crew *crew;
	struct actor *actor;
	struct crew_guest *next;
	int fd;
	uint32_t spare;        /* slots for answers */
	pthread_mutex_t mutex; /* of `asks`, which a worker looks at when actors are gone */
	struct asks asks;
	struct queue mailbox;
	_Atomic uint32_t signalled;
	_Atomic uint32_t refused;     /* it wants to hear of room */
	_Atomic uint32_t room;        /* it is to hear of room */
	_Atomic uint64_t room_wanted; /* in the mailbox */
};

struct crew {
	uint32_t worker_count;
	uint32_t actors_max;
	uint32_t row_spare; /* slots that ordinary messages leave free */
	uint32_t asks_max;  /* of one worker to another */
	uint64_t spin_ns;
	bool fenced;
	struct worker *workers;
	struct row *rows;   /* [from * worker_count + to] */
	size_t slots_bytes; /* of the mapping that holds the slots of all rows */
	struct actor *actors;
	pthread_mutex_t mutex; /* of what follows, down to `closing` */
	struct actor *free;
	struct crew_guest *guests;
	uint32_t actor_count; /* without guests */
	uint32_t *load;       /* actors of each worker */
	bool closing;
	_Atomic uint64_t posted;   /* as worker.sent, from outside */
	_Atomic uint64_t unposted; /* as worker.handled: what was refused after it was counted */
	_Atomic uint32_t gone;     /* a futex: rounds that have ended */
	_Atomic uint32_t idle;     /* a futex: a worker sleeps while somebody waits for quiet */
	_Atomic uint32_t quiet_waiting;
};

/* ---- actors and their words ---- */

static inline uint64_t actor_word(uint32_t generation, uint32_t worker, enum actor_state state)
{
	return (uint64_t)generation << 32 | (uint64_t)worker << 8 | state;
}

static inline uint32_t word_worker(uint64_t word)
{
	return word >> 8 & 0xffff;
}

static inline enum actor_state word_state(uint64_t word)
{
	return word & 0xff;
}

static inline struct crew_address actor_address(const struct actor *actor)
{
	return (struct crew_address){actor->number, (uint32_t)(atomic_load_explicit(&actor->word, memory_order_relaxed) >> 32)};
}

/* NULL if there is no such actor or guest that accepts messages. */
struct actor *crew_actor_open(struct crew *crew, struct crew_address address, uint64_t *out_word);

static inline void count_one(_Atomic uint64_t *counter) /* of one writer */
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_release);
}

/* ---- the whole of it ---- */

void crew_threads_end(struct crew *crew, uint32_t count); /* the first so many workers */
void crew_free(struct crew *crew);

/* ---- waking ---- */

void crew_futex_wait(_Atomic uint32_t *word, uint32_t while_it_is);
void crew_futex_wake(_Atomic uint32_t *word); /* all */

/* Whether the kernel can make a barrier in all threads of this process. */
bool crew_membarrier_register(void);

/* After something was put where the worker looks. `waker`: the worker that does it, or NULL. */
void worker_nudge(struct worker *worker, struct worker *waker);

/* Sleep, unless there is something to do. */
void worker_sleep(struct worker *worker);

/* For those that wait for quiet: something has come to its end. */
void crew_say_idle(struct crew *crew);

/* There may be room for these workers (and guests). */
void crew_give_room(struct crew *crew, uint64_t who);

/* ---- a worker's loop ---- */

void *worker_run(void *worker);
void worker_call(struct worker *worker, struct actor *actor, const struct crew_message *message);

/* A question is no longer open, and somebody may have waited to ask another. */
void worker_end_ask(struct worker *worker, struct asks *asks, struct ask *ask);

/* Everything that is in the queue from outside now. */
void worker_outside_all(struct worker *worker);

/* ---- rounds ---- */

void worker_control(struct worker *worker, uint32_t from, uint32_t control);
unsigned worker_round(struct worker *worker); /* how much it did */
bool worker_round_ready(const struct worker *worker);

/* ---- questions ---- */

MUST_CHECK int asks_init(struct asks *asks, uint32_t max);
void asks_release(struct asks *asks);

/* ERR_OVERLOADED if all are open. */
MUST_CHECK int asks_take(struct asks *asks, uint32_t max, uint32_t worker, struct actor *asker, struct actor *asked,
			 uint32_t *out_question);
struct ask *asks_find(struct asks *asks, uint32_t max, uint32_t question); /* NULL: it is not open */
void asks_end(struct asks *asks, struct ask *ask);
uint32_t asks_question(const struct asks *asks, const struct ask *ask, uint32_t worker);
uint32_t question_worker(uint32_t question);

/* ---- guests ---- */

/* A message to a guest. If its mailbox is full, those in `who` hear of room. */
MUST_CHECK int guest_put(struct crew *crew, struct crew_address to, const struct crew_message *message, uint64_t who);
void guests_give_room(struct crew *crew);
void guests_unanswered(struct crew *crew); /* what they have asked actors that are gone */

/* A free actor, with crew->mutex held; and one that nobody sends to any more. NULL if there is none. */
struct actor *crew_actor_take(struct crew *crew);
void crew_actor_give(struct crew *crew, struct actor *actor);

/* A closed actor is to go, by a round of this worker. */
void crew_stop_push(struct crew *crew, struct actor *actor, uint32_t worker);

#endif
