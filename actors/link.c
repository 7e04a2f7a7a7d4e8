/* SPDX-License-Identifier: MIT */
#include "actors/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/dealer.h"
#include "actors/fresh.h"
#include "actors/spool.h"
#include "protocol/codec.h"
#include "protocol/validate.h"
#include "routing/omega.h"

#define RECEIVE_FRAMES_MAX   64 /* taken before the rest of the work gets its turn */
#define LIVE_BYTES_MAX       (SLOTS_MAX * LIVE_ENTRY_BYTES)
#define HEARTBEAT_DEFAULT_MS 1000u

enum phase {
	PHASE_DOWN,       /* no socket */
	PHASE_CONNECTING, /* libzmq tries, and tries again */
	PHASE_GREETING,   /* Hello is on its way */
	PHASE_JOINED,
};

struct link {
	struct link_options options;
	struct dealer dealer;
	enum phase phase;
	bool ever_joined;
	bool stuck; /* the socket took no more */
	int fatal;
	char endpoint[ENDPOINT_TEXT_BYTES];
	char peer[NAME_BYTES];
	struct id epoch;
	struct id hello_id;
	uint64_t seen; /* Omega's last sequence number of this connection */
	uint64_t heard_ms;
	uint64_t said_ms;
	uint64_t next_ms; /* of the next try, in DOWN, CONNECTING and GREETING */
	uint64_t retry_ms;
	uint64_t stalled_seq; /* oldest message that is not durable, */
	uint64_t stalled_ms;  /* and since when it is the oldest */
	uint32_t heartbeat_ms;
	struct spool spool;
	struct buffer frame;
};

static bool endpoint_read(const struct link *link, char out_endpoint[ENDPOINT_TEXT_BYTES])
{
	char sentence[SENTENCE_BYTES];

	return state_endpoint_read(&link->options.state, out_endpoint, sentence) == 0;
}

/* ---- phases ---- */

static void leave_joined(struct link *link, enum phase phase)
{
	bool was = link->phase == PHASE_JOINED;

	link->phase = phase;
	link->stuck = false;
	if (was) {
		spool_rewind(&link->spool);
		link->retry_ms = LINK_RETRY_MS;
		if (link->options.joined)
			link->options.joined(link->options.context, false);
	}
}

static void back_off(struct link *link, uint64_t now)
{
	link->next_ms = now + link->retry_ms;
	link->retry_ms = link->retry_ms * 2 > LINK_RETRY_MAX_MS ? LINK_RETRY_MAX_MS : link->retry_ms * 2;
}

static void go_down(struct link *link, uint64_t now)
{
	dealer_close(&link->dealer, 0);
	leave_joined(link, PHASE_DOWN);
	back_off(link, now);
}

static void try_connect(struct link *link, uint64_t now)
{
	if (!endpoint_read(link, link->endpoint) ||
	    dealer_open(&link->dealer, &link->options.keys, link->options.omega_key, link->endpoint)) {
		back_off(link, now);
		return;
	}
	link->phase = PHASE_CONNECTING;
	link->next_ms = now + LINK_RETRY_MAX_MS;
}

/* Omega may have come back at another address. */
static void check_endpoint(struct link *link, uint64_t now)
{
	char endpoint[ENDPOINT_TEXT_BYTES];

	link->next_ms = now + LINK_RETRY_MAX_MS;
	if (!endpoint_read(link, endpoint) || strcmp(endpoint, link->endpoint) == 0)
		return;
	dealer_close(&link->dealer, 0);
	link->phase = PHASE_DOWN;
	link->next_ms = now;
}

/* Sends link->frame. False: the socket takes nothing now. */
static bool frame_send(struct link *link, uint64_t now)
{
	if (zmq_send(link->dealer.socket, link->frame.at, link->frame.bytes, ZMQ_DONTWAIT) < 0)
		return false;
	link->said_ms = now;
	return true;
}

