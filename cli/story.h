/* SPDX-License-Identifier: MIT
 *
 * Records of the trail as people read them: one record as JSON, and the records of one task folded into what became of it.
 */
#ifndef CLI_STORY_H
#define CLI_STORY_H

#include <jansson.h>

#include "audit/trail.h"
#include "protocol/message.h"

/* The message of a record, checked and decoded with its payload. Text borrows from `buffer`, which is emptied first.
 * 0; ERR_CORRUPT if the stored bytes are no message. */
MUST_CHECK int record_message(const struct trail_entry *entry, struct buffer *buffer, struct message *out_message);

/* {"seq", "at", "direction": in|out|own, "peer", "type", "verdict", "task_id", "attempt", "note"}, "masked" if something was masked in it, and with `whole` also
 * "payload_seq", "payload": stored|erased|none, "chain" and "message". Owned by the caller; never NULL. */
json_t *record_json(const struct trail_entry *entry, bool whole);

/* Record `seq` as record_json has it with `whole`, and "erased_at" and "erased_by" if its payload was erased. Owned by the caller. 0, ERR_NOT_FOUND, ERR_IO, ERR_CORRUPT, ERR_MEMORY. */
MUST_CHECK int record_fetch(struct trail *trail, uint64_t seq, json_t **out_record);

/* One line about what a record says, besides its type. */
void record_note(const struct trail_entry *entry, const struct message *message, char *out, size_t bytes);

/* What became of a ref: "project-1a2b3c4d refs/heads/main: 0123456789ab -> ba9876543210 (version 3)". */
void record_change(const struct ref_changed *change, char *out, size_t bytes);

struct story {
	struct id id;
	char task_type[TASK_TYPE_BYTES];
	char client[NAME_BYTES];
	char clone[NAME_BYTES]; /* of the last attempt */
	uint32_t state;
	uint32_t priority;
	uint32_t attempts;
	uint32_t code; /* what the last attempt, or the task, failed with */
	uint32_t permille;
	uint32_t masked; /* places in what was said to Omega where a secret was overwritten */
	bool escalated;
	uint64_t request_seq;
	uint64_t outcome_seq; /* of the message that says how it ended; 0: none */
	uint64_t accepted_ms; /* UTC */
	uint64_t ended_ms;    /* 0: live */
	uint64_t erased_seq;  /* record because of which its texts are gone; 0: they are there. Only of story_read */
	uint64_t erased_ms;   /* 0 also where that record is not in this trail, which is a backup */
};

/* Takes the next record of the task into account. */
void story_take(struct story *story, const struct trail_entry *entry, const struct message *message);

/* Folds all records of a task. 0, ERR_NOT_FOUND, ERR_IO, ERR_CORRUPT, ERR_MEMORY. */
MUST_CHECK int story_read(struct trail *trail, const struct id *task_id, struct story *out_story);

/* {"task_id", "task_type", "state", "priority", "client", "clone", "attempts", "error", "done_permille", "escalated", "accepted_at",
 * "ended_at", "erased_at", "erased_by", "masked", "took_ms"}. Owned by the caller. */
json_t *story_json(const struct story *story);

#endif
