/* SPDX-License-Identifier: MIT
 *
 * Messages with a value of its own in every member, and comparing messages, made from messages.def.
 */
#ifndef TESTS_PROTOCOL_FILL_H
#define TESTS_PROTOCOL_FILL_H

#include "protocol/codec.h"
#include "protocol/message.h"

#define MESSAGES_MAX 64

/* All message types, in the order of messages.def. */
extern const enum message_type all_types[];
extern const size_t all_types_count;

/* Fills header, facts and body; text points to static memory. Another `salt` gives other values. */
void message_fill(struct message *out_message, enum message_type type, uint32_t salt);

/* Fails the test if a member differs. BODY members are compared, not the encoded payload. */
void assert_same_message(const struct message *a, const struct message *b);

/* The message as bytes in a heap block of exactly its size, so that reading past its end is seen. Free it. */
uint8_t *message_exact(const struct message *message, size_t *out_bytes);

#endif
