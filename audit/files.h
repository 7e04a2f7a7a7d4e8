/* SPDX-License-Identifier: MIT
 *
 * The system calls by which audit/ reaches files that SQLite does not handle: the lock, the folder of the trail, the keys. They go
 * through one table, so that a self test can look on, and make each of them fail. Internal to audit/ and selftest/.
 */
#ifndef AUDIT_FILES_H
#define AUDIT_FILES_H

#include <sys/types.h>

/* As the functions of POSIX of the same names. */
struct file_calls {
	int (*open)(const char *path, int flags, mode_t mode);
	ssize_t (*pread)(int fd, void *at, size_t bytes, off_t offset);
	ssize_t (*pwrite)(int fd, const void *at, size_t bytes, off_t offset);
	int (*ftruncate)(int fd, off_t bytes);
	int (*fdatasync)(int fd);
	int (*fsync)(int fd);
	int (*close)(int fd);
	int (*mkdir)(const char *path, mode_t mode);
	int (*rename)(const char *from, const char *to);
	int (*unlink)(const char *path);
};

extern const struct file_calls file_calls_system;

/* The table in use; only a test sets it, while nothing of audit/ is open in any thread. */
extern const struct file_calls *file_calls;

#endif
