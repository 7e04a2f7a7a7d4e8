/* SPDX-License-Identifier: MIT
 *
 * What the files of the proxy share. libmicrohttpd gives each connection of the agent a thread; that thread reads a request, waits for its turn,
 * sends it on and drives the reply, so a request belongs to one thread from its beginning to its end. What they share is behind `lock`.
 */
#ifndef MODELS_PROXY_INNER_H
#define MODELS_PROXY_INNER_H

#include <microhttpd.h>
#include <pthread.h>

#include "models/budget.h"
#include "models/outbound.h"
#include "models/proxy.h"
#include "models/target.h"

#define PROXY_CONNECTIONS_MAX 128u
#define PROXY_KEY_BYTES_MAX   1000u
#define PROXY_HELD_MS_MAX     20000u /* a request that comes before the server wants one waits so long at most; else it is refused */
#define PROXY_LOG_BYTES_MAX   (16ull << 20) /* then the log ends */
#define PROXY_OUT_GUESS       32768u        /* what may come back for a request that sets no bound */
#define PROXY_TOKENS_A_SECOND 200u          /* no server writes faster: for replies that nobody waited for */

struct proxy {
	struct proxy_options options; /* its texts are copies, or NULL */
	struct proxy_server server;
	struct outbound_pool *pool;
	struct MHD_Daemon *daemon;
	int stop_fd; /* an eventfd: readable from proxy_stop on, for ever */
	int log_fd;
	bool made; /* the socket is there and ours */

	pthread_mutex_t lock;
	pthread_cond_t changed; /* something was given back, or the stop has begun */
	bool stopping;
	struct proxy_budget budget;
	struct proxy_count count; /* all but what follows from the budget */
	uint64_t wanted_at_ms;    /* the server asked for silence until then; 0: it did not */
	uint64_t body_bytes;      /* of all requests that are being read or are under way */
	uint64_t log_bytes;
};

enum request_end {
	REQUEST_OPEN,
	REQUEST_COMPLETE,
	REQUEST_REFUSED,
	REQUEST_FAILED,
	REQUEST_DROPPED,
	REQUEST_LEFT,
	REQUEST_STOPPED
};

struct proxy_request {
	struct proxy *proxy;
	struct MHD_Connection *connection;
	char *asked; /* the target as it came */
	char method[8];
	char target[PROXY_TARGET_BYTES];
	bool begun, close; /* the head was judged; nothing more is read from this connection */
	unsigned refusal;  /* the status to refuse with, or 0 */
	char why[PROXY_WHY_BYTES];
	enum wire wire;
	struct proxy_head head;
	uint8_t *body;
	size_t body_bytes, body_room;
	uint64_t charged_bytes, dropped_bytes; /* of the body: in proxy->body_bytes; read and not kept */
	struct wire_request said;

	uint64_t begun_ms, first_ms;
	struct proxy_share share;
	bool shared; /* `share` is set aside */
	struct outbound *outbound;
	struct wire_reply *reply;
	uint64_t reply_bytes;
	size_t kept_bytes; /* of the reply: perhaps the beginning of the key, not passed on yet */
	char kept[PROXY_KEY_BYTES_MAX];
	unsigned status;
	enum request_end end; /* OPEN until it is settled */
};

/* proxy_turn.c: waits until the request may be sent, and sets its share aside. 0, or the status to refuse with (0 is never "stopped"). */
unsigned proxy_turn_take(struct proxy_request *request, uint32_t *out_retry_after_ms);
/* The request is over: counts, gives back, logs. Once; later calls do nothing. */
void proxy_settle(struct proxy_request *request, enum request_end end);

/* proxy_answer.c: answers a request that is read as a whole. */
enum MHD_Result proxy_answer(struct proxy_request *request);
/* Answers in the words of the wire. `retry_after_ms` 0: none. */
enum MHD_Result proxy_refuse(struct proxy_request *request, unsigned status, const char *sentence, uint32_t retry_after_ms);

/* proxy_request.c */
void *proxy_request_begins(void *proxy, const char *uri, struct MHD_Connection *connection);
enum MHD_Result proxy_request_comes(void *proxy, struct MHD_Connection *connection, const char *url, const char *method,
				    const char *version, const char *at, size_t *bytes, void **request);
void proxy_request_ends(void *proxy, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code);
int proxy_client_fd(struct MHD_Connection *connection);

/* proxy_log.c: 0 or ERR_IO. */
MUST_CHECK int proxy_log_open(struct proxy *proxy);
void proxy_log_write(struct proxy_request *request, const struct wire_facts *facts, uint64_t microusd); /* under the lock */

#endif
