/* SPDX-License-Identifier: MIT
 *
 * Payloads of recent records, found by their sequence number, so that forwarding a message seldom reads the trail. The oldest make
 * room for new ones.
 */
#ifndef ACTORS_PAYLOADS_H
#define ACTORS_PAYLOADS_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/message.h"

struct payload_place {
	uint64_t seq;
	uint32_t offset;
	uint32_t bytes;
	uint32_t masked; /* places with a secret that was overwritten */
};

/* Two rings: one of bytes, one of places in ascending order of seq. Zero it before payloads_init. */
struct payloads {
	uint8_t *bytes;
	uint32_t capacity;
	uint32_t end; /* where the next one is written */
	struct payload_place *place;
	uint32_t place_max;   /* power of two */
	uint64_t first, next; /* places [first, next), modulo place_max */
};

/* 0 or ERR_MEMORY. Memory that is never written costs nothing. */
MUST_CHECK int payloads_init(struct payloads *payloads, uint32_t capacity_bytes);
void payloads_release(struct payloads *payloads);

/* Copies. `seq` must be larger than any before. What is larger than a quarter of the whole is left out. */
void payloads_add(struct payloads *payloads, uint64_t seq, struct bytes payload, uint32_t masked);

/* Nothing is here any more, and nothing of it in memory. */
void payloads_clear(struct payloads *payloads);

/* Borrowed until the next payloads_add; at NULL: not here. */
struct bytes payloads_find(const struct payloads *payloads, uint64_t seq);
/* False: not here. */
bool payloads_masked(const struct payloads *payloads, uint64_t seq, uint32_t *out_masked);

#endif
