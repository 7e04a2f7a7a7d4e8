/* SPDX-License-Identifier: MIT
 *
 * The parameters of a race, read and checked. docs/races.md has them for readers.
 */
#ifndef RACES_SPEC_H
#define RACES_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

#define RACE_ENTRIES_MAX  16u /* agents and candidates together */
#define RACE_CHECKS_MAX   16u
#define RACE_GLOBS_MAX    64u
#define RACE_SETUP_MAX    32u
#define RACE_APPROVED_MAX 64u
#define RACE_RETRIES_MAX  5u
#define RACE_LABEL_BYTES  33u /* with NUL */
#define RACE_NAME_BYTES   65u /* of agents, models, checks; with NUL */
#define RACE_PROMPT_BYTES (256u * 1024)
#define RACE_LINE_BYTES   8192u /* a shell command */
#define RACE_PATH_BYTES   4096u

enum race_gate { GATE_CHANGE, GATE_TESTS, GATE_FINDINGS, GATE_RULES, GATE_CHECKS, GATE_PROTECTED, GATE_TEXT, GATE_COUNT };
enum race_merge { MERGE_MANUAL, MERGE_AUTO, MERGE_THEIRS };

const char *race_gate_name(enum race_gate gate);
const char *race_merge_name(enum race_merge merge);

/* One who takes part: an agent that is to be run, or (commit is set) something that exists already and is judged like what the agents make. */
struct race_entry {
	const char *label;
	const char *agent; /* NULL: a candidate */
	const char *model; /* NULL: the agent's own */
	const char *prompt;
	const json_t *temperature; /* NULL, or a number */
	const json_t *level;       /* NULL, or a number */
	const char *commit;
	const char *ref;
	const json_t *provenance;
	const char *chosen; /* why this agent, if nobody had named it; NULL: somebody had */
};

#define RACE_GATE_MS                                                                                                             \
	600000u /* where the parameters do not say it: builds take their time, and tests that were not run judge nothing */

struct race_budget { /* 0: no bound */
	uint64_t tokens, microusd, time_ms;
	uint64_t attempt_tokens, attempt_microusd, attempt_ms;
	uint64_t gate_ms; /* of each look at what was handed in; never 0 after reading */
};

struct race_spec {
	json_t *json; /* a copy of the parameters, from which all the texts are borrowed */
	const char *repo, *commit, *prompt;
	const char *branch; /* NULL: none */
	enum race_merge merge;
	struct race_entry entry[RACE_ENTRIES_MAX];
	size_t entry_count;
	bool gate[GATE_COUNT];
	const json_t *checks, *relevant, *protected_globs, *setup, *approved; /* arrays, or NULL */
	bool first, notes, coverage;
	unsigned parallel, retries;
	struct race_budget budget;
	const char *tie_break; /* NULL: none */
};

/* 0; ERR_INVALID_PARAMETERS with a sentence that names the member, says what was found and what would be accepted; ERR_MEMORY. On failure nothing has to be
 * released. */
MUST_CHECK int spec_read(const json_t *parameters, struct race_spec *out_spec, char out_why[256]);
void spec_release(struct race_spec *spec);

#endif
