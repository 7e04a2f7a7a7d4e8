/* SPDX-License-Identifier: MIT
 *
 * The report of a race as one HTML page: no script, nothing loaded, and whatever agents wrote is text.
 */
#ifndef CLI_RACE_PAGE_H
#define CLI_RACE_PAGE_H

#include <jansson.h>

#include "cli/sink.h"

struct race_page {
	struct sink *sink;
	const json_t *task;       /* of the race, as story_json has it */
	const json_t *parameters; /* an object */
	const json_t *race;       /* the result */
	const json_t *patches;    /* {LABEL: patch}: what each attempt has changed; NULL: it could not be read */
};

void race_page_put(const struct race_page *page);

/* ---- its parts ---- */

void page_compared(const struct race_page *page);
void page_gates(const struct race_page *page);
void page_choice(const struct race_page *page);
void page_merging(const struct race_page *page);
void page_attempts(const struct race_page *page);
void page_spent(const struct race_page *page);
void page_provenance(const struct race_page *page);

/* <NAME class="CLASS">TEXT</NAME>; `class` may be NULL and is one of ours. */
void page_element(struct sink *sink, const char *name, const char *class, const char *text);
void page_number(struct sink *sink, const char *text); /* a cell of figures */
/* The class of a verdict, state of a gate or of a merge; "" for another word. */
const char *page_class(const char *word);

#endif
