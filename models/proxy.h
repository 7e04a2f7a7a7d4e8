/* SPDX-License-Identifier: MIT
 *
 * The way of an agent to its model server, and the only one: a Unix socket that speaks HTTP/1.1 to the agent (through the sandbox's relay) and HTTP or HTTPS to
 * one server. It puts the real key in the place of whatever the agent presents, so that the agent never holds it; counts what the server says
 * that was used; and stops at a budget, which is reserved before a request is sent and refunded afterwards.
 *
 * What it refuses: paths that do not begin with what the server is configured for, other hosts, upgrades, CONNECT, absolute request targets that name another server, bodies over a limit. It
 * follows no redirect and uses no proxy of the environment. The key never stands in a log, an error or an event.
 *
 * Threads: proxy_open starts what it needs; every function may be called from one thread of the caller. libcurl does the way out, libmicrohttpd the way in.
 */
#ifndef MODELS_PROXY_H
#define MODELS_PROXY_H

#include "models/price.h"

struct proxy;

struct proxy_options {
	const char *socket; /* absolute path of the Unix socket to make, mode 0600; at most 100 bytes */
	const char *server; /* "https://api.anthropic.com", "http://127.0.0.1:8080/base"; nothing else than http and https */
	const char *key;    /* NULL: none is sent, and what the agent presents is dropped */
	const char *
		key_header; /* "x-api-key", "authorization" (then "Bearer KEY"), "x-goog-api-key"; NULL: as the wire of each request has it */
	struct price price;
	uint64_t tokens_max;                         /* of all requests together, in and out; 0: no limit */
	uint64_t microusd_max;                       /* 0: no limit */
	uint32_t requests_max;                       /* 0: no limit */
	uint32_t connect_ms, first_byte_ms, idle_ms; /* of one request; 0: 10,000, 120,000, 60,000 */
	uint64_t body_bytes_max;                     /* 0: 32 MiB */
	const char *
		log; /* absolute: a file that gets one JSON line per request {at, method, path, wire, model, status, in, out, …}, no body, no key; NULL: none */
};

/* 0; ERR_USAGE (an option; the sentence says which), ERR_IO, ERR_MEMORY, ERR_SYSTEM. The key is copied and wiped at the end. */
MUST_CHECK int proxy_open(const struct proxy_options *options, struct proxy **out_proxy, char out_why[256]);

struct proxy_count {
	struct wire_usage usage; /* as the server said; of replies that did not say it, guessed from their size */
	uint64_t guessed;        /* replies whose usage was guessed */
	uint64_t microusd;
	uint64_t reserved_tokens, reserved_microusd; /* of requests that are under way */
	uint32_t requests, failures, refused;        /* sent on; answered with an error; refused here */
	uint32_t rate_limited;                       /* answered with 429 or 529 */
	uint32_t retry_after_ms;                     /* the last that a server asked for; 0: none */
	unsigned last_status;
	bool spent;                   /* a request was refused because of the budget: the agent is to be stopped */
	uint64_t last_byte_ms;        /* CLOCK_BOOTTIME of the last byte that came from the server; 0: none */
	char model[WIRE_MODEL_BYTES]; /* of the last reply */
};
void proxy_count(struct proxy *proxy, struct proxy_count *out_count);

/* Nothing more is sent on (a staged stop has begun); requests under way are cut. */
void proxy_stop(struct proxy *proxy);
void proxy_close(struct proxy *proxy); /* removes the socket; takes NULL */

#endif
