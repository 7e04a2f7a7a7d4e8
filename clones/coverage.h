/* SPDX-License-Identifier: MIT
 *
 * Which lines the tests execute: what is changed in the steps of a test system so that it is measured, and what is read from that.
 *
 * C and C++ are compiled by gcc through words of ours before it in PATH, which add --coverage: that works for any build that names gcc, cc, g++ or c++, and changes no file of the project. Python is
 * measured by coverage.py, if it is installed, from a sitecustomize.py of ours, in subprocesses too. Node.js measures itself. Steps named coverage/SYSTEM print the
 * answer of `bunshin tool coverage`.
 */
#ifndef CLONES_COVERAGE_H
#define CLONES_COVERAGE_H

#include "clones/project.h"
#include "clones/result.h"

/* Does the parameter "coverage" ask for it? true, or {"paths": ["src/a.c", …]}: only these are reported. 0, or ERR_INVALID_PARAMETERS with a sentence. */
MUST_CHECK int coverage_check(const struct target *target, char out_why[256]);
bool coverage_wanted(const struct target *target);

/* A script for `sh -c` that makes what is needed below /work/.bunshin; the first step of the plan runs it. */
const char *coverage_prepare(void);

/* Changes the steps of `system` that stand in the plan already, and adds the one that reads. */
void coverage_plan(const struct test_system *system, struct arena *arena, struct plan *plan);

/* Adds an entity "coverage" {path, covered: [[from, to], …], missed} for each file, and the metric line_coverage. What was not measured is left out. */
void coverage_conclude(struct result *result, const struct target *target, const struct test_system *system,
		       const struct plan *plan, const struct output *outputs);

#endif
