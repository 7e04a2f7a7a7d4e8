/* SPDX-License-Identifier: MIT
 *
 * A small world around the core, driven by one seed in virtual time: clients that repeat themselves, clones that die, hang and
 * lie, connections that break and frames that come twice, an operator, and an Omega that is killed between any two effects.
 *
 * First phase: faults everywhere, and every promise of watch.h holds. Second phase: everything heals, and every accepted task
 * comes to its end and every client hears of it.
 */
#ifndef TESTS_CORE_WORLD_H
#define TESTS_CORE_WORLD_H

#include <stdint.h>

struct tally {
	uint64_t seeds;
	uint64_t records;
	uint64_t tasks;
	uint64_t kills;  /* of Omega */
	uint64_t deaths; /* of clones */
	uint64_t lies;
	uint64_t breaks;  /* of connections */
	uint64_t doubles; /* frames that came twice */
	uint64_t revived;
	uint64_t superseded; /* answers that came too late, or were lies */
	uint64_t lost;       /* attempts */
	uint64_t retried;
	uint64_t cancelled;
	uint64_t refused; /* for overload */
	uint64_t children;
};

/* Called at the end of each world, if set, with everything it has recorded. */
struct twin;
extern void (*world_ended)(const struct twin *twin);

/* Runs one seed; adds to the tally. Fails the running test, and says what is broken, if a promise is. */
void world_run(uint64_t seed, struct tally *tally);

#endif
