/* SPDX-License-Identifier: MIT
 *
 * The way of an agent to its model server, and the only one: a Unix socket that speaks HTTP/1.1 to the agent (through the sandbox's relay) and HTTP or HTTPS to
 * one server. It puts the real key in the place of whatever the agent presents, so that the agent never holds it; counts what the server says
 * that was used; and stops at a budget, which is reserved before a request is sent and refunded afterwards.
 *
 * What the agent asks for at PATH is asked of the server at its own address followed by PATH: of "https://example.com/base" and "/v1/messages",
 * "https://example.com/base/v1/messages". So the agent's endpoint is always http://127.0.0.1:PORT, and it cannot leave the base.
 *
 * What is sent on: questions to models in a wire that can be counted (wire_of_path), counts of tokens, lists of models; of the headers and parameters
 * those that mean something there (target.c). What is refused: every other path, method and Host, absolute targets, CONNECT, upgrades, dots and
 * slashes behind percent signs, control characters, a length given twice, compressed bodies, answers in the background, bodies over a limit. No redirect is
 * followed and no proxy, cookie or password file of the environment used. The key never stands in a log, an error or an event.
 *
 * What is not seen: what the server itself does for a request (searching, fetching an address that stands in it). That is switched off at the server.
 *
 * The budget. Before a request is sent, its upper bound is set aside: twice the tokens that so many bytes usually have, and what may come back at most
 * (32,768 where it does not say). If less is left, it gets what is left, and nobody else is let in until it is over. A request that finds nothing
 * to set aside waits until another gives back; one that comes when all is spent is refused with 400 in its wire's words, which no program
 * tries again. So as long as the bounds hold, counted tokens and money exceed their limit by less than one reply in the end, however many
 * requests were under way. A reply that was cut, or whose server does not count, is guessed and marked as such.
 *
 * Rate limits. After a reply that asks to wait (Retry-After), requests that come too early are held back for up to 20 seconds; where the wait is
 * longer they are answered here, with 429 and what is left of it.
 *
 * Threads: proxy_open starts what it needs, a thread for each connection of the agent with all signals blocked; every function may be called from
 * any thread but close. libcurl does the way out, libmicrohttpd the way in.
 */
#ifndef MODELS_PROXY_H
#define MODELS_PROXY_H

#include "models/price.h"

struct proxy;

struct proxy_options {
	const char *socket; /* absolute path of the Unix socket to make, mode 0600; at most 100 bytes; nothing may be there */
	const char *server; /* "https://api.anthropic.com", "http://127.0.0.1:8080/base"; nothing else than http and https */
	const char *key;    /* NULL: none is sent, and what the agent presents is dropped */
	/* "x-api-key", "authorization" (then "Bearer KEY"), "x-goog-api-key", …; NULL: as the wire of each request has it */
	const char *key_header;
	struct price price;
	uint64_t tokens_max;                         /* of all requests together, in and out; 0: no limit */
	uint64_t microusd_max;                       /* 0: no limit */
	uint32_t requests_max;                       /* 0: no limit */
	uint32_t connect_ms, first_byte_ms, idle_ms; /* of one request; 0: 10,000, 120,000, 60,000 */
	uint64_t body_bytes_max;                     /* 0: 32 MiB */
	const char *ca_file; /* absolute: certificates to trust instead of the system's (PEM); NULL: the system's */
	/* Absolute: a file that gets one line of JSON for each request {at_ms, method, path, wire, status, end, model, in, out, …, why}, no body
	 * and no header, up to 16 MiB; NULL: none */
	const char *log;
};

/* 0; ERR_USAGE (an option; the sentence says which), ERR_IO, ERR_MEMORY, ERR_SYSTEM. The key is copied and wiped at the end. */
MUST_CHECK int proxy_open(const struct proxy_options *options, struct proxy **out_proxy, char out_why[256]);

struct proxy_count {
	struct wire_usage usage; /* as the server said; of replies that did not say it, guessed from their size */
	uint64_t guessed;        /* replies whose usage was guessed */
	uint64_t microusd;
	uint64_t reserved_tokens, reserved_microusd; /* of requests that are under way */
	uint32_t requests, failures;                 /* sent on; answered with an error, or not at all */
	uint32_t refused;                            /* here; programs try addresses that are none, so a few mean nothing */
	uint32_t rate_limited;                       /* answered with 429 or 529 */
	uint32_t retry_after_ms;                     /* the last that a server asked for; 0: none */
	unsigned last_status;
	/* How the last reply of a model ended that the agent waited for. OPEN: it broke off, or there was none */
	enum wire_ending last_ending;
	bool spent;                   /* a request was refused because of the budget: the agent is to be stopped */
	uint64_t last_byte_ms;        /* CLOCK_BOOTTIME of the last byte that came from the server; 0: none */
	char model[WIRE_MODEL_BYTES]; /* of the last reply */
};
void proxy_count(struct proxy *proxy, struct proxy_count *out_count);

/* Nothing more is sent on (a staged stop has begun); requests under way are cut. */
void proxy_stop(struct proxy *proxy);
void proxy_close(struct proxy *proxy); /* removes the socket; takes NULL */

#endif
