/* SPDX-License-Identifier: MIT
 *
 * The same five operations on the same repository by every peer that this machine has, in one run: rounds alternate between the peers, so that whatever else the
 * machine does falls on all of them. Before the clock is believed, every peer makes the same commits and must arrive at the same tree.
 *
 *   bench_workspace [--shape NAME] [--peer NAME]… [--rounds N] [--budget MS] [--json FILE]
 *
 * Each peer gets MS milliseconds for each operation in each round, and does it at least once. The table shows the median and the 99th percentile, and how many times
 * as long as bunshin's the median is. FILE gets one JSON object for each cell.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/workspace/folder.h"
#include "bench/workspace/peer.h"

#define PEERS_MAX         8u
#define RUNS_PER_ROUND    4000u
#define SAME_COMMITS      20u
#define ROUNDS_DEFAULT    5u
#define BUDGET_MS_DEFAULT 150u

const char *const operation_names[OPERATION_COUNT] = {"commit", "branch", "merge", "merge-text", "read"};

static const struct peer_kind *const kinds[] = {
	&peer_own, &peer_own_journal, &peer_libgit2_memory, &peer_libgit2_disk, &peer_git, &peer_isomorphic, &peer_dulwich,
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

struct entrant {
	const struct peer_kind *kind;
	struct peer *peer;
	struct samples samples[OPERATION_COUNT];
	unsigned done[OPERATION_COUNT];
	bool cannot[OPERATION_COUNT];
	char folder[PATH_MAX];
};

struct settings {
	const char *shape;
	const char *wanted[PEERS_MAX];
	size_t wanted_count;
	unsigned rounds;
	double budget_us;
	FILE *json;
};

static bool wanted(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->wanted_count; i++)
		if (!strcmp(settings->wanted[i], name))
			return true;
	return settings->wanted_count == 0;
}

/* ---- a run ---- */

static size_t enter(const struct settings *settings, const struct shape_of_repository *shape, const char *folder,
		    struct entrant *entrants)
{
	char why[256];
	size_t count = 0;

	for (size_t i = 0; i < KIND_COUNT; i++) {
		struct entrant *entrant = &entrants[count];
		if (!wanted(settings, kinds[i]->name))
			continue;
		*entrant = (struct entrant){.kind = kinds[i]};
		if (snprintf(entrant->folder, sizeof(entrant->folder), "%s/%s", folder, kinds[i]->name) >= PATH_MAX ||
		    mkdir(entrant->folder, 0700))
			stop("%s: %s", entrant->folder, strerror(errno));
		entrant->peer = kinds[i]->open(shape, entrant->folder, why);
		if (entrant->peer)
			count++;
		else
			printf("  without %s: %s\n", kinds[i]->name, why);
	}
	return count;
}

static bool run_once(struct entrant *entrant, enum operation operation, bool keep)
{
	unsigned n = ++entrant->done[operation];
	double us = entrant->kind->run[operation] ? entrant->kind->run[operation](entrant->peer, n) : -1;

	if (us < 0)
		entrant->cannot[operation] = true;
	else if (keep)
		samples_add(&entrant->samples[operation], us);
	return us >= 0;
}

static void same_tree(struct entrant *entrants, size_t count)
{
	char first[41] = "", tree[41];

	for (size_t i = 0; i < count; i++) {
		for (unsigned n = 0; n < SAME_COMMITS; n++)
			run_once(&entrants[i], OPERATION_COMMIT, false);
		if (!entrants[i].kind->head(entrants[i].peer, tree))
			stop("%s does not tell its tree", entrants[i].kind->name);
		if (!*first)
			snprintf(first, sizeof(first), "%s", tree);
		if (strcmp(first, tree) != 0)
			stop("after the same commits %s has the tree %s, and %s has %s", entrants[0].kind->name, first,
			     entrants[i].kind->name, tree);
	}
}

static void one_round(const struct settings *settings, struct entrant *entrants, size_t count)
{
	for (unsigned operation = 0; operation < OPERATION_COUNT; operation++)
		for (size_t i = 0; i < count; i++) {
			double end = clock_us() + settings->budget_us;
			for (unsigned n = 0; n < RUNS_PER_ROUND && !entrants[i].cannot[operation]; n++)
				if (!run_once(&entrants[i], operation, true) || clock_us() > end)
					break;
		}
}

/* ---- telling ---- */

static void print_duration(double us, char *out, size_t out_bytes)
{
	if (us < 10)
		snprintf(out, out_bytes, "%.2f us", us);
	else if (us < 1000)
		snprintf(out, out_bytes, "%.0f us", us);
	else
		snprintf(out, out_bytes, "%.1f ms", us / 1000);
}

static void print_ratio(double ratio, char *out, size_t out_bytes)
{
	if (ratio < 10)
		snprintf(out, out_bytes, "x%.1f", ratio);
	else
		snprintf(out, out_bytes, "x%.0f", ratio);
}

static void tell_json(const struct settings *settings, const struct shape_of_repository *shape, struct entrant *entrant,
		      unsigned operation, double ratio)
{
	struct samples *samples = &entrant->samples[operation];
	json_t *cell = json_pack("{s:s, s:s, s:s, s:I, s:f, s:f, s:f}", "shape", shape->name, "peer", entrant->kind->name,
				 "operation", operation_names[operation], "count", (json_int_t)samples->count, "p50_us",
				 samples_at(samples, 0.5), "p99_us", samples_at(samples, 0.99), "ratio", ratio);

	if (!cell || json_dumpf(cell, settings->json, JSON_COMPACT) || fputc('\n', settings->json) == EOF)
		stop("the figures cannot be written");
	json_decref(cell);
}