static void say_hello(struct link *link, uint64_t now)
{
	uint8_t live[LIVE_BYTES_MAX];
	struct message hello = {.type = MESSAGE_HELLO};
	const struct link_options *options = &link->options;

	link->epoch = id_random();
	link->hello_id = id_fresh();
	hello.header.message_id = link->hello_id;
	hello.header.sender_seq = 1;
	hello.header.sent_at_ms = wall_now_ms();
	snprintf(hello.header.sender, NAME_BYTES, "%s", options->peer);
	snprintf(hello.header.recipient, NAME_BYTES, "omega");
	hello.hello.role = (struct text){options->role, (uint32_t)strlen(options->role)};
	hello.hello.peer = (struct text){options->peer, (uint32_t)strlen(options->peer)};
	hello.hello.epoch = link->epoch;
	if (options->task_types)
		hello.hello.task_types = (struct text){options->task_types, (uint32_t)strlen(options->task_types)};
	hello.hello.slots = options->slots;
	hello.hello.version_min = PROTOCOL_VERSION;
	hello.hello.version_max = PROTOCOL_VERSION;
	hello.hello.software = (struct text){"bunshin " BUNSHIN_VERSION, sizeof("bunshin " BUNSHIN_VERSION) - 1};
	if (options->live)
		hello.hello.live = (struct bytes){live, (uint32_t)options->live(options->context, live, sizeof(live))};
	leave_joined(link, PHASE_GREETING);
	back_off(link, now);
	link->seen = 0;
	link->frame.bytes = 0;
	if (message_encode(&hello, &link->frame) || !frame_send(link, now))
		link->phase = PHASE_CONNECTING;
}

static void take_welcome(struct link *link, const struct message *message, uint64_t now)
{
	const struct welcome *welcome = &message->welcome;

	if (link->phase != PHASE_GREETING || !id_equal(&welcome->epoch, &link->epoch))
		return;
	snprintf(link->peer, NAME_BYTES, "%.*s", (int)(welcome->peer.bytes < NAME_BYTES ? welcome->peer.bytes : NAME_BYTES - 1),
		 welcome->peer.at ? welcome->peer.at : "");
	link->heartbeat_ms = welcome->heartbeat_ms ? welcome->heartbeat_ms : HEARTBEAT_DEFAULT_MS;
	link->phase = PHASE_JOINED;
	link->ever_joined = true;
	link->retry_ms = LINK_RETRY_MS;
	link->stalled_seq = 0;
	link->stalled_ms = now;
	spool_rewind(&link->spool);
	link->spool.last_seq = 1; /* Hello was the first of this epoch */
	if (link->options.joined)
		link->options.joined(link->options.context, true);
}

/* True if the refusal is about the connection itself. */
static bool take_refusal(struct link *link, const struct message *message, uint64_t now)
{
	const struct refusal *refusal = &message->refusal;

	if (id_equal(&message->header.correlation, &link->hello_id) && link->phase == PHASE_GREETING) {
		if (error_retryable((int)refusal->code))
			link->next_ms = now + (refusal->retry_after_ms ? refusal->retry_after_ms : link->retry_ms);
		else
			link->fatal = -(int)refusal->code;
		return true;
	}
	if (refusal->code != ERROR_UNKNOWN_PEER)
		return false;
	if (link->phase == PHASE_JOINED)
		say_hello(link, now);
	return true;
}

/* ---- receiving ---- */

static void take_message(struct link *link, struct message *message, uint64_t now)
{
	if (message->header.sender_seq && link->phase == PHASE_JOINED) {
		if (message->header.sender_seq <= link->seen)
			return;
		link->seen = message->header.sender_seq;
	}
	switch (message->type) {
	case MESSAGE_WELCOME:
		take_welcome(link, message, now);
		if (link->phase == PHASE_JOINED && message->header.sender_seq > link->seen)
			link->seen = message->header.sender_seq;
		return;
	case MESSAGE_HEARTBEAT:
		if (link->phase == PHASE_JOINED)
			spool_cover(&link->spool, message->heartbeat.durable_through);
		return;
	case MESSAGE_REFUSAL:
		if (take_refusal(link, message, now))
			return;
		break;
	default:
		break;
	}
	if (link->phase == PHASE_JOINED)
		link->options.receive(link->options.context, message);
}

