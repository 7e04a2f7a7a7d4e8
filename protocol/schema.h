/* SPDX-License-Identifier: MIT
 *
 * messages.def and names.def as tables, for code that treats all messages alike: codec, JSON, documents, tests.
 */
#ifndef PROTOCOL_SCHEMA_H
#define PROTOCOL_SCHEMA_H

#include <stddef.h>

#include "protocol/message.h"

#define FIELDS_MAX 24u /* of one message */

#define KIND_LIST(X)                                                                                                             \
	X(u32)                                                                                                                   \
	X(u64)                                                                                                                   \
	X(flag) X(id) X(hash) X(text) X(bytes) X(json) X(priority) X(error) X(verb) X(state) X(severity) X(subject) X(presence)

enum kind {
#define KIND(name) KIND_##name,
	KIND_LIST(KIND)
#undef KIND
		KIND_COUNT
};

struct field {
	const char *name; /* NULL ends the list */
	const char *sentence;
	enum kind kind;
	bool body;     /* BODY, else FACT */
	size_t offset; /* of the member within struct message */
};

/* One message. Facts come first, in the order of the wire. */
struct schema {
	const char *name; /* "TaskRequest" */
	const char *sentence;
	uint32_t code;
	uint32_t from;
	uint32_t to;
	struct field field[FIELDS_MAX + 1];
};

const struct schema *schema_find(uint32_t code); /* NULL: unknown */
const struct schema *schema_at(size_t index);    /* in the order of messages.def; NULL past the end */
const char *kind_name(enum kind kind);

/* One value of an enumeration. */
struct value {
	enum kind kind;
	const char *name;
	uint32_t code;
};
const struct value *value_at(size_t index); /* in the order of names.def; NULL past the end */

/* Name of a value of an enumeration, `error` included; NULL if it has none. */
const char *value_name(enum kind kind, uint32_t code);
/* Code of a name of an enumeration; 0 if unknown. */
uint32_t value_find(enum kind kind, const char *name);
/* True for the kinds that are names for people and a u32 on the wire. */
bool kind_is_enumeration(enum kind kind);

#endif
