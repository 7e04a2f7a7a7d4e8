/* SPDX-License-Identifier: MIT
 *
 * `bunshin tool copy [--commit REV]`: fills the empty folder /work with a copy of the repository.
 *
 * Without --commit it is the folder as it stands, with what git ignores (dependencies that were installed, files that
 * were generated) and with times of change; only .git is not copied, a file refers to it. Sockets, pipes and devices are left
 * out.
 *
 * With --commit it is the tree of that commit, and .git is a small folder that borrows the objects of /git, where the
 * repository's own git folder must be mounted. So the copy is a repository whose HEAD is that commit.
 */
#include "tools/tool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_TO        "/work"
#define COPY_DEPTH_MAX 200
#define LINK_BYTES_MAX 4096
#define PART_BYTES     (1u << 30)

static int fail(const char *name)
{
	return tool_fail("copy", "%.200s: %s", name, strerror(errno));
}

static int copy_content(int from, int to, const char *name)
{
	for (;;) {
		ssize_t bytes = sendfile(to, from, NULL, PART_BYTES);
		if (bytes == 0)
			return 0;
		if (bytes < 0)
			return fail(name);
	}
}

static int copy_file(int from_folder, int to_folder, const char *name, const struct stat *status)
{
	const struct timespec times[2] = {status->st_atim, status->st_mtim};
	int from = openat(from_folder, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int to = from < 0 ? -1 : openat(to_folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int rc = to < 0 ? fail(name) : copy_content(from, to, name);
	if (rc == 0 && (fchmod(to, (status->st_mode & 0777) | 0600) != 0 || futimens(to, times) != 0))
		rc = fail(name);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return rc;
}

static int copy_link(int from_folder, int to_folder, const char *name)
{
	char target[LINK_BYTES_MAX];
	ssize_t bytes = readlinkat(from_folder, name, target, sizeof(target) - 1);
	if (bytes < 0)
		return fail(name);
	target[bytes] = '\0';
	return symlinkat(target, to_folder, name) == 0 ? 0 : fail(name);
}

static int copy_folder(int from, int to, int depth);

static int copy_subfolder(int from_folder, int to_folder, const char *name, const struct stat *status, int depth)
{
	const struct timespec times[2] = {status->st_atim, status->st_mtim};
	int to = -1;
	int rc = 1;
	int from = openat(from_folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || mkdirat(to_folder, name, 0700) != 0)
		rc = fail(name);
	else if ((to = openat(to_folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		rc = fail(name);
	else
		rc = copy_folder(dup(from), to, depth + 1);
	if (rc == 0 && futimens(to, times) != 0)
		rc = fail(name);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return rc;
}

static int copy_entry(int from, int to, const char *name, int depth)
{
	struct stat status;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (depth == 0 && strcmp(name, ".git") == 0))
		return 0;
	if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return fail(name);
	if (S_ISREG(status.st_mode))
		return copy_file(from, to, name, &status);
	if (S_ISLNK(status.st_mode))
		return copy_link(from, to, name);
	if (S_ISDIR(status.st_mode))
		return copy_subfolder(from, to, name, &status, depth);
	return 0;
}

/* Takes `from` over. */
static int copy_folder(int from, int to, int depth)
{
	int rc = 0;
	DIR *folder = from >= 0 ? fdopendir(from) : NULL;
	if (!folder)
		return fail("a folder");
	if (depth > COPY_DEPTH_MAX)
		rc = tool_fail("copy", "folders are nested deeper than %d", COPY_DEPTH_MAX);
	for (const struct dirent *entry; rc == 0 && (entry = readdir(folder)) != NULL;)
		rc = copy_entry(from, to, entry->d_name, depth);
	closedir(folder);
	return rc;
}

static int write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");
	if (!file || fputs(text, file) == EOF || fclose(file) != 0)
		return fail(path);
	return 0;
}

static int copy_as_it_stands(void)
{
	int to = open(COPY_TO, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = to < 0 ? fail(COPY_TO) : copy_folder(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), to, 0);
	if (to >= 0)
		close(to);
	return rc ? rc : write_file(COPY_TO "/.git", "gitdir: /repo/.git\n");
}

/* Files of the git folder that the copy needs besides the objects. Most repositories lack some of them. */
static int copy_if_there(const char *name)
{
	struct stat status;
	int rc = 0;
	int from = open("/git", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int to = open(COPY_TO "/.git", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (from >= 0 && to >= 0 && fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode))
		rc = copy_file(from, to, name, &status);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return rc;
}

static int make_git_folder(const git_oid *commit)
{
	static const char *const folders[] = {"", "/objects", "/objects/info", "/refs", "/refs/heads", "/refs/tags"};
	char path[64];
	char head[GIT_OID_HEXSZ + 2];
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path), COPY_TO "/.git%s", folders[i]);
		if (mkdir(path, 0700) != 0)
			return fail(path);
	}
	git_oid_tostr(head, sizeof(head) - 1, commit);
	strcat(head, "\n");
	int rc = write_file(COPY_TO "/.git/HEAD", head);
	if (rc == 0)
		rc = write_file(COPY_TO "/.git/config", "[core]\n\trepositoryformatversion = 0\n\tbare = false\n");
	if (rc == 0)
		rc = write_file(COPY_TO "/.git/objects/info/alternates", "/git/objects\n");
	if (rc == 0)
		rc = copy_if_there("packed-refs");
	return rc ? rc : copy_if_there("shallow");
}

static int copy_commit(const char *revision)
{
	git_checkout_options options;
	git_repository *repository = NULL;
	git_repository *copy = NULL;
	git_commit *commit = NULL;
	int rc = tool_open_repository(&repository);
	if (rc == 0)
		rc = tool_find_commit(repository, revision, &commit);
	if (rc == 0)
		rc = make_git_folder(git_commit_id(commit));
	if (rc)
		goto out;
	/* From the copy itself, so that its index fits its files. */
	if (git_repository_open_ext(&copy, COPY_TO, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) != 0 ||
	    git_checkout_options_init(&options, GIT_CHECKOUT_OPTIONS_VERSION) != 0)
		rc = tool_fail("copy", "the copy is no repository: %s", git_error_last() ? git_error_last()->message : "?");
	if (rc)
		goto out;
	options.checkout_strategy = GIT_CHECKOUT_FORCE;
	if (git_checkout_head(copy, &options) != 0)
		rc = tool_fail("copy", "%s",
			       git_error_last() ? git_error_last()->message : "the commit could not be checked out");
out:
	git_commit_free(commit);
	git_repository_free(copy);
	git_repository_free(repository);
	return rc;
}

int tool_copy(int argc, char **argv)
{
	if (argc == 1)
		return copy_as_it_stands();
	if (argc == 3 && strcmp(argv[1], "--commit") == 0)
		return copy_commit(argv[2]);
	fputs("usage: bunshin tool copy [--commit REVISION]\n", stderr);
	return 2;
}
