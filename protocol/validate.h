/* SPDX-License-Identifier: MIT
 *
 * Looks at bytes from outside before anything else does: is this one well-formed message, and where are its parts?
 *
 * Allocates nothing, recurses nowhere, passes over the bytes once. Refused: nesting deeper than 16, the message itself being
 * the first level; more than 4,096 nodes outside the payload; a length larger than the bytes left; extension types;
 * floating point outside the payload; text that is not UTF-8; a map with a key twice or a key that is no text; anything
 * but an array of five.
 * Format: https://github.com/msgpack/msgpack/blob/master/spec.md
 */
#ifndef PROTOCOL_VALIDATE_H
#define PROTOCOL_VALIDATE_H

#include <stddef.h>

#include "protocol/message.h"

#define VALIDATE_DEPTH_MAX     16u
#define VALIDATE_NODES_MAX     4096u
#define VALIDATE_KEYS_MAX      256u  /* entries of one map */
#define VALIDATE_KEYS_OPEN_MAX 1024u /* keys seen in all maps that are open at one point */

/* The five parts of a message, as borrowed spans of the frame. */
struct parts {
	uint32_t version;
	uint32_t type;
	struct bytes header;
	struct bytes facts;
	struct bytes payload; /* empty when the message has nil */
	struct bytes whole;
};

/* Takes the message at the front of `frame`. Returns 0; ERR_MALFORMED, ERR_TOO_LARGE (a payload over the limit; Snapshot has
 * none) or ERR_VERSION, and then `*out_parts` is untouched. The next message begins at out_parts->whole.at + whole.bytes. */
MUST_CHECK int validate_message(const uint8_t *frame, size_t frame_bytes, struct parts *out_parts);

/* Checks a whole frame: 1 to FRAME_MESSAGES_MAX messages and not a byte more. Returns as validate_message, and ERR_TOO_LARGE for a
 * frame over FRAME_BYTES_MAX or with too many messages; `*out_count` is then untouched and `out_parts` means nothing. */
MUST_CHECK int validate_frame(const uint8_t *frame, size_t frame_bytes, struct parts out_parts[FRAME_MESSAGES_MAX],
			      size_t *out_count);

#endif
