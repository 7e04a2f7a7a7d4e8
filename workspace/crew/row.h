/* SPDX-License-Identifier: MIT
 *
 * Rows of messages between two threads, one of which writes and the other reads.
 *
 * A slot is a cache line that says itself whether it is full, so a message that is handed over moves one line and no index. The writer looks
 * how far the reader is only when it believes that the row is full. (Lamport, "Proving the correctness
 * of multiprocess programs", 1977; Giacomoni et al., "FastForward", 2008.)
 */
#ifndef WORKSPACE_CREW_ROW_H
#define WORKSPACE_CREW_ROW_H

#include <stdalign.h>
#include <stdatomic.h>

#include "workspace/crew/crew.h"

#define LINE_BYTES 64

struct slot {
	_Atomic uint32_t turn; /* position + 1 when it is full */
	uint32_t to;           /* the number of an actor, or a CONTROL_… */
	struct crew_message message;
};
_Static_assert(sizeof(struct slot) == LINE_BYTES, "a message is one cache line");

struct row {
	struct slot *slots;
	uint32_t mask;
	alignas(LINE_BYTES) uint32_t tail; /* the writer's */
	uint32_t head_seen;
	alignas(LINE_BYTES) _Atomic uint32_t head; /* what the reader has given back */
	uint32_t next;                             /* the reader's: where it is */
};

/* The writer: are there more than `spare` free slots? */
static inline bool row_has_room(struct row *row, uint32_t spare)
{
	if (row->mask + 1 - (row->tail - row->head_seen) > spare)
		return true;
	row->head_seen = atomic_load_explicit(&row->head, memory_order_acquire);
	return row->mask + 1 - (row->tail - row->head_seen) > spare;
}

/* What the crew says of a message, beside what its sender wrote. */
struct envelope {
	struct crew_address from;
	uint32_t to;
	uint32_t question;
	enum crew_role role;
};

/* Field by field: what was just written in small pieces would have to be waited for before it can be read in large ones. */
static inline void slot_fill(struct slot *slot, const struct envelope *envelope, const struct crew_message *message)
{
	slot->to = envelope->to;
	slot->message.from = envelope->from;
	slot->message.question = envelope->question;
	slot->message.kind = message->kind;
	slot->message.role = (uint16_t)envelope->role;
	for (unsigned i = 0; i < CREW_BODY_BYTES / 8; i++)
		slot->message.body.words[i] = message->body.words[i];
}

/* The writer; there is room. */
static inline void row_put(struct row *row, const struct envelope *envelope, const struct crew_message *message)
{
	struct slot *slot = &row->slots[row->tail & row->mask];

	slot_fill(slot, envelope, message);
	atomic_store_explicit(&slot->turn, ++row->tail, memory_order_release);
}

/* The reader: copy what comes next and give its place back. False if there is nothing. */
static inline bool row_take(struct row *row, struct slot *out_slot)
{
	struct slot *slot = &row->slots[row->next & row->mask];

	if (atomic_load_explicit(&slot->turn, memory_order_acquire) != row->next + 1)
		return false;
	out_slot->to = slot->to;
	out_slot->message = slot->message;
	atomic_store_explicit(&row->head, ++row->next, memory_order_release);
	return true;
}

static inline bool row_is_empty(const struct row *row)
{
	const struct slot *slot = &row->slots[row->next & row->mask];

	return atomic_load_explicit(&slot->turn, memory_order_acquire) != row->next + 1;
}

#endif
