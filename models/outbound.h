/* SPDX-License-Identifier: MIT
 *
 * One request to a model server, over libcurl: sent whole, the reply read as it comes and no faster than it is wanted.
 *
 * A connection is kept for the next request. Only the server's scheme is spoken, no redirect is followed, no proxy, cookie or password file of
 * the environment is used, certificates are checked. Inner header of models/.
 */
#ifndef MODELS_OUTBOUND_H
#define MODELS_OUTBOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

/* Connections that nobody uses at the moment. May be shared by threads. */
struct outbound_pool;
struct outbound_pool *outbound_pool_new(void); /* NULL: out of memory, or libcurl cannot be used */
void outbound_pool_free(struct outbound_pool *pool);

struct outbound_request {
	const char *url;
	const char *method;         /* "GET", "HEAD", "POST" */
	const char *const *headers; /* "name: value", NULL last; wiped from memory afterwards as far as it is ours */
	const void *body;           /* borrowed until outbound_close */
	size_t body_bytes;
	const char *ca_file; /* NULL: the system's */
	uint32_t connect_ms, first_byte_ms, idle_ms;
	uint32_t total_ms; /* for all of it; 0: no limit */
	int stop_fd;       /* readable: give up; -1: none */
	int client_fd;     /* a socket: its end means that nobody wants the reply any more; -1: none */
};

#define OUTBOUND_HEADERS_MAX 32u

struct outbound_header {
	char *name, *value;
};

struct outbound;

/* Begins. 0 or ERR_MEMORY. */
MUST_CHECK int outbound_open(struct outbound_pool *pool, const struct outbound_request *request, struct outbound **out_outbound);

/* Waits for the head of the reply. 0; ERR_UNREACHABLE (no connection, or it broke), ERR_TIMEOUT, ERR_CANCELLED (stop_fd), ERR_LOST (the client
 * left). outbound_why says more. */
MUST_CHECK int outbound_head(struct outbound *outbound, unsigned *out_status);

/* After the head, borrowed until outbound_close. Those for which proxy_header_comes_in. */
const struct outbound_header *outbound_headers(const struct outbound *outbound, size_t *out_count);
const char *outbound_header(const struct outbound *outbound, const char *name); /* NULL: not there */
uint32_t outbound_retry_after(const struct outbound *outbound);                 /* seconds, from a number or a date; 0: none */
bool outbound_sent(const struct outbound *outbound);                            /* did the request leave as a whole? */

/* Waits for some of the body. Returns bytes, 0 at its end, or an error as above: it ended before its end. */
MUST_CHECK long outbound_read(struct outbound *outbound, void *out_at, size_t bytes);

const char *outbound_why(const struct outbound *outbound); /* a sentence about what went wrong; holds no header */
void outbound_close(struct outbound *outbound);            /* cuts what is under way; takes NULL */

uint64_t outbound_now_ms(void); /* CLOCK_BOOTTIME */

#endif
