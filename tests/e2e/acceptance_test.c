/* SPDX-License-Identifier: MIT
 *
 * The acceptance of the network as a whole: more than a hundred mixed tasks at once, of all four shipped types, while clones are killed in
 * the middle. Every accepted task ends once; the figures are printed beside those that were asked for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signal.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "tests/e2e/tally.h"

#define TASKS     1200u
#define AT_ONCE   120u
#define ROLES     4u
#define INSTANCES 2u

static const char conf[] =
	"network { heartbeat = 500ms }\n"
	"clone beta { instances = 2  slots = 64  external = yes }\nclone gamma { instances = 2  slots = 64  external = yes }\n"
	"clone delta { instances = 2  slots = 64  external = yes }\nclone sigma { instances = 2  slots = 64  external = yes }\n"
	"route security-analysis { destination = beta  priority = high  timeout = 30s  retries = 2 }\n"
	"route architecture-design { destination = gamma  priority = high  timeout = 45s  retries = 1 }\n"
	"route test-strategy { destination = delta  priority = medium  timeout = 30s  retries = 2 }\n"
	"route documentation { destination = sigma  priority = low  timeout = 20s  retries = 1 }\n";
static const char *const types[ROLES] = {"security-analysis", "architecture-design", "test-strategy", "documentation"};
static const char *const roles[ROLES] = {"beta", "gamma", "delta", "sigma"};

static struct network network;
static pid_t clones[ROLES][INSTANCES];

static void start_clone(unsigned role, unsigned instance)
{
	char name[NAME_BYTES];

	snprintf(name, sizeof(name), "%s/%u", roles[role], instance + 1);
	clones[role][instance] = clone_spawn(&network, name, 64);
}

static void kill_clone(unsigned role, unsigned instance)
{
	kill(clones[role][instance], SIGKILL);
	waitpid(clones[role][instance], NULL, 0);
}

/* Mixed tasks, AT_ONCE of them open; each time a fifth of them has ended, one instance of a role dies and is started anew. */
static unsigned run(struct tally *tally)
{
	unsigned kills = 0;

	while (tally->ended + tally->refused < TASKS) {
		while (tally->count < TASKS && tally->count - tally->ended < AT_ONCE) {
			struct request request = {.task_type = types[tally->count % ROLES]};
			assert_int_equal(tally_send(tally, &request), 0);
		}
		assert_true(client_pump(tally->client, 100) >= 0);
		if (kills < ROLES && tally->ended >= (kills + 1) * TASKS / (ROLES + 1)) {
			kill_clone(kills, kills % INSTANCES);
			start_clone(kills, kills % INSTANCES);
			kills++;
		}
	}
	return kills;
}

/* ---- what the trail says ---- */

struct figures {
	uint64_t asked_ms[TASKS * 8]; /* by the seq of the request */
	uint64_t delegation_ms[TASKS];
	size_t delegated;
	uint64_t accepted;
	uint64_t told;      /* outcomes to the client */
	uint64_t delivered; /* of these, processed by it */
	uint64_t attempts;
	uint64_t lost;
};

static int look(void *context, const struct trail_entry *entry)
{
	struct figures *figures = context;

	if (entry->type == MESSAGE_TASK_REQUEST && entry->task_number == entry->seq && entry->seq < TASKS * 8) {
		figures->asked_ms[entry->seq] = entry->mono_ms;
		figures->accepted++;
	}
	if (entry->type == MESSAGE_TASK_ASSIGNMENT) {
		figures->attempts++;
		if (entry->attempt == 1 && entry->task_number < TASKS * 8 && figures->delegated < TASKS)
			figures->delegation_ms[figures->delegated++] = entry->mono_ms - figures->asked_ms[entry->task_number];
	}
	figures->lost += entry->type == MESSAGE_RETRY_SCHEDULED;
	figures->told += entry->type == MESSAGE_TASK_COMPLETION && entry->direction == TRAIL_OUT;
	if (entry->type == MESSAGE_DELIVERED) {
		struct message message;
		struct parts parts = {
			.version = PROTOCOL_VERSION, .type = entry->type, .header = entry->header, .facts = entry->facts};
		assert_int_equal(message_decode(&parts, &message), 0);
		figures->delivered += message.delivered.outcomes;
	}
	return 0;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void read_figures(struct figures *figures)
{
	struct trail_query query = {0};
	struct trail *trail = NULL;
	char path[128], why[256];

	network_verify(&network);
	snprintf(path, sizeof(path), "%s/trail.db", network.state);
	assert_int_equal(trail_open(path, TRAIL_READ, &trail, why), 0);
	assert_int_equal(trail_read(trail, &query, look, figures), 0);
	trail_close(trail);
	qsort(figures->delegation_ms, figures->delegated, sizeof(uint64_t), by_size);
}

static void print_figures(const struct figures *figures, unsigned kills)
{
	const uint64_t *sorted = figures->delegation_ms;
	size_t count = figures->delegated;

	print_message("           %u tasks of four types, %u at once, %u clones killed (asked: 100 at once)\n", TASKS, AT_ONCE,
		      kills);
	print_message("           delegation, from receipt to assignment: p50 %llu ms, p99 %llu ms, longest %llu ms (asked: "
		      "under 100 ms)\n",
		      (unsigned long long)sorted[count / 2], (unsigned long long)sorted[count * 99 / 100],
		      (unsigned long long)sorted[count - 1]);
	print_message(
		"           delivered over accepted: %llu of %llu, in %llu attempts, %llu of them lost (asked: over 99 %%)\n",
		(unsigned long long)figures->delivered, (unsigned long long)figures->accepted,
		(unsigned long long)figures->attempts, (unsigned long long)figures->lost);
}

static void test_mixed_tasks_at_once_each_end_once_while_clones_die(void **state)
{
	struct figures *figures = calloc(1, sizeof(*figures));
	struct tally tally;

	(void)state;
	assert_non_null(figures);
	network_open(&network, conf);
	network_start(&network);
	for (unsigned r = 0; r < ROLES; r++)
		for (unsigned i = 0; i < INSTANCES; i++)
			start_clone(r, i);
	tally_init(&tally, network_client(&network, "client"), TASKS);
	unsigned kills = run(&tally);
	for (unsigned i = 0; i < 100 && client_pump(tally.client, 10) >= 0; i++) /* the last outcomes are acknowledged */
		;
	assert_int_equal(kills, ROLES);
	assert_int_equal(tally.strangers, 0);
	for (size_t i = 0; i < TASKS; i++) {
		assert_int_equal(tally.task[i].accepted, 1);
		assert_int_equal(tally.task[i].ended, 1);
		assert_int_equal(tally.task[i].state, STATE_COMPLETED);
	}
	client_close(tally.client);
	tally_release(&tally);
	for (unsigned r = 0; r < ROLES; r++)
		for (unsigned i = 0; i < INSTANCES; i++)
			kill_clone(r, i);
	assert_int_equal(network_stop(&network), 0);
	read_figures(figures);
	print_figures(figures, kills);
	assert_int_equal(figures->accepted, TASKS);
	assert_int_equal(figures->told, TASKS);
	assert_int_equal(figures->delivered, TASKS);
	assert_int_equal(figures->attempts, TASKS + figures->lost);
	network_close(&network);
	free(figures);
}

int main(int argc, char **argv)
{
	network_be_child(argc, argv);
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_mixed_tasks_at_once_each_end_once_while_clones_die)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
