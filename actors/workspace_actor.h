/* SPDX-License-Identifier: MIT
 *
 * The workspace as a process: it owns the stores of all repositories (depot.h), answers requests of this user's processes at a socket
 * (workspace_verbs.def), and tells Omega of every change of a ref.
 *
 * A change is answered when the store's journal is on the disk and Omega has said that the record is too. While Omega is away a request waits
 * for as long as it asked to; then it hears that the change stands and is told later, as it is, also after a restart of this process.
 */
#ifndef ACTORS_WORKSPACE_ACTOR_H
#define ACTORS_WORKSPACE_ACTOR_H

#include <stdint.h>

struct workspace_actor_options {
	const char *state_folder;
	uint64_t memory_max_bytes; /* 0: half of the machine's */
	uint64_t idle_ms;          /* after which a store is closed; 0: ten minutes */
	int ready_fd;              /* gets "ready\n" when it listens and has joined Omega; -1: nobody waits for it */
};

/* Runs until SIGTERM or SIGINT. Returns the exit code. */
int workspace_main(const struct workspace_actor_options *options);

#endif
