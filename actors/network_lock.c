/* SPDX-License-Identifier: MIT */
#include "actors/network_lock.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder's identity: the same for every spelling of its path. */
void network_tag(const struct state_folder *state, char out_tag[TAG_BYTES])
{
	struct stat status = {.st_ino = 0};

	if (stat(state->root, &status))
		snprintf(out_tag, TAG_BYTES, "bunshin-none");
	else
		snprintf(out_tag, TAG_BYTES, "bunshin-%llx-%llx", (unsigned long long)status.st_dev,
			 (unsigned long long)status.st_ino);
}

int network_lock_open(const struct state_folder *state, int flags)
{
	char path[PATH_BYTES];

	if (state_path(state, STATE_LOCK, path))
		return -1;
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

bool network_lock_take(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return !fcntl(fd, F_OFD_SETLK, &lock);
}

bool network_lock_is_held(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return !fcntl(fd, F_OFD_GETLK, &lock) && lock.l_type != F_UNLCK;
}

struct holder network_lock_holder(int fd)
{
	char text[64] = "";
	int pid = 0;
	unsigned long long ticks = 0;

	if (pread(fd, text, sizeof(text) - 1, 0) > 0 && sscanf(text, "%d %llu", &pid, &ticks) == 2)
		return (struct holder){.pid = pid, .start_ticks = ticks};
	return (struct holder){.pid = 0};
}

void network_lock_sign(int fd)
{
	char text[64];
	int bytes = snprintf(text, sizeof(text), "%d %llu\n", (int)getpid(), (unsigned long long)process_start_ticks(getpid()));
	ssize_t ignored = ftruncate(fd, 0) ? 0 : pwrite(fd, text, (size_t)bytes, 0);
	(void)ignored;
}
