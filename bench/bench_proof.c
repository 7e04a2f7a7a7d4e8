/* SPDX-License-Identifier: MIT
 *
 * How large proofs out of a long trail are, and how long it takes to make and to check one.
 *
 *   bench_proof [--records N] [--samples N] [FOLDER]
 *
 * Writes a sealed trail of N records (1,000,000 if not said), then makes and checks so many (2,000) inclusion proofs of random records
 * and consistency proofs of random checkpoints against the last one, and whole receipts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "audit/receipt.h"
#include "audit/seal.h"
#include "audit/trail.h"

#define BATCH       4000u
#define SAMPLES_MAX 100000u

struct figures {
	double *us;
	size_t count;
	size_t bytes_most;
};

static uint8_t noise[1024];
static uint64_t state = 0x9e3779b97f4a7c15u;

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "bench_proof: %s\n", what);
	exit(1);
}

static double now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* xorshift64: the same records are chosen in every run. */
static uint64_t below(uint64_t limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % limit;
}

/* ---- the trail ---- */

static struct trail *trail_make(const char *folder, uint64_t records)
{
	static struct trail_entry entries[BATCH];
	char path[2100], why[256];
	struct sealed last;
	struct sealer *sealer;
	struct trail *trail;

	snprintf(path, sizeof(path), "%s/trail.db", folder);
	if (trail_open(path, TRAIL_WRITE, &trail, why))
		stop(why);
	if (trail_sealed(trail, &last) || sealer_open(folder, &last, &sealer, why))
		stop(why);
	trail_seal(trail, sealer, NULL, NULL);
	while (trail_last_seq(trail) < records) {
		uint64_t first = trail_last_seq(trail) + 1;
		size_t count = records + 1 - first < BATCH ? (size_t)(records + 1 - first) : BATCH;
		for (size_t i = 0; i < count; i++)
			entries[i] = (struct trail_entry){.seq = first + i,
							  .direction = TRAIL_INNER,
							  .type = MESSAGE_TIMER,
							  .payload_seq = i % 2 ? 0 : first + i,
							  .payload = {noise, i % 2 ? 0 : 256},
							  .header = {noise, 110},
							  .facts = {noise, 50}};
		if (trail_append(trail, entries, count) || (trail_untidy(trail) && trail_tidy(trail)))
			stop(trail_why(trail));
	}
	if (trail_checkpoint(trail))
		stop(trail_why(trail));
	return trail;
}

/* ---- figures ---- */

static int order(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;
	return left < right ? -1 : left > right;
}

static void note(struct figures *figures, double us, size_t bytes)
{
	figures->us[figures->count++] = us;
	if (bytes > figures->bytes_most)
		figures->bytes_most = bytes;
}

static void print(const char *what, struct figures *figures)
{
	qsort(figures->us, figures->count, sizeof(double), order);
	printf("%-34s p50 %8.1f us   p99 %8.1f us", what, figures->us[figures->count / 2],
	       figures->us[(figures->count - 1) * 99 / 100]);
	if (figures->bytes_most)
		printf("   at most %zu bytes", figures->bytes_most);
	printf("\n");
	figures->count = 0;
	figures->bytes_most = 0;
}

static void inclusions(struct trail *trail, struct hasher *hasher, uint64_t size, size_t samples, struct figures *figures)
{
	struct figures checks = {.us = calloc(samples, sizeof(double))};
	struct hash root, leaf;
	struct proof proof;
	struct buffer record = {0};

	if (!checks.us || trail_root(trail, size, &root))
		stop("there is no root");
	for (size_t i = 0; i < samples; i++) {
		uint64_t seq = 1 + below(size);
		double began = now_us();
		if (trail_inclusion(trail, seq, size, &proof))
			stop(trail_why(trail));
		note(figures, now_us() - began, proof.count * sizeof(struct hash));
		record.bytes = 0;
		if (trail_canonical(trail, seq, &record))
			stop(trail_why(trail));
		static const uint8_t leaf_mark = 0;
		began = now_us();
		if (!hasher_sum(hasher, &leaf_mark, 1, record.at, record.bytes, leaf.bytes) ||
		    tree_check_inclusion(hasher, &leaf, seq - 1, size, &proof, &root))
			stop("a proof does not prove");
		note(&checks, now_us() - began, 0);
	}
	print("inclusion proof, made", figures);
	print("inclusion proof, checked", &checks);
	buffer_release(&record);
	free(checks.us);
}

static void consistencies(struct trail *trail, uint64_t size, size_t samples, struct figures *figures)
{
	struct proof proof;

	for (size_t i = 0; i < samples; i++) {
		uint64_t old_size = 1 + below(size);
		double began = now_us();
		if (trail_consistency(trail, old_size, size, &proof))
			stop(trail_why(trail));
		note(figures, now_us() - began, proof.count * sizeof(struct hash));
	}
	print("consistency proof, made", figures);
}

static void receipts(struct trail *trail, uint64_t size, size_t samples, struct figures *figures)
{
	struct buffer receipt = {0};

	for (size_t i = 0; i < samples; i++) {
		double began = now_us();
		receipt.bytes = 0;
		if (receipt_write(trail, 1 + below(size), true, &receipt))
			stop(trail_why(trail));
		note(figures, now_us() - began, receipt.bytes);
	}
	print("receipt with its payload, made", figures);
	buffer_release(&receipt);
}

static void clean(const char *folder)
{
	static const char *const names[] = {"trail.db", "trail.db-wal", "trail.db-shm", "trail.db-lock",
					    "log.key",  "log.pub",      "seal.key"};
	char path[2100];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

int main(int argc, char **argv)
{
	uint64_t records = 1000000;
	size_t samples = 2000;
	const char *base = "/tmp";
	char folder[2048];
	struct hasher hasher;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--records") == 0 && i + 1 < argc)
			records = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--samples") == 0 && i + 1 < argc)
			samples = strtoull(argv[++i], NULL, 10);
		else
			base = argv[i];
	}
	if (!records || !samples || samples > SAMPLES_MAX)
		stop("records and samples (at most 100000) are numbers from 1");
	snprintf(folder, sizeof(folder), "%s/bench-proof-XXXXXX", base);
	if (!mkdtemp(folder) || !hasher_init(&hasher))
		stop("cannot make a folder");
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 167 + (i >> 5) * 31);
	struct figures figures = {.us = calloc(samples, sizeof(double))};
	struct trail *trail = trail_make(folder, records);
	printf("%llu records\n", (unsigned long long)records);
	inclusions(trail, &hasher, records, samples, &figures);
	consistencies(trail, records, samples, &figures);
	receipts(trail, records, samples, &figures);
	trail_close(trail);
	hasher_release(&hasher);
	free(figures.us);
	clean(folder);
	return 0;
}
