/* SPDX-License-Identifier: MIT
 *
 * Writers, and what they append.
 */
#include "workspace/store/journal_inner.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "workspace/store/journal_guard.h"

#define BUFFER_KEPT (1u << 20)

/* ---- one record ---- */

static int buffer_grow(struct journal_writer *writer, size_t bytes)
{
	if (bytes <= writer->buffer_bytes)
		return 0;
	free(writer->buffer);
	size_t whole = bytes < 65536 ? 65536 : bytes;
	writer->buffer = malloc(whole);
	writer->buffer_bytes = writer->buffer ? whole : 0;
	return writer->buffer ? 0 : ERR_MEMORY;
}

/* A large one is not kept for ever. */
static void buffer_trim(struct journal_writer *writer)
{
	if (writer->buffer_bytes <= BUFFER_KEPT)
		return;
	free(writer->buffer);
	writer->buffer = NULL;
	writer->buffer_bytes = 0;
}

static int store_mapped(struct journal_writer *writer, const struct record_batch *part, size_t body_bytes)
{
	struct journal_window *window = &writer->window;
	guard_begin(window->map, window->bytes);
	record_write(&writer->journal->file.key, part, body_bytes, window->base + window->at, window->map + window->at);
	if (!guard_end())
		return 0;
	/* Now that the mapping is gone, a write says what was wrong. A disk that is only full can have room again; with any other, nobody
	 * knows what became of the pages before. */
	int rc = journal_window_spoil(writer, journal_record_bytes(body_bytes));
	if (rc != ERR_FULL)
		atomic_store(&writer->journal->trouble, "the file could not be written through its mapping");
	return rc == ERR_FULL ? rc : ERR_IO;
}

/* A record over several segments must not be seen without its beginning, or their content would be taken for records that were changed: so the
 * disk has the beginning before it gets the rest. */
static int write_long(struct journal_writer *writer, size_t bytes)
{
	const struct journal_file *file = &writer->journal->file;
	uint64_t position = writer->window.base + writer->window.at;
	int rc = journal_file_write(file, writer->buffer, JOURNAL_SECTOR_BYTES, position);
	if (!rc && fdatasync(file->fd)) {
		atomic_store(&writer->journal->trouble, "the disk failed while the journal was brought there");
		rc = ERR_IO;
	}
	if (!rc)
		rc = journal_file_write(file, writer->buffer + JOURNAL_SECTOR_BYTES, bytes - JOURNAL_SECTOR_BYTES,
					position + JOURNAL_SECTOR_BYTES);
	return rc;
}

static int store_written(struct journal_writer *writer, const struct record_batch *part, size_t body_bytes)
{
	struct journal *journal = writer->journal;
	size_t bytes = journal_record_bytes(body_bytes);
	uint64_t position = writer->window.base + writer->window.at;
	int rc = buffer_grow(writer, bytes);
	if (rc)
		return rc;
	record_write(&journal->file.key, part, body_bytes, position, writer->buffer);
	if (journal->durability == DURABLE_DISK && bytes > JOURNAL_SEGMENT_BYTES)
		rc = write_long(writer, bytes);
	else
		rc = journal_file_write(&journal->file, writer->buffer, bytes, position);
	/* A part of it may be there. If even zeros cannot be written over it, it still is no whole record, and nothing follows it. */
	if (rc) {
		int worse = journal_window_spoil(writer, bytes);
		(void)worse;
	}
	buffer_trim(writer);
	return rc;
}

