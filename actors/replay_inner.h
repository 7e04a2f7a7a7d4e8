/* SPDX-License-Identifier: MIT
 *
 * What the files of the replay share: replay.c takes records and compares, replay_verdict.c finds out who refused, replay_field.c tells
 * differences, replay_other.c asks another table, replay_trail.c reads.
 */
#ifndef ACTORS_REPLAY_INNER_H
#define ACTORS_REPLAY_INNER_H

#include "actors/entry.h"
#include "actors/replay.h"

struct shell;

/* The records of one step as they stand in the trail. */
struct group {
	struct trail_entry
		entry[STEP_RECORDS_MAX + 1]; /* one more than can be decided is a difference; further ones are not kept */
	size_t at[STEP_RECORDS_MAX + 1];     /* header and facts of each, in `bytes` */
	size_t count;
	struct buffer bytes;
};

#define TOLD_SLOTS 262144u /* half of it tasks that another table would treat otherwise, each counted once; a power of two */

struct replay {
	struct replay_options options;
	int memory_fd;
	void *memory; /* of the core, shared with memory_fd */
	void *copy;   /* the same pages, copied when written to */
	size_t memory_bytes;
	struct omega *omega;
	struct records *decided;
	struct records *supposed; /* on the copy */
	struct shell *shell;      /* nothing but what text.c looks at */
	struct group group;
	struct buffer event_bytes, recorded_bytes, header, facts, payload, body, state;
	struct id boot;
	bool comparing;    /* this stretch is decided by our core version */
	bool own_texts;    /* and by our version of the program */
	bool begun;        /* from_seq was reached */
	bool over;         /* through_seq was passed */
	bool after_action; /* the record before is an operator's */
	/* For another table. */
	bool asked_other;        /* in this step */
	struct omega *supposing; /* the copy that has decided with it */
	uint8_t *other_bytes;
	uint64_t *told; /* the random half of their ids: open addressing */
	uint32_t told_count;
	struct replay_counts counts;
	char why[256];
};

/* A core in the same state that can be used up, until the next call. */
struct omega *replay_copy(struct replay *replay);

/* The verdict that the shell handed in with a recorded message. */
uint32_t replay_verdict(struct replay *replay, const struct event *event, const struct trail_entry *entry);

/* replay_field.c */
void replay_tell(struct replay *replay, const struct trail_entry *entry, const char *field, const char *recorded,
		 const char *decided);
void replay_tell_number(struct replay *replay, const struct trail_entry *entry, const char *field, uint64_t recorded,
			uint64_t decided);
/* Every field in which a recorded row differs from the decided one. */
int replay_tell_row(struct replay *replay, const struct trail_entry *recorded, const struct trail_entry *decided);
void record_sketch(uint32_t direction, uint32_t type, const char *peer, char out[REPLAY_VALUE_BYTES]);

/* replay_other.c: before the event is decided, and after. */
MUST_CHECK int replay_suppose(struct replay *replay, const struct event *event);
void replay_compare_fates(struct replay *replay);

#endif
