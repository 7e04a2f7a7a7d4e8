/* SPDX-License-Identifier: MIT
 *
 * What the name of a git object costs: SHA-1 on the processor's instructions and on libcrypto, with and without the check for collisions,
 * beside libcrypto alone and libgit2, whose SHA-1 always checks. Nanoseconds for one object, median of the rounds with the fastest and
 * slowest tenth; every kind in every round. A chain is what a commit hashes when one file of 1 KB changed in 10 x 10 x 10 files: the
 * file, three trees, the commit. Last, what the check adds to a block of 64 bytes, and how often a block has to be looked at twice.
 *
 *   bench_sha1 [ROUNDS]
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the peer is what is used beneath: SHA1_Init, SHA1_Update, SHA1_Final */
#include <git2.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "workspace/sha1.h"
#include "workspace/sha1_attack.h"

#define ROUNDS_MAX  1001
#define OBJECT_MAX  10240u
#define BATCH_BYTES 20480u /* hashed between two looks at the clock */
#define PIECES_MAX  5u
#define SCHEDULES   1024u

static uint8_t noise[OBJECT_MAX];

/* What is hashed: objects of these sizes, one after the other. */
static const struct work {
	const char *name;
	size_t sizes[PIECES_MAX];
} works[] = {
	{"200 B", {200}},
	{"1 KB", {1024}},
	{"10 KB", {10240}},
	{"1 KB chain", {1024, 330, 330, 330, 250}},
};
#define WORKS (sizeof(works) / sizeof(works[0]))

enum kind { PROCESSOR, PROCESSOR_CHECKED, LIBRARY, LIBRARY_CHECKED, BARE_LIBRARY, LIBGIT2, KINDS };
static const char *const names[KINDS] = {"processor",          "processor, checked", "libcrypto",
					 "libcrypto, checked", "libcrypto alone",    "libgit2"};

static double samples[KINDS][WORKS][ROUNDS_MAX];
static uint8_t sum[SHA1_BYTES]; /* of all results, so that none is left out */

static double now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "bench_sha1: %s\n", what);
	exit(1);
}

static void hash_bare(const char *header, size_t header_bytes, size_t bytes, uint8_t *out)
{
	SHA_CTX context;
	SHA1_Init(&context);
	SHA1_Update(&context, header, header_bytes);
	SHA1_Update(&context, noise, bytes);
	SHA1_Final(out, &context);
}

/* The header need not be true to take the time it takes. */
static void hash_object(enum kind kind, size_t bytes)
{
	static const char header[] = "blob 1024";
	uint8_t out[SHA1_BYTES];
	size_t header_bytes = sizeof(header);
	struct sha1_span spans[] = {{header, header_bytes}, {noise, bytes}};
	git_oid id;
	if (kind == BARE_LIBRARY) {
		hash_bare(header, header_bytes, bytes, out);
	} else if (kind == LIBGIT2) {
		if (git_odb_hash(&id, noise, bytes, GIT_OBJECT_BLOB))
			stop("libgit2 did not hash");
		memcpy(out, id.id, sizeof(out));
	} else if (kind == PROCESSOR || kind == LIBRARY) {
		sha1_of(spans, 2, out);
	} else if (sha1_attacked(spans, 2, out)) {
		stop("noise was taken for an attack");
	}
	for (unsigned i = 0; i < SHA1_BYTES; i++)
		sum[i] ^= out[i];
}

static double time_work(enum kind kind, const struct work *work)
{
	size_t total = 0;
	for (unsigned i = 0; i < PIECES_MAX; i++)
		total += work->sizes[i];
	unsigned times = (unsigned)(BATCH_BYTES / total);
	double start = now_ns();
	for (unsigned n = 0; n < times; n++)
		for (unsigned i = 0; i < PIECES_MAX && work->sizes[i]; i++)
			hash_object(kind, work->sizes[i]);
	return (now_ns() - start) / times;
}

static bool choose(enum kind kind)
{
	return kind == PROCESSOR || kind == PROCESSOR_CHECKED ? sha1_choose(SHA1_PROCESSOR) : sha1_choose(SHA1_LIBRARY);
}

static void print_kind(enum kind kind, unsigned rounds)
{
	printf("%-20s", names[kind]);
	for (unsigned w = 0; w < WORKS; w++) {
		qsort(samples[kind][w], rounds, sizeof(double), order);
		printf(" %7.0f (%5.0f-%6.0f)", samples[kind][w][rounds / 2], samples[kind][w][rounds / 10],
		       samples[kind][w][rounds - 1 - rounds / 10]);
	}
	printf("\n");
}

/* The words of `SCHEDULES` blocks of noise; then the time of the conditions alone, and what share fulfils some. */
static void print_conditions(unsigned rounds)
{
	static uint32_t words[SCHEDULES][SHA1_STEPS];
	uint32_t chain[5] = {0};
	for (unsigned i = 0; i < SCHEDULES; i++)
		sha1_library()->expand(chain, noise + i, words[i]);
	unsigned some = 0;
	for (unsigned r = 0; r < rounds; r++) {
		double start = now_ns();
		for (unsigned i = 0; i < SCHEDULES; i++)
			some += !!sha1_conditions(words[i]);
		samples[0][0][r] = (now_ns() - start) / SCHEDULES;
	}
	qsort(samples[0][0], rounds, sizeof(double), order);
	printf("the conditions of a block: %.1f ns; of a hundred blocks %.1f fulfil those of some vector\n",
	       samples[0][0][rounds / 2], 100.0 * some / rounds / SCHEDULES);
}

int main(int count, char **arguments)
{
	long rounds = count > 1 ? strtol(arguments[1], NULL, 10) : 501;
	if (rounds < 1 || rounds > ROUNDS_MAX)
		stop("ROUNDS is a number from 1 to 1001");
	git_libgit2_init();
	srandom(1);
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)random();
	printf("%-20s", "ns an object");
	for (unsigned w = 0; w < WORKS; w++)
		printf(" %22s", works[w].name);
	printf("\n");
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned kind = 0; kind < KINDS; kind++)
			for (unsigned w = 0; w < WORKS && choose(kind); w++)
				samples[kind][w][r] = time_work(kind, &works[w]);
	for (unsigned kind = 0; kind < KINDS; kind++)
		if (choose(kind))
			print_kind(kind, (unsigned)rounds);
	double plain = samples[PROCESSOR][2][rounds / 2], checked = samples[PROCESSOR_CHECKED][2][rounds / 2];
	if (plain > 0)
		printf("a block of 64 bytes: %.1f ns, checked %.1f ns\n", plain / 161, checked / 161);
	print_conditions((unsigned)rounds);
	git_libgit2_shutdown();
	return 0;
}
