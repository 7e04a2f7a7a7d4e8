/* SPDX-License-Identifier: MIT
 *
 * Waiting: for the trail to grow, for a task to end, and for a person who has had enough.
 */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include <stdbool.h>

#include "cli/outcome.h"
#include "cli/session.h"

/* From now on Ctrl-C does not end the program but makes watch_interrupted true. */
void watch_signals(void);
bool watch_interrupted(void);
int watch_exit_code(void); /* 130 after Ctrl-C, 143 after SIGTERM */

/* A descriptor that knows when files in a folder are written, or -1; and waiting for that, at most a second. */
int watch_open(const char *folder);
void watch_wait(int watch);

/* Waits for the end of a task and shows its progress on stderr meanwhile. `limit_ms` 0: as long as it takes. Returns 0 when it has
 * ended, however; an exit code after saying why not: 130 detached, 7 the limit has passed. */
MUST_CHECK int watch_task(const struct call *call, struct client *client, const struct id *task_id, uint32_t limit_ms,
			  struct outcome *out_outcome);

#endif
