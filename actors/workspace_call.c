/* SPDX-License-Identifier: MIT */
#include "actors/workspace_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "actors/dealer.h"
#include "actors/fresh.h"
#include "actors/workspace_request.h"

#define CONNECT_MS 10000u /* for one that is started again meanwhile */
#define LOOK_MS    500u   /* how often the file with its address is read while nobody is connected */

struct call {
	const struct state_folder *state;
	struct dealer dealer;
	char endpoint[ENDPOINT_TEXT_BYTES];
	int cancel_fd;
	char *sentence;
	bool connected;
};

static int say(struct call *call, int rc, const char *sentence)
{
	snprintf(call->sentence, SENTENCE_BYTES, "%s", sentence);
	return rc;
}

/* Waits for something to happen; true if the caller was asked to end. */
static bool wait_for(struct call *call, uint64_t ms)
{
	zmq_pollitem_t items[3];
	int count = 0;

	if (call->cancel_fd >= 0)
		items[count++] = (zmq_pollitem_t){.fd = call->cancel_fd, .events = ZMQ_POLLIN};
	if (call->dealer.socket) {
		items[count++] = (zmq_pollitem_t){.socket = call->dealer.socket, .events = ZMQ_POLLIN};
		items[count++] = (zmq_pollitem_t){.socket = call->dealer.monitor, .events = ZMQ_POLLIN};
	}
	if (zmq_poll(items, count, (long)ms) <= 0)
		return false;
	return call->cancel_fd >= 0 && items[0].revents;
}

/* ---- connecting ---- */

static void look_again(struct call *call)
{
	char endpoint[ENDPOINT_TEXT_BYTES], ignored[SENTENCE_BYTES];

	if (state_workspace_read(call->state, endpoint, ignored) ||
	    (call->dealer.socket && strcmp(endpoint, call->endpoint) == 0))
		return;
	dealer_close(&call->dealer, 0);
	snprintf(call->endpoint, sizeof(call->endpoint), "%s", endpoint);
	(void)!dealer_open_local(&call->dealer, endpoint, REPLY_BYTES_MAX);
}

static bool take_events(struct call *call, bool *out_lost)
{
	enum dealer_event event;

	while ((event = dealer_next(&call->dealer)) != DEALER_NOTHING) {
		if (event == DEALER_CONNECTED)
			call->connected = true;
		else if (call->connected)
			*out_lost = true;
	}
	return call->connected;
}

static int connect_to(struct call *call, uint64_t until_ms)
{
	bool lost = false;
	char endpoint[ENDPOINT_TEXT_BYTES];
	int rc = state_workspace_read(call->state, endpoint, call->sentence);

	if (rc)
		return rc == ERR_NOT_FOUND ? ERR_UNREACHABLE : rc;
	for (;;) {
		uint64_t now_ms = boottime_now_ms();

		look_again(call);
		if (take_events(call, &lost))
			return 0;
		if (now_ms >= until_ms)
			return say(call, ERR_UNREACHABLE, "the workspace does not answer; bunshin status says how it is");
		if (wait_for(call, until_ms - now_ms < LOOK_MS ? until_ms - now_ms : LOOK_MS))
			return say(call, ERR_CANCELLED, "cancelled before the workspace was asked");
	}
}

/* ---- asking ---- */

static int send_request(struct call *call, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t bytes = text ? strlen(text) : 0;
	int rc = text ? 0 : ERR_MEMORY;

	if (!rc && bytes > REQUEST_BYTES_MAX)
		rc = say(call, ERR_TOO_LARGE, "the request is larger than the workspace takes");
	if (!rc && zmq_send(call->dealer.socket, text, bytes, ZMQ_DONTWAIT) < 0)
		rc = say(call, ERR_UNREACHABLE, "the workspace does not take the request");
	free(text);
	return rc;
}

static int read_reply(struct call *call, zmq_msg_t *frame, json_t **out_result, json_t **out_error)
{
	json_t *reply = json_loadb(zmq_msg_data(frame), zmq_msg_size(frame), JSON_REJECT_DUPLICATES, NULL);
	json_t *result = json_object_get(reply, "result"), *error = json_object_get(reply, "error");
	const char *code = json_string_value(json_object_get(error, "code"));
	const char *sentence = json_string_value(json_object_get(error, "sentence"));
	int rc = 0;

	if (result)
		*out_result = json_incref(result);
	else if (code && sentence && error_find(code))
		rc = say(call, -error_find(code), sentence);
	else
		rc = say(call, ERR_MALFORMED, "the reply of the workspace cannot be read");
	if (rc && error && out_error)
		*out_error = json_incref(error);
	json_decref(reply);
	return rc;
}

/* True if there was one. */
static bool take_reply(struct call *call, int *out_rc, json_t **out_result, json_t **out_error)
{
	zmq_msg_t frame;
	bool got;

	zmq_msg_init(&frame);
	got = zmq_msg_recv(&frame, call->dealer.socket, ZMQ_DONTWAIT) >= 0;
	if (got)
		*out_rc = read_reply(call, &frame, out_result, out_error);
	zmq_msg_close(&frame);
	return got;
}

static int await_reply(struct call *call, uint64_t until_ms, json_t **out_result, json_t **out_error)
{
	bool lost = false;
	int rc;

	for (;;) {
		uint64_t now_ms = boottime_now_ms();

		take_events(call, &lost);
		if (take_reply(call, &rc, out_result, out_error))
			return rc;
		if (lost)
			return say(call, ERR_UNREACHABLE,
				   "the workspace ended while it was at work; whether it was done can be looked up there");
		if (now_ms >= until_ms)
			return say(call, ERR_TIMEOUT, "the workspace did not answer in time; it may still be at work");
		if (wait_for(call, until_ms - now_ms))
			return say(call, ERR_CANCELLED, "cancelled while the workspace was at work");
	}
}

int workspace_call(const struct state_folder *state, json_t *request, uint64_t wait_ms, int cancel_fd, json_t **out_result,
		   json_t **out_error, char out_sentence[SENTENCE_BYTES])
{
	struct call call = {.state = state, .cancel_fd = cancel_fd, .sentence = out_sentence};
	uint64_t now_ms = boottime_now_ms();
	int rc = request ? dealer_init(&call.dealer) : ERR_MEMORY;

	*out_sentence = '\0';
	if (out_error)
		*out_error = NULL;
	if (!rc)
		rc = connect_to(&call, now_ms + (wait_ms < CONNECT_MS ? wait_ms : CONNECT_MS));
	if (!rc)
		rc = send_request(&call, request);
	if (!rc)
		rc = await_reply(&call, now_ms + wait_ms, out_result, out_error);
	if (rc && !*out_sentence)
		say(&call, rc, error_sentence(rc));
	dealer_close(&call.dealer, 0);
	if (call.dealer.zmq)
		dealer_release(&call.dealer);
	json_decref(request);
	return rc;
}
