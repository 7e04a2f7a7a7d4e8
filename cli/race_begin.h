/* SPDX-License-Identifier: MIT
 *
 * Sending a race and seeing it through, which several commands do.
 */
#ifndef CLI_RACE_BEGIN_H
#define CLI_RACE_BEGIN_H

#include <jansson.h>

#include "cli/command.h"
#include "cli/race_find.h"

/* Sends the parameters and prints the id as soon as the race cannot be lost any more. `key` may be NULL. 0 or an exit code. */
MUST_CHECK int race_submit(const struct call *call, struct client *client, const json_t *parameters, const char *key,
			   struct id *out_id);

/* Follows the race to its end, prints what came of it, and, with `apply`, brings what was merged into the repository on the disk. Returns the exit code. */
int race_see_through(const struct call *call, struct client *client, const struct id *id, const json_t *parameters, bool apply);

/* One object as one line on standard output. Takes it over. */
void race_json_line(json_t *object);

/* How text is printed on standard output. */
struct paper;
void paper_of(const struct call *call, struct paper *out_paper);

#endif
