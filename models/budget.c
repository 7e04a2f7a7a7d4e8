/* SPDX-License-Identifier: MIT
 *
 * Two limits of one kind, looked at together.
 */
#include "models/budget.h"

#include <stddef.h>

static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t left_of(uint64_t max, uint64_t counted, uint64_t reserved)
{
	uint64_t taken = sum(counted, reserved);

	if (!max)
		return UINT64_MAX;
	return taken < max ? max - taken : 0;
}

static struct spending left(const struct proxy_budget *budget)
{
	return (struct spending){left_of(budget->max.tokens, budget->counted.tokens, budget->reserved.tokens),
				 left_of(budget->max.microusd, budget->counted.microusd, budget->reserved.microusd)};
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool is_short(const struct proxy_share *share)
{
	return share->held.tokens < share->wanted.tokens || share->held.microusd < share->wanted.microusd;
}

/* Sets aside for the share what it still wants, as far as it is there. */
static void fill(struct proxy_budget *budget, struct proxy_share *share)
{
	struct spending there = left(budget);
	uint64_t tokens = least(there.tokens, share->wanted.tokens - share->held.tokens);
	uint64_t microusd = least(there.microusd, share->wanted.microusd - share->held.microusd);

	share->held.tokens += tokens;
	share->held.microusd += microusd;
	budget->reserved.tokens += tokens;
	budget->reserved.microusd += microusd;
	if (is_short(share))
		budget->shorted = share;
	else if (budget->shorted == share)
		budget->shorted = NULL;
}

enum proxy_admission proxy_budget_take(struct proxy_budget *budget, struct spending wanted, struct proxy_share *out_share)
{
	struct spending there = left(budget);

	if ((budget->max.tokens && budget->counted.tokens >= budget->max.tokens) ||
	    (budget->max.microusd && budget->counted.microusd >= budget->max.microusd) ||
	    (budget->requests_max && budget->requests >= budget->requests_max))
		return PROXY_SPENT;
	if (!there.tokens || !there.microusd)
		return PROXY_WAIT; /* so it is while one is short: it took all there was */
	/* Without a limit nothing needs to be set aside, but what is under way is shown. No sum of bounds may wrap. */
	wanted.tokens = least(wanted.tokens, UINT32_MAX);
	wanted.microusd = least(wanted.microusd, (uint64_t)UINT32_MAX * 1000u);
	*out_share = (struct proxy_share){.wanted = wanted};
	fill(budget, out_share);
	budget->requests++;
	return PROXY_GO;
}

void proxy_budget_give(struct proxy_budget *budget, struct proxy_share *share, struct spending used)
{
	if (budget->shorted == share)
		budget->shorted = NULL;
	budget->reserved.tokens -= share->held.tokens;
	budget->reserved.microusd -= share->held.microusd;
	*share = (struct proxy_share){0};
	budget->counted.tokens = sum(budget->counted.tokens, used.tokens);
	budget->counted.microusd = sum(budget->counted.microusd, used.microusd);
	if (budget->shorted)
		fill(budget, budget->shorted);
}
