/* SPDX-License-Identifier: MIT
 *
 * How fast the separate verifier is: records for each second of one processor, on a trail as it is written by Omega at work, sealed every
 * 1,000 records. A task is eight records: request, acceptance, assignment, start, two of progress, completion, outcome; four of them own a payload of 40 to 400
 * bytes, two forward one. Ten clients and four clones.
 *
 *   bench_verify [FOLDER [RECORDS [ROUNDS]]]
 *   bench_verify --file TRAIL --key log.pub [ROUNDS]
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/seal.h"
#include "audit/trail.h"
#include "verifier/verify.h"

#define ROUNDS_MAX 31
#define BATCH      250u
#define TASK       8u

static uint8_t noise[4096];
static uint64_t numbers[2][16]; /* sequence numbers, from and to each peer */

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "bench_verify: %s\n", what);
	exit(1);
}

static double now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- the trail ---- */

static struct id id_of(uint64_t number, uint8_t kind)
{
	struct id id = {.bytes = {0x01, 0x92, kind}};
	uint64_t mixed = number * 0x9e3779b97f4a7c15u, order = __builtin_bswap64(number << 8);

	memcpy(id.bytes + 8, &mixed, sizeof(mixed));
	memcpy(id.bytes + 3, (uint8_t *)&order + 3, 5);
	return id;
}

static void peer_set(struct trail_entry *entry, unsigned peer)
{
	if (peer < 4)
		snprintf(entry->peer, NAME_BYTES, "%s/1", (const char *const[]){"beta", "gamma", "delta", "sigma"}[peer]);
	else
		snprintf(entry->peer, NAME_BYTES, "client/anna%u/3f9c2e1%x", peer, peer);
	entry->sender_seq = ++numbers[entry->direction - 1][peer];
}

static void row_make(struct trail_entry *entry, uint64_t seq)
{
	static const struct {
		uint32_t type;
		bool in, owns, with_clone;
		uint8_t forwards; /* records back to the one whose payload this forwards */
	} steps[TASK] = {{MESSAGE_TASK_REQUEST, true, true, false, 0},     {MESSAGE_TASK_ACCEPTED, false, false, false, 0},
			 {MESSAGE_TASK_ASSIGNMENT, false, false, true, 2}, {MESSAGE_TASK_STARTED, true, false, true, 0},
			 {MESSAGE_TASK_PROGRESS, true, true, true, 0},     {MESSAGE_TASK_PROGRESS, true, true, true, 0},
			 {MESSAGE_TASK_COMPLETION, true, true, true, 0},   {MESSAGE_TASK_COMPLETION, false, false, false, 1}};
	uint64_t step = (seq - 1) % TASK, first = seq - step, task = first / TASK;

	*entry = (struct trail_entry){
		.seq = seq,
		.boot = {{1, 2, 3}},
		.now_ms = seq / 100,
		.wall_ms = 1800000000000u + seq / 100,
		.mono_ms = 5000000 + seq / 100,
		.direction = steps[step].in ? TRAIL_IN : TRAIL_OUT,
		.type = steps[step].type,
		.message_id = id_of(seq, 7),
		.task_id = id_of(first, 9),
		.task_number = first,
		.attempt = step > 1,
		.end_state = step == TASK - 1 ? STATE_COMPLETED : 0,
		.payload_seq = steps[step].owns       ? seq
			       : steps[step].forwards ? seq - steps[step].forwards
						      : 0,
		.header = {noise + seq % 2048, 110},
		.facts = {noise + seq % 1024, 20 + (uint32_t)(seq * 7 % 40)},
	};
	peer_set(entry, steps[step].with_clone ? (unsigned)(task % 4) : 4 + (unsigned)(task % 10));
	if (steps[step].owns)
		entry->payload = (struct bytes){noise + seq % 3000, 40 + (uint32_t)(seq * 31 % 360)};
	if (step == 0)
		entry->body_hash = id_of(seq, 3);
}

/* Everybody joins, so that there are numbers to count. */
static void hello_make(struct trail_entry *entry, uint64_t seq)
{
	*entry = (struct trail_entry){
		.seq = seq,
		.boot = {{1, 2, 3}},
		.direction = TRAIL_IN,
		.type = MESSAGE_HELLO,
		.message_id = id_of(seq, 7),
		.header = {noise, 110},
		.facts = {noise, 50},
	};
	peer_set(entry, (unsigned)(seq - 1) % 16);
}

