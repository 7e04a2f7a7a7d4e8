/* SPDX-License-Identifier: MIT
 *
 * Runs seeds of the simulated world: `test_simulation --seed=N` repeats one, `--seeds=COUNT` runs 1 … COUNT (default 500).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/core/world.h"

static uint64_t first = 1, last = 500, running;
static const char *program;

static int name_the_seed(void **state)
{
	(void)state;
	if (running)
		fprintf(stderr, "to see it again: %s --seed=%llu\n", program, (unsigned long long)running);
	return 0;
}

static void test_every_promise_holds_in_every_seed(void **state)
{
	struct tally tally = {0};
	(void)state;
	for (running = first; running <= last; running++)
		world_run(running, &tally);
	running = 0;
	printf("%llu seeds: %llu records, %llu tasks (%llu of them children), %llu retries, %llu lost attempts, %llu revivals, "
	       "%llu cancels, %llu refusals for overload, "
	       "%llu late or false answers; Omega killed %llu times, clones %llu times; %llu connections broken, %llu frames "
	       "doubled, %llu lies\n",
	       (unsigned long long)tally.seeds, (unsigned long long)tally.records, (unsigned long long)tally.tasks,
	       (unsigned long long)tally.children, (unsigned long long)tally.retried, (unsigned long long)tally.lost,
	       (unsigned long long)tally.revived, (unsigned long long)tally.cancelled, (unsigned long long)tally.refused,
	       (unsigned long long)tally.superseded, (unsigned long long)tally.kills, (unsigned long long)tally.deaths,
	       (unsigned long long)tally.breaks, (unsigned long long)tally.doubles, (unsigned long long)tally.lies);
	if (last - first < 99)
		return;
	assert_true(tally.kills > last - first); /* the faults did happen */
	assert_true(tally.deaths > last - first);
	assert_true(tally.lost > 0 && tally.retried > 0 && tally.revived > 0 && tally.cancelled > 0 && tally.refused > 0 &&
		    tally.superseded > 0 && tally.children > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_every_promise_holds_in_every_seed, name_the_seed)};
	program = argv[0];
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--seed=", 7) == 0)
			first = last = strtoull(argv[i] + 7, NULL, 0);
		else if (strncmp(argv[i], "--seeds=", 8) == 0)
			last = strtoull(argv[i] + 8, NULL, 0);
		else {
			fprintf(stderr, "usage: %s [--seed=N | --seeds=COUNT]; found \"%s\"\n", argv[0], argv[i]);
			return 2;
		}
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
