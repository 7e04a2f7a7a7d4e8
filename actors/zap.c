/* SPDX-License-Identifier: MIT
 *
 * The ZAP handler: one thread that answers libzmq's question "may this key in?" (RFC 27).
 *
 * The thread watches the folder of peers as well, so that the table is fresh also when nobody connects.
 */
#include "actors/zap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_VERSION  "1.0"

/* The frames of a request, in the order of the RFC; a mechanism's credentials follow. */
enum {
	FRAME_VERSION,
	FRAME_REQUEST_ID,
	FRAME_DOMAIN,
	FRAME_ADDRESS,
	FRAME_IDENTITY,
	FRAME_MECHANISM,
	FRAME_CREDENTIALS,
	FRAME_COUNT
};

#define FRAME_MAX 256u /* longer ones are cut: no legal frame of ours is */

struct frame {
	char at[FRAME_MAX];
	size_t bytes; /* as received; may be more than FRAME_MAX */
};

struct request {
	struct frame frame[FRAME_COUNT];
	size_t count; /* may be more than FRAME_COUNT */
};

struct verdict {
	const char *code;
	const char *text;
	char user_id[KEY_TEXT_BYTES]; /* empty: refused */
};

struct zap {
	void *socket;
	int stop; /* eventfd */
	struct peers *peers;
	pthread_t thread;
	_Atomic uint64_t accepted, unknown_key, mechanism, malformed;
};

/* ---- judging ---- */

static bool frame_is(const struct frame *frame, const char *text)
{
	return frame->bytes == strlen(text) && !memcmp(frame->at, text, frame->bytes);
}

static struct verdict refuse(_Atomic uint64_t *counter, const char *code, const char *text)
{
	atomic_fetch_add(counter, 1);
	return (struct verdict){.code = code, .text = text};
}

static struct verdict judge(struct zap *zap, const struct request *request)
{
	const struct frame *frame = request->frame;
	struct verdict verdict = {.code = "200", .text = "OK"};
	struct peer peer;

	if (request->count < FRAME_CREDENTIALS || !frame_is(&frame[FRAME_VERSION], ZAP_VERSION) ||
	    !frame_is(&frame[FRAME_DOMAIN], ZAP_DOMAIN))
		return refuse(&zap->malformed, "500", "malformed request");
	if (!frame_is(&frame[FRAME_MECHANISM], "CURVE"))
		return refuse(&zap->mechanism, "400", "only CURVE");
	if (request->count != FRAME_COUNT || frame[FRAME_CREDENTIALS].bytes != 32)
		return refuse(&zap->malformed, "500", "malformed request");
	if (!zmq_z85_encode(verdict.user_id, (const uint8_t *)frame[FRAME_CREDENTIALS].at, 32) ||
	    peers_find(zap->peers, verdict.user_id, &peer))
		return refuse(&zap->unknown_key, "400", "unknown key");
	atomic_fetch_add(&zap->accepted, 1);
	return verdict;
}

/* ---- speaking ---- */

/* 0, or -1 when the socket is of no more use. */
static int request_receive(void *socket, struct request *request)
{
	zmq_msg_t part;
	int more = 1;

	memset(request, 0, sizeof(*request));
	zmq_msg_init(&part);
	while (more && zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0) {
		if (request->count < FRAME_COUNT) {
			struct frame *frame = &request->frame[request->count];
			frame->bytes = zmq_msg_size(&part);
			memcpy(frame->at, zmq_msg_data(&part), frame->bytes < FRAME_MAX ? frame->bytes : FRAME_MAX);
		}
		request->count++;
		more = zmq_msg_more(&part);
	}
	zmq_msg_close(&part);
	return more ? -1 : 0;
}

