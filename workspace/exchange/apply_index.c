/* SPDX-License-Identifier: MIT
 *
 * The index, under git's own lock for it, and the branch.
 *
 * index.lock is a link to a file of ours, so that whoever comes after a kill knows whose it is by its number. What becomes the index is written beside
 * and renamed, while the lock stays: git's protocol asks no more of who holds it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/exchange/apply_inner.h"
#include "workspace/exchange/directory.h"

#define LOCK_FILE "lock"
#define NEW_INDEX "index"

int index_look(struct apply *apply)
{
	git_index *index = NULL;

	if (git_repository_index(&index, apply->repository) || git_index_read(index, 1)) {
		git_index_free(index);
		return apply_fail(apply, ERR_STATE,
				  "the index of %.200s cannot be read (%.120s); split and sparse ones are git's alone",
				  apply->own_git, libgit2_reason());
	}
	git_index_free(apply->index);
	apply->index = index;
	return 0;
}

/* Before there is an intent, so that it can say the number. */
static int make_lock(struct apply *apply)
{
	struct stat status;

	unlinkat(apply->stage, LOCK_FILE, 0);
	if (directory_put(apply->stage, LOCK_FILE, "", 0, 0600) || fstatat(apply->stage, LOCK_FILE, &status, AT_SYMLINK_NOFOLLOW))
		return apply_fail_errno(apply, "the index cannot be locked");
	apply->index_lock = status.st_ino;
	return 0;
}

static int link_lock(struct apply *apply)
{
	if (linkat(apply->stage, LOCK_FILE, apply->own, "index.lock", 0) == 0) {
		apply->index_locked = true;
		return 0;
	}
	if (errno == EEXIST)
		return apply_fail(
			apply, ERR_LOCKED,
			"%.250sindex.lock is there: another git is at work, or has died; if none runs, remove that file",
			apply->own_git);
	return apply_fail_errno(apply, "the index cannot be locked");
}

int index_take(struct apply *apply)
{
	int rc = make_lock(apply);

	if (!rc)
		rc = intent_write(apply);
	if (!rc && !apply->wish->patch)
		rc = link_lock(apply);
	return rc || apply->wish->patch ? rc : index_look(apply);
}

/* ---- the new one ---- */

static int stat_entry(struct apply *apply, const struct apply_entry *entry, git_index_entry *indexed)
{
	const char *leaf;
	struct stat status;
	int parent = parent_open(apply->work, entry->path, false, &leaf);
	int error = parent >= 0 ? fstatat(parent, leaf, &status, AT_SYMLINK_NOFOLLOW) : -1;

	if (parent >= 0)
		close(parent);
	if (error)
		return -1;
	indexed->ctime.seconds = (int32_t)status.st_ctim.tv_sec;
	indexed->ctime.nanoseconds = (uint32_t)status.st_ctim.tv_nsec;
	indexed->mtime.seconds = (int32_t)status.st_mtim.tv_sec;
	indexed->mtime.nanoseconds = (uint32_t)status.st_mtim.tv_nsec;
	indexed->dev = (uint32_t)status.st_dev;
	indexed->ino = (uint32_t)status.st_ino;
	indexed->uid = status.st_uid;
	indexed->gid = status.st_gid;
	indexed->file_size = (uint32_t)status.st_size;
	return 0;
}

static int put_entry(struct apply *apply, git_index *index, const struct apply_entry *entry)
{
	git_index_entry indexed = {.mode = (uint32_t)entry->new_mode, .id = entry->new_id, .path = entry->path};

	if (entry->skipped)
		indexed.flags_extended = GIT_INDEX_ENTRY_SKIP_WORKTREE;
	else if (entry_is_file(entry->new_mode))
		(void)!stat_entry(apply, entry, &indexed); /* zeros make git look again, no more */
	return git_index_add(index, &indexed) ? apply_fail_git(apply, "the index cannot be written") : 0;
}

/* What somebody has staged since, after a kill, is left alone. */
static bool is_old(git_index *index, const struct apply_entry *entry)
{
	const git_index_entry *indexed = git_index_get_bypath(index, entry->path, 0);

	return indexed ? entry->old_mode != MODE_NONE && git_oid_equal(&indexed->id, &entry->old_id)
		       : entry->old_mode == MODE_NONE;
}

