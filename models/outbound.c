/* SPDX-License-Identifier: MIT
 *
 * One request after another, each on a way of its own. Bytes of the reply wait in a buffer; when it is full libcurl is told to pause.
 */
#include "models/outbound.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

#include "models/outbound_way.h"
#include "models/target.h"

#define BUFFER_BYTES   65536u /* of the body, read and not yet wanted */
#define HEAD_BYTES_MAX 65536u
#define POLL_MS_MAX    60000

struct outbound {
	struct outbound_pool *pool;
	struct way *way;
	struct outbound_request request;
	struct curl_slist *headers;
	char error[CURL_ERROR_SIZE];
	char why[PROXY_WHY_BYTES + CURL_ERROR_SIZE];
	uint64_t begun_ms, alive_ms;
	unsigned status; /* of the head that is being read */
	bool head, done, paused, client_speaks;
	CURLcode result;
	size_t head_bytes, header_count;
	struct outbound_header kept[OUTBOUND_HEADERS_MAX];
	size_t begin, bytes; /* of `buffer` */
	char buffer[BUFFER_BYTES];
};

uint64_t outbound_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static size_t body_came(char *at, size_t size, size_t count, void *context)
{
	struct outbound *outbound = context;
	size_t bytes = size * count;

	if (outbound->bytes + bytes > sizeof(outbound->buffer)) {
		outbound->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (outbound->begin + outbound->bytes + bytes > sizeof(outbound->buffer)) {
		memmove(outbound->buffer, outbound->buffer + outbound->begin, outbound->bytes);
		outbound->begin = 0;
	}
	memcpy(outbound->buffer + outbound->begin + outbound->bytes, at, bytes);
	outbound->bytes += bytes;
	outbound->alive_ms = outbound_now_ms();
	return bytes;
}

static void forget_headers(struct outbound *outbound)
{
	while (outbound->header_count) {
		struct outbound_header *header = &outbound->kept[--outbound->header_count];
		free(header->name);
		free(header->value);
	}
}

static void keep_header(struct outbound *outbound, const char *at, size_t bytes)
{
	const char *colon = memchr(at, ':', bytes), *end = at + bytes, *value;
	struct outbound_header *header = &outbound->kept[outbound->header_count];

	if (!colon || memchr(at, '\0', bytes) || outbound->header_count == OUTBOUND_HEADERS_MAX)
		return;
	for (value = colon + 1; value < end && (*value == ' ' || *value == '\t'); value++)
		;
	while (end > value && strchr(" \t\r\n", end[-1]))
		end--;
	header->name = strndup(at, (size_t)(colon - at));
	header->value = strndup(value, (size_t)(end - value));
	if (header->name && header->value && proxy_header_comes_in(header->name) && proxy_header_name_check(header->name) &&
	    proxy_header_value_check(header->value)) {
		outbound->header_count++;
		return;
	}
	free(header->name);
	free(header->value);
}

/* "HTTP/1.1 200 OK". */
static unsigned status_of(const char *at, size_t bytes)
{
	const char *blank = memchr(at, ' ', bytes), *end = at + bytes;
	unsigned status = 0;

	for (const char *digit = blank ? blank + 1 : end; digit < end && *digit >= '0' && *digit <= '9' && status < 1000; digit++)
		status = status * 10 + (unsigned)(*digit - '0');
	return status;
}

/* One line of a head. There may be several heads: those with 1xx announce the real one, and what follows a body is none. */
static size_t head_came(char *at, size_t size, size_t count, void *context)
{
	struct outbound *outbound = context;
	size_t bytes = size * count;

	outbound->alive_ms = outbound_now_ms();
	if (outbound->head)
		return bytes;
	outbound->head_bytes += bytes;
	if (outbound->head_bytes > HEAD_BYTES_MAX)
		return 0;
	if (bytes > 5 && memcmp(at, "HTTP/", 5) == 0) {
		outbound->status = status_of(at, bytes);
		forget_headers(outbound);
	} else if (bytes <= 2) {
		outbound->head = outbound->status >= 200;
	} else {
		keep_header(outbound, at, bytes);
	}
	return bytes;
}

/* A child that is started meanwhile must not inherit the connection. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	(void)context;
	(void)purpose;
	if (address->family != AF_INET && address->family != AF_INET6)
		return CURL_SOCKET_BAD;
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static bool set_headers(struct outbound *outbound)
{
	/* What libcurl would add by itself, and what would make a reply unreadable for us. */
	static const char *const own[] = {"Expect:", "Accept-Encoding: identity", NULL};
	const char *const *lists[] = {own, outbound->request.headers};

	for (size_t i = 0; i < 2; i++) {
		for (const char *const *header = lists[i]; header && *header; header++) {
			struct curl_slist *longer = curl_slist_append(outbound->headers, *header);
			if (!longer)
				return false;
			outbound->headers = longer;
		}
	}
	return curl_easy_setopt(outbound->way->easy, CURLOPT_HTTPHEADER, outbound->headers) == CURLE_OK;
}

