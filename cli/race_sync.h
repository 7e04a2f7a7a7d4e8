/* SPDX-License-Identifier: MIT
 *
 * A branch of the repository on the disk, and the same branch in the workspace: what is here counts.
 *
 *   both at one commit, or the workspace behind   the workspace follows
 *   the workspace ahead, or both apart            a commit that this repository has had was taken away here, by a reset or an amended commit: the workspace goes back to what is
 *                                                 here. Commits that were only merged there, by races, are not thrown away: ahead, they come along; apart, somebody has to decide
 */
#ifndef CLI_RACE_SYNC_H
#define CLI_RACE_SYNC_H

#include "cli/command.h"

struct race_sync {
	char here[41];  /* the branch on the disk; "": there is none */
	char there[41]; /* in the workspace now; "": there is none */
	bool apart;     /* neither follows the other, and that is not put right by the above */
};

/* `branch`: refs/heads/…, "" for none. `commit`: comes as well; NULL: nothing else. 0 or an exit code after saying why; apart is none. */
MUST_CHECK int race_sync(const struct call *call, const char *repo, const char *branch, const char *commit,
			 struct race_sync *out_sync);

/* Says that they are apart, and what can be done. Returns the exit code. */
int race_apart(const struct call *call, const char *repo, const char *branch, const struct race_sync *sync);

/* Brings one commit and what leads to it, and no branch. 0 or an exit code. */
MUST_CHECK int race_import_commit(const struct call *call, const char *repo, const char *commit);

/* Where a ref of the workspace is; "": nowhere. 0 or an exit code. */
MUST_CHECK int race_ref_find(const struct call *call, const char *repo, const char *ref, char out_id[41]);

/* Moves a branch of the workspace, from where it is. `task` is why; NULL: none. 0 or an exit code. */
MUST_CHECK int race_ref_move(const struct call *call, const char *repo, const char *ref, const char *old, const char *new,
			     bool back, const char *task);

#endif
