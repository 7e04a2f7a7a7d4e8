/* SPDX-License-Identifier: MIT
 *
 * Actors of one process: worker threads, and actors placed on them, that own their state and hear one message at a time.
 *
 *     crew_open(&options, &crew, sentence)
 *       crew_start(crew, &actor, &address)                 on a worker; its first message is CREW_START
 *         handle(context, state, message)                  on that worker's thread, always
 *           crew_send(context, to, &message)
 *       crew_stop(crew, address)                           its last message is CREW_STOP
 *     crew_close(crew)
 *
 * A message is 40 bytes of the sender's choice, by value. Whatever is larger travels as a pointer, and has one owner: when a function that
 * sends has returned 0 it is the receiver's, after any error it is still the sender's. Objects of a workspace belong to the workspace;
 * a message names them by id, since a pointer is only good until the sender's bracket ends.
 *
 * What one actor sends to another arrives in that order, and once. Accepted means handled: a message that a function took with 0 reaches
 * the actor, also if that is stopped meanwhile. Between workers there is one row of messages for each pair and direction, so that nothing
 * is shared by more than two threads; within a worker a message is handed on without a locked instruction. A worker that finds nothing looks
 * for a while (`spin_us`) and then sleeps. A message that finds its worker looking is there in about 0.2 us; waking it costs 17 to 25 us,
 * and no library can spare anybody that.
 *
 * Room. Rows have a fixed length, and nobody ever waits for room: a sender is told ERR_OVERLOADED at once, keeps what it wanted to send, goes on
 * hearing its other messages, and hears CREW_ROOM when it is worth trying again. So each actor goes on emptying its row whatever the
 * others do, and no circle of full mailboxes can stand still. (Where full mailboxes stop their senders, two actors that flood each
 * other wait forever; where that is prevented by exceptions, mailboxes have no bound.) An answer is never refused for want of room: asking
 * has set it aside. A row is shared by the actors of its two workers, so one that floods it makes its neighbours hear ERR_OVERLOADED too.
 *
 * Threads that are no workers, and czmq's actors, post without being anybody (crew_post), or join as a guest with an address and a
 * mailbox whose file descriptor a zloop, zpoller or poll(2) can watch.
 *
 * Functions with a context may only be called by the actor that is being called, on its thread. None blocks unless it says so.
 */
#ifndef WORKSPACE_CREW_CREW_H
#define WORKSPACE_CREW_CREW_H

#include "workspace/workspace.h"

#define CREW_BODY_BYTES  40u
#define CREW_WORKERS_MAX 62u
#define CREW_ANYWHERE    UINT32_MAX /* the worker with the fewest actors */
#define CREW_NO_SPIN     UINT32_MAX

struct crew;
struct crew_context;
struct crew_guest;

/* Of an actor or a guest; never given to another. Zeros are nobody. */
struct crew_address {
	uint32_t number;
	uint32_t generation;
};

/* What a message is. The sender's functions set it, and `from` and `question` too. */
enum crew_role {
	CREW_TELL = 0,
	CREW_QUESTION,   /* whoever sent it waits for a crew_answer */
	CREW_ANSWER,     /* `question` is the number that crew_ask gave */
	CREW_UNANSWERED, /* so is this: the one asked has stopped without an answer; without a body */
	CREW_ROOM,       /* something was refused with ERR_OVERLOADED, and there is room again: perhaps there, perhaps enough */
	CREW_START,
	CREW_STOP, /* the last: nothing comes after it, and `state` is the actor's to free */
};

union crew_body {
	uint8_t bytes[CREW_BODY_BYTES];
	uint64_t words[CREW_BODY_BYTES / 8];
	void *pointer;
	struct oid id;
};

struct crew_message {
	struct crew_address from; /* nobody: crew_post, or the crew itself */
	uint32_t question;
	uint16_t kind; /* free for users */
	uint16_t role;
	union crew_body body;
};

/* Handle one message; borrowed until the call returns. It should not block: all actors of this worker wait for it. */
typedef void crew_handle(struct crew_context *context, void *state, const struct crew_message *message);

/* Zeros are a good choice. */
struct crew_options {
	struct workspace *workspace; /* each worker joins it; NULL: none */
	uint32_t workers;            /* 0: one for each processor that the process may use */
	bool pin;                    /* bind worker i to the i-th of those processors */
	uint32_t spin_us;    /* before a worker sleeps; 0: 50, or CREW_NO_SPIN if there are fewer processors than workers */
	uint32_t actors_max; /* with guests; 0: 4,096 */
	uint32_t row_max;    /* messages in each row, a power of two from 16 to 4,096; 0: 1,024. A quarter is for answers */
	bool fenced;         /* do not use membarrier(2): for tests, and implied where the kernel has none */
};

/* Start the workers. `out_sentence` says what is wrong: ERR_USAGE (options), ERR_MEMORY, ERR_SYSTEM, or why a worker could not join the
 * workspace. */
MUST_CHECK int crew_open(const struct crew_options *options, struct crew **out_crew, char out_sentence[WORKSPACE_SENTENCE_BYTES]);

