/* SPDX-License-Identifier: MIT
 *
 * How fast is the whole network: a client, Omega, and clones that do nothing. Everything durable, CURVE on every link.
 *
 *   bench_network [--json] [--clones N] [--slots N] [--seconds N] [W …]
 *
 * For each W (tasks outstanding; 1, 100 and 10,000 if none are named) it prints tasks per second and percentiles of three times, each from the
 * moment the request was queued: until the clone has the assignment (delegation), until the receipt, until the outcome. Beside it, measured
 * in the same folder just before: what one fdatasync of 4 KiB over written blocks costs. The trail is verified at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/tally.h"

#define SAMPLES_MAX        4000000u
#define CLONES_AT_ONCE_MAX 16u
#define PADDING            200 /* brings the parameters to about 256 bytes */

struct samples {
	uint32_t *us;
	size_t count;
};

struct worker {
	struct instant_clone clone;
	struct samples delegation;
};

struct settings {
	bool json;
	unsigned clones;
	unsigned slots;
	unsigned seconds;
};

struct run {
	size_t window;
	size_t tasks;
	double per_second;
	uint32_t sync_us;
	struct samples delegation;
	struct samples receipt;
	struct samples outcome;
	uint64_t rss_kb;
	double cpu_us; /* of Omega, per task */
};

/* ---- samples ---- */

static void sample_add(struct samples *samples, uint64_t us)
{
	if (samples->count < SAMPLES_MAX)
		samples->us[samples->count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static int compare(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a;
	uint32_t right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

static uint32_t percentile(const struct samples *samples, unsigned permille)
{
	return samples->count ? samples->us[(samples->count - 1) * permille / 1000] : 0;
}

static struct samples samples_new(void)
{
	return (struct samples){.us = malloc(SAMPLES_MAX * sizeof(uint32_t))};
}

static void samples_sort(struct samples *samples)
{
	qsort(samples->us, samples->count, sizeof(*samples->us), compare);
}

/* ---- what the machine costs ---- */

static uint32_t sync_us(const char *folder)
{
	struct samples samples = samples_new();
	char path[128];
	char block[4096] = "";
	uint32_t median;
	int fd;

	snprintf(path, sizeof(path), "%s/sync", folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; fd >= 0 && i < 220; i++) {
		uint64_t begin = tally_now_us();

		if (pwrite(fd, block, sizeof(block), (off_t)(i % 10) * 4096) < 0 || fdatasync(fd))
			break;
		if (i >= 20) /* the first ones make the file */
			sample_add(&samples, tally_now_us() - begin);
	}
	if (fd >= 0)
		close(fd);
	unlink(path);
	samples_sort(&samples);
	median = percentile(&samples, 500);
	free(samples.us);
	return median;
}

static uint64_t rss_kb(pid_t pid)
{
	char path[64];
	char line[256];
	uint64_t kb = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "VmRSS:", 6) == 0)
			kb = strtoull(line + 6, NULL, 10);
	if (file)
		fclose(file);
	return kb;
}

static uint64_t cpu_us(pid_t pid)
{
	char path[64];
	char text[1024] = "";
	unsigned long long user = 0;
	unsigned long long system = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (file && fgets(text, sizeof(text), file) && strrchr(text, ')'))
		sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system);
	if (file)
		fclose(file);
	return (user + system) * 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);
}

/* ---- the clone: reads when its task was queued, from its parameters ---- */

static void note_delegation(void *context, const struct assignment *assignment, struct answer *out_answer)
{
	struct samples *samples = context;
	const struct text *text = &assignment->facts->parameters;
	char digits[24] = "";

	if (text->bytes > 30)
		memcpy(digits, text->at + 6, 19); /* behind {"t":" */
	sample_add(samples, tally_now_us() - strtoull(digits, NULL, 10));
	out_answer->result = "{}";
}

/* ---- the client ---- */

