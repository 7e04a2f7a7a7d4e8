/* SPDX-License-Identifier: MIT
 *
 * Epochs: when nobody can be looking at a piece of memory any more, and when nobody is inside at all.
 *
 * Whoever works is inside and has written down the number of the epoch that he saw when he came in. The number goes up only when all that
 * are inside have written down the present one. So who was inside when something was taken out of sight has left once the number
 * has gone up twice (Fraser, "Practical lock-freedom", 2004, 5.2.3).
 */
#ifndef WORKSPACE_STORE_EPOCH_H
#define WORKSPACE_STORE_EPOCH_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/error.h"

#define EPOCH_PLACES 1024u
#define EPOCH_LINE   64u /* bytes that processors take from one another at once */

struct epoch_place {
	_Atomic uint64_t seen; /* 0: outside */
	uint8_t line[EPOCH_LINE - 8];
};

struct epoch {
	_Atomic uint64_t now; /* from 1 */
	uint8_t line[EPOCH_LINE - 8];
	struct epoch_place places[EPOCH_PLACES];
	_Atomic bool is_closed; /* whoever wants in has to wait */
	_Atomic uint32_t high;  /* places that were ever taken */
	bool taken[EPOCH_PLACES];
	uint32_t waiting; /* for it to be opened */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
};

MUST_CHECK int epoch_init(struct epoch *epoch); /* on zeroed memory; ERR_SYSTEM */
void epoch_release(struct epoch *epoch);

/* A place for one who will come in and go out. ERR_FULL if EPOCH_PLACES have one. */
MUST_CHECK int epoch_join(struct epoch *epoch, struct epoch_place **out_place);
void epoch_leave(struct epoch *epoch, struct epoch_place *place);

/* Waits while it is closed. */
void epoch_enter(struct epoch *epoch, struct epoch_place *place);
void epoch_exit(struct epoch *epoch, struct epoch_place *place);

/* Go on to the next one, if everybody inside has seen this one. */
void epoch_advance(struct epoch *epoch);

/* Close, and wait until nobody is inside; who has waited for the last opening comes in before. One at a time; the caller is outside. */
void epoch_close(struct epoch *epoch);
void epoch_open(struct epoch *epoch);

#endif
