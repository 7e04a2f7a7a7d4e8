/* SPDX-License-Identifier: MIT
 *
 * What the tools that read a whole repository share: their arguments, their time, and the JSON object they answer with.
 *
 * Every such tool takes
 *   --commit REVISION   what to read instead of HEAD
 *   --budget-ms N       how long to read (default 20,000); what was left out is said in "left_out"
 *   --log N             how many commits the log may have (history only)
 * and its answer has "tool", "schema", "commit" and "left_out", an array of sentences, empty if everything was read.
 *
 * Memory is sticky: the functions that add to the answer need no check, reading_print fails if one of them ran out of it.
 */
#ifndef TOOLS_READING_H
#define TOOLS_READING_H

#include <git2.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/error.h"

struct reading {
	const char *tool;
	const char *revision; /* or NULL */
	uint32_t budget_ms;
	uint32_t log_max;
	uint64_t end_ms; /* 0: the time is over */
	uint32_t calls;  /* of reading_spent */
	git_repository *repository;
	git_commit *commit;
	json_t *answer;
	json_t *left_out;
	bool no_memory;
};

/* Parses the arguments, opens the repository in the working directory and starts the clock. Returns 0, or the exit status for
 * the process after a sentence on stderr; reading_close is harmless then. */
MUST_CHECK int reading_open(struct reading *reading, int argc, char **argv);
void reading_close(struct reading *reading);

/* True once the time is over. Asks the clock every 16th call only. */
bool reading_spent(struct reading *reading);

/* Each takes `value` over; a NULL value counts as memory that ran out. */
void reading_set(struct reading *reading, json_t *object, const char *name, json_t *value);
void reading_append(struct reading *reading, json_t *array, json_t *value);

/* A new array or object under that name in the answer; borrowed. */
json_t *reading_array(struct reading *reading, const char *name);
json_t *reading_object(struct reading *reading, const char *name);

/* A JSON string from bytes that may be no UTF-8, cut after 1,000 bytes. */
json_t *reading_text(const char *text);
json_t *reading_bytes(const char *text, size_t bytes);

/* A sentence about what the answer does not hold. */
void reading_left_out(struct reading *reading, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the answer. Returns the exit status for the process. */
MUST_CHECK int reading_print(struct reading *reading);

#endif
