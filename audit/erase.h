/* SPDX-License-Identifier: MIT
 *
 * Erasure: payloads and salts go, records and every proof stay.
 *
 * A record of type Erased is the tombstone; the rows it names are overwritten with zeros and set to NULL in its own transaction. Then the WAL is
 * moved into the database, overwritten, cut to nothing and grown again, so that neither the old pages nor the free ones hold what
 * was there (secure_delete is on). What a file system or a drive keeps of overwritten blocks is beyond this program.
 */
#ifndef AUDIT_ERASE_H
#define AUDIT_ERASE_H

#include "audit/store.h"

/* Inside the writer's transaction: carries out the record `entry` of type Erased. 0 or an error as trail_append. */
MUST_CHECK int erase_note(struct trail *trail, const struct trail_entry *entry);

/* After the commit: no file of the trail holds old bytes. Waits for readers (they hold transactions of at most 100 ms). 0 or ERR_IO. */
MUST_CHECK int erase_scrub(struct trail *trail);

/* Is the payload that record `entry` owns covered by an Erased record of this trail, or a receipt in `erasures`? 0, ERR_NOT_FOUND: no, ERR_IO. */
MUST_CHECK int erase_covers(struct trail *trail, const struct trail_entry *entry);

/* In a backup at `path`: removes the payloads that the Erased record proved by `receipt` names, and stores the receipt there. The whole file and
 * its side files are scrubbed. 0; ERR_CORRUPT, ERR_STATE with a sentence. */
MUST_CHECK int erase_in_backup(const char *path, const char *receipt, size_t receipt_bytes, char out_why[256]);

#endif
