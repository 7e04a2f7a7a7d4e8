/* SPDX-License-Identifier: MIT
 *
 * Open questions. The number of one is generation << 16 | worker that was asked << 10 | place, and never 0.
 */
#include <stdlib.h>

#include "workspace/crew/inner.h"

#define PLACE_BITS  10
#define WORKER_BITS 6

_Static_assert(ASKS_MAX <= 1u << PLACE_BITS, "a place in the table fits");
_Static_assert(CREW_WORKERS_MAX < 1u << WORKER_BITS, "a worker, or guests, fit");

int asks_init(struct asks *asks, uint32_t max)
{
	asks->entries = calloc(max, sizeof(*asks->entries));
	if (!asks->entries)
		return ERR_MEMORY;
	for (uint32_t i = 0; i < max; i++) {
		asks->entries[i].generation = 1;
		asks->entries[i].next_free = (uint16_t)(i + 1);
	}
	return 0;
}

void asks_release(struct asks *asks)
{
	free(asks->entries);
	asks->entries = NULL;
}

uint32_t question_worker(uint32_t question)
{
	return question >> PLACE_BITS & ((1u << WORKER_BITS) - 1);
}

uint32_t asks_question(const struct asks *asks, const struct ask *ask, uint32_t worker)
{
	return (uint32_t)ask->generation << (PLACE_BITS + WORKER_BITS) | worker << PLACE_BITS | (uint32_t)(ask - asks->entries);
}

int asks_take(struct asks *asks, uint32_t max, uint32_t worker, struct actor *asker, struct actor *asked, uint32_t *out_question)
{
	struct ask *ask;

	if (asks->open == max)
		return ERR_OVERLOADED;
	ask = &asks->entries[asks->first_free];
	asks->first_free = ask->next_free;
	asks->open++;
	ask->asker = asker;
	ask->asked = asked;
	ask->answered = false;
	asker->asked++;
	*out_question = asks_question(asks, ask, worker);
	return 0;
}

struct ask *asks_find(struct asks *asks, uint32_t max, uint32_t question)
{
	uint32_t place = question & ((1u << PLACE_BITS) - 1);
	struct ask *ask = &asks->entries[place];

	if (place >= max || !ask->asker || ask->generation != question >> (PLACE_BITS + WORKER_BITS))
		return NULL;
	return ask;
}

void asks_end(struct asks *asks, struct ask *ask)
{
	ask->asker->asked--;
	ask->asker = NULL;
	if (!++ask->generation)
		ask->generation = 1;
	ask->next_free = asks->first_free;
	asks->first_free = (uint16_t)(ask - asks->entries);
	asks->open--;
}
