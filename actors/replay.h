/* SPDX-License-Identifier: MIT
 *
 * Every decision of a trail, made again: the recorded events go into a core of this program, and every record that comes out must be the
 * recorded one, byte for byte.
 *
 * An event is what reached the core: each received message with its sender, and Omega's own Boot, Presence, RoutesLoaded, TimerDue,
 * Snapshot, Delivered and Counted. All other records follow from one. Compared are the encoded header and facts and the columns seq, boot,
 * now_ms, direction, type, verdict, peer, message_id, task_id, task_number, attempt, sender_seq, payload_seq, end_state, revives,
 * key_hash and body_hash; the state in each Snapshot with that of the replayed core; and the sentences that Omega writes, if the same
 * version of the program wrote them. What the shell stamps is taken as recorded: in a sent message sender_seq, sent_at_ms (which must be the
 * record's wall_ms), masked, and Welcome's heartbeat_ms; what a StatusResponse says, and the sentence after an action that the shell
 * carried out itself, are not made again.
 *
 * A refusal may come from the core or from the shell before it. One that only the core gives is always decided again. Of the others,
 * what the shell checks is checked again from the record; if neither that nor the core gives the reason, it can only have been what no
 * trail holds (rights that were withdrawn, a payload that was erased, connections that were all taken): counted as `unproved`.
 *
 * A stretch begins with a Boot. One whose Boot names another OMEGA_CORE_VERSION is applied, not compared.
 */
#ifndef ACTORS_REPLAY_H
#define ACTORS_REPLAY_H

#include "audit/trail.h"
#include "routing/omega.h"

#define REPLAY_VALUE_BYTES 160u

/* One thing that is not as recorded; with another table, one thing that would have been decided otherwise. */
struct replay_difference {
	uint64_t seq; /* of the record; one after the last for what was not recorded at all */
	uint32_t type;
	struct id task_id;
	char peer[NAME_BYTES];
	char field[64];
	char recorded[REPLAY_VALUE_BYTES];
	char decided[REPLAY_VALUE_BYTES];
};

struct replay_options {
	struct omega_limits limits; /* of the core that decided; zero: those of Omega */
	uint64_t from_seq;          /* compared from the first event at or after it; 0: from the start */
	uint64_t through_seq;       /* to the end of the step that this record belongs to; 0: to the end */
	/* Another routing table, or NULL. Then each decision is also made with it, from the state as it was recorded, and what differs is told;
	 * the history goes on as recorded. */
	const struct table *other;
	void (*each)(void *context, const struct replay_difference *difference);
	/* Appends the payload that record `seq` owns; ERR_NOT_FOUND: it was erased. NULL: no payload is to be had, and none compared. */
	int (*payload)(void *context, uint64_t seq, struct buffer *buffer);
	void *context;
};

struct replay_counts {
	uint64_t first_seq, last_seq; /* compared */
	uint64_t applied;             /* records before first_seq, or of other cores */
	uint64_t applied_other;       /* of these, after first_seq: of other cores */
	uint64_t compared;
	uint64_t steps;
	uint64_t snapshots;      /* states compared */
	uint64_t snapshots_gone; /* whose payload was erased */
	uint64_t texts;          /* sentences compared */
	uint64_t texts_left;     /* erased, masked, written by another version of the program, or not made again */
	uint64_t refusals;       /* of these, decided again: */
	uint64_t unproved;
	uint64_t stretches;
	uint64_t stretches_other; /* of other core versions */
	uint64_t decisions;       /* made with the other table as well */
	uint64_t differences;
	uint64_t tasks; /* that the other table would have treated otherwise */
};

struct replay;

/* 0, ERR_MEMORY, ERR_SYSTEM. The options are copied; what they point to stays the caller's. */
MUST_CHECK int replay_new(const struct replay_options *options, struct replay **out_replay);
void replay_free(struct replay *replay); /* takes NULL */

/* For a trail that is not read from its first record: the last Boot before the Snapshot that is taken first. */
MUST_CHECK int replay_life(struct replay *replay, const struct trail_entry *boot);

/* The next record, in order of seq; the first one is record 1, or a Snapshot read with its payload. Returns 0; ERR_CONFLICT: it is not what
 * the core decides, `each` was told, and nothing more can be taken; ERR_CORRUPT: it cannot be read or does not follow, replay_why says
 * so; ERR_MEMORY, ERR_IO. */
MUST_CHECK int replay_take(struct replay *replay, const struct trail_entry *entry);

/* After the last record. Returns as replay_take. */
MUST_CHECK int replay_finish(struct replay *replay);

const struct replay_counts *replay_counted(const struct replay *replay);
const char *replay_why(const struct replay *replay);

/* All of it over a trail, from the nearest Snapshot that can be used at or before from_seq; `payload` of the options is not looked at. Returns as
 * replay_take, and errors of trail_read; `out_why` says more. */
MUST_CHECK int replay_trail(struct trail *trail, const struct replay_options *options, struct replay_counts *out_counts,
			    char out_why[256]);

#endif