static int take_frame(struct link *link, const uint8_t *at, size_t bytes, uint64_t now)
{
	struct parts parts[FRAME_MESSAGES_MAX];
	size_t count = 0;

	if (validate_frame(at, bytes, parts, &count))
		return 0;
	link->heard_ms = now;
	for (size_t i = 0; i < count; i++) {
		struct message message;

		if (!message_known(parts[i].type) || message_decode(&parts[i], &message))
			continue;
		take_message(link, &message, now);
	}
	return (int)count;
}

static int receive(struct link *link, uint64_t now)
{
	int taken = 0;
	zmq_msg_t frame;

	for (int i = 0; i < RECEIVE_FRAMES_MAX && link->dealer.socket; i++) {
		zmq_msg_init(&frame);
		if (zmq_msg_recv(&frame, link->dealer.socket, ZMQ_DONTWAIT) < 0) {
			zmq_msg_close(&frame);
			break;
		}
		taken += take_frame(link, zmq_msg_data(&frame), zmq_msg_size(&frame), now);
		zmq_msg_close(&frame);
	}
	return taken;
}

static void work_monitor(struct link *link, uint64_t now)
{
	enum dealer_event event;

	while ((event = dealer_next(&link->dealer)) != DEALER_NOTHING) {
		if (event == DEALER_CONNECTED) {
			link->heard_ms = now;
			say_hello(link, now);
		} else if (event == DEALER_DISCONNECTED) {
			leave_joined(link, PHASE_CONNECTING);
			link->next_ms = now + LINK_RETRY_MAX_MS;
		} else if (event == DEALER_REFUSED && !link->ever_joined) {
			link->fatal = ERR_NOT_ALLOWED;
		}
	}
}

/* ---- time ---- */

/* True if something was said that Omega should have made durable long ago: it was lost on the way. */
static bool is_stalled(struct link *link, uint64_t now)
{
	uint64_t oldest = spool_oldest(&link->spool);

	if (!oldest || oldest != link->stalled_seq) {
		link->stalled_seq = oldest;
		link->stalled_ms = now;
		return false;
	}
	return now - link->stalled_ms > (uint64_t)LINK_SILENCE * 2 * link->heartbeat_ms;
}

static void work_phase(struct link *link, uint64_t now)
{
	switch (link->phase) {
	case PHASE_DOWN:
		if (now >= link->next_ms)
			try_connect(link, now);
		break;
	case PHASE_CONNECTING:
		if (now >= link->next_ms)
			check_endpoint(link, now);
		break;
	case PHASE_GREETING:
		if (now >= link->next_ms)
			say_hello(link, now);
		break;
	case PHASE_JOINED:
		if (now - link->heard_ms > (uint64_t)LINK_SILENCE * link->heartbeat_ms || is_stalled(link, now))
			go_down(link, now);
		break;
	}
}

/* ---- sending ---- */

static int frame_close(struct link *link)
{
	struct message message = {.type = MESSAGE_HEARTBEAT};

	snprintf(message.header.sender, NAME_BYTES, "%s", link->peer);
	snprintf(message.header.recipient, NAME_BYTES, "omega");
	message.header.message_id = link->epoch;
	message.header.sent_at_ms = wall_now_ms();
	if (link->options.pulse)
		link->options.pulse(link->options.context, &message.heartbeat);
	message.heartbeat.durable_through = link->seen;
	return message_encode(&message, &link->frame);
}

/* One frame of what waits; 0 if nothing was sent. */
static int send_one(struct link *link, uint64_t now)
{
	int count;

	link->frame.bytes = 0;
	count = spool_frame(&link->spool, FRAME_MESSAGES_MAX - 1, &link->frame);
	if (count < 0 || frame_close(link))
		return 0;
	link->stuck = !frame_send(link, now);
	if (link->stuck)
		return 0;
	spool_sent(&link->spool, (size_t)count);
	return count;
}

