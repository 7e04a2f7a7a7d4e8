/* SPDX-License-Identifier: MIT
 *
 * The socket under a link: a DEALER with CURVE, and what libzmq tells about its one connection.
 */
#ifndef ACTORS_DEALER_H
#define ACTORS_DEALER_H

#include "actors/keys.h"
#include "actors/state.h"

struct dealer {
	void *zmq;
	void *socket;  /* NULL while it is closed */
	void *monitor; /* becomes readable when dealer_next has something to say */
};

enum dealer_event {
	DEALER_NOTHING,
	DEALER_CONNECTED,    /* keys were exchanged; from here on messages arrive */
	DEALER_DISCONNECTED, /* what was on its way is lost; libzmq connects again by itself */
	DEALER_REFUSED,      /* the other side does not know this key */
};

MUST_CHECK int dealer_init(struct dealer *dealer); /* 0 or ERR_SYSTEM */
void dealer_release(struct dealer *dealer);        /* after dealer_close; waits for its linger */

/* Connects, without waiting for it. Frames queue up only for a connection that stands. 0 or ERR_SYSTEM, and then it is closed. */
MUST_CHECK int dealer_open(struct dealer *dealer, const struct keypair *keys, const char omega_key[KEY_TEXT_BYTES],
			   const char *endpoint);
/* The same to a process of this user, without keys; frames of up to `frame_max` bytes are taken. */
MUST_CHECK int dealer_open_local(struct dealer *dealer, const char *endpoint, int64_t frame_max);
void dealer_close(struct dealer *dealer, int linger_ms);

enum dealer_event dealer_next(struct dealer *dealer);

#endif
