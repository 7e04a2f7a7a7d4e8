/* SPDX-License-Identifier: MIT
 *
 * How fast the trail is: rows a second and the time of one commit for batches of different size, beside what fdatasync itself
 * takes in the same run; then how fast it is verified. A task is four rows: request, assignment, completion, outcome; two of them
 * own a payload of 256 bytes, two forward one. Everything is on as in the product: chain, tree, and checkpoints under two signatures;
 * the last column is what a row costs without checkpoints. Rounds alternate; medians are printed.
 *
 *   bench_trail [FOLDER [ROUNDS]]
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/seal.h"
#include "audit/trail.h"

#define PAYLOAD_BYTES 256
#define HEADER_BYTES  110
#define FACTS_BYTES   50
#define BATCH_MAX     4096u
#define ROUND_NS      400000000u
#define SAMPLES_MAX   100000u
#define VERIFY_ROWS   400000u
#define ROUNDS_MAX    31

static const unsigned batches[] = {1, 16, 256, 4096};
#define KINDS (sizeof(batches) / sizeof(batches[0]))

static uint8_t noise[4096];
static struct trail_entry entries[BATCH_MAX];
static double samples[SAMPLES_MAX];

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "bench_trail: %s\n", what);
	exit(1);
}

static double now_ns(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static double quantile(double *values, size_t count, double q)
{
	qsort(values, count, sizeof(*values), order);
	return values[(size_t)(q * (double)(count - 1))];
}

/* ---- rows ---- */

static struct id id_of(uint64_t number, uint8_t kind)
{
	struct id id = {.bytes = {0x01, 0x92, kind}};
	uint64_t mixed = number * 0x9e3779b97f4a7c15u;
	memcpy(id.bytes + 8, &mixed, sizeof(mixed));
	uint64_t order_bytes = __builtin_bswap64(number << 8);
	memcpy(id.bytes + 3, (uint8_t *)&order_bytes + 3, 5);
	return id;
}

static void row_make(struct trail_entry *entry, uint64_t seq)
{
	static const uint32_t types[] = {MESSAGE_TASK_REQUEST, MESSAGE_TASK_ASSIGNMENT, MESSAGE_TASK_COMPLETION,
					 MESSAGE_TASK_COMPLETION};
	uint64_t step = (seq - 1) % 4, first = seq - step;
	*entry = (struct trail_entry){
		.seq = seq,
		.boot = {{1, 2, 3}},
		.now_ms = seq / 100,
		.wall_ms = 1800000000000u + seq / 100,
		.mono_ms = 5000000 + seq / 100,
		.direction = step % 2 ? TRAIL_OUT : TRAIL_IN,
		.type = types[step],
		.message_id = id_of(seq, 7),
		.task_id = id_of(first, 9),
		.task_number = first,
		.attempt = step > 0,
		.sender_seq = seq / 2,
		.end_state = step > 1 ? STATE_COMPLETED : 0,
		.payload_seq = seq - step % 2,
		.header = {noise + seq % 2048, HEADER_BYTES},
		.facts = {noise + seq % 1024, FACTS_BYTES},
	};
	memcpy(entry->peer, step == 0 || step == 3 ? "client/anna/3f9c2e10" : "beta/1", step == 0 || step == 3 ? 21 : 7);
	if (step % 2 == 0)
		entry->payload = (struct bytes){noise + seq % 3000, PAYLOAD_BYTES};
	if (step == 0)
		entry->body_hash = id_of(seq, 3);
}

static double batch_append(struct trail *trail, unsigned count)
{
	uint64_t last = trail_last_seq(trail);
	for (unsigned i = 0; i < count; i++)
		row_make(&entries[i], last + 1 + i);
	double began = now_ns(CLOCK_MONOTONIC);
	if (trail_append(trail, entries, count))
		stop(trail_why(trail));
	double took = now_ns(CLOCK_MONOTONIC) - began;
	return took;
}

static double tidy(struct trail *trail)
{
	double began = now_ns(CLOCK_MONOTONIC);
	if (trail_untidy(trail) && trail_tidy(trail))
		stop(trail_why(trail));
	return now_ns(CLOCK_MONOTONIC) - began;
}

