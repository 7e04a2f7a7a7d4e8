/* SPDX-License-Identifier: MIT
 *
 * The repository, its locks, and its working trees. gitrepository-layout(5) says which file is where.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/exchange/apply_inner.h"

#define LOCK_NAME "bunshin.lock"

/* ---- opening ---- */

static bool config_flag(git_repository *repository, const char *name, bool otherwise)
{
	git_config *config = NULL;
	int value = otherwise;

	if (git_repository_config_snapshot(&config, repository) || git_config_get_bool(&value, config, name))
		value = otherwise;
	git_config_free(config);
	return value;
}

static int open_folders(struct apply *apply)
{
	const char *work = git_repository_is_bare(apply->repository) ? NULL : git_repository_workdir(apply->repository);
	struct stat status;

	apply->common = open(apply->git, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	apply->own = open(apply->own_git, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (apply->common < 0 || apply->own < 0)
		return apply_fail_errno(apply, "the folder of the repository cannot be opened");
	if (!work)
		return 0;
	apply->work = open(work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (apply->work < 0 || fstat(apply->work, &status))
		return apply_fail_errno(apply, "the working tree cannot be opened");
	apply->device = status.st_dev;
	return 0;
}

int place_open(struct apply *apply, const char *path)
{
	int error = libgit2_start() ? -1 : git_repository_open_ext(&apply->repository, path, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);

	if (error)
		return apply_fail(apply, error == GIT_ENOTFOUND ? ERR_NOT_FOUND : ERR_STATE,
				  "%.200s cannot be opened as a repository: %.150s", path, libgit2_reason());
	snprintf(apply->git, sizeof(apply->git), "%s", git_repository_commondir(apply->repository));
	snprintf(apply->own_git, sizeof(apply->own_git), "%s", git_repository_path(apply->repository));
	apply->trusts_modes = config_flag(apply->repository, "core.filemode", true);
	return open_folders(apply);
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void place_close(struct apply *apply)
{
	git_index_free(apply->index);
	git_tree_free(apply->old_tree);
	git_tree_free(apply->new_tree);
	git_repository_free(apply->repository);
	if (apply->lock >= 0)
		unlinkat(apply->common, LOCK_NAME, 0); /* whoever waits for this file finds out, below */
	close_one(&apply->lock);
	close_one(&apply->work);
	close_one(&apply->own);
	close_one(&apply->common);
}

/* ---- the lock ---- */

/* Of the open file, so it goes with the process. The file itself is taken away by who holds it: what is locked may not be what has the name. */
static int lock_once(struct apply *apply, bool *out_again)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat held, named;

	*out_again = false;
	apply->lock = openat(apply->common, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (apply->lock < 0)
		return apply_fail_errno(apply, "the repository cannot be locked");
	if (fcntl(apply->lock, F_OFD_SETLK, &lock)) {
		int saved = errno;
		close_one(&apply->lock);
		errno = saved;
		if (errno == EAGAIN || errno == EACCES)
			return apply_fail(apply, ERR_LOCKED, "another bunshin is changing %.300s; try again when it is done",
					  apply->git);
		return apply_fail_errno(apply, "the repository cannot be locked");
	}
	*out_again = fstat(apply->lock, &held) || fstatat(apply->common, LOCK_NAME, &named, AT_SYMLINK_NOFOLLOW) ||
		     held.st_ino != named.st_ino || held.st_dev != named.st_dev;
	if (*out_again)
		close_one(&apply->lock);
	return 0;
}

int place_lock(struct apply *apply)
{
	bool again = true;
	int rc = 0;

	while (!rc && again)
		rc = lock_once(apply, &again);
	return rc;
}

/* ---- who has the branch ---- */

/* The first line of a small file. False if there is none. */
static bool read_line(int folder, const char *name, char *out, size_t size)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, out, size - 1) : -1;

	close_one(&fd);
	if (got < 0)
		return false;
	out[got] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return true;
}

/* HEAD of that working tree, or a rebase in it that comes back to the branch. */
static const char *tree_uses(int git, const char *ref, bool bare)
{
	static const char *const rebases[] = {"rebase-merge/head-name", "rebase-apply/head-name"};
	char line[WORKSPACE_REF_MAX + 16];

	for (size_t i = 0; i < 2; i++)
		if (read_line(git, rebases[i], line, sizeof(line)) && strcmp(line, ref) == 0)
			return "is being rebased in";
	if (!bare && read_line(git, "HEAD", line, sizeof(line)) && strncmp(line, "ref: ", 5) == 0 && strcmp(line + 5, ref) == 0)
		return "is checked out in";
	return NULL;
}

static bool is_own(const struct apply *apply, int git)
{
	struct stat one, other;

	return fstat(git, &one) == 0 && fstat(apply->own, &other) == 0 && one.st_ino == other.st_ino &&
	       one.st_dev == other.st_dev;
}

static int look_at_tree(struct apply *apply, int git, const char *name, bool bare)
{
	const char *use = git >= 0 ? tree_uses(git, apply->wish->ref, bare) : NULL;

	if (!use || is_own(apply, git))
		return 0;
	return apply_fail(apply, ERR_STATE,
			  "%.150s %s another working tree (%.100s); accept it there, or check out something else",
			  apply->wish->ref, use, name);
}

static int look_at_trees(struct apply *apply)
{
	int folder = openat(apply->common, "worktrees", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = folder >= 0 ? fdopendir(folder) : NULL;
	const struct dirent *entry;
	int rc = look_at_tree(apply, apply->common, "the main one", config_flag(apply->repository, "core.bare", false));

	while (!rc && directory && (entry = readdir(directory)) != NULL) {
		int git = entry->d_name[0] == '.' ? -1 : openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = look_at_tree(apply, git, entry->d_name, false);
		close_one(&git);
	}
	if (directory)
		closedir(directory);
	return rc;
}

static int look_at_state(struct apply *apply)
{
	static const char *const names[] = {
		[GIT_REPOSITORY_STATE_MERGE] = "a merge",
		[GIT_REPOSITORY_STATE_REVERT] = "a revert",
		[GIT_REPOSITORY_STATE_REVERT_SEQUENCE] = "a revert",
		[GIT_REPOSITORY_STATE_CHERRYPICK] = "a cherry-pick",
		[GIT_REPOSITORY_STATE_CHERRYPICK_SEQUENCE] = "a cherry-pick",
		[GIT_REPOSITORY_STATE_BISECT] = "a bisection",
		[GIT_REPOSITORY_STATE_REBASE] = "a rebase",
		[GIT_REPOSITORY_STATE_REBASE_INTERACTIVE] = "a rebase",
		[GIT_REPOSITORY_STATE_REBASE_MERGE] = "a rebase",
		[GIT_REPOSITORY_STATE_APPLY_MAILBOX] = "git am",
		[GIT_REPOSITORY_STATE_APPLY_MAILBOX_OR_REBASE] = "git am or a rebase",
	};
	int state = git_repository_state(apply->repository);

	if (state <= 0 || (size_t)state >= sizeof(names) / sizeof(names[0]))
		return 0;
	return apply_fail(apply, ERR_STATE, "%s is under way in %.200s; finish it or give it up first", names[state],
			  git_repository_workdir(apply->repository));
}

int place_look(struct apply *apply)
{
	git_reference *head = NULL;
	int rc = 0;

	if (apply->wish->patch) {
		if (apply->work < 0)
			return apply_fail(apply, ERR_STATE, "a bare repository has no files that could be changed");
		return look_at_state(apply);
	}
	if (apply->work >= 0 && git_reference_lookup(&head, apply->repository, "HEAD") == 0)
		apply->checked_out = git_reference_type(head) == GIT_REFERENCE_SYMBOLIC &&
				     strcmp(git_reference_symbolic_target(head), apply->wish->ref) == 0;
	git_reference_free(head);
	rc = look_at_trees(apply);
	if (!rc && !apply->checked_out && tree_uses(apply->own, apply->wish->ref, true))
		rc = look_at_state(apply);
	if (!rc && apply->checked_out)
		rc = look_at_state(apply);
	return rc;
}

/* ---- where the branch is ---- */

bool place_branch_is_new(struct apply *apply)
{
	git_oid now;

	return git_reference_name_to_id(&now, apply->repository, apply->wish->ref) == 0 && git_oid_equal(&now, &apply->new_id);
}

int place_branch(struct apply *apply, bool *out_done)
{
	const char *name = apply->wish->ref;
	git_reference *ref = NULL;
	git_oid now = {{0}};
	int error = git_reference_lookup(&ref, apply->repository, name);
	bool direct = !error && git_reference_type(ref) == GIT_REFERENCE_DIRECT;

	if (direct)
		git_oid_cpy(&now, git_reference_target(ref));
	git_reference_free(ref);
	*out_done = direct && git_oid_equal(&now, &apply->new_id);
	if (direct && (*out_done || git_oid_equal(&now, &apply->old_id)))
		return 0;
	if (!error && !direct)
		return apply_fail(apply, ERR_STATE, "%.200s is a name for another ref", name);
	if (error && error != GIT_ENOTFOUND)
		return apply_fail_git(apply, "the branch cannot be read");
	apply->outcome->has_now = direct;
	memcpy(apply->outcome->now.bytes, now.id, OID_BYTES);
	return apply_fail(apply, ERR_MOVED, "%.200s is not where it was: %s", name,
			  direct ? "somebody has committed meanwhile" : "it is gone");
}
