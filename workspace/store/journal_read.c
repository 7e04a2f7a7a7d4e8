/* SPDX-License-Identifier: MIT
 *
 * Reading a journal back, and finding out where its segments end: which ends are unfinished, and which are damage.
 */
#include "workspace/store/journal_inner.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A segment, or the several over which a long record goes. */
struct view {
	struct journal *journal;
	const struct journal_reader *reader;
	char *sentence;
	uint64_t file_bytes;
	uint64_t base;
	uint8_t *at;
	size_t bytes, bytes_max;
	bool cleared;
};

/* What the file does not have is zeros, as in a segment that was not begun. */
static int view_fill(struct view *view, size_t from)
{
	while (from < view->bytes) {
		ssize_t now = pread(view->journal->file.fd, view->at + from, view->bytes - from, (off_t)(view->base + from));
		if (now < 0 && errno == EINTR)
			continue;
		if (now < 0)
			return journal_say(view->sentence, ERR_IO, "%s/" JOURNAL_NAME ": byte %llu: reading it: %m",
					   view->journal->folder_name, (unsigned long long)(view->base + from));
		if (!now) {
			memset(view->at + from, 0, view->bytes - from);
			break;
		}
		from += (size_t)now;
	}
	return 0;
}

static int view_grow(struct view *view, size_t bytes)
{
	size_t had = view->bytes;
	if (bytes > view->bytes_max) {
		uint8_t *more = realloc(view->at, bytes);
		if (!more)
			return ERR_MEMORY;
		view->at = more;
		view->bytes_max = bytes;
	}
	view->bytes = bytes;
	return view_fill(view, had);
}

static bool all_zero(const uint8_t *at, size_t bytes)
{
	return !bytes || (!at[0] && !memcmp(at, at + 1, bytes - 1));
}

/* Was a sector of this range never written? Disks write whole sectors, in any order. */
static bool sector_missing(const struct view *view, size_t from, size_t bytes)
{
	size_t end = from + bytes;
	while (from < end) {
		size_t next = (from / JOURNAL_SECTOR_BYTES + 1) * JOURNAL_SECTOR_BYTES;
		size_t now = (next < end ? next : end) - from;
		if (all_zero(view->at + from, now))
			return true;
		from += now;
	}
	return false;
}

/* Is there the head of a record anywhere after `from`? */
static bool record_follows(const struct view *view, size_t from)
{
	size_t end = view->bytes;
	uint64_t bytes;
	while (end > from && all_zero(view->at + end - JOURNAL_SECTOR_BYTES, JOURNAL_SECTOR_BYTES))
		end -= JOURNAL_SECTOR_BYTES;
	for (from += RECORD_ALIGNMENT; from < end; from += RECORD_ALIGNMENT) {
		record_look(&view->journal->file.key, view->at + from, RECORD_HEAD_BYTES, view->base + from, &bytes);
		if (bytes)
			return true;
	}
	return false;
}

static int damage(const struct view *view, size_t at, const char *what)
{
	return journal_say(view->sentence, ERR_CORRUPT, "%s/" JOURNAL_NAME ": byte %llu: %s", view->journal->folder_name,
			   (unsigned long long)(view->base + at), what);
}

/* Records end at `at`, for the reason `verdict`: is that an end that a crash leaves? */
static int judge_end(const struct view *view, size_t at, enum record_verdict verdict, uint64_t record)
{
	if (record_follows(view, at))
		return damage(view, at, "a record was damaged after it was written; whole ones follow it");
	if (view->base + at + (record ? record : RECORD_HEAD_BYTES) > view->file_bytes)
		return 0;
	if (verdict == RECORD_UNKNOWN)
		return damage(view, at, "the head of a record was damaged after it was written");
	if (verdict == RECORD_BAD && !sector_missing(view, at, (size_t)record))
		return damage(view, at, "a record was damaged after it was written");
	return 0;
}

/* Whole segments that hold so many bytes, but no more than there are. */
static size_t segments_for(const struct view *view, uint64_t bytes)
{
	uint64_t there = view->journal->file.end - view->base;
	bytes = (bytes + JOURNAL_SEGMENT_BYTES - 1) / JOURNAL_SEGMENT_BYTES * JOURNAL_SEGMENT_BYTES;
	return (size_t)(bytes < there ? bytes : there);
}

