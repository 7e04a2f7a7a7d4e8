/* SPDX-License-Identifier: MIT
 *
 * Files are made aside, complete, and then change places with those that are there (renameat2(2)); what was there is looked at where it lies
 * then, and nobody can change it under our eyes who does not have it open. Attributes (.gitattributes) go first, since they say how the rest is written.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/exchange/apply_inner.h"
#include "workspace/exchange/directory.h"

#define HOLDING ".bunshin-apply"

/* ---- the places ---- */

int files_open(struct apply *apply)
{
	struct stat status;

	if (mkdirat(apply->own, APPLY_FOLDER, 0700) && errno != EEXIST)
		return apply_fail_errno(apply, "nothing can be prepared in the folder of the repository");
	apply->stage = openat(apply->own, APPLY_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (apply->stage < 0 || fstat(apply->stage, &status))
		return apply_fail_errno(apply, "nothing can be prepared in the folder of the repository");
	if (status.st_dev == apply->device) {
		apply->holding = apply->stage;
		return 0;
	}
	if (mkdirat(apply->work, HOLDING, 0700) && errno != EEXIST)
		return apply_fail_errno(apply, "nothing can be prepared in the working tree");
	apply->holding = openat(apply->work, HOLDING, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return apply->holding < 0 ? apply_fail_errno(apply, "nothing can be prepared in the working tree") : 0;
}

void files_close(struct apply *apply)
{
	bool apart = apply->holding >= 0 && apply->holding != apply->stage;

	if (apart) {
		close(apply->holding);
		unlinkat(apply->work, HOLDING, AT_REMOVEDIR);
	}
	if (apply->stage >= 0) {
		close(apply->stage);
		unlinkat(apply->own, APPLY_FOLDER, AT_REMOVEDIR); /* stays while anything is in it */
	}
	apply->stage = apply->holding = -1;
}

void file_name(size_t number, char out_name[24])
{
	snprintf(out_name, 24, "%zu", number);
}

/* ---- making ---- */

static int write_link(struct apply *apply, const char *name, const char *at, size_t bytes)
{
	char *target = strndup(at, bytes);
	int error = target ? symlinkat(target, apply->holding, name) : -1;

	free(target);
	return error ? apply_fail_errno(apply, "a link cannot be made") : 0;
}

static int write_file(struct apply *apply, const char *name, enum file_mode mode, const char *at, size_t bytes)
{
	int fd = directory_create(apply->holding, name, mode == MODE_EXECUTABLE ? 0777 : 0666);
	bool failed = fd < 0 || directory_write(fd, at, bytes);
	int saved = errno;

	if (fd >= 0 && close(fd))
		failed = true;
	errno = saved;
	return failed ? apply_fail_errno(apply, "a file cannot be written") : 0;
}

static int write_blob(struct apply *apply, size_t number, enum file_mode mode, git_blob *blob)
{
	git_filter_list *filters = NULL;
	git_buf made = {0};
	char name[24];
	int rc, error = 0;

	file_name(number, name);
	unlinkat(apply->holding, name, 0);
	if (mode == MODE_SYMLINK)
		return write_link(apply, name, git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
	error = git_filter_list_load(&filters, apply->repository, blob, apply->entries[number].path, GIT_FILTER_TO_WORKTREE,
				     GIT_FILTER_ALLOW_UNSAFE);
	if (!error && filters)
		error = git_filter_list_apply_to_blob(&made, filters, blob);
	if (error)
		rc = apply_fail_git(apply, "the content of a file cannot be made");
	else if (filters)
		rc = write_file(apply, name, mode, made.ptr, made.size);
	else
		rc = write_file(apply, name, mode, git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
	git_buf_dispose(&made);
	git_filter_list_free(filters);
	return rc;
}

int file_make(struct apply *apply, size_t number, enum file_mode mode, const git_oid *id)
{
	git_blob *blob = NULL;
	int rc;

	if (git_blob_lookup(&blob, apply->repository, id))
		return apply_fail(apply, ERR_NOT_FOUND, "the content of %.300s has not come: %.100s", apply->entries[number].path,
				  libgit2_reason());
	rc = write_blob(apply, number, mode, blob);
	git_blob_free(blob);
	return rc;
}

/* ---- changing places ---- */

/* Without the system call, or on a file system that cannot: what is there was looked at just before, and is kept under the other name. */
int file_exchange(int a, const char *a_name, int b, const char *b_name)
{
	char spare[32];

	if (renameat2(a, a_name, b, b_name, RENAME_EXCHANGE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	snprintf(spare, sizeof(spare), "%.24s.old", a_name);
	if (linkat(b, b_name, a, spare, 0) || renameat(a, a_name, b, b_name))
		return -1;
	return renameat(a, spare, a, a_name);
}

int file_move(int from, const char *from_name, int to, const char *to_name)
{
	struct stat status;

	if (renameat2(from, from_name, to, to_name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (fstatat(to, to_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return -1;
	}
	return renameat(from, from_name, to, to_name);
}

void folders_tidy(struct apply *apply, const char *path)
{
	char way[PATH_MAX];
	char *slash;

	if (strlen(path) >= sizeof(way))
		return;
	memcpy(way, path, strlen(path) + 1);
	while ((slash = strrchr(way, '/')) != NULL) {
		const char *leaf;
		*slash = '\0';
		int parent = parent_open(apply->work, way, false, &leaf);
		bool goes_on = parent >= 0 ? unlinkat(parent, leaf, AT_REMOVEDIR) == 0 || errno == ENOENT : errno == ENOENT;
		if (parent >= 0)
			close(parent);
		if (!goes_on)
			return;
	}
}

static int somebody(struct apply *apply, const struct apply_entry *entry)
{
	int rc = apply_in_the_way(apply, entry->path, "changed at this moment");

	return rc ? rc
		  : apply_fail(apply, ERR_CONFLICT, "%.300s was changed at this moment; everything is as it was", entry->path);
}

/* What was taken aside has to be what the branch had. */
static int check_aside(struct apply *apply, const struct apply_entry *entry, const char *name)
{
	bool same = false;
	int rc = same_as(apply, apply->holding, name, entry->path, entry->old_mode, &entry->old_id, &same);

	return rc || same ? rc : somebody(apply, entry);
}

static int place_one(struct apply *apply, struct apply_entry *entry, int parent, const char *leaf)
{
	char name[24];
	int error;

	file_name((size_t)(entry - apply->entries), name);
	if (entry->old_mode == MODE_NONE)
		error = file_move(apply->holding, name, parent, leaf);
	else if (entry->new_mode == MODE_NONE)
		error = file_move(parent, leaf, apply->holding, name);
	else
		error = file_exchange(apply->holding, name, parent, leaf);
	if (error && (errno == EEXIST || errno == ENOENT || errno == ENOTEMPTY || errno == EISDIR))
		return somebody(apply, entry);
	if (error)
		return apply_fail_errno(apply, "a file cannot be put in its place");
	entry->placed = true;
	apply->outcome->files++;
	return entry->old_mode == MODE_NONE ? 0 : check_aside(apply, entry, name);
}

static int place_entry(struct apply *apply, struct apply_entry *entry)
{
	const char *leaf;
	int parent = parent_open(apply->work, entry->path, entry->new_mode != MODE_NONE, &leaf), rc;

	if (parent < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? somebody(apply, entry)
			       : apply_fail_errno(apply, "a folder cannot be opened");
	rc = place_one(apply, entry, parent, leaf);
	close(parent);
	if (!rc && entry->new_mode == MODE_NONE)
		folders_tidy(apply, entry->path);
	return rc;
}

/* Of a submodule there is only an empty folder. */
static void place_submodule(struct apply *apply, const struct apply_entry *entry)
{
	const char *leaf;
	int parent = parent_open(apply->work, entry->path, entry->new_mode != MODE_NONE, &leaf);

	if (parent < 0)
		return;
	if (entry->old_mode == MODE_NONE)
		(void)!mkdirat(parent, leaf, 0777);
	else if (entry->new_mode == MODE_NONE)
		(void)!unlinkat(parent, leaf, AT_REMOVEDIR);
	close(parent);
}

/* ---- all of them ---- */

static bool is_attributes(const struct apply_entry *entry)
{
	const char *slash = strrchr(entry->path, '/');

	return strcmp(slash ? slash + 1 : entry->path, ".gitattributes") == 0;
}

static bool is_work(const struct apply_entry *entry, bool attributes)
{
	return !entry->skipped && is_attributes(entry) == attributes && entry->old_mode != MODE_SUBMODULE &&
	       entry->new_mode != MODE_SUBMODULE;
}

static int make_group(struct apply *apply, bool attributes)
{
	int rc = 0;

	for (size_t i = 0; i < apply->count && !rc; i++)
		if (is_work(&apply->entries[i], attributes) && apply->entries[i].new_mode != MODE_NONE)
			rc = file_make(apply, i, apply->entries[i].new_mode, &apply->entries[i].new_id);
	if (!rc && syncfs(apply->holding))
		rc = apply_fail_errno(apply, "the files cannot be brought to the disk");
	return rc;
}

/* What goes comes first: it may be in the way of what comes. */
static int place_group(struct apply *apply, bool attributes)
{
	int rc = 0;

	for (int turn = 0; turn < 2; turn++)
		for (size_t i = 0; i < apply->count && !rc; i++)
			if (is_work(&apply->entries[i], attributes) && (apply->entries[i].new_mode == MODE_NONE) == !turn)
				rc = place_entry(apply, &apply->entries[i]);
	return rc;
}

int files_place(struct apply *apply)
{
	int rc = make_group(apply, true);

	if (!rc)
		rc = place_group(apply, true);
	git_attr_cache_flush(apply->repository);
	if (!rc)
		rc = check_filters(apply);
	if (!rc)
		rc = make_group(apply, false);
	if (!rc)
		rc = place_group(apply, false);
	for (size_t i = 0; i < apply->count && !rc && !apply->wish->patch; i++)
		if (apply->entries[i].old_mode == MODE_SUBMODULE || apply->entries[i].new_mode == MODE_SUBMODULE)
			place_submodule(apply, &apply->entries[i]);
	return rc;
}

/* ---- and back ---- */

static int back_one(struct apply *apply, struct apply_entry *entry)
{
	const char *leaf;
	char name[24];
	int parent = parent_open(apply->work, entry->path, true, &leaf), error = -1;

	file_name((size_t)(entry - apply->entries), name);
	if (parent >= 0 && entry->old_mode == MODE_NONE)
		error = file_move(parent, leaf, apply->holding, name);
	else if (parent >= 0 && entry->new_mode == MODE_NONE)
		error = file_move(apply->holding, name, parent, leaf);
	else if (parent >= 0)
		error = file_exchange(apply->holding, name, parent, leaf);
	if (parent >= 0)
		close(parent);
	if (!error) {
		entry->placed = false;
		apply->outcome->files--;
	}
	return error ? ERR_IO : 0;
}

/* What came first goes last. Goes on where one does not, and leaves that to whoever recovers. */
int files_back(struct apply *apply)
{
	int rc = 0;

	for (int turn = 0; turn < 2; turn++)
		for (size_t i = apply->count; i-- > 0;)
			if (apply->entries[i].placed && (apply->entries[i].new_mode == MODE_NONE) == turn &&
			    back_one(apply, &apply->entries[i]))
				rc = ERR_IO;
			else if (apply->entries[i].old_mode == MODE_NONE &&
				 !turn) /* also folders that were made and not filled */
				folders_tidy(apply, apply->entries[i].path);
	return rc;
}

void files_forget(struct apply *apply)
{
	char name[24];

	for (size_t i = 0; i < apply->count; i++) {
		file_name(i, name);
		unlinkat(apply->holding, name, 0);
	}
}
