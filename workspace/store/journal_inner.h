/* SPDX-License-Identifier: MIT
 *
 * What the files of the journal share. Nobody else includes this, but tests.
 */
#ifndef WORKSPACE_STORE_JOURNAL_INNER_H
#define WORKSPACE_STORE_JOURNAL_INNER_H

#include <pthread.h>
#include <sys/types.h>

#include "workspace/store/journal_record.h"

#define JOURNAL_NAME          "journal"
#define JOURNAL_NEW_NAME      "journal.new"
#define JOURNAL_VERSION       1u
#define JOURNAL_HEAD_BYTES    4096u
#define JOURNAL_SEGMENT_BYTES (2u << 20) /* one large page */
#define JOURNAL_SECTOR_BYTES  512u       /* disks write these whole or not at all */

/* A segment that has room at its end and no owner. */
struct journal_spare {
	uint64_t base; /* in the file */
	size_t at;
};

struct journal_file {
	int fd;
	struct journal_key key;
	uint64_t end; /* where the next new segment begins */
	struct journal_spare *spares;
	size_t spare_count, spare_max;
};

struct journal {
	char *folder_name; /* for sentences */
	int folder;        /* the lock is on it */
	enum workspace_durability durability;
	bool mappable;
	bool mapped; /* records are stores into a mapping, not calls of pwrite */
	bool read;

	pthread_mutex_t lock; /* of all below, and of file.end and its spares */
	struct journal_file file;
	struct journal_writer *writers;
	uint64_t written; /* by writers that are gone, and what was read */

	pthread_cond_t synced_more;
	uint64_t tickets, synced; /* appends that wait for the disk, and how many of them need not any more */
	bool syncing;
	_Atomic(const char *) trouble; /* why nothing can be written any more */
};

/* The segments that a writer owns; none if `bytes` is 0. */
struct journal_window {
	uint64_t base;
	size_t bytes, at;
	uint8_t *map; /* NULL unless mapped */
};

struct journal_writer {
	struct journal *journal;
	struct journal_writer *next, **link;
	struct journal_window window;
	uint8_t *buffer; /* for a record, unless it is stored in the mapping */
	size_t buffer_bytes;
	_Atomic uint64_t written;
	size_t last_bytes; /* of the last record */
};

/* Writes a sentence about a call that failed; ERR_FULL if there is no space, ERR_MEMORY, else ERR_IO. */
int journal_errno_error(int error);
int journal_say(char sentence[WORKSPACE_SENTENCE_BYTES], int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- the file (journal_file.c) ---- */

/* A new one under JOURNAL_NEW_NAME, with a head that is not on the disk yet. */
MUST_CHECK int journal_file_make(int folder, struct journal_file *out_file);
/* Bring it there, and give it its real name. */
MUST_CHECK int journal_file_publish(int folder, const struct journal_file *file);
MUST_CHECK int journal_file_open(int folder, struct journal_file *out_file, char sentence[WORKSPACE_SENTENCE_BYTES]);
void journal_file_close(struct journal_file *file);
MUST_CHECK int journal_file_spare(struct journal_file *file, struct journal_spare spare); /* ERR_MEMORY */

/* All of it, or an error. */
MUST_CHECK int journal_file_write(const struct journal_file *file, const uint8_t *at, size_t bytes, uint64_t position);
MUST_CHECK int journal_file_zero(const struct journal_file *file, uint64_t position, size_t bytes);

/* Zeros over a record that does not count, or over what may have been one. Its beginning goes last, and with `durable` after the disk has the
 * rest: as long as it is there, it says that segments after it belong to it, and are not to be read by themselves. */
MUST_CHECK int journal_file_unwrite(const struct journal_file *file, uint64_t position, uint64_t bytes, bool durable);

/* ---- windows (journal_window.c) ---- */

/* A window with room for a record of `bytes`, instead of the one that the writer has. On failure it has none. */
MUST_CHECK int journal_window_take(struct journal_writer *writer, size_t bytes);
void journal_window_leave(struct journal_writer *writer);
void journal_window_drop(struct journal_window *window); /* without giving its room to others */

/* `bytes` at its position were not written as they should: makes zeros of them and gives the window up. 0, or why that failed too. */
int journal_window_spoil(struct journal_writer *writer, size_t bytes);

#endif
