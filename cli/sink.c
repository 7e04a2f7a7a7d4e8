/* SPDX-License-Identifier: MIT
 *
 * A file that is there only when it is whole.
 */
#include "cli/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/text.h"
#include "cli/watch.h"
#include "protocol/id.h"

#define SINK_BYTES 65536u

struct sink {
	const struct call *call;
	crypto_hash_sha256_state sum;
	uint8_t pending[SINK_BYTES];
	size_t pending_bytes;
	int error; /* errno of the first failure */
	int fd;
	bool replace;
	char path[PATH_BYTES];   /* "": standard output */
	char folder[PATH_BYTES]; /* that the file is in */
	char partial[PATH_BYTES];
};

/* ---- opening ---- */

static bool is_within(const char *folder, const char *kept)
{
	size_t bytes = strlen(kept);

	return strncmp(folder, kept, bytes) == 0 && (folder[bytes] == 0 || folder[bytes] == '/');
}

static int refuse_existing(const struct sink *sink, const struct stat *status, const char *kept)
{
	if (!S_ISREG(status->st_mode))
		return call_fail(sink->call, ERR_USAGE, "--output - writes to standard output", "%s is no regular file",
				 sink->path);
	if (kept && is_within(sink->folder, kept))
		return call_fail(sink->call, ERR_NOT_ALLOWED, "name a file in another folder",
				 "%s belongs to the network and is not replaced", sink->path);
	if (!sink->replace)
		return call_fail(sink->call, ERR_CONFLICT, "name another file, or add --force", "%s is there already",
				 sink->path);
	return 0;
}

/* Settles folder and name of the file, links on the way to it followed. */
static int place_file(struct sink *sink, const char *path, const char *kept)
{
	char folder[PATH_BYTES], name[PATH_BYTES];
	struct stat status;

	if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
		return call_fail(sink->call, ERR_USAGE, NULL, "--output: the path is too long");
	memcpy(name, folder, sizeof(name));
	if (!realpath(dirname(folder), sink->folder))
		return call_fail(sink->call, ERR_IO, "name a file in a folder that is there", "%s cannot be written: %s", path,
				 strerror(errno));
	if (snprintf(sink->path, sizeof(sink->path), "%s/%s", sink->folder, basename(name)) >= (int)sizeof(sink->path) ||
	    snprintf(sink->partial, sizeof(sink->partial), "%s.XXXXXX", sink->path) >= (int)sizeof(sink->partial))
		return call_fail(sink->call, ERR_USAGE, NULL, "--output: the path is too long");
	if (lstat(sink->path, &status) == 0)
		return refuse_existing(sink, &status, kept);
	return 0;
}

static int open_file(struct sink *sink)
{
	sink->fd = mkostemp(sink->partial, O_CLOEXEC); /* 0600 */
	if (sink->fd >= 0)
		return 0;
	return call_fail(sink->call, ERR_IO, "name a file in a folder that you may write", "%s cannot be written: %s", sink->path,
			 strerror(errno));
}

int sink_open(const struct call *call, const char *path, bool replace, const char *kept, struct sink **out_sink)
{
	struct sink *sink = need(calloc(1, sizeof(*sink)));
	int rc = 0;

	sink->call = call;
	sink->fd = STDOUT_FILENO;
	sink->replace = replace;
	crypto_hash_sha256_init(&sink->sum);
	if (path && strcmp(path, "-") != 0)
		rc = place_file(sink, path, kept);
	if (!rc && sink->path[0])
		rc = open_file(sink);
	if (rc) {
		free(sink);
		return rc;
	}
	signal(SIGPIPE, SIG_IGN);
	watch_signals();
	*out_sink = sink;
	return 0;
}

/* ---- writing ---- */

bool sink_good(const struct sink *sink)
{
	return sink->error == 0 && !watch_interrupted();
}

static void sink_flush(struct sink *sink)
{
	const uint8_t *at = sink->pending;
	size_t left = sink->pending_bytes;

	crypto_hash_sha256_update(&sink->sum, at, left);
	sink->pending_bytes = 0;
	while (left > 0 && sink_good(sink)) {
		ssize_t written = write(sink->fd, at, left);
		if (written < 0 && errno != EINTR)
			sink->error = errno;
		if (written > 0) {
			at += written;
			left -= (size_t)written;
		}
	}
}

void sink_write(struct sink *sink, const void *at, size_t bytes)
{
	const uint8_t *from = at;

	while (bytes > 0) {
		size_t step = SINK_BYTES - sink->pending_bytes;
		step = bytes < step ? bytes : step;
		memcpy(sink->pending + sink->pending_bytes, from, step);
		sink->pending_bytes += step;
		from += step;
		bytes -= step;
		if (sink->pending_bytes == SINK_BYTES)
			sink_flush(sink);
	}
}

void sink_text(struct sink *sink, const char *text)
{
	sink_write(sink, text, strlen(text));
}

/* ---- closing ---- */

/* The folder's entry must outlive a crash as the file does. */
static void sync_folder(struct sink *sink)
{
	int fd = open(sink->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		sink->error = errno;
	if (fd >= 0)
		close(fd);
}

/* Without `replace` a file that appeared meanwhile stays what it is. */
static void name_file(struct sink *sink)
{
	if (sink->replace ? rename(sink->partial, sink->path) : link(sink->partial, sink->path)) {
		sink->error = errno;
		return;
	}
	if (!sink->replace)
		unlink(sink->partial);
	sync_folder(sink);
}

static void finish_file(struct sink *sink, bool keep)
{
	if (keep && sink_good(sink) && fsync(sink->fd) != 0)
		sink->error = errno;
	if (close(sink->fd) != 0 && !sink->error)
		sink->error = errno;
	if (keep && sink_good(sink))
		name_file(sink);
	if (!keep || !sink_good(sink))
		unlink(sink->partial);
}

static int say_failure(const struct sink *sink)
{
	const char *target = sink->path[0] ? sink->path : "standard output";

	if (watch_interrupted())
		return watch_exit_code();
	if (sink->error == EPIPE)
		return call_fail(sink->call, ERR_IO, NULL, "whoever read the export went away before its end");
	return call_fail(sink->call, ERR_IO, "--output names another place", "%s cannot be written: %s", target,
			 strerror(sink->error));
}

int sink_close(struct sink *sink, bool keep, char out_sum[SINK_SUM_BYTES])
{
	uint8_t sum[crypto_hash_sha256_BYTES];
	int rc = 0;

	sink_flush(sink);
	if (sink->path[0])
		finish_file(sink, keep);
	crypto_hash_sha256_final(&sink->sum, sum);
	hex_print(sum, sizeof(sum), out_sum);
	if (keep && !sink_good(sink))
		rc = say_failure(sink);
	free(sink);
	return rc;
}
