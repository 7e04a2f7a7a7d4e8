/* SPDX-License-Identifier: MIT
 *
 * Pairs of files with their count: a table with open addressing, at most half full.
 */
#include "tools/history.h"

#include <stdlib.h>

struct pairs {
	struct pair *at;
	size_t slots; /* a power of two */
	size_t count;
	size_t dropped;
};

struct pairs *pairs_new(void)
{
	struct pairs *pairs = calloc(1, sizeof(*pairs));

	if (!pairs)
		return NULL;
	pairs->slots = 4096;
	pairs->at = calloc(pairs->slots, sizeof(pairs->at[0]));
	if (pairs->at)
		return pairs;
	free(pairs);
	return NULL;
}

void pairs_free(struct pairs *pairs)
{
	if (pairs)
		free(pairs->at);
	free(pairs);
}

static struct pair *slot_of(const struct pairs *pairs, uint32_t a, uint32_t b)
{
	uint64_t hash = (((uint64_t)a << 32) | b) * 0x9e3779b97f4a7c15u;

	for (size_t i = (size_t)(hash >> 24);; i++) {
		struct pair *pair = &pairs->at[i & (pairs->slots - 1)];

		if (!pair->together || (pair->a == a && pair->b == b))
			return pair;
	}
}

static bool pairs_double(struct pairs *pairs)
{
	struct pairs larger = {.slots = pairs->slots * 2, .count = pairs->count, .dropped = pairs->dropped};

	larger.at = calloc(larger.slots, sizeof(larger.at[0]));
	if (!larger.at)
		return false;
	for (size_t i = 0; i < pairs->slots; i++)
		if (pairs->at[i].together)
			*slot_of(&larger, pairs->at[i].a, pairs->at[i].b) = pairs->at[i];
	free(pairs->at);
	*pairs = larger;
	return true;
}

bool pairs_count(struct pairs *pairs, uint32_t a, uint32_t b, int64_t when, bool in_year)
{
	struct pair *pair = slot_of(pairs, a < b ? a : b, a < b ? b : a);

	if (!pair->together) {
		if (pairs->count >= HISTORY_PAIRS_MAX) {
			pairs->dropped++;
			return true;
		}
		if ((pairs->count + 1) * 2 > pairs->slots) {
			if (!pairs_double(pairs))
				return false;
			pair = slot_of(pairs, a < b ? a : b, a < b ? b : a);
		}
		pair->a = a < b ? a : b;
		pair->b = a < b ? b : a;
		pairs->count++;
	}
	pair->together++;
	pair->together_year += in_year;
	if (when > pair->last)
		pair->last = when;
	return true;
}

static int by_count(const void *left, const void *right)
{
	const struct pair *a = left, *b = right;

	if (a->together != b->together)
		return a->together > b->together ? -1 : 1;
	if (a->a != b->a)
		return a->a < b->a ? -1 : 1;
	return (a->b > b->b) - (a->b < b->b);
}

/* Moves what is wanted to the front; nothing can be counted or found afterwards. */
struct pair *pairs_sorted(struct pairs *pairs, uint32_t least, size_t *out_count)
{
	size_t kept = 0;

	for (size_t i = 0; i < pairs->slots; i++)
		if (pairs->at[i].together >= least)
			pairs->at[kept++] = pairs->at[i];
	qsort(pairs->at, kept, sizeof(pairs->at[0]), by_count);
	*out_count = kept;
	return kept ? pairs->at : NULL;
}

size_t pairs_dropped(const struct pairs *pairs)
{
	return pairs->dropped;
}
