/* SPDX-License-Identifier: MIT
 *
 * After a kill: back to what was, or forward if the branch has moved.
 *
 * A path has the old content, the new one, or one that neither commit knows. The first two are made what they should be. The third is a person's: it stays where
 * it is, and if it lies where things were taken aside, it comes back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "workspace/exchange/apply_inner.h"

struct recovering {
	struct apply *apply;
	bool forward;
};

struct side {
	enum file_mode mode;
	const git_oid *id;
};

static struct side wanted(const struct recovering *recovering, const struct apply_entry *entry, bool other)
{
	return recovering->forward != other ? (struct side){entry->new_mode, &entry->new_id}
					    : (struct side){entry->old_mode, &entry->old_id};
}

/* ---- one path ---- */

/* A folder in the place of nothing is as good as nothing: it is of paths below. */
static int is_side(struct apply *apply, int folder, const char *name, const char *path, struct side side, bool *out_is)
{
	struct stat status;

	*out_is = side.mode == MODE_NONE && fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
	return *out_is || side.mode == MODE_SUBMODULE ? 0 : same_as(apply, folder, name, path, side.mode, side.id, out_is);
}

/* Brings it to what it should be; what is there is what the other commit has. */
static int set_path(struct recovering *recovering, size_t number, int parent, const char *leaf)
{
	struct apply *apply = recovering->apply;
	struct apply_entry *entry = &apply->entries[number];
	struct side to = wanted(recovering, entry, false), from = wanted(recovering, entry, true);
	char name[24];
	int rc = 0, error = 0;

	file_name(number, name);
	if (to.mode != MODE_NONE)
		rc = file_make(apply, number, to.mode, to.id);
	if (rc)
		return rc;
	if (to.mode == MODE_NONE) {
		unlinkat(apply->holding, name, 0);
		error = file_move(parent, leaf, apply->holding, name);
	} else if (from.mode == MODE_NONE) {
		error = file_move(apply->holding, name, parent, leaf);
	} else {
		error = file_exchange(apply->holding, name, parent, leaf);
	}
	if (error)
		return apply_fail_errno(apply, "a file cannot be put in its place");
	apply->outcome->files++;
	unlinkat(apply->holding, name, 0);
	return 0;
}

static int settle_path(struct recovering *recovering, size_t number)
{
	struct apply *apply = recovering->apply;
	struct apply_entry *entry = &apply->entries[number];
	struct side to = wanted(recovering, entry, false), from = wanted(recovering, entry, true);
	const char *leaf;
	bool is_there = false, is_other = false;
	int parent, rc = 0;

	if (entry->old_mode == MODE_SUBMODULE || entry->new_mode == MODE_SUBMODULE || entry->skipped)
		return 0;
	parent = parent_open(apply->work, entry->path, to.mode != MODE_NONE, &leaf);
	if (parent < 0 && errno != ENOENT && errno != ENOTDIR)
		return apply_in_the_way(apply, entry->path, "left as it is");
	if (parent < 0) {
		folders_tidy(apply, entry->path);
		return 0;
	}
	rc = is_side(apply, parent, leaf, entry->path, to, &is_there);
	if (!rc && !is_there)
		rc = is_side(apply, parent, leaf, entry->path, from, &is_other);
	if (!rc && !is_there)
		rc = is_other ? set_path(recovering, number, parent, leaf)
			      : apply_in_the_way(apply, entry->path, "left as it is");
	close(parent);
	if (!rc && to.mode == MODE_NONE) /* also those that were made and not filled */
		folders_tidy(apply, entry->path);
	return rc;
}

/* What was taken aside goes back, bytes and times as they were, if what has its place is what took it. */
static int put_back(struct recovering *recovering, size_t number, int parent, const char *leaf)
{
	struct apply *apply = recovering->apply;
	struct apply_entry *entry = &apply->entries[number];
	char name[24], kept[40];
	bool ours = false;
	int rc = is_side(apply, parent, leaf, entry->path, (struct side){entry->new_mode, &entry->new_id}, &ours);

	file_name(number, name);
	if (rc)
		return rc;
	if (ours && !(entry->new_mode == MODE_NONE ? file_move(apply->holding, name, parent, leaf)
						   : file_exchange(apply->holding, name, parent, leaf))) {
		unlinkat(apply->holding, name, 0);
		return 0;
	}
	snprintf(kept, sizeof(kept), "kept-%s", name);
	(void)!file_move(apply->holding, name, apply->holding, kept);
	return apply_in_the_way(apply, entry->path, "left as it is; what was there before lies in bunshin-apply");
}

