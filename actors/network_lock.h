/* SPDX-License-Identifier: MIT
 *
 * The lock of a state folder: held while a network runs. It is an open file description lock, which guardian and supervisor share, so it
 * is free only when both are gone.
 */
#ifndef ACTORS_NETWORK_LOCK_H
#define ACTORS_NETWORK_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "actors/process.h"
#include "actors/state.h"

struct holder {
	pid_t pid; /* 0: unknown */
	uint64_t start_ticks;
};

/* The tag that every process of the folder's network carries; the same for every spelling of its path. */
void network_tag(const struct state_folder *state, char out_tag[TAG_BYTES]);

/* A descriptor of the lock's file, opened with `flags` besides, or -1. */
int network_lock_open(const struct state_folder *state, int flags);
bool network_lock_take(int fd);
bool network_lock_is_held(int fd);

/* Who holds it, as the holder itself wrote. */
void network_lock_sign(int fd);
struct holder network_lock_holder(int fd);

#endif
