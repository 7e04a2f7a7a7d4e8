/* SPDX-License-Identifier: MIT
 *
 * JSON pointers (RFC 6901): "/error/data/statusCode", "/content/0/text"; "" is the whole value.
 */
#ifndef CLONES_AGENTS_POINTER_H
#define CLONES_AGENTS_POINTER_H

#include <jansson.h>
#include <stdbool.h>

#define POINTER_TOKEN_BYTES 256u

/* Is this a pointer: "" or "/…", each "~" followed by 0 or 1, no token of POINTER_TOKEN_BYTES or more? */
bool pointer_check(const char *pointer);

/* What it points at, borrowed; NULL: nothing, or no pointer, or `pointer` is NULL. "-" (after the end of an array) is nothing. */
json_t *pointer_find(const json_t *value, const char *pointer);

#endif
