/* SPDX-License-Identifier: MIT
 *
 * The two halves of a git_repository on a workspace.
 */
#ifndef WORKSPACE_EXCHANGE_LIBGIT2_INNER_H
#define WORKSPACE_EXCHANGE_LIBGIT2_INNER_H

#include <git2/sys/odb_backend.h>
#include <git2/sys/refdb_backend.h>

#include "workspace/exchange/libgit2.h"

/* NULL: no memory. */
git_odb_backend *libgit2_objects_new(struct workspace_agent *agent);
git_refdb_backend *libgit2_refs_new(struct workspace_agent *agent);

/* An error of the workspace in libgit2's words, with the agent's sentence; 0 stays 0. */
int libgit2_error(struct workspace_agent *agent, int rc);

#endif
