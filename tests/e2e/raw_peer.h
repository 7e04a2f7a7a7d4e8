/* SPDX-License-Identifier: MIT
 *
 * A peer that says whatever a test wants: one DEALER socket, no manners.
 */
#ifndef TESTS_E2E_RAW_PEER_H
#define TESTS_E2E_RAW_PEER_H

#include "protocol/codec.h"
#include "tests/e2e/network.h"

struct raw_peer {
	void *zmq;
	void *socket;
	char name[NAME_BYTES];
	uint64_t seq;
	struct id epoch;
	struct buffer frame;
	/* What arrived and was not asked for yet. */
	uint8_t *in;
	size_t in_bytes;
	size_t in_at;
};

/* Connects with the key `key` of the state folder; NULL: one that nobody has registered. */
void raw_open(struct raw_peer *peer, const struct network *network, const char *key);
void raw_close(struct raw_peer *peer);
void raw_send(struct raw_peer *peer, const void *at, size_t bytes);
/* Sends one message, with the next number unless it has one. */
void raw_say(struct raw_peer *peer, struct message *message);
void raw_hello(struct raw_peer *peer, const char *role, const char *name, uint32_t slots);
/* The next message of this type within `wait_ms`; others are skipped. Its payload is decoded. False: none came. */
bool raw_hear(struct raw_peer *peer, enum message_type type, uint32_t wait_ms, struct message *out_message);

#endif