static bool set_method(CURL *easy, const struct outbound_request *request)
{
	if (strcmp(request->method, "HEAD") == 0)
		return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
	if (strcmp(request->method, "POST") != 0)
		return curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	return curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body_bytes ? request->body : "") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes) == CURLE_OK;
}

/* All that guards this way stands here. */
static bool set_rules(CURL *easy, const struct outbound_request *request)
{
	const char *scheme = strncmp(request->url, "https:", 6) == 0 ? "https" : "http";
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, scheme);
	bad |= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, scheme);
	bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	bad |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	bad |= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	bad |= curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_ms);
	bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	/* A server that compresses all the same is read all the same. */
	bad |= curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "identity");
	if (request->ca_file)
		bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
	return bad == CURLE_OK;
}

static bool set_up(struct outbound *outbound)
{
	CURL *easy = outbound->way->easy;
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(easy, CURLOPT_URL, outbound->request.url);
	bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, outbound->error);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_came);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, outbound);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, head_came);
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, outbound);
	return bad == CURLE_OK && set_rules(easy, &outbound->request) && set_method(easy, &outbound->request) &&
	       set_headers(outbound) && curl_multi_add_handle(outbound->way->multi, easy) == CURLM_OK;
}

int outbound_open(struct outbound_pool *pool, const struct outbound_request *request, struct outbound **out_outbound)
{
	struct outbound *outbound = malloc(sizeof(*outbound));

	if (!outbound)
		return ERR_MEMORY;
	memset(outbound, 0, offsetof(struct outbound, buffer)); /* the buffer is large and needs it not */
	outbound->pool = pool;
	outbound->request = *request;
	outbound->begun_ms = outbound->alive_ms = outbound_now_ms();
	outbound->way = outbound_way_take(pool);
	if (!outbound->way || !set_up(outbound)) {
		outbound_close(outbound);
		return ERR_MEMORY;
	}
	*out_outbound = outbound;
	return 0;
}

static void look_for_the_end(struct outbound *outbound)
{
	int more;

	for (CURLMsg *message; (message = curl_multi_info_read(outbound->way->multi, &more));) {
		if (message->msg == CURLMSG_DONE) {
			outbound->done = true;
			outbound->result = message->data.result;
		}
	}
}

static int gone(struct outbound *outbound, int rc, const char *sentence)
{
	if (!outbound->why[0])
		snprintf(outbound->why, sizeof(outbound->why), "%s", sentence);
	return rc;
}

static int failed(struct outbound *outbound)
{
	const char *said = outbound->error[0] ? outbound->error : curl_easy_strerror(outbound->result);

	if (!outbound->why[0])
		snprintf(outbound->why, sizeof(outbound->why), "the model server: %s", said);
	return outbound->result == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_UNREACHABLE;
}

