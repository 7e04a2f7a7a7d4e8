/* SPDX-License-Identifier: MIT
 *
 * Linux does it in one call (openat2, 5.6); where that is missing or filtered, step by step.
 */
#include "workspace/exchange/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int open_at_once(int root, const char *path)
{
	struct open_how how = {.flags = FOLDER_FLAGS,
			       .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
	int folder;

	do
		folder = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	while (folder < 0 && (errno == EAGAIN || errno == EINTR));
	return folder;
}

static bool is_same_device(int a, int b)
{
	struct stat of_a, of_b;

	return !fstat(a, &of_a) && !fstat(b, &of_b) && of_a.st_dev == of_b.st_dev;
}

static int step_into(int from, const char *name, bool is_last)
{
	int next = openat(from, name, is_last ? FOLDER_FLAGS : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (next < 0 || is_same_device(from, next))
		return next;
	close(next);
	errno = EXDEV;
	return -1;
}

static int open_by_steps(int root, const char *path)
{
	char name[NAME_MAX + 1];
	int at = root;

	while (*path) {
		size_t bytes = strcspn(path, "/");
		int next = -1;
		errno = ENAMETOOLONG;
		if (bytes <= NAME_MAX) {
			memcpy(name, path, bytes);
			name[bytes] = '\0';
			next = step_into(at, name, !path[bytes]);
		}
		int saved = errno;
		if (at != root)
			close(at);
		errno = saved;
		if (next < 0)
			return -1;
		at = next;
		path += bytes + (path[bytes] == '/');
	}
	return at;
}

int beneath_open(int root, const char *path)
{
	int folder;

	if (!*path)
		return openat(root, ".", FOLDER_FLAGS);
	folder = open_at_once(root, path);
	if (folder >= 0)
		return folder;
	/* Not there, or not allowed; and EXDEV is what an absolute link gives too, which the steps can tell. */
	if (errno == ENOSYS || errno == EPERM || errno == EINVAL || errno == EXDEV)
		folder = open_by_steps(root, path);
	return folder;
}
