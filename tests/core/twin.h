/* SPDX-License-Identifier: MIT
 *
 * A core under test with its shadow: every record it returns is encoded as the trail would keep it, decoded again and applied to a
 * second core, which must then be in the same state, byte for byte. The records are kept, so that a restart can be played.
 */
#ifndef TESTS_CORE_TWIN_H
#define TESTS_CORE_TWIN_H

#include "protocol/codec.h"
#include "routing/omega.h"

struct kept {
	struct record record; /* its message is only the type; the rest is in the bytes */
	struct buffer header;
	struct buffer facts;
	struct buffer state; /* of a Snapshot */
};

struct twin {
	struct omega_limits limits;
	struct omega *live;
	void *live_memory;
	struct omega *shadow;
	void *shadow_memory;
	struct kept *kept;
	size_t kept_count;
	size_t kept_capacity;
	size_t committed; /* records that a crash would find */
	uint64_t now_ms;
	bool compare; /* after every step; costs time */
};

void twin_init(struct twin *twin, const struct omega_limits *limits);
void twin_release(struct twin *twin);

/* One step; keeps the records, applies them to the shadow, checks the invariants. Returns omega_step's result. */
int twin_step(struct twin *twin, const struct event *event, struct records *out_records);

/* Everything kept so far survives a crash from now on. */
void twin_commit(struct twin *twin);

/* Omega dies and starts again from what was committed: the last snapshot, and what follows. */
void twin_restart(struct twin *twin);

/* A Snapshot record of the state now. */
void twin_snapshot(struct twin *twin, struct records *out_records);

/* Fails the test if the state rebuilt from the records differs from the live one. */
void twin_compare(struct twin *twin);

/* Reads a kept record back; text borrows from it. */
struct record twin_read(const struct kept *kept);

#endif
