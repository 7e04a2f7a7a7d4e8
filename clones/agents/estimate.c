/* SPDX-License-Identifier: MIT
 *
 * The rule, in bytes, four to a token: a run of T turns sends T times what is always sent, and what grows by each turn (files that were read,
 * commands' output, the model's own words) once more in every turn after it, so T (T - 1) / 2 times. Each turn brings some 400 tokens back.
 *
 * Reserved is twice what the rule says, since it knows nothing of the task; with past runs, what nine in ten stayed below and a tenth more. From one to nine
 * past runs the two are mixed, a tenth for each run, and never less is reserved than what nine in ten stayed below.
 */
#include "clones/agents/estimate.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define BYTES_PER_TOKEN   4.0
#define OVERHEAD_BYTES    40000.0
#define GROWTH_BYTES      3000.0 /* a turn, in a small repository */
#define GROWTH_BYTES_MOST 12000.0
#define REPOSITORY_SHARE  200.0 /* of a larger one, so much more is read a turn */
#define OUT_TOKENS        400.0 /* a turn */
#define RULE_MARGIN       2.0
#define PAST_MARGIN       1.1
#define RUNS_ENOUGH       10u
#define CACHED_SHARE      0.8  /* of what is sent after the first turn, where a cache has a price of its own */
#define OUT_SHARE         0.05 /* of all tokens, where only their sum is known */
#define NUMBER_MAX        9.0e15
#define TOKENS_PRICED     1.0e6

static uint64_t whole(double value)
{
	if (!(value > 0))
		return 0;
	return value < NUMBER_MAX ? (uint64_t)(value + 0.5) : (uint64_t)NUMBER_MAX;
}

static double turns_of(const struct agent_job *job)
{
	static const double turns[] = {20, 8, 20, 45};
	double wanted = turns[job->level <= 3 ? job->level : 3];

	return job->turns_max && wanted > job->turns_max ? job->turns_max : wanted;
}

static double growth_of(const struct agent_job *job)
{
	double growth = GROWTH_BYTES + (double)job->repository_bytes / REPOSITORY_SHARE;

	return growth < GROWTH_BYTES_MOST ? growth : GROWTH_BYTES_MOST;
}

struct rule {
	double turns, in, out;
};

static struct rule rule_of(const struct agent_job *job)
{
	double turns = turns_of(job),
	       always = (job->overhead_bytes ? (double)job->overhead_bytes : OVERHEAD_BYTES) + (double)job->prompt_bytes;
	double bytes = turns * always + growth_of(job) * turns * (turns - 1) / 2;

	return (struct rule){.turns = turns, .in = bytes / BYTES_PER_TOKEN, .out = turns * OUT_TOKENS};
}

/* At the dearest: nothing comes from a cache, and everything may go into one. */
static double dearest(const struct agent_prices *prices, double in, double out)
{
	double price = (double)(prices->in_cache_write > prices->in ? prices->in_cache_write : prices->in);

	return (in * price + out * (double)prices->out) / TOKENS_PRICED;
}

static double likely(const struct agent_prices *prices, double in, double out, double turns)
{
	double cached = prices->in_cached && turns > 1 ? in * (1 - 1 / turns) * CACHED_SHARE : 0;

	return ((in - cached) * (double)prices->in + cached * (double)prices->in_cached + out * (double)prices->out) /
	       TOKENS_PRICED;
}

static double past_money(const struct agent_prices *prices, uint64_t known, double tokens)
{
	return known ? (double)known : dearest(prices, tokens * (1 - OUT_SHARE), tokens * OUT_SHARE);
}

static double mixed(double rule, double past, double weight)
{
	return rule * (1 - weight) + past * weight;
}

static double larger(double a, double b)
{
	return a > b ? a : b;
}

static const char *level_name(unsigned level)
{
	static const char *const names[] = {"usual", "simple", "usual", "hard"};

	return names[level <= 3 ? level : 3];
}

static void say_rule(const struct agent_job *job, const struct rule *rule, char out[AGENT_BASIS_BYTES])
{
	snprintf(out, AGENT_BASIS_BYTES,
		 "no run of this agent is known: by rule, %.0f turns for a %s task with a prompt of %zu bytes in a repository of "
		 "%llu files and "
		 "%llu kB; twice that at most",
		 rule->turns, level_name(job->level), job->prompt_bytes, (unsigned long long)job->repository_files,
		 (unsigned long long)(job->repository_bytes / 1000));
}

static void say_past(const struct agent_past *past, char out[AGENT_BASIS_BYTES])
{
	if (past->runs >= RUNS_ENOUGH)
		snprintf(out, AGENT_BASIS_BYTES,
			 "from %u past runs: %llu tokens on average, nine in ten stayed below %llu; a tenth more than that "
			 "at most",
			 past->runs, (unsigned long long)past->tokens_mean, (unsigned long long)past->tokens_p90);
	else
		snprintf(out, AGENT_BASIS_BYTES,
			 "from %u past run%s (%llu tokens on average) and the rule for agents without any, %u tenths against %u",
			 past->runs, past->runs == 1 ? "" : "s", (unsigned long long)past->tokens_mean, past->runs,
			 RUNS_ENOUGH - past->runs);
}

static void with_past(const struct agent_past *past, const struct agent_prices *prices, struct agent_estimate *estimate)
{
	double weight = (double)(past->runs < RUNS_ENOUGH ? past->runs : RUNS_ENOUGH) / RUNS_ENOUGH;
	double mean = (double)past->tokens_mean, most = larger((double)past->tokens_p90, mean);
	double money = past_money(prices, past->microusd_mean, mean);
	double most_money = larger(past_money(prices, past->microusd_p90, most), money);

	estimate->expected_tokens = whole(mixed((double)estimate->expected_tokens, mean, weight));
	estimate->expected_microusd = whole(mixed((double)estimate->expected_microusd, money, weight));
	estimate->tokens = whole(larger(mixed((double)estimate->tokens, most * PAST_MARGIN, weight), most));
	estimate->microusd = whole(larger(mixed((double)estimate->microusd, most_money * PAST_MARGIN, weight), most_money));
	say_past(past, estimate->basis);
}

static bool is_free(const struct agent_prices *prices)
{
	return !prices->in && !prices->in_cached && !prices->in_cache_write && !prices->out;
}

void agent_estimate(const struct agent_job *job, const struct agent_past *past, const struct agent_prices *prices,
		    struct agent_estimate *out_estimate)
{
	struct rule rule = rule_of(job);

	*out_estimate = (struct agent_estimate){
		.expected_tokens = whole(rule.in + rule.out),
		.expected_microusd = whole(likely(prices, rule.in, rule.out, rule.turns)),
		.tokens = whole((rule.in + rule.out) * RULE_MARGIN),
		.microusd = whole(dearest(prices, rule.in, rule.out) * RULE_MARGIN),
	};
	say_rule(job, &rule, out_estimate->basis);
	if (past && past->runs)
		with_past(past, prices, out_estimate);
	if (is_free(prices))
		out_estimate->microusd = out_estimate->expected_microusd = 0;
}
