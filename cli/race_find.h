/* SPDX-License-Identifier: MIT
 *
 * A race that a person names: what the trail knows of it. No network is needed.
 */
#ifndef CLI_RACE_FIND_H
#define CLI_RACE_FIND_H

#include <jansson.h>

#include "cli/outcome.h"
#include "cli/story.h"
#include "protocol/id.h"

struct found_race {
	struct id id;
	char text[ID_TEXT_BYTES];
	struct story story;
	json_t *parameters; /* never NULL; empty if they were erased */
	bool ended;
	struct outcome outcome; /* if it has ended */
	json_t *result;         /* of its task; NULL: none */
	const json_t *race;     /* in it; NULL: there is none */
};

/* By its id, four or more digits of it, or "last". 0 and the caller releases it; or an exit code after saying why: there is no such task, or it is no race. */
MUST_CHECK int race_find(const struct call *call, const char *text, struct found_race *out_race);
void race_release(struct found_race *race); /* takes what is empty */

/* The same, and it has ended with a result. */
MUST_CHECK int race_find_ended(const struct call *call, const char *text, struct found_race *out_race);

/* The same for what is asked of attempts: "last" is the newest race in which agents took part, or, if a label is given (not NULL), one that has an attempt of that
 * label; not one that `race accept` began to merge what another had made. Where there is none, the newest of all. */
MUST_CHECK int race_find_attempts(const struct call *call, const char *text, struct found_race *out_race);
MUST_CHECK int race_find_judged(const struct call *call, const char *text, const char *label, struct found_race *out_race);

/* The result of an outcome: the JSON of its message, or, where that is only a part, the artefact with all of it. NULL: there is none, or it cannot be read. */
json_t *race_result_read(const struct call *call, const struct outcome *outcome);

/* The attempt that LABEL names, or without one (NULL) the best. 0 or an exit code. */
MUST_CHECK int race_pick_attempt(const struct call *call, const struct found_race *race, const char *label,
				 const json_t **out_attempt);

/* The path of its repository on the disk; NULL: it is not known, or not there. Borrowed. */
const char *race_repo(const struct found_race *race);

#endif
