/* SPDX-License-Identifier: MIT
 *
 * A log file with a bound: when it is full it becomes NAME.log.1, in place of the one before, and a new one begins. Known secrets in it are
 * masked; for that, a line is written when it is whole, or very long.
 */
#ifndef ACTORS_CHILD_LOG_H
#define ACTORS_CHILD_LOG_H

#include "actors/state.h"
#include "actors/vault.h"

#define LAST_LINE_BYTES 160u
#define HELD_BYTES_MAX  32768u /* of a line without an end, before it is written all the same */

struct child_log {
	char path[PATH_BYTES];
	int fd; /* -1: could not be opened, what is written is lost */
	uint64_t bytes, bytes_max;
	char last_line[LAST_LINE_BYTES]; /* the latest that was not empty, cut, without control characters */
	char line[LAST_LINE_BYTES];      /* in the making */
	size_t line_bytes;
	struct vault *vault; /* NULL: nothing is looked for */
	char *held;          /* since the last end of a line */
	size_t held_bytes, held_room;
};

/* Opens log/NAME.log, 0600, to append. Never fails as a whole: a full disk must not keep a network from running. `vault` may be NULL and must
 * live as long as the log. */
void child_log_open(struct child_log *log, const struct state_folder *state, const char *name, uint64_t bytes_max,
		    struct vault *vault);
void child_log_write(struct child_log *log, const char *at, size_t bytes);
void child_log_settle(struct child_log *log); /* nothing more will come of this line: what is held is written */
void child_log_close(struct child_log *log);

#endif
