/* SPDX-License-Identifier: MIT
 *
 * What a run of an agent is going to cost: an estimate to reserve before it is started, and the words for where it comes from. Pure.
 *
 * With runs of the same agent behind it, the estimate is what nine in ten of them stayed below, and with a few of them something between that and the
 * rule; without any it is the rule: a number of turns by the difficulty of the task, each of which sends the instructions, the prompt, what
 * was read of the repository and what was said before.
 */
#ifndef CLONES_AGENTS_ESTIMATE_H
#define CLONES_AGENTS_ESTIMATE_H

#include <stddef.h>
#include <stdint.h>

#define AGENT_BASIS_BYTES 320u

/* Prices of a million tokens in millionths of a dollar, as models/price.h has them. All 0: it costs nothing, a local model. */
struct agent_prices {
	uint64_t in, in_cached, in_cache_write, out;
};

/* What runs of this agent took, if any: of runs that ended by themselves, well or not. */
struct agent_past {
	uint32_t runs;
	uint64_t tokens_mean, tokens_p90;     /* in and out together */
	uint64_t microusd_mean, microusd_p90; /* as they were charged; 0: not known, then tokens and prices say it */
};

struct agent_job {
	size_t prompt_bytes;
	uint64_t repository_files, repository_bytes; /* of its texts; 0: not known */
	unsigned level;                              /* of the task: 1 simple, 2 usual, 3 hard; 0: not known, taken for 2 */
	uint32_t turns_max;                          /* 0: no limit */
	uint64_t
		overhead_bytes; /* that the program itself sends with each request: instructions and tools; 0: not known, 40,000 */
};

struct agent_estimate {
	uint64_t tokens, microusd;                   /* to reserve */
	uint64_t expected_tokens, expected_microusd; /* what it will more likely be */
	char basis[AGENT_BASIS_BYTES];               /* one sentence */
};

/* `past` may be NULL. Never fails; saturates. */
void agent_estimate(const struct agent_job *job, const struct agent_past *past, const struct agent_prices *prices,
		    struct agent_estimate *out_estimate);

#endif