struct bench {
	struct client *client;
	struct run *run;
	size_t open;
	size_t ended;
	size_t refused;
	uint64_t end_us;
	size_t sent;
	/* When each open task was queued: a ring by the order of sending is not enough, since they end in any order. */
	struct tally tally;
};

static void on_accepted(void *context, const struct receipt *receipt)
{
	struct bench *bench = context;
	struct tally_task *task = tally_find(&bench->tally, &receipt->task_id);

	if (task)
		sample_add(&bench->run->receipt, tally_now_us() - task->sent_us);
}

static void on_refused(void *context, const struct refused *refused)
{
	struct bench *bench = context;

	(void)refused;
	bench->refused++;
	bench->open--;
}

static void on_ended(void *context, const struct id *task_id, enum state state, const struct message *outcome)
{
	struct bench *bench = context;
	struct tally_task *task = tally_find(&bench->tally, task_id);

	(void)outcome;
	if (state != STATE_COMPLETED || !task)
		bench->refused++;
	else
		sample_add(&bench->run->outcome, tally_now_us() - task->sent_us);
	bench->ended++;
	bench->open--;
}

static int send_one(struct bench *bench)
{
	static char padding[PADDING + 1];
	char parameters[300];
	struct request request = {.task_type = "echo", .parameters = parameters};

	memset(padding, 'x', PADDING);
	/* JSON knows no number that begins with zeros, so the time stands in a text. */
	snprintf(parameters, sizeof(parameters), "{\"t\":\"%019llu\",\"padding\":\"%s\"}", (unsigned long long)tally_now_us(),
		 padding);
	bench->open++;
	bench->sent++;
	return tally_send(&bench->tally, &request);
}

static void pump_window(struct bench *bench, bool sending)
{
	int rc = 0;

	while (sending && !rc && bench->open < bench->run->window && bench->sent < bench->tally.capacity)
		rc = send_one(bench);
	if (!rc)
		rc = client_pump(bench->client, 1000);
	if (rc < 0)
		fail_msg("the client: %s", error_sentence(rc));
}

static void run_window(struct bench *bench, const struct settings *settings)
{
	struct client_events events = {.context = bench, .accepted = on_accepted, .refused = on_refused, .ended = on_ended};
	uint64_t begin;
	uint64_t end;

	tally_init(&bench->tally, bench->client, SAMPLES_MAX);
	client_listen(bench->client, &events);
	begin = tally_now_us();
	end = begin + settings->seconds * 1000000ull;
	while (tally_now_us() < end)
		pump_window(bench, true);
	bench->run->tasks = bench->ended;
	bench->run->per_second = (double)bench->ended * 1e6 / (double)(tally_now_us() - begin);
	while (bench->open)
		pump_window(bench, false);
	tally_release(&bench->tally);
	if (bench->refused)
		fprintf(stderr, "%zu tasks were refused or failed\n", bench->refused);
}

/* ---- printing ---- */

static void print_times(const char *name, struct samples *samples, bool json)
{
	samples_sort(samples);
	if (json)
		printf(", \"%s_us\": {\"p50\": %u, \"p99\": %u, \"max\": %u}", name, percentile(samples, 500),
		       percentile(samples, 990), percentile(samples, 1000));
	else
		printf("   %s %u / %u", name, percentile(samples, 500), percentile(samples, 990));
}

static void print_run(struct run *run, bool json)
{
	if (json)
		printf("{\"outstanding\": %zu, \"tasks\": %zu, \"per_second\": %.0f, \"fdatasync_us\": %u, \"omega_rss_kb\": "
		       "%llu, \"omega_cpu_us_per_task\": %.1f",
		       run->window, run->tasks, run->per_second, run->sync_us, (unsigned long long)run->rss_kb, run->cpu_us);
	else
		printf("W=%-6zu %9.0f tasks/s  fdatasync %u us  Omega %llu MB, %.1f us CPU a task  p50/p99 us:", run->window,
		       run->per_second, run->sync_us, (unsigned long long)run->rss_kb / 1024, run->cpu_us);
	print_times("delegation", &run->delegation, json);
	print_times("receipt", &run->receipt, json);
	print_times("outcome", &run->outcome, json);
	printf("%s\n", json ? "}" : "");
	fflush(stdout);
}

