/* SPDX-License-Identifier: MIT
 *
 * Programs that the tests run inside the sandbox: the test program itself, as `PROGRAM probe NAME [ARGUMENT]`.
 */
#ifndef TESTS_WORKSPACE_PROBE_H
#define TESTS_WORKSPACE_PROBE_H

#include "workspace/sandbox.h"

/* True if this process was started inside the sandbox; then `*out_status` is its exit status. First line of main. */
bool probe_dispatch(int argc, char **argv, int *out_status);

/* Limits that are generous for a probe. */
struct sandbox_limits probe_limits(void);

/* Runs `SANDBOX_PROGRAM probe NAME ARGUMENT` (`argument` may be NULL) and returns what sandbox_run returned. */
int probe_run(struct sandbox_job *job, const char *name, const char *argument, struct sandbox_result *out_result);

/* Processes of this machine whose environment or command line holds `word`. */
unsigned processes_with(const char *word);

#endif
