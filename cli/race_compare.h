/* SPDX-License-Identifier: MIT
 *
 * What the attempts of a race have changed, asked of the workspace, and side by side.
 */
#ifndef CLI_RACE_COMPARE_H
#define CLI_RACE_COMPARE_H

#include "cli/command.h"
#include "cli/race_find.h"
#include "cli/race_grid.h"

/* What an attempt has handed in, or, if that was nothing, what was kept of it; "": neither. */
const char *attempt_commit(const json_t *attempt);

/* Answers of the verbs measure (from the race's beginning) and diff (with its patch). 0 or an exit code. */
MUST_CHECK int compare_measure(const struct call *call, const struct found_race *race, const char *commit, json_t **out_measured);
MUST_CHECK int compare_patch(const struct call *call, const struct found_race *race, const char *from, const char *to,
			     json_t **out_diff);

/* {PATH: {LABEL: {"additions", "deletions", "status", "binary"}}} of all attempts that left something. 0 or an exit code. */
MUST_CHECK int compare_files(const struct call *call, const struct found_race *race, json_t **out_files);

void compare_print_files(const struct paper *paper, const json_t *attempts, json_t *files);
void compare_print_figures(const struct paper *paper, const json_t *attempts);

/* A patch as git prints it: safe for a terminal, and coloured there. */
void patch_print(const struct paper *paper, const char *text, size_t bytes);

#endif
