/* SPDX-License-Identifier: MIT */
#include "actors/freshness.h"

static uint64_t made_ms(const struct id *id)
{
	uint64_t ms = 0;

	for (unsigned i = 0; i < 6; i++)
		ms = ms << 8 | id->bytes[i];
	return ms;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void freshness_init(struct freshness *freshness, uint32_t recent_max, const struct id *youngest)
{
	*freshness = (struct freshness){.round = recent_max / 2, .floor_ms = youngest ? made_ms(youngest) : 0};
}

/* What the core has forgotten ended at least two rounds ago, so its time has reached the floor. */
void freshness_ended(struct freshness *freshness, const struct id *task_id)
{
	freshness->current_ms = later(freshness->current_ms, made_ms(task_id));
	if (++freshness->ended < freshness->round)
		return;
	freshness->floor_ms = later(freshness->floor_ms, freshness->previous_ms);
	freshness->previous_ms = freshness->current_ms;
	freshness->current_ms = 0;
	freshness->ended = 0;
}

bool freshness_certain(const struct freshness *freshness, const struct id *task_id)
{
	return made_ms(task_id) > freshness->floor_ms;
}
