/* SPDX-License-Identifier: MIT
 *
 * Refs of a repository on a disk, several at once, with git's own protocol: REF.lock is made with what the ref is to be, the ref is looked at, and when
 * all of them are where they have to be, the locks are renamed. Whoever else changes one of them waits or is told.
 *
 * Until the first rename nothing has changed; from then on only a disk that fails can come between the first and the last. There is no moment that
 * is one for several files, so whoever is killed there leaves some refs as they were, each with all it leads to.
 */
#ifndef WORKSPACE_EXCHANGE_REF_FILES_H
#define WORKSPACE_EXCHANGE_REF_FILES_H

#include "workspace/exchange/libgit2.h"

struct ref_write {
	char *name; /* owned by whoever made the list, like the list */
	struct oid id;
	struct oid old;
	bool has_old; /* else it must not be there */

	int folder; /* open while it is locked, else -1 */
	char lock[300];
};

/* `git_folder` is the open common folder of `repository`. Locks them all and checks them; after an error none is locked. ERR_MOVED, ERR_LOCKED,
 * ERR_STATE (a link or a file in the way), ERR_IO. */
MUST_CHECK int ref_files_lock(struct workspace_agent *agent, git_repository *repository, int git_folder, struct ref_write *writes,
			      size_t count);
MUST_CHECK int ref_files_commit(struct workspace_agent *agent, int git_folder, struct ref_write *writes, size_t count);
void ref_files_cancel(struct ref_write *writes, size_t count);

#endif
