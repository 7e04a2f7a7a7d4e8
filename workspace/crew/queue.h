/* SPDX-License-Identifier: MIT
 *
 * A bounded queue that any thread may write to and one reads (after D. Vyukov's bounded queue: each slot's turn says whose it is).
 */
#ifndef WORKSPACE_CREW_QUEUE_H
#define WORKSPACE_CREW_QUEUE_H

#include "workspace/crew/row.h"

struct queue {
	struct slot *slots;
	uint32_t mask;
	alignas(LINE_BYTES) _Atomic uint32_t tail;
	alignas(LINE_BYTES) _Atomic uint32_t head; /* written by the reader */
};

/* `size` is a power of two. 0 or ERR_MEMORY. */
MUST_CHECK int queue_init(struct queue *queue, uint32_t size);
void queue_release(struct queue *queue);

/* Leave `spare` slots free; ERR_OVERLOADED if that cannot be. */
MUST_CHECK int queue_put(struct queue *queue, uint32_t spare, uint32_t to, const struct crew_message *message);
bool queue_has_room(struct queue *queue, uint32_t spare);

/* The reader: the next full slot or NULL; it stays as it is until queue_give_back. */
struct slot *queue_next(struct queue *queue);
void queue_give_back(struct queue *queue);

#endif
