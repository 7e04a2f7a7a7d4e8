/* SPDX-License-Identifier: MIT
 *
 * What a person has at the paths that are about to change, and that no commit has.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/exchange/apply_inner.h"
#include "workspace/exchange/beneath.h"

/* ---- the index ---- */

/* What the index has is what the branch has; else somebody has staged something. */
static int check_index(struct apply *apply, struct apply_entry *entry)
{
	const git_index_entry *indexed;

	for (int stage = 1; stage <= 3; stage++)
		if (git_index_get_bypath(apply->index, entry->path, stage))
			return apply_in_the_way(apply, entry->path, "in conflict");
	indexed = git_index_get_bypath(apply->index, entry->path, 0);
	if (!indexed && entry->old_mode == MODE_NONE)
		return 0;
	if (!indexed || entry->old_mode == MODE_NONE || !git_oid_equal(&indexed->id, &entry->old_id) ||
	    (indexed->mode & 0170000) != (entry->old_mode & 0170000) ||
	    (entry_is_file(entry->old_mode) && entry->old_mode != MODE_SYMLINK &&
	     !(indexed->mode & 0100) != (entry->old_mode != MODE_EXECUTABLE)))
		return apply_in_the_way(apply, entry->path, "staged");
	entry->skipped = indexed->flags_extended & GIT_INDEX_ENTRY_SKIP_WORKTREE;
	return 0;
}

/* ---- filters ---- */

/* A program that would have to be run to make the file, or an encoding that only git knows. */
static int check_filter(struct apply *apply, const struct apply_entry *entry)
{
	static const char *const parts[] = {"smudge", "clean", "process"};
	const char *filter = NULL, *encoding = NULL;
	git_config *config = NULL;
	bool runs = false;
	char name[256];

	if (git_attr_get(&encoding, apply->repository, 0, entry->path, "working-tree-encoding") == 0 &&
	    git_attr_value(encoding) == GIT_ATTR_VALUE_STRING)
		return apply_in_the_way(apply, entry->path, "in another encoding, which only git can write");
	if (git_attr_get(&filter, apply->repository, 0, entry->path, "filter") != 0 ||
	    git_attr_value(filter) != GIT_ATTR_VALUE_STRING || git_repository_config_snapshot(&config, apply->repository))
		return 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *command = NULL;
		snprintf(name, sizeof(name), "filter.%.200s.%s", filter, parts[i]);
		runs = runs || (git_config_get_string(&command, config, name) == 0 && command && *command);
	}
	git_config_free(config);
	return runs ? apply_in_the_way(apply, entry->path, "made by a filter, a program that is not run here") : 0;
}

/* ---- what is in the way of something new ---- */

static const char *untracked(struct apply *apply, const char *path)
{
	int ignored = 0;

	return git_ignore_path_is_ignored(&ignored, apply->repository, path) == 0 && ignored ? "ignored" : "untracked";
}

static bool goes_away(const struct apply *apply, const char *path)
{
	const struct apply_entry *entry = entry_find(apply, path);

	return entry && entry->old_mode != MODE_NONE && entry->new_mode == MODE_NONE;
}

/* A folder stands where a file is to be: everything in it has to go by this very change. */
static int check_folder(struct apply *apply, const char *path, unsigned depth)
{
	int folder = beneath_open(apply->work, path), rc = 0;
	DIR *directory = folder >= 0 ? fdopendir(folder) : NULL;
	const struct dirent *entry;
	char inside[PATH_MAX];

	if (!directory || depth > 128) {
		if (directory)
			closedir(directory);
		else if (folder >= 0)
			close(folder);
		return apply_in_the_way(apply, path, "a folder that cannot be read");
	}
	while (!rc && (entry = readdir(directory)) != NULL) {
		struct stat status;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name) >= (int)sizeof(inside))
			rc = apply_in_the_way(apply, path, "a folder with long names");
		else if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
			rc = check_folder(apply, inside, depth + 1);
		else if (!goes_away(apply, inside))
			rc = apply_in_the_way(apply, inside, untracked(apply, inside));
	}
	closedir(directory);
	return rc;
}

