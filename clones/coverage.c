/* SPDX-License-Identifier: MIT
 *
 * Measuring which lines the tests execute.
 */
#include "clones/coverage.h"

#include <stdio.h>
#include <string.h>

#define FOLDER    "/work/.bunshin/cover"
#define PATHS_MAX 200u

/* Of a sanitizer or another compiler nothing is known, so nothing is changed for it. */
static const char prepare_script[] = "mkdir -p " FOLDER "/bin " FOLDER "/python " FOLDER "/v8 || exit 1\n"
				     "for name in gcc cc g++ c++; do\n"
				     "  [ -x /usr/bin/$name ] || continue\n"
				     "  printf '#!/bin/sh\\nexec /usr/bin/%s \"$@\" --coverage -fprofile-abs-path "
				     "-fprofile-update=prefer-atomic\\n' $name > " FOLDER "/bin/$name\n"
				     "  chmod +x " FOLDER "/bin/$name\n"
				     "done\n"
				     "cat > " FOLDER "/python/sitecustomize.py <<'END'\n"
				     "try:\n"
				     "    import coverage\n"
				     "    coverage.process_startup()\n"
				     "except Exception:\n"
				     "    pass\n"
				     "END\n"
				     "cat > " FOLDER "/python/rc <<'END'\n"
				     "[run]\n"
				     "data_file = " FOLDER "/python/data\n"
				     "parallel = true\n"
				     "source = /work\n"
				     "omit = /work/.bunshin/*\n"
				     "END\n";

enum measure { MEASURE_GCC, MEASURE_PYTHON, MEASURE_NODE };

static const struct {
	const char *system;
	enum measure measure;
	const char *step;   /* its name */
	const char *script; /* what it runs */
} measured[] = {
#define GCOV                                                                                                                     \
	"find /work -name '*.gcda' -print0 | xargs -0 -r -n 50 gcov --json-format --stdout 2>/dev/null | bunshin tool coverage " \
	"gcov"
#define COVERAGE_PY                                                                                                              \
	"cd " FOLDER "/python && python3 -m coverage combine --rcfile=rc -q && python3 -m coverage json --rcfile=rc -q "         \
	"--ignore-errors -o - | bunshin tool coverage python"
	{"cmake", MEASURE_GCC, "coverage/cmake", GCOV},
	{"meson", MEASURE_GCC, "coverage/meson", GCOV},
	{"autotools", MEASURE_GCC, "coverage/autotools", GCOV},
	{"make", MEASURE_GCC, "coverage/make", GCOV},
	{"pytest", MEASURE_PYTHON, "coverage/pytest", COVERAGE_PY},
	{"unittest", MEASURE_PYTHON, "coverage/unittest", COVERAGE_PY},
	{"npm", MEASURE_NODE, "coverage/npm",
	 "find " FOLDER "/v8 -name 'coverage-*.json' -exec cat {} + | bunshin tool coverage v8"},
};

#define MEASURED (sizeof(measured) / sizeof(measured[0]))

/* ---- the parameter ---- */

bool coverage_wanted(const struct target *target)
{
	const json_t *wanted = json_object_get(target->parameters, "coverage");
	return json_is_true(wanted) || json_is_object(wanted);
}

int coverage_check(const struct target *target, char out_why[256])
{
	const json_t *wanted = json_object_get(target->parameters, "coverage"), *path, *paths = json_object_get(wanted, "paths");
	size_t i, texts = 0;

	json_array_foreach (paths, i, path)
		texts += json_is_string(path);
	if (!wanted || json_is_boolean(wanted) || json_is_null(wanted) ||
	    (json_is_array(paths) && texts == json_array_size(paths) && texts <= PATHS_MAX))
		return 0;
	snprintf(out_why, 256,
		 "parameters.coverage must be true, false, or {\"paths\": up to %u paths from the top of the repository}",
		 PATHS_MAX);
	return ERR_INVALID_PARAMETERS;
}

/* ---- the plan ---- */

const char *coverage_prepare(void)
{
	return prepare_script;
}

