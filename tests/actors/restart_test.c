/* SPDX-License-Identifier: MIT
 *
 * The rule of restarting against a model that keeps every start there ever was and counts by brute force.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actors/restart.h"

#define SEQUENCES 10000
#define STEPS     200

static uint64_t next(uint64_t *seed)
{
	*seed += 0x9e3779b97f4a7c15u;
	uint64_t z = *seed;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

struct model {
	uint64_t start[STEPS + 1];
	unsigned starts;
	unsigned failures;
};

static unsigned model_starts_within(const struct model *model, uint64_t at_ms, uint64_t window_ms)
{
	unsigned count = 0;
	for (unsigned i = 0; i < model->starts; i++)
		count += at_ms - model->start[i] < window_ms;
	return count;
}

static uint64_t model_wait(const struct restart_policy *policy, unsigned failures)
{
	double wait = policy->backoff_first_ms;
	for (unsigned i = 1; i < failures; i++)
		wait *= 2;
	return wait > policy->backoff_max_ms ? policy->backoff_max_ms : (uint64_t)wait;
}

static struct restart_policy random_policy(uint64_t *seed)
{
	return (struct restart_policy){.intensity = 1 + (uint32_t)(next(seed) % 12),
				       .window_ms = 1 + (uint32_t)(next(seed) % 60000),
				       .backoff_first_ms = (uint32_t)(next(seed) % 1000),
				       .backoff_max_ms = 1000 + (uint32_t)(next(seed) % 30000),
				       .reset_ms = (uint32_t)(next(seed) % 90000)};
}

/* One life of a child under a random policy. Returns how many starts it had. */
static unsigned live(uint64_t seed)
{
	struct restart_policy policy = random_policy(&seed);
	struct restart_history history = {.starts = 0};
	struct model model = {.starts = 0};
	uint64_t now_ms = next(&seed) % 1000000;

	while (model.starts < STEPS) {
		restart_started(&history, now_ms);
		model.start[model.starts++] = now_ms;
		assert_true(model_starts_within(&model, now_ms, policy.window_ms) <= policy.intensity);
		bool ready = next(&seed) % 4;
		uint64_t run_ms = next(&seed) % (next(&seed) % 8 ? 2000 : 200000);
		uint64_t ready_after_ms = run_ms ? next(&seed) % run_ms : 0;
		if (ready)
			restart_ready(&history, now_ms + ready_after_ms);
		now_ms += run_ms;
		bool proved = ready && run_ms - ready_after_ms >= policy.reset_ms;
		int status = next(&seed) % 50 ? (int)(next(&seed) % 3) - 1 : RESTART_NEVER_STATUS;
		struct restart_decision decision = restart_exited(&history, &policy, now_ms, status, (uint32_t)next(&seed));
		if (status == RESTART_NEVER_STATUS) {
			assert_int_equal(decision.verdict, RESTART_GIVE_UP);
			return model.starts;
		}
		model.failures = proved ? 1 : model.failures + 1;
		uint64_t longest_ms = model_wait(&policy, model.failures);
		if (decision.verdict == RESTART_GIVE_UP) {
			/* Right only if even the longest wait would not have helped less than was needed. */
			assert_true(model_starts_within(&model, now_ms + longest_ms / 2, policy.window_ms) >= policy.intensity);
			assert_non_null(decision.why);
			return model.starts;
		}
		assert_int_equal(decision.verdict, RESTART_AGAIN);
		assert_true(decision.at_ms <= now_ms + longest_ms);
		assert_true(decision.at_ms >= now_ms + longest_ms - longest_ms / 2);
		assert_true(model_starts_within(&model, decision.at_ms, policy.window_ms) < policy.intensity);
		now_ms = decision.at_ms;
	}
	return model.starts;
}

static void test_random_lives_keep_to_the_policy(void **context)
{
	unsigned total = 0, longest = 0;

	(void)context;
	for (uint64_t seed = 1; seed <= SEQUENCES; seed++) {
		unsigned starts = live(seed);
		total += starts;
		longest = starts > longest ? starts : longest;
	}
	print_message("%d lives, %u starts, the longest had %u\n", SEQUENCES, total, longest);
	assert_true(total > 2 * SEQUENCES); /* else the lives were too short to prove anything */
	assert_true(longest > 50);
}

static void test_a_crash_loop_ends_after_exactly_the_intensity(void **context)
{
	struct restart_policy policy = RESTART_POLICY_DEFAULT;
	struct restart_history history = {.starts = 0};
	struct restart_decision decision = {.verdict = RESTART_AGAIN, .at_ms = 5};

	(void)context;
	while (decision.verdict == RESTART_AGAIN) {
		restart_started(&history, decision.at_ms);
		decision = restart_exited(&history, &policy, decision.at_ms + 10, 1, 0);
	}
	assert_int_equal(history.starts, policy.intensity);
}

static void test_waits_double_up_to_the_limit_and_begin_anew_after_a_good_run(void **context)
{
	struct restart_policy policy = RESTART_POLICY_DEFAULT;
	struct restart_history history = {.starts = 0};
	uint64_t now_ms = 0, expected_ms = 100;

	(void)context;
	policy.window_ms = 1; /* never given up */
	for (int i = 0; i < 12; i++) {
		restart_started(&history, now_ms);
		restart_ready(&history, now_ms);
		struct restart_decision decision = restart_exited(&history, &policy, now_ms, 0, 0); /* no jitter with 0 */
		assert_int_equal(decision.verdict, RESTART_AGAIN);
		assert_int_equal(decision.at_ms - now_ms, expected_ms);
		expected_ms = expected_ms * 2 > 30000 ? 30000 : expected_ms * 2;
		now_ms = decision.at_ms;
	}
	restart_started(&history, now_ms);
	restart_ready(&history, now_ms);
	assert_int_equal(restart_exited(&history, &policy, now_ms + 59999, 0, 0).at_ms, now_ms + 59999 + 30000);
	restart_started(&history, now_ms);
	restart_ready(&history, now_ms);
	assert_int_equal(restart_exited(&history, &policy, now_ms + 60000, 0, 0).at_ms, now_ms + 60000 + 100);
}

static void test_exit_status_125_is_final_at_once(void **context)
{
	struct restart_policy policy = RESTART_POLICY_DEFAULT;
	struct restart_history history = {.starts = 0};

	(void)context;
	restart_started(&history, 1);
	assert_int_equal(restart_exited(&history, &policy, 2, 125, 7).verdict, RESTART_GIVE_UP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_lives_keep_to_the_policy),
		cmocka_unit_test(test_a_crash_loop_ends_after_exactly_the_intensity),
		cmocka_unit_test(test_waits_double_up_to_the_limit_and_begin_anew_after_a_good_run),
		cmocka_unit_test(test_exit_status_125_is_final_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
