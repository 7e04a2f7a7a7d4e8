/* SPDX-License-Identifier: MIT
 *
 * What only the outside world can give: clocks and random bytes, for the processes around the core.
 */
#ifndef ACTORS_FRESH_H
#define ACTORS_FRESH_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/message.h"

/* Milliseconds of CLOCK_BOOTTIME (also counts while the machine is asleep), and of UTC. */
uint64_t boottime_now_ms(void);
uint64_t wall_now_ms(void);

/* Cryptographically random; many small requests cost one system call together. Any thread. */
void random_fill(void *out, size_t bytes);

/* A new UUIDv7, and a random id that tells nothing about time (epochs, boot ids). */
struct id id_fresh(void);
struct id id_random(void);

#endif
