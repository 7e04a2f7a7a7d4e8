/* SPDX-License-Identifier: MIT
 *
 * A made-up history: records as a network leaves them in its trail, all that the trail knows how to treat among them. The same seed
 * gives the same records.
 */
#ifndef SELFTEST_HISTORY_H
#define SELFTEST_HISTORY_H

#include "audit/trail.h"

#define HISTORY_LIVE          6u
#define HISTORY_DONE          16u
#define HISTORY_PAYLOAD_BYTES 24576u

struct history_task {
	uint64_t number; /* 0: none */
	uint32_t stage;
	bool failed;
	uint64_t request_payload;
	uint64_t result_payload;
};

/* Can be copied, to go back to where it was. */
struct history {
	uint64_t random;
	uint64_t next_seq;
	struct history_task live[HISTORY_LIVE];
	uint64_t done[HISTORY_DONE]; /* tasks that ended for good and were not erased, oldest first */
	uint32_t done_count;
};

/* Where the bytes of one record stand. */
struct history_room {
	struct buffer header;
	struct buffer facts;
	uint8_t payload[HISTORY_PAYLOAD_BYTES];
};

void history_init(struct history *history, uint64_t seed);

/* The next record; `large`: its payload, if it owns one, is of several pages. Its bytes are in `room` until the next call. 0 or ERR_MEMORY. */
MUST_CHECK int history_next(struct history *history, bool large, struct history_room *room, struct trail_entry *out_entry);

/* The record that erases the task that ended first; by age, all that can go. ERR_NOT_FOUND: none has ended; ERR_MEMORY. */
MUST_CHECK int history_erase(struct history *history, bool by_age, struct history_room *room, struct trail_entry *out_entry);

void history_room_release(struct history_room *room);

#endif
