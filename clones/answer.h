/* SPDX-License-Identifier: MIT
 *
 * Reads what our own readers printed (`bunshin tool NAME`: one JSON object), and reads JSON of unknown origin without surprises.
 */
#ifndef CLONES_ANSWER_H
#define CLONES_ANSWER_H

#include "clones/result.h"

/* Adds the run to the result and returns the object that it printed, owned by the caller. NULL if it did not run or printed none: then
 * the status says why. What the reader left out, its "left_out" and "not_read", is in the result as well. `result` may be NULL. */
json_t *answer_read(struct result *result, const struct step *step, const struct output *output);

/* The output of the step of that name, parsed as above; NULL if the plan has none. */
json_t *answer_of(struct result *result, const struct plan *plan, const struct output *outputs, const char *name);

/* Adds a step `bunshin tool NAME --commit C --budget-ms N`, with `extra` (two words, or NULL) behind. False: out of memory. */
bool plan_tool(const struct target *target, struct arena *arena, struct plan *plan, const char *name, uint32_t budget_ms,
	       const char *option, const char *value);

/* A member's text, or "" if there is none. */
const char *json_text(const json_t *object, const char *name);
/* A member's number from 0 to UINT32_MAX; anything else is 0. */
uint32_t json_number(const json_t *object, const char *name);
int64_t json_time(const json_t *object, const char *name);

/* "2 years", "3 months", "12 days" between two times; static text per call is not kept, `out` has room for 32 bytes. */
void age_text(int64_t from, int64_t to, char out[32]);

#endif
