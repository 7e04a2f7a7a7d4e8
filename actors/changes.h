/* SPDX-License-Identifier: MIT
 *
 * Which changes of refs were recorded lately. The workspace says a change again when it does not know whether it was heard, with the
 * same message id; here is found whether it stands on the trail already. After a restart of Omega the end of the trail is read for that.
 */
#ifndef ACTORS_CHANGES_H
#define ACTORS_CHANGES_H

#include "audit/trail.h"
#include "protocol/message.h"

#define CHANGES_KEPT   4096u  /* more than the workspace ever has under way */
#define CHANGES_LOOKED 16384u /* records from the end of the trail */

struct changes;

/* `trail` is read. 0, ERR_MEMORY, or why the trail cannot be read. */
MUST_CHECK int changes_new(struct trail *trail, struct changes **out_changes);
void changes_free(struct changes *changes); /* NULL is fine */

void changes_note(struct changes *changes, const struct id *message_id, uint64_t seq);
uint64_t changes_find(const struct changes *changes, const struct id *message_id); /* the record, or 0 */

#endif
