/* SPDX-License-Identifier: MIT
 *
 * Natural group commit: a thread that owns the trail and commits one batch while its owner fills the next.
 *
 * No timer for batches: hand over whatever is there as soon as the thread is idle. The batch is the caller's until submitted and
 * again after it was taken back. When nothing comes, the thread seals a trail that is sealed by itself, when it is due and at the end.
 */
#ifndef AUDIT_WRITER_H
#define AUDIT_WRITER_H

#include "audit/trail.h"

#define BATCH_RECORDS_MAX 4096u
#define BATCH_BYTES_MAX   1048576u

/* Entries and the bytes they point to. It grows as needed: the two limits above are for its owner to keep. */
struct batch;
struct batch *batch_new(void); /* NULL: out of memory */
void batch_free(struct batch *batch);
/* Copies the entry and its spans. 0 or ERR_MEMORY. Never blocks. */
MUST_CHECK int batch_add(struct batch *batch, const struct trail_entry *entry);
size_t batch_count(const struct batch *batch);
size_t batch_bytes(const struct batch *batch);
const struct trail_entry *batch_entry(const struct batch *batch,
				      size_t index); /* valid until the next batch_add or batch_clear */
void batch_clear(struct batch *batch);

struct writer;
/* Starts the thread; it takes over `trail`, and closes it in writer_free. Until then nobody else may use that handle: whoever
 * wants to read opens one of his own. Returns 0; ERR_MEMORY or ERR_SYSTEM, and then the trail is still the caller's. */
MUST_CHECK int writer_new(struct trail *trail, struct writer **out_writer);
/* Finishes the batch in hand, seals what is new, then joins. A batch that was not taken back is the caller's again. Takes NULL. */
void writer_free(struct writer *writer);
int writer_fd(const struct writer *writer);                     /* readable when a batch is done, now and then without one */
bool writer_idle(const struct writer *writer);                  /* no batch is in hand, and none waits to be taken back */
void writer_submit(struct writer *writer, struct batch *batch); /* only when idle */
/* The finished batch and what came of it (0, ERR_AMBIGUOUS, ERR_IO), or NULL if none is finished. Clears writer_fd. Never blocks.
 */
struct batch *writer_take(struct writer *writer, int *out_result);
/* After writer_take gave an error: what went wrong, for people. Borrowed from the writer. */
const char *writer_why(const struct writer *writer);

#endif
