/* SPDX-License-Identifier: MIT
 *
 * What a run is going to cost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clones/agents/estimate.h"

static const struct agent_prices prices = {.in = 3000000, .in_cached = 0, .in_cache_write = 3000000, .out = 15000000};
static const struct agent_job usual = {.prompt_bytes = 2000, .repository_files = 200, .repository_bytes = 1000000, .level = 2};

static struct agent_estimate of(struct agent_job job, const struct agent_past *past, const struct agent_prices *of_tokens)
{
	struct agent_estimate estimate;

	agent_estimate(&job, past, of_tokens, &estimate);
	assert_true(estimate.tokens >= estimate.expected_tokens);
	assert_true(estimate.microusd >= estimate.expected_microusd);
	assert_true(strlen(estimate.basis) > 20 && memchr(estimate.basis, 0, sizeof(estimate.basis)));
	return estimate;
}

static void test_without_past_runs_it_is_the_rule_doubled(void **state)
{
	struct agent_estimate estimate = of(usual, NULL, &prices);
	uint64_t in = (20 * 42000 + 8000 * 190) / 4,
		 out = 20 * 400; /* 20 turns; 3,000 bytes and a 200th of the repository more each time */

	(void)state;
	assert_int_equal(estimate.expected_tokens, in + out);
	assert_int_equal(estimate.tokens, 2 * (in + out));
	assert_int_equal(estimate.microusd, 2 * (3 * in + 15 * out));
	assert_non_null(strstr(estimate.basis,
			       "no run of this agent is known: by rule, 20 turns for a usual task with a prompt of 2000 bytes"));
}

static void test_more_of_anything_costs_more(void **state)
{
	struct agent_job job = usual;
	uint64_t before = of(job, NULL, &prices).tokens;

	(void)state;
	job.prompt_bytes = 50000;
	assert_true(of(job, NULL, &prices).tokens > before);
	job = usual;
	job.repository_bytes = 5000000;
	assert_true(of(job, NULL, &prices).tokens > before);
	job = usual;
	job.level = 3;
	assert_true(of(job, NULL, &prices).tokens > before);
	job.level = 1;
	assert_true(of(job, NULL, &prices).tokens < before);
	job = usual;
	job.turns_max = 3;
	assert_true(of(job, NULL, &prices).tokens < before);
	job = usual;
	job.level = 0;
	assert_int_equal(of(job, NULL, &prices).tokens, before);
	job.overhead_bytes = 5000;
	assert_true(of(job, NULL, &prices).tokens < before);
}

static void test_ten_past_runs_are_what_counts(void **state)
{
	const struct agent_past past = {
		.runs = 12, .tokens_mean = 100000, .tokens_p90 = 300000, .microusd_mean = 400000, .microusd_p90 = 1000000};
	struct agent_estimate estimate = of(usual, &past, &prices);

	(void)state;
	assert_int_equal(estimate.expected_tokens, 100000);
	assert_int_equal(estimate.tokens, 330000);
	assert_int_equal(estimate.expected_microusd, 400000);
	assert_int_equal(estimate.microusd, 1100000);
	assert_string_equal(estimate.basis, "from 12 past runs: 100000 tokens on average, nine in ten stayed below 300000; a "
					    "tenth more than that at most");
}

static void test_a_few_past_runs_are_mixed_with_the_rule_and_never_undercut(void **state)
{
	struct agent_past past = {.runs = 3, .tokens_mean = 1000, .tokens_p90 = 2000};
	struct agent_estimate rule = of(usual, NULL, &prices), mixed = of(usual, &past, &prices);

	(void)state;
	assert_true(mixed.tokens < rule.tokens && mixed.tokens > 2200);
	assert_true(mixed.expected_tokens < rule.expected_tokens);
	assert_non_null(strstr(mixed.basis, "from 3 past runs (1000 tokens on average)"));
	past = (struct agent_past){.runs = 1, .tokens_mean = 50000000, .tokens_p90 = 50000000};
	mixed = of(usual, &past, &prices);
	assert_true(mixed.tokens >= 50000000);
	assert_true(mixed.microusd >= 50000000ull * 3);
	assert_non_null(strstr(mixed.basis, "from 1 past run ("));
	past.runs = 0; /* nothing is known */
	assert_int_equal(of(usual, &past, &prices).tokens, rule.tokens);
}

static void test_a_cache_lowers_what_is_likely_and_not_what_is_reserved(void **state)
{
	struct agent_prices cached = prices;
	struct agent_estimate without = of(usual, NULL, &prices), with;

	(void)state;
	cached.in_cached = 1000000;
	with = of(usual, NULL, &cached);
	assert_true(with.expected_microusd < without.expected_microusd);
	assert_int_equal(with.microusd, without.microusd);
}

static void test_a_local_model_costs_no_money(void **state)
{
	const struct agent_prices none = {0};
	const struct agent_past past = {.runs = 20, .tokens_mean = 10, .tokens_p90 = 10, .microusd_mean = 5, .microusd_p90 = 5};
	struct agent_estimate estimate = of(usual, &past, &none);

	(void)state;
	assert_int_equal(estimate.microusd, 0);
	assert_int_equal(estimate.tokens, 11);
}

static void test_no_number_is_too_large(void **state)
{
	const struct agent_job job = {.prompt_bytes = SIZE_MAX,
				      .repository_bytes = UINT64_MAX,
				      .repository_files = UINT64_MAX,
				      .level = 77,
				      .overhead_bytes = UINT64_MAX};
	const struct agent_past past = {.runs = UINT32_MAX,
					.tokens_mean = UINT64_MAX,
					.tokens_p90 = 1,
					.microusd_mean = UINT64_MAX,
					.microusd_p90 = UINT64_MAX};
	const struct agent_prices dear = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};

	(void)state;
	assert_true(of(job, NULL, &dear).microusd > 1000000000000ull);
	assert_true(of(job, &past, &dear).tokens > 1000000000000ull);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_past_runs_it_is_the_rule_doubled),
		cmocka_unit_test(test_more_of_anything_costs_more),
		cmocka_unit_test(test_ten_past_runs_are_what_counts),
		cmocka_unit_test(test_a_few_past_runs_are_mixed_with_the_rule_and_never_undercut),
		cmocka_unit_test(test_a_cache_lowers_what_is_likely_and_not_what_is_reserved),
		cmocka_unit_test(test_a_local_model_costs_no_money),
		cmocka_unit_test(test_no_number_is_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
