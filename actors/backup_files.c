/* SPDX-License-Identifier: MIT
 *
 * Files of a backup: copied with their hash, synced one by one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/backup.h"
#include "actors/state.h"

#define BLOCK_BYTES (256u << 10)
#define HASH_DIGITS 64u

static int copy_bytes(int from, int to, struct hash *out_hash, uint64_t *out_bytes)
{
	crypto_hash_sha256_state state;
	uint8_t *block = malloc(BLOCK_BYTES);
	int rc = block ? 0 : ERR_MEMORY;

	*out_bytes = 0;
	crypto_hash_sha256_init(&state);
	while (!rc) {
		ssize_t got = read(from, block, BLOCK_BYTES);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			break;
		rc = got < 0 ? ERR_IO : file_write_all(to, block, (size_t)got);
		if (!rc)
			crypto_hash_sha256_update(&state, block, (size_t)got);
		*out_bytes += rc ? 0 : (uint64_t)got;
	}
	if (out_hash)
		crypto_hash_sha256_final(&state, out_hash->bytes);
	free(block);
	return rc;
}

int backup_copy_file(const char *from, const char *to, unsigned mode, struct hash *out_hash, uint64_t *out_bytes)
{
	int source = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	int target, rc;

	if (source < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
	if (target < 0) {
		rc = errno == EEXIST ? ERR_CONFLICT : ERR_IO;
		close(source);
		return rc;
	}
	rc = copy_bytes(source, target, out_hash, out_bytes);
	if (!rc && (fchmod(target, (mode_t)mode) || fsync(target)))
		rc = ERR_IO;
	close(source);
	if (close(target) && !rc)
		rc = ERR_IO;
	if (rc)
		unlink(to);
	return rc;
}

int backup_sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? ERR_IO : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* ---- artefacts ---- */

static bool is_hex(const char *text, size_t digits)
{
	return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

static int walk_one(const char *folder, const char *first, int (*each)(void *context, const char *path, const struct hash *hash),
		    void *context)
{
	char path[PATH_BYTES], digits[HASH_DIGITS + 1], relative[HASH_DIGITS + 2];
	struct dirent *entry;
	struct hash hash;
	int rc = 0;
	DIR *list;

	if (snprintf(path, sizeof(path), "%s/%s", folder, first) >= (int)sizeof(path))
		return ERR_TOO_LARGE;
	list = opendir(path);
	if (!list)
		return errno == ENOENT ? 0 : ERR_IO;
	while (!rc && (entry = readdir(list))) {
		if (!is_hex(entry->d_name, HASH_DIGITS - 2))
			continue;
		snprintf(digits, sizeof(digits), "%.2s%.62s", first, entry->d_name);
		snprintf(relative, sizeof(relative), "%.2s/%.62s", first, entry->d_name);
		sodium_hex2bin(hash.bytes, sizeof(hash.bytes), digits, HASH_DIGITS, NULL, NULL, NULL);
		rc = each(context, relative, &hash);
	}
	closedir(list);
	return rc;
}

int backup_artefacts(const char *folder, int (*each)(void *context, const char *path, const struct hash *hash), void *context)
{
	DIR *list = opendir(folder);
	struct dirent *entry;
	int rc = 0;

	if (!list)
		return errno == ENOENT ? 0 : ERR_IO;
	while (!rc && (entry = readdir(list)))
		if (is_hex(entry->d_name, 2))
			rc = walk_one(folder, entry->d_name, each, context);
	closedir(list);
	return rc;
}
