/* SPDX-License-Identifier: MIT
 *
 * People as commits and tags have them: "Name <email> seconds +hhmm".
 */
#ifndef WORKSPACE_STORE_PERSON_H
#define WORKSPACE_STORE_PERSON_H

#include "workspace/workspace.h"

#define PERSON_OTHER_MAX 40u /* bytes besides name and email: " <", "> ", the time, the zone and a line end */

/* Behind "author ", with the line end. Names lose at both ends what git takes away there, and inside them <, > and line ends. Returns how many bytes
 * were written, at most those of name and email and PERSON_OTHER_MAX; 0 and a reason if the time or the name is none. */
size_t person_print(const struct workspace_person *person, char *out, const char **out_why);

/* The other way round, as git fsck takes it. `line` begins behind "author " and ends with its line end, before `end`. The name and email of
 * `out_person` stay NULL; where they stand is in the spans. NULL, or a reason. */
struct person_spans {
	const char *name, *email;
	size_t name_bytes, email_bytes;
};
const char *person_parse(const char *line, const char *end, struct workspace_person *out_person, struct person_spans *out_spans);

/* As git reads it where nobody checked it. `end` is where the line ends. What is missing is empty or 0, and so are times and zones out of
 * all bounds. Never fails. */
void person_read(const char *line, const char *end, struct workspace_person *out_person, struct person_spans *out_spans);

/* The time that git orders such a commit by: as strtoumax(3) reads what stands behind the last >, where "-1" comes out as a late time; INT64_MAX
 * for all that are later. */
int64_t person_order(const char *line, const char *end);

#endif
