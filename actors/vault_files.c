/* SPDX-License-Identifier: MIT
 *
 * Secrets as files: keys/secrets/NAME holds the value and nothing else.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/vault.h"

bool secret_name_check(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	return *name && strchr(letters, *name) && strlen(name) < SECRET_NAME_BYTES &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(name);
}

static int secret_path(const struct state_folder *state, const char *name, char out[PATH_BYTES], char *out_sentence)
{
	char relative[sizeof(STATE_SECRETS) + SECRET_NAME_BYTES];

	if (!secret_name_check(name)) {
		snprintf(out_sentence, SENTENCE_BYTES,
			 "\"%.60s\" cannot name a secret; up to %u letters, digits, '.', '_' and '-' could, beginning with a "
			 "letter or digit",
			 name, SECRET_NAME_BYTES - 1);
		return ERR_CONFIG;
	}
	snprintf(relative, sizeof(relative), STATE_SECRETS "/%s", name);
	return state_path(state, relative, out);
}

bool secret_is_monotonous(const void *value, size_t bytes)
{
	const uint8_t *at = value;

	for (size_t i = 1; i < bytes; i++)
		if (at[i] != at[0])
			return false;
	return true;
}

static int value_check(const void *value, size_t bytes, char *out_sentence)
{
	if (bytes < SECRET_BYTES_MIN || bytes > SECRET_BYTES_MAX) {
		snprintf(out_sentence, SENTENCE_BYTES,
			 "the value has %zu bytes; from %u to %u would be accepted: a shorter one stands in too many texts by "
			 "chance",
			 bytes, SECRET_BYTES_MIN, SECRET_BYTES_MAX);
		return ERR_CONFIG;
	}
	if (secret_is_monotonous(value, bytes)) {
		snprintf(out_sentence, SENTENCE_BYTES,
			 "the value is one character again and again, which stands in too many texts by chance");
		return ERR_CONFIG;
	}
	return 0;
}

/* A state folder of an older version has none. */
static int make_folder(const struct state_folder *state)
{
	char folder[PATH_BYTES];
	int rc = state_path(state, STATE_SECRETS, folder);

	return rc ? rc : mkdir(folder, 0700) && errno != EEXIST ? ERR_IO : 0;
}

int secret_add(const struct state_folder *state, const char *name, const void *value, size_t bytes,
	       char out_sentence[SENTENCE_BYTES])
{
	char path[PATH_BYTES];
	int rc = secret_path(state, name, path, out_sentence);

	if (!rc)
		rc = value_check(value, bytes, out_sentence);
	if (rc)
		return rc;
	if (access(path, F_OK) == 0) {
		snprintf(out_sentence, SENTENCE_BYTES, "there is a secret %s already; remove it first, or take another name",
			 name);
		return ERR_CONFLICT;
	}
	rc = make_folder(state);
	if (!rc)
		rc = file_replace(path, value, bytes, 0600);
	if (rc)
		snprintf(out_sentence, SENTENCE_BYTES, "%.300s: %s", path, strerror(errno));
	return rc;
}

/* What a file system keeps of overwritten blocks is beyond us. */
static void overwrite(const char *path)
{
	static const uint8_t zeros[SECRET_BYTES_MAX];
	struct stat status;
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	if (fstat(fd, &status) == 0 && status.st_size > 0 && (size_t)status.st_size <= sizeof(zeros) &&
	    write(fd, zeros, (size_t)status.st_size) == (ssize_t)status.st_size)
		fsync(fd);
	close(fd);
}

int secret_remove(const struct state_folder *state, const char *name, char out_sentence[SENTENCE_BYTES])
{
	char path[PATH_BYTES];
	int rc = secret_path(state, name, path, out_sentence);

	if (rc)
		return rc;
	if (access(path, F_OK)) {
		snprintf(out_sentence, SENTENCE_BYTES, "there is no secret %s", name);
		return ERR_NOT_FOUND;
	}
	overwrite(path);
	if (unlink(path)) {
		snprintf(out_sentence, SENTENCE_BYTES, "%.300s: %s", path, strerror(errno));
		return ERR_IO;
	}
	return 0;
}

int secret_read(const struct state_folder *state, const char *name, char out_value[SECRET_BYTES_MAX + 1],
		char out_sentence[SENTENCE_BYTES])
{
	char path[PATH_BYTES];
	size_t bytes = 0;
	int rc = secret_path(state, name, path, out_sentence);

	if (rc)
		return rc;
	rc = file_read(path, out_value, SECRET_BYTES_MAX + 1, &bytes);
	if (rc)
		snprintf(out_sentence, SENTENCE_BYTES,
			 "there is no secret %.48s that can be read; `bunshin secret add %.48s` adds it", name, name);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct secret_file *)a)->name, ((const struct secret_file *)b)->name);
}

static bool describe(const char *folder, const char *name, struct secret_file *out)
{
	char path[PATH_BYTES];
	struct stat status;

	if (!secret_name_check(name) || snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path) ||
	    lstat(path, &status) || !S_ISREG(status.st_mode))
		return false;
	memcpy(out->name, name, strlen(name) + 1);
	out->bytes = (uint64_t)status.st_size;
	out->added_ms = (uint64_t)status.st_mtim.tv_sec * 1000 + (uint64_t)status.st_mtim.tv_nsec / 1000000;
	return true;
}

int secret_list(const struct state_folder *state, struct secret_file **out_files, size_t *out_count)
{
	char folder[PATH_BYTES];
	struct secret_file *files = calloc(SECRETS_MAX, sizeof(*files));
	const struct dirent *entry;
	size_t count = 0;
	DIR *dir = state_path(state, STATE_SECRETS, folder) ? NULL : opendir(folder);

	if (!files || !dir) {
		int rc = files ? ERR_IO : ERR_MEMORY;

		free(files);
		if (dir)
			closedir(dir);
		return rc;
	}
	while ((entry = readdir(dir)) && count < SECRETS_MAX)
		count += describe(folder, entry->d_name, &files[count]);
	closedir(dir);
	qsort(files, count, sizeof(*files), by_name);
	*out_files = files;
	*out_count = count;
	return 0;
}
