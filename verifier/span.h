/* SPDX-License-Identifier: MIT
 *
 * Bytes that belong to somebody else, and how they are written as text. Whatever is not exactly the one right spelling is refused: a proof that
 * could be spelled in two ways could be changed without being noticed.
 */
#ifndef VERIFIER_SPAN_H
#define VERIFIER_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const uint8_t *at; /* may be NULL if there are no bytes */
	size_t bytes;
};

struct span span_of_text(const char *text);
bool span_equal(struct span a, struct span b);
bool span_is(struct span span, const char *text);
bool span_begins(struct span span, const char *text);

/* Takes the first line off `rest`, without its newline; the last one may have none. False at the end. */
bool span_line(struct span *rest, struct span *out_line);

/* Decimal without sign and leading zeros, at most 2^64 - 1. */
bool span_number(struct span text, uint64_t *out_value);

/* Base64 (RFC 4648, section 4) with padding, unused bits zero. `*out_bytes` is what it gives; false also if that is more than `capacity`. */
bool span_base64(struct span text, uint8_t *out, size_t capacity, size_t *out_bytes);

/* Hexadecimal in small letters, exactly 2 * `bytes` of them. */
bool span_hex(struct span text, uint8_t *out, size_t bytes);

void hex_write(const uint8_t *at, size_t bytes, char *out_text); /* 2 * bytes + 1 */

#endif
