/* SPDX-License-Identifier: MIT
 *
 * Any bytes as an object of git. The first byte says of which type, whether a tree resembles another one, whether parents may be missing, and how it is judged; in
 * the rest %0 to %5 and {0} to {5} stand for the ids of objects that are there, in digits and in bytes, since no fuzzer finds those.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/workspace/store/object_check.h"
#include "tests/workspace/store/parse_cases.h"
#include "tests/workspace/store/store_case.h"

#define ROUNDS_MAX 20000u /* then the workspace begins anew: what was taken in stays in it */

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

static struct store store;
static struct oid ids[GROUND_COUNT];
static unsigned rounds;

static void give(void *context, const struct raw *raw, struct oid *out_id)
{
	const struct object *object;

	(void)context;
	if (object_make(store.agent, JUDGE_STRICT, raw->type, raw_bytes(raw), NULL, NULL, false, &object))
		abort();
	*out_id = *object_id(object);
}

static void renew(void)
{
	if (rounds++ % ROUNDS_MAX)
		return;
	if (rounds > 1)
		store_close(&store);
	store_open(&store, NULL);
	workspace_begin(store.agent);
	ground_make(ids, give, NULL);
	workspace_end(store.agent);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
	struct raw raw;
	bool taken;

	if (bytes == 0 || !raw_fill(&raw, (enum object_type)(1 + at[0] % 4), (const char *)at + 1, bytes - 1, ids))
		return 0;
	renew();
	workspace_begin(store.agent);
	const struct object *base = at[0] & 4 ? object_find(store.agent, &ids[GROUND_FOLDER]) : NULL;
	uint8_t *exact = malloc(raw.bytes ? raw.bytes : 1);
	if (!exact)
		abort();
	memcpy(exact, raw.at, raw.bytes);
	const char *wrong = object_check(store.agent, at[0] & 16 ? JUDGE_AS_READ : JUDGE_STRICT, raw.type,
					 (struct bytes){exact, raw.bytes}, object_as_tree(base), at[0] & 8, &taken);
	workspace_end(store.agent);
	free(exact);
	if (wrong) {
		fprintf(stderr, "%s\n", wrong);
		abort();
	}
	return 0;
}
