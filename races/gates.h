/* SPDX-License-Identifier: MIT
 *
 * The gates: what is asked of an attempt, and what the evidence says. Each is judged from what specialists and the workspace answered, about the attempt and, where it
 * matters, about the commit it began with: what was broken before is nobody's fault.
 *
 * Passed is only said where the evidence is there. What could not be run, or was cut, is unknown.
 *
 * An outcome is the `json` of RACE_OUTCOME; NULL stands for one that did not come.
 */
#ifndef RACES_GATES_H
#define RACES_GATES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "races/spec.h"

#define GATE_NAMED_MAX      20u /* things that are named; the rest is counted */
#define GATE_SENTENCE_BYTES 512u
#define GATE_CONFIDENCE_MIN 0.5 /* below it, a bad finding counts but does not fail an attempt */
#define GATE_TASK_BYTES     40u

enum gate_state { GATE_PENDING, GATE_PASSED, GATE_FAILED, GATE_UNKNOWN, GATE_SKIPPED };

struct gate {
	enum gate_state state;
	char sentence[GATE_SENTENCE_BYTES];
	char task[GATE_TASK_BYTES]; /* who judged; "": nobody was asked */
	json_t *details;
};

const char *gate_state_name(enum gate_state state);
void gate_release(struct gate *gate);

/* Sets state and sentence; details stay. */
void gate_say(struct gate *gate, enum gate_state state, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts text into the list of that name in the details: the first GATE_NAMED_MAX of them. */
void gate_name(struct gate *gate, const char *list, const char *text);
void gate_count(struct gate *gate, const char *name, uint64_t number);

/* The result in an outcome. NULL where there is none, and then the gate is unknown and says why. */
const json_t *gate_result(struct gate *gate, const json_t *outcome, const char *what);
bool result_is(const json_t *result, const char *status);   /* "complete", "partial", "blocked" */
bool result_is_cut(const json_t *result, const char *list); /* that list is not whole */
const char *result_reason(const json_t *result);            /* why it is not complete; "" */

/* What the tests told besides pass and fail. */
struct tests_told {
	bool known;
	uint64_t cases, broken, fixed, still_failing, gone, new_failing, new_passing;
	char first_failing[160]; /* a case that fails now; "" if none does */
};

/* `measure`: the answer of the workspace, {"result": …} or {"error": …}; `patch`: the difference as text, NULL where it is not known. */
void gate_change(struct gate *gate, const struct race_spec *spec, const json_t *measure, const char *patch);
void gate_protected(struct gate *gate, const struct race_spec *spec, const json_t *measure);
void gate_text(struct gate *gate, const json_t *measure);
void gate_tests(struct gate *gate, const json_t *base, const json_t *outcome, const json_t *measure, struct tests_told *out_told);

/* For tests that are one case together ("whole" in docs/results.md), whose number nobody can compare: files of tests that are gone fail the gate, ones that were
 * changed in what stood there, and what says how tests are run, leave it unknown. Only a gate that has passed is touched. */
void gate_whole_suite(struct gate *gate, const json_t *base, const json_t *result, const json_t *measure);

/* `out_new`, `out_fixed`: how many, or -1 where that is not known. */
void gate_findings(struct gate *gate, const json_t *base, const json_t *outcome, const json_t *measure, int64_t *out_new,
		   int64_t *out_fixed);
void gate_rules(struct gate *gate, const json_t *base, const json_t *outcome, int64_t *out_new);
void gate_checks(struct gate *gate, const struct race_spec *spec, const json_t *outcome);

/* Of the added lines that a test could reach, how many in a thousand one reaches; -1 where that is not known. */
int64_t diff_coverage(const json_t *outcome, const json_t *measure);

bool tree_is_approved(const struct race_spec *spec, const char *tree); /* with the protected files that were touched in it */

/* Lines added and removed in files that no program makes; -1 where that is not known. */
int64_t change_size(const json_t *measure);

#endif
