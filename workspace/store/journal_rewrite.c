/* SPDX-License-Identifier: MIT
 *
 * Writing a journal anew. The new one is a journal of its own under another name, until all of it is on the disk and one rename makes it the
 * real one; whatever happens before leaves the old one as it was, and a file that the next opening removes.
 */
#include "workspace/store/journal_inner.h"

#include <stdlib.h>
#include <unistd.h>

struct journal_rewrite {
	struct journal *journal; /* which is written anew */
	struct journal next;
	struct journal_writer *writer; /* of the next */
};

static void rewrite_free(struct journal_rewrite *rewrite)
{
	journal_file_close(&rewrite->next.file);
	pthread_mutex_destroy(&rewrite->next.lock);
	free(rewrite);
}

int journal_rewrite_begin(struct journal *journal, struct journal_rewrite **out_rewrite)
{
	if (atomic_load(&journal->trouble))
		return ERR_IO;
	struct journal_rewrite *rewrite = calloc(1, sizeof(*rewrite));
	if (!rewrite)
		return ERR_MEMORY;
	rewrite->journal = journal;
	rewrite->next.durability = DURABLE_PROCESS; /* it goes to the disk once, at its end */
	rewrite->next.mapped = journal->mappable;
	rewrite->next.read = true;
	pthread_mutex_init(&rewrite->next.lock, NULL);
	rewrite->next.file.fd = -1;
	int rc = journal_file_make(journal->folder, &rewrite->next.file);
	if (!rc)
		rc = journal_file_spare(&rewrite->next.file, (struct journal_spare){.base = 0, .at = JOURNAL_HEAD_BYTES});
	if (!rc)
		rc = journal_join(&rewrite->next, &rewrite->writer);
	if (rc)
		rewrite_free(rewrite);
	else
		*out_rewrite = rewrite;
	return rc;
}

int journal_rewrite_object(struct journal_rewrite *rewrite, const struct journal_object *object)
{
	return journal_append(rewrite->writer, object, 1, NULL, 0);
}

int journal_rewrite_refs(struct journal_rewrite *rewrite, const struct journal_ref *refs, size_t count)
{
	return journal_append(rewrite->writer, NULL, 0, refs, count);
}

/* From here on everybody writes to the new one. */
static void change_over(struct journal *journal, struct journal *next)
{
	pthread_mutex_lock(&journal->lock);
	for (struct journal_writer *writer = journal->writers; writer; writer = writer->next)
		journal_window_drop(&writer->window);
	journal_file_close(&journal->file);
	journal->file = next->file;
	journal->written += next->written;
	pthread_mutex_unlock(&journal->lock);
	next->file = (struct journal_file){.fd = -1};
}

int journal_rewrite_end(struct journal_rewrite *rewrite, bool keep)
{
	struct journal *journal = rewrite->journal;
	int rc = 0;
	journal_leave(rewrite->writer);
	if (keep)
		rc = atomic_load(&rewrite->next.trouble) ? ERR_IO : journal_file_publish(journal->folder, &rewrite->next.file);
	if (keep && !rc) {
		change_over(journal, &rewrite->next);
	} else if (keep && faccessat(journal->folder, JOURNAL_NEW_NAME, F_OK, 0)) {
		/* It has its name, and the disk may or may not know: whatever is appended to either of them could be lost. */
		atomic_store(&journal->trouble, "the disk failed while the journal was replaced by a new one");
	} else {
		unlinkat(journal->folder, JOURNAL_NEW_NAME, 0);
	}
	rewrite_free(rewrite);
	return rc;
}
