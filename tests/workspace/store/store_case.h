/* SPDX-License-Identifier: MIT
 *
 * A workspace in memory with one agent, for a test that needs nothing else.
 */
#ifndef TESTS_STORE_CASE_H
#define TESTS_STORE_CASE_H

#include "workspace/store/object.h"

struct store {
	struct workspace *workspace;
	struct workspace_agent *agent;
};

void store_open(struct store *store, const struct workspace_options *options); /* NULL: in memory, up to 1 GiB */
void store_close(struct store *store);

static inline struct bytes text_of(const char *text)
{
	return (struct bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

/* xorshift64*; `*random` is not 0. */
static inline uint32_t random_below(uint64_t *random, uint32_t below)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return (uint32_t)((*random * 0x2545f4914f6cdd1dull) >> 33) % below;
}

#endif
