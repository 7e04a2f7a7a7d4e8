/* SPDX-License-Identifier: MIT
 *
 * Messages as bytes: [version, type, header[], facts[], payload] in MessagePack, by msgpack-c.
 *
 * header = [message_id, correlation, task_id, sender, recipient, sender_seq, sent_at_ms, traceparent, masked]; an absent id or
 * name is nil, and masked is left out where it is 0. facts = the FACT members of messages.def in order; an absent id or hash is nil. payload = nil, or a map from the
 * names of the BODY members that are present. Readers skip surplus elements and unknown keys, and give a missing one, or
 * one that is nil, its default. The encoding is canonical: the same message is always the same bytes.
 *
 * Packing is msgpack-c's. Reading uses the validator's own token reader: it allocates nothing, and what was validated cannot
 * be understood differently afterwards.
 */
#ifndef PROTOCOL_CODEC_H
#define PROTOCOL_CODEC_H

#include <stddef.h>

#include "protocol/message.h"
#include "protocol/validate.h"

/* Bytes that grow. Zero it to begin; buffer_release gives the memory back. */
struct buffer {
	uint8_t *at;
	size_t bytes;
	size_t capacity;
};
void buffer_release(struct buffer *buffer);
MUST_CHECK int buffer_append(struct buffer *buffer, const void *at, size_t bytes); /* 0 or ERR_MEMORY, then unchanged */

/* Each appends to `buffer`; 0 or ERR_MEMORY, ERR_TOO_LARGE (payload over the limit; Snapshot has none), ERR_MALFORMED (text that is
 * not UTF-8, which every reader would refuse), and then it is unchanged. */
MUST_CHECK int message_encode(const struct message *message, struct buffer *buffer);
MUST_CHECK int message_encode_header(const struct message *message, struct buffer *buffer);
MUST_CHECK int message_encode_facts(const struct message *message, struct buffer *buffer);
MUST_CHECK int message_encode_payload(const struct message *message, struct buffer *buffer); /* a nil where there is nothing */

/* A message from its three encoded parts, as a trail keeps them; an empty payload becomes nil. */
MUST_CHECK int message_join(enum message_type type, struct bytes header, struct bytes facts, struct bytes payload,
			    struct buffer *buffer);

/* Header and facts of a validated message; the BODY members stay empty and `payload` is set. Text borrows from the frame.
 * A type that is not known here keeps its code and has no facts: message_known tells, and nobody may say it (message_allowed).
 * Returns 0 or ERR_MALFORMED (an element of the wrong kind, a name too long or with control characters); allocates nothing. */
MUST_CHECK int message_decode(const struct parts *parts, struct message *out_message);

/* Fills the BODY members of `message` from its payload, which was validated with the frame or came from the trail.
 * Returns 0 or ERR_MALFORMED (a member of the wrong kind), and then the BODY members are empty. */
MUST_CHECK int message_decode_payload(struct message *message);

#endif
