/* SPDX-License-Identifier: MIT
 *
 * Processes die with SIGKILL at any moment while a thousand tasks are under way: every accepted task ends once, and the trail is whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "tests/e2e/tally.h"

#define TASKS  1000u
#define CLONES 4u

/* A task that is lost with its clone again and again would be parked as a dead letter; here nobody but the test is to blame. */
static const char conf[] = "network {\n\theartbeat = 500ms\n\tlost_max = 100\n}\n"
			   "clone echo {\n\tinstances = 4\n\tslots = 8\n\texternal = yes\n}\n"
			   "route echo {\n\tdestination = echo\n\ttimeout = 30s\n\tdeadline = 10m\n}\n";

static struct network network;

/* Kills one process each time a certain number of tasks has ended. */
struct killer {
	struct tally *tally;
	uint64_t random;
	size_t next; /* ended tasks at which the next kill comes */
	size_t every;
	uint32_t kills;
	bool omega;
	bool clones;
	pid_t clone[CLONES];
};

static uint64_t draw(struct killer *killer)
{
	killer->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
	uint64_t x = killer->random;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static void clone_name(unsigned index, char out[16])
{
	snprintf(out, 16, "echo/%u", index + 1);
}

static void kill_clone(struct killer *killer, unsigned index)
{
	char name[16];

	kill(killer->clone[index], SIGKILL);
	waitpid(killer->clone[index], NULL, 0);
	clone_name(index, name);
	killer->clone[index] = clone_spawn(&network, name, 8);
}

static void maybe_kill(void *context)
{
	struct killer *killer = context;

	if (killer->tally->ended < killer->next)
		return;
	killer->next = killer->tally->ended + 1 + draw(killer) % killer->every;
	killer->kills++;
	if (killer->omega && (!killer->clones || draw(killer) % 2)) {
		network_kill(&network);
		network_start(&network);
	} else {
		kill_clone(killer, (unsigned)(draw(killer) % CLONES));
	}
}

static uint64_t seed(void)
{
	const char *given = getenv("BUNSHIN_SEED");

	return given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
}

static int check_task(void *context, const struct trail_task *task)
{
	size_t *ended = context;

	assert_int_equal(task->end_state, STATE_COMPLETED);
	assert_true(task->outcome_seq > task->request_seq);
	++*ended;
	return 0;
}

/* What the trail says must be what the client was told. */
static void check_trail(void)
{
	struct trail *trail = NULL;
	char path[128];
	char why[256];
	size_t ended = 0;

	network_verify(&network);
	snprintf(path, sizeof(path), "%s/trail.db", network.state);
	assert_int_equal(trail_open(path, TRAIL_READ, &trail, why), 0);
	assert_int_equal(trail_tasks(trail, 0, 0, check_task, &ended), 0);
	trail_close(trail);
	assert_int_equal(ended, TASKS);
}

static void run_killing(bool omega, bool clones, size_t every, uint32_t kills_least)
{
	struct killer killer = {.random = seed(), .omega = omega, .clones = clones, .every = every};
	struct request request = {.task_type = "echo"};
	struct tally tally;

	print_message("           BUNSHIN_SEED=%llu\n", (unsigned long long)killer.random);
	network_open(&network, conf);
	network_start(&network);
	for (unsigned i = 0; i < CLONES; i++) {
		char name[16];

		clone_name(i, name);
		killer.clone[i] = clone_spawn(&network, name, 8);
	}
	tally_init(&tally, network_client(&network, "client"), TASKS);
	killer.tally = &tally;
	killer.next = 1 + draw(&killer) % every;
	assert_int_equal(tally_run(&tally, &request, TASKS, 50, maybe_kill, &killer), 0);
	print_message("           %u kills\n", killer.kills);
	assert_int_equal(tally.ended, TASKS);
	assert_int_equal(tally.strangers, 0);
	assert_int_equal(tally.refused, 0);
	for (size_t i = 0; i < TASKS; i++) {
		assert_int_equal(tally.task[i].accepted, 1);
		assert_int_equal(tally.task[i].ended, 1);
		assert_int_equal(tally.task[i].state, STATE_COMPLETED);
	}
	assert_true(killer.kills >= kills_least);
	client_close(tally.client);
	tally_release(&tally);
	for (unsigned i = 0; i < CLONES; i++) {
		kill(killer.clone[i], SIGKILL);
		waitpid(killer.clone[i], NULL, 0);
	}
	assert_int_equal(network_stop(&network), 0);
	check_trail();
	network_close(&network);
}

static void test_omega_killed_at_any_moment_loses_and_doubles_nothing(void **state)
{
	(void)state;
	run_killing(true, false, 100, 5);
}

static void test_clones_killed_at_any_moment_lose_and_double_nothing(void **state)
{
	(void)state;
	run_killing(false, true, 100, 5);
}

static void test_both_killed_at_any_moment_lose_and_double_nothing(void **state)
{
	(void)state;
	run_killing(true, true, 100, 5);
}

int main(int argc, char **argv)
{
	network_be_child(argc, argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_omega_killed_at_any_moment_loses_and_doubles_nothing),
		cmocka_unit_test(test_clones_killed_at_any_moment_lose_and_double_nothing),
		cmocka_unit_test(test_both_killed_at_any_moment_lose_and_double_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
