/* SPDX-License-Identifier: MIT
 *
 * Which task ids are certainly new, without asking the trail. Ids are UUIDv7 and begin with the time they were made, so an id that is
 * younger than every task the core has forgotten names a task that the core still knows, or none.
 *
 * Whoever makes ids with times of its own can only make this ask the trail more often, never make it wrong.
 */
#ifndef ACTORS_FRESHNESS_H
#define ACTORS_FRESHNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/message.h"

struct freshness {
	uint64_t floor_ms;    /* no task that the core has forgotten is younger */
	uint64_t previous_ms; /* the youngest that ended in the round before, */
	uint64_t current_ms;  /* and in this one */
	uint32_t ended;       /* in this round */
	uint32_t round;       /* ends in one round: half of what the core remembers */
};

/* `recent_max` as the core has it; `youngest` of all tasks in the trail, or NULL if there is none. */
void freshness_init(struct freshness *freshness, uint32_t recent_max, const struct id *youngest);

/* To be called for every task that ends. */
void freshness_ended(struct freshness *freshness, const struct id *task_id);

/* True: if the core does not know this id, nobody does. */
bool freshness_certain(const struct freshness *freshness, const struct id *task_id);

#endif
