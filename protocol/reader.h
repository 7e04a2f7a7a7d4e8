/* SPDX-License-Identifier: MIT
 *
 * MessagePack, one token at a time, without memory of its own. The validator and the decoder share it, so they can never
 * read the same bytes differently.
 */
#ifndef PROTOCOL_READER_H
#define PROTOCOL_READER_H

#include <stddef.h>

#include "protocol/message.h"

enum token_kind {
	TOKEN_NIL,
	TOKEN_FLAG,
	TOKEN_UNSIGNED,
	TOKEN_NEGATIVE,
	TOKEN_FLOAT,
	TOKEN_TEXT,
	TOKEN_BYTES,
	TOKEN_ARRAY,
	TOKEN_MAP
};

struct token {
	enum token_kind kind;
	uint32_t count;    /* bytes of a text, elements of an array, entries of a map */
	uint64_t number;   /* of TOKEN_UNSIGNED; 0 or 1 of TOKEN_FLAG */
	const uint8_t *at; /* of TOKEN_TEXT and TOKEN_BYTES, within the frame */
};

struct reader {
	const uint8_t *at;
	const uint8_t *end;
};

/* Takes one token: a scalar whole, of an array or map its head. Returns 0; ERR_MALFORMED at the end, for an extension, for the
 * unused byte 0xc1, and for a length or count that the bytes left cannot hold. */
MUST_CHECK int reader_next(struct reader *reader, struct token *out_token);

/* Passes over one value with all that is in it. Returns as reader_next. */
MUST_CHECK int reader_skip(struct reader *reader);

/* True if the bytes are UTF-8 (RFC 3629: no surrogates, nothing overlong, nothing over U+10FFFF). */
bool utf8_check(const uint8_t *at, size_t bytes);

#endif
