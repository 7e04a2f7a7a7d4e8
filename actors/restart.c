/* SPDX-License-Identifier: MIT */
#include "actors/restart.h"

void restart_started(struct restart_history *history, uint64_t now_ms)
{
	history->started_ms[history->starts % RESTART_INTENSITY_MAX] = now_ms;
	history->starts++;
	history->ready = false;
}

void restart_ready(struct restart_history *history, uint64_t now_ms)
{
	history->ready = true;
	history->ready_ms = now_ms;
}

/* Starts that lie less than a window before `at_ms`. */
static uint32_t starts_within(const struct restart_history *history, uint32_t window_ms, uint64_t at_ms)
{
	uint32_t kept = history->starts < RESTART_INTENSITY_MAX ? history->starts : RESTART_INTENSITY_MAX;
	uint32_t count = 0;

	for (uint32_t i = 0; i < kept; i++)
		count += at_ms - history->started_ms[i] < window_ms;
	return count;
}

static uint64_t backoff(const struct restart_policy *policy, uint32_t failures, uint32_t random)
{
	uint64_t base = policy->backoff_first_ms;

	for (uint32_t i = 1; i < failures && base < policy->backoff_max_ms; i++)
		base *= 2;
	if (base > policy->backoff_max_ms)
		base = policy->backoff_max_ms;
	return base - random % (base / 2 + 1);
}

struct restart_decision restart_exited(struct restart_history *history, const struct restart_policy *policy, uint64_t now_ms,
				       int status, uint32_t random)
{
	bool proved = history->ready && now_ms - history->ready_ms >= policy->reset_ms;

	if (status == RESTART_NEVER_STATUS)
		return (struct restart_decision){.verdict = RESTART_GIVE_UP,
						 .why = "it asked not to be started again (exit status 125)"};
	history->failures = proved ? 1 : history->failures + (history->failures < UINT32_MAX);
	history->ready = false;
	uint64_t at_ms = now_ms + backoff(policy, history->failures, random);
	if (starts_within(history, policy->window_ms, at_ms) >= policy->intensity)
		return (struct restart_decision){.verdict = RESTART_GIVE_UP, .why = "it ended too often in too short a time"};
	return (struct restart_decision){.verdict = RESTART_AGAIN, .at_ms = at_ms};
}
