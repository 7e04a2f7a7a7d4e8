/* SPDX-License-Identifier: MIT
 *
 * A log file with a bound: when it is full it becomes NAME.log.1, in place of the one before, and a new one begins.
 */
#ifndef ACTORS_CHILD_LOG_H
#define ACTORS_CHILD_LOG_H

#include "actors/state.h"

#define LAST_LINE_BYTES 160u

struct child_log {
	char path[PATH_BYTES];
	int fd; /* -1: could not be opened, what is written is lost */
	uint64_t bytes, bytes_max;
	char last_line[LAST_LINE_BYTES]; /* the latest that was not empty, cut, without control characters */
	char line[LAST_LINE_BYTES];      /* in the making */
	size_t line_bytes;
};

/* Opens log/NAME.log, 0600, to append. Never fails as a whole: a full disk must not keep a network from running. */
void child_log_open(struct child_log *log, const struct state_folder *state, const char *name, uint64_t bytes_max);
void child_log_write(struct child_log *log, const char *at, size_t bytes);
void child_log_close(struct child_log *log);

#endif
