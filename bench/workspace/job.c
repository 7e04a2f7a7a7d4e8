/* SPDX-License-Identifier: MIT */
#include "bench/workspace/job.h"

#include <stdio.h>
#include <string.h>

#define SECTION_LINES 8u /* between two sections that change: far enough apart for any merge */

const char *const role_names[ROLE_COUNT] = {"navigator", "builder", "developer", "tester"};

size_t job_plan(char out_data[PLAN_BYTES])
{
	size_t at = (size_t)snprintf(out_data, PLAN_BYTES, "# Plan\n");

	for (unsigned role = 0; role < ROLE_COUNT; role++) {
		at += (size_t)snprintf(out_data + at, PLAN_BYTES - at, "\n## %s\nsprint none\n", role_names[role]);
		for (unsigned i = 0; i < SECTION_LINES; i++)
			at += (size_t)snprintf(out_data + at, PLAN_BYTES - at, "Rule %u that the %s keeps in every sprint.\n",
					       i + 1, role_names[role]);
	}
	return at;
}

/* The plan with the line after the role's heading replaced. */
static void plan_edit(enum role role, unsigned sprint, const char *plan, size_t plan_bytes, struct job_file *out)
{
	char heading[64], text[JOB_DATA_BYTES + 1];

	if (plan_bytes > JOB_DATA_BYTES)
		stop("the plan has %zu bytes", plan_bytes);
	memcpy(text, plan, plan_bytes);
	text[plan_bytes] = '\0';
	snprintf(heading, sizeof(heading), "## %s\n", role_names[role]);
	char *line = strstr(text, heading);
	if (!line)
		stop("the plan has lost the section of the %s", role_names[role]);
	line += strlen(heading);
	char *rest = strchr(line, '\n');
	if (!rest)
		stop("the plan ends within the section of the %s", role_names[role]);
	snprintf(out->path, sizeof(out->path), "%s", PLAN_PATH);
	int bytes = snprintf(out->data, sizeof(out->data), "%.*ssprint %u%s", (int)(line - text), text, sprint, rest);
	if (bytes < 0 || (size_t)bytes >= sizeof(out->data))
		stop("the plan has become too long");
	out->bytes = (size_t)bytes;
}

static void new_file(const char *folder, const char *what, unsigned sprint, struct job_file *out)
{
	snprintf(out->path, sizeof(out->path), "%s/%s-%u.c", folder, what, sprint);
	shape_content((unsigned)(folder[0] + what[0]), sprint, out->data);
	out->bytes = FILE_BYTES;
}

static void tell(struct job_step *step, enum role role)
{
	step->tells[step->tell_count++] = role;
}

static void path_of(const char *folder, const char *what, unsigned sprint, char out_path[PATH_BYTES])
{
	snprintf(out_path, PATH_BYTES, "%s/%s-%u.c", folder, what, sprint);
}

void job_step(enum role role, unsigned sprint, const char *plan, size_t plan_bytes, struct job_step *out_step)
{
	*out_step = (struct job_step){.file_count = 2};
	plan_edit(role, sprint, plan, plan_bytes, &out_step->files[0]);
	struct job_file *file = &out_step->files[1];
	switch (role) {
	case ROLE_NAVIGATOR:
		new_file("navigator", "sprint", sprint, file);
		tell(out_step, ROLE_BUILDER);
		tell(out_step, ROLE_DEVELOPER);
		break;
	case ROLE_BUILDER:
		path_of("navigator", "sprint", sprint, out_step->needs);
		new_file("builder", "agent", sprint, file);
		tell(out_step, ROLE_NAVIGATOR);
		break;
	case ROLE_DEVELOPER:
		path_of("navigator", "sprint", sprint, out_step->needs);
		new_file("developer", "implementation", sprint, file);
		snprintf(out_step->files[2].path, PATH_BYTES, "interface.c");
		shape_content(0, sprint + 1, out_step->files[2].data);
		out_step->files[2].bytes = FILE_BYTES;
		out_step->file_count = 3;
		tell(out_step, ROLE_TESTER);
		break;
	default:
		path_of("developer", "implementation", sprint, out_step->needs);
		new_file("tester", "test", sprint, file);
		tell(out_step, ROLE_NAVIGATOR);
		break;
	}
}

/* Where in its first line a file says which one it is: 8 digits. */
static void number_put(char *data, unsigned number)
{
	for (unsigned i = 8; i--; number /= 10)
		data[i] = (char)('0' + number % 10);
}

void crowd_file_next(const struct shape_of_repository *shape, unsigned agents, unsigned agent, unsigned n, struct job_file *file)
{
	shape_path(shape, (n * agents + agent) % shape_files(shape), file->path);
	number_put(file->data, n);
}

void crowd_file(const struct shape_of_repository *shape, unsigned agents, unsigned agent, unsigned n, struct job_file *out_file)
{
	shape_content(agent, agent + 1, out_file->data);
	out_file->bytes = FILE_BYTES;
	crowd_file_next(shape, agents, agent, n, out_file);
}

static void samples_join(struct samples *sum, const struct samples *more)
{
	for (size_t i = 0; i < more->count; i++)
		samples_add(sum, more->us[i]);
}

void job_figures_add(struct job_figures *sum, const struct job_figures *more)
{
	samples_join(&sum->see, &more->see);
	samples_join(&sum->commit, &more->commit);
	samples_join(&sum->publish, &more->publish);
	samples_join(&sum->hand_off, &more->hand_off);
	sum->retries += more->retries;
	sum->conflicts += more->conflicts;
}

void job_figures_release(struct job_figures *figures)
{
	samples_release(&figures->see);
	samples_release(&figures->commit);
	samples_release(&figures->publish);
	samples_release(&figures->hand_off);
}
