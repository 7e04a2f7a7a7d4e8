/* SPDX-License-Identifier: MIT
 *
 * From a request that is read as a whole to its answer: sent on with the real key, and the reply passed to the agent piece by piece as it comes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/proxy_inner.h"
#include "models/veil.h"

#define PIECE_BYTES 16384u
#define HEADERS_MAX 40u /* of a request that is sent on, with the key's and the last NULL */

/* The lines of a head; each is ours. */
struct lines {
	char *at[HEADERS_MAX];
	size_t count;
	bool typed, lost; /* it says what the body is; memory was missing */
};

static enum MHD_Result queue(struct proxy_request *request, unsigned status, struct MHD_Response *response)
{
	enum MHD_Result result = response ? MHD_queue_response(request->connection, status, response) : MHD_NO;

	if (response)
		MHD_destroy_response(response);
	return result;
}

enum MHD_Result proxy_refuse(struct proxy_request *request, unsigned status, const char *sentence, uint32_t retry_after_ms)
{
	char text[2048], seconds[16];
	size_t bytes = wire_error_text(request->wire, status, sentence, text, sizeof(text));
	struct MHD_Response *response = MHD_create_response_from_buffer(bytes, text, MHD_RESPMEM_MUST_COPY);

	request->status = status;
	proxy_settle(request, request->outbound ? REQUEST_FAILED : REQUEST_REFUSED);
	if (response) {
		MHD_add_response_header(response, "Content-Type", "application/json");
		snprintf(seconds, sizeof(seconds), "%u", retry_after_ms / 1000 + (retry_after_ms % 1000 != 0));
		if (retry_after_ms)
			MHD_add_response_header(response, "Retry-After", seconds);
		if (request->close)
			MHD_add_response_header(response, "Connection", "close");
		if (status == 405)
			MHD_add_response_header(response, "Allow", "GET, HEAD, POST");
	}
	return queue(request, status, response);
}

static void add_line(struct lines *lines, const char *name, const char *before, const char *value)
{
	char *line = NULL;

	if (lines->count + 1 >= HEADERS_MAX || asprintf(&line, "%s: %s%s", name, before, value) < 0)
		lines->lost = true;
	else
		lines->at[lines->count++] = line;
}

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct lines *lines = context;

	(void)kind;
	if (value && *value && proxy_header_goes_out(name)) {
		add_line(lines, name, "", value);
		lines->typed |= strcasecmp(name, "content-type") == 0;
	}
	return MHD_YES;
}

/* In which header the server expects the key. */
static const char *key_header_of(const struct proxy_request *request)
{
	const struct proxy_head *head = &request->head;

	if (request->proxy->options.key_header)
		return request->proxy->options.key_header;
	if (request->wire == WIRE_ANTHROPIC || (!request->wire && head->presents_key))
		return "x-api-key";
	if (request->wire == WIRE_GEMINI || (!request->wire && head->presents_google))
		return "x-goog-api-key";
	return "authorization";
}

static void make_lines(struct proxy_request *request, struct lines *lines)
{
	const char *key = request->proxy->options.key, *name = key_header_of(request);

	MHD_get_connection_values(request->connection, MHD_HEADER_KIND, take_header, lines);
	if (!lines->typed && strcmp(request->method, "POST") == 0)
		add_line(lines, "content-type", "", "application/json");
	if (key)
		add_line(lines, name, strcasecmp(name, "authorization") == 0 ? "Bearer " : "", key);
}

static void wipe_lines(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++) {
		explicit_bzero(lines->at[i], strlen(lines->at[i]));
		free(lines->at[i]);
	}
}

static int send_on(struct proxy_request *request)
{
	const struct proxy *proxy = request->proxy;
	struct outbound_request out = {.method = request->method,
				       .body = request->body,
				       .body_bytes = request->body_bytes,
				       .ca_file = proxy->options.ca_file,
				       .connect_ms = proxy->options.connect_ms,
				       .first_byte_ms = proxy->options.first_byte_ms,
				       .idle_ms = proxy->options.idle_ms,
				       .stop_fd = proxy->stop_fd,
				       .client_fd = proxy_client_fd(request->connection)};
	struct lines lines = {0};
	char *url = NULL;
	int rc = ERR_MEMORY;

	make_lines(request, &lines);
	if (!lines.lost && asprintf(&url, "%s%s%s", proxy->server.origin, proxy->server.prefix, request->target) > 0) {
		out.url = url;
		out.headers = (const char *const *)lines.at;
		rc = outbound_open(proxy->pool, &out, &request->outbound);
	}
	free(url); /* libcurl has its own */
	wipe_lines(&lines);
	return rc;
}

static void note_byte(struct proxy_request *request)
{
	struct proxy *proxy = request->proxy;
	uint64_t now = outbound_now_ms();

	if (!request->first_ms)
		request->first_ms = now;
	pthread_mutex_lock(&proxy->lock);
	proxy->count.last_byte_ms = now;
	pthread_mutex_unlock(&proxy->lock);
}

static enum request_end end_of(int rc)
{
	return rc == ERR_LOST ? REQUEST_LEFT : rc == ERR_CANCELLED ? REQUEST_STOPPED : REQUEST_DROPPED;
}

