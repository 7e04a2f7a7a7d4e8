/* SPDX-License-Identifier: MIT
 *
 * What the Erased records of a trail claim, and what that covers. Internal to audit/.
 */
#ifndef AUDIT_ERASED_H
#define AUDIT_ERASED_H

#include "audit/erase.h"
#include "audit/store.h"

/* What a record of type Erased claims. 0; ERR_CORRUPT if it is no such record, or claims what it cannot; ERR_MEMORY. */
MUST_CHECK int erased_claim_read(const struct trail_entry *entry, struct erased_claim *out_claim);

/* True if the payload that record `owner` owns may be gone because of `claim`. */
bool erased_claim_covers(const struct erased_claim *claim, const struct trail_entry *owner);

/* The claim that a receipt of an Erased record proves. `keys` NULL: the signature is not looked at. 0; ERR_CORRUPT with a sentence, ERR_MEMORY. */
struct log_keys;
MUST_CHECK int erased_receipt_read(const char *text, size_t bytes, const struct log_keys *keys, struct hasher *hasher,
				   struct erased_claim *out_claim, char out_why[256]);

/* One more claim for erase_covers, from elsewhere than the records. 0 or ERR_MEMORY. */
MUST_CHECK int erased_list_add(struct erased_list *list, const struct erased_claim *claim);

/* Overwrites and empties what `claim` takes, inside a transaction; the recorded side of it is the caller's. As erase_note. */
MUST_CHECK int erased_rows(struct trail *trail, const struct erased_claim *claim);

#endif
