/* SPDX-License-Identifier: MIT
 *
 * How much disk some folders take together, found out bit by bit.
 */
#include "workspace/weigh.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK_BYTES 512u /* the unit of st_blocks, whatever the file system */
#define LOOK_EVERY  64u  /* entries between two looks at the clock */

static uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void count(struct weigh *weigh, const struct stat *status)
{
	uint64_t names = S_ISDIR(status->st_mode) || status->st_nlink < 1 ? 1 : (uint64_t)status->st_nlink;
	weigh->bytes += (uint64_t)status->st_blocks * BLOCK_BYTES / names + WEIGH_ENTRY_BYTES;
}

static void enter(struct weigh *weigh, int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	if (folder)
		weigh->folders[weigh->depth++] = folder;
	else if (fd >= 0)
		close(fd);
}

static void begin_root(struct weigh *weigh, const char *root)
{
	struct stat status;
	if (lstat(root, &status) != 0)
		return;
	count(weigh, &status);
	weigh->device = status.st_dev;
	if (S_ISDIR(status.st_mode))
		enter(weigh, AT_FDCWD, root);
}

static void one_entry(struct weigh *weigh)
{
	struct stat status;
	DIR *folder = weigh->folders[weigh->depth - 1];
	const struct dirent *entry = readdir(folder);
	if (!entry) {
		closedir(folder);
		weigh->depth--;
		return;
	}
	if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
	    fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	count(weigh, &status);
	if (S_ISDIR(status.st_mode) && status.st_dev == weigh->device && weigh->depth < WEIGH_DEPTH)
		enter(weigh, dirfd(folder), entry->d_name);
}

bool weigh_step(struct weigh *weigh, const char *const *roots, size_t root_count, uint32_t budget_ms, uint64_t *out_bytes)
{
	uint64_t end = now_us() + (uint64_t)budget_ms * 1000;
	for (uint64_t steps = 0; weigh->depth > 0 || weigh->next_root < root_count; steps++) {
		if (steps % LOOK_EVERY == LOOK_EVERY - 1 && now_us() >= end)
			return false;
		if (weigh->depth > 0)
			one_entry(weigh);
		else
			begin_root(weigh, roots[weigh->next_root++]);
	}
	*out_bytes = weigh->bytes;
	weigh->bytes = 0;
	weigh->next_root = 0;
	return true;
}

void weigh_release(struct weigh *weigh)
{
	while (weigh->depth > 0)
		closedir(weigh->folders[--weigh->depth]);
	*weigh = (struct weigh){0};
}
