/* SPDX-License-Identifier: MIT
 *
 * A request of the agent, from its first line to the end of its body. What is wrong with its head is answered at once and ends the connection, since
 * where such a request ends is not certain; what is wrong with the rest is answered when it has been read.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/proxy_inner.h"

void *proxy_request_begins(void *proxy, const char *uri, struct MHD_Connection *connection)
{
	struct proxy_request *request = calloc(1, sizeof(*request));

	if (!request)
		return NULL;
	request->proxy = proxy;
	request->connection = connection;
	request->begun_ms = outbound_now_ms();
	request->asked = strndup(uri, PROXY_TARGET_BYTES);
	return request;
}

int proxy_client_fd(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

static enum MHD_Result read_header(void *head, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	proxy_head_read(head, name ? name : "", value ? value : "");
	return MHD_YES;
}

static void refuse(struct proxy_request *request, unsigned status, const char *sentence)
{
	if (request->refusal)
		return;
	request->refusal = status;
	snprintf(request->why, sizeof(request->why), "%s", sentence);
}

/* Is the head as long as what was read out of it? Else it holds bytes that a reader of texts does not see (NUL), folded lines, or lines that end in some
 * other way: what another reader would take for another head. */
static bool is_all_seen(const struct proxy_request *request, const char *method, const char *version)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	size_t line = strlen(method) + 1 + (request->asked ? strlen(request->asked) : 0) + 1 + strlen(version) + 2;

	return info && info->header_size == line + request->head.bytes + 2;
}

/* Once the head is there. */
static void judge_head(struct proxy_request *request, const char *method, const char *version)
{
	char why[PROXY_WHY_BYTES] = "";
	unsigned status;

	request->begun = true;
	snprintf(request->method, sizeof(request->method), "%s", method);
	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, read_header, &request->head);
	status = proxy_head_judge(&request->head);
	if (strcmp(version, "HTTP/1.1") != 0)
		refuse(request, 505, "nothing but HTTP/1.1 is spoken here");
	if (request->asked && strlen(request->asked) == PROXY_TARGET_BYTES)
		refuse(request, 414, "the target of the request is too long");
	if (status)
		refuse(request, status, request->head.why);
	if (!is_all_seen(request, method, version))
		refuse(request, 400, "the head of the request holds more than its lines, each \"Name: value\", say");
	if (strcmp(method, "POST") != 0 && request->head.lengths + request->head.encodings)
		refuse(request, 400, "only POST takes a body");
	request->close = request->refusal != 0;
	status = request->asked ? proxy_target_check(method, request->asked, request->target, why) : 500;
	if (status)
		refuse(request, status, why);
	request->wire = request->asked && strcmp(method, "POST") == 0 ? wire_of_path(request->asked) : WIRE_NONE;
}

/* May so much more be kept? All requests together get four times what one may have. */
static bool room_for(struct proxy_request *request, size_t bytes)
{
	struct proxy *proxy = request->proxy;
	uint64_t most = proxy->options.body_bytes_max;
	bool room;

	pthread_mutex_lock(&proxy->lock);
	room = request->body_bytes + bytes <= most && proxy->body_bytes + bytes <= 4 * most;
	if (room) {
		proxy->body_bytes += bytes;
		request->charged_bytes += bytes;
	}
	pthread_mutex_unlock(&proxy->lock);
	return room;
}

static bool grow(struct proxy_request *request, size_t bytes)
{
	size_t room = request->body_room ? request->body_room : 65536;
	uint8_t *body;

	while (room < bytes)
		room *= 2;
	if (room == request->body_room)
		return true;
	body = realloc(request->body, room);
	if (!body)
		return false;
	request->body = body;
	request->body_room = room;
	return true;
}

/* A body that will be refused is still read, so that the agent hears why, but not for ever: false says that it was long enough. */
static bool keep_body(struct proxy_request *request, const char *at, size_t bytes)
{
	if (!request->refusal && !room_for(request, bytes))
		refuse(request, 413, "the body of the request is too large");
	if (!request->refusal && !grow(request, request->body_bytes + bytes))
		refuse(request, 500, "out of memory");
	if (request->refusal) {
		request->dropped_bytes += bytes;
		return request->dropped_bytes <= 2 * request->proxy->options.body_bytes_max;
	}
	memcpy(request->body + request->body_bytes, at, bytes);
	request->body_bytes += bytes;
	return true;
}

enum MHD_Result proxy_request_comes(void *proxy, struct MHD_Connection *connection, const char *url, const char *method,
				    const char *version, const char *at, size_t *bytes, void **context)
{
	struct proxy_request *request = *context;

	(void)proxy;
	(void)connection;
	(void)url;
	if (!request)
		return MHD_NO;
	if (!request->begun) {
		judge_head(request, method, version);
		return request->close ? proxy_refuse(request, request->refusal, request->why, 0) : MHD_YES;
	}
	if (*bytes) {
		bool patient = keep_body(request, at, *bytes);
		*bytes = 0;
		return patient ? MHD_YES : MHD_NO;
	}
	return proxy_answer(request);
}

void proxy_request_ends(void *context, struct MHD_Connection *connection, void **at, enum MHD_RequestTerminationCode code)
{
	struct proxy_request *request = *at;
	struct proxy *proxy = context;

	(void)connection;
	(void)code;
	if (!request)
		return;
	*at = NULL;
	proxy_settle(request, request->outbound ? REQUEST_LEFT : REQUEST_REFUSED);
	pthread_mutex_lock(&proxy->lock);
	proxy->body_bytes -= request->charged_bytes;
	pthread_mutex_unlock(&proxy->lock);
	outbound_close(request->outbound);
	wire_reply_free(request->reply);
	free(request->body);
	free(request->asked);
	free(request);
}
