/* SPDX-License-Identifier: MIT */
#include "actors/child_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void file_open(struct child_log *log)
{
	struct stat status;

	log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	log->bytes = log->fd >= 0 && !fstat(log->fd, &status) ? (uint64_t)status.st_size : 0;
}

void child_log_open(struct child_log *log, const struct state_folder *state, const char *name, uint64_t bytes_max)
{
	memset(log, 0, sizeof(*log));
	log->fd = -1;
	log->bytes_max = bytes_max;
	if (!state_path_of(state, STATE_LOG, name, ".log", log->path))
		file_open(log);
}

static void rotate(struct child_log *log)
{
	char older[PATH_BYTES];

	if (snprintf(older, sizeof(older), "%s.1", log->path) >= (int)sizeof(older))
		return;
	close(log->fd);
	rename(log->path, older);
	file_open(log);
}

/* What ends up in sentences for people must not steer their terminal. */
static void line_remember(struct child_log *log, char byte)
{
	if (byte == '\n' || byte == '\r') {
		if (log->line_bytes) {
			memcpy(log->last_line, log->line, log->line_bytes);
			log->last_line[log->line_bytes] = '\0';
		}
		log->line_bytes = 0;
	} else if (log->line_bytes < LAST_LINE_BYTES - 1) {
		log->line[log->line_bytes++] = (unsigned char)byte < ' ' || byte == 127 ? ' ' : byte;
	}
}

void child_log_write(struct child_log *log, const char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		line_remember(log, at[i]);
	if (log->fd >= 0 && log->bytes && log->bytes + bytes > log->bytes_max)
		rotate(log);
	if (log->fd < 0)
		return;
	ssize_t written = write(log->fd, at, bytes);
	log->bytes += written > 0 ? (uint64_t)written : 0;
}

void child_log_close(struct child_log *log)
{
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}
