/* SPDX-License-Identifier: MIT
 *
 * Tests that say nothing but whether all of them pass. Who takes away the one that fails makes the rest pass, and no case is seen to be gone; so what was done to the
 * files of tests counts instead. Tests that are added, and lines that are, cannot hide one.
 */
#include <string.h>

#include "races/gates.h"
#include "races/paths.h"
#include "races/said.h"

static bool is_whole(const json_t *result)
{
	const json_t *entity;
	size_t i;

	json_array_foreach (json_object_get(result, "entities"), i, entity)
		if (strcmp(said_text(entity, "kind"), "case") == 0 && said_true(entity, "whole"))
			return true;
	return false;
}

/* What was a test, and is none now: removed, or moved to where it is not run. */
static const char *gone(const json_t *path)
{
	const char *status = said_text(path, "status"), *name = said_text(path, "path"), *old = said_text(path, "old_path");

	if (strcmp(status, "D") == 0)
		return path_test(name) ? name : NULL;
	return strcmp(status, "R") == 0 && path_test(old) && !path_test(name) ? old : NULL;
}

static bool is_changed(const json_t *path)
{
	const char *name = said_text(path, "path");

	if (said_text(path, "status")[0] == 'A' || !(path_test(name) || path_runs_tests(name)))
		return false;
	return said_number(path, "deletions") > 0 || said_true(path, "binary") || path_runs_tests(name) ||
	       strchr("RT", said_text(path, "status")[0]);
}

void gate_whole_suite(struct gate *gate, const json_t *base, const json_t *result, const json_t *measure)
{
	const json_t *paths = said_list(json_object_get(measure, "result"), "paths"), *path;
	const char *changed = NULL;
	size_t i;

	if (gate->state != GATE_PASSED || !(is_whole(base) || is_whole(result)))
		return;
	json_array_foreach (paths, i, path) {
		if (gone(path)) {
			gate_name(gate, "gone", gone(path));
			gate_say(gate, GATE_FAILED,
				 "The tests say only that all that is left of them passes, and %.300s is gone.", gone(path));
			return;
		}
		if (!changed && is_changed(path))
			changed = said_text(path, "path");
	}
	if (!paths)
		gate_say(gate, GATE_UNKNOWN, "The tests say only that all of them pass, and whether all are left is not known.");
	else if (changed)
		gate_say(gate, GATE_UNKNOWN,
			 "The tests say only that all of them pass, and %.300s was changed: somebody must look whether all are "
			 "left.",
			 changed);
}
