/* SPDX-License-Identifier: MIT
 *
 * The state folder on disk; the layout is described in the header.
 *
 * Everything is created with the permissions it keeps: nothing is opened wide first and narrowed later.
 */
#include "actors/state.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A variable that is set to nothing is as good as unset: that is what the XDG specification says. */
static const char *environment_get(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

static const char *home_folder(void)
{
	const char *home = environment_get("HOME");
	if (home)
		return home;
	const struct passwd *entry = getpwuid(geteuid());
	return entry && entry->pw_dir && *entry->pw_dir ? entry->pw_dir : NULL;
}

int state_default(char out_path[PATH_BYTES], char out_sentence[SENTENCE_BYTES])
{
	const char *given = environment_get("BUNSHIN_STATE");
	const char *xdg = environment_get("XDG_STATE_HOME");
	const char *home = home_folder();
	int written;

	if (given)
		written = snprintf(out_path, PATH_BYTES, "%s", given);
	else if (xdg && *xdg == '/') /* a relative one is to be ignored, says the specification */
		written = snprintf(out_path, PATH_BYTES, "%s/bunshin", xdg);
	else if (home && *home == '/')
		written = snprintf(out_path, PATH_BYTES, "%s/.local/state/bunshin", home);
	else {
		snprintf(out_sentence, SENTENCE_BYTES,
			 "there is no home folder to keep the state in; set BUNSHIN_STATE to a folder of yours");
		return ERR_CONFIG;
	}
	if (written >= 0 && (size_t)written < PATH_BYTES)
		return 0;
	snprintf(out_sentence, SENTENCE_BYTES, "the path of the state folder is longer than %u characters", PATH_BYTES - 1);
	return ERR_CONFIG;
}

/* ---- folders ---- */

static void say_errno(char *out_sentence, const char *what, const char *path)
{
	snprintf(out_sentence, SENTENCE_BYTES, "%s %.300s: %s", what, path, strerror(errno));
}

/* mkdir -p, each new folder 0700. */
static int folders_make(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		int rc = mkdir(path, 0700);
		int error = errno;
		*slash = '/';
		if (rc && error != EEXIST && error != EROFS && error != EACCES) {
			errno = error;
			return -1;
		}
	}
	return mkdir(path, 0700) && errno != EEXIST ? -1 : 0;
}

static void say_owner(const char *path, uid_t owner, char *out_sentence)
{
	const struct passwd *entry = getpwuid(owner);
	char name[64];
	snprintf(name, sizeof(name), "%s", entry ? entry->pw_name : "somebody else");
	snprintf(out_sentence, SENTENCE_BYTES,
		 "%.300s belongs to %s (user %u), and this is user %u; name a folder of your own with BUNSHIN_STATE", path, name,
		 (unsigned)owner, (unsigned)geteuid());
}

/* A real folder, ours, where nobody else can put things. */
static int folder_check(const char *path, char *out_sentence)
{
	struct stat status;

	if (lstat(path, &status)) {
		say_errno(out_sentence, "cannot look at", path);
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	}
	if (!S_ISDIR(status.st_mode)) {
		snprintf(out_sentence, SENTENCE_BYTES, "%.300s is not a folder", path);
		return ERR_NOT_ALLOWED;
	}
	if (status.st_uid != geteuid()) {
		say_owner(path, status.st_uid, out_sentence);
		return ERR_NOT_ALLOWED;
	}
	if (status.st_mode & 0022) {
		snprintf(out_sentence, SENTENCE_BYTES, "others can write to %.200s (mode %03o); run: chmod go-w '%.200s'", path,
			 (unsigned)status.st_mode & 0777, path);
		return ERR_NOT_ALLOWED;
	}
	return 0;
}

/* A subfolder is nobody else's business: made 0700, and made so again when it is ours and is not. */
static int subfolder_make(const struct state_folder *state, const char *name, char *out_sentence)
{
	char path[PATH_BYTES];
	struct stat status;

	if (state_path(state, name, path)) {
		snprintf(out_sentence, SENTENCE_BYTES, "the path of the state folder is too long");
		return ERR_CONFIG;
	}
	if (mkdir(path, 0700) && errno != EEXIST) {
		say_errno(out_sentence, "cannot make", path);
		return ERR_IO;
	}
	if (!lstat(path, &status) && S_ISDIR(status.st_mode) && status.st_uid == geteuid() && (status.st_mode & 0777) != 0700 &&
	    chmod(path, 0700)) {
		say_errno(out_sentence, "cannot set the permissions of", path);
		return ERR_IO;
	}
	return folder_check(path, out_sentence);
}

static int subfolders_make(const struct state_folder *state, char *out_sentence)
{
	static const char *const names[] = {STATE_ARTEFACTS, STATE_KEYS, STATE_SECRETS, STATE_PEERS,
					    STATE_RUN,       STATE_LOG,  STATE_MIRROR};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int rc = subfolder_make(state, names[i], out_sentence);
		if (rc)
			return rc;
	}
	return 0;
}

