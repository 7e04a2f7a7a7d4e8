/* SPDX-License-Identifier: MIT
 *
 * The traditional way: a bare repository in the middle, a clone on the disk for everybody, and the git command. Telling one another is free here (a condition in
 * this process), so that only git is measured; what costs is fetching, committing and pushing.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workspace/git.h"
#include "bench/workspace/job.h"

#define TRIES_MAX 1000u

struct clone {
	char folder[PATH_MAX];
	struct job_figures figures;
};

static void folder_name(const char *folder, const char *name, char out[PATH_MAX])
{
	if (snprintf(out, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
		stop("the path %s is too long", folder);
}

/* The repository in the middle, with the files of the shape and the plan in its first commit. */
static void origin_make(const struct shape_of_repository *shape, const char *folder)
{
	char first[PATH_MAX], origin[PATH_MAX], path[PATH_BYTES], data[PLAN_BYTES];

	folder_name(folder, "first", first);
	folder_name(folder, "origin.git", origin);
	git_must(folder, "init", "-q", "-b", "main", first, NULL);
	for (unsigned i = 0; i < shape_files(shape); i++) {
		shape_path(shape, i, path);
		shape_content(i, 0, data);
		git_write_file(first, path, data, FILE_BYTES);
	}
	size_t bytes = job_plan(data);
	git_write_file(first, PLAN_PATH, data, bytes);
	git_must(first, "add", "-A", NULL);
	git_must(first, "commit", "-q", "-m", "begin", NULL);
	git_must(folder, "clone", "-q", "--bare", first, origin, NULL);
}

static void clone_make(const char *folder, const char *name, struct clone *clone)
{
	char origin[PATH_MAX];

	folder_name(folder, "origin.git", origin);
	folder_name(folder, name, clone->folder);
	git_must(folder, "clone", "-q", origin, clone->folder, NULL);
}

static void see(struct clone *clone)
{
	double begin = clock_us();

	git_must(clone->folder, "pull", "-q", "--no-rebase", NULL);
	samples_add(&clone->figures.see, clock_us() - begin);
}

static void commit(struct clone *clone)
{
	git_must(clone->folder, "add", "-A", NULL);
	double begin = clock_us();
	git_must(clone->folder, "commit", "-q", "-m", "work", NULL);
	samples_add(&clone->figures.commit, clock_us() - begin);
}

/* Push; whoever finds that somebody was first, pulls, which merges, and tries again. */
static void publish(struct clone *clone)
{
	double begin = clock_us();

	for (unsigned i = 0; git_run(clone->folder, "push", "-q", "origin", "main", NULL) != 0; i++) {
		clone->figures.retries++;
		if (i == TRIES_MAX)
			stop("a push did not get through after %u tries", TRIES_MAX);
		if (git_run(clone->folder, "pull", "-q", "--no-rebase", NULL) == 0)
			continue;
		/* Either a conflict, or the others were faster than the pull. */
		if (git_run(clone->folder, "merge", "--abort", NULL) == 0)
			clone->figures.conflicts++;
	}
	samples_add(&clone->figures.publish, clock_us() - begin);
}

static void tree_of_origin(const char *folder, char out_tree[41])
{
	char origin[PATH_MAX];

	folder_name(folder, "origin.git", origin);
	if (git_line(origin, out_tree, 41, "rev-parse", "main^{tree}", NULL))
		stop("the repository in the middle has no main branch");
}

/* ---- the crew ---- */

struct crew {
	pthread_mutex_t lock;
	pthread_cond_t told_changed;
	unsigned told[ROLE_COUNT];
	double told_us[ROLE_COUNT]; /* when it was last told */
	unsigned sprints;
};

struct member {
	struct clone clone;
	struct crew *crew;
	enum role role;
};

static double wait_told(struct crew *crew, enum role role, unsigned times)
{
	pthread_mutex_lock(&crew->lock);
	while (crew->told[role] < times)
		pthread_cond_wait(&crew->told_changed, &crew->lock);
	double when = crew->told_us[role];
	pthread_mutex_unlock(&crew->lock);
	return when;
}

static void tell(struct crew *crew, enum role role)
{
	pthread_mutex_lock(&crew->lock);
	crew->told[role]++;
	crew->told_us[role] = clock_us();
	pthread_cond_broadcast(&crew->told_changed);
	pthread_mutex_unlock(&crew->lock);
}

static size_t read_file(const struct clone *clone, const char *path, char *out, size_t out_bytes)
{
	char whole[PATH_MAX];

	folder_name(clone->folder, path, whole);
	FILE *file = fopen(whole, "re");
	if (!file)
		stop("%s is not there, although it was announced", whole);
	size_t bytes = fread(out, 1, out_bytes, file);
	fclose(file);
	return bytes;
}

