/* SPDX-License-Identifier: MIT
 *
 * A specialist of our own readers, concluding from texts that a test gives instead of their outputs.
 */
#ifndef TESTS_CLONES_CONCLUDED_H
#define TESTS_CLONES_CONCLUDED_H

#include <jansson.h>

#include "clones/clone.h"

/* What one reader printed; name NULL ends a list. Text NULL: it did not run. */
struct printed {
	const char *name;
	const char *text;
	size_t bytes; /* 0: all of the text */
	int exit_status;
	const char *err;
};

/* The result, which is never NULL and has the members that every result has. `inventory` is JSON. The caller's. */
json_t *concluded(const struct specialist *specialist, const char *inventory, const struct printed *printed);

/* Cuts each output at every byte, the others being whole, and leaves out each: there is always a result, and it is not complete
 * unless it lost nothing. */
void assert_survives_cuts(const struct specialist *specialist, const char *inventory, const struct printed *printed);

/* The `n`th finding of a rule, or entity of a kind; NULL if there are fewer. */
const json_t *finding_of(const json_t *result, const char *rule, size_t n);
const json_t *entity_of(const json_t *result, const char *kind, size_t n);
/* A metric's value; the test fails if there is none. */
double metric_of(const json_t *result, const char *name, const char *subject);
const char *text_of(const json_t *object, const char *name);
const char *title_of(const json_t *finding);
const char *status_of(const json_t *result);
/* The text of an attachment; NULL if there is none of that name. */
const char *attachment_of(const json_t *result, const char *name);

#endif
