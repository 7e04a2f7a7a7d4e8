/* SPDX-License-Identifier: MIT
 *
 * kill -9 at any moment, many times over the same journal: nothing that was acknowledged is lost, changes of several refs are there whole or
 * not at all, and all objects that refs lead to are there.
 *
 * KILLS: how many (the deep run has thousands). KILL_SEED: another story.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "tests/workspace/store/journal_story.h"
#include "tests/workspace/store/kill_story.h"

#define KILLS_GIVEN   60u
#define KILLS_A_STORY 12u /* with one journal */
#define ACKS_MAX      500u

static uint64_t random_state;

static uint32_t chance(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 20) % below;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* A while that is spent awake: the moment of the kill shall not be one that the child chooses. */
static void linger(uint32_t microseconds)
{
	struct timespec from, now;
	clock_gettime(CLOCK_MONOTONIC, &from);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - from.tv_sec) * 1000000 + (now.tv_nsec - from.tv_nsec) / 1000 < microseconds);
}

struct tally {
	uint64_t acknowledged;
	unsigned rewritten, in_collections;
};

static void work_and_kill(const char *folder, enum workspace_durability level, struct ledger *ledger, struct tally *tally)
{
	int ends[2], status;
	char byte;
	struct moment moment = {.collecting = !chance(4)};
	memset(ledger, 0, sizeof(*ledger));
	moment.acknowledged = 1 + chance(level == DURABLE_DISK ? ACKS_MAX / 2 : ACKS_MAX);
	if (moment.collecting)
		moment.acknowledged = 0;
	assert_int_equal(pipe(ends), 0);
	uint64_t seed = random_state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child) {
		close(ends[0]);
		moment.tell = ends[1];
		story_work(folder, level, seed >> 32 | 1, &moment, ledger);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) == 1)
		linger(chance(2) ? chance(100) : chance(3000));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(ends[0]);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("the agents ended by themselves (%d), seed %llu", status, (unsigned long long)seed);
	tally->acknowledged += atomic_load(&ledger->acknowledged);
	tally->rewritten += atomic_load(&ledger->rewritten);
	tally->in_collections += atomic_load(&ledger->collecting);
}

/* One journal that lives through many kills. */
static void story(enum workspace_durability level, unsigned kills, struct ledger *ledger, struct tally *tally)
{
	char folder[256];
	struct known known;
	story_folder(folder);
	assert_int_equal(story_begin(folder, level), 0);
	story_known(folder, &known);
	for (unsigned i = 1; i <= kills; i++) {
		work_and_kill(folder, level, ledger, tally);
		story_check(folder, level, ledger, i == kills, &known);
	}
	assert_int_equal(known.git_checks, 1);
	story_remove(folder);
}

static void stories(enum workspace_durability level, uint64_t kills)
{
	struct tally tally = {0};
	struct ledger *ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(ledger != MAP_FAILED);
	random_state = setting("KILL_SEED", 20250101) * UINT64_C(0x9e3779b97f4a7c15) + level;
	for (uint64_t done = 0; done < kills; done += KILLS_A_STORY)
		story(level, KILLS_A_STORY, ledger, &tally);
	munmap(ledger, sizeof(*ledger));
	print_message("%llu kills, %llu changes acknowledged; %u journals written anew, %u kills in a collection\n",
		      (unsigned long long)kills, (unsigned long long)tally.acknowledged, tally.rewritten, tally.in_collections);
	assert_true(tally.acknowledged > kills * 10);
	assert_true(tally.in_collections > kills / 20);
	assert_true(tally.rewritten > 0);
}

static void test_a_killed_process_has_lost_nothing(void **state)
{
	(void)state;
	stories(DURABLE_PROCESS, setting("KILLS", KILLS_GIVEN));
}

static void test_a_killed_process_that_waits_for_the_disk_has_lost_nothing(void **state)
{
	(void)state;
	stories(DURABLE_DISK, setting("KILLS", KILLS_GIVEN) / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_killed_process_has_lost_nothing),
		cmocka_unit_test(test_a_killed_process_that_waits_for_the_disk_has_lost_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