void link_flush(struct link *link)
{
	uint64_t now;

	if (link->phase != PHASE_JOINED)
		return;
	now = boottime_now_ms();
	while (link->spool.waiting.first)
		if (!send_one(link, now))
			return;
	if (now - link->said_ms >= link->heartbeat_ms)
		send_one(link, now);
}

/* ---- public ---- */

int link_new(const struct link_options *options, struct link **out_link)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return ERR_MEMORY;
	link->options = *options;
	link->retry_ms = LINK_RETRY_MS;
	link->heartbeat_ms = HEARTBEAT_DEFAULT_MS;
	snprintf(link->peer, NAME_BYTES, "%s", options->peer);
	if (dealer_init(&link->dealer)) {
		free(link);
		return ERR_SYSTEM;
	}
	*out_link = link;
	return 0;
}

void link_free(struct link *link, int linger_ms)
{
	if (!link)
		return;
	dealer_close(&link->dealer, linger_ms);
	dealer_release(&link->dealer);
	spool_release(&link->spool);
	buffer_release(&link->frame);
	keypair_forget(&link->options.keys);
	free(link);
}

static int say(struct link *link, struct message *message, enum spool_kind kind)
{
	if (id_is_nil(&message->header.message_id))
		message->header.message_id = id_fresh();
	snprintf(message->header.sender, NAME_BYTES, "%s", link->peer);
	snprintf(message->header.recipient, NAME_BYTES, "omega");
	message->header.sent_at_ms = wall_now_ms();
	return spool_add(&link->spool, message, kind);
}

int link_say(struct link *link, struct message *message, bool keep)
{
	if (!keep && link->phase != PHASE_JOINED)
		return 0;
	return say(link, message, keep ? SPOOL_KEPT : SPOOL_PASSING);
}

int link_say_loose(struct link *link, struct message *message)
{
	if (link->phase != PHASE_JOINED)
		return 0;
	return say(link, message, SPOOL_LOOSE);
}

int link_work(struct link *link)
{
	uint64_t now = boottime_now_ms();
	int taken;

	work_monitor(link, now);
	taken = receive(link, now);
	work_phase(link, now);
	link_flush(link);
	return link->fatal ? link->fatal : taken;
}

static uint64_t time_left(uint64_t then, uint64_t now)
{
	return then > now ? then - now : 0;
}

static uint64_t wait_until(const struct link *link, uint64_t now, uint64_t wait_ms)
{
	uint64_t left;

	if (link->phase == PHASE_JOINED)
		left = time_left(link->said_ms + link->heartbeat_ms, now);
	else
		left = time_left(link->next_ms, now);
	return left < wait_ms ? left : wait_ms;
}

int link_wait(struct link *link, zmq_pollitem_t *items, int count, uint64_t wait_ms)
{
	uint64_t now = boottime_now_ms();
	uint64_t left = wait_until(link, now, wait_ms);

	if (link->dealer.socket) {
		items[count++] = (zmq_pollitem_t){.socket = link->dealer.socket, .events = ZMQ_POLLIN};
		if (link->stuck)
			items[count - 1].events |= ZMQ_POLLOUT;
		items[count++] = (zmq_pollitem_t){.socket = link->dealer.monitor, .events = ZMQ_POLLIN};
	}
	/* A clock of whole milliseconds must not make us wake up just before the moment and spin. */
	return zmq_poll(items, count, (long)(left ? left + 1 : 0)) < 0 && errno != EINTR ? ERR_SYSTEM : 0;
}

bool link_joined(const struct link *link)
{
	return link->phase == PHASE_JOINED;
}

const char *link_peer(const struct link *link)
{
	return link->peer;
}

size_t link_queued(const struct link *link)
{
	return link->spool.count;
}

bool link_holds(const struct link *link, const struct id *message_id)
{
	return spool_holds(&link->spool, message_id);
}

uint32_t link_heartbeat_ms(const struct link *link)
{
	return link->heartbeat_ms;
}