/* A setting that stands there already, such as PYTHONPATH, is led by ours. */
static void environment_lead(struct step *step, struct arena *arena, const char *name, const char *value, bool path)
{
	size_t i = 0, bytes = strlen(name);

	while (i < STEP_ENVIRONMENT_MAX - 1 && step->environment[i] &&
	       !(strncmp(step->environment[i], name, bytes) == 0 && step->environment[i][bytes] == '='))
		i++;
	if (i == STEP_ENVIRONMENT_MAX - 1)
		return;
	if (step->environment[i] && path)
		step->environment[i] = arena_print(arena, "%s=%s:%s", name, value, step->environment[i] + bytes + 1);
	else
		step->environment[i] = arena_print(arena, "%s=%s", name, value);
}

static void change_step(struct step *step, struct arena *arena, enum measure measure)
{
	switch (measure) {
	case MEASURE_GCC:
		environment_lead(step, arena, "PATH", FOLDER "/bin:/usr/local/bin:/usr/bin:/bin:/opt/bunshin", false);
		break;
	case MEASURE_PYTHON:
		environment_lead(step, arena, "PYTHONPATH", FOLDER "/python", true);
		environment_lead(step, arena, "COVERAGE_PROCESS_START", FOLDER "/python/rc", false);
		break;
	case MEASURE_NODE:
		environment_lead(step, arena, "NODE_V8_COVERAGE", FOLDER "/v8", false);
		break;
	}
}

void coverage_plan(const struct test_system *system, struct arena *arena, struct plan *plan)
{
	size_t known = 0, bytes = strlen(system->name), count = plan->count;

	while (known < MEASURED && strcmp(measured[known].system, system->name) != 0)
		known++;
	if (known == MEASURED || count >= PLAN_STEPS_MAX)
		return;
	for (size_t i = 0; i < count; i++)
		if (strncmp(plan->step[i].name, system->name, bytes) == 0 && plan->step[i].name[bytes] == '/')
			change_step(&plan->step[i], arena, measured[known].measure);
	plan->step[plan->count++] = (struct step){.name = measured[known].step,
						  .argv = {"sh", "-c", measured[known].script},
						  .tier = 2,
						  .optional = true,
						  .writes = true};
}

/* ---- the result ---- */

static bool is_asked_for(const struct target *target, const char *path)
{
	const json_t *paths = json_object_get(json_object_get(target->parameters, "coverage"), "paths"), *asked;
	size_t i;

	if (!paths)
		return true;
	json_array_foreach (paths, i, asked)
		if (strcmp(json_string_value(asked), path) == 0)
			return true;
	return false;
}

static const struct output *output_of(const struct test_system *system, const struct plan *plan, const struct output *outputs)
{
	for (size_t i = 0; i < plan->count; i++)
		if (strncmp(plan->step[i].name, "coverage/", 9) == 0 && strcmp(plan->step[i].name + 9, system->name) == 0)
			return &outputs[i];
	return NULL;
}

static void add_file(struct result *result, const struct target *target, const json_t *file)
{
	const char *path = json_string_value(json_object_get(file, "path"));
	const json_t *covered = json_object_get(file, "covered"), *missed = json_object_get(file, "missed");

	if (path && is_asked_for(target, path) && json_is_array(covered) && json_is_array(missed))
		result_add_entity(result, "coverage",
				  json_pack("{s:s, s:O, s:O}", "path", path, "covered", covered, "missed", missed));
}

void coverage_conclude(struct result *result, const struct target *target, const struct test_system *system,
		       const struct plan *plan, const struct output *outputs)
{
	const struct output *output = output_of(system, plan, outputs);
	json_t *answer = output && output->ran && !output->cut && output->out.bytes
				 ? json_loadb((const char *)output->out.at, output->out.bytes, JSON_REJECT_DUPLICATES, NULL)
				 : NULL;
	const json_t *file;
	size_t i;

	json_array_foreach (json_object_get(answer, "files"), i, file)
		add_file(result, target, file);
	double covered = json_number_value(json_object_get(answer, "covered")),
	       missed = json_number_value(json_object_get(answer, "missed"));
	if (covered + missed > 0)
		result_add_metric(result, "line_coverage", system->name, covered / (covered + missed), "share", "runner");
	json_decref(answer);
}
