/* SPDX-License-Identifier: MIT
 *
 * What the parts of apply.c share.
 *
 *   apply.c          the order of things
 *   apply_place.c    the repository, who else is at work, where the branch is checked out
 *   apply_entries.c  the paths that differ
 *   apply_check.c    what a person has there that is not committed
 *   apply_same.c     is a file what a commit says?
 *   apply_files.c    files made aside, and put in their place
 *   apply_index.c    the index and the ref
 *   apply_intent.c   what is under way, for whoever comes after a kill
 *   apply_recover.c  whoever comes after it
 */
#ifndef WORKSPACE_EXCHANGE_APPLY_INNER_H
#define WORKSPACE_EXCHANGE_APPLY_INNER_H

#include <limits.h>
#include <sys/stat.h>

#include "workspace/exchange/apply.h"
#include "workspace/exchange/libgit2.h"

#define APPLY_FOLDER "bunshin-apply"

struct apply_entry {
	char *path;
	enum file_mode old_mode, new_mode; /* MODE_NONE: not there */
	git_oid old_id, new_id;
	bool skipped; /* a sparse checkout leaves it out: only the index has it */
	bool placed;  /* the new content is there; what was there lies in the stage */
};

struct apply {
	const struct apply_wish *wish;
	struct apply_outcome *outcome;
	git_repository *repository;
	char git[PATH_MAX];     /* the folder that all working trees share, with a slash behind it */
	char own_git[PATH_MAX]; /* of this working tree; the same for the main one */
	int common;             /* `git`, open */
	int own;                /* `own_git`, open */
	int work;               /* the working tree, or -1 */
	int lock;
	int stage;         /* GIT/bunshin-apply of `own`, or -1 */
	int holding;       /* where files are made: the stage, or a folder in the working tree if that is another file system */
	dev_t device;      /* of the working tree */
	bool checked_out;  /* the branch, here */
	bool trusts_modes; /* core.filemode */
	git_oid old_id, new_id;
	git_tree *old_tree, *new_tree;
	struct apply_entry *entries;
	size_t count;
	git_index *index; /* as it is, or is to be; or NULL */
	bool index_locked;
	ino_t index_lock; /* of the file that is linked to index.lock */
	bool unfinished;  /* the intent stays */
};

int apply_fail(struct apply *apply, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));
int apply_fail_errno(struct apply *apply, const char *what); /* ERR_IO */
int apply_fail_git(struct apply *apply, const char *what);   /* ERR_IO, with what libgit2 said */
/* Something stands in the way; goes on collecting. 0 or ERR_MEMORY. */
MUST_CHECK int apply_in_the_way(struct apply *apply, const char *path, const char *what);

/* ---- apply_place.c ---- */
MUST_CHECK int place_open(struct apply *apply, const char *path);
MUST_CHECK int place_lock(struct apply *apply);
void place_close(struct apply *apply);
/* Where HEAD is, what is under way, and whether another working tree has the branch. */
MUST_CHECK int place_look(struct apply *apply);
/* ERR_MOVED unless the branch is at `old`; `*out_done` if it is at `new`. */
MUST_CHECK int place_branch(struct apply *apply, bool *out_done);
bool place_branch_is_new(struct apply *apply);

/* ---- apply_entries.c ---- */
MUST_CHECK int entries_of_paths(struct apply *apply); /* what the wish says */
MUST_CHECK int entries_of_trees(struct apply *apply); /* what the commits say */
void entries_release(struct apply *apply);
const struct apply_entry *entry_find(const struct apply *apply, const char *path);
bool entry_is_file(enum file_mode mode); /* a file or link */

/* ---- apply_check.c ---- */
MUST_CHECK int check_all(struct apply *apply); /* ERR_CONFLICT with all that is in the way */
MUST_CHECK int check_filters(struct apply *apply);

/* ---- apply_same.c ---- */
/* Does `name` in the open folder hold this? `path` says which attributes count. False for what cannot be read. ERR_MEMORY, ERR_IO. */
MUST_CHECK int same_as(struct apply *apply, int folder, const char *name, const char *path, enum file_mode mode,
		       const git_oid *id, bool *out_same);
/* The folder of a path, opened without following a link; -1 with errno. `*out_leaf` is in `path`. */
int parent_open(int root, const char *path, bool make, const char **out_leaf);

/* ---- apply_files.c ---- */
MUST_CHECK int files_open(struct apply *apply);  /* the stage and the place to make files in */
MUST_CHECK int files_place(struct apply *apply); /* all of them, or ERR_CONFLICT and as many as are `placed` */
int files_back(struct apply *apply);             /* what is placed goes back */
void files_forget(struct apply *apply);          /* what was taken aside is in the repository */
void files_close(struct apply *apply);
/* One content into the holding, under the number of its entry. */
MUST_CHECK int file_make(struct apply *apply, size_t number, enum file_mode mode, const git_oid *id);
void file_name(size_t number, char out_name[24]);
int file_exchange(int a, const char *a_name, int b, const char *b_name);     /* -1 with errno */
int file_move(int from, const char *from_name, int to, const char *to_name); /* never onto something */
void folders_tidy(struct apply *apply, const char *path);                    /* those that are empty now */

/* ---- apply_index.c ---- */
MUST_CHECK int index_look(struct apply *apply);  /* reads it */
MUST_CHECK int index_take(struct apply *apply);  /* locks and reads it */
MUST_CHECK int index_write(struct apply *apply); /* the new one, to the stage */
MUST_CHECK int index_place(struct apply *apply); /* and in its place */
void index_give(struct apply *apply);            /* and forgets the intent, unless this is unfinished */
MUST_CHECK int branch_move(struct apply *apply);

/* ---- apply_intent.c ---- */
struct intent {
	char ref[WORKSPACE_REF_MAX + 1];
	char work[PATH_MAX];
	char message[256];
	git_oid old_id, new_id;
	ino_t index_lock;
	bool patch;
};
MUST_CHECK int intent_write(struct apply *apply);
MUST_CHECK int intent_read(struct apply *apply, struct intent *out_intent, bool *out_there); /* ERR_CORRUPT */
void intent_remove(struct apply *apply);

/* ---- apply_recover.c ---- */
MUST_CHECK int recover(struct apply *apply, bool *out_did);

#endif
