/* SPDX-License-Identifier: MIT
 *
 * A trail of 10,000 records is damaged in thousands of ways, one after the other: each is found and the first bad record named, the
 * undamaged trail passes, and the second verifier agrees on a sample.
 *
 *   test_mutations FOLDER SCRATCH COUNT SAMPLE [SEED]
 *
 * FOLDER is one that maker.py filled; SCRATCH is best in memory. Every SAMPLE-th mutation goes to verify.py as well. Work is shared by as
 * many processes as there are processors.
 */
#include "mutant.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX 16

static const struct {
	const char *name;
	mutation *mutate;
	unsigned share; /* of a hundred */
	bool by_sql;
} kinds[] = {
	{"one bit of one value", flip_column, 45, true},
	{"one bit of the file", flip_page, 30, false},
	{"two records swapped", swap_records, 3, true},
	{"two payloads swapped", swap_payloads, 3, true},
	{"the head deleted", delete_head, 2, true},
	{"the middle deleted", delete_middle, 3, true},
	{"the tail deleted", delete_tail, 4, true},
	{"rolled back to an older copy", roll_back, 1, true},
	{"forged and chained anew", forge_and_chain, 1, true},
	{"a checkpoint dropped", drop_checkpoint, 2, true},
	{"checkpoints reordered", reorder_checkpoints, 2, true},
	{"a node changed", change_node, 2, true},
	{"an erasure forged", forge_erasure, 2, true},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct tally {
	uint64_t tried[KINDS];
	uint64_t found[KINDS];
	uint64_t harmless[KINDS]; /* every value of every row as it was, which was compared */
	uint64_t unreadable;
	uint64_t compared; /* with the second verifier */
};

struct world {
	struct mutant mutant;
	struct tally tally;
	uint8_t print[SUM_BYTES];
	const char *folder;
	char key[512];
	uint64_t sample;
	FILE *ask[2], *answer[2]; /* the second verifier, without and with the mirror */
};

static size_t any_kind(struct mutant *mutant)
{
	uint64_t at = mutant_random(mutant, 100);
	size_t kind = 0;

	while (at >= kinds[kind].share)
		at -= kinds[kind++].share;
	return kind;
}

/* ---- the second verifier ---- */

static long number_after(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtol(at + strlen(name), NULL, 10) : -1;
}

/* Two of them, with a mirror and without, that answer for as long as we ask. */
static void second_start(struct world *world, bool with_mirror)
{
	const char *arguments[] = {"/usr/bin/python3",
				   SOURCE_DIR "/verifier/verify.py",
				   "--key",
				   world->key,
				   "-",
				   with_mirror ? "--mirror" : NULL,
				   world->mutant.mirror,
				   NULL};
	int ask[2], answer[2];

	if (pipe2(ask, O_CLOEXEC) || pipe2(answer, O_CLOEXEC))
		stop("no pipe");
	if (!fork()) {
		dup2(ask[0], STDIN_FILENO);
		dup2(answer[1], STDOUT_FILENO);
		execv(arguments[0], (char **)(uintptr_t)arguments);
		_exit(127);
	}
	close(ask[0]);
	close(answer[1]);
	world->ask[with_mirror] = fdopen(ask[1], "w");
	world->answer[with_mirror] = fdopen(answer[0], "r");
}

static void compare(struct world *world, const struct verdict *verdict, bool with_mirror, const char *what)
{
	static const char *const words[] = {"\"verified\"", "\"wrong\"", "", "\"unreadable\"", "\"holes\""};
	char line[4096] = "";

	if (!world->ask[with_mirror])
		second_start(world, with_mirror);
	fprintf(world->ask[with_mirror], "%s\n", world->mutant.path);
	if (fflush(world->ask[with_mirror]) || !fgets(line, sizeof(line), world->answer[with_mirror]))
		stop("%s: the second verifier says nothing", what);
	if (!strstr(line, words[verdict->code]))
		stop("%s: the first verifier says %s (%s%s), the second: %s", what, words[verdict->code], verdict->why,
		     verdict->finding.sentence, line);
	if (verdict->code == VERDICT_WRONG && number_after(line, "\"first\": ") != (long)verdict->finding.first)
		stop("%s: the first verifier names record %" PRIu64 " (%s), the second: %s", what, verdict->finding.first,
		     verdict->finding.sentence, line);
	world->tally.compared++;
}

static void second_stop(struct world *world)
{
	for (int i = 0; i < 2; i++) {
		if (!world->ask[i])
			continue;
		fclose(world->ask[i]);
		fclose(world->answer[i]);
	}
	while (wait(NULL) > 0)
		;
}

/* ---- one mutation ---- */

static void judge(struct world *world, size_t kind, const struct expectation *expected, const struct verdict *verdict)
{
	uint64_t first = verdict->finding.first;
	uint8_t print[SUM_BYTES];

	if (verdict->code == VERDICT_VERIFIED && expected->may_be_nothing) {
		if (!mutant_print(world->mutant.path, print) || memcmp(print, world->print, sizeof(print)) != 0)
			stop("%s: verified, and something is not what it was", expected->what);
		world->tally.harmless[kind]++;
		return;
	}
	if (verdict->code == VERDICT_UNREADABLE && expected->may_be_nothing)
		world->tally.unreadable++;
	else if (verdict->code != VERDICT_WRONG)
		stop("%s: the verdict is %d %s", expected->what, verdict->code, verdict->why);
	else if (expected->high && (first < expected->low || first > expected->high))
		stop("%s: record %" PRIu64 " to %" PRIu64 " should be named, and it was %" PRIu64 ": %s", expected->what,
		     expected->low, expected->high, first, verdict->finding.sentence);
	world->tally.found[kind]++;
}

static bool mutate(struct world *world, size_t kind, struct expectation *expected)
{
	bool done;

	if (kinds[kind].by_sql)
		mutant_open(&world->mutant);
	done = kinds[kind].mutate(&world->mutant, expected);
	if (kinds[kind].by_sql)
		mutant_close(&world->mutant);
	return done;
}

static void try_one(struct world *world, size_t kind, bool sampled)
{
	const char *mirrors[] = {world->mutant.mirror};
	struct expectation expected;
	struct verdict verdict;
	bool mirror = mutant_random(&world->mutant, 2);

	for (mutant_restore(&world->mutant); !mutate(world, kind, &expected);)
		mutant_restore(&world->mutant);
	mirror = mirror || expected.needs_mirror;
	verify_path(world->mutant.path,
		    &(struct verify_options){.keys = &world->mutant.keys,
					     .mirrors = mirrors,
					     .mirror_count = mirror,
					     .statements = mutant_random(&world->mutant, 8) >= (kinds[kind].by_sql ? 1 : 4)},
		    &verdict);
	world->tally.tried[kind]++;
	judge(world, kind, &expected, &verdict);
	if (sampled)
		compare(world, &verdict, mirror, expected.what);
	verdict_release(&verdict);
}

/* The undamaged trail, in both ways of reading. */
static void try_none(struct world *world)
{
	const char *mirrors[] = {world->mutant.mirror};
	struct verdict verdict;

	for (int statements = 0; statements < 2; statements++) {
		mutant_restore(&world->mutant);
		verify_path(world->mutant.path,
			    &(struct verify_options){.keys = &world->mutant.keys,
						     .mirrors = mirrors,
						     .mirror_count = 1,
						     .statements = statements,
						     .pages = true},
			    &verdict);
		if (verdict.code != VERDICT_VERIFIED || verdict.records != world->mutant.last)
			stop("the undamaged trail: %d, record %" PRIu64 ": %s%s", verdict.code, verdict.finding.first,
			     verdict.finding.sentence, verdict.why);
		compare(world, &verdict, true, "the undamaged trail");
		verdict_release(&verdict);
	}
	if (!mutant_print(world->mutant.path, world->print))
		stop("the undamaged trail cannot be printed");
}

/* ---- all of them ---- */

static void work(struct world *world, const char *scratch, unsigned which, unsigned workers, uint64_t count, uint64_t seed)
{
	char name[64];

	snprintf(name, sizeof(name), "mutant-%d-%u", (int)getpid(), which);
	mutant_init(&world->mutant, world->folder, scratch, name);
	world->mutant.random ^= (seed * workers + which + 1) * 0x9e3779b97f4a7c15u;
	try_none(world);
	for (uint64_t i = which; i < count; i += workers)
		try_one(world, any_kind(&world->mutant),
			world->sample && i % world->sample < workers && i / world->sample % workers == which);
	second_stop(world);
	mutant_release(&world->mutant);
}

static void tally_add(struct tally *sum, const struct tally *one)
{
	for (size_t kind = 0; kind < KINDS; kind++) {
		sum->tried[kind] += one->tried[kind];
		sum->found[kind] += one->found[kind];
		sum->harmless[kind] += one->harmless[kind];
	}
	sum->unreadable += one->unreadable;
	sum->compared += one->compared;
}

static void tally_print(const struct tally *tally, uint64_t count)
{
	uint64_t found = 0, harmless = 0;

	printf("%-30s %8s %8s %8s\n", "mutation", "tried", "found", "harmless");
	for (size_t kind = 0; kind < KINDS; kind++) {
		printf("%-30s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", kinds[kind].name, tally->tried[kind], tally->found[kind],
		       tally->harmless[kind]);
		found += tally->found[kind];
		harmless += tally->harmless[kind];
	}
	printf("%-30s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n", "all", count, found, harmless);
	printf("%" PRIu64 " verdicts compared with those of the second verifier; %" PRIu64
	       " times the file was no trail any more\n",
	       tally->compared, tally->unreadable);
	if (found + harmless != count)
		stop("%" PRIu64 " mutations are missing", count - found - harmless);
}

int main(int argc, char **argv)
{
	static struct world world;
	struct tally sum = {0}, one;
	unsigned workers = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t count, seed;
	int pipes[2], status;
	bool fine = true;

	if (argc < 5)
		stop("test_mutations FOLDER SCRATCH COUNT SAMPLE [SEED]");
	workers = workers < 1 ? 1 : workers > WORKERS_MAX ? WORKERS_MAX : workers;
	count = strtoull(argv[3], NULL, 10);
	seed = argc > 5 ? strtoull(argv[5], NULL, 10) : 1;
	world.folder = argv[1];
	world.sample = strtoull(argv[4], NULL, 10);
	snprintf(world.key, sizeof(world.key), "%s/log.pub", world.folder);
	if (pipe(pipes))
		stop("no pipe");
	for (unsigned which = 0; which < workers; which++) {
		if (fork())
			continue;
		work(&world, argv[2], which, workers, count, seed);
		if (write(pipes[1], &world.tally, sizeof(world.tally)) != (ssize_t)sizeof(world.tally))
			stop("nobody hears the count");
		exit(0);
	}
	close(pipes[1]);
	while (read(pipes[0], &one, sizeof(one)) == (ssize_t)sizeof(one))
		tally_add(&sum, &one);
	while (wait(&status) > 0)
		fine = fine && status == 0;
	if (!fine)
		return 1;
	tally_print(&sum, count);
	return 0;
}