static int check_new(struct apply *apply, const char *path)
{
	const char *leaf;
	struct stat status;
	int parent = parent_open(apply->work, path, false, &leaf), rc = 0;

	if (parent >= 0 && fstatat(parent, leaf, &status, AT_SYMLINK_NOFOLLOW) == 0)
		rc = S_ISDIR(status.st_mode) ? check_folder(apply, path, 0)
					     : apply_in_the_way(apply, path, untracked(apply, path));
	if (parent >= 0)
		close(parent);
	return rc;
}

/* Folders on the way: each is one, on this file system, or is not there, or is a file that goes. */
static int check_way(struct apply *apply, const char *path)
{
	char way[PATH_MAX];
	struct stat status;

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		if ((size_t)(slash - path) >= sizeof(way))
			return apply_in_the_way(apply, path, "too long a path");
		memcpy(way, path, (size_t)(slash - path));
		way[slash - path] = '\0';
		if (fstatat(apply->work, way, &status, AT_SYMLINK_NOFOLLOW))
			return errno == ENOENT ? 0 : apply_in_the_way(apply, way, "not to be looked into");
		if (S_ISDIR(status.st_mode) && status.st_dev != apply->device)
			return apply_in_the_way(apply, way, "another file system");
		if (!S_ISDIR(status.st_mode))
			return goes_away(apply, way) ? 0 : apply_in_the_way(apply, way, untracked(apply, way));
	}
	return 0;
}

/* ---- what is there ---- */

static int check_old(struct apply *apply, const struct apply_entry *entry)
{
	const char *leaf;
	struct stat status;
	bool same = false, there = false;
	int parent = parent_open(apply->work, entry->path, false, &leaf), rc = 0;

	if (parent >= 0) {
		there = fstatat(parent, leaf, &status, AT_SYMLINK_NOFOLLOW) == 0;
		rc = same_as(apply, parent, leaf, entry->path, entry->old_mode, &entry->old_id, &same);
		close(parent);
	}
	if (rc || same)
		return rc;
	return apply_in_the_way(apply, entry->path, there ? "changed" : "deleted");
}

static int check_submodule(struct apply *apply, const struct apply_entry *entry)
{
	return entry->old_mode == MODE_NONE && apply->work >= 0 ? check_new(apply, entry->path) : 0;
}

static int check_entry(struct apply *apply, struct apply_entry *entry)
{
	size_t before = apply->outcome->edit_count;
	int rc = apply->wish->patch ? 0 : check_index(apply, entry);

	if (rc || before != apply->outcome->edit_count)
		return rc;
	if (entry->old_mode == MODE_SUBMODULE || entry->new_mode == MODE_SUBMODULE)
		return check_submodule(apply, entry);
	if (entry->skipped) /* left out by a sparse checkout, as long as there is nothing all the same */
		return check_new(apply, entry->path);
	rc = check_filter(apply, entry);
	if (!rc)
		rc = check_way(apply, entry->path);
	if (!rc)
		rc = entry->old_mode == MODE_NONE ? check_new(apply, entry->path) : check_old(apply, entry);
	return rc;
}

static int told(struct apply *apply)
{
	const struct apply_outcome *outcome = apply->outcome;

	if (!outcome->edit_count)
		return 0;
	return apply_fail(apply, ERR_CONFLICT, "%zu path%s in the way, the first is %.250s (%s); nothing has changed",
			  outcome->edit_count, outcome->edit_count == 1 ? " is" : "s are", outcome->edits[0].path,
			  outcome->edits[0].what);
}

/* Again when the attributes are those that come along. */
int check_filters(struct apply *apply)
{
	int rc = 0;

	for (size_t i = 0; i < apply->count && !rc; i++)
		if (!apply->entries[i].skipped && entry_is_file(apply->entries[i].new_mode))
			rc = check_filter(apply, &apply->entries[i]);
	return rc ? rc : told(apply);
}

int check_all(struct apply *apply)
{
	int rc = 0;

	for (size_t i = 0; i < apply->count && !rc; i++)
		rc = check_entry(apply, &apply->entries[i]);
	return rc ? rc : told(apply);
}