/* Records one after the other; `*at` is where they end. */
static int read_records(struct view *view, size_t *at, enum record_verdict *out_verdict, uint64_t *out_record)
{
	const struct journal *journal = view->journal;
	for (;;) {
		uint64_t bytes;
		*out_verdict = record_look(&journal->file.key, view->at + *at, view->bytes - *at, view->base + *at, &bytes);
		*out_record = bytes;
		if (*out_verdict == RECORD_LONGER && view->base + view->bytes < journal->file.end) {
			int rc = view_grow(view, segments_for(view, *at + bytes));
			if (rc)
				return rc;
			continue;
		}
		if (*out_verdict != RECORD_FINE)
			return 0;
		int rc = journal_record_read(view->at + *at, view->reader);
		if (rc == ERR_NEWER)
			return journal_say(view->sentence, rc,
					   "%s/" JOURNAL_NAME ": byte %llu: an entry of a kind not known here",
					   journal->folder_name, (unsigned long long)(view->base + *at));
		if (rc)
			return rc;
		*at += (size_t)bytes;
	}
}

/* What was not finished becomes zeros, so that it is judged the same whatever is written after it, and its room is used again. */
static int clear_end(struct view *view, size_t at)
{
	const struct journal *journal = view->journal;
	uint64_t from = view->base + at, end = view->base + view->bytes;
	if (end > view->file_bytes)
		end = view->file_bytes;
	int rc = journal_file_unwrite(&journal->file, from, end - from, true);
	view->cleared = true;
	return rc ? journal_say(view->sentence, rc, "%s/" JOURNAL_NAME ": byte %llu: clearing an unfinished record failed",
				journal->folder_name, (unsigned long long)from)
		  : 0;
}

static int read_view(struct view *view)
{
	struct journal *journal = view->journal;
	size_t begin = view->base ? 0 : JOURNAL_HEAD_BYTES, at = begin;
	enum record_verdict verdict;
	uint64_t record;
	int rc = read_records(view, &at, &verdict, &record);
	if (rc)
		return rc;
	journal->written += at - begin;
	if (!all_zero(view->at + at, view->bytes - at)) {
		rc = judge_end(view, at, verdict, record);
		if (!rc)
			rc = clear_end(view, at);
	}
	while (!rc && at < view->bytes) {
		size_t in = at % JOURNAL_SEGMENT_BYTES;
		rc = journal_file_spare(&journal->file, (struct journal_spare){.base = view->base + at - in, .at = in});
		at += JOURNAL_SEGMENT_BYTES - in;
	}
	return rc;
}

int journal_read(struct journal *journal, const struct journal_reader *reader, char out_sentence[WORKSPACE_SENTENCE_BYTES])
{
	struct view view = {.journal = journal, .reader = reader, .sentence = out_sentence};
	struct stat status;
	int rc = 0;
	assert(!journal->read);
	out_sentence[0] = '\0';
	if (fstat(journal->file.fd, &status))
		return journal_say(out_sentence, ERR_IO, "%s/" JOURNAL_NAME ": %m", journal->folder_name);
	view.file_bytes = (uint64_t)status.st_size;
	while (!rc && view.base < journal->file.end) {
		view.bytes = 0;
		rc = view_grow(&view, JOURNAL_SEGMENT_BYTES);
		if (!rc)
			rc = read_view(&view);
		view.base += view.bytes;
	}
	free(view.at);
	/* The disk must not bring back later what was cleared: a record over it would be mixed with it. */
	if (!rc && view.cleared && fdatasync(journal->file.fd))
		return journal_say(out_sentence, ERR_IO, "%s/" JOURNAL_NAME ": %m", journal->folder_name);
	if (rc == ERR_MEMORY && !out_sentence[0])
		return journal_say(out_sentence, rc, "%s/" JOURNAL_NAME ": no memory to read it", journal->folder_name);
	if (rc && !out_sentence[0])
		return journal_say(out_sentence, rc, "%s/" JOURNAL_NAME ": near byte %llu: what it holds was refused",
				   journal->folder_name, (unsigned long long)view.base);
	journal->read = !rc;
	return rc;
}
