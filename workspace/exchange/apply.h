/* SPDX-License-Identifier: MIT
 *
 * A commit comes to a repository on the disk that a person works in: the branch moves, and where it is checked out the files do too. Called by the person's own
 * program, on request, and by nothing else.
 *
 * Nothing of the repository is run: no hook, no filter, no fsmonitor, no git. Nothing that the person has not committed is touched: before anything changes, each
 * path that would is looked at, and one that is not as the branch has it refuses the whole. Each file is changed in one step that takes the old content aside, which is
 * looked at again there; if somebody was quicker it goes back, and so does everything else.
 *
 * Who else works on the repository is kept out for as long as it takes, in this order:
 *
 *   GIT/bunshin.lock     this program, in another process; a lock of the open file, so a process that dies has none. ERR_LOCKED
 *   GIT/index.lock       git, wherever it would write the index; made and renamed as git does it. ERR_LOCKED
 *   REF.lock             git, wherever it would move the branch. ERR_LOCKED
 *
 * Who is killed leaves GIT/bunshin-apply: `intent` says what was under way, the rest is what was not in place yet or was taken aside. Git itself then says that
 * index.lock is there. The next apply_run brings the repository back to what it was, or forward if the branch had moved, and so does apply_recover; contents that are neither
 * are a person's and stay. GIT is the folder of the repository that all its working trees share.
 */
#ifndef WORKSPACE_EXCHANGE_APPLY_H
#define WORKSPACE_EXCHANGE_APPLY_H

#include "workspace/workspace.h"

#define APPLY_SENTENCE_BYTES 512u

enum apply_kind {
	APPLY_NOTHING, /* it was there already */
	APPLY_REF,     /* the branch has moved; it is checked out nowhere */
	APPLY_FILES,   /* the branch, the index and the files */
	APPLY_PATCH,   /* files only */
	APPLY_BACK,    /* what was left of one that was killed is as before */
	APPLY_FORWARD, /* or is done */
};

/* Where something stands in the way. */
struct apply_edit {
	char *path;
	const char *
		what; /* "changed", "deleted", "staged", "untracked", "ignored", "in conflict", "a filter", "another file system" … */
};

struct apply_outcome {
	enum apply_kind kind;
	uint64_t files; /* that were written or removed */
	struct oid now; /* where the branch is, with ERR_MOVED */
	bool has_now;   /* it is there */
	struct apply_edit *edits;
	size_t edit_count;                   /* with ERR_CONFLICT, all there are up to APPLY_EDITS_MAX */
	char sentence[APPLY_SENTENCE_BYTES]; /* after an error: what was found, and what to do */
};
#define APPLY_EDITS_MAX 1000u
void apply_outcome_release(struct apply_outcome *outcome);

/* A path at which the two commits differ. */
struct apply_path {
	const char *path;
	enum file_mode mode; /* that it is to have; MODE_NONE: it goes */
};

struct apply_wish {
	const char *repository; /* its top folder, or a bare one; not searched for */
	const char *ref;        /* refs/heads/NAME; not looked at for a patch */
	struct oid old;         /* where the ref is, or for a patch what the files are held against */
	struct oid new;
	bool patch;          /* only the files, wherever HEAD is; nothing is committed, the index stays */
	bool back;           /* also where that is no fast-forward: to undo */
	const char *message; /* for the reflog, such as "bunshin: race 0199…" */

	/* What differs, as the workspace says it (diff, without renames). All of it is looked at before anything is brought; NULL with 0: only after. */
	const struct apply_path *paths;
	size_t path_count;
	/* Brings `new` and what leads to it into the repository, and no more than refs below refs/bunshin/. NULL: it is there. 0 or an error with a sentence. */
	int (*bring)(void *context, char out_sentence[APPLY_SENTENCE_BYTES]);
	void *context;
};

/* 0; or, with nothing changed (but for what was brought, if that was late):
 *   ERR_CONFLICT    something that is not committed is in the way: `edits`
 *   ERR_MOVED       the branch is somewhere else: `now`
 *   ERR_LOCKED      another process is at work, or a lock was left
 *   ERR_STATE       a merge or rebase is under way, the branch is checked out in another working tree, the repository is of a kind that cannot be served
 *                   (split or sparse index, reftable), or it is no fast-forward
 *   ERR_NOT_FOUND   no repository, or the commit did not come
 *   ERR_MALFORMED   a name that git checks out nowhere
 *   ERR_IO, ERR_MEMORY, ERR_SYSTEM
 * Blocks on the disk. */
MUST_CHECK int apply_run(const struct apply_wish *wish, struct apply_outcome *out_outcome);

/* What is left of one that was killed, if anything: kind is APPLY_NOTHING, APPLY_BACK or APPLY_FORWARD. Errors as above. */
MUST_CHECK int apply_recover(const char *repository, struct apply_outcome *out_outcome);

#endif
