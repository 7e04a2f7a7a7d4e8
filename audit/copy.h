/* SPDX-License-Identifier: MIT
 *
 * A second trail with the same records, made while the first one is written.
 *
 * Rows are copied, in slices: what the trail is made of is only ever appended, so everything up to a fixed last record is one consistent
 * state, however long the copying takes, and no read transaction lasts longer than any other reader's. sqlite3_backup cannot do that:
 * it starts again from the first page whenever somebody else has written, so beside a busy writer it never ends, or else it reads
 * all of it in one transaction, and the WAL grows for as long. It would also take along whatever free pages hold.
 *
 * What is derived is made anew from the records. The copy has no WAL: it is one file, and can be read from a medium that cannot be written.
 */
#ifndef AUDIT_COPY_H
#define AUDIT_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/error.h"

struct trail_copied {
	uint64_t last_seq; /* the copy ends with this record */
	uint64_t payloads;
	uint64_t checkpoints;
	uint64_t slices;     /* read transactions */
	uint64_t longest_us; /* … and how long the longest of them lasted */
};

/* Copies the trail at `from` to `to`, where nothing must be yet: all records that are there when it begins, what belongs to them, and every
 * checkpoint over them. If payloads are erased meanwhile, the copy goes on through the record that says so, and does not have them
 * either. `stop` (may be NULL) is asked now and then: true ends it.
 *
 * The copy is on the disk, but not yet its name in the folder. Returns 0; ERR_CANCELLED; as trail_open; ERR_IO, ERR_CORRUPT, ERR_MEMORY; with a
 * sentence. After an error `to` is not to be used. */
MUST_CHECK int trail_copy(const char *from, const char *to, bool (*stop)(void *context), void *context,
			  struct trail_copied *out_copied, char out_why[256]);

#endif
