/* SPDX-License-Identifier: MIT
 *
 * Authentication of connections (ZeroMQ RFC 27, ZAP) and how every socket of the product is set up.
 *
 * Only CURVE with a registered key gets in. The handler gives each connection the peer's public key (40 characters of Z85) as
 * its User-Id; the receiver finds name and rights by it with peers_find, for each message, so that a removed peer is mute at
 * once. A message without User-Id is to be dropped and counted.
 *
 * It fails closed: sockets made by socket_secure_server demand an answer from a handler, so when there is none, or its thread hangs,
 * nobody gets in.
 */
#ifndef ACTORS_ZAP_H
#define ACTORS_ZAP_H

#include <stdint.h>

#include "actors/keys.h"

#define ZAP_DOMAIN "omega"

struct zap;

struct zap_counts {
	uint64_t accepted;
	uint64_t unknown_key;
	uint64_t mechanism; /* not CURVE */
	uint64_t malformed; /* not RFC 27, or another domain */
};

/* Binds inproc://zeromq.zap.01 in `context` and starts the handler's thread. Call it before any bind of a secure socket. The peers are
 * borrowed until zap_stop. 0; ERR_STATE (the context has a handler), ERR_SYSTEM. */
MUST_CHECK int zap_start(void *context, struct peers *peers, struct zap **out_zap);

/* Ends and joins the thread; connections that stand stay. Takes NULL. */
void zap_stop(struct zap *zap);

void zap_count(const struct zap *zap, struct zap_counts *out_counts);

/* ---- sockets; call these before bind or connect; errors are ERR_SYSTEM with errno ---- */

/* CURVE server with ZAP enforced. ERR_SYSTEM also when this libzmq cannot enforce: then do not bind. */
MUST_CHECK int socket_secure_server(void *socket, const struct keypair *keys);

MUST_CHECK int socket_secure_client(void *socket, const struct keypair *keys, const char omega_public[KEY_TEXT_BYTES]);

/* Limits and timing that every socket has, and what its type (ROUTER, DEALER) needs besides. `heartbeat_ms` is ZMTP's own ping; the
 * connection is given up after three. 0: none. */
MUST_CHECK int socket_limit(void *socket, uint32_t heartbeat_ms);

/* Binds; tells the endpoint as others must connect to it (the port that the system chose). An ipc socket left behind by a dead process is
 * replaced. 0; ERR_LOCKED (somebody listens there), ERR_CONFIG, ERR_SYSTEM; with a sentence. */
MUST_CHECK int socket_listen(void *socket, const char *endpoint, char out_endpoint[ENDPOINT_TEXT_BYTES],
			     char out_sentence[SENTENCE_BYTES]);

/* Raises the soft limit of open files to at least `wanted`, as far as the hard limit goes; returns what it is now. */
uint64_t files_limit_raise(uint64_t wanted);

#endif