/* Did the client hang up? If it speaks on, it is not listened to until the reply is over. */
static bool client_left(struct outbound *outbound)
{
	char byte;
	ssize_t n = recv(outbound->request.client_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	outbound->client_speaks = n > 0;
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* Until something happens or `until_ms`. */
static int wait_for_it(struct outbound *outbound, uint64_t until_ms)
{
	struct curl_waitfd extra[2] = {{.fd = outbound->request.stop_fd, .events = CURL_WAIT_POLLIN},
				       {.fd = outbound->request.client_fd, .events = CURL_WAIT_POLLIN}};
	bool has_stop = extra[0].fd >= 0, has_client = extra[1].fd >= 0 && !outbound->client_speaks;
	struct curl_waitfd *first = has_stop ? extra : extra + 1;
	uint64_t now = outbound_now_ms(), over_ms = outbound->begun_ms + outbound->request.total_ms, left;
	int active;

	if (outbound->request.total_ms && over_ms < until_ms)
		until_ms = over_ms;
	left = until_ms > now ? until_ms - now : 0;
	if (!left)
		return gone(outbound, ERR_TIMEOUT,
			    outbound->head ? "the model server fell silent in the midst of its reply"
					   : "the model server did not reply in time");
	if (curl_multi_poll(outbound->way->multi, first, (unsigned)has_stop + (unsigned)has_client,
			    left < POLL_MS_MAX ? (int)left : POLL_MS_MAX, &active) != CURLM_OK)
		return gone(outbound, ERR_UNREACHABLE, "the connection to the model server cannot be waited for");
	if (has_stop && extra[0].revents)
		return gone(outbound, ERR_CANCELLED, "the run is being stopped");
	if (has_client && extra[1].revents && client_left(outbound))
		return gone(outbound, ERR_LOST, "the agent did not wait for the reply");
	return 0;
}

/* One round: what there is to do, and then waiting unless something came. */
static int round_of(struct outbound *outbound, bool *what, uint64_t until_ms)
{
	int running;

	if (outbound->paused && !outbound->bytes) {
		outbound->paused = false;
		curl_easy_pause(outbound->way->easy, CURLPAUSE_CONT);
	}
	if (curl_multi_perform(outbound->way->multi, &running) != CURLM_OK)
		return gone(outbound, ERR_UNREACHABLE, "the connection to the model server cannot be used");
	look_for_the_end(outbound);
	if (*what || outbound->done || outbound->bytes)
		return 0;
	return wait_for_it(outbound, until_ms);
}

int outbound_head(struct outbound *outbound, unsigned *out_status)
{
	uint64_t until = outbound->begun_ms + outbound->request.connect_ms + outbound->request.first_byte_ms;
	int rc = 0;

	while (!rc && !outbound->head && !outbound->done)
		rc = round_of(outbound, &outbound->head, until);
	if (rc)
		return rc;
	if (!outbound->head)
		return failed(outbound);
	*out_status = outbound->status;
	return 0;
}

long outbound_read(struct outbound *outbound, void *out_at, size_t bytes)
{
	bool never = false;
	uint64_t until = outbound_now_ms() + outbound->request.idle_ms;
	int rc = 0;

	while (!rc && !outbound->bytes && !outbound->done) {
		rc = round_of(outbound, &never, until);
		if (outbound->alive_ms + outbound->request.idle_ms > until)
			until = outbound->alive_ms + outbound->request.idle_ms;
	}
	if (rc)
		return rc;
	if (!outbound->bytes)
		return outbound->result == CURLE_OK ? 0 : failed(outbound);
	bytes = bytes < outbound->bytes ? bytes : outbound->bytes;
	memcpy(out_at, outbound->buffer + outbound->begin, bytes);
	outbound->begin += bytes;
	outbound->bytes -= bytes;
	if (!outbound->bytes)
		outbound->begin = 0;
	return (long)bytes;
}

const struct outbound_header *outbound_headers(const struct outbound *outbound, size_t *out_count)
{
	*out_count = outbound->header_count;
	return outbound->kept;
}

const char *outbound_header(const struct outbound *outbound, const char *name)
{
	for (size_t i = 0; i < outbound->header_count; i++) {
		if (strcasecmp(outbound->kept[i].name, name) == 0)
			return outbound->kept[i].value;
	}
	return NULL;
}

uint32_t outbound_retry_after(const struct outbound *outbound)
{
	curl_off_t seconds = 0;

	if (curl_easy_getinfo(outbound->way->easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds < 0)
		return 0;
	return seconds > 1000000 ? 1000000u : (uint32_t)seconds;
}

bool outbound_sent(const struct outbound *outbound)
{
	curl_off_t sent = 0;

	if (outbound->head)
		return true;
	return curl_easy_getinfo(outbound->way->easy, CURLINFO_SIZE_UPLOAD_T, &sent) == CURLE_OK &&
	       (size_t)sent >= outbound->request.body_bytes && sent > 0;
}

const char *outbound_why(const struct outbound *outbound)
{
	return outbound->why;
}

static void wipe_headers(struct curl_slist *headers)
{
	for (struct curl_slist *one = headers; one; one = one->next)
		explicit_bzero(one->data, strlen(one->data));
	curl_slist_free_all(headers);
}

void outbound_close(struct outbound *outbound)
{
	if (!outbound)
		return;
	if (outbound->way) {
		curl_multi_remove_handle(outbound->way->multi, outbound->way->easy);
		outbound_way_give(outbound->pool, outbound->way);
	}
	wipe_headers(outbound->headers);
	forget_headers(outbound);
	free(outbound);
}
