/* SPDX-License-Identifier: MIT
 *
 * How a project is built and tested, from its inventory: which systems it has, and the steps that each takes.
 *
 * Every step is named SYSTEM/PHASE ("cmake/configure"). Phases come in order; the last one of each system prints the cases, or
 * the test phase itself does. All steps share the writable copy at /work; what they make goes to /work/.bunshin where
 * the system allows it.
 */
#ifndef CLONES_PROJECT_H
#define CLONES_PROJECT_H

#include "clones/cases.h"
#include "clones/clone.h"

struct project;

struct test_system {
	const char *name;
	const char *sentence; /* how it is recognised */
	bool native;          /* builds with a compiler; of these only the first that fits is used */
	/* True if the project has it; `*out_sure` is false if it has it but seems to have no tests for it. */
	bool (*detect)(const struct project *project, bool *out_sure);
	void (*plan)(const struct project *project, struct arena *arena, struct plan *plan);
	void (*read)(struct cases *cases, struct bytes text); /* of the phase "cases", or of "test" if there is none */
	void (*read_text)(struct cases *cases,
			  struct bytes text); /* of the output of "test", if the other gave nothing; or NULL */
	bool one_case;                        /* if nothing can be read, the exit status of the test program is one case */
};

struct project {
	const struct target *target;
	json_t *files;
	json_t *paths; /* object used as a set; NULL: out of memory, then nothing is recognised */
	json_t *manifests;
};

const struct test_system *test_system_at(size_t index); /* NULL past the end, in the order of preference */
const struct test_system *test_system_find(const char *name);

struct project project_of(const struct target *target); /* release it */
void project_release(struct project *project);
const char *project_manifest(const struct project *project, const char *path); /* its text, or NULL */
bool project_has(const struct project *project, const char *path);

/* The systems to use: the one named in the parameter "system", else what is detected. Returns how many; 0: none. */
size_t project_systems(const struct project *project, const struct test_system *out_systems[8]);

#endif
