/* SPDX-License-Identifier: MIT
 *
 * A trail with three tasks, made by the test: one completed, one failed for good, one running.
 */
#ifndef TESTS_CLI_MADE_H
#define TESTS_CLI_MADE_H

#include "audit/trail.h"

#define DONE_ID    "01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d4e"
#define FAILED_ID  "01990b1e-5c1a-7c3e-9d52-8f6a1b2c3d5f"
#define RUNNING_ID "01990b1e-5c1a-7c3e-9d52-aaaabbbbcccc"

/* Where a trail that is being made stands: `trail`, and what the next record is about. */
struct maker {
	struct trail *trail;
	uint64_t seq; /* of the last record */
	uint64_t wall_ms;
	uint64_t number; /* of the task that records are about; 0: none */
	struct id task_id;
};

/* Appends `message` as one record, 250 ms after the one before. A payload it owns is stored. Fails the test if it cannot. */
void made_put(struct maker *maker, uint32_t direction, const char *peer, uint32_t attempt, uint32_t end_state,
	      struct message *message);

/* Writes PATH (a trail.db). Fails the test if it cannot. */
void made_trail(const char *path);

/* Changes one byte of the payload of the completed task's result, as somebody with an editor would. */
void made_damage(const char *path);

#endif
