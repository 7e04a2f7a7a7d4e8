/* SPDX-License-Identifier: MIT
 *
 * A peer's end of its connection to Omega: one DEALER socket with CURVE, joined by Hello and Welcome, joined again after every
 * interruption. Clients and clones are built on it.
 *
 * What is said with `keep` stays here until Omega says that it is durable, and is sent again, in order and with the same message
 * id, after every new Welcome. What belongs together leaves in one frame, and each frame ends with a Heartbeat that
 * acknowledges what has been processed. One thread owns a link; only link_wait blocks.
 */
#ifndef ACTORS_LINK_H
#define ACTORS_LINK_H

#include <zmq.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/keys.h"
#include "actors/state.h"
#include "protocol/message.h"

#define LINK_RETRY_MS     100u  /* first wait before saying Hello again; doubles up to */
#define LINK_RETRY_MAX_MS 2000u /* this */
#define LINK_SILENCE      6u    /* heartbeats of Omega that may be missing before the connection is made anew */

struct link;

struct link_options {
	struct state_folder state; /* its run/endpoint says where Omega listens; read again at each connection */
	struct keypair keys;
	char omega_key[KEY_TEXT_BYTES];
	char peer[NAME_BYTES]; /* the name to ask for */
	char role[ROLE_BYTES];
	const char *task_types; /* borrowed for the life of the link */
	uint32_t slots;
	void *context;
	/* Every message but Welcome and Heartbeat; its payload is not decoded yet. */
	void (*receive)(void *context, struct message *message);
	/* Fills the peer's side of a Heartbeat; may be NULL. */
	void (*pulse)(void *context, struct heartbeat *heartbeat);
	/* Appends live attempts, LIVE_ENTRY_BYTES each, to `out`; returns the bytes. May be NULL. */
	size_t (*live)(void *context, uint8_t *out, size_t capacity);
	/* Taken in (after each Welcome, before what is kept is sent again), or no longer. May be NULL. */
	void (*joined)(void *context, bool joined);
};

/* Copies the options. 0, ERR_MEMORY or ERR_SYSTEM. Connects when it is first worked. */
MUST_CHECK int link_new(const struct link_options *options, struct link **out_link);
/* Gives everything back, after what is queued for an open connection had `linger_ms` to leave. Takes NULL. */
void link_free(struct link *link, int linger_ms);

/* Queues a message: message_id (if nil), sender, recipient, sent_at and sequence number are filled in. Without `keep` it is dropped
 * when no connection stands. 0, ERR_MEMORY, ERR_TOO_LARGE. */
MUST_CHECK int link_say(struct link *link, struct message *message, bool keep);

/* The same for what carries no sequence number and is never recorded: pieces of artefacts. */
MUST_CHECK int link_say_loose(struct link *link, struct message *message);

/* Takes what has arrived (calling `receive`), keeps the connection alive, sends what is queued. Returns the number of
 * messages taken; or the negative of the code with which Omega refused the Hello for good. Never blocks. */
int link_work(struct link *link);

/* Sends what is queued now, as far as the connection takes it. */
void link_flush(struct link *link);

/* Waits until there is work, one of `items` is ready, or `wait_ms` have passed. `items` must leave room for two more behind `count`. */
int link_wait(struct link *link, zmq_pollitem_t *items, int count, uint64_t wait_ms);

bool link_joined(const struct link *link);
const char *link_peer(const struct link *link); /* the name granted */
size_t link_queued(const struct link *link);    /* kept and not yet durable, or not yet sent */
/* True while a message that was said with `keep` is not known to be durable. Looks through all that is kept. */
bool link_holds(const struct link *link, const struct id *message_id);
uint32_t link_heartbeat_ms(const struct link *link);

#endif
