/* SPDX-License-Identifier: MIT */
#include "audit/seal_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/files.h"

#define PATH_BYTES  4096u
#define MAGIC_BYTES 16u

static const char magic[MAGIC_BYTES] = "bunshin seal 1";

int key_fail(char out_why[256], int error, const char *folder, const char *name, const char *format, ...)
{
	va_list arguments;
	size_t folder_bytes = strlen(folder);
	bool cut = folder_bytes > 80;
	int bytes = snprintf(out_why, 256, "%s%.80s/%s: ", cut ? "..." : "", cut ? folder + folder_bytes - 80 : folder, name);
	va_start(arguments, format);
	vsnprintf(out_why + bytes, 256 - (size_t)bytes, format, arguments);
	va_end(arguments);
	return error;
}

static bool path_print(char out_path[PATH_BYTES], const char *folder, const char *before, const char *name, const char *after)
{
	int bytes = snprintf(out_path, PATH_BYTES, "%s/%s%s%s", folder, before, name, after);
	errno = ENAMETOOLONG;
	return bytes > 0 && (unsigned)bytes < PATH_BYTES;
}

bool key_file_there(const char *folder, const char *name)
{
	char path[PATH_BYTES];
	struct stat status;
	return !path_print(path, folder, "", name, "") || lstat(path, &status) == 0 || errno != ENOENT;
}

int key_file_open(const char *folder, const char *name, bool secret, int *out_fd, char out_why[256])
{
	char path[PATH_BYTES];
	struct stat status = {0};
	int fd = -1;
	if (path_print(path, folder, "", name, ""))
		fd = file_calls->open(path, (secret ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd < 0)
		return key_fail(out_why, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, folder, name, "cannot be opened: %s",
				strerror(errno));
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	    (!secret || (status.st_uid == geteuid() && !(status.st_mode & 0077)))) {
		*out_fd = fd;
		return 0;
	}
	file_calls->close(fd);
	return key_fail(out_why, ERR_NOT_ALLOWED, folder, name,
			"others can read this key (mode %03o, user %u); run: chmod 600 on it", (unsigned)status.st_mode & 0777,
			(unsigned)status.st_uid);
}

int key_file_read(const char *folder, const char *name, int fd, uint8_t *out_bytes, size_t room, size_t *out_count,
		  char out_why[256])
{
	size_t count = 0;
	while (count < room) {
		ssize_t more = file_calls->pread(fd, out_bytes + count, room - count, (off_t)count);
		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return key_fail(out_why, ERR_IO, folder, name, "cannot be read: %s", strerror(errno));
		if (more == 0)
			break;
		count += (size_t)more;
	}
	*out_count = count;
	return 0;
}

static int write_at(int fd, const uint8_t *bytes, size_t count, off_t at)
{
	while (count) {
		ssize_t done = file_calls->pwrite(fd, bytes, count, at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return ERR_IO;
		bytes += done;
		at += done;
		count -= (size_t)done;
	}
	return file_calls->fsync(fd) ? ERR_IO : 0;
}

static int folder_sync(const char *folder)
{
	int fd = file_calls->open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int rc = fd < 0 || file_calls->fsync(fd) ? ERR_IO : 0;
	if (fd >= 0)
		file_calls->close(fd);
	return rc;
}

static int file_fill(const char *path, mode_t mode, const void *bytes, size_t count)
{
	if (file_calls->unlink(path) && errno != ENOENT)
		return ERR_IO;
	int fd = file_calls->open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return ERR_IO;
	int rc = fchmod(fd, mode) ? ERR_IO : write_at(fd, bytes, count, 0);
	file_calls->close(fd);
	return rc;
}

int key_file_put(const char *folder, const char *name, mode_t mode, const void *bytes, size_t count, char out_why[256])
{
	char path[PATH_BYTES], temporary[PATH_BYTES];
	bool fits = path_print(path, folder, "", name, "") && path_print(temporary, folder, ".", name, ".new");
	int rc = fits ? file_fill(temporary, mode, bytes, count) : ERR_IO;
	if (rc == 0 && file_calls->rename(temporary, path))
		rc = ERR_IO;
	if (rc == 0)
		rc = folder_sync(folder);
	return rc ? key_fail(out_why, rc, folder, name, "cannot be written: %s", strerror(errno)) : 0;
}

/* ---- slots ---- */

static uint8_t *put(uint8_t *at, const void *bytes, size_t count)
{
	memcpy(at, bytes, count);
	return at + count;
}

static uint8_t *put_number(uint8_t *at, uint64_t value)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		*at++ = (uint8_t)(value >> shift);
	return at;
}

static const uint8_t *take(const uint8_t *at, void *out_bytes, size_t count)
{
	memcpy(out_bytes, at, count);
	return at + count;
}

static const uint8_t *take_number(const uint8_t *at, uint64_t *out_value)
{
	*out_value = 0;
	for (unsigned i = 0; i < 8; i++)
		*out_value = *out_value << 8 | *at++;
	return at;
}

void seal_slot_write(const struct seal_slot *slot, uint8_t out_block[SLOT_BYTES])
{
	memset(out_block, 0, SLOT_BYTES);
	uint8_t *at = put(out_block, magic, MAGIC_BYTES);
	at = put_number(at, slot->number);
	at = put(at, slot->seed, SEED_BYTES);
	at = put(at, slot->after, SEED_BYTES);
	at = put_number(at, slot->size);
	at = put(at, slot->root.bytes, sizeof(slot->root.bytes));
	at = put(at, slot->log_public, PUBLIC_KEY_BYTES);
	crypto_hash_sha256(at, out_block, (size_t)(at - out_block));
}

void seal_slot_read(const uint8_t block[SLOT_BYTES], struct seal_slot *out_slot)
{
	uint8_t sum[crypto_hash_sha256_BYTES];
	const uint8_t *at = block + MAGIC_BYTES;
	at = take_number(at, &out_slot->number);
	at = take(at, out_slot->seed, SEED_BYTES);
	at = take(at, out_slot->after, SEED_BYTES);
	at = take_number(at, &out_slot->size);
	at = take(at, out_slot->root.bytes, sizeof(out_slot->root.bytes));
	at = take(at, out_slot->log_public, PUBLIC_KEY_BYTES);
	crypto_hash_sha256(sum, block, (size_t)(at - block));
	out_slot->whole = memcmp(block, magic, MAGIC_BYTES) == 0 && memcmp(sum, at, sizeof(sum)) == 0;
}

int seal_block_put(int fd, unsigned index, const uint8_t block[SLOT_BYTES])
{
	return write_at(fd, block, SLOT_BYTES, (off_t)index * SLOT_BYTES);
}
