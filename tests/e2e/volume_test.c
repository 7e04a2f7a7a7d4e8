/* SPDX-License-Identifier: MIT
 *
 * A hundred thousand tasks to clones that do nothing: each is done once, memory stays under a stated cap, and what does not fit into the
 * queue is refused with a time to try again and then taken. The figures are printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors/fresh.h"
#include "tests/e2e/tally.h"

#define TASKS      100000u
#define WINDOW     5100u /* more than may be live: some are refused */
#define RSS_MAX_MB 192u

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static const char conf[] =
	"network {\n\theartbeat = 1s\n\ttasks_max = 5000\n\tretry_after = 100ms\n}\n"
	"clone echo {\n\tinstances = 2\n\tslots = 8\n\texternal = yes\n}\n"
	"route echo {\n\tdestination = echo\n\ttimeout = 60s\n\tstart = 10m\n\tdeadline = 30m\n\tqueue_max = 100000\n}\n";

static struct network network;

/* ---- a client that tries again ---- */

struct patient {
	struct client *client;
	struct tally tally; /* only its index of tasks is used */
	size_t open;
	size_t completed;
	size_t accepted;
	size_t refused;
	size_t wrong;
	struct instant_clone clone[2];
	uint64_t again_ms; /* not before this time; 0: at once */
};

static void on_accepted(void *context, const struct receipt *receipt)
{
	struct patient *patient = context;
	struct tally_task *task = tally_find(&patient->tally, &receipt->task_id);

	patient->accepted++;
	if (!task || task->accepted++)
		patient->wrong++;
}

static void on_refused(void *context, const struct refused *refused)
{
	struct patient *patient = context;

	if (refused->code != ERROR_OVERLOADED || !refused->retry_after_ms)
		patient->wrong++;
	patient->refused++;
	patient->open--;
	patient->again_ms = boottime_now_ms() + refused->retry_after_ms;
}

static void on_ended(void *context, const struct id *task_id, enum state state, const struct message *outcome)
{
	struct patient *patient = context;
	struct tally_task *task = tally_find(&patient->tally, task_id);

	(void)outcome;
	if (!task || task->ended++ || state != STATE_COMPLETED)
		patient->wrong++;
	patient->completed++;
	patient->open--;
}

static bool may_send(const struct patient *patient)
{
	return patient->open < WINDOW && patient->completed + patient->open < TASKS &&
	       patient->tally.count < patient->tally.capacity && boottime_now_ms() >= patient->again_ms;
}

static void run_patiently(struct patient *patient)
{
	struct request request = {.task_type = "echo",
				  .parameters =
					  "{\"padding\":\"................................................................\"}"};

	while (patient->completed < TASKS) {
		while (may_send(patient)) {
			assert_int_equal(tally_send(&patient->tally, &request), 0);
			patient->open++;
		}
		assert_true(client_pump(patient->client, 10) >= 0);
		if (patient->refused && !patient->clone[0].network) { /* the queue is full: now somebody comes to work */
			clone_start(&patient->clone[0], &network, "echo/1", 512);
			clone_start(&patient->clone[1], &network, "echo/2", 512);
		}
	}
}

static unsigned long rss_mb(void)
{
	char path[64];
	char line[256];
	unsigned long kb = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)network.omega);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "VmHWM:", 6) == 0)
			kb = strtoul(line + 6, NULL, 10);
	fclose(file);
	return kb / 1024;
}

static void test_a_hundred_thousand_tasks_end_once_in_bounded_memory(void **state)
{
	struct client_events events = {.accepted = on_accepted, .refused = on_refused, .ended = on_ended};
	struct patient patient = {0};
	uint64_t begin = boottime_now_ms();
	uint64_t records;

	(void)state;
	network_open(&network, conf);
	network_start(&network);
	patient.client = network_client(&network, "client");
	tally_init(&patient.tally, patient.client, 10 * TASKS);
	events.context = &patient;
	client_listen(patient.client, &events);
	run_patiently(&patient);
	print_message("           %zu tasks in %llu ms, %zu refusals on the way, Omega at most %lu MB\n", patient.completed,
		      (unsigned long long)(boottime_now_ms() - begin), patient.refused, rss_mb());
	assert_int_equal(patient.wrong, 0);
	assert_int_equal(patient.completed, TASKS);
	assert_int_equal(patient.accepted, TASKS);
	assert_true(patient.refused > 0);
#ifndef SANITIZED
	assert_true(rss_mb() <= RSS_MAX_MB);
#endif
	client_close(patient.client);
	clone_stop(&patient.clone[0]);
	clone_stop(&patient.clone[1]);
	assert_int_equal(atomic_load(&patient.clone[0].answered) + atomic_load(&patient.clone[1].answered), TASKS);
	assert_int_equal(network_stop(&network), 0);
	records = network_verify(&network);
	assert_true(records >= 5ull * TASKS); /* request, receipt, assignment, start, completion, outcome: six each */
	network_close(&network);
	tally_release(&patient.tally);
}

int main(int argc, char **argv)
{
	network_be_child(argc, argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_hundred_thousand_tasks_end_once_in_bounded_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
