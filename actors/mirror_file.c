/* SPDX-License-Identifier: MIT
 *
 * A file that only grows. Each checkpoint is one write and one sync; what a crash left behind of an entry is cut off before the next.
 *
 * A file that is something else, or another network's, is left alone: a mirror must not spoil what somebody keeps.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "actors/mirror_inner.h"

#define TAIL_BYTES (4u * MIRROR_ENTRY_BYTES)

struct tail {
	char text[TAIL_BYTES + 1];
	size_t bytes;
	const char *entry; /* the last one, perhaps not whole; NULL: there is none */
	off_t at;          /* where it begins in the file */
};

static bool fail(char out_why[MIRROR_WHY_BYTES], const char *doing)
{
	snprintf(out_why, MIRROR_WHY_BYTES, "%s: %s", doing, strerror(errno));
	return false;
}

static bool tail_read(int fd, off_t bytes, struct tail *tail)
{
	size_t wanted = bytes < (off_t)TAIL_BYTES ? (size_t)bytes : TAIL_BYTES;
	off_t begin = bytes - (off_t)wanted;
	ssize_t got = pread(fd, tail->text, wanted, begin);

	if (got != (ssize_t)wanted)
		return false;
	tail->bytes = wanted;
	tail->text[wanted] = 0;
	tail->entry = NULL;
	for (size_t i = 0; i + 1 < wanted; i++)
		if (tail->text[i] == '#' && tail->text[i + 1] == ' ' && (i ? tail->text[i - 1] == '\n' : begin == 0))
			tail->entry = tail->text + i;
	if (tail->entry)
		tail->at = begin + (tail->entry - tail->text);
	return true;
}

/* Where a whole entry ends: after the empty line that follows its signatures, which follow another one. NULL: it is not whole. */
static const char *entry_end(const char *entry)
{
	const char *middle = strstr(entry, "\n\n");
	const char *end = middle ? strstr(middle + 2, "\n\n") : NULL;

	return end ? end + 2 : NULL;
}

/* The second line of an entry, the origin, is the same. */
static bool same_origin(const char *a, const char *b)
{
	size_t bytes;

	a += strcspn(a, "\n");
	b += strcspn(b, "\n");
	bytes = *a ? strcspn(a + 1, "\n") + 2 : 0;
	return bytes && strncmp(a, b, bytes) == 0;
}

/* Cuts off what stands behind the last whole entry. */
static bool cut(int fd, off_t *bytes, const struct tail *tail, char out_why[MIRROR_WHY_BYTES])
{
	const char *end = entry_end(tail->entry);
	off_t whole = tail->at + (end ? end - tail->entry : 0);

	if (whole == *bytes)
		return true;
	if (ftruncate(fd, whole))
		return fail(out_why, "it ends in the middle of a checkpoint, which cannot be cut off");
	*bytes = whole;
	return true;
}

/* Leaves the file at a place where an entry can begin; `*out_there` if this one is there already. */
static bool settle(int fd, off_t *bytes, const char *entry, bool *out_there, char out_why[MIRROR_WHY_BYTES])
{
	struct tail tail;
	off_t before = *bytes;

	*out_there = false;
	if (!*bytes)
		return true;
	if (!tail_read(fd, *bytes, &tail))
		return fail(out_why, "it cannot be read");
	if (!tail.entry) {
		snprintf(out_why, MIRROR_WHY_BYTES, "it holds something else than checkpoints; name another file");
		return false;
	}
	if (!cut(fd, bytes, &tail, out_why))
		return false;
	if (*bytes != before)
		return settle(fd, bytes, entry, out_there, out_why);
	*out_there = strcmp(tail.entry, entry) == 0;
	if (*out_there || same_origin(tail.entry, entry))
		return true;
	snprintf(out_why, MIRROR_WHY_BYTES, "it has the checkpoints of another network; name another file");
	return false;
}

/* What could not be written whole, or perhaps not to the disk, goes, and the next try writes it again. */
static bool append(int fd, off_t bytes, const char *entry, char out_why[MIRROR_WHY_BYTES])
{
	ssize_t length = (ssize_t)strlen(entry);
	ssize_t written = write(fd, entry, (size_t)length);

	if (written == length && fdatasync(fd) == 0)
		return true;
	if (written >= 0 && written < length)
		errno = ENOSPC;
	fail(out_why, written == length ? "it cannot be synced" : "it cannot be written");
	if (written > 0 && ftruncate(fd, bytes))
		fail(out_why, "half a checkpoint cannot be taken back");
	return false;
}

/* The name of a new file must be on the disk as well. */
static bool sync_folder(const char *path, char out_why[MIRROR_WHY_BYTES])
{
	char folder[PATH_BYTES];
	const char *slash = strrchr(path, '/');
	int fd;
	bool good;

	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path) + 1, path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	good = fd >= 0 && fsync(fd) == 0;
	if (!good)
		fail(out_why, "its folder cannot be synced");
	if (fd >= 0)
		close(fd);
	return good;
}

static bool put_into(struct mirror *mirror, int fd, const char *entry, char out_why[MIRROR_WHY_BYTES])
{
	struct stat status;
	off_t bytes;
	bool there;

	if (fstat(fd, &status))
		return fail(out_why, "cannot look at it");
	if (!S_ISREG(status.st_mode)) {
		snprintf(out_why, MIRROR_WHY_BYTES, "it is no file");
		return false;
	}
	mirror_note_device(mirror, status.st_dev);
	bytes = status.st_size;
	if (!settle(fd, &bytes, entry, &there, out_why))
		return false;
	if (there)
		return true;
	return append(fd, bytes, entry, out_why) && (bytes || sync_folder(mirror->where, out_why));
}

bool mirror_file_put(struct mirror *mirror, const struct checkpoint_text *checkpoint, char out_why[MIRROR_WHY_BYTES])
{
	char entry[MIRROR_ENTRY_BYTES];
	int fd = open(mirror->where, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0644);
	bool good;

	if (fd < 0)
		return fail(out_why,
			    errno == ENOENT ? "its folder is not there (is the volume mounted?)" : "it cannot be opened");
	mirror_entry(checkpoint, entry);
	good = put_into(mirror, fd, entry, out_why);
	close(fd);
	return good;
}