/* As much of `batch` as one record takes. */
static int append_record(struct journal_writer *writer, struct record_batch *batch)
{
	struct record_batch part;
	struct journal_window *window = &writer->window;
	size_t body_bytes = record_cut(batch, record_room(window->bytes - window->at), &part);
	if (!body_bytes) {
		int rc = journal_window_take(writer, journal_record_bytes(record_entry_bytes(batch)));
		if (rc)
			return rc;
		body_bytes = record_cut(batch, record_room(window->bytes - window->at), &part);
		assert(body_bytes);
	}
	/* Of one that goes over several segments the beginning has to come first, which a mapping does not promise. */
	bool mapped = window->map && journal_record_bytes(body_bytes) <= JOURNAL_SEGMENT_BYTES;
	int rc = mapped ? store_mapped(writer, &part, body_bytes) : store_written(writer, &part, body_bytes);
	if (rc)
		return rc;
	writer->last_bytes = journal_record_bytes(body_bytes);
	window->at += writer->last_bytes;
	return 0;
}

/* ---- the disk ---- */

/* Wait until the disk has what this thread has written, and what others had by then. The first who comes sends all of it; who comes meanwhile
 * waits for the next round, and shares that. */
static int sync_shared(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	uint64_t mine = ++journal->tickets;
	while (journal->synced < mine && !atomic_load(&journal->trouble)) {
		if (journal->syncing) {
			pthread_cond_wait(&journal->synced_more, &journal->lock);
			continue;
		}
		uint64_t through = journal->tickets;
		journal->syncing = true;
		pthread_mutex_unlock(&journal->lock);
		int failed = fdatasync(journal->file.fd);
		pthread_mutex_lock(&journal->lock);
		journal->syncing = false;
		if (failed)
			atomic_store(&journal->trouble, "the disk failed while the journal was brought there");
		else
			journal->synced = through;
		pthread_cond_broadcast(&journal->synced_more);
	}
	int rc = journal->synced >= mine ? 0 : ERR_IO;
	pthread_mutex_unlock(&journal->lock);
	return rc;
}

/* The record that carries the answer is whole in the page cache, and the disk may have it or not. Nothing is written any more; so that a restart of
 * this process does not find it either, it is made nothing. */
static void unsay(struct journal_writer *writer)
{
	writer->window.at -= writer->last_bytes;
	if (journal_window_spoil(writer, writer->last_bytes))
		atomic_store(&writer->journal->trouble,
			     "the disk failed while the journal was brought there, and what was refused may "
			     "be there after a restart");
}

/* ---- public ---- */

int journal_append(struct journal_writer *writer, const struct journal_object *objects, size_t object_count,
		   const struct journal_ref *refs, size_t ref_count)
{
	struct journal *journal = writer->journal;
	struct record_batch batch = {objects, object_count, refs, ref_count};
	uint64_t bytes = 0;
	assert(journal->read);
	if (atomic_load_explicit(&journal->trouble, memory_order_acquire))
		return ERR_IO;
	if (!object_count && !ref_count)
		return 0;
	while (batch.object_count || batch.ref_count) {
		int rc = append_record(writer, &batch);
		if (rc)
			return rc;
		bytes += writer->last_bytes;
	}
	if (journal->durability == DURABLE_DISK && sync_shared(journal)) {
		unsay(writer);
		return ERR_IO;
	}
	atomic_store_explicit(&writer->written, atomic_load_explicit(&writer->written, memory_order_relaxed) + bytes,
			      memory_order_release);
	return 0;
}

int journal_join(struct journal *journal, struct journal_writer **out_writer)
{
	struct journal_writer *writer = calloc(1, sizeof(*writer));
	if (!writer)
		return ERR_MEMORY;
	writer->journal = journal;
	pthread_mutex_lock(&journal->lock);
	writer->next = journal->writers;
	writer->link = &journal->writers;
	if (writer->next)
		writer->next->link = &writer->next;
	journal->writers = writer;
	pthread_mutex_unlock(&journal->lock);
	*out_writer = writer;
	return 0;
}

void journal_leave(struct journal_writer *writer)
{
	struct journal *journal = writer->journal;
	journal_window_leave(writer);
	pthread_mutex_lock(&journal->lock);
	*writer->link = writer->next;
	if (writer->next)
		writer->next->link = writer->link;
	journal->written += atomic_load(&writer->written);
	pthread_mutex_unlock(&journal->lock);
	free(writer->buffer);
	free(writer);
}
