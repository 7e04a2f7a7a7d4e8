/* SPDX-License-Identifier: MIT */
#include "actors/child_log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void file_open(struct child_log *log)
{
	struct stat status;

	log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	log->bytes = log->fd >= 0 && !fstat(log->fd, &status) ? (uint64_t)status.st_size : 0;
}

void child_log_open(struct child_log *log, const struct state_folder *state, const char *name, uint64_t bytes_max,
		    struct vault *vault)
{
	memset(log, 0, sizeof(*log));
	log->vault = vault;
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

static void put(struct child_log *log, const char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		line_remember(log, at[i]);
	if (log->fd >= 0 && log->bytes && log->bytes + bytes > log->bytes_max)
		rotate(log);
	if (log->fd < 0 || !bytes)
		return;
	ssize_t written = write(log->fd, at, bytes);
	log->bytes += written > 0 ? (uint64_t)written : 0;
}

/* ---- masking ---- */

static bool hold(struct child_log *log, const char *at, size_t bytes)
{
	if (log->held_room < log->held_bytes + bytes) {
		size_t room = 2 * (log->held_bytes + bytes);
		char *larger = realloc(log->held, room);

		if (!larger)
			return false;
		log->held = larger;
		log->held_room = room;
	}
	memcpy(log->held + log->held_bytes, at, bytes);
	log->held_bytes += bytes;
	return true;
}

/* Writes the first `bytes` of what is held. */
static void let_go(struct child_log *log, size_t bytes)
{
	put(log, log->held, bytes);
	log->held_bytes -= bytes;
	memmove(log->held, log->held + bytes, log->held_bytes);
}

static void write_masked(struct child_log *log, const char *at, size_t bytes)
{
	size_t seam = vault_seam(log->vault);
	const char *end;

	if (!hold(log, at, bytes)) { /* rather nothing than a secret */
		log->held_bytes = 0;
		return;
	}
	end = memrchr(log->held, '\n', log->held_bytes);
	if (end) {
		size_t whole = (size_t)(end - log->held) + 1;

		vault_mask(log->vault, log->held, whole);
		let_go(log, whole);
	}
	if (log->held_bytes <= HELD_BYTES_MAX + seam)
		return;
	/* A secret may go on in what comes: its beginning is kept back. */
	vault_mask(log->vault, log->held, log->held_bytes);
	let_go(log, log->held_bytes - seam);
}

void child_log_settle(struct child_log *log)
{
	if (!log->held_bytes)
		return;
	vault_mask(log->vault, log->held, log->held_bytes);
	let_go(log, log->held_bytes);
}

void child_log_write(struct child_log *log, const char *at, size_t bytes)
{
	if (vault_count(log->vault)) {
		write_masked(log, at, bytes);
	} else {
		child_log_settle(log);
		put(log, at, bytes);
	}
}

void child_log_close(struct child_log *log)
{
	child_log_settle(log);
	free(log->held);
	log->held = NULL;
	log->held_room = 0;
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
}
