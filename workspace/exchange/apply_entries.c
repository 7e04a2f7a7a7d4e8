/* SPDX-License-Identifier: MIT
 *
 * The paths at which two commits differ, and what each of the two has there.
 */
#include <stdlib.h>
#include <string.h>

#include "workspace/exchange/apply_inner.h"
#include "workspace/store/object.h"

bool entry_is_file(enum file_mode mode)
{
	return mode == MODE_FILE || mode == MODE_EXECUTABLE || mode == MODE_SYMLINK;
}

void entries_release(struct apply *apply)
{
	for (size_t i = 0; i < apply->count; i++)
		free(apply->entries[i].path);
	free(apply->entries);
	apply->entries = NULL;
	apply->count = 0;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct apply_entry *)a)->path, ((const struct apply_entry *)b)->path);
}

const struct apply_entry *entry_find(const struct apply *apply, const char *path)
{
	struct apply_entry key = {.path = (char *)(uintptr_t)path};

	return apply->count ? bsearch(&key, apply->entries, apply->count, sizeof(key), by_path) : NULL;
}

/* Old modes of git are those of today. */
static enum file_mode mode_of(unsigned mode)
{
	switch (mode & 0170000) {
	case 0120000:
		return MODE_SYMLINK;
	case 0160000:
		return MODE_SUBMODULE;
	case 0040000:
		return MODE_FOLDER;
	case 0100000:
		return mode & 0111 ? MODE_EXECUTABLE : MODE_FILE;
	default:
		return MODE_NONE;
	}
}

/* No file is made of what git makes none of, whoever says that it should be there. */
static int path_check(struct apply *apply, const char *path, enum file_mode mode)
{
	const char *why = NULL;

	for (const char *at = path; at;) {
		size_t bytes = strcspn(at, "/");
		bool last = !at[bytes];
		if (tree_name_check(at, bytes, last ? mode : MODE_FOLDER, &why))
			return apply_fail(apply, ERR_MALFORMED, "%.300s cannot be a file: %.100s", path, why ? why : "its name");
		at = last ? NULL : at + bytes + 1;
	}
	return strlen(path) > WORKSPACE_PATH_MAX ? apply_fail(apply, ERR_MALFORMED, "a path is too long") : 0;
}

static int entry_check(struct apply *apply, const struct apply_entry *entry)
{
	bool one = entry->old_mode == MODE_SUBMODULE, other = entry->new_mode == MODE_SUBMODULE;
	int rc = path_check(apply, entry->path, entry->new_mode != MODE_NONE ? entry->new_mode : MODE_FILE);

	if (!rc && one != other && entry->old_mode != MODE_NONE && entry->new_mode != MODE_NONE)
		return apply_fail(apply, ERR_STATE, "%.300s becomes a submodule, or stops being one; git merge can do that",
				  entry->path);
	return rc;
}

static int entries_done(struct apply *apply)
{
	int rc = 0;

	if (apply->count)
		qsort(apply->entries, apply->count, sizeof(*apply->entries), by_path);
	for (size_t i = 0; i < apply->count && !rc; i++)
		rc = entry_check(apply, &apply->entries[i]);
	return rc;
}

static int entries_room(struct apply *apply, size_t count)
{
	entries_release(apply);
	apply->entries = calloc(count + 1, sizeof(*apply->entries));
	return apply->entries ? 0 : ERR_MEMORY;
}

int entries_of_paths(struct apply *apply)
{
	const struct apply_wish *wish = apply->wish;
	int rc = entries_room(apply, wish->path_count);

	for (size_t i = 0; i < wish->path_count && !rc; i++) {
		struct apply_entry *entry = &apply->entries[i];
		git_tree_entry *old = NULL;
		*entry = (struct apply_entry){.path = strdup(wish->paths[i].path), .new_mode = wish->paths[i].mode};
		if (!entry->path)
			return ERR_MEMORY;
		apply->count++;
		if (apply->old_tree && git_tree_entry_bypath(&old, apply->old_tree, entry->path) == 0) {
			entry->old_mode = mode_of(git_tree_entry_filemode(old));
			git_oid_cpy(&entry->old_id, git_tree_entry_id(old));
		}
		if (entry->old_mode == MODE_FOLDER)
			entry->old_mode = MODE_NONE;
		git_tree_entry_free(old);
	}
	return rc ? rc : entries_done(apply);
}

int entries_of_trees(struct apply *apply)
{
	git_diff_options options;
	git_diff *diff = NULL;
	int rc;

	(void)!git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
	options.flags = GIT_DIFF_INCLUDE_TYPECHANGE | GIT_DIFF_SKIP_BINARY_CHECK;
	options.ignore_submodules = GIT_SUBMODULE_IGNORE_NONE;
	if (git_diff_tree_to_tree(&diff, apply->repository, apply->old_tree, apply->new_tree, &options))
		return apply_fail_git(apply, "the two commits cannot be compared");
	rc = entries_room(apply, git_diff_num_deltas(diff));
	for (size_t i = 0; !rc && i < git_diff_num_deltas(diff); i++) {
		const git_diff_delta *delta = git_diff_get_delta(diff, i);
		struct apply_entry *entry = &apply->entries[i];
		*entry = (struct apply_entry){.path = strdup(delta->new_file.path),
					      .old_mode = mode_of(delta->old_file.mode),
					      .new_mode = mode_of(delta->new_file.mode),
					      .old_id = delta->old_file.id,
					      .new_id = delta->new_file.id};
		if (!entry->path)
			rc = ERR_MEMORY;
		else
			apply->count++;
	}
	git_diff_free(diff);
	return rc ? rc : entries_done(apply);
}