static void sprint(struct member *member, unsigned number)
{
	struct clone *clone = &member->clone;
	struct job_step step;
	char plan[PLAN_BYTES], needed[JOB_DATA_BYTES];
	unsigned times = member->role == ROLE_NAVIGATOR ? number * JOB_TOLD_PER_SPRINT : number + 1;
	double told_us = wait_told(member->crew, member->role, times);

	see(clone);
	size_t plan_bytes = read_file(clone, PLAN_PATH, plan, sizeof(plan));
	job_step(member->role, number, plan, plan_bytes, &step);
	if (*step.needs) {
		if (read_file(clone, step.needs, needed, sizeof(needed)) != FILE_BYTES)
			stop("%s is not whole", step.needs);
		samples_add(&clone->figures.hand_off, clock_us() - told_us);
	}
	for (size_t i = 0; i < step.file_count; i++)
		git_write_file(clone->folder, step.files[i].path, step.files[i].data, step.files[i].bytes);
	commit(clone);
	publish(clone);
	for (size_t i = 0; i < step.tell_count; i++)
		tell(member->crew, step.tells[i]);
}

static void *member_run(void *argument)
{
	struct member *member = argument;

	for (unsigned i = 0; i < member->crew->sprints; i++)
		sprint(member, i);
	return NULL;
}

static void start(pthread_t *thread, void *(*run)(void *), void *argument)
{
	if (pthread_create(thread, NULL, run, argument))
		stop("no thread can be started");
}

void job_on_disk(const struct shape_of_repository *shape, const char *folder, unsigned sprints, struct job_figures *out_figures)
{
	struct crew crew = {.lock = PTHREAD_MUTEX_INITIALIZER, .told_changed = PTHREAD_COND_INITIALIZER, .sprints = sprints};
	struct member members[ROLE_COUNT] = {0};
	pthread_t threads[ROLE_COUNT];

	*out_figures = (struct job_figures){0};
	origin_make(shape, folder);
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		members[i] = (struct member){.crew = &crew, .role = i};
		clone_make(folder, role_names[i], &members[i].clone);
	}
	double begin = clock_us(), cpu = clock_cpu_us();
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		start(&threads[i], member_run, &members[i]);
	for (unsigned i = 0; i < ROLE_COUNT; i++)
		pthread_join(threads[i], NULL);
	out_figures->wall_us = clock_us() - begin;
	out_figures->cpu_us = clock_cpu_us() - cpu;
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		job_figures_add(out_figures, &members[i].clone.figures);
		job_figures_release(&members[i].clone.figures);
	}
	tree_of_origin(folder, out_figures->tree);
}

/* ---- the crowd ---- */

struct worker {
	struct clone clone;
	const struct shape_of_repository *shape;
	unsigned agents, agent, rounds;
};

static void *worker_run(void *argument)
{
	struct worker *worker = argument;
	struct job_file file;

	for (unsigned round = 0; round < worker->rounds; round++) {
		see(&worker->clone);
		for (unsigned i = 0; i < CROWD_COMMITS; i++) {
			crowd_file(worker->shape, worker->agents, worker->agent, round * CROWD_COMMITS + i, &file);
			git_write_file(worker->clone.folder, file.path, file.data, file.bytes);
			commit(&worker->clone);
		}
		publish(&worker->clone);
	}
	return NULL;
}

void crowd_on_disk(const struct shape_of_repository *shape, const char *folder, unsigned agents, unsigned rounds,
		   struct job_figures *out_figures)
{
	struct worker *workers = calloc(agents, sizeof(*workers));
	pthread_t *threads = calloc(agents, sizeof(*threads));
	char name[32];

	if (!workers || !threads)
		stop("out of memory");
	*out_figures = (struct job_figures){0};
	origin_make(shape, folder);
	for (unsigned i = 0; i < agents; i++) {
		workers[i] = (struct worker){.shape = shape, .agents = agents, .agent = i, .rounds = rounds};
		snprintf(name, sizeof(name), "agent-%u", i);
		clone_make(folder, name, &workers[i].clone);
	}
	double begin = clock_us(), cpu = clock_cpu_us();
	for (unsigned i = 0; i < agents; i++)
		start(&threads[i], worker_run, &workers[i]);
	for (unsigned i = 0; i < agents; i++)
		pthread_join(threads[i], NULL);
	out_figures->wall_us = clock_us() - begin;
	out_figures->cpu_us = clock_cpu_us() - cpu;
	for (unsigned i = 0; i < agents; i++) {
		job_figures_add(out_figures, &workers[i].clone.figures);
		job_figures_release(&workers[i].clone.figures);
	}
	tree_of_origin(folder, out_figures->tree);
	free(threads);
	free(workers);
}
