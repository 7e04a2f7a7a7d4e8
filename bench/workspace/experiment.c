/* SPDX-License-Identifier: MIT
 *
 * One collaborative job, done twice, and then more of it: what does it change when a crew shares its repository in memory?
 *
 *   bench_experiment [--shape NAME] [--sprints N] [--agents N,N,…] [--json FILE]
 *
 *   phase 1  separate repositories: each role has a clone on the disk, and the git command
 *   phase 2  shared memory: the same roles, the same job; it must end with the same tree
 *   phase 3  many agents at once: 2, 4, 8, … of them, both ways, publishing after every five commits
 *
 * Figures of one run on one machine; phases 1 and 2 of the job, and both halves of phase 3, run one after the other.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/workspace/folder.h"
#include "bench/workspace/job.h"

#define SPRINTS_DEFAULT 5u
#define MEMORY_TIMES    50u /* so often the same job in memory, where one is over before a clock can tell */
#define AGENTS_MAX      16u
#define DISK_AGENTS_MAX 8u /* more clones and processes only wait for each other */
#define DISK_ROUNDS     2u
#define MEMORY_ROUNDS   20000u /* of all agents together */

struct settings {
	const struct shape_of_repository *shape;
	unsigned sprints;
	unsigned agents[AGENTS_MAX];
	size_t agent_counts;
	FILE *json;
};

static void print_us(double us)
{
	if (us < 10)
		printf("%9.2f us", us);
	else if (us < 10000)
		printf("%9.0f us", us);
	else
		printf("%9.1f ms", us / 1000);
}

static void tell_line(const char *what, struct samples *disk, struct samples *memory)
{
	printf("  %-34s", what);
	print_us(samples_at(disk, 0.5));
	printf(" /");
	print_us(samples_at(disk, 0.99));
	printf("   ");
	print_us(samples_at(memory, 0.5));
	printf(" /");
	print_us(samples_at(memory, 0.99));
	double ours = samples_at(memory, 0.5);
	printf("   x %.0f\n", ours > 0 ? samples_at(disk, 0.5) / ours : 0);
}

static void tell_json(const struct settings *settings, const char *phase, const char *way, unsigned agents, unsigned commits,
		      struct job_figures *figures)
{
	if (!settings->json)
		return;
	json_t *line = json_pack("{s:s, s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:i}", "phase", phase, "way", way,
				 "shape", settings->shape->name, "agents", (int)agents, "commits", (int)commits, "wall_us",
				 figures->wall_us, "cpu_us", figures->cpu_us, "see_p50_us", samples_at(&figures->see, 0.5),
				 "commit_p50_us", samples_at(&figures->commit, 0.5), "publish_p50_us",
				 samples_at(&figures->publish, 0.5), "hand_off_p50_us", samples_at(&figures->hand_off, 0.5),
				 "retries", (int)figures->retries, "conflicts", (int)figures->conflicts);
	if (!line || json_dumpf(line, settings->json, JSON_COMPACT) || fputc('\n', settings->json) == EOF)
		stop("the figures cannot be written");
	json_decref(line);
}

typedef void job_way(const struct shape_of_repository *shape, const char *folder, unsigned sprints,
		     struct job_figures *out_figures);

static void run_job(const struct settings *settings, job_way *way, unsigned sprints, struct job_figures *out_figures)
{
	char folder[PATH_MAX];

	folder_make(folder);
	way(settings->shape, folder, sprints, out_figures);
	folder_remove(folder);
}

/* Each sprint has four commits and four publications, three of them one after the other. */
static void phases_one_and_two(const struct settings *settings)
{
	struct job_figures disk, memory = {0}, again;
	unsigned many = settings->sprints * MEMORY_TIMES;
	double wall_us = 0, cpu_us = 0;

	printf("Phases 1 and 2: navigator, builder, developer and tester, %u sprints, in %s\n", settings->sprints,
	       settings->shape->name);
	run_job(settings, job_on_disk, settings->sprints, &disk);
	for (unsigned i = 0; i < MEMORY_TIMES; i++) {
		run_job(settings, job_in_memory, settings->sprints, &again);
		if (strcmp(disk.tree, again.tree) != 0)
			stop("the two ways end with different trees: %s and %s", disk.tree, again.tree);
		job_figures_add(&memory, &again);
		wall_us += again.wall_us;
		cpu_us += again.cpu_us;
		job_figures_release(&again);
	}
	memory.wall_us = wall_us;
	memory.cpu_us = cpu_us;
	printf("  both end with the tree %s\n\n", disk.tree);
	printf("  %-34s%12s /%12s   %12s /%12s\n", "p50 / p99", "separate", "", "shared", "");
	tell_line("commit", &disk.commit, &memory.commit);
	tell_line("see the newest state", &disk.see, &memory.see);
	tell_line("publish (merge into main)", &disk.publish, &memory.publish);
	tell_line("hand-off, told to read", &disk.hand_off, &memory.hand_off);
	double per_disk = disk.wall_us / settings->sprints, per_memory = memory.wall_us / many;
	printf("  %-34s", "a sprint of the whole crew");
	print_us(per_disk);
	printf("%17s", "");
	print_us(per_memory);
	printf("%17s x %.0f\n", "", per_disk / per_memory);
	printf("  %-34s%12u%17s%12u\n", "conflicts", disk.conflicts, "", memory.conflicts);
	printf("  %-34s%12u%17s%12u (of %u and %u publications)\n\n", "somebody else was first", disk.retries, "", memory.retries,
	       settings->sprints * ROLE_COUNT, many * ROLE_COUNT);
	tell_json(settings, "crew", "disk", ROLE_COUNT, settings->sprints * ROLE_COUNT, &disk);
	tell_json(settings, "crew", "memory", ROLE_COUNT, many * ROLE_COUNT, &memory);
	job_figures_release(&disk);
	job_figures_release(&memory);
}

