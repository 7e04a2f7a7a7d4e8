/* SPDX-License-Identifier: MIT
 *
 * The system calls that no program in the sandbox may make.
 */
#ifndef WORKSPACE_FILTER_H
#define WORKSPACE_FILTER_H

#include "protocol/error.h"

/* Writes the filter, as seccomp takes it, into a new memory file. Returns 0 or ERR_SANDBOX. The descriptor is the caller's. */
MUST_CHECK int filter_open(int *out_fd);

#endif