static ssize_t hand_over(struct proxy_request *request, char *at, size_t bytes)
{
	wire_reply_feed(request->reply, at, bytes);
	return (ssize_t)bytes;
}

/* What came, but for a beginning of the key at its end. 0: there is nothing else. */
static ssize_t take_piece(struct proxy_request *request, char *at, size_t came)
{
	size_t bytes = request->kept_bytes + came, tail = proxy_veil(at, bytes, request->proxy->options.key);

	note_byte(request);
	request->reply_bytes += came;
	request->kept_bytes = tail;
	memcpy(request->kept, at + bytes - tail, tail);
	return hand_over(request, at, bytes - tail);
}

static ssize_t end_reply(struct proxy_request *request, char *at, int rc)
{
	size_t bytes = request->kept_bytes;

	if (rc) {
		snprintf(request->why, sizeof(request->why), "%.250s", outbound_why(request->outbound));
		proxy_settle(request, end_of(rc));
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	request->kept_bytes = 0;
	if (bytes)
		return hand_over(request, at, bytes); /* it was none */
	proxy_settle(request, REQUEST_COMPLETE);
	return MHD_CONTENT_READER_END_OF_STREAM;
}

/* libmicrohttpd asks for the next piece of the body; it may take as long as it takes. */
static ssize_t next_piece(void *context, uint64_t position, char *at, size_t bytes)
{
	struct proxy_request *request = context;
	ssize_t handed = 0;

	(void)position;
	if (bytes <= request->kept_bytes)
		return MHD_CONTENT_READER_END_WITH_ERROR; /* never but with very long keys and heads */
	while (!handed) {
		long n;
		memcpy(at, request->kept, request->kept_bytes);
		n = outbound_read(request->outbound, at + request->kept_bytes, bytes - request->kept_bytes);
		handed = n > 0 ? take_piece(request, at, (size_t)n) : end_reply(request, at, (int)n);
	}
	return handed;
}

/* No reply came: 502, 504, or nothing if nobody listens. */
static enum MHD_Result give_up(struct proxy_request *request, int rc)
{
	snprintf(request->why, sizeof(request->why), "%.250s", outbound_why(request->outbound));
	if (rc == ERR_LOST || rc == ERR_CANCELLED) {
		proxy_settle(request, end_of(rc));
		return MHD_NO;
	}
	if (rc == ERR_MEMORY)
		return proxy_refuse(request, 500, "out of memory", 0);
	return proxy_refuse(request, rc == ERR_TIMEOUT ? 504 : 502, request->why, 0);
}

static bool has_no_body(const struct proxy_request *request)
{
	return strcmp(request->method, "HEAD") == 0 || request->status == 204 || request->status == 304;
}

static enum MHD_Result pass_on(struct proxy_request *request)
{
	struct MHD_Response *response;
	const struct outbound_header *headers;
	size_t count;

	if (has_no_body(request)) {
		response = MHD_create_response_from_buffer(0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
		proxy_settle(request, REQUEST_COMPLETE);
	} else {
		response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_BYTES, next_piece, request, NULL);
	}
	headers = outbound_headers(request->outbound, &count);
	for (size_t i = 0; response && i < count; i++) {
		if (!request->proxy->options.key || !strstr(headers[i].value, request->proxy->options.key))
			MHD_add_response_header(response, headers[i].name, headers[i].value);
	}
	return queue(request, request->status, response);
}

static enum MHD_Result exchange(struct proxy_request *request)
{
	char seconds[16];
	const char *retry_after;
	int rc = send_on(request);

	if (!rc)
		rc = outbound_head(request->outbound, &request->status);
	if (rc == ERR_MEMORY && !request->outbound)
		return proxy_refuse(request, 500, "out of memory", 0);
	if (rc)
		return give_up(request, rc);
	note_byte(request);
	if (request->status >= 300 && request->status < 400 && request->status != 304) {
		snprintf(request->why, sizeof(request->why),
			 "the model server answers with a redirect (%u), which is not followed", request->status);
		return proxy_refuse(request, 502, request->why, 0);
	}
	snprintf(seconds, sizeof(seconds), "%u", outbound_retry_after(request->outbound));
	retry_after = outbound_header(request->outbound, "retry-after") ? seconds : NULL;
	request->reply =
		wire_reply_new(request->wire, request->status, outbound_header(request->outbound, "content-type"), retry_after);
	return request->reply ? pass_on(request) : proxy_refuse(request, 500, "out of memory", 0);
}

enum MHD_Result proxy_answer(struct proxy_request *request)
{
	uint32_t retry_after_ms;

	if (request->refusal)
		return proxy_refuse(request, request->refusal, request->why, 0);
	wire_request_read(request->wire, request->asked, request->body, request->body_bytes, &request->said);
	if (request->wire && !request->said.readable)
		request->refusal = 400;
	if (request->refusal)
		return proxy_refuse(request, 400, "the body of the request is no JSON", 0);
	if (request->said.background)
		return proxy_refuse(request, 400, "answers in the background are not asked for: nobody would count them", 0);
	request->refusal = proxy_turn_take(request, &retry_after_ms);
	if (request->refusal)
		return proxy_refuse(request, request->refusal, request->why, retry_after_ms);
	return exchange(request);
}