struct result {
	double rows; /* a second, checkpoints included */
	double p50_us;
	double p99_us;
	double tidy_share;
	double cpu_us; /* of this process, for each row */
};

static struct result round_of(struct trail *trail, unsigned batch)
{
	struct result result;
	double busy = 0, tidying = 0, cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	size_t count = 0;
	while (busy + tidying < ROUND_NS && count < SAMPLES_MAX) {
		samples[count] = batch_append(trail, batch);
		busy += samples[count++];
		tidying += tidy(trail);
	}
	double rows = (double)count * batch;
	result.cpu_us = (now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / rows / 1e3;
	result.rows = rows / (busy + tidying) * 1e9;
	result.tidy_share = tidying / (busy + tidying);
	result.p50_us = quantile(samples, count, 0.5) / 1e3;
	result.p99_us = quantile(samples, count, 0.99) / 1e3;
	return result;
}

/* ---- the disk ---- */

static double sync_us(const char *folder, bool growing)
{
	enum { BLOCKS = 256 };
	char path[4096];
	snprintf(path, sizeof(path), "%s/sync", folder);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		stop("cannot create a file");
	for (int i = 0; !growing && i < BLOCKS; i++)
		if (pwrite(fd, noise, sizeof(noise), i * (off_t)sizeof(noise)) < 0)
			stop("cannot write");
	if (fsync(fd))
		stop("cannot sync");
	for (int i = 0; i < BLOCKS; i++) {
		double began = now_ns(CLOCK_MONOTONIC);
		if (pwrite(fd, noise, sizeof(noise), i * (off_t)sizeof(noise)) < 0 || fdatasync(fd))
			stop("cannot write and sync");
		samples[i] = now_ns(CLOCK_MONOTONIC) - began;
	}
	close(fd);
	unlink(path);
	return quantile(samples, BLOCKS, 0.5) / 1e3;
}

/* CPU time of all processes, and of the machine, in clock ticks. */
static void machine_ticks(double *out_busy, double *out_all)
{
	unsigned long long ticks[8] = {0};
	FILE *file = fopen("/proc/stat", "r");
	if (!file || fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &ticks[0], &ticks[1], &ticks[2], &ticks[3],
			    &ticks[4], &ticks[5], &ticks[6], &ticks[7]) != 8)
		stop("cannot read /proc/stat");
	fclose(file);
	*out_all = 0;
	for (int i = 0; i < 8; i++)
		*out_all += (double)ticks[i];
	*out_busy = *out_all - (double)ticks[3] - (double)ticks[4];
}

/* ---- all of it ---- */

static void remove_trail(const char *path)
{
	static const char *const ends[] = {"", "-wal", "-shm", "-lock"};
	char file[4200];
	for (size_t i = 0; i < 4; i++) {
		snprintf(file, sizeof(file), "%s%s", path, ends[i]);
		unlink(file);
	}
}

static struct trail *open_or_stop(const char *path)
{
	char why[256];
	struct trail *trail;
	if (trail_open(path, TRAIL_WRITE, &trail, why))
		stop(why);
	return trail;
}

/* With the keys in `keys`, as Omega has it. */
static struct trail *open_sealed(const char *path, const char *keys)
{
	char why[256];
	struct sealed last;
	struct sealer *sealer;
	struct trail *trail = open_or_stop(path);
	if (trail_sealed(trail, &last))
		stop(trail_why(trail));
	if (sealer_open(keys, &last, &sealer, why))
		stop(why);
	trail_seal(trail, sealer, NULL, NULL);
	return trail;
}

static void remove_keys(const char *keys)
{
	static const char *const names[] = {"log.key", "log.pub", "seal.key"};
	char file[4200];
	for (size_t i = 0; i < 3; i++) {
		snprintf(file, sizeof(file), "%s/%s", keys, names[i]);
		unlink(file);
	}
}

