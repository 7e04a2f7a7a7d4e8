/* SPDX-License-Identifier: MIT
 *
 * Which records tell of something that went wrong, and who had the task when it did.
 */
#ifndef CLI_KINDS_H
#define CLI_KINDS_H

#include <jansson.h>

#include "audit/trail.h"

/* The types of messages among which failures are; besides them every record with a verdict is one. */
void failure_types(uint32_t out_types[TRAIL_TYPES_MAX]);

/* "attempt failed", "goes on", "needs a person", "task failed", "clone lost", "refused", "counted"; NULL: nothing went wrong.
 * `out_reason` gets the name of an error. */
const char *failure_kind(const struct trail_entry *entry, const struct message *message, const char **out_reason);

/* Whom a record of Omega's own is about: the clone that was lost, the peer that was counted. NULL: nobody. */
const char *failure_peer(const struct message *message, char out[NAME_BYTES]);

/* {"task_type", "assigned": [[seq, role]]} of a task; nulls in it if the trail knows no such task. Owned by the caller. 0 or an error as
 * trail_read. */
MUST_CHECK int handled_read(struct trail *trail, const char *task_id, json_t **out_task);

/* The role that a record of a failure (as record_json) is about: that of the clone it names, else of the one that had the task
 * last before it. NULL: none. Borrowed until the next call. */
const char *handled_role(const json_t *task, const json_t *row);

#endif