/* What lies aside. Going forward it was looked at already, and is in the repository. What was to be new is ours, finished or not. */
static int settle_aside(struct recovering *recovering, size_t number)
{
	struct apply *apply = recovering->apply;
	struct apply_entry *entry = &apply->entries[number];
	const char *leaf;
	struct stat status;
	char name[24];
	int parent, rc;

	file_name(number, name);
	if (fstatat(apply->holding, name, &status, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (recovering->forward || entry->old_mode == MODE_NONE) {
		unlinkat(apply->holding, name, 0);
		return 0;
	}
	parent = parent_open(apply->work, entry->path, true, &leaf);
	if (parent < 0)
		return apply_in_the_way(apply, entry->path, "left as it is");
	rc = put_back(recovering, number, parent, leaf);
	close(parent);
	return rc;
}

/* A beginning of a file that was being made when the end came. Whether it is one: it stands before nothing was exchanged, so what is in place says. */
static void drop_unfinished(struct recovering *recovering, size_t number)
{
	struct apply *apply = recovering->apply;
	struct apply_entry *entry = &apply->entries[number];
	bool untouched = false;
	const char *leaf;
	char name[24];
	int parent = parent_open(apply->work, entry->path, false, &leaf);

	file_name(number, name);
	if (parent < 0) {
		untouched = entry->old_mode == MODE_NONE && (errno == ENOENT || errno == ENOTDIR);
	} else {
		(void)!is_side(apply, parent, leaf, entry->path, (struct side){entry->old_mode, &entry->old_id}, &untouched);
		close(parent);
	}
	if (untouched)
		unlinkat(apply->holding, name, 0);
}

/* ---- the rest ---- */

static void drop_lock(struct apply *apply, const struct intent *intent)
{
	struct stat status;

	if (fstatat(apply->own, "index.lock", &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_ino == intent->index_lock)
		unlinkat(apply->own, "index.lock", 0);
}

/* libgit2's lock of the branch has what the branch was to be, or nothing yet. */
static void drop_branch_lock(struct apply *apply, const struct intent *intent)
{
	char name[WORKSPACE_REF_MAX + 8], hex[GIT_OID_HEXSZ + 2], found[GIT_OID_HEXSZ + 2];
	ssize_t got;
	int fd;

	snprintf(name, sizeof(name), "%s.lock", intent->ref);
	git_oid_tostr(hex, GIT_OID_HEXSZ + 1, &intent->new_id);
	fd = openat(apply->common, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	got = read(fd, found, sizeof(found));
	close(fd);
	if (got == 0 || (got >= GIT_OID_HEXSZ && memcmp(found, hex, GIT_OID_HEXSZ) == 0))
		unlinkat(apply->common, name, 0);
}

static bool branch_is_new(struct apply *apply, const struct intent *intent)
{
	git_oid now;

	return !intent->patch && git_reference_name_to_id(&now, apply->repository, intent->ref) == 0 &&
	       git_oid_equal(&now, &intent->new_id);
}

static int load_trees(struct apply *apply)
{
	git_commit *old = NULL, *new = NULL;
	int error = git_commit_lookup(&old, apply->repository, &apply->old_id);

	if (!error)
		error = git_commit_lookup(&new, apply->repository, &apply->new_id);
	if (!error)
		error = git_commit_tree(&apply->old_tree, old);
	if (!error)
		error = git_commit_tree(&apply->new_tree, new);
	git_commit_free(old);
	git_commit_free(new);
	return error ? apply_fail_git(apply, "the commits of what was under way are gone") : entries_of_trees(apply);
}

/* Paths that a sparse checkout leaves out were not touched. */
static void note_skipped(struct apply *apply)
{
	for (size_t i = 0; apply->index && i < apply->count; i++) {
		const git_index_entry *indexed = git_index_get_bypath(apply->index, apply->entries[i].path, 0);
		apply->entries[i].skipped = indexed && indexed->flags_extended & GIT_INDEX_ENTRY_SKIP_WORKTREE;
	}
}

static int recover_index(struct recovering *recovering, const struct intent *intent)
{
	struct apply *apply = recovering->apply;
	int rc = 0;

	if (!recovering->forward || intent->patch)
		return 0;
	rc = index_write(apply);
	return rc ? rc : index_place(apply);
}

static int recover_all(struct recovering *recovering, const struct intent *intent)
{
	struct apply *apply = recovering->apply;
	int rc = load_trees(apply);

	if (!rc && git_repository_index(&apply->index, apply->repository))
		rc = apply_fail_git(apply, "the index cannot be read");
	if (rc)
		return rc;
	note_skipped(apply);
	for (size_t i = 0; i < apply->count; i++)
		drop_unfinished(recovering, i);
	for (size_t i = 0; i < apply->count && !rc; i++) /* what goes may be in the way of what comes back */
		if (wanted(recovering, &apply->entries[i], false).mode == MODE_NONE)
			rc = settle_path(recovering, i);
	for (size_t i = 0; i < apply->count && !rc; i++)
		rc = settle_aside(recovering, i);
	for (size_t i = 0; i < apply->count && !rc; i++)
		if (wanted(recovering, &apply->entries[i], false).mode != MODE_NONE)
			rc = settle_path(recovering, i);
	if (!rc)
		rc = recover_index(recovering, intent);
	return rc;
}

int recover(struct apply *apply, bool *out_did)
{
	struct recovering recovering = {.apply = apply};
	struct intent intent = {.patch = false};
	int rc;

	*out_did = false;
	apply->stage = openat(apply->own, APPLY_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (apply->stage < 0)
		return 0;
	rc = intent_read(apply, &intent, out_did);
	if (rc || !*out_did) {
		if (!rc)
			index_give(apply); /* the end came before there was an intent */
		files_close(apply);
		return rc;
	}
	close(apply->stage);
	rc = files_open(apply);
	apply->old_id = intent.old_id;
	apply->new_id = intent.new_id;
	recovering.forward = branch_is_new(apply, &intent);
	if (!rc)
		rc = recover_all(&recovering, &intent);
	if (!rc) {
		drop_branch_lock(apply, &intent);
		drop_lock(apply, &intent);
		index_give(apply);
		apply->outcome->kind = recovering.forward ? APPLY_FORWARD : APPLY_BACK;
	}
	files_close(apply);
	entries_release(apply);
	git_tree_free(apply->old_tree);
	git_tree_free(apply->new_tree);
	apply->old_tree = apply->new_tree = NULL;
	return rc;
}
