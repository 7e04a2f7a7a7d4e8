/* SPDX-License-Identifier: MIT
 *
 * One file or link becomes a blob. A file that is as it was keeps its node, and is compared with it instead of hashed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workspace/exchange/harvest_inner.h"

#define READ_TRIES 3u /* of a file that changes while it is read */

static int buffer_grow(struct harvest *harvest, size_t bytes)
{
	size_t more = harvest->buffer_bytes ? harvest->buffer_bytes : 65536;
	uint8_t *buffer;

	if (bytes <= harvest->buffer_bytes)
		return 0;
	while (more < bytes)
		more *= 2;
	buffer = realloc(harvest->buffer, more);
	if (!buffer)
		return harvest_fail(harvest, ERR_MEMORY, "there is no memory to read it");
	harvest->buffer = buffer;
	harvest->buffer_bytes = more;
	return 0;
}

static int make(struct harvest *harvest, size_t bytes, const struct known *known, const struct object **out_blob)
{
	struct bytes data = {harvest->buffer, (uint32_t)bytes};
	const struct blob *blob = object_as_blob(known->object);
	int rc;

	if (blob && blob->object.bytes == bytes && (!bytes || !memcmp(blob->data, data.at, bytes))) {
		*out_blob = &blob->object;
		return 0;
	}
	workspace_begin(harvest->agent);
	rc = blob_make(harvest->agent, data, &blob);
	workspace_end(harvest->agent);
	if (!rc)
		*out_blob = &blob->object;
	harvest->unpublished += bytes;
	return rc;
}

/* ---- files ---- */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return S_ISREG(a->st_mode) && S_ISREG(b->st_mode) && a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* As many bytes as it had, and not one more: `*out_whole` is false if there are others now. */
static int read_whole(struct harvest *harvest, int file, size_t bytes, bool *out_whole)
{
	size_t at = 0;

	while (at <= bytes) { /* one more than there should be, to see the end */
		ssize_t got = pread(file, harvest->buffer + at, bytes + 1 - at, (off_t)at);
		if (got < 0 && errno != EINTR)
			return harvest_fail_errno(harvest, "cannot be read");
		if (got == 0)
			break;
		at += got > 0 ? (size_t)got : 0;
	}
	*out_whole = at == bytes;
	return 0;
}

static int read_once(struct harvest *harvest, int file, size_t *out_bytes, bool *out_good)
{
	struct stat before, after;
	bool whole = false;
	int rc;

	if (fstat(file, &before))
		return harvest_fail_errno(harvest, "cannot be looked at");
	if ((uint64_t)before.st_size > harvest->bytes_left)
		return harvest_fail(harvest, ERR_LIMIT, "with this file there would be more bytes than are accepted");
	if ((uint64_t)before.st_size >= UINT32_MAX)
		return harvest_fail(harvest, ERR_LIMIT, "has 4 GiB or more, and that is the limit for one file");
	rc = buffer_grow(harvest, (size_t)before.st_size + 1);
	if (!rc)
		rc = read_whole(harvest, file, (size_t)before.st_size, &whole);
	if (rc)
		return rc;
	if (fstat(file, &after))
		return harvest_fail_errno(harvest, "cannot be looked at");
	*out_good = whole && is_unchanged(&before, &after);
	*out_bytes = (size_t)before.st_size;
	return 0;
}

static int read_file(struct harvest *harvest, int file, size_t *out_bytes)
{
	bool good = false;

	for (unsigned i = 0; i < READ_TRIES; i++) {
		int rc = read_once(harvest, file, out_bytes, &good);
		if (rc || good)
			return rc;
	}
	return harvest_fail(harvest, ERR_MOVED, "changes while it is read");
}

int harvest_file(struct harvest *harvest, int folder, const char *name, const struct stat *info, const struct known *known,
		 const struct object **out_blob)
{
	/* If it is a pipe by now, opening does not wait, and what was opened is looked at again. */
	int file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat opened;
	size_t bytes = 0;
	int rc;

	if (file < 0)
		return harvest_fail_errno(harvest, "cannot be opened");
	if (fstat(file, &opened) || !is_same_file(info, &opened))
		rc = harvest_fail(harvest, ERR_MOVED, "was replaced while the folder was read");
	else
		rc = read_file(harvest, file, &bytes);
	if (!rc)
		rc = make(harvest, bytes, known, out_blob);
	if (!rc) {
		harvest->bytes_left -= bytes;
		harvest->result.bytes += bytes;
	}
	close(file);
	return rc;
}

/* ---- links ---- */

int harvest_link(struct harvest *harvest, int folder, const char *name, const struct known *known, const struct object **out_blob)
{
	ssize_t bytes;
	int rc = buffer_grow(harvest, PATH_MAX + 1);

	if (rc)
		return rc;
	bytes = readlinkat(folder, name, (char *)harvest->buffer, PATH_MAX + 1);
	if (bytes < 0 && errno == EINVAL) /* it is no link any more */
		errno = ELOOP;
	if (bytes < 0)
		return harvest_fail_errno(harvest, "is a link that cannot be read");
	if (bytes > PATH_MAX)
		return harvest_fail(harvest, ERR_LIMIT, "is a link with a target that is longer than any path");
	if ((uint64_t)bytes > harvest->bytes_left)
		return harvest_fail(harvest, ERR_LIMIT, "with this link there would be more bytes than are accepted");
	rc = make(harvest, (size_t)bytes, known, out_blob);
	if (!rc) {
		harvest->bytes_left -= (uint64_t)bytes;
		harvest->result.bytes += (uint64_t)bytes;
	}
	return rc;
}