static int reply_send(void *socket, const struct request *request, const struct verdict *verdict)
{
	const struct frame *id = &request->frame[FRAME_REQUEST_ID];
	const char *user_id = *verdict->code == '2' ? verdict->user_id : "";
	size_t id_bytes = id->bytes < FRAME_MAX ? id->bytes : FRAME_MAX;

	if (zmq_send(socket, ZAP_VERSION, strlen(ZAP_VERSION), ZMQ_SNDMORE) < 0 ||
	    zmq_send(socket, id->at, id_bytes, ZMQ_SNDMORE) < 0 ||
	    zmq_send(socket, verdict->code, strlen(verdict->code), ZMQ_SNDMORE) < 0 ||
	    zmq_send(socket, verdict->text, strlen(verdict->text), ZMQ_SNDMORE) < 0 ||
	    zmq_send(socket, user_id, strlen(user_id), ZMQ_SNDMORE) < 0)
		return -1;
	return zmq_send(socket, "", 0, 0) < 0 ? -1 : 0;
}

static int request_serve(struct zap *zap)
{
	struct request request;

	if (request_receive(zap->socket, &request))
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	peers_refresh(zap->peers); /* a peer that was added a moment ago may connect */
	struct verdict verdict = judge(zap, &request);
	return reply_send(zap->socket, &request, &verdict);
}

static void *handler_run(void *argument)
{
	struct zap *zap = argument;
	zmq_pollitem_t items[] = {
		{.socket = zap->socket, .events = ZMQ_POLLIN},
		{.fd = zap->stop, .events = ZMQ_POLLIN},
		{.fd = peers_fd(zap->peers), .events = ZMQ_POLLIN},
	};

	for (;;) {
		if (zmq_poll(items, 3, -1) < 0 && errno != EINTR)
			break; /* the context is being ended */
		if (items[1].revents)
			break;
		if (items[2].revents)
			peers_refresh(zap->peers);
		if (items[0].revents && request_serve(zap))
			break;
	}
	return NULL;
}

/* ---- starting and stopping ---- */

/* Signals are for the thread that has handlers for them. */
static int thread_start(struct zap *zap)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(&zap->thread, NULL, handler_run, zap);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return error ? ERR_SYSTEM : 0;
}

static int socket_make(struct zap *zap, void *context)
{
	int none = 0;

	zap->socket = zmq_socket(context, ZMQ_REP);
	if (!zap->socket || zmq_setsockopt(zap->socket, ZMQ_LINGER, &none, sizeof(none)))
		return ERR_SYSTEM;
	if (zmq_bind(zap->socket, ZAP_ENDPOINT))
		return errno == EADDRINUSE ? ERR_STATE : ERR_SYSTEM;
	return 0;
}

static void zap_release(struct zap *zap)
{
	if (zap->socket) {
		zmq_unbind(zap->socket, ZAP_ENDPOINT); /* the name is free on return; closing alone frees it some time later */
		zmq_close(zap->socket);
	}
	if (zap->stop >= 0)
		close(zap->stop);
	free(zap);
}

int zap_start(void *context, struct peers *peers, struct zap **out_zap)
{
	struct zap *zap = calloc(1, sizeof(*zap));

	if (!zap)
		return ERR_MEMORY;
	zap->peers = peers;
	zap->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int rc = zap->stop < 0 ? ERR_SYSTEM : socket_make(zap, context);
	if (!rc)
		rc = thread_start(zap);
	if (rc) {
		zap_release(zap);
		return rc;
	}
	*out_zap = zap;
	return 0;
}

void zap_stop(struct zap *zap)
{
	if (!zap)
		return;
	eventfd_write(zap->stop, 1);
	pthread_join(zap->thread, NULL);
	zap_release(zap);
}

void zap_count(const struct zap *zap, struct zap_counts *out_counts)
{
	out_counts->accepted = atomic_load(&zap->accepted);
	out_counts->unknown_key = atomic_load(&zap->unknown_key);
	out_counts->mechanism = atomic_load(&zap->mechanism);
	out_counts->malformed = atomic_load(&zap->malformed);
}
