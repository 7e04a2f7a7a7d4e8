/* SPDX-License-Identifier: MIT
 *
 * The findings of a result while it is being built: kept in the order they came, numbered and sorted at the end.
 */
#ifndef CLONES_FINDING_H
#define CLONES_FINDING_H

#include "clones/result.h"

struct kept_finding {
	json_t *json;
	char *line_text;             /* the whole line, for the fingerprint; the snippet in the JSON is cut */
	char key[FINGERPRINT_BYTES]; /* fingerprint as if it were the first of its kind */
	double weight;               /* score times confidence */
	uint32_t line, column;
	size_t order; /* of arrival: makes every sort total */
};

struct findings {
	struct kept_finding *at;
	size_t count, room;
	size_t dropped; /* over the bound while collecting */
};

/* Adds a copy. The JSON is borrowed; NULL with *out_memory set if memory ran out, without if the bound was reached. */
json_t *findings_add(struct findings *findings, const struct finding *finding, bool *out_memory);

/* Numbers, fingerprints and sorts; moves the best RESULT_FINDINGS_MAX into `array`, adds the rest to `dropped`. False: out of memory. */
bool findings_finish(struct findings *findings, json_t *array);

void findings_release(struct findings *findings);

#endif
