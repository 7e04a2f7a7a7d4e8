/* SPDX-License-Identifier: MIT
 *
 * Ids as text: UUIDs in the form of RFC 9562, 8-4-4-4-12 lower-case hexadecimal digits.
 */
#ifndef PROTOCOL_ID_H
#define PROTOCOL_ID_H

#include <stddef.h>

#include "protocol/message.h"

#define ID_TEXT_BYTES 37u /* with NUL */

/* Writes the 36 digits and a NUL. */
void id_print(const struct id *id, char out_text[ID_TEXT_BYTES]);

/* Reads a UUID with or without hyphens. Returns 0 or ERR_MALFORMED. */
MUST_CHECK int id_parse(const char *text, size_t text_bytes, struct id *out_id);

/* A UUIDv7 (RFC 9562, section 5.7) from a UTC time and 10 random bytes. */
struct id id_make(uint64_t unix_ms, const uint8_t random[10]);

/* Lower-case hexadecimal of any bytes; `out_text` takes 2 * bytes + 1 characters. */
void hex_print(const uint8_t *at, size_t bytes, char *out_text);

/* Reads exactly `bytes` bytes of hexadecimal. Returns 0 or ERR_MALFORMED. */
MUST_CHECK int hex_parse(const char *text, size_t text_bytes, uint8_t *out, size_t bytes);

#endif
