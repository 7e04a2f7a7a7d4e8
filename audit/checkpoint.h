/* SPDX-License-Identifier: MIT
 *
 * Sealing, as a part of the writer's transactions. Internal to audit/; trail.h says when.
 */
#ifndef AUDIT_CHECKPOINT_H
#define AUDIT_CHECKPOINT_H

#include "audit/store.h"

/* Should the transaction that ends with `size` records end with a checkpoint? */
bool checkpoint_wanted(const struct trail *trail, uint64_t size);

/* Inside the writer's transaction: signs and stores the next checkpoint. 0 or an error with trail_why. */
MUST_CHECK int checkpoint_insert(struct trail *trail, const struct tree *tree);

/* After the commit of that transaction: the seal key moves on. A failure does not undo the commit: the trail takes no more after it. */
void checkpoint_committed(struct trail *trail, uint64_t size);

#endif
