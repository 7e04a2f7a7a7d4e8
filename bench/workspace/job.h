/* SPDX-License-Identifier: MIT
 *
 * The work that is done twice, the traditional way and in shared memory: a small crew develops one repository together.
 *
 *   navigator  plans each sprint, and begins the next when the last is done
 *   builder    makes an agent for each sprint
 *   developer  implements what the plan says, and changes the interface that all of it shares
 *   tester     reads what the developer made, and writes a test for it
 *
 * Every role also keeps its own section of one shared file up to date. Nobody starts before he has been told that what he builds on is there, and everybody
 * works on the newest state. All content follows from role and sprint, so that both ways must end with the same tree.
 */
#ifndef BENCH_WORKSPACE_JOB_H
#define BENCH_WORKSPACE_JOB_H

#include <stdbool.h>

#include "bench/workspace/samples.h"
#include "bench/workspace/shape.h"

enum role { ROLE_NAVIGATOR, ROLE_BUILDER, ROLE_DEVELOPER, ROLE_TESTER, ROLE_COUNT };

extern const char *const role_names[ROLE_COUNT];

#define PLAN_PATH      "PLAN.md"
#define PLAN_BYTES     4096u
#define JOB_FILES_MAX  3u
#define JOB_TELLS_MAX  2u
#define JOB_DATA_BYTES 4096u

struct job_file {
	char path[PATH_BYTES];
	char data[JOB_DATA_BYTES];
	size_t bytes;
};

/* What a role does in a sprint once it is its turn. */
struct job_step {
	char needs[PATH_BYTES]; /* the file that must be there, or empty */
	struct job_file files[JOB_FILES_MAX];
	size_t file_count;
	enum role tells[JOB_TELLS_MAX]; /* who is told afterwards */
	size_t tell_count;
};

/* `plan` is the shared file as the role sees it now; the step holds it with the role's section changed. */
void job_step(enum role role, unsigned sprint, const char *plan, size_t plan_bytes, struct job_step *out_step);

/* The shared file before the first sprint. */
size_t job_plan(char out_data[PLAN_BYTES]);

/* What the navigator waits for before a sprint: how often it is told. */
#define JOB_TOLD_PER_SPRINT 2u

/* What is measured of one way of working. */
struct job_figures {
	struct samples see;      /* until the newest state is there to work on */
	struct samples commit;   /* until it has an id */
	struct samples publish;  /* until it is part of the main branch: merged, and taken */
	struct samples hand_off; /* from being published to being read by the next */
	unsigned retries;        /* somebody else was first, once more */
	unsigned conflicts;
	double wall_us, cpu_us;
	char tree[41]; /* in the end */
};
void job_figures_add(struct job_figures *sum, const struct job_figures *more); /* samples and counts */
void job_figures_release(struct job_figures *figures);

/* The crew at work for so many sprints. `folder` is empty and writable. */
void job_on_disk(const struct shape_of_repository *shape, const char *folder, unsigned sprints, struct job_figures *out_figures);
void job_in_memory(const struct shape_of_repository *shape, const char *folder, unsigned sprints,
		   struct job_figures *out_figures);

/* Many agents at once: each works `rounds` times on five commits of its own files and publishes them. */
#define CROWD_COMMITS 5u
void crowd_on_disk(const struct shape_of_repository *shape, const char *folder, unsigned agents, unsigned rounds,
		   struct job_figures *out_figures);
void crowd_in_memory(const struct shape_of_repository *shape, const char *folder, unsigned agents, unsigned rounds,
		     struct job_figures *out_figures);

/* The file that agent number `agent` changes with commit number `n`, counted from 0. */
void crowd_file(const struct shape_of_repository *shape, unsigned agents, unsigned agent, unsigned n, struct job_file *out_file);

/* The same, quicker, from the file of another `n`: making texts is not what is measured. */
void crowd_file_next(const struct shape_of_repository *shape, unsigned agents, unsigned agent, unsigned n, struct job_file *file);

#endif
