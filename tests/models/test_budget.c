/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "models/budget.h"
#include "models/price.h"

#define RUNS      4000u
#define STEPS     200u
#define UNDER_WAY 12u

static uint64_t next(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

struct world {
	struct proxy_budget budget;
	struct proxy_share shares[UNDER_WAY];
	bool open[UNDER_WAY];
	uint64_t seed, largest_tokens, largest_microusd; /* that a single request has taken */
	unsigned waited, refused, sent;
};

/* Sums kept otherwise than the budget does. */
static void check(const struct world *world)
{
	struct spending held = {0, 0};
	unsigned shorts = 0;

	for (size_t i = 0; i < UNDER_WAY; i++) {
		if (!world->open[i])
			continue;
		held.tokens += world->shares[i].held.tokens;
		held.microusd += world->shares[i].held.microusd;
		shorts += world->shares[i].held.tokens < world->shares[i].wanted.tokens ||
			  world->shares[i].held.microusd < world->shares[i].wanted.microusd;
	}
	assert_int_equal(held.tokens, world->budget.reserved.tokens);
	assert_int_equal(held.microusd, world->budget.reserved.microusd);
	assert_true(shorts <= 1);
	assert_int_equal(shorts, world->budget.shorted != NULL);
	/* The promise: over the limit by less than one reply, at any time. */
	assert_true(!world->budget.max.tokens || world->budget.counted.tokens + world->budget.reserved.tokens <
							 world->budget.max.tokens + world->largest_tokens + 1);
	assert_true(!world->budget.max.microusd || world->budget.counted.microusd + world->budget.reserved.microusd <
							   world->budget.max.microusd + world->largest_microusd + 1);
}

static void begin(struct world *world, size_t i)
{
	struct spending wanted = {1 + next(&world->seed) % 5000, 1 + next(&world->seed) % 3000};
	enum proxy_admission admission = proxy_budget_take(&world->budget, wanted, &world->shares[i]);

	world->open[i] = admission == PROXY_GO;
	world->sent += admission == PROXY_GO;
	world->waited += admission == PROXY_WAIT;
	world->refused += admission == PROXY_SPENT;
	if (admission == PROXY_GO && world->budget.max.tokens)
		assert_true(world->budget.counted.tokens + world->budget.reserved.tokens <= world->budget.max.tokens);
	if (admission == PROXY_SPENT)
		assert_true((world->budget.max.tokens && world->budget.counted.tokens >= world->budget.max.tokens) ||
			    (world->budget.max.microusd && world->budget.counted.microusd >= world->budget.max.microusd));
}

/* A reply takes any part of what was bound, all of it often. */
static void end(struct world *world, size_t i)
{
	struct proxy_share *share = &world->shares[i];
	struct spending used = {next(&world->seed) % (share->wanted.tokens + 1),
				next(&world->seed) % (share->wanted.microusd + 1)};

	if (next(&world->seed) % 3 == 0)
		used = share->wanted;
	proxy_budget_give(&world->budget, share, used);
	world->open[i] = false;
	world->largest_tokens = used.tokens > world->largest_tokens ? used.tokens : world->largest_tokens;
	world->largest_microusd = used.microusd > world->largest_microusd ? used.microusd : world->largest_microusd;
}

static void run(uint64_t seed, unsigned sums[3])
{
	struct world world = {.seed = seed};

	world.budget.max = (struct spending){next(&world.seed) % 3 ? 5000 + next(&world.seed) % 60000 : 0,
					     next(&world.seed) % 3 ? 3000 + next(&world.seed) % 40000 : 0};
	for (unsigned step = 0; step < STEPS; step++) {
		size_t i = next(&world.seed) % UNDER_WAY;
		if (world.open[i])
			end(&world, i);
		else
			begin(&world, i);
		check(&world);
	}
	for (size_t i = 0; i < UNDER_WAY; i++) {
		if (world.open[i])
			end(&world, i);
	}
	check(&world);
	assert_int_equal(world.budget.reserved.tokens, 0);
	assert_int_equal(world.budget.reserved.microusd, 0);
	sums[0] += world.sent;
	sums[1] += world.waited;
	sums[2] += world.refused;
}

static void test_whatever_the_order_less_than_one_reply_is_spent_beyond_the_limit(void **state)
{
	unsigned sums[3] = {0, 0, 0};

	(void)state;
	for (uint64_t seed = 1; seed <= RUNS; seed++)
		run(seed, sums);
	assert_true(sums[0] > RUNS * 10 && sums[1] > RUNS && sums[2] > RUNS); /* all three answers were met */
}

static void test_a_request_that_finds_less_than_its_bound_takes_all_that_is_left(void **state)
{
	struct proxy_budget budget = {.max = {100, 0}};
	struct proxy_share a, b, c;

	(void)state;
	assert_int_equal(proxy_budget_take(&budget, (struct spending){60, 1}, &a), PROXY_GO);
	assert_int_equal(proxy_budget_take(&budget, (struct spending){80, 1}, &b), PROXY_GO);
	assert_int_equal(b.held.tokens, 40);
	assert_int_equal(proxy_budget_take(&budget, (struct spending){1, 1}, &c), PROXY_WAIT);
	proxy_budget_give(&budget, &a, (struct spending){10, 0}); /* 50 come back: 40 of them were owed */
	assert_int_equal(b.held.tokens, 80);
	assert_int_equal(proxy_budget_take(&budget, (struct spending){30, 1}, &c), PROXY_GO);
	assert_int_equal(c.held.tokens, 10);
	proxy_budget_give(&budget, &b, (struct spending){80, 0});
	proxy_budget_give(&budget, &c, (struct spending){30, 0});
	assert_int_equal(budget.counted.tokens, 120); /* 20 over, of a reply of 30 */
	assert_int_equal(proxy_budget_take(&budget, (struct spending){1, 1}, &c), PROXY_SPENT);
}

static void test_requests_are_counted_to_their_limit(void **state)
{
	struct proxy_budget budget = {.requests_max = 2};
	struct proxy_share share;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(proxy_budget_take(&budget, (struct spending){UINT64_MAX, UINT64_MAX}, &share), PROXY_GO);
		proxy_budget_give(&budget, &share, (struct spending){UINT64_MAX, UINT64_MAX});
	}
	assert_int_equal(budget.counted.tokens, UINT64_MAX);
	assert_int_equal(proxy_budget_take(&budget, (struct spending){1, 1}, &share), PROXY_SPENT);
}

