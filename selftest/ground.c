/* SPDX-License-Identifier: MIT */
#include "selftest/ground.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <time.h>
#include <unistd.h>

#define SYNCS 31u

/* From statfs(2). */
static const struct {
	long magic;
	const char *name;
	bool in_memory;
	bool remote;
} kinds[] = {
	{0xef53, "ext4", false, false},        {0x58465342, "xfs", false, false},  {0x9123683e, "btrfs", false, false},
	{0x2fc12fc1, "zfs", false, false},     {0xf2f52010, "f2fs", false, false}, {0x01021994, "tmpfs", true, false},
	{0x858458f6, "ramfs", true, false},    {0x6969, "nfs", false, true},       {0xff534d42, "cifs", false, true},
	{0xfe534d42, "smb2", false, true},     {0x01021997, "9p", false, true},    {0x65735546, "fuse", false, true},
	{0x794c7630, "overlay", false, false},
};

static void kind_find(const struct statfs *status, struct ground *ground)
{
	snprintf(ground->filesystem, sizeof(ground->filesystem), "0x%lx", (unsigned long)status->f_type);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].magic != (long)status->f_type)
			continue;
		snprintf(ground->filesystem, sizeof(ground->filesystem), "%s", kinds[i].name);
		ground->in_memory = kinds[i].in_memory;
		ground->remote = kinds[i].remote;
	}
}

static uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;
	return *left < *right ? -1 : *left > *right;
}

static int syncs_time(int fd, uint64_t *out_us)
{
	uint64_t took[SYNCS];
	uint8_t bytes[4096] = {0};
	for (unsigned i = 0; i < SYNCS; i++) {
		bytes[0] = (uint8_t)i;
		uint64_t began = clock_ns();
		if (pwrite(fd, bytes, sizeof(bytes), 0) != sizeof(bytes) || fdatasync(fd))
			return ERR_IO;
		took[i] = clock_ns() - began;
	}
	qsort(took, SYNCS, sizeof(took[0]), compare);
	*out_us = took[SYNCS / 2] / 1000;
	return 0;
}

int ground_look(const char *folder, struct ground *out_ground)
{
	char path[4096];
	struct statfs status;
	*out_ground = (struct ground){0};
	if (statfs(folder, &status))
		return ERR_IO;
	kind_find(&status, out_ground);
	out_ground->free_bytes = (uint64_t)status.f_bavail * (uint64_t)status.f_bsize;
	int bytes = snprintf(path, sizeof(path), "%s/sync", folder);
	if (bytes >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		return ERR_IO;
	}
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return ERR_IO;
	int rc = syncs_time(fd, &out_ground->sync_us), error = errno;
	close(fd);
	unlink(path);
	errno = error;
	return rc;
}
