/* SPDX-License-Identifier: MIT
 *
 * How long a killed Omega takes until it takes messages again, with a long trail behind it and many tasks open.
 *
 *   bench_restart [--records N] [--open N] [--times N]
 *
 * Real tasks go through a real network until the trail holds N records (1,000,000 if not said); then tasks are sent that no clone
 * takes (10,000), Omega gets SIGKILL, and the time from starting it to its readiness is taken, so many times (5). Every restart
 * checks the trail from the last snapshot on and applies what follows it; how many records that were is printed too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/tally.h"

#define TIMES_MAX     101u
#define TASKS_A_ROUND 20000u
#define WINDOW        2000u

struct settings {
	unsigned records;
	unsigned open;
	unsigned times;
};

static const char conf[] = "network {\n\theartbeat = 1s\n\ttasks_max = 262144\n}\n"
			   "clone echo {\n\tinstances = 1\n\tslots = 1024\n\texternal = yes\n}\n"
			   "clone nobody {\n\texternal = yes\n}\n"
			   "route echo {\n\tdestination = echo\n\ttimeout = 30s\n\tqueue_max = 262144\n}\n"
			   "route later {\n\tdestination = nobody\n\tstart = 12h\n\tdeadline = 4d\n\tqueue_max = 262144\n}\n";

static struct trail *open_trail(const struct network *network)
{
	char path[160], why[256];
	struct trail *trail = NULL;

	snprintf(path, sizeof(path), "%s/trail.db", network->state);
	if (trail_open(path, TRAIL_READ, &trail, why))
		fail_msg("%s", why);
	return trail;
}

static uint64_t records_of(const struct network *network, uint64_t *out_snapshot)
{
	struct trail *trail = open_trail(network);
	uint64_t last = trail_last_seq(trail);

	if (out_snapshot)
		*out_snapshot = trail_snapshot_seq(trail);
	trail_close(trail);
	return last;
}

/* ---- filling ---- */

static void fill(struct network *network, unsigned records)
{
	static const struct request request = {.task_type = "echo",
					       .parameters = "{\"text\":\"as many bytes as a small task has\"}"};
	struct instant_clone clone = {0};

	clone_start(&clone, network, "echo/1", 1024);
	while (records_of(network, NULL) < records) {
		struct tally tally;

		tally_init(&tally, network_client(network, "client"), TASKS_A_ROUND);
		if (tally_run(&tally, &request, TASKS_A_ROUND, WINDOW, NULL, NULL))
			fail_msg("the tasks did not end");
		client_close(tally.client);
		tally_release(&tally);
	}
	clone_stop(&clone);
}

struct waiting {
	size_t accepted;
	size_t refused;
};

static void on_accepted(void *context, const struct receipt *receipt)
{
	struct waiting *waiting = context;

	(void)receipt;
	waiting->accepted++;
}

static void on_refused(void *context, const struct refused *refused)
{
	struct waiting *waiting = context;

	(void)refused;
	waiting->refused++;
}

static void leave_open(struct network *network, unsigned count)
{
	static const struct request request = {.task_type = "later", .parameters = "{}"};
	struct waiting waiting = {0};
	struct client_events events = {.context = &waiting, .accepted = on_accepted, .refused = on_refused};
	struct tally tally;
	size_t sent = 0;

	tally_init(&tally, network_client(network, "client"), count);
	client_listen(tally.client, &events);
	while (waiting.accepted + waiting.refused < count) {
		int rc = 0;

		while (!rc && sent < count && sent < waiting.accepted + waiting.refused + WINDOW) {
			rc = tally_send(&tally, &request);
			sent++;
		}
		if (rc || client_pump(tally.client, 1000) < 0)
			fail_msg("the client lost its connection");
	}
	if (waiting.refused)
		fail_msg("%zu of %u tasks were refused", waiting.refused, count);
	client_close(tally.client);
	tally_release(&tally);
}

/* ---- restarting ---- */

static int order(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void restart(struct network *network, const struct settings *settings)
{
	uint64_t took[TIMES_MAX], snapshot = 0;
	uint64_t records = records_of(network, &snapshot);

	for (unsigned i = 0; i < settings->times; i++) {
		network_kill(network);
		uint64_t began = tally_now_us();
		network_start(network);
		took[i] = tally_now_us() - began;
	}
	qsort(took, settings->times, sizeof(*took), order);
	printf("%llu records, %llu of them after the last snapshot, %u open tasks: ready after %.0f ms (median of %u; %.0f to "
	       "%.0f)\n",
	       (unsigned long long)records, (unsigned long long)(records - snapshot), settings->open,
	       (double)took[settings->times / 2] / 1e3, settings->times, (double)took[0] / 1e3,
	       (double)took[settings->times - 1] / 1e3);
}

static unsigned number_after(int argc, char **argv, int at, unsigned most)
{
	unsigned value = at + 1 < argc ? (unsigned)strtoul(argv[at + 1], NULL, 10) : 0;

	if (value < 1 || value > most) {
		fprintf(stderr, "%s takes a number from 1 to %u\n", argv[at], most);
		exit(2);
	}
	return value;
}

int main(int argc, char **argv)
{
	struct settings settings = {.records = 1000000, .open = 10000, .times = 5};
	struct network network;

	network_be_child(argc, argv);
	for (int i = 1; i < argc; i += 2) {
		if (strcmp(argv[i], "--records") == 0)
			settings.records = number_after(argc, argv, i, 100000000);
		else if (strcmp(argv[i], "--open") == 0)
			settings.open = number_after(argc, argv, i, 200000);
		else if (strcmp(argv[i], "--times") == 0)
			settings.times = number_after(argc, argv, i, TIMES_MAX);
		else {
			fprintf(stderr, "bench_restart [--records N] [--open N] [--times N]\n");
			return 2;
		}
	}
	network_open(&network, conf);
	network_start(&network);
	fill(&network, settings.records);
	leave_open(&network, settings.open);
	restart(&network, &settings);
	network_stop(&network);
	network_verify(&network);
	network_close(&network);
	return 0;
}
