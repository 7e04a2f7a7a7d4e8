/* SPDX-License-Identifier: MIT */
#include "tests/workspace/store/store_case.h"

#include <stdio.h>
#include <stdlib.h>

void store_open(struct store *store, const struct workspace_options *options)
{
	static const struct workspace_options usual = {.durability = DURABLE_MEMORY, .memory_max_bytes = 1u << 30};
	char sentence[WORKSPACE_SENTENCE_BYTES];

	if (workspace_open(options ? options : &usual, &store->workspace, sentence)) {
		fprintf(stderr, "the workspace does not open: %s\n", sentence);
		abort();
	}
	if (workspace_join(store->workspace, &store->agent))
		abort();
}

void store_close(struct store *store)
{
	workspace_leave(store->agent);
	if (workspace_close(store->workspace))
		abort();
}