/* Stop all actors at once, wait until each has handled what it had accepted, and end the workers. What actors then try to send each other is
 * refused with ERR_NOT_FOUND; crew_quiet before it lets them finish. Guests have left. Blocks; not from an actor. NULL is fine. */
void crew_close(struct crew *crew);

/* Wait until no message is under way and nobody waits for room. Blocks; not from an actor. Actors that never fall silent make it wait
 * forever; what others post meanwhile is waited for too. */
void crew_quiet(struct crew *crew);

uint32_t crew_workers(const struct crew *crew);

struct crew_figures {
	uint64_t sent; /* messages accepted by actors, of the crew itself too; equals `handled` when it is quiet */
	uint64_t handled;
	uint64_t refused;
	uint64_t sleeps;
	uint64_t wakes; /* that a sender had to pay for */
	uint32_t actors;
};
void crew_measure(struct crew *crew, struct crew_figures *out_figures);

/* ---- actors ---- */

struct crew_actor {
	crew_handle *handle;
	void *state;     /* passed to `handle`, touched by nobody else */
	uint32_t worker; /* from 0, or CREW_ANYWHERE */
};

/* From any thread. 0; ERR_FULL (actors_max), ERR_STATE (crew_close has begun), ERR_NOT_FOUND (no such worker), and then `state` is the caller's. */
MUST_CHECK int crew_start(struct crew *crew, const struct crew_actor *actor, struct crew_address *out_address);

/* From any thread, an actor may also stop itself. From here on it accepts nothing more; it handles what it has accepted and then CREW_STOP.
 * Questions that it owes an answer are answered with CREW_UNANSWERED; answers to its own are refused. ERR_NOT_FOUND if it was stopped already. */
int crew_stop(struct crew *crew, struct crew_address address);

/* Wait until a stopped actor has handled CREW_STOP. Blocks; not from an actor. */
void crew_wait(struct crew *crew, struct crew_address address);

struct crew_address crew_self(const struct crew_context *context);
struct crew *crew_of(const struct crew_context *context);
uint32_t crew_worker(const struct crew_context *context);

/* The agent that the actors of this worker share, NULL without a workspace. The first call while a message is handled opens a bracket, which
 * is closed when `handle` returns. */
struct workspace_agent *crew_agent(struct crew_context *context);

/* `kind` and `body` are read from the message. ERR_OVERLOADED: no room, and CREW_ROOM will come. ERR_NOT_FOUND: it has stopped. */
MUST_CHECK int crew_send(struct crew_context *context, struct crew_address to, const struct crew_message *message);

/* The same, for an answer: exactly one CREW_ANSWER or CREW_UNANSWERED with `*out_question` will come, unless the asker is stopped before. Also
 * ERR_OVERLOADED if too many questions are open between the two workers. */
MUST_CHECK int crew_ask(struct crew_context *context, struct crew_address to, const struct crew_message *message,
			uint32_t *out_question);

/* Answer `question`, a CREW_QUESTION or a copy kept of one; once, and only by the actor that was asked, now or later. ERR_NOT_FOUND: the asker
 * has stopped. ERR_STATE: it is no question that this worker was asked. */
MUST_CHECK int crew_answer(struct crew_context *context, const struct crew_message *question, const struct crew_message *answer);

/* ---- others ---- */

/* From any thread, as nobody: it gets no answer, and is not told when there is room. ERR_OVERLOADED, ERR_NOT_FOUND. */
MUST_CHECK int crew_post(struct crew *crew, struct crew_address to, const struct crew_message *message);

/* Join with a mailbox for `mailbox_max` messages (a power of two from 16 to 65,536; 0: 1,024), a quarter for answers. A guest belongs to one
 * thread at a time. ERR_FULL, ERR_STATE, ERR_USAGE, ERR_MEMORY, ERR_SYSTEM. */
MUST_CHECK int crew_join(struct crew *crew, uint32_t mailbox_max, struct crew_guest **out_guest);

/* Accept nothing more; what was accepted can still be received. */
void crew_part(struct crew_guest *guest);

/* Part, and free. Messages that were not received are dropped with whatever they point to. May wait for a sender that is just sending.
 * NULL is fine. */
void crew_leave(struct crew_guest *guest);

struct crew_address crew_guest_address(const struct crew_guest *guest);

/* Readable (POLLIN) while there may be messages; never read from it, receive until ERR_NOT_FOUND before you wait on it again. */
int crew_guest_fd(const struct crew_guest *guest);

/* The next message. ERR_NOT_FOUND if there is none. */
MUST_CHECK int crew_guest_receive(struct crew_guest *guest, struct crew_message *out_message);

/* As crew_send, crew_ask and crew_answer. */
MUST_CHECK int crew_guest_send(struct crew_guest *guest, struct crew_address to, const struct crew_message *message);
MUST_CHECK int crew_guest_ask(struct crew_guest *guest, struct crew_address to, const struct crew_message *message,
			      uint32_t *out_question);
MUST_CHECK int crew_guest_answer(struct crew_guest *guest, const struct crew_message *question,
				 const struct crew_message *answer);

#endif
