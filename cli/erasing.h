/* SPDX-License-Identifier: MIT
 *
 * What is to be erased, before it is: a task with the tasks below it, or what is old; and whether the person means it.
 */
#ifndef CLI_ERASING_H
#define CLI_ERASING_H

#include "actors/eraser.h"
#include "cli/command.h"

#define ERASE_TIMEOUT_MS 600000u /* for each answer: Omega looks through all texts for artefacts that are named elsewhere */

struct doomed {
	struct id id;
	uint64_t number;
	uint64_t erased_seq; /* of the Erased record that took its request's text; 0: none */
	uint64_t erased_ms;
	bool live;
	struct erase_plan plan;
	uint32_t artefacts;
};

struct doomed_tree {
	struct doomed *task; /* the one that was named first, and each before those below it */
	size_t count;
	size_t capacity;
	uint64_t payloads;
	uint64_t bytes;
	uint64_t artefacts;
};

/* The task and all below it, with what would go. 0 or an error with trail_why. */
MUST_CHECK int doomed_read(struct trail *trail, const struct state_folder *state, const struct id *task_id,
			   struct doomed_tree *out_tree);
void doomed_release(struct doomed_tree *tree);

/* The Erased record of a task: the last that names it, else one by age. 0; ERR_NOT_FOUND; else as trail_read. */
MUST_CHECK int doomed_claim(struct trail *trail, const struct doomed *doomed, struct erased_claim *out_claim);

/* Asks on the terminal unless --yes was given. 0 if it is to be done, else an exit code after saying why not. */
MUST_CHECK int erasing_confirm(const struct call *call, const char *what);

/* "3 texts of 4711 bytes, 1 artefact" */
void erasing_print(uint64_t payloads, uint64_t bytes, uint64_t artefacts, char out[128]);

/* "erased on 2026-11-21 (record 4711)", in local time; for what stands where a text was. */
#define ERASED_TEXT_BYTES 96u
void erased_print(uint64_t wall_ms, uint64_t seq, char out[ERASED_TEXT_BYTES]);

/* When and by which record the payload of `entry` was erased. 0; ERR_NOT_FOUND: it was not; else as erase_covering. */
MUST_CHECK int erased_find(struct trail *trail, const struct trail_entry *entry, uint64_t *out_seq, uint64_t *out_ms);

#endif
