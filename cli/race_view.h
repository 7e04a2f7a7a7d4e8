/* SPDX-License-Identifier: MIT
 *
 * The result of a race (docs/races.md) for people: as text, and what of it a script wants.
 *
 * Everything takes results of newer versions, and damaged ones: what is not there is left out, and nothing in them is obeyed.
 */
#ifndef CLI_RACE_VIEW_H
#define CLI_RACE_VIEW_H

#include <jansson.h>

#include "actors/client.h"
#include "cli/race_grid.h"

/* The race in the result of a task, which is it or has it as the member "race"; NULL: there is none. Borrowed. */
const json_t *race_of_result(const json_t *result);

/* Members of members, by names separated by dots; NULL: not there. */
const json_t *json_at(const json_t *json, const char *path);
const char *text_at(const json_t *json, const char *path); /* "" if it is none; ends at a NUL */
uint64_t number_at(const json_t *json, const char *path);  /* 0 if it is none */

/* An attempt by its label; NULL: there is none. */
const json_t *race_attempt(const json_t *race, const char *label);

/* Why it ended as it did, without the lie that may be part of that. Free it; "" if there is nothing to say. */
char *attempt_why(const json_t *attempt);

/* 0: a verified best was merged, or prepared; 1: nothing was verified; 6: conflicts, or the merge was refused; 8: a budget ended it. */
int race_exit_code(const json_t *race);

/* The whole report: attempts, gates, who said what is not so, why which one was chosen, merging, what was spent. */
void race_print(const struct paper *paper, const json_t *race);

/* The report's end, for whoever has looked on: the choice and the merging. */
void race_print_end(const struct paper *paper, const json_t *race);

/* The conflicts of a merge, one a line. */
void race_print_conflicts(const struct paper *paper, const json_t *conflicts);

/* What a person may do next, a command; "" if there is nothing. */
#define RACE_NEXT_BYTES 256u
void race_next(const json_t *race, char out[RACE_NEXT_BYTES]);

#endif
