/* SPDX-License-Identifier: MIT
 *
 * The whole story of one task, told so that a stranger can follow it from top to bottom: who asked, by which route it went where, what each
 * attempt came to, who stepped in, how it ended and what is left as evidence.
 */
#ifndef CLI_TALE_H
#define CLI_TALE_H

#include <jansson.h>

#include "cli/sentence.h"
#include "cli/story.h"
#include "routing/table.h"

/* {"task": as story_json, "asked_by", "parameters", "routes", "attempts", "events", "evidence", "parent", "children", "interventions", "texts",
 * "sealed"}; docs/cli.md has the shapes. Owned by the caller. 0, ERR_NOT_FOUND, ERR_IO, ERR_CORRUPT, ERR_MEMORY. */
MUST_CHECK int tale_read(struct trail *trail, const struct id *task_id, json_t **out_tale);

/* ---- its parts ---- */

/* The table that an attempt was assigned by, as far as it is about this task. */
struct tale_route {
	uint32_t version;
	uint64_t seq;
	char who[NAME_BYTES];
	struct route route; /* without destinations if the table had no such route */
};

struct tale {
	struct story story;
	uint64_t first_ms;
	uint64_t last_seq;
	struct tale_route *routes;
	size_t route_count;
	uint32_t destination; /* where the task goes on, as last decided */
	uint64_t repeated;    /* records that only hand on what another one says */
	struct id parent;
	json_t *parameters;
	json_t *events;
	json_t *attempts;
	json_t *evidence;
	json_t *interventions;
	json_t *texts; /* erased ones */
};

/* Tells one record of the task: adds what it means to events, attempts, interventions. */
void tale_tell(struct tale *tale, const struct trail_entry *entry, const struct message *message);

/* Adds artefacts, runs and verdicts of an attempt's answer to evidence. */
void tale_prove(struct tale *tale, const struct trail_entry *entry, const struct message *message);

/* ---- shared by tale*.c ---- */

/* Ends a sentence, and frees it: an event of the kind `what`, by `who`. */
void tale_event(struct tale *tale, const struct trail_entry *entry, const char *who, const char *what, struct sentence *sentence);
json_t *tale_at(const struct trail_entry *entry);
void tale_attempt_note(struct tale *tale, uint32_t number, const char *name, json_t *value); /* takes the value over */
/* The first end counts. `code`: what it failed with, or 0. */
void tale_attempt_end(struct tale *tale, const struct trail_entry *entry, uint32_t number, const char *result, uint32_t code);

void tale_tell_in(struct tale *tale, const struct trail_entry *entry, const struct message *message);
void tale_tell_out(struct tale *tale, const struct trail_entry *entry, const struct message *message);
void tale_tell_own(struct tale *tale, const struct trail_entry *entry, const struct message *message);
void tale_tell_plea(struct tale *tale, const struct trail_entry *entry, const struct error_escalation *facts);
void tale_tell_cancel(struct tale *tale, const struct trail_entry *entry, const struct task_cancel *facts);

#endif
