/* SPDX-License-Identifier: MIT
 *
 * libgit2 on a workspace: a git_repository whose objects and refs are those in memory, so that everything libgit2 can do can be done there, by who
 * does not mind that it copies.
 */
#ifndef WORKSPACE_EXCHANGE_LIBGIT2_H
#define WORKSPACE_EXCHANGE_LIBGIT2_H

#include <git2.h>

#include "workspace/workspace.h"

/* libgit2 ready for use, as it has to be for repositories of strangers: those of other owners may be read (nothing in them is run), and
 * extensions that do not change how objects and refs are kept are no hindrance. Any number of times, from any thread. 0, ERR_SYSTEM. */
MUST_CHECK int libgit2_start(void);

/* A repository for the agent's thread; git_repository_free() it before the agent leaves. It has no folder, no index, no configuration and no reflogs. HEAD is always
 * the name of a branch, and no other ref is symbolic. What is written stands in the journal on return; refs are changed as with
 * workspace_refs_update, and git_transaction finds out at its end that somebody was first. 0, ERR_MEMORY, ERR_SYSTEM. */
MUST_CHECK int workspace_git_open(struct workspace_agent *agent, git_repository **out_repository);

/* What libgit2 said, for a sentence; never NULL. */
const char *libgit2_reason(void);

#endif