typedef void crowd_way(const struct shape_of_repository *shape, const char *folder, unsigned agents, unsigned rounds,
		       struct job_figures *out_figures);

static void run_crowd(const struct settings *settings, const char *name, crowd_way *way, unsigned agents, unsigned rounds,
		      double *one_cpu_us)
{
	struct job_figures figures;
	unsigned commits = agents * rounds * CROWD_COMMITS;
	char folder[PATH_MAX];

	folder_make(folder);
	way(settings->shape, folder, agents, rounds, &figures);
	folder_remove(folder);
	double cpu = figures.cpu_us / commits;
	if (*one_cpu_us <= 0)
		*one_cpu_us = cpu;
	printf("  %-9s %6u  %10.0f  ", name, agents, commits / (figures.wall_us / 1e6));
	print_us(samples_at(&figures.commit, 0.5));
	print_us(samples_at(&figures.publish, 0.5));
	print_us(samples_at(&figures.publish, 0.99));
	print_us(cpu);
	printf("  x %4.2f  %8u  %8u\n", cpu / *one_cpu_us, figures.retries, figures.conflicts);
	tell_json(settings, "crowd", name, agents, commits, &figures);
	job_figures_release(&figures);
}

static void phase_three(const struct settings *settings)
{
	double disk_one = 0, memory_one = 0;

	printf("Phase 3: many agents at once, each publishing after %u commits\n", CROWD_COMMITS);
	printf("  %-9s %6s  %10s  %12s%12s%12s%12s  %6s  %8s  %8s\n", "way", "agents", "commits/s", "commit p50", "publish p50",
	       "publish p99", "CPU/commit", "of one", "retries", "conflicts");
	for (size_t i = 0; i < settings->agent_counts; i++) {
		if (settings->agents[i] <= DISK_AGENTS_MAX)
			run_crowd(settings, "disk", crowd_on_disk, settings->agents[i], DISK_ROUNDS, &disk_one);
		run_crowd(settings, "memory", crowd_in_memory, settings->agents[i], MEMORY_ROUNDS / settings->agents[i],
			  &memory_one);
	}
	printf("\n");
}

static _Noreturn void usage(void)
{
	fputs("usage: bench_experiment [--shape NAME] [--sprints N] [--agents N,N,...] [--json FILE]\n", stderr);
	exit(2);
}

static unsigned number(const char *text, char **out_end)
{
	unsigned long value = strtoul(text, out_end, 10);

	if (*out_end == text || !value || value > 100000)
		usage();
	return (unsigned)value;
}

static void take_agents(struct settings *settings, const char *text)
{
	char *end;

	settings->agent_counts = 0;
	do {
		if (settings->agent_counts == AGENTS_MAX)
			usage();
		settings->agents[settings->agent_counts++] = number(text, &end);
		text = end + 1;
	} while (*end == ',');
	if (*end)
		usage();
}

static void take_options(int argc, char **argv, struct settings *settings)
{
	static const struct option options[] = {{"shape", required_argument, NULL, 's'},
						{"sprints", required_argument, NULL, 'n'},
						{"agents", required_argument, NULL, 'a'},
						{"json", required_argument, NULL, 'j'},
						{0}};
	int option;
	char *end = NULL;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 's' && shape_named(optarg))
			settings->shape = shape_named(optarg);
		else if (option == 'n')
			settings->sprints = number(optarg, &end);
		else if (option == 'a')
			take_agents(settings, optarg);
		else if (option == 'j' && (settings->json = fopen(optarg, "ae")))
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
	struct settings settings = {.shape = shape_named("1k"), .sprints = SPRINTS_DEFAULT};

	take_agents(&settings, "1,2,4,8,32");
	take_options(argc, argv, &settings);
	phases_one_and_two(&settings);
	phase_three(&settings);
	if (settings.json && fclose(settings.json))
		stop("the figures cannot be written");
	return 0;
}
