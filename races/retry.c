/* SPDX-License-Identifier: MIT */
#include "races/retry.h"

#include <stddef.h>
#include <string.h>

enum lane { NEVER, FIRST, LAST };

static const struct row {
	const char *error_class;
	bool again;
	enum lane lane;
	uint32_t wait_ms;
} rows[] = {
#define RETRY(error_class, again, lane, wait_ms) {error_class, again, lane, wait_ms},
#include "races/retries.def"
};

static const struct row *row_of(const char *error_class)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].error_class, error_class) == 0)
			return &rows[i];
	return NULL;
}

bool retry_knows(const char *error_class)
{
	return row_of(error_class) != NULL;
}

static uint64_t grown(uint64_t wait_ms, unsigned times)
{
	while (times-- > 0 && wait_ms < RETRY_WAIT_MAX_MS)
		wait_ms *= 2;
	return wait_ms < RETRY_WAIT_MAX_MS ? wait_ms : RETRY_WAIT_MAX_MS;
}

struct retry_plan retry_plan(const struct retry_facts *facts)
{
	const struct row *row = row_of(facts->error_class);
	uint64_t wait_ms;

	if (!row)
		return (struct retry_plan){RETRY_END, 0};
	if (facts->lane && row->lane == FIRST)
		return (struct retry_plan){RETRY_LANE, 0};
	wait_ms = grown(row->wait_ms, facts->again);
	if (facts->retry_after_ms > wait_ms)
		wait_ms = facts->retry_after_ms;
	if (row->again && facts->again < facts->again_max && wait_ms <= RETRY_ASKED_MAX_MS)
		return (struct retry_plan){RETRY_AGAIN, wait_ms};
	return (struct retry_plan){facts->lane && row->lane == LAST ? RETRY_LANE : RETRY_END, 0};
}
