/* SPDX-License-Identifier: MIT
 *
 * What the tests of crews share: a crew as a test wants it, and counters that a test can wait for.
 */
#ifndef TESTS_WORKSPACE_CREW_HELPERS_H
#define TESTS_WORKSPACE_CREW_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workspace/crew/crew.h"

/* Workers: two unless said otherwise, with whatever else a test needs. */
struct crew *crew_make(struct crew_options options);

/* Start; the test fails if it cannot. */
struct crew_address actor_make(struct crew *crew, uint32_t worker, crew_handle *handle, void *state);

/* Post until there is room. */
void post_surely(struct crew *crew, struct crew_address to, uint16_t kind, uint64_t word);

struct crew_message words(uint16_t kind, uint64_t first, uint64_t second);

/* Wait for the next message of a guest, 60 seconds at most, then the test fails. */
struct crew_message guest_next(struct crew_guest *guest);

#endif
