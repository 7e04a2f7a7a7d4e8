/* SPDX-License-Identifier: MIT
 *
 * Segments come to writers and go from them. Taking one costs tens to hundreds of microseconds, once for about 1,300 commits: its space is
 * taken from the disk here, so that a full disk is found now and not in the middle of a record.
 */
#include "workspace/store/journal_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define WORTH_KEEPING 65536u /* room that is given to another writer */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* since Linux 5.14 */
#endif

/* Room that somebody left, or new room at the end of the file. */
static void window_find(struct journal *journal, size_t bytes, struct journal_window *out_window)
{
	struct journal_file *file = &journal->file;
	pthread_mutex_lock(&journal->lock);
	for (size_t i = file->spare_count; i--;) {
		struct journal_spare spare = file->spares[i];
		if (JOURNAL_SEGMENT_BYTES - spare.at < bytes)
			continue;
		file->spares[i] = file->spares[--file->spare_count];
		pthread_mutex_unlock(&journal->lock);
		*out_window = (struct journal_window){.base = spare.base, .bytes = JOURNAL_SEGMENT_BYTES, .at = spare.at};
		return;
	}
	size_t whole = (bytes + JOURNAL_SEGMENT_BYTES - 1) / JOURNAL_SEGMENT_BYTES * JOURNAL_SEGMENT_BYTES;
	*out_window = (struct journal_window){.base = file->end, .bytes = whole};
	file->end += whole;
	pthread_mutex_unlock(&journal->lock);
}

/* Somebody else may have what is left of the last segment. Without memory to remember it, it stays empty. */
static void window_give(struct journal *journal, const struct journal_window *window)
{
	size_t before = window->bytes - JOURNAL_SEGMENT_BYTES;
	struct journal_spare spare = {.base = window->base + before, .at = window->at - before};
	if (window->at < before || window->bytes - window->at < WORTH_KEEPING)
		return;
	pthread_mutex_lock(&journal->lock);
	int rc = journal_file_spare(&journal->file, spare);
	pthread_mutex_unlock(&journal->lock);
	(void)rc;
}

/* Nothing was written in it: every segment can be had again. */
static void window_give_back(struct journal *journal, const struct journal_window *window)
{
	for (size_t from = 0; from < window->bytes; from += JOURNAL_SEGMENT_BYTES) {
		struct journal_window one = {.base = window->base + from, .bytes = JOURNAL_SEGMENT_BYTES};
		one.at = from ? 0 : window->at;
		window_give(journal, &one);
	}
}

/* Zeros that are written are pages that are there: a store into the mapping then neither faults nor asks for space. */
static int window_map(struct journal *journal, struct journal_window *window)
{
	int rc = journal_file_zero(&journal->file, window->base + window->at, window->bytes - window->at);
	if (rc)
		return rc;
	uint8_t *map = mmap(NULL, window->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, journal->file.fd, (off_t)window->base);
	if (map == MAP_FAILED)
		return journal_errno_error(errno);
	size_t page = window->at & ~(size_t)(JOURNAL_HEAD_BYTES - 1);
	if (madvise(map + page, window->bytes - page, MADV_POPULATE_WRITE) && errno != EINVAL) {
		rc = journal_errno_error(errno);
		munmap(map, window->bytes);
		return rc;
	}
	window->map = map;
	return 0;
}

static int window_reserve(struct journal *journal, const struct journal_window *window)
{
	if (!fallocate(journal->file.fd, 0, (off_t)(window->base + window->at), (off_t)(window->bytes - window->at)))
		return 0;
	if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR)
		return journal_errno_error(errno);
	return journal_file_zero(&journal->file, window->base + window->at, window->bytes - window->at);
}

void journal_window_drop(struct journal_window *window)
{
	if (window->map)
		munmap(window->map, window->bytes);
	*window = (struct journal_window){0};
}

int journal_window_take(struct journal_writer *writer, size_t bytes)
{
	struct journal *journal = writer->journal;
	struct journal_window window;
	journal_window_leave(writer);
	window_find(journal, bytes, &window);
	int rc = journal->mapped ? window_map(journal, &window) : window_reserve(journal, &window);
	if (rc)
		window_give_back(journal, &window);
	else
		writer->window = window;
	return rc;
}

void journal_window_leave(struct journal_writer *writer)
{
	if (writer->window.bytes)
		window_give(writer->journal, &writer->window);
	journal_window_drop(&writer->window);
}

int journal_window_spoil(struct journal_writer *writer, size_t bytes)
{
	const struct journal *journal = writer->journal;
	uint64_t position = writer->window.base + writer->window.at;
	int rc = journal_file_unwrite(&journal->file, position, bytes, journal->durability == DURABLE_DISK);
	journal_window_drop(&writer->window);
	return rc;
}