/* ---- one W, in a network of its own ---- */

static void write_conf(char out[1024], const struct settings *settings)
{
	snprintf(out, 1024,
		 "network {\n\theartbeat = 1s\n\ttasks_max = 200000\n}\n"
		 "clone echo {\n\tinstances = %u\n\tslots = 8\n\texternal = yes\n}\n"
		 "route echo {\n\tdestination = echo\n\ttimeout = 30s\n\tqueue_max = 200000\n}\n",
		 settings->clones);
}

static void gather(struct run *run, struct worker *worker, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		for (size_t k = 0; k < worker[i].delegation.count; k++)
			sample_add(&run->delegation, worker[i].delegation.us[k]);
		free(worker[i].delegation.us);
	}
}

static void bench_window(size_t window, const struct settings *settings)
{
	static struct worker worker[CLONES_AT_ONCE_MAX];
	struct run run = {.window = window, .delegation = samples_new(), .receipt = samples_new(), .outcome = samples_new()};
	struct bench bench = {.run = &run};
	struct network network;
	char conf[1024];

	memset(worker, 0, sizeof(worker));
	write_conf(conf, settings);
	network_open(&network, conf);
	run.sync_us = sync_us(network.folder);
	network_start(&network);
	for (unsigned i = 0; i < settings->clones; i++) {
		char name[32];

		snprintf(name, sizeof(name), "echo/%u", i + 1);
		worker[i].delegation = samples_new();
		worker[i].clone.handler = note_delegation;
		worker[i].clone.context = &worker[i].delegation;
		clone_start(&worker[i].clone, &network, name, settings->slots);
	}
	bench.client = network_client(&network, "client");
	run_window(&bench, settings);
	run.rss_kb = rss_kb(network.omega);
	run.cpu_us = bench.ended ? (double)cpu_us(network.omega) / (double)bench.ended : 0;
	client_close(bench.client);
	for (unsigned i = 0; i < settings->clones; i++)
		clone_stop(&worker[i].clone);
	gather(&run, worker, settings->clones);
	if (network_stop(&network))
		fprintf(stderr, "Omega did not stop cleanly\n");
	network_verify(&network);
	network_close(&network);
	print_run(&run, settings->json);
	free(run.delegation.us);
	free(run.receipt.us);
	free(run.outcome.us);
}

static unsigned number_after(int argc, char **argv, int *at, unsigned least, unsigned most)
{
	unsigned value = *at + 1 < argc ? (unsigned)strtoul(argv[*at + 1], NULL, 10) : 0;

	if (value < least || value > most) {
		fprintf(stderr, "%s takes a number from %u to %u\n", argv[*at], least, most);
		exit(2);
	}
	++*at;
	return value;
}

int main(int argc, char **argv)
{
	struct settings settings = {.clones = 1, .slots = 1024, .seconds = 5};
	bool named = false;

	network_be_child(argc, argv);
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			settings.json = true;
		else if (strcmp(argv[i], "--clones") == 0)
			settings.clones = number_after(argc, argv, &i, 1, CLONES_AT_ONCE_MAX);
		else if (strcmp(argv[i], "--slots") == 0)
			settings.slots = number_after(argc, argv, &i, 1, 1024);
		else if (strcmp(argv[i], "--seconds") == 0)
			settings.seconds = number_after(argc, argv, &i, 1, 3600);
		else {
			named = true;
			bench_window(strtoul(argv[i], NULL, 10), &settings);
		}
	}
	if (!named) {
		bench_window(1, &settings);
		bench_window(100, &settings);
		bench_window(10000, &settings);
	}
	return 0;
}
