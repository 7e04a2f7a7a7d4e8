/* SPDX-License-Identifier: MIT
 *
 * One record of the journal as bytes; journal.c describes them. Pure: no file, no memory of its own.
 */
#ifndef WORKSPACE_STORE_JOURNAL_RECORD_H
#define WORKSPACE_STORE_JOURNAL_RECORD_H

#include "workspace/store/journal.h"
#include "workspace/store/journal_check.h"

#define RECORD_HEAD_BYTES 24u
#define RECORD_ALIGNMENT  32u /* so that no head lies across two sectors */
#define RECORD_BODY_MAX   (UINT64_C(1) << 34)

/* What is still to be written. */
struct record_batch {
	const struct journal_object *objects;
	size_t object_count;
	const struct journal_ref *refs;
	size_t ref_count;
};

/* Bytes of a record with a body of so many, and the reverse: 0 if not even a head has room. */
size_t journal_record_bytes(size_t body_bytes);
size_t record_room(size_t bytes);

/* Bytes of the first entry of `batch`, which is not empty. */
size_t record_entry_bytes(const struct record_batch *batch);

/* Moves as many entries as `room` bytes of body hold from the beginning of `batch` to `out_part`; returns their bytes, perhaps 0. */
size_t record_cut(struct record_batch *batch, size_t room, struct record_batch *out_part);

/* Write a record of `part` at `to`, which is as aligned as `position`. It counts only when its first word is written, which is the last thing
 * that happens; who stops before that has written nothing. */
void record_write(const struct journal_key *key, const struct record_batch *part, size_t body_bytes, uint64_t position,
		  uint8_t *to);

enum record_verdict {
	RECORD_FINE,
	RECORD_NONE,    /* zeros, or a head that was not finished */
	RECORD_LONGER,  /* its head is fine and says that there is more than `bytes` */
	RECORD_CUT,     /* its head is fine, its end was not written */
	RECORD_BAD,     /* its head is fine, its body is not */
	RECORD_UNKNOWN, /* its first word was written, and it is not what a writer writes */
};

/* Look at the record at `at`. `out_bytes` is set to its length if the head is fine, else to 0. */
enum record_verdict record_look(const struct journal_key *key, const uint8_t *at, size_t bytes, uint64_t position,
				uint64_t *out_bytes);

/* Hand out what is in a record that is fine, and aligned as it was written. What the reader returns; ERR_CORRUPT for entries that no writer writes,
 * ERR_NEWER for kinds that are not known here, ERR_MEMORY. */
MUST_CHECK int journal_record_read(const uint8_t *at, const struct journal_reader *reader);

#endif
