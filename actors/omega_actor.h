/* SPDX-License-Identifier: MIT
 *
 * Omega as a process: the shell around the pure core. It receives frames, has the core decide, has every record committed, and
 * only then sends what was decided.
 *
 * One thread owns the ROUTER socket and the core, one (audit/writer.h) owns SQLite, one answers ZAP. What waits for a commit
 * and what waits for a slow peer is bounded by the constants below; a send never blocks.
 */
#ifndef ACTORS_OMEGA_ACTOR_H
#define ACTORS_OMEGA_ACTOR_H

#include <stdint.h>

#include "protocol/error.h"

#define CONNECTIONS_MAX     1024u   /* peers taken in at once; the next Hello is refused as overloaded */
#define TASKS_MAX           262144u /* live tasks that the core has room for */
#define RECENT_MAX          16384u  /* ended ones it remembers; more than can end in two batches, which SQLite may not show yet */
#define BACKLOG_BYTES_MAX   (4u << 20)  /* frames waiting for one slow peer; beyond it the connection is forgotten */
#define PAYLOAD_CACHE_BYTES (32u << 20) /* payloads kept in memory to be forwarded; older ones are read from the trail */
#define SNAPSHOT_RECORDS    200000u     /* records between two snapshots */
#define REFUSALS_PER_SECOND 16u         /* answered and recorded one by one, per peer; the rest is counted */
#define LATE_HEARTBEATS     3u          /* a peer silent for this many heartbeats is late, */
#define LOST_HEARTBEATS     6u          /* and for this many, lost */

struct omega_options {
	const char *state_folder; /* as state_open of actors/state.h takes it */
	const char *routing_file; /* routing.conf */
	const char *endpoint;     /* NULL: as routing.conf says, else ipc in the state folder */
	int ready_fd;             /* gets the line "ready\n" once messages are taken; -1: nobody waits for it */
};

/* Runs Omega until SIGTERM or SIGINT, and returns the exit code: 0 after a clean stop, else as errors.def says, with a
 * sentence on stderr. SIGHUP loads routing.conf again. Blocks these signals for the calling thread and those it starts. */
int omega_main(const struct omega_options *options);

#endif
