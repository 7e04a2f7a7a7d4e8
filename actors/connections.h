/* SPDX-License-Identifier: MIT
 *
 * Who is connected to Omega: one entry per ROUTER connection, found by its routing id or by the name it was granted.
 */
#ifndef ACTORS_CONNECTIONS_H
#define ACTORS_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "actors/keys.h"
#include "actors/omega_actor.h"
#include "protocol/message.h"
#include "routing/omega.h"

#define ROUTING_BYTES    16u
#define STRANGERS_MAX    64u /* connections that have not been taken in, remembered to be answered */
#define BUCKETS          2048u
#define CONNECTION_SLOTS (CONNECTIONS_MAX + STRANGERS_MAX + 1u)

/* Messages of one batch for one connection, as indexes into the outbox; 0: none. */
struct chain {
	uint32_t first;
	uint32_t last;
};

/* One attempt that the connection's clone runs, for pacing its progress. */
struct pace {
	struct id lease;
	uint64_t passed_ms;
	uint32_t every_ms;
	bool waiting;
};

struct waiting_frame {
	struct waiting_frame *next;
	size_t bytes;
	uint8_t data[];
};

struct connection {
	bool used;
	bool joined; /* Hello was answered by Welcome */
	uint8_t routing[ROUTING_BYTES];
	uint8_t routing_bytes;
	char peer[NAME_BYTES]; /* as granted; of a stranger what it wants to be, or the name of its key */
	char public_key[KEY_TEXT_BYTES];
	uint32_t rights; /* what key and role allow, as of rights_generation */
	uint64_t rights_generation;
	uint32_t role_rights; /* what its role in Hello allows at most */
	uint32_t next_by_routing, next_by_name, next_free;

	uint64_t seq_in;    /* highest number taken from the peer */
	uint64_t seq_whole; /* up to here no number is missing */
	uint64_t seq_out;   /* last number given to what Omega says */
	uint64_t durable;   /* seq_whole, as far as it is on the disk */
	uint64_t durable_said;
	uint64_t through[2]; /* seq_whole when the batch was closed */
	struct chain chain[2];
	bool touched[2];

	uint64_t heard_ms; /* boottime */
	uint64_t said_ms;
	enum presence presence;
	uint32_t load_step;
	uint32_t slots_free;

	uint64_t acknowledged; /* what the peer says it has processed */
	uint64_t *outcome;     /* sequence numbers of outcomes that it has not acknowledged: a ring */
	uint32_t outcome_max;  /* power of two, or 0 */
	uint32_t outcome_first, outcome_next;
	bool delivery_due; /* acknowledged more than is recorded */
	bool leaving;      /* said Goodbye: forgotten once it has heard that this is durable */
	bool unreachable;  /* a send found nobody; it is forgotten at the next turn */
	bool ack_due;      /* in the list of those whose durable_through is to be said soon */

	uint32_t heartbeats;        /* not recorded one by one, since the last count */
	uint32_t dropped;           /* progress that came too fast */
	uint32_t refused_uncounted; /* refusals beyond the limit */
	uint32_t refused_code;
	uint64_t refusal_window_ms;
	uint32_t refusals; /* in this window */

	struct waiting_frame *backlog_first, *backlog_last;
	size_t backlog_bytes;
	struct pace *pace; /* SLOTS_MAX of them once it is a clone */
	uint32_t pace_count;
};

#define OUTCOMES_WAITING_MAX 131072u

struct connections {
	struct connection *slot; /* [1 … CONNECTION_SLOTS - 1] */
	uint32_t by_routing[BUCKETS];
	uint32_t by_name[BUCKETS];
	uint32_t free;
	uint32_t high;
	uint32_t joined_count;
	uint32_t stranger_count;
	uint32_t backlogged; /* connections with frames waiting */
};

MUST_CHECK int connections_init(struct connections *connections);
void connections_release(struct connections *connections);

/* By routing id; 0: none. */
uint32_t connection_find(const struct connections *connections, const uint8_t *routing, size_t routing_bytes);
/* By granted name, only those that have joined; 0: none. */
uint32_t connection_named(const struct connections *connections, const char *peer);

/* A new entry for a stranger; the least recently heard stranger makes room. 0: out of memory. */
uint32_t connection_add(struct connections *connections, const uint8_t *routing, size_t routing_bytes, uint64_t now_ms);
/* Enters the name; an older connection of that name is forgotten. */
void connection_join(struct connections *connections, uint32_t index);
/* A stranger again, and all that belongs to the old epoch is gone; what was held back for it too. */
void connection_renew(struct connections *connections, uint32_t index);
void connection_forget(struct connections *connections, uint32_t index);

/* Outcomes on their way to the peer, and how many of them an acknowledgement covers. */
void outcome_sent(struct connection *connection, uint64_t seq);
uint32_t outcomes_covered(struct connection *connection, uint64_t through);

/* Progress under a lease: the first is let through and begins a pace, what then comes too soon is only counted. */
bool pace_known(struct connection *connection, const struct id *lease);
bool pace_allows(struct connection *connection, const struct id *lease, bool waiting, uint64_t now_ms);
void pace_begin(struct connection *connection, const struct id *lease, bool waiting, uint32_t heartbeat_ms, uint64_t now_ms);
void pace_end(struct connection *connection, const struct id *lease);

#endif