static void tell_peer(const struct settings *settings, const struct shape_of_repository *shape, struct entrant *own,
		      struct entrant *entrant)
{
	char p50[32], p99[32], ratio[32], cell[100];

	printf("  %-16s", entrant->kind->name);
	for (unsigned operation = 0; operation < OPERATION_COUNT; operation++) {
		struct samples *samples = &entrant->samples[operation];
		double median = samples_at(samples, 0.5), ours = own ? samples_at(&own->samples[operation], 0.5) : 0;
		if (!samples->count) {
			printf(" %-27s", "-");
			continue;
		}
		print_duration(median, p50, sizeof(p50));
		print_duration(samples_at(samples, 0.99), p99, sizeof(p99));
		print_ratio(ours > 0 ? median / ours : 0, ratio, sizeof(ratio));
		snprintf(cell, sizeof(cell), "%s (%s) %s", p50, p99, ratio);
		printf(" %-27s", cell);
		if (settings->json)
			tell_json(settings, shape, entrant, operation, ours > 0 ? median / ours : 0);
	}
	printf("\n");
}

static void tell(const struct settings *settings, const struct shape_of_repository *shape, struct entrant *entrants, size_t count)
{
	struct entrant *own = count && entrants[0].kind == &peer_own ? &entrants[0] : NULL;

	printf("\n  %-16s", "p50 (p99) x ours");
	for (unsigned operation = 0; operation < OPERATION_COUNT; operation++)
		printf(" %-27s", operation_names[operation]);
	printf("\n");
	for (size_t i = 0; i < count; i++)
		tell_peer(settings, shape, own, &entrants[i]);
	printf("\n");
}

/* ---- the program ---- */

static void measure(const struct settings *settings, const struct shape_of_repository *shape)
{
	struct entrant entrants[KIND_COUNT];
	char folder[PATH_MAX];

	folder_make(folder);
	printf("%s: %u files of %u bytes, one of %u\n", shape->name, shape_files(shape), FILE_BYTES, TEXT_BYTES);
	size_t count = enter(settings, shape, folder, entrants);
	same_tree(entrants, count);
	for (unsigned round = 0; round < settings->rounds; round++)
		one_round(settings, entrants, count);
	tell(settings, shape, entrants, count);
	for (size_t i = 0; i < count; i++) {
		entrants[i].kind->close(entrants[i].peer);
		for (unsigned operation = 0; operation < OPERATION_COUNT; operation++)
			samples_release(&entrants[i].samples[operation]);
	}
	folder_remove(folder);
}

static _Noreturn void usage(void)
{
	fputs("usage: bench_workspace [--shape NAME] [--peer NAME]... [--rounds N] [--budget MS] [--json FILE]\n"
	      "shapes:",
	      stderr);
	for (const struct shape_of_repository *shape = shapes; shape->name; shape++)
		fprintf(stderr, " %s", shape->name);
	fputs("\npeers:\n", stderr);
	for (size_t i = 0; i < KIND_COUNT; i++)
		fprintf(stderr, "  %-16s %s\n", kinds[i]->name, kinds[i]->sentence);
	exit(2);
}

static unsigned number(const char *text)
{
	char *end = NULL;
	unsigned long value = strtoul(text, &end, 10);

	if (!*text || *end || !value || value > 1000000)
		usage();
	return (unsigned)value;
}

static void take_options(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {
		{"shape", required_argument, NULL, 's'},  {"peer", required_argument, NULL, 'p'},
		{"rounds", required_argument, NULL, 'r'}, {"budget", required_argument, NULL, 'b'},
		{"json", required_argument, NULL, 'j'},   {0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's' && shape_named(optarg))
			settings->shape = optarg;
		else if (option == 'p' && settings->wanted_count < PEERS_MAX)
			settings->wanted[settings->wanted_count++] = optarg;
		else if (option == 'r')
			settings->rounds = number(optarg);
		else if (option == 'b')
			settings->budget_us = number(optarg) * 1000.0;
		else if (option == 'j' && (settings->json = fopen(optarg, "we")))
			continue;
		else
			usage();
	}
	if (optind < argc)
		usage();
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0); /* whoever waits sees how far it is */
	struct settings settings = {.rounds = ROUNDS_DEFAULT, .budget_us = BUDGET_MS_DEFAULT * 1000.0};
	struct utsname machine;
	double load[1] = {0};

	take_options(argc, argv, &settings);
	uname(&machine);
	getloadavg(load, 1);
	printf("%ld cores, %s %s, load %.2f when it began; %u rounds of %.0f ms for each peer and operation\n\n",
	       sysconf(_SC_NPROCESSORS_ONLN), machine.sysname, machine.release, load[0], settings.rounds,
	       settings.budget_us / 1000);
	for (const struct shape_of_repository *shape = shapes; shape->name; shape++)
		if (!settings.shape || !strcmp(settings.shape, shape->name))
			measure(&settings, shape);
	if (settings.json && fclose(settings.json))
		stop("the figures cannot be written");
	return 0;
}
