/* SPDX-License-Identifier: MIT */
#include "tests/e2e/raw_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include <cmocka.h>

#include "actors/fresh.h"
#include "actors/zap.h"
#include "protocol/validate.h"

void raw_open(struct raw_peer *peer, const struct network *network, const char *key)
{
	struct state_folder state;
	struct keypair keys;
	char omega[KEY_TEXT_BYTES];
	char endpoint[ENDPOINT_TEXT_BYTES];
	char why[SENTENCE_BYTES];

	memset(peer, 0, sizeof(*peer));
	assert_int_equal(state_open_existing(network->state, &state, why), 0);
	if (key)
		assert_int_equal(keypair_read(&state, key, &keys, why), 0);
	else
		assert_int_equal(zmq_curve_keypair(keys.public_key, keys.secret_key), 0);
	assert_int_equal(key_of_omega(&state, omega, why), 0);
	assert_int_equal(state_endpoint_read(&state, endpoint, why), 0);
	peer->zmq = zmq_ctx_new();
	peer->socket = zmq_socket(peer->zmq, ZMQ_DEALER);
	assert_int_equal(socket_secure_client(peer->socket, &keys, omega), 0);
	assert_int_equal(zmq_setsockopt(peer->socket, ZMQ_LINGER, &(int){0}, sizeof(int)), 0);
	assert_int_equal(zmq_connect(peer->socket, endpoint), 0);
}

void raw_close(struct raw_peer *peer)
{
	zmq_close(peer->socket);
	zmq_ctx_term(peer->zmq);
	buffer_release(&peer->frame);
	free(peer->in);
}

void raw_send(struct raw_peer *peer, const void *at, size_t bytes)
{
	assert_true(zmq_send(peer->socket, at, bytes, 0) >= 0);
}

void raw_say(struct raw_peer *peer, struct message *message)
{
	if (!message->header.sender[0])
		memcpy(message->header.sender, peer->name, NAME_BYTES);
	snprintf(message->header.recipient, NAME_BYTES, "omega");
	if (!message->header.sender_seq)
		message->header.sender_seq = ++peer->seq;
	if (id_is_nil(&message->header.message_id))
		message->header.message_id = id_fresh();
	peer->frame.bytes = 0;
	assert_int_equal(message_encode(message, &peer->frame), 0);
	raw_send(peer, peer->frame.at, peer->frame.bytes);
}

void raw_hello(struct raw_peer *peer, const char *role, const char *name, uint32_t slots)
{
	struct message hello = {.type = MESSAGE_HELLO};

	peer->seq = 0;
	peer->epoch = id_random();
	snprintf(peer->name, NAME_BYTES, "%s", name);
	hello.hello.role = (struct text){role, (uint32_t)strlen(role)};
	hello.hello.peer = (struct text){name, (uint32_t)strlen(name)};
	hello.hello.epoch = peer->epoch;
	hello.hello.slots = slots;
	hello.hello.version_min = 1;
	hello.hello.version_max = 1;
	raw_say(peer, &hello);
}

static bool receive(struct raw_peer *peer, uint32_t wait_ms)
{
	zmq_pollitem_t item = {.socket = peer->socket, .events = ZMQ_POLLIN};
	zmq_msg_t frame;

	if (zmq_poll(&item, 1, (long)wait_ms) <= 0)
		return false;
	zmq_msg_init(&frame);
	assert_true(zmq_msg_recv(&frame, peer->socket, 0) >= 0);
	free(peer->in);
	peer->in_bytes = zmq_msg_size(&frame);
	peer->in = malloc(peer->in_bytes + 1);
	assert_non_null(peer->in);
	memcpy(peer->in, zmq_msg_data(&frame), peer->in_bytes);
	peer->in_at = 0;
	zmq_msg_close(&frame);
	return true;
}

bool raw_hear(struct raw_peer *peer, enum message_type type, uint32_t wait_ms, struct message *out_message)
{
	uint64_t end = boottime_now_ms() + wait_ms;

	for (;;) {
		struct parts parts;
		uint64_t now = boottime_now_ms();

		if (peer->in_at == peer->in_bytes) {
			if (now > end || !receive(peer, (uint32_t)(end - now)))
				return false;
		}
		assert_int_equal(validate_message(peer->in + peer->in_at, peer->in_bytes - peer->in_at, &parts), 0);
		peer->in_at += parts.whole.bytes;
		assert_int_equal(message_decode(&parts, out_message), 0);
		assert_int_equal(message_decode_payload(out_message), 0);
		if (out_message->type == type)
			return true;
	}
}
