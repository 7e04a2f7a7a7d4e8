/* SPDX-License-Identifier: MIT
 *
 * Known secrets in messages: masked in a payload, in place, and refused anywhere else.
 */
#ifndef ACTORS_MASK_H
#define ACTORS_MASK_H

#include "actors/vault.h"
#include "protocol/validate.h"

/* Looks through one message before anybody else does. What is found in a payload is overwritten in the frame that `parts` point into, which must
 * be the caller's to write; `message->header.masked` says in how many places, whatever the sender had put there. ArtefactPut's data is left to
 * whoever sees the whole artefact.
 *
 * Returns 0, or ERR_SECRET: a known value stands in the header, the facts, an idempotency key or a name within the payload. `*out_kind` then
 * says what it is. */
MUST_CHECK int mask_message(struct vault *vault, const struct parts *parts, struct message *message, const char **out_kind);

/* The same for a payload of our own making, whose names are ours. Returns the places. */
uint32_t mask_payload(struct vault *vault, enum message_type type, uint8_t *at, size_t bytes);

#endif