static int folder_resolve(const char *path, struct state_folder *out_state, char *out_sentence)
{
	char real[PATH_BYTES];

	if (!realpath(path, real)) {
		say_errno(out_sentence, "there is no state folder", path);
		return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
	}
	int rc = folder_check(real, out_sentence);
	if (!rc)
		memcpy(out_state->root, real, sizeof(real));
	return rc;
}

int state_open(const char *path, struct state_folder *out_state, char out_sentence[SENTENCE_BYTES])
{
	struct state_folder state = {.root = ""};
	char copy[PATH_BYTES];

	*out_sentence = '\0';
	if (!*path || strlen(path) >= sizeof(copy) - 32) {
		snprintf(out_sentence, SENTENCE_BYTES, "the path of the state folder is %s", *path ? "too long" : "empty");
		return ERR_CONFIG;
	}
	memcpy(copy, path, strlen(path) + 1);
	if (folders_make(copy)) {
		say_errno(out_sentence, "cannot make the state folder", path);
		return ERR_IO;
	}
	int rc = folder_resolve(path, &state, out_sentence);
	if (!rc)
		rc = subfolders_make(&state, out_sentence);
	if (!rc)
		*out_state = state;
	return rc;
}

int state_open_existing(const char *path, struct state_folder *out_state, char out_sentence[SENTENCE_BYTES])
{
	*out_sentence = '\0';
	return folder_resolve(path, out_state, out_sentence);
}

/* ---- paths ---- */

static int path_join(char out_path[PATH_BYTES], const char *a, const char *b, const char *c, const char *suffix)
{
	int written = snprintf(out_path, PATH_BYTES, "%s/%s%s%s%s", a, b, *c ? "/" : "", c, suffix);
	return written < 0 || (size_t)written >= PATH_BYTES ? ERR_TOO_LARGE : 0;
}

int state_path(const struct state_folder *state, const char *relative, char out_path[PATH_BYTES])
{
	return path_join(out_path, state->root, relative, "", "");
}

int state_path_of(const struct state_folder *state, const char *folder, const char *name, const char *suffix,
		  char out_path[PATH_BYTES])
{
	char file_name[NAME_BYTES];

	state_name_encode(name, file_name);
	return path_join(out_path, state->root, folder, file_name, suffix);
}

static void name_translate(const char *from, char *to, char search, char put)
{
	size_t i = 0;

	for (; i < NAME_BYTES - 1 && from[i]; i++)
		to[i] = from[i] == search ? put : from[i];
	to[i] = '\0';
}

void state_name_encode(const char *name, char out[NAME_BYTES])
{
	name_translate(name, out, '/', '@');
}

void state_name_decode(const char *file_name, char out[NAME_BYTES])
{
	name_translate(file_name, out, '@', '/');
}

/* ---- files ---- */

/* FOLDER/.NAME.XXXXXX, so that whoever lists the folder can tell a file in the making by its first character. */
static int temporary_name(const char *path, char out[PATH_BYTES])
{
	const char *slash = strrchr(path, '/');
	size_t folder_bytes = slash ? (size_t)(slash - path) + 1 : 0;
	int written = snprintf(out, PATH_BYTES, "%.*s.%s.XXXXXX", (int)folder_bytes, path, path + folder_bytes);

	if (written >= 0 && (size_t)written < PATH_BYTES)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

int file_write_all(int fd, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	while (bytes) {
		ssize_t written = write(fd, at, bytes);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return ERR_IO;
		at += written;
		bytes -= (size_t)written;
	}
	return 0;
}

static int folder_sync(const char *path)
{
	char folder[PATH_BYTES];
	const char *slash = strrchr(path, '/');

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int rc = fsync(fd);
	close(fd);
	return rc;
}

static int file_put(const char *path, const void *data, size_t bytes, unsigned mode, bool durable)
{
	char temporary[PATH_BYTES];

	if (temporary_name(path, temporary))
		return ERR_IO;
	int fd = mkostemp(temporary, O_CLOEXEC); /* 0600 from the first moment */
	if (fd < 0)
		return ERR_IO;
	bool done = !file_write_all(fd, data, bytes) && !fchmod(fd, (mode_t)mode) && (!durable || !fsync(fd)) &&
		    !rename(temporary, path);
	if (!done) {
		int error = errno;
		unlink(temporary);
		errno = error;
	}
	close(fd);
	return done && (!durable || !folder_sync(path)) ? 0 : ERR_IO;
}

int file_replace(const char *path, const void *data, size_t bytes, unsigned mode)
{
	return file_put(path, data, bytes, mode, true);
}

int file_publish(const char *path, const void *data, size_t bytes, unsigned mode)
{
	return file_put(path, data, bytes, mode, false);
}

static int read_all(int fd, char *out, size_t capacity, size_t *out_bytes)
{
	size_t bytes = 0;

	while (bytes < capacity) {
		ssize_t got = read(fd, out + bytes, capacity - bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return ERR_IO;
		if (!got) {
			out[bytes] = '\0';
			*out_bytes = bytes;
			return 0;
		}
		bytes += (size_t)got;
	}
	return ERR_TOO_LARGE;
}

int file_read(const char *path, char *out, size_t capacity, size_t *out_bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	int rc = read_all(fd, out, capacity, out_bytes);
	close(fd);
	return rc;
}
