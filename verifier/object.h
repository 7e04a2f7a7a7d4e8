/* SPDX-License-Identifier: MIT
 *
 * Reads one JSON object (RFC 8259) into the places of its members, allocating nothing. What is nested is checked and skipped.
 *
 * Stricter than the RFC where two readers could understand two things: no member may be there twice, text is UTF-8, nothing follows the
 * object but white space. Nesting ends at OBJECT_DEPTH_MAX.
 */
#ifndef VERIFIER_OBJECT_H
#define VERIFIER_OBJECT_H

#include "verifier/span.h"

#define OBJECT_MEMBERS_MAX 48u
#define OBJECT_DEPTH_MAX   64u

enum value_kind { VALUE_NONE, VALUE_NULL, VALUE_TRUE, VALUE_FALSE, VALUE_NUMBER, VALUE_TEXT, VALUE_ARRAY, VALUE_OBJECT };

struct value {
	enum value_kind kind; /* VALUE_NONE: there is no such member */
	struct span raw;      /* as it stands; of a text without its quotes */
	bool plain;           /* a text without escapes: raw is what it says */
};

struct object {
	size_t count;
	struct {
		struct span name; /* must be plain */
		struct value value;
	} member[OBJECT_MEMBERS_MAX];
};

/* False with a sentence that says at which byte what was wrong. */
bool object_read(struct span text, struct object *out_object, char out_why[160]);

struct value object_get(const struct object *object, const char *name);

/* The values of an array that was read, one after the other: begin with *offset 0. False at the end. */
bool array_next(const struct value *array, size_t *offset, struct value *out_value);

/* A number that is whole and not negative. */
bool value_number(const struct value *value, uint64_t *out_number);

/* What a text says, with its escapes undone; `out` needs raw.bytes of room. Returns the bytes. */
size_t value_text(const struct value *value, uint8_t *out);

#endif
