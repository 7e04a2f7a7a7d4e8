/* SPDX-License-Identifier: MIT */
#include "actors/dealer.h"

#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "actors/zap.h"

#define PING_MS 1000u /* of ZMTP itself: a dead connection is noticed also when nobody speaks */

int dealer_init(struct dealer *dealer)
{
	*dealer = (struct dealer){.zmq = zmq_ctx_new()};
	return dealer->zmq ? 0 : ERR_SYSTEM;
}

void dealer_release(struct dealer *dealer)
{
	zmq_ctx_term(dealer->zmq);
	dealer->zmq = NULL;
}

static int set_int(void *socket, int option, int value)
{
	return zmq_setsockopt(socket, option, &value, sizeof(value));
}

/* Without keys among processes of one user only, at a socket in a folder that nobody else can enter. */
static int configure(void *socket, const struct keypair *keys, const char *omega_key)
{
	int rc = socket_limit(socket, PING_MS);

	if (!rc && keys)
		rc = socket_secure_client(socket, keys, omega_key);
	if (rc)
		return rc;
	rc |= set_int(socket, ZMQ_LINGER, 0);
	rc |= set_int(socket, ZMQ_IMMEDIATE, 1);
	rc |= set_int(socket, ZMQ_RECONNECT_IVL, 20);
	rc |= set_int(socket, ZMQ_RECONNECT_IVL_MAX, 1000);
	rc |= set_int(socket, ZMQ_HANDSHAKE_IVL, 5000); /* a busy machine; the server is stricter */
	return rc ? ERR_SYSTEM : 0;
}

static int watch(struct dealer *dealer)
{
	char address[64];

	snprintf(address, sizeof(address), "inproc://monitor-%p", (void *)dealer);
	if (zmq_socket_monitor(dealer->socket, address,
			       ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED))
		return ERR_SYSTEM;
	dealer->monitor = zmq_socket(dealer->zmq, ZMQ_PAIR);
	return dealer->monitor && zmq_connect(dealer->monitor, address) == 0 ? 0 : ERR_SYSTEM;
}

static int open_dealer(struct dealer *dealer, const struct keypair *keys, const char *omega_key, int64_t frame_max,
		       const char *endpoint)
{
	int rc = ERR_SYSTEM;

	dealer->socket = zmq_socket(dealer->zmq, ZMQ_DEALER);
	if (dealer->socket)
		rc = configure(dealer->socket, keys, omega_key);
	if (!rc && frame_max && zmq_setsockopt(dealer->socket, ZMQ_MAXMSGSIZE, &frame_max, sizeof(frame_max)))
		rc = ERR_SYSTEM;
	if (!rc)
		rc = watch(dealer);
	if (!rc && zmq_connect(dealer->socket, endpoint))
		rc = ERR_SYSTEM;
	if (rc)
		dealer_close(dealer, 0);
	return rc;
}

int dealer_open(struct dealer *dealer, const struct keypair *keys, const char omega_key[KEY_TEXT_BYTES], const char *endpoint)
{
	return open_dealer(dealer, keys, omega_key, 0, endpoint);
}

int dealer_open_local(struct dealer *dealer, const char *endpoint, int64_t frame_max)
{
	return open_dealer(dealer, NULL, NULL, frame_max, endpoint);
}

void dealer_close(struct dealer *dealer, int linger_ms)
{
	if (dealer->socket) {
		set_int(dealer->socket, ZMQ_LINGER, linger_ms);
		zmq_socket_monitor(dealer->socket, NULL, 0);
		zmq_close(dealer->socket);
	}
	if (dealer->monitor) {
		set_int(dealer->monitor, ZMQ_LINGER, 0);
		zmq_close(dealer->monitor);
	}
	dealer->socket = NULL;
	dealer->monitor = NULL;
}

/* An event is two frames: a number (16 bit event, 32 bit value) and an address (zmq_socket_monitor(3)). */
enum dealer_event dealer_next(struct dealer *dealer)
{
	uint8_t head[6];
	char address[ENDPOINT_TEXT_BYTES];
	uint16_t event;

	if (!dealer->monitor || zmq_recv(dealer->monitor, head, sizeof(head), ZMQ_DONTWAIT) < (int)sizeof(head))
		return DEALER_NOTHING;
	memcpy(&event, head, sizeof(event));
	zmq_recv(dealer->monitor, address, sizeof(address), ZMQ_DONTWAIT);
	switch (event) {
	case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
		return DEALER_CONNECTED;
	case ZMQ_EVENT_DISCONNECTED:
		return DEALER_DISCONNECTED;
	default:
		return DEALER_REFUSED;
	}
}
