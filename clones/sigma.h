/* SPDX-License-Identifier: MIT
 *
 * The parts of Sigma: each adds its share to the result.
 */
#ifndef CLONES_SIGMA_H
#define CLONES_SIGMA_H

#include "clones/answer.h"
#include "clones/clone.h"
#include "clones/result.h"

struct sigma {
	struct result *result;
	const struct target *target;
	json_t *inventory;                       /* rows by path */
	const json_t *symbols, *links, *history; /* answers, each may be NULL */
	json_t *attachments;                     /* [{name, media_type, text}] */
	uint32_t exported, documented;
	size_t broken, drift, changes;
};

/* How much of what is exported is documented (sigma_coverage.c). */
int sigma_coverage(struct sigma *sigma);

/* Links, anchors, names that are gone, and what a README should say (sigma_documents.c). */
int sigma_documents(struct sigma *sigma);

/* What changed since the last tag, grouped (sigma_changes.c). */
int sigma_changes(struct sigma *sigma);

/* How a project writes its commit messages, and what a message says under that habit. */
enum habit { HABIT_CONVENTIONAL, HABIT_AREA, HABIT_PATHS };

/* Conventional Commits 1.0.0: "type(scope)!: text". False if it is none; the others are written only if it is. `out_text` points
 * into the summary; `out_type` has room for 32 bytes. */
bool summary_conventional(const char *summary, char *out_type, bool *out_breaking, const char **out_text);
/* "area: text" where the area is a word or a path. Same terms; `out_area` has room for 64 bytes. */
bool summary_area(const char *summary, char *out_area, const char **out_text);

#endif