static double median_of(struct result results[][KINDS], size_t rounds, size_t kind, size_t offset)
{
	double values[ROUNDS_MAX];
	for (size_t i = 0; i < rounds; i++)
		memcpy(&values[i], (const char *)&results[i][kind] + offset, sizeof(double));
	return quantile(values, rounds, 0.5);
}

static void verify(const char *path, const char *keys)
{
	struct trail_verdict verdict;
	struct trail *trail = open_sealed(path, keys);
	while (trail_last_seq(trail) < VERIFY_ROWS) {
		batch_append(trail, BATCH_MAX);
		tidy(trail);
	}
	double cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID), began = now_ns(CLOCK_MONOTONIC);
	if (trail_verify(trail, 0, &verdict))
		stop(verdict.why);
	cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	printf("verify: %llu rows, %.2f CPU seconds for 10^6 rows, %.2f s of time\n", (unsigned long long)verdict.records,
	       cpu / (double)verdict.records * 1e-3, (now_ns(CLOCK_MONOTONIC) - began) / (double)verdict.records * 1e-3);
	trail_close(trail);
}

int main(int argc, char **argv)
{
	static struct result results[ROUNDS_MAX][KINDS], bare[ROUNDS_MAX][KINDS];
	char folder[2048], path[2100], keys[2100];
	double overwrite[ROUNDS_MAX], growing[ROUNDS_MAX], busy, all, busy_end, all_end;
	size_t rounds = argc > 2 ? (size_t)atoi(argv[2]) : 5;
	if (rounds < 1 || rounds > ROUNDS_MAX)
		stop("ROUNDS is 1 to 31");
	snprintf(folder, sizeof(folder), "%s/bench-trail-XXXXXX", argc > 1 ? argv[1] : "/tmp");
	if (!mkdtemp(folder))
		stop("cannot make a folder");
	snprintf(path, sizeof(path), "%s/trail.db", folder);
	snprintf(keys, sizeof(keys), "%s/keys", folder);
	if (mkdir(keys, 0700))
		stop("cannot make a folder");
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 167 + (i >> 5) * 31);
	machine_ticks(&busy, &all);
	double own = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	for (size_t i = 0; i < rounds; i++) {
		overwrite[i] = sync_us(folder, false);
		growing[i] = sync_us(folder, true);
		for (size_t kind = 0; kind < KINDS; kind++) {
			struct trail *trail = open_sealed(path, keys);
			if (i == 0) /* warm up */
				round_of(trail, batches[kind]);
			results[i][kind] = round_of(trail, batches[kind]);
			trail_close(trail);
			remove_trail(path);
			remove_keys(keys);
			trail = open_or_stop(path);
			bare[i][kind] = round_of(trail, batches[kind]);
			trail_close(trail);
			remove_trail(path);
		}
	}
	machine_ticks(&busy_end, &all_end);
	own = (now_ns(CLOCK_PROCESS_CPUTIME_ID) - own) / 1e9 * (double)sysconf(_SC_CLK_TCK);
	printf("fdatasync of 4 KiB: %.0f us over what is there, %.0f us growing; CPU of others: %.0f %%\n",
	       quantile(overwrite, rounds, 0.5), quantile(growing, rounds, 0.5),
	       100 * (busy_end - busy - own > 0 ? busy_end - busy - own : 0) / (all_end - all));
	printf("%8s %12s %12s %12s %10s %12s %14s\n", "batch", "rows/s", "p50 us", "p99 us", "tidy %", "CPU us/row",
	       "rows/s unsealed");
	for (size_t kind = 0; kind < KINDS; kind++) {
#define MEDIAN(member) median_of(results, rounds, kind, offsetof(struct result, member))
		printf("%8u %12.0f %12.0f %12.0f %10.1f %12.2f %14.0f\n", batches[kind], MEDIAN(rows), MEDIAN(p50_us),
		       MEDIAN(p99_us), 100 * MEDIAN(tidy_share), MEDIAN(cpu_us),
		       median_of(bare, rounds, kind, offsetof(struct result, rows)));
	}
	verify(path, keys);
	remove_trail(path);
	remove_keys(keys);
	rmdir(keys);
	rmdir(folder);
	return 0;
}
