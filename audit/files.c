/* SPDX-License-Identifier: MIT */
#include "audit/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_open(const char *path, int flags, mode_t mode)
{
	return open(path, flags, mode); /* is variadic, and may be a macro */
}

const struct file_calls file_calls_system = {
	.open = file_open,
	.pread = pread,
	.pwrite = pwrite,
	.ftruncate = ftruncate,
	.fdatasync = fdatasync,
	.fsync = fsync,
	.close = close,
	.mkdir = mkdir,
	.rename = rename,
	.unlink = unlink,
};

const struct file_calls *file_calls = &file_calls_system;
