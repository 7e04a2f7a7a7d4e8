/* SPDX-License-Identifier: MIT
 *
 * What a peer has to say to Omega: messages that wait to be sent, and messages that were sent but are not yet known to be durable.
 */
#ifndef ACTORS_SPOOL_H
#define ACTORS_SPOOL_H

#include "protocol/codec.h"
#include "protocol/message.h"

enum spool_kind {
	SPOOL_PASSING, /* numbered, gone once sent, dropped when the connection breaks */
	SPOOL_KEPT,    /* numbered, kept until covered */
	SPOOL_LOOSE,   /* not numbered, gone once sent, dropped when the connection breaks */
};

struct spool_item;
struct spool_list {
	struct spool_item *first;
	struct spool_item *last;
};

/* Zero it to begin. */
struct spool {
	struct spool_list waiting;
	struct spool_list sent; /* kept ones, by ascending sequence number */
	size_t count;
	uint64_t last_seq; /* of this connection */
	struct buffer facts;
	struct buffer payload;
	struct buffer header;
};

void spool_release(struct spool *spool);

/* Encodes and queues. 0, ERR_MEMORY, ERR_TOO_LARGE. */
MUST_CHECK int spool_add(struct spool *spool, const struct message *message, enum spool_kind kind);

/* Appends waiting messages to `frame`, at most `messages_max` of them and none after FRAME_TARGET_BYTES. Nothing is taken off
 * before spool_sent is called with the count. Returns the count, or ERR_MEMORY. */
int spool_frame(struct spool *spool, size_t messages_max, struct buffer *frame);
void spool_sent(struct spool *spool, size_t count);

/* Kept messages up to this sequence number are durable. */
void spool_cover(struct spool *spool, uint64_t through);

/* A new connection: kept ones wait again, numbers begin anew, passing ones are dropped. */
void spool_rewind(struct spool *spool);

/* The oldest message that was sent and is not covered; 0: none. */
uint64_t spool_oldest(const struct spool *spool);

bool spool_holds(const struct spool *spool, const struct id *message_id);

#endif
