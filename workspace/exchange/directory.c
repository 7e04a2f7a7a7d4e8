/* SPDX-License-Identifier: MIT */
#include "workspace/exchange/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

int directory_open(int folder, const char *name, bool make)
{
	if (make && mkdirat(folder, name, 0777) && errno != EEXIST)
		return -1;
	return openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

void directory_fresh_name(const char *prefix, char out_name[DIRECTORY_NAME_BYTES])
{
	uint64_t number = 0;
	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		number = (uint64_t)getpid(); /* then files are refused that are there already, which is all that is needed */
	snprintf(out_name, DIRECTORY_NAME_BYTES, "%s%012llx", prefix, (unsigned long long)(number & 0xffffffffffff));
}

int directory_create(int folder, const char *name, mode_t mode)
{
	return openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
}

int directory_write(int file, const void *at, size_t bytes)
{
	const uint8_t *from = at;
	while (bytes) {
		ssize_t wrote = write(file, from, bytes);
		if (wrote < 0 && errno != EINTR)
			return -1;
		if (wrote > 0) {
			from += wrote;
			bytes -= (size_t)wrote;
		}
	}
	return 0;
}

int directory_put(int folder, const char *name, const void *at, size_t bytes, mode_t mode)
{
	int file = directory_create(folder, name, mode);
	if (file < 0)
		return -1;
	int rc = directory_write(file, at, bytes) || fsync(file) ? -1 : 0;
	int saved = errno;
	close(file);
	if (rc)
		unlinkat(folder, name, 0);
	errno = saved;
	return rc;
}

typedef int entry_seen(int folder, const char *name);

/* Takes `folder`. */
static int each_entry(int folder, entry_seen *seen)
{
	DIR *entries = fdopendir(folder);
	int rc = 0;
	if (!entries) {
		close(folder);
		return -1;
	}
	for (struct dirent *entry; !rc && (entry = readdir(entries));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = seen(dirfd(entries), entry->d_name);
	int saved = errno;
	closedir(entries);
	errno = saved;
	return rc;
}

static int open_inside(int folder, const char *name)
{
	return openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int remove_if_folder(int folder, const char *name)
{
	int inside = open_inside(folder, name);
	if (inside < 0 || each_entry(inside, remove_if_folder))
		return -1;
	return unlinkat(folder, name, AT_REMOVEDIR);
}

int directory_remove_empty(int folder, const char *name)
{
	struct stat info;
	if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(info.st_mode))
		return 0;
	return remove_if_folder(folder, name);
}

static int remove_one(int folder, const char *name)
{
	directory_remove(folder, name);
	return 0;
}

void directory_remove(int folder, const char *name)
{
	if (!unlinkat(folder, name, 0))
		return;
	int inside = open_inside(folder, name);
	if (inside >= 0)
		each_entry(inside, remove_one);
	unlinkat(folder, name, AT_REMOVEDIR);
}
