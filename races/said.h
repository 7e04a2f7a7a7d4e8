/* SPDX-License-Identifier: MIT
 *
 * What others said, read without trust: every function takes NULL and values of any kind, and nothing that is read has to be there.
 */
#ifndef RACES_SAID_H
#define RACES_SAID_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SAID_ID_BYTES 65u /* an object id of git, SHA-1 or SHA-256, with NUL */

const char *said_text(const json_t *object, const char *name);   /* "" where there is no text */
uint64_t said_number(const json_t *object, const char *name);    /* 0 where there is no whole number, or a negative one */
bool said_true(const json_t *object, const char *name);          /* only `true` is */
const json_t *said_list(const json_t *object, const char *name); /* NULL where there is no array */

bool said_is_id(const char *text); /* 40 or 64 lower-case hexadecimal digits */

/* At most `most` bytes of it as a JSON string, cut between characters and then ending in "…". Control characters become spaces. NULL: null. */
json_t *said_cut(const char *text, size_t most);

/* Copies as much as fits, cut between characters. */
void said_copy(char *out, size_t capacity, const char *text);

/* Appends; what does not fit is left out whole, between characters. */
void said_add(char *out, size_t capacity, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* a + b, at most UINT64_MAX / 2: sums of what others say cannot turn over. */
uint64_t said_sum(uint64_t a, uint64_t b);

#endif
