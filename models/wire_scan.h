/* SPDX-License-Identifier: MIT
 *
 * JSON (RFC 8259) read as it comes, in pieces of any size and in memory of a fixed size: for each string, number and word the place where it
 * stands. What a value is too long for is counted and not kept. Inner header of models/.
 */
#ifndef MODELS_WIRE_SCAN_H
#define MODELS_WIRE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_SCAN_DEPTH_MAX   512u /* deeper nesting is garbage */
#define WIRE_SCAN_LEVELS      16u  /* deeper places have no name */
#define WIRE_SCAN_PLACE_BYTES 160u
#define WIRE_SCAN_VALUE_BYTES 160u

enum wire_scan_kind { WIRE_SCAN_STRING, WIRE_SCAN_NUMBER, WIRE_SCAN_TRUE, WIRE_SCAN_FALSE, WIRE_SCAN_NULL };

/* Borrowed for the length of the call. */
struct wire_scan_value {
	enum wire_scan_kind kind;
	const char *place; /* "message.usage.input_tokens": keys with dots between; lists add nothing; "" at the top */
	const char *text;  /* its beginning, NUL-terminated; in strings an escape is one character, beyond ASCII a "?" */
	uint64_t bytes;    /* of all of it */
};
typedef void wire_scan_function(void *context, const struct wire_scan_value *value);

struct wire_scan {
	wire_scan_function *function;
	void *context;
	uint8_t state;
	bool is_key, broken, named; /* named: `place` says where we are */
	uint8_t escape_digits;      /* still to come */
	uint16_t escape;
	uint16_t depth, nameless;                   /* containers around; of them those without a name */
	uint8_t objects[WIRE_SCAN_DEPTH_MAX / 8];   /* by depth: is it an object? */
	uint16_t place_bytes[WIRE_SCAN_LEVELS + 1]; /* by depth: of `place` in that container */
	char place[WIRE_SCAN_PLACE_BYTES];
	char text[WIRE_SCAN_VALUE_BYTES];
	uint64_t bytes;
	uint64_t documents; /* that came to their end */
};

void wire_scan_init(struct wire_scan *scan, wire_scan_function *function, void *context);

/* Takes any piece. False: these bytes are no JSON; the rest of the piece was not read, and nothing is read until wire_scan_restart. Values may
 * follow one another with or without white space. */
bool wire_scan_feed(struct wire_scan *scan, const void *at, size_t bytes);

/* The document is over: true if it ended where one may end. Begins anew. */
bool wire_scan_restart(struct wire_scan *scan);

/* Is nothing open: no container, no value half read? */
bool wire_scan_idle(const struct wire_scan *scan);

/* A number as a count: fractions are cut, negatives are 0, what is too large saturates. */
uint64_t wire_scan_count(const char *text);

#endif
