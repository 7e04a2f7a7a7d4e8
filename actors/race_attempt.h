/* SPDX-License-Identifier: MIT
 *
 * One attempt at a race, as a process: the loop around the machine of races/race.h. It says what the machine wants done and tells it what came of it:
 * child tasks with lines on stdout and stdin (actors/clone_actor.h), the workspace and language models on threads of their own, time.
 *
 * Which child tasks there are follows from the race alone, so an attempt that is ended and started anew finds them again. What else must be the same in
 * all attempts of one race stands in STATE/races/RACE/judge.json: when it began, and what language models have said. STATE/races/RACE/context is for the
 * attempts of the race to read.
 *
 * SIGTERM ends the race: what it has come to is its result.
 */
#ifndef ACTORS_RACE_ATTEMPT_H
#define ACTORS_RACE_ATTEMPT_H

#include <jansson.h>

#define RACE_TASK_TYPE "race"

/* Takes the assignment over. Blocks until the race has ended. The exit status: 0 after a completion, 1 after a failure. */
int race_attempt_run(json_t *assignment);

#endif
