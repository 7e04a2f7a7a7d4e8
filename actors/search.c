/* SPDX-License-Identifier: MIT */
#include "actors/search.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW NEEDLE_BYTES_MIN
#define BLOCK  3u
#define SLOTS  65536u

struct search {
	uint8_t shift[SLOTS];  /* by the last block of the window: how far it may move; 0: look closer */
	uint32_t first[SLOTS]; /* needles + 1 whose window ends in that block; 0: none */
	uint32_t *next;
	struct needle *needle;
	size_t count;
};

static uint32_t slot_of(const uint8_t *block)
{
	uint32_t value = (uint32_t)block[0] | (uint32_t)block[1] << 8 | (uint32_t)block[2] << 16;

	return (value * 2654435761u) >> 16;
}

static void add(struct search *search, uint32_t index)
{
	const struct needle *needle = &search->needle[index];
	uint32_t last = slot_of(needle->at + WINDOW - BLOCK);

	assert(needle->bytes >= WINDOW);
	for (uint32_t end = BLOCK; end <= WINDOW; end++) {
		uint32_t slot = slot_of(needle->at + end - BLOCK);

		if (search->shift[slot] > WINDOW - end)
			search->shift[slot] = (uint8_t)(WINDOW - end);
	}
	search->next[index] = search->first[last];
	search->first[last] = index + 1;
}

int search_new(const struct needle *needles, size_t count, struct search **out_search)
{
	struct search *search = calloc(1, sizeof(*search));

	if (!search)
		return ERR_MEMORY;
	memset(search->shift, WINDOW - BLOCK + 1, sizeof(search->shift));
	search->needle = sodium_allocarray(count ? count : 1, sizeof(*needles));
	search->next = calloc(count ? count : 1, sizeof(*search->next));
	if (!search->needle || !search->next) {
		search_free(search);
		return ERR_MEMORY;
	}
	search->count = count;
	if (count)
		memcpy(search->needle, needles, count * sizeof(*needles));
	for (uint32_t i = 0; i < count; i++)
		add(search, i);
	*out_search = search;
	return 0;
}

void search_free(struct search *search)
{
	if (!search)
		return;
	sodium_free(search->needle);
	free(search->next);
	sodium_memzero(search->first, sizeof(search->first));
	free(search);
}

void search_text(const struct search *search, const uint8_t *text, size_t bytes,
		 bool (*each)(void *context, size_t at, const struct needle *needle), void *context)
{
	size_t end = WINDOW;

	while (search->count && end <= bytes) {
		uint32_t slot = slot_of(text + end - BLOCK);
		uint32_t move = search->shift[slot];
		size_t at = end - WINDOW;

		for (uint32_t i = move ? 0 : search->first[slot]; i; i = search->next[i - 1]) {
			const struct needle *needle = &search->needle[i - 1];

			if (needle->bytes <= bytes - at && memcmp(needle->at, text + at, needle->bytes) == 0 &&
			    !each(context, at, needle))
				return;
		}
		end += move ? move : 1;
	}
}
