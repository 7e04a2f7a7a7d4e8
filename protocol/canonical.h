/* SPDX-License-Identifier: MIT
 *
 * Canonical JSON (RFC 8785): one value has one text, so that texts can be compared, hashed and signed.
 *
 * No white space; members in the order of their names as UTF-16 code units; the fewest escapes; numbers as ECMAScript prints them.
 */
#ifndef PROTOCOL_CANONICAL_H
#define PROTOCOL_CANONICAL_H

#include <jansson.h>

#include "protocol/codec.h"

#define CANONICAL_NUMBER_BYTES 48u

/* Appends `json`. A whole number beyond 2^53 - 1, which a reader that computes with doubles would change, stands as a string of its
 * digits (RFC 8785, appendix D). 0 or ERR_MEMORY, and then `buffer` holds a part of it. */
MUST_CHECK int canonical_json(json_t *json, struct buffer *buffer);

/* Appends a string with its quotation marks. The text must be UTF-8. 0 or ERR_MEMORY. */
MUST_CHECK int canonical_string(const char *text, size_t bytes, struct buffer *buffer);

/* Appends a whole number as canonical_json does. 0 or ERR_MEMORY. */
MUST_CHECK int canonical_integer(int64_t value, struct buffer *buffer);

/* A finite number as ECMAScript prints it (ECMA-262, Number::toString), ended by NUL: the fewest digits that give it back. */
void canonical_number(double value, char out[CANONICAL_NUMBER_BYTES]);

#endif