static void test_a_price_is_read_to_the_millionth(void **state)
{
	static const struct {
		const char *text;
		uint64_t price;
	} good[] = {{"0", 0},        {"3", 3000000},   {"0.25", 250000},          {"15.00", 15000000},
		    {"0.000001", 1}, {"00.5", 500000}, {"1000000", 1000000000000}};
	static const char *const bad[] = {"",          ".",  ".5", "5.",  "-1", "+1",    "1e3",
					  "0.0000001", "1 ", " 1", "1,5", "$3", "1.2.3", "999999999999999999"};
	uint64_t price;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(price_parse(good[i].text, &price), 0);
		assert_int_equal(price, good[i].price);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(price_parse(bad[i], &price), ERR_MALFORMED);
	assert_int_equal(price_parse(NULL, &price), ERR_MALFORMED);
}

static void test_what_tokens_cost_is_summed_and_rounded_up_once(void **state)
{
	struct price price = {.in = 3000000, .in_cached = 300000, .in_cache_write = 3750000, .out = 15000000};
	struct wire_usage usage = {.in = 3120, .in_cached = 3000, .in_cache_write = 20, .out = 57, .reasoning = 50};

	(void)state;
	assert_int_equal(price_of(&price, &usage), 300 + 900 + 75 + 855);
	price = (struct price){.in = 1};
	usage = (struct wire_usage){.in = 1};
	assert_int_equal(price_of(&price, &usage), 1); /* a millionth of a millionth is not nothing */
	usage = (struct wire_usage){.in = UINT64_MAX, .in_cached = UINT64_MAX, .in_cache_write = UINT64_MAX, .out = UINT64_MAX};
	price = (struct price){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	assert_int_equal(price_of(&price, &usage), UINT64_MAX);
	assert_int_equal(price_of(&(struct price){0}, &usage), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whatever_the_order_less_than_one_reply_is_spent_beyond_the_limit),
		cmocka_unit_test(test_a_request_that_finds_less_than_its_bound_takes_all_that_is_left),
		cmocka_unit_test(test_requests_are_counted_to_their_limit),
		cmocka_unit_test(test_a_price_is_read_to_the_millionth),
		cmocka_unit_test(test_what_tokens_cost_is_summed_and_rounded_up_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
