/* SPDX-License-Identifier: MIT
 *
 * Objects as bytes, good ones and such as an attacker or an old program would write: ones by hand, and mutations of all of them.
 */
#ifndef TESTS_PARSE_CASES_H
#define TESTS_PARSE_CASES_H

#include "workspace/store/object.h"

#define RAW_MAX 640u

/* What everything may name: a blob, an empty tree, a tree, two commits, a tag. */
enum ground { GROUND_BLOB, GROUND_TREE, GROUND_FOLDER, GROUND_COMMIT, GROUND_CHILD, GROUND_TAG, GROUND_COUNT };

struct raw {
	enum object_type type;
	uint32_t bytes;
	uint8_t at[RAW_MAX];
};

/* In an order in which each names only those before it. `give` gets each with its bytes, and says its id. */
typedef void raw_given(void *context, const struct raw *raw, struct oid *out_id);
void ground_make(struct oid ids[GROUND_COUNT], raw_given *give, void *context);

/* Bytes from a text in which %0 to %5 stand for the digits of those ids, and {0} to {5} for their bytes; false if there is no room. */
bool raw_fill(struct raw *raw, enum object_type type, const char *text, size_t bytes, const struct oid ids[GROUND_COUNT]);

/* The cases by hand; NULL behind the last one. */
const struct raw *raw_case(const struct oid ids[GROUND_COUNT], size_t number);

/* One of them with a few bytes or lines changed. */
void raw_mutate(struct raw *raw, uint64_t *random);

static inline struct bytes raw_bytes(const struct raw *raw)
{
	return (struct bytes){raw->at, raw->bytes};
}

#endif
