/* SPDX-License-Identifier: MIT */
#ifndef WORKSPACE_MERGE_PATCH_HUNKS_H
#define WORKSPACE_MERGE_PATCH_HUNKS_H

#include "protocol/codec.h"

/* Append the hunks of two texts that differ, as git diff prints them: by Myers, moved by indentation, each with so many lines around it and with
 * the line of the function it is in. 0 or ERR_MEMORY; then `out` may have a beginning of them. */
MUST_CHECK int patch_hunks_append(struct bytes old, struct bytes new, unsigned context_lines, struct buffer *out);

#endif
