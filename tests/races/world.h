/* SPDX-License-Identifier: MIT
 *
 * A world for races: agents, specialists and a workspace that do what a scenario says, in an order that a seed gives.
 *
 * A scenario is a JSON object:
 *   title       what it shows
 *   parameters  of the race; repo, commit, prompt and branch may be left out
 *   begun       of RACE_BEGUN
 *   base        what the specialists say of the base: {"cases": {NAME: VERDICT}, "whole", "findings": [[FINGERPRINT, SEVERITY, PATH]], "cycles": [[MODULE]], "status"}
 *   tries       "LABEL/N" to what comes of that try: {"hand": COMMIT} or {"class"}, {"state", "code"}, {"raw": OUTCOME}; with tokens, cost, ms, claim, ok, kept, retry_after_ms; or "hang"
 *   commits     COMMIT to what is true of it: as base, and {"paths": {PATH: [ADDED, REMOVED]}, "removed": PATH, "hidden", "patch", "checks": {NAME: STATE}, "tree", "failed": [SPECIALIST], "coverage"}
 *   merge       {"tip": COMMIT, "conflict": true, "moves": N, "tree": COMMIT}: where the branch stands, whether merging conflicts, how often it moves first
 *   model       what a language model answers
 *   stop        after so many events the race is stopped
 *   expect      what is to come of it (see check_end)
 */
#ifndef TESTS_RACES_WORLD_H
#define TESTS_RACES_WORLD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "races/race.h"

#define WORLD_PENDING_MAX 256u

struct pending {
	char key[RACE_KEY_BYTES];
	enum race_event_kind kind;
	json_t *json;
};

struct world {
	json_t *scenario;
	struct race *race;
	uint64_t seed; /* 0: in the order in which things were asked */
	uint64_t now_ms, wake_ms;
	struct pending pending[WORLD_PENDING_MAX];
	size_t pending_count;
	json_t *asked;     /* key to request, of all requests and workspace calls */
	json_t *cancelled; /* key to reason */
	json_t *end;       /* of RACE_END */
	json_t *refs;      /* of the workspace: name to id; it outlives a judge */
	json_t *made;      /* by combine: id to parents */
	unsigned moves, events;
	size_t open_most, tries_most; /* at once */
	FILE *transcript;             /* or NULL */
};

/* Runs to the end, or through `events_max` events (0: all). The scenario is borrowed. */
void world_init(struct world *world, json_t *scenario, uint64_t seed);
void world_run(struct world *world, unsigned events_max);

/* Ends the judge and starts it anew, as after a crash: what was asked is known by its key, and what came of it is told again. */
void world_restart(struct world *world);
void world_release(struct world *world);

json_t *world_result(const struct world *world); /* borrowed */

#endif