static int put_entries(struct apply *apply, git_index *index)
{
	int rc = 0;

	for (size_t i = 0; i < apply->count; i++)
		if (apply->entries[i].new_mode == MODE_NONE && is_old(index, &apply->entries[i]))
			git_index_remove(index, apply->entries[i].path, 0);
	for (size_t i = 0; i < apply->count && !rc; i++)
		if (apply->entries[i].new_mode != MODE_NONE && is_old(index, &apply->entries[i]))
			rc = put_entry(apply, index, &apply->entries[i]);
	return rc;
}

/* A copy with the same bytes, so that everything in it that is not ours stays. */
static int copy_index(struct apply *apply)
{
	int from = openat(apply->own, "index", O_RDONLY | O_CLOEXEC);
	int to = directory_create(apply->stage, NEW_INDEX, 0666);
	char block[65536];
	ssize_t got = from < 0 ? (errno == ENOENT ? 0 : -1) : 1;
	bool failed = to < 0;

	while (!failed && got > 0) {
		got = read(from, block, sizeof(block));
		failed = got < 0 || directory_write(to, block, (size_t)got);
	}
	failed = failed || got < 0;
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return failed ? apply_fail_errno(apply, "the index cannot be copied") : 0;
}

int index_write(struct apply *apply)
{
	char path[PATH_MAX];
	git_index *index = NULL;
	int rc;

	unlinkat(apply->stage, NEW_INDEX, 0);
	rc = copy_index(apply);
	if (rc)
		return rc;
	if (snprintf(path, sizeof(path), "%s" APPLY_FOLDER "/" NEW_INDEX, apply->own_git) >= (int)sizeof(path))
		return apply_fail(apply, ERR_STATE, "the path of the repository is too long");
	if (git_index_open(&index, path))
		return apply_fail_git(apply, "the index cannot be read");
	rc = put_entries(apply, index);
	if (!rc && git_index_write(index))
		rc = apply_fail_git(apply, "the index cannot be written");
	git_index_free(index);
	return rc;
}

int index_place(struct apply *apply)
{
	return renameat(apply->stage, NEW_INDEX, apply->own, "index") ? apply_fail_errno(apply, "the index cannot be replaced")
								      : 0;
}

void index_give(struct apply *apply)
{
	if (apply->index_locked)
		unlinkat(apply->own, "index.lock", 0);
	apply->index_locked = false;
	if (apply->stage >= 0 && !apply->unfinished) {
		intent_remove(apply); /* last of what anybody else would have to know about */
		unlinkat(apply->stage, LOCK_FILE, 0);
		unlinkat(apply->stage, NEW_INDEX, 0);
		unlinkat(apply->stage, NEW_INDEX ".lock", 0);
	}
	git_index_free(apply->index);
	apply->index = NULL;
}

/* ---- the branch ---- */

/* Where it is, or nowhere; REF.lock and the reflogs are libgit2's, which does as git does and runs no hook. */
int branch_move(struct apply *apply)
{
	const struct apply_wish *wish = apply->wish;
	git_reference *ref = NULL;
	git_signature *who = NULL;
	int error;

	if (git_signature_default(&who, apply->repository) && git_signature_now(&who, "bunshin", "bunshin@localhost"))
		return ERR_MEMORY;
	(void)!git_repository_set_ident(apply->repository, who->name, who->email);
	error = git_reference_create_matching(&ref, apply->repository, wish->ref, &apply->new_id, 1, &apply->old_id,
					      wish->message ? wish->message : "bunshin");
	git_reference_free(ref);
	git_signature_free(who);
	if (error == GIT_EMODIFIED)
		return apply_fail(apply, ERR_MOVED, "%.200s was moved at this moment; everything is as it was", wish->ref);
	if (error == GIT_ELOCKED)
		return apply_fail(apply, ERR_LOCKED, "%.200s is locked: another git is moving it, or has died (%.200s)",
				  wish->ref, libgit2_reason());
	return error ? apply_fail_git(apply, "the branch cannot be moved") : 0;
}
