/* SPDX-License-Identifier: MIT
 *
 * The journal: everything that was published, so that it is there again after the process has died.
 */
#ifndef WORKSPACE_STORE_JOURNAL_H
#define WORKSPACE_STORE_JOURNAL_H

#include "workspace/store/object.h"

struct journal;
struct journal_writer;

struct journal_object {
	enum object_type type; /* the first four */
	struct oid id;
	struct bytes raw;
};

/* A ref after a change: the one with the highest version counts. */
struct journal_ref {
	const char *name; /* "HEAD": `to` is unused and `target` is the branch */
	uint64_t version;
	struct oid from, to; /* zeros: it was not there; it was deleted */
	const char *target;  /* of HEAD, else NULL */
};

/* What is read back. Objects come in any order and perhaps more than once, `raw` borrowed until the call returns; the refs of one change together.
 * Anything but 0 ends the reading and is returned. */
struct journal_reader {
	void *context;
	int (*object)(void *context, const struct journal_object *object);
	int (*refs)(void *context, const struct journal_ref *refs, size_t count);
};

/* Open or make it, locked against others. `durability` is not DURABLE_MEMORY. Blocks. ERR_LOCKED, ERR_IO, ERR_CORRUPT, ERR_NEWER, ERR_MEMORY. */
MUST_CHECK int journal_open(const char *folder, enum workspace_durability durability, struct journal **out_journal,
			    char out_sentence[WORKSPACE_SENTENCE_BYTES]);
int journal_close(struct journal *journal); /* all writers are gone */

/* Once, before anything is written. */
MUST_CHECK int journal_read(struct journal *journal, const struct journal_reader *reader,
			    char out_sentence[WORKSPACE_SENTENCE_BYTES]);

/* One for each agent, used by one thread at a time. */
MUST_CHECK int journal_join(struct journal *journal, struct journal_writer **out_writer);
void journal_leave(struct journal_writer *writer);

/* Objects, then the refs of one change (all of them survive or none); either may be none. On return they are in the page cache, and with DURABLE_DISK on the disk; a disk
 * that fails or is full is ERR_IO or ERR_FULL, and then nothing of it counts, now or after a restart. */
MUST_CHECK int journal_append(struct journal_writer *writer, const struct journal_object *objects, size_t object_count,
			      const struct journal_ref *refs, size_t ref_count);

/* Why nothing can be written any more (the disk failed, and nobody knows what it has), or NULL. Static text. */
const char *journal_trouble(const struct journal *journal);

uint64_t journal_head(struct journal *journal);  /* bytes ever written */
uint64_t journal_bytes(struct journal *journal); /* on the disk now */

/* Write it anew with what is given between begin and end, while no writer writes: the old one counts until end has returned 0. */
struct journal_rewrite;
MUST_CHECK int journal_rewrite_begin(struct journal *journal, struct journal_rewrite **out_rewrite);
MUST_CHECK int journal_rewrite_object(struct journal_rewrite *rewrite, const struct journal_object *object);
MUST_CHECK int journal_rewrite_refs(struct journal_rewrite *rewrite, const struct journal_ref *refs, size_t count);
MUST_CHECK int journal_rewrite_end(struct journal_rewrite *rewrite, bool keep); /* frees it; !keep: the old one stays */

#endif