static void trail_make(const char *folder, const char *path, uint64_t records)
{
	static struct trail_entry entries[BATCH];
	char why[256];
	struct trail *trail;
	struct sealer *sealer;
	struct sealed sealed;

	if (trail_open(path, TRAIL_WRITE, &trail, why))
		stop(why);
	if (trail_sealed(trail, &sealed) || sealer_open(folder, &sealed, &sealer, why))
		stop("no keys");
	trail_seal(trail, sealer, NULL, NULL);
	while (trail_last_seq(trail) < records) {
		uint64_t last = trail_last_seq(trail);

		/* Sixteen greetings, then tasks: these begin where a multiple of eight ends. */
		for (unsigned i = 0; i < BATCH; i++)
			last + i < 16 ? hello_make(&entries[i], last + 1 + i) : row_make(&entries[i], last + 1 + i);
		if (trail_append(trail, entries, BATCH) || (trail_untidy(trail) && trail_tidy(trail)))
			stop(trail_why(trail));
	}
	if (trail_checkpoint(trail))
		stop(trail_why(trail));
	trail_close(trail);
}

/* ---- measuring ---- */

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure(const char *path, const struct public_keys *keys, bool statements, size_t rounds)
{
	double seconds[ROUNDS_MAX], real[ROUNDS_MAX];
	struct verdict verdict;

	for (size_t i = 0; i < rounds; i++) {
		double cpu = now(CLOCK_PROCESS_CPUTIME_ID), began = now(CLOCK_MONOTONIC);

		verify_path(path, &(struct verify_options){.keys = keys, .statements = statements}, &verdict);
		seconds[i] = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
		real[i] = now(CLOCK_MONOTONIC) - began;
		if (verdict.code != VERDICT_VERIFIED)
			stop(verdict.found ? verdict.finding.sentence : verdict.why[0] ? verdict.why : "holes");
		verdict_release(&verdict);
	}
	qsort(seconds, rounds, sizeof(*seconds), order);
	qsort(real, rounds, sizeof(*real), order);
	printf("%-28s %10.0f records a second and core (%.0f ns each; best %.0f), %.2f s of time, %llu checkpoints\n",
	       statements ? "through SQLite" : "from the pages of the file", (double)verdict.records / seconds[rounds / 2],
	       seconds[rounds / 2] * 1e9 / (double)verdict.records, (double)verdict.records / seconds[0], real[rounds / 2],
	       (unsigned long long)verdict.checkpoints);
}

static void folder_remove(const char *folder)
{
	DIR *listing = opendir(folder);
	struct dirent *entry;
	char path[4096];

	while (listing && (entry = readdir(listing))) {
		snprintf(path, sizeof(path), "%s/%.255s", folder, entry->d_name);
		unlink(path);
	}
	closedir(listing);
	rmdir(folder);
}

static size_t rounds_of(int argc, char **argv, int which)
{
	size_t rounds = argc > which ? (size_t)atoi(argv[which]) : 5;

	if (rounds < 1 || rounds > ROUNDS_MAX)
		stop("ROUNDS is 1 to 31");
	return rounds;
}

static void measure_both(const char *path, const char *key, size_t rounds)
{
	struct public_keys keys;
	char why[512];

	if (!keys_of_file(key, &keys, why))
		stop(why);
	measure(path, &keys, false, rounds);
	measure(path, &keys, true, rounds);
}

int main(int argc, char **argv)
{
	char folder[2048], path[2100], key[2100];

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 167 + (i >> 5) * 31);
	if (argc > 4 && strcmp(argv[1], "--file") == 0) {
		measure_both(argv[2], argv[4], rounds_of(argc, argv, 5));
		return 0;
	}
	snprintf(folder, sizeof(folder), "%s/bench-verify-XXXXXX", argc > 1 ? argv[1] : "/tmp");
	if (!mkdtemp(folder))
		stop("cannot make a folder");
	snprintf(path, sizeof(path), "%s/trail.db", folder);
	snprintf(key, sizeof(key), "%s/log.pub", folder);
	trail_make(folder, path, argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000);
	measure_both(path, key, rounds_of(argc, argv, 3));
	folder_remove(folder);
	return 0;
}
