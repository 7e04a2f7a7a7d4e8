/* SPDX-License-Identifier: MIT
 *
 * Is a file what a commit says? Its bytes are, or what git would keep of them: line ends may differ, as attributes and configuration have it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/exchange/apply_inner.h"
#include "workspace/exchange/directory.h"

int parent_open(int root, const char *path, bool make, const char **out_leaf)
{
	const char *at = path, *slash;
	int folder = dup(root);

	while (folder >= 0 && (slash = strchr(at, '/')) != NULL) {
		char name[NAME_MAX + 1];
		int inside = -1, saved;
		errno = ENAMETOOLONG;
		if (slash - at <= NAME_MAX) {
			memcpy(name, at, (size_t)(slash - at));
			name[slash - at] = '\0';
			inside = directory_open(folder, name, make);
		}
		saved = errno;
		close(folder);
		errno = saved;
		folder = inside;
		at = slash + 1;
	}
	*out_leaf = at;
	return folder;
}

/* ---- content ---- */

static int read_all(int fd, size_t bytes, char **out_at, size_t *out_bytes)
{
	char *at = malloc(bytes + 1);
	size_t used = 0;
	ssize_t got = 1;

	if (!at)
		return ERR_MEMORY;
	while (used < bytes && got > 0) {
		got = read(fd, at + used, bytes - used);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			used += (size_t)got;
	}
	*out_at = at;
	*out_bytes = used;
	return got < 0 ? ERR_IO : 0;
}

/* Through those filters that libgit2 has in it, for line ends and $Id$. No other is run; apply_check.c refuses where there is one. */
static int hash_cleaned(struct apply *apply, const char *path, const char *at, size_t bytes, git_oid *out_id)
{
	git_filter_list *filters = NULL;
	git_buf clean = {0};
	int error = git_filter_list_load(&filters, apply->repository, NULL, path, GIT_FILTER_TO_ODB, GIT_FILTER_ALLOW_UNSAFE);

	if (!error && filters) {
		error = git_filter_list_apply_to_buffer(&clean, filters, at, bytes);
		if (!error)
			error = git_odb_hash(out_id, clean.ptr, clean.size, GIT_OBJECT_BLOB);
	} else if (!error) {
		error = git_odb_hash(out_id, at, bytes, GIT_OBJECT_BLOB);
	}
	git_buf_dispose(&clean);
	git_filter_list_free(filters);
	return error ? apply_fail_git(apply, "a file cannot be compared") : 0;
}

static int same_file(struct apply *apply, int folder, const char *name, const char *path, enum file_mode mode, const git_oid *id,
		     bool *out_same)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	char *at = NULL;
	size_t bytes = 0;
	git_oid found;
	int rc = 0;

	if (fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode) || status.st_size > INT32_MAX ||
	    (apply->trusts_modes && !(status.st_mode & S_IXUSR) != (mode != MODE_EXECUTABLE)))
		goto out;
	rc = read_all(fd, (size_t)status.st_size, &at, &bytes);
	if (!rc && git_odb_hash(&found, at, bytes, GIT_OBJECT_BLOB))
		rc = ERR_MEMORY;
	if (!rc && !git_oid_equal(&found, id))
		rc = hash_cleaned(apply, path, at, bytes, &found);
	*out_same = !rc && git_oid_equal(&found, id);
	if (rc == ERR_IO) /* what cannot be read is not what it should be */
		rc = 0;
out:
	free(at);
	if (fd >= 0)
		close(fd);
	return rc;
}

static bool same_link(int folder, const char *name, const git_oid *id)
{
	char target[PATH_MAX];
	ssize_t bytes = readlinkat(folder, name, target, sizeof(target));
	git_oid found;

	return bytes >= 0 && (size_t)bytes < sizeof(target) &&
	       git_odb_hash(&found, target, (size_t)bytes, GIT_OBJECT_BLOB) == 0 && git_oid_equal(&found, id);
}

int same_as(struct apply *apply, int folder, const char *name, const char *path, enum file_mode mode, const git_oid *id,
	    bool *out_same)
{
	struct stat status;

	*out_same = false;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW)) {
		*out_same = mode == MODE_NONE && (errno == ENOENT || errno == ENOTDIR);
		return 0;
	}
	if (mode == MODE_NONE)
		return 0;
	if (mode == MODE_SYMLINK) {
		*out_same = S_ISLNK(status.st_mode) && same_link(folder, name, id);
		return 0;
	}
	return S_ISREG(status.st_mode) ? same_file(apply, folder, name, path, mode, id, out_same) : 0;
}
