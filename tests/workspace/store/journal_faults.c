/* SPDX-License-Identifier: MIT */
#include "tests/workspace/store/journal_faults.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t __real_pwrite(int fd, const void *at, size_t bytes, off_t position);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __real_fallocate(int fd, int mode, off_t from, off_t bytes);
void *__real_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t from);
ssize_t __wrap_pwrite(int fd, const void *at, size_t bytes, off_t position);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_fallocate(int fd, int mode, off_t from, off_t bytes);
void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t from);

static unsigned armed;
static uint64_t fail_at;
static int fail_error;
static bool fail_sticky;
static _Atomic uint64_t calls, failures;
static char trace[4001];
static _Atomic size_t trace_bytes;

void (*fault_sync_hook)(void);
void (*fault_synced_hook)(void);
void (*fault_written_hook)(const uint8_t *at, size_t bytes, uint64_t position);

void fault_arm(unsigned which, uint64_t at, int error, bool sticky)
{
	armed = which;
	fail_at = at;
	fail_error = error;
	fail_sticky = sticky;
	calls = failures = 0;
	trace_bytes = 0;
	memset(trace, 0, sizeof(trace));
}

void fault_disarm(void)
{
	armed = 0;
}

uint64_t fault_count(void)
{
	return failures;
}

const char *fault_trace(void)
{
	return trace;
}

/* Shall this call fail? */
static bool meets(enum fault_call call, char letter)
{
	size_t at = atomic_fetch_add(&trace_bytes, 1);
	if (at < sizeof(trace) - 1)
		trace[at] = letter;
	if (!(armed & call))
		return false;
	uint64_t now = atomic_fetch_add(&calls, 1) + 1;
	if (now != fail_at && !(fail_sticky && now > fail_at))
		return false;
	if (!fail_error && call != FAULT_WRITE)
		_exit(0);
	failures++;
	errno = fail_error;
	return true;
}

ssize_t __wrap_pwrite(int fd, const void *at, size_t bytes, off_t position)
{
	static _Thread_local bool cut;
	if (!meets(FAULT_WRITE, 'w')) {
		/* The half that was left over after a short write. */
		cut = false;
		ssize_t all = __real_pwrite(fd, at, bytes, position);
		if (fault_written_hook && all > 0)
			fault_written_hook(at, (size_t)all, (uint64_t)position);
		return all;
	}
	size_t half = bytes / 2;
	ssize_t done = half ? __real_pwrite(fd, at, half, position) : 0;
	if (!fail_error)
		_exit(0);
	/* As the kernel does it: first fewer bytes than asked for, and the error when asked again. */
	if (!cut && fail_sticky && done > 0) {
		cut = true;
		return done;
	}
	cut = false;
	errno = fail_error;
	return -1;
}

int __wrap_fdatasync(int fd)
{
	if (fault_sync_hook)
		fault_sync_hook();
	int rc = meets(FAULT_SYNC, 's') ? -1 : __real_fdatasync(fd);
	if (!rc && fault_synced_hook)
		fault_synced_hook();
	return rc;
}

int __wrap_fsync(int fd)
{
	struct stat status;
	bool folder = !fstat(fd, &status) && S_ISDIR(status.st_mode);
	return meets(folder ? FAULT_FOLDER : FAULT_SYNC, folder ? 'd' : 's') ? -1 : __real_fsync(fd);
}

int __wrap_renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	return meets(FAULT_RENAME, 'r') ? -1 : __real_renameat(from_folder, from, to_folder, to);
}

int __wrap_fallocate(int fd, int mode, off_t from, off_t bytes)
{
	return meets(FAULT_SPACE, 'a') ? -1 : __real_fallocate(fd, mode, from, bytes);
}

void *__wrap_mmap(void *at, size_t bytes, int protection, int flags, int fd, off_t from)
{
	return fd >= 0 && meets(FAULT_MAP, 'm') ? MAP_FAILED : __real_mmap(at, bytes, protection, flags, fd, from);
}
