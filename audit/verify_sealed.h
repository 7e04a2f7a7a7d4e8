/* SPDX-License-Identifier: MIT
 *
 * The part of verifying that looks at the tree and at what was sealed. Internal to audit/: trail_verify drives it, record by record.
 */
#ifndef AUDIT_VERIFY_SEALED_H
#define AUDIT_VERIFY_SEALED_H

#include "audit/store.h"

struct sealed_check {
	struct trail *trail;
	const struct log_keys *keys; /* NULL: signatures are not looked at */
	struct tree tree;            /* over the records so far */
	uint64_t number;             /* of the last checkpoint so far, what it covers … */
	uint64_t size;
	uint8_t next_seal[PUBLIC_KEY_BYTES]; /* … and what it announces */
	char origin[ORIGIN_BYTES];           /* of every note; empty until one was seen */
	char why[256];
};

/* All return 0; ERR_CORRUPT with a sentence in `why`; ERR_IO, ERR_MEMORY with trail_why. */

/* `after_seq` and what comes before it is trusted. */
MUST_CHECK int sealed_begin(struct sealed_check *check, struct trail *trail, const struct log_keys *keys, uint64_t after_seq);

/* The next record's chain value: the tree grows, and every node that it completes is compared. */
MUST_CHECK int sealed_record(struct sealed_check *check, const struct hash *chain);

/* The row (size, number, note) of the checkpoint over the records so far. */
MUST_CHECK int sealed_row(struct sealed_check *check, sqlite3_stmt *row);

/* After the last record. */
MUST_CHECK int sealed_end(struct sealed_check *check);

#endif
